/** Why a message was not published, as a receipt. */
import { JetStreamApiError } from '@nats-io/jetstream'
import {
  AuthorizationError,
  InvalidArgumentError,
  NoRespondersError,
  PermissionViolationError,
  TimeoutError,
  UserAuthenticationExpiredError,
} from '@nats-io/transport-node'
import type { Receipt } from '#core/plugin.ts'

type Code = 'BLOCKED_ADDRESS' | 'CONNECTION_FAILED' | 'TLS_FAILED' | 'TIMEOUT' | 'NO_STREAM' | 'REJECTED'

/** A failure whose code is known where it happens. The message is for the operator: hosts, never a credential. */
export class Failure extends Error {
  readonly code: Code

  constructor(code: Code, message: string, cause?: unknown) {
    super(message, { cause })
    this.code = code
  }
}

/** The message is larger than the server or the stream ever takes. */
const TOO_LARGE = 10054

export function receiptOf(error: unknown, subject: string): Receipt & { ok: false } {
  const fail = (code: Code, message: string, more: Partial<Receipt & { ok: false }> = {}) => ({
    ok: false as const,
    code,
    message,
    ...more,
  })
  const is = (kind: new (...args: any[]) => Error) => causes(error).some(cause => cause instanceof kind)
  if (error instanceof Failure) return fail(error.code, error.message)
  if (is(NoRespondersError)) return fail('NO_STREAM', `no stream takes the subject ${subject}`)
  if (error instanceof JetStreamApiError)
    return fail('REJECTED', error.message, { status: error.status, ...(error.code === TOO_LARGE && { hopeless: true }) })
  if (is(PermissionViolationError)) return fail('REJECTED', `the server does not let this user publish to ${subject}`)
  if (is(AuthorizationError) || is(UserAuthenticationExpiredError)) return fail('REJECTED', 'the server refuses the credential')
  if (is(TimeoutError)) return fail('TIMEOUT', 'time was up while waiting for the acknowledgement')
  const { message } = error as Error
  if (is(InvalidArgumentError)) {
    const what = /max_payload/.test(message)
      ? 'the message is larger than the server takes (max_payload)'
      : 'a header cannot be sent to NATS'
    return fail('REJECTED', what, { hopeless: true })
  }
  return fail('CONNECTION_FAILED', message)
}

function causes(error: unknown): unknown[] {
  return error instanceof Error ? [error, ...causes(error.cause)] : []
}
