/**
 * Group commit: the units of many concurrent requests go down in one transaction, and each is answered after it.
 *
 * There is no timer. A batch starts whenever a lane is free, and what queues up meanwhile is the next batch, so that an
 * idle gateway adds no wait and a busy one fills its batches by itself.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Refusal } from '../plugin.ts'
import { commitBatch, MustGoAlone, tokensOf, type Verdict } from './batch.ts'
import { type Database, STATEMENT_TIMEOUT } from './database.ts'
import { classify, isUnstorable } from './failure.ts'
import { matchIndexes } from './match.ts'
import { quotaGate } from './quota.ts'
import { writtenOutcomes } from './statement.ts'
import type { Commit, Outcome, Unit } from './unit.ts'

export interface CommitOptions {
  /** Epoch milliseconds. */
  now(): number
  /** For the operator. */
  warn(message: string, fields?: Record<string, unknown>): void
  /** Units that may wait; more are refused. */
  queueLimit?: number
  /** Units in one batch. */
  batchLimit?: number
}

interface Waiting {
  unit: Unit
  since: number
  tokens: readonly string[]
  /** Bytes of the body. */
  size: number
  /** The connection went during its commit: nobody knows yet whether it is written. */
  lost?: boolean
  done(outcome: Outcome | Refusal): void
  fail(error: unknown): void
}

/** Beginning later would leave the statement too little of the request's eight seconds. */
const LONGEST_WAIT = 8000 - STATEMENT_TIMEOUT - 500
const ATTEMPTS = 4
/** Milliseconds before a batch whose connection was lost is sent again. */
const RESEND_AFTER = 50
/** Bytes of the bodies of one batch, and of all that wait: a count alone would let large ones fill the memory. */
const BATCH_BYTES = 4_194_304
const QUEUE_BYTES = 268_435_456
/** Values that one batch may match by: each is a lock, and a server has a few thousand of them for everybody. */
const BATCH_MATCHES = 500

const away = (reason: string): Refusal => ({
  kind: 'refusal',
  code: 'UNAVAILABLE',
  status: 503,
  summary: 'The gateway cannot store anything now.',
  reason,
  retryAfter: 1,
})
const unstorable: Refusal = {
  kind: 'refusal',
  code: 'VALIDATION_FAILED',
  status: 422,
  summary: 'The payload failed validation.',
  details: { _general: ['A value of the payload cannot be stored.'] },
}

/** The commit of a store, and a promise that settles when everything accepted has been written. */
export function groupCommit(db: Database, options: CommitOptions): { commit: Commit; drained(): Promise<void>; depth(): number } {
  const { now, warn, queueLimit = 10_000, batchLimit = 256 } = options
  const gate = quotaGate(db)
  const index = matchIndexes(db, (error, field) => warn('an index for matching could not be made', { field, error: String(error) }))
  let queue: Waiting[] = []
  let queuedBytes = 0
  let busy = 0
  let scheduled = false
  /** Tokens of the batches in flight: a unit that shares one waits, or it would hold up its whole batch at the row's lock. */
  const inFlight = new Set<string>()
  const idle: (() => void)[] = []

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
    for (const w of batch) for (const t of w.tokens) inFlight.add(t)
    try {
      await settle(batch, ATTEMPTS)
    } catch (error) {
      for (const w of batch) w.fail(error) // a bug of ours: those that have their outcome keep it
    } finally {
      for (const w of batch) for (const t of w.tokens) inFlight.delete(t)
      busy--
      pump()
    }
  }

  /** Refuses those for which it is too late to begin anything. */
  function inTime(batch: Waiting[]): Waiting[] {
    const oldest = performance.now() - LONGEST_WAIT
    if (batch.every(w => w.since >= oldest)) return batch
    for (const w of batch)
      if (w.since < oldest) w.done(away(w.lost ? 'the connection was lost in the commit' : 'waited too long for the store'))
    return batch.filter(w => w.since >= oldest)
  }

  /** Gives every one of the batch its outcome, whatever happens to the statement. */
  async function settle(all: Waiting[], attempts: number): Promise<void> {
    let batch = inTime(all)
    if (batch.length === 0) return
    try {
      const { refused, left } = await gate.before(batch.map(w => w.unit))
      index(left)
      const verdicts = left.length > 0 ? await commitBatch(db, left, now()) : new Map<Unit, Verdict>()
      const again = batch.filter(w => {
        const verdict = refused.get(w.unit) ?? verdicts.get(w.unit)
        if (verdict === undefined || verdict === 'again') return true
        w.done(verdict)
        return false
      })
      // From here on only these are without an answer.
      batch = again
      if (again.length > 0 && attempts > 1) await settle(again, attempts - 1)
      else for (const w of again) w.done(away('the holder of the idempotency key keeps changing'))
    } catch (error) {
      await recover(batch, error, attempts)
    }
  }

  async function recover(batch: Waiting[], error: unknown, attempts: number): Promise<void> {
    const failure = error instanceof MustGoAlone ? 'alone' : classify(error)
    const [first] = batch
    if (failure === 'again' && attempts > 1) return settle(batch, attempts - 1)
    if (failure === 'lost' || (failure === 'away' && batch.some(w => w.lost))) return resend(batch, error)
    if (failure === 'again' || failure === 'away') {
      warn('a commit failed', { units: batch.length, error: String(error) })
      for (const w of batch) w.done(away(String(error)))
      return
    }
    if (batch.some(w => w.lost)) {
      // A second copy of an event fails the batch: the first one went through, and its answer was lost.
      try {
        const unwritten = await answerWritten(batch)
        if (unwritten.length < batch.length) return settle(unwritten, attempts)
      } catch (lost) {
        return resend(batch, lost)
      }
    }
    if (batch.length === 1 && first) {
      if (failure === 'quota' && first.unit.quota) first.done(first.unit.quota.exceeded)
      else if (isUnstorable(error)) first.done(unstorable)
      else first.fail(error)
      return
    }
    if (failure === 'quota') gate.full(batch.map(w => w.unit))
    // One bad row must not sink the rest: those of a full quota go alone, everything else is halved until it stands alone.
    const alone =
      error instanceof MustGoAlone
        ? batch.filter(w => error.units.includes(w.unit))
        : failure === 'quota'
          ? batch.filter(w => w.unit.quota)
          : []
    if (alone.length > 0) {
      const others = batch.filter(w => !alone.includes(w))
      await settle(others, attempts)
      for (const w of alone) await settle([w], attempts)
      return
    }
    const half = batch.length >> 1
    await settle(batch.slice(0, half), attempts)
    await settle(batch.slice(half), attempts)
  }

  /**
   * The connection broke, and the batch may or may not be written. Sent once more, each exchange finds its own key or its own event,
   * or is written now; the second statement waits for the first, should that still be running.
   */
  async function resend(batch: Waiting[], error: unknown): Promise<void> {
    if (!batch[0]?.lost) warn('the connection was lost in a commit', { units: batch.length, error: String(error) })
    for (const w of batch) {
      w.lost = true
      if (!leavesTrace(w.unit)) w.done(away('the connection was lost in the commit'))
    }
    await sleep(RESEND_AFTER)
    await settle(
      batch.filter(w => leavesTrace(w.unit)),
      ATTEMPTS,
    )
  }

  /** Answers those of a lost batch whose event is in the outbox, and gives back the others. */
  async function answerWritten(batch: Waiting[]): Promise<Waiting[]> {
    const written = await writtenOutcomes(
      db,
      batch.map(w => w.unit),
    )
    return batch.filter(w => {
      const outcome = written.get(w.unit)
      if (outcome) w.done(outcome)
      return !outcome
    })
  }

  return {
    commit: unit =>
      new Promise((done, fail) => {
        // Bodies of a GET and of tests have no bytes.
        const size = unit.exchange.raw?.length ?? 0
        if (queue.length >= queueLimit || (queue.length > 0 && queuedBytes + size > QUEUE_BYTES))
          return done(away('the commit queue is full'))
        queuedBytes += size
        queue.push({ unit, since: performance.now(), tokens: tokensOf(unit), size, done, fail })
        if (scheduled || busy >= db.lanes) return
        // After the present turn: requests that arrive together leave together.
        scheduled = true
        queueMicrotask(pump)
      }),
    drained: () => (busy === 0 && queue.length === 0 ? Promise.resolve() : new Promise(wake => idle.push(wake))),
    depth: () => queue.length,
  }
}

/** Whether a second commit of the unit would find the first. */
const leavesTrace = ({ key, event }: Unit) => key !== undefined || event === true
