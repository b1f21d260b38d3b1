/**
 * One destination's deliveries on their way: claims what is due, sends as many at a time as its concurrency allows, and writes down how
 * each attempt ended. A lane shares nothing with another one, so a slow or dead destination delays no other.
 */
import { isBrokenCircuitError } from 'cockatiel'
import type { Destination } from '../config/config.ts'
import type { Receipt, Sender } from '../plugin.ts'
import type { Database } from '../store/database.ts'
import { openCircuit } from './circuit.ts'
import { type Claimed, dropJobs, readClaimed } from './delivery.ts'
import type { Governor } from './governor.ts'
import type { Compose } from './message.ts'
import { openPace } from './pace.ts'
import type { Job, Queue } from './queue.ts'
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
}

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
/** Of the answer, in characters. */
const KEPT = 4096
/** Milliseconds beyond its time after which an attempt that does not end counts as failed. */
const OVERDUE = 5000
const LONGEST_TIMER = 60_000
/** Milliseconds that attempts under way have left when the lane is to stop. */
const GRACE = 10_000

export function openLane(options: LaneOptions): Lane {
  const { destination, sender, db, queue, results, now, warn, blank } = options
  const { name, concurrency, timeout } = destination
  const schedule = compileSchedule(destination.retry)
  const pace = openPace(destination.rate)
  const openFor = Math.min(OPEN.most, Math.max(OPEN.least, schedule.wait(2) ?? OPEN.most))
  const circuit = openCircuit(openFor, () =>
    warn('a destination fails again and again; one attempt at a time tells whether it is back', { destination: name, ms: openFor }),
  )
  let failingSince = options.failingSince
  let buffer: { job: Job; claimed: Claimed }[] = []
  let inFlight = 0
  /** Attempts that ended, and of which the store does not know yet. */
  let unwritten = 0
  let claiming: Promise<void> | undefined
  /** Whether the queue may have something due that was not claimed. */
  let more = true
  /** Jobs that are claimed and not yet settled. */
  const held = new Set<string>()
  /** A claim failed: the queue may have given us jobs that we do not know of. */
  let unsure = false
  let stopped = false
  /** What is under way still is nobody's any more: the next to open the lane makes it again. */
  let abandoned = false
  const idle: (() => void)[] = []
  const timers = new Map<string, { at: number; timer: ReturnType<typeof setTimeout> }>()

  function pump() {
    while (!stopped && buffer.length > 0 && inFlight < concurrency && unwritten < UNWRITTEN && mayBegin()) {
      const next = buffer.shift() as (typeof buffer)[number]
      pace.begin(performance.now())
      inFlight++
      void attempt(next.job, next.claimed)
    }
    if (!stopped && more && !claiming && buffer.length < Math.min(concurrency, AHEAD / 2)) claiming = claim().finally(claimed)
  }

  function claimed() {
    claiming = undefined
    pump()
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
        if (why === 'due') more = true
        pump()
      }
      timers.set(why, { at, timer: setTimeout(wake, Math.min(ms, LONGEST_TIMER)) })
    }
    return false
  }

  async function claim(): Promise<void> {
    more = false
    const want = Math.min(AHEAD, Math.max(16, concurrency * 2))
    let jobs: Job[] = []
    try {
      if (unsure) {
        await queue.reclaim(name, held)
        unsure = false
      }
      // The queue tells them in no order; the ids of deliveries are in that of their events.
      jobs = (await queue.claim(name, want)).sort((a, b) => (a.delivery < b.delivery ? -1 : 1))
      for (const { id } of jobs) held.add(id)
      if (jobs.length === want) more = true
      if (jobs.length === 0) return
      const found = new Map(
        (
          await readClaimed(
            db,
            jobs.map(j => j.delivery),
          )
        ).map(c => [c.delivery, c]),
      )
      const [left, done] = [jobs.filter(j => found.has(j.delivery)), jobs.filter(j => !found.has(j.delivery))]
      buffer.push(...left.map(job => ({ job, claimed: found.get(job.delivery) as Claimed })))
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

  async function attempt(job: Job, claimed: Claimed): Promise<void> {
    await options.governor.turn(1)
    const number = claimed.attempts + 1
    const at = now()
    const began = performance.now()
    const receipt = await deliver(claimed, number)
    if (abandoned) return
    if (receipt === 'not-now') {
      // The circuit opened while it stood in line: it has not been tried.
      buffer.unshift({ job, claimed })
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
    if (verdict.kind === 'disable') halt('gone')
    else note(receipt.ok)
    unwritten++
    inFlight--
    pump()
    await written(result)
    unwritten--
    held.delete(job.id)
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
    try {
      const message = compose(claimed, number)
      return sound(await circuit.attempt(() => within(sender.send(message), timeout + OVERDUE)))
    } catch (error) {
      if (isBrokenCircuitError(error)) return 'not-now'
      return { ok: false, code: 'SENDER_FAILED', message: `the kind of destination failed: ${(error as Error).message}` }
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
      more = true
      pump()
    },
    async stop() {
      stopped = true
      for (const { timer } of timers.values()) clearTimeout(timer)
      await claiming
      const rest = buffer
      buffer = []
      if (inFlight + unwritten > 0) {
        const late = setTimeout(() => {
          abandoned = true
          for (const wake of idle.splice(0)) wake()
        }, GRACE)
        await new Promise<void>(done => idle.push(done))
        clearTimeout(late)
      }
      // The next to open the lane gives back what this one cannot.
      await queue
        .release(
          name,
          rest.map(r => r.job),
        )
        .catch(() => {})
      await sender.close?.()
    },
    halted: () => stopped,
    hungry: () => !stopped && circuit.state() === 'closed' && buffer.length < HUNGRY,
    circuit: circuit.state,
  }
}

/** A receipt as it can be stored, whatever a kind of destination makes of it. */
function sound(receipt: Receipt): Receipt {
  if (typeof receipt !== 'object' || receipt === null) return { ok: false, code: 'SENDER_FAILED', message: 'send returned no receipt' }
  const { status, response } = receipt
  const kept = {
    ...(Number.isInteger(status) && Math.abs(status as number) < 1e6 && { status: status as number }),
    ...(typeof response === 'string' && { response }),
  }
  if (receipt.ok === true) return { ok: true, ...kept }
  const { code, message, retryAfter, gone, hopeless } = receipt
  return {
    ok: false,
    code: /^[\w.-]{1,64}$/.test(String(code)) ? String(code) : 'SENDER_FAILED',
    message: String(message ?? ''),
    ...kept,
    ...(Number.isFinite(retryAfter) && { retryAfter: retryAfter as number }),
    ...(gone === true && { gone }),
    ...(hopeless === true && { hopeless }),
  }
}

/** Postgres keeps no NUL. */
const storable = (text: string) => text.slice(0, KEPT).replaceAll('\0', '\ufffd').toWellFormed()

function within(sending: Promise<Receipt>, ms: number): Promise<Receipt> {
  return new Promise((done, fail) => {
    const timer = setTimeout(() => done({ ok: false, code: 'TIMEOUT', message: 'the attempt did not end' }), ms)
    sending.then(done, fail).finally(() => clearTimeout(timer))
  })
}
