/**
 * Turns events of the outbox into deliveries: each event once for each destination that wants it, whatever becomes of the process.
 * Every replica has a relay, and one of them works at a time, so that the events of a record keep their order.
 */
import type { Tx } from '../plugin.ts'
import type { Database } from '../store/database.ts'
import { readBodies } from './body.ts'
import { deliveryId, type EventHead, lockOrder, orderKey, readOutbox, takeOut, UNREADABLE } from './delivery.ts'
import type { Match, Matcher } from './match.ts'
import type { Due, Queue } from './queue.ts'

/** What the relay must know of the present configuration. */
export interface RelayPlan extends Matcher {
  /** Of the subscriptions; see `outbox.plan`. */
  name: string
  ordered(destination: string): boolean
}

interface Row extends Match {
  id: string
  event: EventHead & { seq: number }
  status: 'pending' | 'waiting' | 'dead'
}

export interface Relayed {
  /** There may be more. */
  full: boolean
  events: number
  /** Those with something to send now. */
  destinations: Set<string>
}

/**
 * Relays a batch of so many events, or of fewer when their data is large. Those of `unreadable` are not read: nobody can tell whether a
 * `when` wants them, so their deliveries are written down as dead, for an operator to see. Undefined: another replica is at it.
 */
export async function relayBatch(
  db: Database,
  queue: Queue,
  plan: RelayPlan,
  limit: number,
  unreadable: ReadonlySet<string>,
): Promise<Relayed | undefined> {
  return db.transaction(async tx => {
    const [lock] = await tx.query<{ mine: boolean }>(`select pg_try_advisory_xact_lock(hashtextextended('postern relay', 0)) as mine`)
    if (!lock?.mine) return undefined
    const found = await readOutbox(tx, limit, plan.name)
    const asked = found.flatMap(({ event }) => (event && plan.asks(event.webhook) && !unreadable.has(event.id) ? [event] : []))
    const bodies = await readBodies(
      tx,
      asked.map(event => event.id),
    )
    const bodyOf = new Map(asked.slice(0, bodies.length).map((event, i) => [event, bodies[i]]))
    // What is beyond the portion stays in the outbox, with all that comes after it.
    const beyond = asked[bodies.length]
    const taken = beyond
      ? found.slice(
          0,
          found.findIndex(({ event }) => event === beyond),
        )
      : found
    await takeOut(tx, taken)
    const rows: Row[] = taken.flatMap(({ seq, event }) => {
      if (!event) return []
      const body = bodyOf.get(event)
      const matches = body ? plan.match({ ...event, ...body }) : bodyOf.has(event) ? [] : plan.possible(event)
      const status: Row['status'] = unreadable.has(event.id) ? 'dead' : 'pending'
      return matches.map(match => ({ ...match, id: deliveryId(event.id, match.destination), event: { ...event, seq }, status }))
    })
    const destinations = new Set(rows.map(row => row.destination))
    if (rows.length > 0) {
      const ordered = [...destinations].filter(plan.ordered)
      await lockOrder(tx, ordered)
      await holdBack(
        tx,
        rows.filter(row => ordered.includes(row.destination)),
      )
      const fresh = await insert(tx, rows)
      for (const destination of destinations) await queue.add(tx, destination, due(rows, destination, fresh))
    }
    return { full: found.length === limit || beyond !== undefined, events: taken.length, destinations }
  })
}

function due(rows: readonly Row[], destination: string, fresh: ReadonlySet<string>): Due[] {
  const now = rows.filter(row => row.destination === destination && row.status === 'pending' && fresh.has(row.id))
  return now.map(row => ({ delivery: row.id, attempts: 0, after: 0 }))
}

/** Those of an ordered destination wait while an earlier one of their record is not done. */
async function holdBack(tx: Tx, rows: readonly Row[]): Promise<void> {
  const keyed = rows.filter(row => orderKey(row.event) !== null)
  if (keyed.length === 0) return
  const open = await tx.query<{ destination: string; entity: string; record_id: string }>(
    `select distinct d.destination, d.entity, d.record_id from unnest($1::text[], $2::text[], $3::text[]) k(destination, entity, record_id)
     join deliveries d using (destination, entity, record_id) where d.status in ('pending', 'waiting', 'dead')`,
    [keyed.map(r => r.destination), keyed.map(r => r.event.entity), keyed.map(r => r.event.record_id)],
  )
  const busy = new Set(open.map(o => `${o.destination} ${orderKey(o)}`))
  for (const row of keyed) {
    const key = `${row.destination} ${orderKey(row.event)}`
    if (busy.has(key) && row.status === 'pending') row.status = 'waiting'
    busy.add(key)
  }
}

async function insert(tx: Tx, rows: readonly Row[]): Promise<Set<string>> {
  const made = await tx.query<{ id: string }>(
    `insert into deliveries (id, event, destination, subscription, type, webhook, entity, record_id, seq, status, last_error, next_at, created_at, updated_at)
     select id, event, destination, subscription, type, webhook, entity, record_id, seq, status, case when status = 'dead' then '${UNREADABLE}' end,
       case when status = 'pending' then now() end, now(), now()
     from jsonb_to_recordset($1::jsonb) as t(id text, event text, destination text, subscription text, type text, webhook text,
       entity text, record_id text, seq bigint, status text)
     order by id on conflict (id) do nothing returning id`,
    [
      JSON.stringify(
        rows.map(({ id, destination, subscription, status, event }) => ({
          id,
          event: event.id,
          destination,
          subscription,
          type: event.type,
          webhook: event.webhook,
          entity: event.entity,
          record_id: event.record_id,
          seq: event.seq,
          status,
        })),
      ),
    ],
  )
  return new Set(made.map(row => row.id))
}
