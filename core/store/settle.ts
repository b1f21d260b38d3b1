/** Gives every exchange of a batch its outcome, whatever happens to the statement. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Refusal } from '../plugin.ts'
import { commitBatch, MustGoAlone, type Verdict } from './batch.ts'
import { type Database, STATEMENT_TIMEOUT } from './database.ts'
import { classify, isTooLarge, isUnstorable } from './failure.ts'
import { lockedUnits } from './locks.ts'
import { matchIndexes } from './match.ts'
import { quotaGate } from './quota.ts'
import { writtenOutcomes } from './statement.ts'
import type { Outcome, Unit } from './unit.ts'

export interface Waiting {
  unit: Unit
  /** When it came, by `performance.now()`. */
  since: number
  /** Milliseconds from then, within which it must begin. */
  left: number
  /** The connection went during its commit: nobody knows yet whether it is written. */
  lost?: boolean
  done(outcome: Outcome | Refusal): void
  fail(error: unknown): void
}

/** Milliseconds; beginning later would leave the statement too little of the request's eight seconds. */
const LONGEST_WAIT = 8000 - STATEMENT_TIMEOUT - 500
const ATTEMPTS = 4
/** Milliseconds; a question that takes longer may have made a batch late. */
const SLOW = 500
/** Milliseconds before a batch whose connection was lost is sent again. */
const RESEND_AFTER = 50
/** Milliseconds for which batches ask what is locked before they begin, since one of them waited for a lock in vain. */
const CAREFUL_FOR = 2000

export const away = (reason: string): Refusal => ({
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
const tooLarge: Refusal = { ...unstorable, details: { _general: ['With this, the record would have more than 32 MiB.'] } }

interface Options {
  now(): number
  warn(message: string, fields?: Record<string, unknown>): void
  /** Hears whether the store took the last batch that it was given. */
  took?(well: boolean): void
}

/** Settles a batch: it never rejects, and each of the batch has been answered when it resolves. */
export function settling(db: Database, { now, warn, took }: Options): (batch: Waiting[]) => Promise<void> {
  const gate = quotaGate(db)
  const index = matchIndexes(db, (error, field) => warn('an index for matching could not be made', { field, error: String(error) }))
  let carefulUntil = Number.NEGATIVE_INFINITY

  async function settle(given: Waiting[], attempts: number): Promise<void> {
    let batch = inTime(given)
    if (batch.length === 0) return
    try {
      const began = performance.now()
      if (began < carefulUntil) batch = await free(batch)
      const { refused, left: all } = await gate.before(batch.map(w => w.unit))
      let left = all
      // On a slow line the questions alone may have taken all the time that there was.
      if (performance.now() - began > SLOW) {
        batch = inTime(batch)
        const units = new Set(batch.map(w => w.unit))
        left = all.filter(unit => units.has(unit))
      }
      index(left)
      const verdicts = left.length > 0 ? await commitBatch(db, left, now()) : new Map<Unit, Verdict>()
      if (left.length > 0) took?.(true)
      // From here on only those that must begin again are without an answer.
      batch = batch.filter(w => {
        const verdict = refused.get(w.unit) ?? verdicts.get(w.unit)
        if (verdict === undefined || verdict === 'again') return true
        w.done(verdict)
        return false
      })
      if (batch.length > 0 && attempts > 1) await settle(batch, attempts - 1)
      else for (const w of batch) w.done(away('the holder of the idempotency key keeps changing'))
    } catch (error) {
      await recover(batch, error, attempts)
    }
  }

  async function recover(batch: Waiting[], error: unknown, attempts: number): Promise<void> {
    const failure = error instanceof MustGoAlone ? 'alone' : classify(error)
    const lost = batch.some(w => w.lost)
    if (failure === 'again' && attempts > 1) return settle(batch, attempts - 1)
    // What holds the lock of a lost one may be its own first statement.
    if (failure === 'lost' || (lost && (failure === 'away' || failure === 'locked'))) return resend(batch, error)
    if (failure === 'locked') return aroundLocks(batch, attempts)
    if (failure === 'again' || failure === 'away') {
      if (failure === 'away') took?.(false)
      warn('a commit failed', { units: batch.length, error: String(error) })
      for (const w of batch) w.done(away(String(error)))
      return
    }
    if (lost) {
      // A second copy of an event fails the batch: the first one went through, and its answer was lost.
      try {
        const unwritten = await answerWritten(batch)
        if (unwritten.length < batch.length) return settle(unwritten, attempts)
      } catch (again) {
        return resend(batch, again)
      }
    }
    const [first] = batch
    if (batch.length === 1 && first) {
      if (failure === 'quota' && first.unit.quota) first.done(first.unit.quota.exceeded)
      else if (isTooLarge(error)) first.done(tooLarge)
      else if (isUnstorable(error)) first.done(unstorable)
      else first.fail(error)
      return
    }
    // One bad row must not sink the rest: those of a full quota go alone, everything else is halved until it stands alone.
    if (failure === 'quota') gate.full(batch.map(w => w.unit))
    const isAlone = (w: Waiting) => (error instanceof MustGoAlone ? error.units.includes(w.unit) : failure === 'quota' && !!w.unit.quota)
    const alone = batch.filter(isAlone)
    if (alone.length === 0) return inTurn(halves(batch), attempts)
    const others = batch.filter(w => !alone.includes(w))
    await inTurn([others, ...alone.map(w => [w])], attempts)
  }

  async function inTurn(parts: Waiting[][], attempts: number): Promise<void> {
    for (const part of parts) await settle(part, attempts)
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

  /** Somebody else's transaction holds a row for long: what waits for it is refused, and the others go on. */
  async function aroundLocks(batch: Waiting[], attempts: number): Promise<void> {
    try {
      const rest = await free(batch)
      if (rest.length < batch.length) return settle(rest, attempts)
    } catch (error) {
      if (classify(error) !== 'locked') return recover(batch, error, attempts)
      // The whole table, then: asking on and on would hold everybody up for as long as that lasts.
      warn('another session holds a table locked; what would write to it is refused', { units: batch.length })
      for (const w of batch) w.done(away('another session holds the table locked'))
      return
    }
    if (batch.length === 1) return batch[0]?.done(away('another session holds a row of it locked'))
    // No record, so perhaps a quota.
    const counted = batch.filter(w => w.unit.quota)
    const mixed = counted.length > 0 && counted.length < batch.length
    await inTurn(mixed ? [batch.filter(w => !w.unit.quota), counted] : halves(batch), attempts)
  }

  /** Refuses those whose record is locked by another session. */
  async function free(batch: Waiting[]): Promise<Waiting[]> {
    const locked = await lockedUnits(
      db,
      batch.map(w => w.unit),
    )
    if (locked.size === 0) return batch
    if (performance.now() >= carefulUntil)
      warn('another session holds records locked; what would write them is refused', { units: locked.size })
    carefulUntil = performance.now() + CAREFUL_FOR
    for (const w of batch) if (locked.has(w.unit)) w.done(away('another session holds its record locked'))
    return batch.filter(w => !locked.has(w.unit))
  }

  return batch => settle(batch, ATTEMPTS)
}

/** Refuses those for which it is too late to begin anything; of a lost one the truth is worth more than the request's deadline. */
function inTime(batch: Waiting[]): Waiting[] {
  const now = performance.now()
  const late = ({ since, left, lost }: Waiting) => now - since > (lost ? LONGEST_WAIT : Math.min(left, LONGEST_WAIT))
  if (!batch.some(late)) return batch
  for (const w of batch) if (late(w)) w.done(away(w.lost ? 'the connection was lost in the commit' : 'waited too long for the store'))
  return batch.filter(w => !late(w))
}

const halves = (batch: Waiting[]) => [batch.slice(0, batch.length >> 1), batch.slice(batch.length >> 1)]

/** Whether a second commit of the unit would find the first. */
const leavesTrace = ({ key, event }: Unit) => key !== undefined || event !== undefined
