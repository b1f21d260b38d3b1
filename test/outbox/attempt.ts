/** One request, told as plain data. */
import type { LookupAddress } from 'node:dns'
import type { Policy, Resolve } from '#core/outbox/connections.ts'
import type { SendError } from '#core/outbox/failure.ts'
import { type Client, createClient, type Outgoing } from '#core/outbox/request.ts'
import { receiver } from './receiver.ts'

type Sending = Partial<Outgoing> & { url: string }

/** Sends over a client: the status, or the code. */
export async function outcome(client: Client, request: Sending): Promise<number | string> {
  const { status, code } = await detail(client, request)
  return status ?? code ?? '?'
}

export interface Detail {
  status?: number
  body?: string
  headers?: Record<string, string>
  code?: string
  message?: string
  duration: number
}

/** A secret that stands in every URL, and must not come out in a message. */
const TOKEN = 'token=t0ps3cr3t'

export async function detail(client: Client, { url, ...request }: Sending): Promise<Detail> {
  const full = url.includes('?') ? url : `${url}?${TOKEN}`
  try {
    const { status, headers, body, duration } = await client.send({ method: 'POST', body: '{}', timeout: 5000, ...request, url: full })
    return { status, headers, body: Buffer.from(body).toString('latin1'), duration }
  } catch (e) {
    const { code, message, duration } = e as SendError
    if (message.includes('t0ps3cr3t') || !code) throw new Error(`a bad error: ${code} ${message}`)
    return { code, message, duration }
  }
}

/** One request of a client of its own. */
export async function once(policy: Policy, request: Sending): Promise<Detail> {
  const client = createClient(policy)
  const result = await detail(client, request)
  client.close()
  return result
}

/** Lets a client go anywhere. */
export const ANY = { allowPrivate: true }

/** Sends one request to a receiver that answers so. */
export async function to(
  respond: Parameters<typeof receiver>[0],
  request: Partial<Outgoing> = {},
  policy: Policy = ANY,
  options: Parameters<typeof receiver>[1] = {},
) {
  const at = await receiver(respond, options)
  return { at, ...(await once(policy, { url: `http://127.0.0.1:${at.port}/`, ...request })) }
}

/** A resolver that knows one answer for all names, or the next one for each call; the last one stays. */
export function names(...answers: (string | string[])[]): Resolve & { calls: number } {
  const resolve: Resolve & { calls: number } = (_name, _options, done) => {
    const answer = answers[Math.min(resolve.calls++, answers.length - 1)] ?? []
    setTimeout(
      () =>
        done(
          null,
          [answer].flat().map((address): LookupAddress => ({ address, family: address.includes(':') ? 6 : 4 })),
        ),
      1,
    )
  }
  resolve.calls = 0
  return resolve
}
