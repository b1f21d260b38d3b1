/** A delivery: one event for one destination. */
import { createHash } from 'node:crypto'
import type { EventType } from '../config/config.ts'
import type { Tx } from '../plugin.ts'
import { LEASE } from './lease.ts'
import type { Job, Queue } from './queue.ts'

/** An event as it stands in the store. */
export interface StoredEvent {
  id: string
  type: EventType
  webhook: string
  entity: string | null
  record_id: string | null
  data: Record<string, unknown>
  previous: Record<string, unknown> | null
  variables: Record<string, unknown>
  hops: number
  trace: string | null
  created_at: Date
}

/** A delivery that has been claimed, with its event. */
export interface Claimed extends StoredEvent {
  delivery: string
  subscription: string
  /** Made before. */
  attempts: number
  /** Of those, how many do not count for the schedule any more. */
  forgiven: number
}

const EVENT = 'e.id, e.type, e.webhook, e.entity, e.record_id, e.data, e.previous, e.variables, e.hops, e.trace, e.created_at'

/** The same whoever relays the event, so that it is delivered once: `dlv_`, the event's ULID, and a digest of the destination. */
export function deliveryId(event: string, destination: string): string {
  return `dlv_${event.slice(4)}_${createHash('sha256').update(destination).digest('hex').slice(0, 12)}`
}

/** Takes events of this plan, or of one that nobody has any more, out of the outbox, in the order of their commits; only in a transaction that writes their deliveries. */
export function takeEvents(tx: Tx, limit: number, plan: string): Promise<(StoredEvent & { seq: number })[]> {
  return tx.query(
    `with taken as (
       delete from outbox where seq = any(array(
         select seq from outbox o where plan = $2 or not exists (select from replicas r where r.plan = o.plan and r.seen_at > now() - interval '${LEASE} ms')
         order by seq limit $1 for update skip locked)) returning seq, event
     ) select taken.seq, ${EVENT} from taken join events e on e.id = taken.event order by taken.seq`,
    [limit, plan],
  )
}

/** Those of the claimed deliveries that are still to be made, with their events. */
export function readClaimed(tx: Tx, deliveries: readonly string[]): Promise<Claimed[]> {
  return tx.query(
    `select d.id as delivery, d.subscription, d.attempts, d.forgiven, ${EVENT}
     from deliveries d join events e on e.id = d.event where d.id = any($1::text[]) and d.status = 'pending'`,
    [deliveries],
  )
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
