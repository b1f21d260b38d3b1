/**
 * The deliveries that a lane has claimed ahead of time, and how it comes by them. Many are claimed at a time, and their events read in
 * portions, as the lane comes to need them.
 */
import type { Database } from '../store/database.ts'
import { PORTION } from '../store/weight.ts'
import { readBodies } from './body.ts'
import { buryJob, type Claimed, deliveryId, dropJobs, readClaimed, UNREADABLE } from './delivery.ts'
import type { Job, Queue } from './queue.ts'
import { openShare } from './share.ts'

/** A delivery at hand. */
export interface Held {
  job: Job
  claimed: Claimed
  /** Bytes of its event. */
  size: number
}

export interface Claims {
  /** How many are at hand. */
  size(): number
  /** How many are claimed and not taken: at hand, or still to be read. */
  ahead(): number
  take(): Held | undefined
  /** Not tried after all: it is the next. */
  putBack(held: Held): void
  /** Written down: the queue has it no more. */
  settled(job: Job): void
  /** The queue may have something due. */
  expect(): void
  /** Reads or claims more when there may be any, and less than this is at hand. */
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
  /** Bytes of what is at hand. */
  let bytes = 0
  /** Claimed; their events are to be read. */
  let unread: Job[] = []
  const share = openShare(batch)
  let filling: Promise<void> | undefined
  /** Whether the queue may have something due that was not claimed. */
  let more = true
  let stopped = false
  /** Jobs that are claimed and not yet settled. */
  const held = new Set<string>()
  /** A claim failed: the queue may have given us jobs that we do not know of. */
  let unsure = false

  async function fill(): Promise<void> {
    try {
      if (unread.length === 0) await claim()
      if (unread.length > 0) await read()
    } catch (error) {
      warn('deliveries could not be claimed', { destination: name, error: String(error) })
      const event = share.failed(error)
      if (event !== undefined) await bury(event).catch(() => {}) // or after the next tries
      await new Promise(done => setTimeout(done, STORE_PAUSE))
    }
  }

  async function claim(): Promise<void> {
    more = false
    try {
      if (unsure) await queue.reclaim(name, held)
      unsure = false
      // The queue tells them in no order; the ids of deliveries are in that of their events.
      unread = (await queue.claim(name, batch)).sort((a, b) => (a.delivery < b.delivery ? -1 : 1))
      for (const { id } of unread) held.add(id)
      if (unread.length === batch) more = true
    } catch (error) {
      more = true
      unsure = true
      throw error
    }
  }

  async function read(): Promise<void> {
    const jobs = unread.slice(0, share.of(batch))
    const found = await readClaimed(
      db,
      jobs.map(job => job.delivery),
    )
    const pending = new Map(found.map(one => [one.delivery, one]))
    const wanted = jobs.filter(job => pending.has(job.delivery))
    const bodies = await readBodies(
      db,
      wanted.map(job => pending.get(job.delivery)!.id),
    )
    const bodyOf = new Map(bodies.map((body, i) => [wanted[i], body]))
    // What is beyond the portion is read the next time.
    const beyond = wanted[bodies.length]
    const done: Job[] = []
    const fresh: Held[] = []
    for (const job of beyond ? jobs.slice(0, jobs.indexOf(beyond)) : jobs) {
      const claimed = pending.get(job.delivery)
      const body = bodyOf.get(job)
      if (claimed && body) fresh.push({ job, claimed: { ...claimed, ...body }, size: body.size })
      else done.push(job)
    }
    if (done.length > 0) await db.transaction(tx => dropJobs(tx, queue, name, done))
    share.succeeded()
    for (const { id } of done) held.delete(id)
    unread = unread.slice(fresh.length + done.length)
    buffer.push(...fresh)
    for (const { size } of fresh) bytes += size
  }

  /** Nobody will ever read its event. */
  async function bury(event: string): Promise<void> {
    const job = unread.find(job => job.delivery === deliveryId(event, name))
    if (!job) return
    await db.transaction(tx => buryJob(tx, queue, name, job))
    unread = unread.filter(one => one !== job)
    held.delete(job.id)
    warn('a delivery is dead: its event cannot be read', { destination: name, delivery: job.delivery, event, error: UNREADABLE })
  }

  return {
    size: () => buffer.length,
    ahead: () => buffer.length + unread.length,
    take() {
      const one = buffer.shift()
      if (one) bytes -= one.size
      return one
    },
    putBack(one) {
      buffer.unshift(one)
      bytes += one.size
    },
    settled: job => void held.delete(job.id),
    expect() {
      more = true
    },
    refill(below) {
      if (stopped || filling || buffer.length >= below || bytes >= PORTION || !(more || unread.length > 0)) return
      filling = fill().finally(() => {
        filling = undefined
        refilled()
      })
    },
    async stop() {
      stopped = true
      await filling
      const rest = [...buffer.map(one => one.job), ...unread]
      buffer = []
      unread = []
      // The next to open the lane gives back what this one cannot.
      await queue.release(name, rest).catch(() => {})
    },
  }
}
