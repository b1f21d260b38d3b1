/** Events, for operators. */
import type { Tx } from '../plugin.ts'
import { encodeTime } from '../ulid.ts'
import { Conditions, type Page, type Place, searchPage } from './search.ts'

export interface EventView {
  id: string
  type: string
  webhook: string
  entity: string | null
  record_id: string | null
  hops: number
  trace: string | null
  created_at: string
}

export interface WholeEvent extends EventView {
  data: unknown
  previous: unknown
  custom_variables: unknown
}

export interface EventFilter {
  webhook?: string | undefined
  type?: string | undefined
  entity?: string | undefined
  record?: string | undefined
  /** Epoch milliseconds: from, and up to but not including. */
  since?: number
  until?: number
}

const COLUMNS = 'id, type, webhook, entity, record_id, hops, trace, created_at'

export function listEvents(db: Tx, filter: EventFilter, place: Place): Promise<Page<EventView>> {
  const conditions = new Conditions()
    .within('id >= $', filter.since === undefined ? undefined : `evt_${encodeTime(filter.since)}`)
    .within('id < $', filter.until === undefined ? undefined : `evt_${encodeTime(filter.until)}`)
    .filter('webhook = $', filter.webhook)
    .filter('type = $', filter.type)
    .filter('entity = $', filter.entity)
    .filter('record_id = $', filter.record)
  return searchPage<EventView>(db, { table: 'events', seen: ['webhook', 'type', 'entity', 'record_id'], shown: COLUMNS }, conditions, place)
}

export async function readEvent(db: Tx, id: string): Promise<WholeEvent | undefined> {
  const [event] = await db.query<WholeEvent>(`select ${COLUMNS}, data, previous, variables as custom_variables from events where id = $1`, [
    id,
  ])
  return event
}
