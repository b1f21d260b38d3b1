/** Deliveries and their attempts, for operators. */
import type { Tx } from '../plugin.ts'
import { encodeTime } from '../ulid.ts'
import { Conditions, type Page, type Place, searchPage } from './search.ts'

export interface DeliveryView {
  id: string
  event: string
  destination: string
  subscription: string
  type: string
  webhook: string
  entity: string | null
  record_id: string | null
  status: string
  attempts: number
  next_at: string | null
  last_status: number | null
  last_error: string | null
  created_at: string
  updated_at: string
}

export interface AttemptView {
  attempt: number
  at: string
  duration: number
  status: number | null
  error: string | null
  message: string | null
  response: string | null
}

/** As `DeliveryFilter` of the engine has it, without ids. */
export interface DeliverySearch {
  event?: string | undefined
  destination?: string | undefined
  subscription?: string | undefined
  webhook?: string | undefined
  status?: string | undefined
  entity?: string | undefined
  record?: string | undefined
  since?: number
  until?: number
}

/** While its destination is paused, a delivery is not tried at any time. */
const NEXT = `case when not exists (select from destinations p where p.name = deliveries.destination and p.paused_at is not null) then next_at end`
const COLUMNS = `id, event, destination, subscription, type, webhook, entity, record_id, status, attempts, ${NEXT} as next_at,
  last_status, last_error, created_at, updated_at`
/** Few deliveries are in one of these, and an index has them. */
const RARE: ReadonlySet<unknown> = new Set(['pending', 'waiting', 'dead'])
/** Of one event: it has one for each destination. */
const MOST = 1000

export function listDeliveries(db: Tx, filter: DeliverySearch, place: Place): Promise<Page<DeliveryView>> {
  const seconds = (ms: number | undefined) => (ms === undefined ? undefined : ms / 1000)
  const rare = RARE.has(filter.status)
  const conditions = new Conditions()
    .within('event = $', filter.event)
    .within('status = $', rare ? filter.status : undefined)
    .within('destination = $', rare ? filter.destination : undefined)
    // The id has the time of the event, which no delivery of it comes before.
    .within('id < $', filter.until === undefined ? undefined : `dlv_${encodeTime(filter.until)}`)
    .filter('created_at < to_timestamp($)', seconds(filter.until))
    .filter('created_at >= to_timestamp($)', seconds(filter.since))
    .filter('status = $', rare ? undefined : filter.status)
    .filter('destination = $', rare ? undefined : filter.destination)
    .filter('subscription = $', filter.subscription)
    .filter('webhook = $', filter.webhook)
    .filter('entity = $', filter.entity)
    .filter('record_id = $', filter.record)
  const seen = ['status', 'destination', 'subscription', 'webhook', 'entity', 'record_id', 'created_at']
  return searchPage<DeliveryView>(db, { table: 'deliveries', seen, shown: COLUMNS }, conditions, place)
}

/** Those of one event, by destination. */
export function deliveriesOf(db: Tx, event: string): Promise<DeliveryView[]> {
  return db.query<DeliveryView>(`select ${COLUMNS} from deliveries where event = $1 order by destination limit ${MOST}`, [event])
}

export async function readDelivery(db: Tx, id: string): Promise<DeliveryView | undefined> {
  const [delivery] = await db.query<DeliveryView>(`select ${COLUMNS} from deliveries where id = $1`, [id])
  return delivery
}

/** The delivery of the same record that this one waits for: on its way, or dead. */
export async function holderOf(db: Tx, waiting: DeliveryView): Promise<Pick<DeliveryView, 'id' | 'status'> | undefined> {
  if (waiting.status !== 'waiting') return undefined
  const [holder] = await db.query<Pick<DeliveryView, 'id' | 'status'>>(
    `select id, status from deliveries where destination = $1 and entity = $2 and record_id = $3 and status in ('pending', 'dead')
     order by seq limit 1`,
    [waiting.destination, waiting.entity, waiting.record_id],
  )
  return holder
}

/** The attempts at a delivery in their order; the last thousand, should there be more. */
export async function attemptsOf(db: Tx, delivery: string): Promise<AttemptView[]> {
  const rows = await db.query<AttemptView>(
    `select attempt, at, duration, status, error, message, response from attempts where delivery = $1 order by attempt desc limit ${MOST}`,
    [delivery],
  )
  return rows.reverse()
}
