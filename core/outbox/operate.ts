/** What operators do with deliveries and destinations. */
import type { Config } from '../config/config.ts'
import type { Tx } from '../plugin.ts'
import type { Database } from '../store/database.ts'
import type { DeliveryControl, DeliveryFilter, DestinationState } from './control.ts'
import { lockOrder } from './delivery.ts'
import type { Queue } from './queue.ts'
import { type OrderKey, releaseWaiting } from './result.ts'

interface Options {
  db: Database
  queue: Queue
  config(): Config
  /** Of a destination that this replica sends for. */
  circuit(name: string): DestinationState['circuit'] | undefined
  /** Something became due at these destinations, or they were paused or resumed. */
  changed(names: readonly string[]): Promise<void>
}

export interface Operations extends Omit<DeliveryControl, 'unjudged'> {
  pauseFor(destination: string, reason: 'operator' | 'gone' | 'failing'): Promise<boolean>
}

/** Deliveries counted for an operator, at most; more show as this many. */
const COUNTED = 100_000
/** Jobs that are queued for later and made due at once, at most: each takes a statement. */
const HASTENED = 1000

export function operations({ db, queue, config, circuit, changed }: Options): Operations {
  const isOrdered = (name: string) => config().destinations.get(name)?.ordered ?? false

  /** Finds deliveries and changes them in one transaction, nobody else changing what waits for what meanwhile. */
  async function change(filter: DeliveryFilter, limit: number, fallback: string[], apply: (tx: Tx, ids: string[]) => Promise<string[]>) {
    const { where, values } = conditions(filter, fallback)
    const found = await db.query<{ id: string; destination: string }>(
      `select id, destination from deliveries where ${where} order by seq limit $${values.length + 1}`,
      [...values, limit],
    )
    if (found.length === 0) return { done: 0, left: 0 }
    for (const name of new Set(found.map(row => row.destination))) await queue.open(name)
    const destinations = await db.transaction(async tx => {
      await lockOrder(tx, [...new Set(found.map(row => row.destination))])
      return apply(
        tx,
        found.map(row => row.id),
      )
    })
    await changed([...new Set(destinations)])
    const [rest] = await db.query<{ n: number }>(
      `select count(*)::int as n from (select from deliveries where ${where} limit ${COUNTED}) rest`,
      values,
    )
    return { done: destinations.length, left: filter.ids ? 0 : (rest?.n ?? 0) }
  }

  async function pauseFor(destination: string, reason: 'operator' | 'gone' | 'failing'): Promise<boolean> {
    if (!(await isKnown(destination))) return false
    await db.query(
      `insert into destinations (name, paused_at, pause_reason) values ($1, now(), $2)
       on conflict (name) do update set paused_at = coalesce(destinations.paused_at, now()), pause_reason = excluded.pause_reason`,
      [destination, reason],
    )
    return true
  }

  async function isKnown(destination: string): Promise<boolean> {
    if (config().destinations.has(destination)) return true
    return (await db.query('select from destinations where name = $1', [destination])).length > 0
  }

  return {
    pauseFor,
    async redrive(filter, limit) {
      const { done, left } = await change(filter, limit, ['dead', 'cancelled'], async (tx, ids) => {
        const rows = await tx.query<Redriven>(REDRIVE, [ids])
        const held = rows.filter(row => row.entity !== null && isOrdered(row.destination))
        // One of an ordered destination that is under way must stay so: it would go twice, and another of its record beside it.
        const again = held.filter(row => row.was !== 'pending')
        await requeue(tx, queue, again)
        for (const [name, own] of Map.groupBy(rows, row => row.destination)) {
          const due = own.filter(row => !again.includes(row)).map(d => ({ delivery: d.id, attempts: d.attempts, after: 0 }))
          await queue.add(tx, name, due)
          await queue.hasten(tx, name, due.slice(0, HASTENED))
        }
        return rows.map(row => row.destination)
      })
      return { redriven: done, left }
    },
    async cancel(filter, limit) {
      const { done, left } = await change(filter, limit, ['pending', 'waiting', 'dead'], async (tx, ids) => {
        const rows = await tx.query<{ destination: string } & OrderKey>(CANCEL, [ids])
        await releaseWaiting(
          tx,
          queue,
          rows.filter(row => row.entity !== null && isOrdered(row.destination)),
        )
        return rows.map(row => row.destination)
      })
      return { cancelled: done, left }
    },
    async pause(destination) {
      const known = await pauseFor(destination, 'operator')
      if (known) await changed([])
      return known
    },
    async resume(destination) {
      if (!(await isKnown(destination))) return false
      await db.query('update destinations set paused_at = null, pause_reason = null, failing_since = null where name = $1', [destination])
      await changed([destination])
      return true
    },
    async states() {
      const rows = await db.transaction(async tx => {
        // One plan serves all destinations: where one has most of the rows, it would read the whole table for each of the others.
        for (const way of ['enable_seqscan', 'enable_bitmapscan', 'jit']) await tx.query(`set local ${way} = off`)
        return tx.query<Omit<DestinationState, 'declared' | 'circuit'>>(STATES, [[...config().destinations.keys()]])
      })
      return rows.map(row => ({
        ...row,
        declared: config().destinations.has(row.name),
        circuit: circuit(row.name) ?? 'unknown',
      }))
    },
  }
}

interface Redriven extends OrderKey {
  id: string
  /** Its status until now. */
  was: string
  attempts: number
}

/** In an ordered destination the first open delivery of a record goes, and the others wait for it. */
async function requeue(tx: Tx, queue: Queue, rows: readonly Redriven[]): Promise<void> {
  if (rows.length === 0) return
  await tx.query(`update deliveries set status = 'waiting', next_at = null where id = any($1::text[])`, [rows.map(row => row.id)])
  const destinations = await releaseWaiting(tx, queue, rows)
  for (const name of destinations)
    await queue.hasten(
      tx,
      name,
      rows
        .filter(row => row.destination === name)
        .slice(0, HASTENED)
        .map(row => ({ delivery: row.id, attempts: row.attempts })),
    )
}

const COLUMNS: Record<Exclude<keyof DeliveryFilter, 'ids' | 'since' | 'until' | 'status'>, string> = {
  event: 'event',
  destination: 'destination',
  subscription: 'subscription',
  webhook: 'webhook',
  entity: 'entity',
  record: 'record_id',
}

/** A filter as SQL; without ids and status, those of the fallback. */
export function conditions(filter: DeliveryFilter, fallback: readonly string[]): { where: string; values: unknown[] } {
  const values: unknown[] = []
  const value = (v: unknown) => `$${values.push(v)}`
  const parts: string[] = []
  if (filter.ids) parts.push(`id = any(${value(filter.ids)}::text[])`)
  if (filter.status) parts.push(`status = ${value(filter.status)}`)
  else if (!filter.ids && fallback.length > 0) parts.push(`status = any(${value(fallback)}::text[])`)
  for (const [key, column] of Object.entries(COLUMNS)) {
    const wanted = filter[key as keyof typeof COLUMNS]
    if (wanted !== undefined) parts.push(`${column} = ${value(wanted)}`)
  }
  if (filter.since !== undefined) parts.push(`created_at >= to_timestamp(${value(filter.since / 1000)})`)
  if (filter.until !== undefined) parts.push(`created_at < to_timestamp(${value(filter.until / 1000)})`)
  return { where: parts.length > 0 ? parts.join(' and ') : 'true', values }
}

/** What waits for an earlier one goes on waiting. */
const REDRIVE = `
with found as (select id, status from deliveries where id = any($1::text[]) and status <> 'waiting' order by id for update)
update deliveries d set status = 'pending', forgiven = attempts, next_at = now(), updated_at = now() from found
where d.id = found.id returning d.id, d.destination, d.entity, d.record_id, d.attempts, found.status as was`

const CANCEL = `
update deliveries set status = 'cancelled', next_at = null, updated_at = now()
where id = any($1::text[]) and status in ('pending', 'waiting', 'dead') returning id, destination, entity, record_id`

/** Open deliveries up to which those that wait are counted as what is left of all: by indexes alone, as no index has them by themselves. */
const OPEN = 2_000_000

const STATES = `
select name, paused_at, pause_reason, failing_since, least(pending, ${COUNTED}) as pending, least(dead, ${COUNTED}) as dead,
  case when open < ${OPEN} then least(open - pending - dead, ${COUNTED})
    else (select count(*)::int from (select from deliveries where destination = name and status = 'waiting' limit ${COUNTED}) w) end as waiting
from (
  select name, paused_at, pause_reason, failing_since from destinations
  union all select name, null, null, null from unnest($1::text[]) as t (name) where not exists (select from destinations d where d.name = t.name)
) all_of_them cross join lateral (
  select
    (select count(*)::int from (select from deliveries where destination = name and status = 'pending' limit ${OPEN}) p) as pending,
    (select count(*)::int from (select from deliveries where destination = name and status = 'dead' limit ${OPEN}) x) as dead,
    (select count(*)::int from (select from deliveries where destination = name and status in ('pending', 'waiting', 'dead') limit ${OPEN}) o) as open
  offset 0 -- or each would be counted twice
) counted order by name`
