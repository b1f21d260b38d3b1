/** Writes down how attempts ended, many in one transaction: the attempt, what becomes of the delivery, and its job. */
import type { Tx } from '../plugin.ts'
import type { Database } from '../store/database.ts'
import { lockOrder } from './delivery.ts'
import type { Job, Queue } from './queue.ts'

/** One attempt that ended. */
export interface Result {
  destination: string
  ordered: boolean
  job: Job
  /** Counted from 1. */
  attempt: number
  /** Epoch milliseconds at its beginning. */
  at: number
  /** Milliseconds. */
  duration: number
  status: number | undefined
  error: string | undefined
  message: string | undefined
  response: string | undefined
  /** What becomes of the delivery; `pending` is tried again after so many milliseconds. */
  verdict: 'delivered' | 'dead' | 'pending'
  after: number
}

export interface ResultWriter {
  /** Resolves when it is written, with the destinations at which something else became due. Rejects when the store fails. */
  write(result: Result): Promise<void>
  /** Resolves when everything given so far is written or has failed. */
  drained(): Promise<void>
}

const BATCH = 500

/** Milliseconds for which results gather while the intake is busy: each transaction costs it more than what it writes. */
const GATHER = 100

/** `released` hears of destinations at which a waiting delivery may go now. */
export function openResults(db: Database, queue: Queue, busy: () => boolean, released: (destination: string) => void): ResultWriter {
  let waiting: { result: Result; done(): void; fail(error: unknown): void }[] = []
  let running: Promise<void> | undefined
  let draining = false

  async function run() {
    while (waiting.length > 0) {
      for (let i = 0; i < 10 && waiting.length < BATCH && busy() && !draining; i++) await new Promise(done => setTimeout(done, GATHER / 10))
      const batch = waiting.slice(0, BATCH)
      waiting = waiting.slice(BATCH)
      try {
        const free = await db.transaction(tx =>
          writeBatch(
            tx,
            queue,
            batch.map(b => b.result),
          ),
        )
        for (const b of batch) b.done()
        for (const destination of free) released(destination)
      } catch (error) {
        for (const b of batch) b.fail(error)
      }
    }
    running = undefined
  }

  return {
    write: result =>
      new Promise((done, fail) => {
        waiting.push({ result, done, fail })
        // After the present turn: what ended together is written together.
        running ??= Promise.resolve().then(run)
      }),
    drained() {
      draining = true
      return running ?? Promise.resolve()
    },
  }
}

async function writeBatch(tx: Tx, queue: Queue, results: readonly Result[]): Promise<string[]> {
  // An attempt may be one that the receiver must not get again: its end waits for the disk, other than the rest of the queue's work.
  await tx.query('set local synchronous_commit = on')
  const ordered = [...new Set(results.filter(r => r.ordered).map(r => r.destination))]
  await lockOrder(tx, ordered)
  const written = await tx.query<{ id: string; status: string } & OrderKey>(WRITE, [JSON.stringify(results.map(rowOf))])
  const status = new Map(written.map(row => [row.id, row.status]))
  for (const [destination, own] of byDestination(results)) {
    await queue.remove(
      tx,
      destination,
      own.map(r => r.job),
    )
    const again = own.filter(r => r.verdict === 'pending' && status.get(r.job.delivery) === 'pending')
    await queue.add(
      tx,
      destination,
      again.map(r => ({ delivery: r.job.delivery, attempts: r.attempt, after: r.after })),
    )
  }
  return ordered.length === 0
    ? []
    : releaseWaiting(
        tx,
        queue,
        written.filter(row => row.entity !== null && ordered.includes(row.destination)),
      )
}

/** A record, as a destination gets its events. */
export interface OrderKey {
  destination: string
  entity: string | null
  record_id: string | null
}

/** Makes the first delivery that waits for these records due, when nothing before it is open; the destinations at which there was one. Its caller holds the order. */
export async function releaseWaiting(tx: Tx, queue: Queue, keys: readonly OrderKey[]): Promise<string[]> {
  if (keys.length === 0) return []
  const free = await tx.query<{ id: string; destination: string; attempts: number }>(RELEASE, [
    keys.map(k => k.destination),
    keys.map(k => k.entity),
    keys.map(k => k.record_id),
  ])
  for (const [destination, own] of byDestination(free))
    await queue.add(
      tx,
      destination,
      own.map(d => ({ delivery: d.id, attempts: d.attempts, after: 0 })),
    )
  return [...new Set(free.map(d => d.destination))]
}

function byDestination<T extends { destination: string }>(all: readonly T[]): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const one of all) {
    const group = groups.get(one.destination)
    if (group) group.push(one)
    else groups.set(one.destination, [one])
  }
  return groups
}

function rowOf(r: Result) {
  const { attempt, at, duration, status, error, message, response, verdict, after } = r
  return { delivery: r.job.delivery, attempt, at: at / 1000, duration, status, error, message, response, verdict, after }
}

/** A delivery that was cancelled meanwhile stays so. An attempt that is written already, by whoever took over, is not written twice. */
const WRITE = `
with input as materialized (
  select * from jsonb_to_recordset($1::jsonb) as t(delivery text, attempt int, at float8, duration int, status int, error text, message text,
    response text, verdict text, after float8)
), changed as (
  update deliveries d set attempts = i.attempt, last_status = i.status, last_error = i.error, updated_at = now(),
    status = case when d.status = 'pending' then i.verdict else d.status end,
    next_at = case when d.status = 'pending' and i.verdict = 'pending' then now() + i.after * interval '1 ms' end
  from input i where d.id = i.delivery and d.attempts = i.attempt - 1
  returning d.id, d.status, d.destination, d.entity, d.record_id
), kept as (
  insert into attempts (delivery, attempt, at, duration, status, error, message, response)
  select delivery, attempt, to_timestamp(at), duration, i.status, error, message, response from input i join changed on changed.id = i.delivery
  on conflict do nothing
)
select id, status, destination, entity, record_id from changed`

/** The first of each record, if it waits: nothing before it is open then. */
const RELEASE = `
with wanted as (select distinct * from unnest($1::text[], $2::text[], $3::text[]) k(destination, entity, record_id)
), first as (
  select f.id, f.status from wanted k cross join lateral (
    select d.id, d.status from deliveries d
    where d.destination = k.destination and d.entity = k.entity and d.record_id = k.record_id and d.status in ('pending', 'waiting', 'dead')
    order by d.seq limit 1
  ) f
)
update deliveries d set status = 'pending', next_at = now(), updated_at = now() from first
where d.id = first.id and first.status = 'waiting'
  and not exists (select from deliveries p where p.destination = d.destination and p.entity = d.entity and p.record_id = d.record_id and p.status = 'pending')
returning d.id, d.destination, d.attempts`
