/** Ends what is kept for a time: samples, deliveries, events, idempotency keys, the audit. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Tx } from '../plugin.ts'
import { encodeTime } from '../ulid.ts'
import type { Database } from './database.ts'

export interface Retention {
  /** One round over everything; what went, by table. */
  run(): Promise<Record<string, number>>
  close(): Promise<void>
}

/** Milliseconds that things are kept. */
export interface Keep {
  readonly events: number
  readonly deliveries: number
  readonly requests: number
  /** After their own ttl. */
  readonly idempotency: number
}

export interface RetentionOptions {
  /** As the present configuration has it. */
  keep(): Keep
  /** Epoch milliseconds. */
  now(): number
  /** True while requests wait for their commit: the round stands back. */
  busy(): boolean
  /** For the operator. */
  warn(message: string, fields?: Record<string, unknown>): void
  /** Rows that one statement looks at. */
  batch?: number
}

const EVERY = 60_000
/** Milliseconds of statements in one go, and of rest after them. */
const BURST = 200
const REST = 1000
/** Milliseconds for which one batch stands back at most: a store that is never idle would fill its disk. */
const PATIENCE = 100
const AUDIT = 365 * 86_400_000
/** A key that has just ended may be in the hands of a commit. */
const AFTER_END = 60_000

/** Where a table's next batch goes on; undefined at its end. */
type Place = readonly string[] | undefined

interface Batch {
  gone: number
  next: Place
}

type Sweep = (tx: Tx, limit: number, place: readonly string[]) => Promise<Batch>

/** Runs a round each minute; of all replicas, one at a time. */
export function openRetention(db: Database, { keep, now, busy, warn, batch = 500 }: RetentionOptions): Retention {
  const end = new AbortController()
  const { signal } = end
  const rest = (ms: number) => sleep(ms, undefined, { signal }).catch(() => {})
  let running: Promise<unknown> | undefined
  let failed = false

  async function run(): Promise<Record<string, number>> {
    const total: Record<string, number> = {}
    let worked = 0
    for (const [table, sweep] of Object.entries(sweepsOf(keep(), now()))) {
      for (let place: Place = []; place && !signal.aborted; ) {
        if (worked >= BURST) {
          await rest(REST)
          worked = 0
        }
        for (const until = performance.now() + PATIENCE; busy() && !signal.aborted && performance.now() < until; ) await rest(20)
        if (signal.aborted) break
        const began = performance.now()
        const done = await db.transaction(tx => locked(tx, () => sweep(tx, batch, place as readonly string[])))
        worked += performance.now() - began
        if (!done) return total
        total[table] = (total[table] ?? 0) + done.gone
        place = done.next
      }
    }
    return total
  }

  const timer = setInterval(() => {
    running ??= run()
      .then(
        () => (failed = false),
        error => {
          // Once an outage: the store tells by itself when it is away.
          if (!failed) warn('what is old could not be deleted', { error: String(error) })
          failed = true
        },
      )
      .finally(() => (running = undefined))
  }, EVERY)
  ;(timer as { unref?(): void }).unref?.()

  return {
    run,
    async close() {
      end.abort()
      clearInterval(timer)
      await running
    },
  }
}

/** Undefined: another replica is at it. */
async function locked<T>(tx: Tx, work: () => Promise<T>): Promise<T | undefined> {
  const [lock] = await tx.query<{ mine: boolean }>(`select pg_try_advisory_xact_lock(hashtextextended('postern retention', 0)) as mine`)
  return lock?.mine ? work() : undefined
}

/** Deliveries go before their events, which a delivery that is open still needs. */
function sweepsOf(keep: Keep, now: number): Record<string, Sweep> {
  const before = (age: number) => Math.max(0, now - age)
  return {
    requests: byId('requests', encodeTime(before(keep.requests))),
    deliveries: walked(DELIVERIES, [`dlv_${encodeTime(before(keep.deliveries))}`, before(keep.deliveries) / 1000]),
    events: walked(EVENTS, [`evt_${encodeTime(before(keep.events))}`]),
    idempotency_keys: keys(before(Math.max(AFTER_END, keep.idempotency)) / 1000),
    audit: byId('audit', encodeTime(before(AUDIT))),
  }
}

/** A table of which everything below an id goes: the ids begin with their time. */
function byId(table: string, below: string): Sweep {
  return async (tx, limit) => {
    const rows = await tx.query(
      `delete from ${table} where id = any(array(select id from ${table} where id < $1 order by id limit $2 for update skip locked)) returning 1`,
      [below, limit],
    )
    return { gone: rows.length, next: rows.length === limit ? [] : undefined }
  }
}

/** A table of which some stay: it is walked through in the order of its key, and each statement looks at `limit` rows, whatever goes. */
function walked(statement: string, values: readonly unknown[]): Sweep {
  return async (tx, limit, [a = '', b = '']) => {
    const [row] = await tx.query<{ gone: number; looked: number; a: string; b: string }>(statement, [limit, a, b, ...values])
    return { gone: row?.gone ?? 0, next: row?.looked === limit ? [row.a, row.b] : undefined }
  }
}

/** A dead one that others of its record wait behind stays: they must not overtake it unseen. */
const DELIVERIES = `
with looked as materialized (select id from deliveries where id > $2 and id > $3 and id < $4 order by id limit $1
), due as (
  select d.id from deliveries d where d.id = any(array(select id from looked)) and d.status in ('delivered', 'dead', 'cancelled')
    and d.updated_at < to_timestamp($5) and not (d.status = 'dead' and exists (select from deliveries w where w.destination = d.destination
      and w.entity = d.entity and w.record_id = d.record_id and w.status = 'waiting'))
  order by d.id for update skip locked
), tried as (delete from attempts where delivery = any(array(select id from due))
), gone as (delete from deliveries where id = any(array(select id from due)) returning 1)
select (select count(*)::int from gone) as gone, count(*)::int as looked, max(id) as a, '' as b from looked`

const EVENTS = `
with looked as materialized (select id from events where id > $2 and id > $3 and id < $4 order by id limit $1
), gone as (
  delete from events e where e.id = any(array(select id from looked))
    and not exists (select from deliveries where event = e.id and status in ('pending', 'waiting'))
    and not exists (select from outbox where event = e.id)
  returning 1)
select (select count(*)::int from gone) as gone, count(*)::int as looked, max(id) as a, '' as b from looked`

/**
 * The keys lie in the order in which they came, and no index knows when they end: one would cost each request more than this costs
 * each minute. They are read in the order of the disk, some blocks at a time; in the order of their names a million took 25 s.
 */
const BLOCKS = 64
const KEYS = `
with due as materialized (
  select ctid as place from idempotency_keys
  where ctid >= format('(%s,0)', $2::bigint)::tid and ctid < format('(%s,0)', $2::bigint + ${BLOCKS})::tid and expires_at < to_timestamp($3)
  limit $1 for update skip locked
), gone as (delete from idempotency_keys where ctid = any(array(select place from due)) returning 1)
select (select count(*)::int from gone) as gone, pg_relation_size('idempotency_keys') / current_setting('block_size')::int as blocks`

/** What was as much as a batch may be is looked at again; else it goes on to the next blocks. */
function keys(before: number): Sweep {
  return async (tx, limit, [place = '0']) => {
    const [row] = await tx.query<{ gone: number; blocks: number | string }>(KEYS, [limit, place, before])
    const gone = row?.gone ?? 0
    const next = gone === limit ? Number(place) : Number(place) + BLOCKS
    return { gone, next: next < Number(row?.blocks) ? [`${next}`] : undefined }
  }
}
