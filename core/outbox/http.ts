/** HTTP answers as receipts of a delivery. */
import type { DestinationHost } from '../destination.ts'
import type { Receipt } from '../plugin.ts'
import type { Policy } from './connections.ts'
import { SendError } from './failure.ts'
import { type Answer, createClient } from './request.ts'
import { retryAfter } from './retryAfter.ts'

/** The client that a destination is lent: it goes only where the policy lets it. */
export function receiptClient(policy: Policy, now: () => number): ReturnType<DestinationHost['http']> {
  const { send, close } = createClient(policy)
  return {
    send: request =>
      send(request).then(
        answer => receiptOf(answer, now()),
        error => receiptOfFailure(error),
      ),
    close,
  }
}

/** Any 2xx is a success; a redirect is none, and is not followed. `now` is in epoch milliseconds. */
export function receiptOf({ status, headers, body }: Pick<Answer, 'status' | 'headers' | 'body'>, now: number): Receipt {
  const response = new TextDecoder().decode(body)
  if (status >= 200 && status < 300) return { ok: true, status, response }
  const asked = retryAfter(headers['retry-after'], now)
  return {
    ok: false,
    status,
    response,
    code: `HTTP_${status}`,
    message: status >= 300 && status < 400 ? `answered ${status}: a redirect is not followed` : `answered ${status}`,
    ...(asked !== undefined && { retryAfter: asked }),
    ...(status === 410 && { gone: true }),
  }
}

/** No answer. A request that is itself at fault would be the same the next time; a name can come to resolve to another address. */
export function receiptOfFailure(error: unknown): Receipt {
  const { code, message } = error instanceof SendError ? error : new SendError('CONNECTION_FAILED', String(error))
  return { ok: false, code, message, ...((code === 'BAD_URL' || code === 'BAD_HEADER') && { hopeless: true }) }
}
