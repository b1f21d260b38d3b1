/** The deliveries that a lane has claimed ahead of time, and how it comes by them. */
import type { Database } from '../store/database.ts'
import { type Claimed, dropJobs, readClaimed } from './delivery.ts'
import type { Job, Queue } from './queue.ts'

/** A delivery at hand. */
export interface Held {
  job: Job
  claimed: Claimed
}

export interface Claims {
  size(): number
  take(): Held | undefined
  /** Not tried after all: it is the next. */
  putBack(held: Held): void
  /** Written down: the queue has it no more. */
  settled(job: Job): void
  /** The queue may have something due. */
  expect(): void
  /** Claims more when there may be any, and less than this is at hand. */
  refill(below: number): void
  /** Claims nothing more, and gives back what was not taken. */
  stop(): Promise<void>
}

interface Options {
  name: string
  db: Database
  queue: Queue
  /** Jobs to claim at a time. */
  batch: number
  /** More is at hand. */
  refilled(): void
  warn(message: string, fields?: Record<string, unknown>): void
}

/** Milliseconds after which the store is asked again. */
const STORE_PAUSE = 500

export function openClaims({ name, db, queue, batch, refilled, warn }: Options): Claims {
  let buffer: Held[] = []
  let claiming: Promise<void> | undefined
  /** Whether the queue may have something due that was not claimed. */
  let more = true
  let stopped = false
  /** Jobs that are claimed and not yet settled. */
  const held = new Set<string>()
  /** A claim failed: the queue may have given us jobs that we do not know of. */
  let unsure = false

  async function claim(): Promise<void> {
    more = false
    let jobs: Job[] = []
    try {
      if (unsure) await queue.reclaim(name, held)
      unsure = false
      // The queue tells them in no order; the ids of deliveries are in that of their events.
      jobs = (await queue.claim(name, batch)).sort((a, b) => (a.delivery < b.delivery ? -1 : 1))
      for (const { id } of jobs) held.add(id)
      if (jobs.length === batch) more = true
      if (jobs.length === 0) return
      const ids = jobs.map(job => job.delivery)
      const found = new Map((await readClaimed(db, ids)).map(claimed => [claimed.delivery, claimed]))
      const done: Job[] = []
      for (const job of jobs) {
        const claimed = found.get(job.delivery)
        if (claimed) buffer.push({ job, claimed })
        else done.push(job)
      }
      if (done.length > 0) await db.transaction(tx => dropJobs(tx, queue, name, done))
      for (const { id } of done) held.delete(id)
    } catch (error) {
      warn('deliveries could not be claimed', { destination: name, error: String(error) })
      more = true
      unsure = true
      for (const { id } of jobs) if (!buffer.some(b => b.job.id === id)) held.delete(id)
      await new Promise(done => setTimeout(done, STORE_PAUSE))
    }
  }

  return {
    size: () => buffer.length,
    take: () => buffer.shift(),
    putBack: one => void buffer.unshift(one),
    settled: job => void held.delete(job.id),
    expect() {
      more = true
    },
    refill(below) {
      if (stopped || !more || claiming || buffer.length >= below) return
      claiming = claim().finally(() => {
        claiming = undefined
        refilled()
      })
    },
    async stop() {
      stopped = true
      await claiming
      const rest = buffer.map(one => one.job)
      buffer = []
      // The next to open the lane gives back what this one cannot.
      await queue.release(name, rest).catch(() => {})
    },
  }
}
