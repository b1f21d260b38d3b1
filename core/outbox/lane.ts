/**
 * One destination's deliveries on their way: claims what is due, sends as many at a time as its concurrency allows, and writes down how
 * each attempt ended. A lane shares nothing with another one, so a slow or dead destination delays no other.
 */
import { isBrokenCircuitError } from 'cockatiel'
import type { Destination } from '../config/config.ts'
import type { Receipt, Sender } from '../plugin.ts'
import type { Database } from '../store/database.ts'
import { openCircuit } from './circuit.ts'
import { type Held, openClaims } from './claims.ts'
import type { Claimed } from './delivery.ts'
import type { Governor } from './governor.ts'
import type { Compose } from './message.ts'
import type { Pace } from './pace.ts'
import type { Queue } from './queue.ts'
import { attempted, storable } from './receipt.ts'
import type { Result, ResultWriter } from './result.ts'
import { compileSchedule } from './schedule.ts'

export interface LaneOptions {
  destination: Destination
  sender: Sender
  /** By the name of the subscription; undefined when there is none of that name any more. */
  compose(subscription: string): Compose | undefined
  db: Database
  queue: Queue
  results: ResultWriter
  /** By `performance.now()`. */
  pace: Pace
  /** Epoch milliseconds. */
  now(): number
  /** Nothing but failures since then, in epoch milliseconds; undefined: the last attempt was a success. */
  failingSince: number | undefined
  governor: Governor
  /** Writes down that it fails, or does no more. */
  failing(since: number | undefined): void
  /** Takes credentials out of what a receiver answered. */
  blank(text: string): string
  /** The destination takes no more: it is to be paused. */
  ended(reason: 'gone' | 'failing'): void
  warn(message: string, fields?: Record<string, unknown>): void
  attempted(destination: string, outcome: Attempted, seconds: number): void
}

/** How an attempt ended: `failed` is tried again. */
export type Attempted = 'delivered' | 'failed' | 'dead'

export interface Lane {
  /** Something may be due. */
  wake(): void
  /** Begins nothing more; resolves when what was begun is written, or after ten seconds, and the rest is given back. */
  stop(): Promise<void>
  circuit(): 'closed' | 'open' | 'half-open'
  /** It has ended by itself, and its destination is to be paused. */
  halted(): boolean
  /** It could send more than it has at hand. */
  hungry(): boolean
}

/** Milliseconds for which the circuit stays open: as long as the first wait of the schedule, within these. */
const OPEN = { least: 100, most: 30_000 }
/** Jobs that are claimed ahead of time, at most. */
const AHEAD = 256
/** Claimed deliveries below which a lane asks for more. */
const HUNGRY = 32
/** Attempts that may wait to be written down; more are not begun. */
const UNWRITTEN = 1000
/** Milliseconds after which the store is asked again. */
const STORE_PAUSE = 500
/** Milliseconds beyond its time after which an attempt that does not end counts as failed. */
const OVERDUE = 5000
const LONGEST_TIMER = 60_000
/** Milliseconds that attempts under way have left when the lane is to stop. */
const GRACE = 10_000

export function openLane(options: LaneOptions): Lane {
  const { destination, sender, db, queue, results, now, warn, blank, pace } = options
  const { name, concurrency, timeout } = destination
  const schedule = compileSchedule(destination.retry)
  const openFor = Math.min(OPEN.most, Math.max(OPEN.least, schedule.wait(2) ?? OPEN.most))
  const circuit = openCircuit(openFor, () =>
    warn('a destination fails again and again; one attempt at a time tells whether it is back', { destination: name, ms: openFor }),
  )
  let failingSince = options.failingSince
  const claims = openClaims({
    name,
    db,
    queue,
    batch: Math.min(AHEAD, Math.max(16, concurrency * 2)),
    refilled: () => pump(),
    warn,
  })
  let inFlight = 0
  /** Attempts that ended, and of which the store does not know yet. */
  let unwritten = 0
  let stopped = false
  /** What is under way still is nobody's any more: the next to open the lane makes it again. */
  let abandoned = false
  const idle: (() => void)[] = []
  const timers = new Map<string, { at: number; timer: ReturnType<typeof setTimeout> }>()

  function pump() {
    while (!stopped && claims.size() > 0 && inFlight < concurrency && unwritten < UNWRITTEN && mayBegin()) {
      pace.begin(performance.now())
      inFlight++
      void attempt(claims.take() as Held)
    }
    if (!stopped) claims.refill(Math.min(concurrency, AHEAD / 2))
  }

  function mayBegin(): boolean {
    if (circuit.state() !== 'closed' && inFlight > 0) return false
    const wait = Math.max(circuit.wait(), pace.wait(performance.now()))
    return wait === 0 || later('begin', wait)
  }

  /** Looks again after a while. */
  function later(why: string, ms: number): false {
    const at = performance.now() + ms
    const set = timers.get(why)
    if (!set || set.at > at) {
      clearTimeout(set?.timer)
      const wake = () => {
        timers.delete(why)
        if (why === 'due') claims.expect()
        pump()
      }
      timers.set(why, { at, timer: setTimeout(wake, Math.min(ms, LONGEST_TIMER)) })
    }
    return false
  }

  async function attempt(one: Held): Promise<void> {
    const { job, claimed } = one
    await options.governor.turn(1)
    const number = claimed.attempts + 1
    const at = now()
    const began = performance.now()
    const receipt = await deliver(claimed, number)
    if (abandoned) return
    if (receipt === 'not-now') {
      // The circuit opened while it stood in line: it has not been tried.
      claims.putBack(one)
      inFlight--
      pump()
      if (inFlight + unwritten === 0) for (const wake of idle.splice(0)) wake()
      return
    }
    const verdict = schedule.judge(number - claimed.forgiven, receipt)
    const result: Result = {
      destination: name,
      ordered: destination.ordered,
      job,
      attempt: number,
      at,
      duration: Math.round(performance.now() - began),
      status: receipt.status,
      error: receipt.ok ? undefined : receipt.code,
      message: receipt.ok ? undefined : storable(blank(receipt.message)),
      response: receipt.response === undefined ? undefined : storable(blank(receipt.response)),
      verdict: verdict.kind === 'delivered' || verdict.kind === 'dead' ? verdict.kind : 'pending',
      after: verdict.kind === 'retry' ? verdict.after : 0,
    }
    options.attempted(name, result.verdict === 'pending' ? 'failed' : result.verdict, result.duration / 1000)
    if (verdict.kind === 'disable') halt('gone')
    else note(receipt.ok)
    unwritten++
    inFlight--
    pump()
    await written(result)
    unwritten--
    claims.settled(job)
    pump()
    if (inFlight + unwritten === 0) for (const wake of idle.splice(0)) wake()
    if (verdict.kind === 'retry') later('due', verdict.after + 5)
    if (verdict.kind === 'dead')
      warn('a delivery is dead: its last attempt failed', { destination: name, delivery: claimed.delivery, error: result.error })
  }

  async function deliver(claimed: Claimed, number: number): Promise<Receipt | 'not-now'> {
    const compose = options.compose(claimed.subscription)
    if (!compose) {
      const message = `the subscription '${claimed.subscription}' is not declared any more`
      return { ok: false, code: 'NO_SUBSCRIPTION', message, hopeless: true }
    }
    // The message is made within, too: what cannot be written down as a message has failed as well.
    const send = () => sender.send(compose(claimed, number))
    try {
      return await circuit.attempt(() => attempted(send, timeout + OVERDUE))
    } catch (error) {
      if (isBrokenCircuitError(error)) return 'not-now'
      throw error
    }
  }

  /** Until it is written: an attempt that nobody knows of would be made again. */
  async function written(result: Result): Promise<void> {
    for (let wait = STORE_PAUSE; ; wait = Math.min(wait * 2, 10_000)) {
      try {
        return await results.write(result)
      } catch (error) {
        warn('an attempt could not be written down', { destination: name, error: String(error) })
        if (stopped) return
        await new Promise(done => setTimeout(done, wait))
      }
    }
  }

  function note(ok: boolean) {
    if (ok && failingSince !== undefined) {
      failingSince = undefined
      options.failing(undefined)
    } else if (!ok && failingSince === undefined) {
      failingSince = now()
      options.failing(failingSince)
    } else if (!ok && destination.disableAfter > 0 && now() - (failingSince as number) >= destination.disableAfter) halt('failing')
  }

  function halt(reason: 'gone' | 'failing') {
    if (stopped) return
    stopped = true
    options.ended(reason)
  }

  return {
    wake() {
      claims.expect()
      pump()
    },
    async stop() {
      stopped = true
      for (const { timer } of timers.values()) clearTimeout(timer)
      if (inFlight + unwritten > 0) {
        const late = setTimeout(() => {
          abandoned = true
          for (const wake of idle.splice(0)) wake()
        }, GRACE)
        await new Promise<void>(done => idle.push(done))
        clearTimeout(late)
      }
      await claims.stop()
      await sender.close?.()
    },
    halted: () => stopped,
    hungry: () => !stopped && circuit.state() === 'closed' && claims.ahead() < HUNGRY,
    circuit: circuit.state,
  }
}
