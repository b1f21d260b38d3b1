/**
 * The queue of deliveries: pg-boss over the gateway's own store, one queue for each destination and one job for each pending delivery.
 * What a delivery has come to stands in `deliveries`; the queue only knows which one is next, and when.
 */
import { createHash } from 'node:crypto'
import { PgBoss } from 'pg-boss'
import type { Tx } from '../plugin.ts'
import type { Database } from '../store/database.ts'

/** A claimed job; `retryCount` tells its claim from a later one. */
export interface Job {
  id: string
  retryCount: number
  delivery: string
}

/** A delivery that is to be tried at a time. */
export interface Due {
  delivery: string
  /** Attempts made: with the delivery it makes the job's id, so that one attempt is queued once. */
  attempts: number
  /** Milliseconds from now, by the clock of the store. */
  after: number
}

export interface Queue {
  /** Makes sure that the destination has a queue. */
  open(destination: string): Promise<void>
  /** Adds jobs in the caller's transaction; what is queued already stays as it is. */
  add(tx: Tx, destination: string, due: readonly Due[]): Promise<void>
  /** Makes queued jobs due now, in the caller's transaction; those that are claimed stay as they are. */
  hasten(tx: Tx, destination: string, due: readonly Pick<Due, 'delivery' | 'attempts'>[]): Promise<void>
  /** Claims up to `limit` jobs that are due, the oldest first. */
  claim(destination: string, limit: number): Promise<Job[]>
  /** Takes settled jobs away, in the caller's transaction. */
  remove(tx: Tx, destination: string, jobs: readonly Job[]): Promise<void>
  /** Gives claimed jobs back, to be claimed again at once. */
  release(destination: string, jobs: readonly Job[]): Promise<void>
  /** Gives back whatever is claimed but for what the caller holds: a sender is gone, or an answer was. Only for who has the destination to himself. */
  reclaim(destination: string, held: ReadonlySet<string>): Promise<number>
  close(): Promise<void>
}

const SCHEMA = 'postern_queue'
/** Seconds. A destination may be paused for long; our own retention ends what is too old. */
const YEAR = 365 * 86_400
/** No claim runs out by itself: who takes a destination over gives its claims back first. */
const OPTIONS = { retryLimit: 1_000_000, retryDelay: 0, expireInSeconds: 86_399, retentionSeconds: 10 * YEAR }
const NOBODY = '00000000-0000-4000-8000-000000000000'
/** Claims of a lost sender that are given back at a time. */
const RECLAIM = 1000

/** Brings the queue's own tables up to date; safe to run from many processes at once. */
export async function installQueue(db: Database): Promise<void> {
  const boss = bossOf(db, true)
  await boss.start()
  await boss.stop({ graceful: false, close: false })
}

/** Opens the queue of an installed store. */
export async function openQueue(db: Database, warn: (message: string, fields?: Record<string, unknown>) => void): Promise<Queue> {
  const boss = bossOf(db, false)
  boss.on('error', error => warn('the delivery queue failed', { error: String(error) }))
  await boss.start()
  const within = (tx: Tx) => ({ db: adapter(tx) })
  return {
    async open(destination) {
      await boss.createQueue(nameOf(destination), OPTIONS)
      // It looks a queue up before it uses it; within a transaction the embedded store has no second connection to do that on.
      await boss.getJobById(nameOf(destination), NOBODY)
    },
    async add(tx, destination, due) {
      if (due.length === 0) return
      const jobs = due.map(({ delivery, attempts, after }) => ({
        id: jobId(delivery, attempts),
        data: { delivery },
        startAfter: after / 1000,
      }))
      await boss.insert(nameOf(destination), jobs, within(tx))
    },
    async hasten(tx, destination, due) {
      for (const { delivery, attempts } of due)
        await boss.update(nameOf(destination), undefined, { id: jobId(delivery, attempts), startAfter: 0, ...within(tx) })
    },
    async claim(destination, limit) {
      const jobs = await boss.fetch<{ delivery: string }>(nameOf(destination), { batchSize: limit })
      return jobs.map(({ id, data, retryCount }) => ({ id, retryCount: Number(retryCount), delivery: data.delivery }))
    },
    async remove(tx, destination, jobs) {
      if (jobs.length > 0) await boss.deleteJob(nameOf(destination), jobs.map(attempt), within(tx))
    },
    async release(destination, jobs) {
      if (jobs.length > 0) await boss.fail(nameOf(destination), jobs.map(attempt))
    },
    async reclaim(destination, held) {
      const name = nameOf(destination)
      for (let total = 0; ; ) {
        const rows = await db.query<{ id: string }>(
          `select id from ${SCHEMA}.job where name = $1 and state = 'active' and id <> all($2::uuid[]) limit ${RECLAIM}`,
          [name, [...held]],
        )
        if (rows.length > 0)
          await boss.fail(
            name,
            rows.map(row => row.id),
          )
        total += rows.length
        if (rows.length < RECLAIM) return total
      }
    },
    close: () => boss.stop({ graceful: false, close: false }),
  }
}

const attempt = ({ id, retryCount }: Job) => ({ id, retryCount })

/** pg-boss allows fewer characters in a name than we do: no colon, say. Ours fit, and the prefix keeps them apart from its own queues. */
const nameOf = (destination: string) => `to/${destination}`

function jobId(delivery: string, attempts: number): string {
  const hex = createHash('sha256').update(`${delivery}#${attempts}`).digest('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), `5${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join('-')
}

/** Only its statements are used: no timers, no schedules, no maintenance of its own. */
function bossOf(db: Database, migrate: boolean): PgBoss {
  return new PgBoss({
    db: adapter(db, db),
    backend: db.kind,
    schema: SCHEMA,
    migrate,
    createSchema: migrate,
    supervise: false,
    schedule: false,
    queueCacheIntervalSeconds: 86_399,
    monitorVacuum: false,
    reindex: false,
  })
}

/** It sends several statements in one text where there are no parameters. */
function adapter(tx: Tx, scripts?: Pick<Database, 'script'>) {
  return {
    executeSql: async (text: string, values: unknown[] = []) => ({
      rows: (values.length > 0 || !scripts ? await tx.query(text, values) : await scripts.script(text)) as any[],
    }),
  }
}
