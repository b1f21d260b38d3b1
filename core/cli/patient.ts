/** The request that `postern doctor` looks at: one that was captured, or one out of a file. */
import type { Webhook } from '../config/config.ts'
import type { Arrival } from '../request/exchange.ts'
import { MASK } from '../request/mask.ts'
import { readingOf } from '../request/reading.ts'
import { routes } from '../request/route.ts'
import type { RequestView, WholeRequest } from '../store/readRequests.ts'
import type { AdminClient } from './adminClient.ts'
import { readFixture } from './fixture.ts'
import { CommandFailure, EXIT } from './open.ts'

/** A request as it came, and what of it is not known any more. */
export interface Patient {
  arrival: Arrival
  captured?: WholeRequest
  /** A later refusal of another kind, which was not chosen. */
  newer?: RequestView
  /** Not the whole body is known. */
  cut: boolean
  /** For the operator, in sentences. */
  notes: string[]
}

/** The latest that was refused, a 401 before any other. */
export async function ofCapture(client: AdminClient, webhook: Webhook, id: string | undefined): Promise<Patient | undefined> {
  const path = `/webhooks/${encodeURIComponent(webhook.name)}/requests`
  const latest = async (code?: string) => {
    const page = await client.get<{ data: RequestView[] }>(path, { outcome: 'refused', limit: 1, ...(code && { code }) })
    return page.data[0]
  }
  const last = id === undefined ? await latest() : undefined
  const chosen = id ?? (last && ((await latest('UNAUTHORIZED'))?.id ?? last.id))
  if (chosen === undefined) return undefined
  const { data } = await client.get<{ data: WholeRequest }>(`/requests/${encodeURIComponent(chosen)}`)
  if (data.webhook !== webhook.name) throw new CommandFailure(EXIT.usage, `the request ${chosen} is of the webhook '${data.webhook}'`)
  const raw = new Uint8Array(Buffer.from(data.body, data.encoded ? 'base64' : 'utf8'))
  const arrival = arrivalOf(webhook, {
    id: data.id,
    method: data.method,
    path: data.path,
    search: data.query,
    headers: new Headers(data.headers as Record<string, string>),
    ip: data.ip,
    receivedAt: Date.parse(data.received_at),
    raw,
  })
  // Masks change the length; only a body that is shorter for another reason is cut.
  const cut = raw.length < data.size && !(data.body.includes(MASK) && raw.length < webhook.capture.body)
  const newer = last && last.id !== chosen ? last : undefined
  return { arrival, captured: data, cut, notes: [], ...(newer && { newer }) }
}

/** What the file says; without a time, it comes now. */
export function ofFixture(file: string, webhook: Webhook): Patient {
  const { method, path, search, headers, raw, at, ip = '127.0.0.1' } = readFixture(file)
  const arrival = arrivalOf(webhook, {
    id: '0'.repeat(26),
    method,
    path,
    search,
    headers,
    ip,
    receivedAt: at ?? Date.now(),
    raw,
  })
  const notes = at === undefined ? ['The fixture has no receivedAt: it is judged as if it had come now.'] : []
  if (Object.keys(arrival.params).length === 0 && webhook.path.includes('{')) notes.push(`Its path is not like ${webhook.path}.`)
  return { arrival, cut: false, notes }
}

function arrivalOf(webhook: Webhook, came: Omit<Arrival, 'webhook' | 'params' | 'reading'>): Arrival {
  const match = routes([{ path: webhook.path, host: [] }])('', came.path)
  return { ...came, webhook: webhook.name, params: match?.params ?? {}, reading: readingOf(webhook) }
}
