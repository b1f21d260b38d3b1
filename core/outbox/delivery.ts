/** A delivery: one event for one destination. */
import { createHash } from 'node:crypto'
import type { EventType } from '../config/config.ts'
import type { Tx } from '../plugin.ts'
import type { Body } from './body.ts'
import { LEASE } from './lease.ts'
import type { Job, Queue } from './queue.ts'

/** What is known of an event without its data. */
export interface EventHead {
  id: string
  type: EventType
  webhook: string
  entity: string | null
  record_id: string | null
  hops: number
  trace: string | null
  created_at: Date
}

/** An event as it stands in the store. */
export interface StoredEvent extends EventHead, Omit<Body, 'size'> {}

/** A delivery that has been claimed, with its event. */
export interface Claimed extends StoredEvent {
  delivery: string
  subscription: string
  /** Made before. */
  attempts: number
  /** Of those, how many do not count for the schedule any more. */
  forgiven: number
}

const HEAD = 'e.id, e.type, e.webhook, e.entity, e.record_id, e.hops, e.trace, e.created_at'

/** The same whoever relays the event, so that it is delivered once: `dlv_`, the event's ULID, and a digest of the destination. */
export function deliveryId(event: string, destination: string): string {
  return `dlv_${event.slice(4)}_${createHash('sha256').update(destination).digest('hex').slice(0, 12)}`
}

/** A row of the outbox. */
export interface Announced {
  seq: number
  /** Undefined: it is no longer kept. */
  event: EventHead | undefined
}

/** What the outbox has of this plan, or of one that nobody has any more, in the order of the commits. */
export async function readOutbox(tx: Tx, limit: number, plan: string): Promise<Announced[]> {
  const rows = await tx.query<EventHead & { seq: number }>(
    `with found as materialized (
       select seq, event from outbox o where plan = $2 or not exists (select from replicas r where r.plan = o.plan and r.seen_at > now() - interval '${LEASE} ms')
       order by seq limit $1 for update skip locked
     ) select found.seq, ${HEAD} from found left join events e on e.id = found.event order by found.seq`,
    [limit, plan],
  )
  return rows.map(({ seq, ...event }) => ({ seq, event: event.id === null ? undefined : event }))
}

/** Takes events out of the outbox; only in the transaction that read them and writes their deliveries. */
export async function takeOut(tx: Tx, rows: readonly Announced[]): Promise<void> {
  if (rows.length > 0) await tx.query('delete from outbox where seq = any($1::bigint[])', [rows.map(row => row.seq)])
}

/** Those of the claimed deliveries that are still to be made, with what is known of their events. */
export function readClaimed(tx: Tx, deliveries: readonly string[]): Promise<Omit<Claimed, keyof Body>[]> {
  return tx.query(
    `select d.id as delivery, d.subscription, d.attempts, d.forgiven, ${HEAD}
     from deliveries d join events e on e.id = d.event where d.id = any($1::text[]) and d.status = 'pending'`,
    [deliveries],
  )
}

/** Why a delivery is dead whose event is there, and can never be read. */
export const UNREADABLE = 'EVENT_UNREADABLE'

/** Ends a delivery whose event cannot be read. */
export async function buryJob(tx: Tx, queue: Queue, destination: string, job: Job): Promise<void> {
  await tx.query(
    `update deliveries set status = 'dead', last_error = '${UNREADABLE}', next_at = null, updated_at = now() where id = $1 and status = 'pending'`,
    [job.delivery],
  )
  await queue.remove(tx, destination, [job])
}

/** Takes jobs away whose deliveries are not to be made: cancelled, or finished by whoever had them before, or their event is no longer kept. */
export async function dropJobs(tx: Tx, queue: Queue, destination: string, jobs: readonly Job[]): Promise<void> {
  await tx.query(
    `update deliveries d set status = 'dead', last_error = 'EVENT_GONE', next_at = null, updated_at = now()
     where id = any($1::text[]) and status = 'pending' and not exists (select from events e where e.id = d.event)`,
    [jobs.map(job => job.delivery)],
  )
  await queue.remove(tx, destination, jobs)
}

/** What orders deliveries of one destination; null when there is nothing to order by. */
export function orderKey(of: { entity: string | null; record_id: string | null }): string | null {
  return of.entity === null || of.record_id === null ? null : `${of.entity}/${of.record_id}`
}

/** Holds off everybody else who changes what waits for what at these destinations, until the transaction ends. */
export async function lockOrder(tx: Tx, destinations: readonly string[]): Promise<void> {
  for (const name of [...destinations].sort())
    await tx.query(`select pg_advisory_xact_lock(hashtextextended($1, 0))`, [`postern order ${name}`])
}
