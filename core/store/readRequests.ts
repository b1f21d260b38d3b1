/** Captured requests, for operators. */
import type { Tx } from '../plugin.ts'
import { encodeTime } from '../ulid.ts'
import { Conditions, type Page, type Place, searchPage } from './search.ts'

export interface RequestView {
  id: string
  webhook: string
  received_at: string
  method: string
  path: string
  size: number
  ip: string
  outcome: string
  status: number
  code: string | null
  reason: string | null
  plugin: string | null
  duration: number
  idempotency_key: string | null
  entity: string | null
  record_id: string | null
}

export interface WholeRequest extends RequestView {
  query: string
  headers: unknown
  body: string
  encoded: boolean
  steps: unknown
}

export interface RequestFilter {
  webhook: string
  outcome?: string | undefined
  code?: string | undefined
  status?: number | undefined
  record?: string | undefined
  idempotency_key?: string | undefined
  since?: number
  until?: number
}

const COLUMNS =
  'id, webhook, received_at, method, path, size, ip, outcome, status, code, reason, plugin, duration, idempotency_key, entity, record_id'

export function listRequests(db: Tx, filter: RequestFilter, place: Place): Promise<Page<RequestView>> {
  const conditions = new Conditions()
    .within('webhook = $', filter.webhook)
    .within('id >= $', filter.since === undefined ? undefined : encodeTime(filter.since))
    .within('id < $', filter.until === undefined ? undefined : encodeTime(filter.until))
    .filter('outcome = $', filter.outcome)
    .filter('code = $', filter.code)
    .filter('status = $', filter.status)
    .filter('record_id = $', filter.record)
    .filter('idempotency_key = $', filter.idempotency_key)
  const seen = ['outcome', 'code', 'status', 'record_id', 'idempotency_key']
  return searchPage<RequestView>(db, { table: 'requests', seen, shown: COLUMNS }, conditions, place)
}

export async function readRequest(db: Tx, id: string): Promise<WholeRequest | undefined> {
  const [request] = await db.query<WholeRequest>(`select ${COLUMNS}, query, headers, body, encoded, steps from requests where id = $1`, [
    id,
  ])
  return request
}
