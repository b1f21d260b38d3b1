/**
 * Group commit: the units of many concurrent requests go down in one transaction, and each is answered after it.
 *
 * There is no timer. A batch starts whenever a lane is free, and what queues up meanwhile is the next batch, so that an
 * idle gateway adds no wait and a busy one fills its batches by itself.
 */
import { tokensOf } from './batch.ts'
import type { Database } from './database.ts'
import { away, type Waiting as Settled, settling } from './settle.ts'
import type { Commit } from './unit.ts'

export interface CommitOptions {
  /** Epoch milliseconds. */
  now(): number
  /** For the operator. */
  warn(message: string, fields?: Record<string, unknown>): void
  /** Hears of each batch: its units, and seconds. */
  written?(units: number, seconds: number): void
  /** Hears of each batch whether the store took it. */
  took?(well: boolean): void
  /** Units that may wait; more are refused. */
  queueLimit?: number
  /** Units in one batch. */
  batchLimit?: number
}

interface Waiting extends Settled {
  tokens: readonly string[]
  /** Bytes of the body. */
  size: number
}

/** Bytes of the bodies of one batch, and of all that wait: a count alone would let large ones fill the memory. */
const BATCH_BYTES = 4_194_304
const QUEUE_BYTES = 268_435_456
/** Values that one batch may match by: each is a lock, and a server has a few thousand of them for everybody. */
const BATCH_MATCHES = 500

/** Milliseconds between two looks at whose time is over. One clock for all: a timer for each would cost more. */
const LOOK = 50

/** The commit of a store, and a promise that settles when everything accepted has been written. */
export function groupCommit(
  db: Database,
  options: CommitOptions,
): { commit: Commit; drained(): Promise<void>; depth(): number; load(): { waiting: number; committed: number } } {
  const { now, warn, queueLimit = 10_000, batchLimit = 256 } = options
  const settle = settling(db, { now, warn, ...(options.took && { took: options.took }) })
  let queue: Waiting[] = []
  let queuedBytes = 0
  let busy = 0
  let writing = 0
  let committed = 0
  let scheduled = false
  /** Tokens of the batches in flight: a unit that shares one waits, or it would hold up its whole batch at the row's lock. */
  const inFlight = new Set<string>()
  const idle: (() => void)[] = []
  const running = new Set<Waiting[]>()
  let looking = false

  /** Answers whatever has had its time. What is being written may yet be written: nobody can know, and nobody is to wait for ever. */
  function look() {
    const now = performance.now()
    const late = (w: Waiting) => now - w.since > w.left
    if (queue.some(late)) {
      for (const w of queue) {
        if (!late(w)) continue
        queuedBytes -= w.size
        w.done(away('waited too long for the store'))
      }
      queue = queue.filter(w => !late(w))
    }
    for (const batch of running) for (const w of batch) if (late(w)) w.done(away('the store did not answer in time'))
    looking = queue.length > 0 || running.size > 0
    if (looking) setTimeout(look, LOOK)
  }

  function pump() {
    scheduled = false
    while (busy < db.lanes && queue.length > 0) {
      const batch = take()
      if (batch.length === 0) return
      busy++
      void run(batch)
    }
    if (busy === 0 && queue.length === 0) for (const wake of idle.splice(0)) wake()
  }

  function take(): Waiting[] {
    const batch: Waiting[] = []
    const left: Waiting[] = []
    const blocked = new Set<string>()
    let bytes = 0
    let matches = 0
    let i = 0
    for (; i < queue.length && batch.length < batchLimit; i++) {
      const w = queue[i] as Waiting
      const waits = inFlight.size > 0 && w.tokens.some(t => inFlight.has(t) || blocked.has(t))
      if (waits) {
        for (const t of w.tokens) blocked.add(t)
        left.push(w)
        continue
      }
      bytes += w.size
      matches += w.unit.record?.match?.length ?? 0
      if (batch.length > 0 && (bytes > BATCH_BYTES || matches > BATCH_MATCHES)) break
      batch.push(w)
      queuedBytes -= w.size
    }
    queue = i === queue.length ? left : left.concat(queue.slice(i))
    return batch
  }

  async function run(batch: Waiting[]) {
    const began = performance.now()
    writing += batch.length
    running.add(batch)
    for (const w of batch) for (const t of w.tokens) inFlight.add(t)
    try {
      await settle(batch)
    } catch (error) {
      for (const w of batch) w.fail(error) // a bug of ours: those that have their outcome keep it
    } finally {
      for (const w of batch) for (const t of w.tokens) inFlight.delete(t)
      busy--
      running.delete(batch)
      writing -= batch.length
      committed += batch.length
      options.written?.(batch.length, (performance.now() - began) / 1000)
      // The embedded store works within this thread: what has come meanwhile must be read first, or each would be a batch by itself.
      if (db.kind === 'pglite') setImmediate(pump)
      else pump()
    }
  }

  return {
    commit: (unit, left = Number.POSITIVE_INFINITY) =>
      new Promise((done, fail) => {
        // Bodies of a GET and of tests have no bytes.
        const size = unit.exchange.raw?.length ?? 0
        if (queue.length >= queueLimit || (queue.length > 0 && queuedBytes + size > QUEUE_BYTES))
          return done(away('the commit queue is full'))
        queuedBytes += size
        queue.push({ unit, since: performance.now(), left, tokens: tokensOf(unit), size, done, fail })
        if (!looking) setTimeout(look, LOOK)
        looking = true
        if (scheduled || busy >= db.lanes) return
        // Requests that arrive together leave together; Bun runs the microtasks between any two of them.
        scheduled = true
        setImmediate(pump)
      }),
    drained: () => (busy === 0 && queue.length === 0 ? Promise.resolve() : new Promise(wake => idle.push(wake))),
    depth: () => queue.length + writing,
    load: () => ({ waiting: queue.length + writing, committed }),
  }
}
