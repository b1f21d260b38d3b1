/** When a delivery is tried again, and when no more. */
import type { Retry } from '../config/config.ts'
import type { Receipt } from '../plugin.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

/** The schedule that Standard Webhooks 1.0.0 gives as its example: ten attempts over 75 hours, 35 minutes and 5 seconds. */
export const STANDARD: readonly number[] = [
  0,
  5 * SECOND,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  14 * HOUR,
  20 * HOUR,
  24 * HOUR,
]

/** No answer keeps a delivery waiting longer. */
const LONGEST = 24 * HOUR
/** The part of a wait that chance may add: what failed together does not come back together. */
const JITTER = 0.2

/** What becomes of the delivery. */
export type Verdict =
  | { kind: 'delivered' }
  /** Try again after this many milliseconds. */
  | { kind: 'retry'; after: number }
  /** It was the last attempt, or no other could end differently. */
  | { kind: 'dead' }
  /** The receiver is gone: the destination wants no more deliveries at all. */
  | { kind: 'disable' }

/** The compiled schedule of a destination. */
export interface Schedule {
  /** How many there are, the first included. */
  readonly attempts: number
  /** Milliseconds to wait before an attempt, counted from 1: as listed or up to a fifth longer. Undefined beyond the last. */
  wait(attempt: number): number | undefined
  /** Judges an attempt, counted from 1. */
  judge(attempt: number, receipt: Receipt): Verdict
}

/** Compiles a schedule; throws with a sentence when it makes no sense. `random` is from 0 to below 1. */
export function compileSchedule(retry: Retry = {}, random: () => number = Math.random): Schedule {
  const waits = waitsOf(retry)
  const jittered = (wait: number) => Math.round(wait * (1 + JITTER * random()))
  return {
    attempts: waits.length,
    wait(attempt) {
      const base = waits[attempt - 1]
      return base === undefined ? undefined : jittered(base)
    },
    judge(attempt, receipt) {
      if (receipt.ok) return { kind: 'delivered' }
      if (receipt.gone) return { kind: 'disable' }
      const base = waits[attempt]
      if (base === undefined || receipt.hopeless) return { kind: 'dead' }
      // Never before its time in the schedule: a receiver in trouble could otherwise use up all attempts within seconds.
      return { kind: 'retry', after: jittered(Math.max(base, Math.min(receipt.retryAfter ?? 0, LONGEST))) }
    },
  }
}

function waitsOf({ schedule, attempts, backoff, max }: Retry): readonly number[] {
  if (schedule === undefined && attempts === undefined && backoff === undefined && max === undefined) return STANDARD
  if (schedule !== undefined) {
    if (attempts !== undefined || backoff !== undefined || max !== undefined)
      throw new Error('a retry has either a schedule, or attempts, backoff and max: leave one of them out')
    if (schedule.length === 0) throw new Error('a retry schedule without an attempt delivers nothing: write [0s] for a single one')
    for (const wait of schedule) check('a wait of a retry schedule', wait, wait >= 0)
    return [...schedule]
  }
  const [count, first] = [attempts ?? STANDARD.length, backoff ?? 5 * SECOND]
  const most = max ?? Math.max(first, LONGEST)
  check('retry attempts', count, Number.isInteger(count) && count >= 1 && count <= 1000)
  check('retry backoff', first, first > 0)
  check('retry max', most, most >= first)
  return Array.from({ length: count }, (_, i) => (i === 0 ? 0 : Math.min(most, first * 2 ** (i - 1))))
}

function check(what: string, value: number, good: boolean): void {
  if (!good || !Number.isFinite(value)) throw new Error(`${what} cannot be ${value}`)
}
