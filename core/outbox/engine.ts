/** Delivers events: relays what the commits left in the outbox, and runs a lane for each destination that is this replica's. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Config, Destination } from '../config/config.ts'
import { planOf } from '../config/plan.ts'
import { secretNeedles } from '../needles.ts'
import type { Sender } from '../plugin.ts'
import type { Database } from '../store/database.ts'
import { ulid } from '../ulid.ts'
import type { DeliveryControl } from './control.ts'
import { type Load, openGovernor } from './governor.ts'
import { type Attempted, type Lane, openLane } from './lane.ts'
import { type DestinationRow, LEASE, openLease } from './lease.ts'
import { lend } from './lend.ts'
import { compileMatcher, type Matcher } from './match.ts'
import { type Compose, compileMessage } from './message.ts'
import { operations } from './operate.ts'
import { resumePace } from './pace.ts'
import { openQueue } from './queue.ts'
import { openRelay } from './relaying.ts'
import { openResults } from './result.ts'
import { sweep } from './sweep.ts'

export interface EngineOptions {
  config: Config
  /** Connections of its own; see `openBackground`. */
  db: Database
  /** Epoch milliseconds. */
  now(): number
  /** For the operator. */
  warn(message: string, fields?: Record<string, unknown>): void
  /** Of the intake: deliveries stand back while it is high. */
  load(): Load
  /** Signs how often events have gone round. */
  hopKey: string
  /** Hears which secrets signed something. */
  usedSecrets?(values: readonly string[]): void
  /** Hears how each attempt ended, and after how many seconds. */
  attempted?(destination: string, outcome: Attempted, seconds: number): void
}

export interface Engine extends DeliveryControl {
  /** A commit has left something in the outbox. */
  wake(): void
  /** From now on the subscriptions and destinations of another configuration count. */
  swap(config: Config): Promise<void>
  /** Ends what is being sent, and lets everything go for other replicas. */
  close(): Promise<void>
}

/** Milliseconds between two looks at what nobody told of: retries that became due, events and deliveries of other replicas. */
const TICK = 500
/** Milliseconds between looks for what waits at a destination that is not ordered. */
const SWEEP = 60_000
/** Renewals of the lease: each second. */
const RENEW = 1000

interface Plan {
  name: string
  config: Config
  matcher: Matcher
  /** Its own, and those of the plan before. */
  secrets: readonly (readonly string[])[]
}

interface Place {
  destination: Destination
  lane: Lane
}

/** Opens the engine on an installed store. */
export async function openEngine(options: EngineOptions): Promise<Engine> {
  const { db, now, warn, hopKey } = options
  const queue = await openQueue(db, warn)
  const lease = db.kind === 'postgres' ? openLease(db, ulid(now())) : openLease(db, 'embedded')
  const governor = openGovernor(options.load)
  const results = openResults(db, queue, governor.busy, name => lanes.get(name)?.lane.wake())
  const lanes = new Map<string, Place>()
  const opened = new Set<string>()
  /** Events that a subscription's `when` could not judge. */
  const unjudged = new Map<string, number>()
  let plan = planned(options.config)
  let closed = false
  let lastRenewal = Number.NEGATIVE_INFINITY
  let lastSweep = performance.now()
  let arranging = Promise.resolve()
  /** Destinations whose lane is opening or ending: that may take seconds, and the lease of the others must not wait for it. */
  const moving = new Map<string, Promise<void>>()

  function planned(config: Config, before?: Config): Plan {
    const failed = (subscription: string) => void unjudged.set(subscription, (unjudged.get(subscription) ?? 0) + 1)
    // What is under way was signed with the secrets before.
    const secrets = [config.secretValues, before?.secretValues ?? []]
    return { name: planOf(config), config, matcher: compileMatcher(config, warn, failed), secrets }
  }

  /** A receiver may echo what it was sent. */
  const blank = (text: string) => plan.secrets.reduce((clean, list) => secretNeedles(list)?.replace(clean, '[secret]') ?? clean, text)

  const isOrdered = (name: string) => plan.config.destinations.get(name)?.ordered ?? false

  const relaying = openRelay({
    db,
    queue,
    governor,
    warn,
    plan: () => ({ ...plan.matcher, name: plan.name, ordered: isOrdered }),
    hungry: () => lanes.size === 0 || [...lanes.values()].some(place => place.lane.hungry()),
    relayed: names => {
      for (const name of names) lanes.get(name)?.lane.wake()
    },
  })

  /** Before anything can be relayed there: within a transaction the embedded store could not make a queue. */
  async function openQueues({ destinations }: Config): Promise<void> {
    for (const name of destinations.keys()) {
      if (opened.has(name)) continue
      await queue.open(name)
      opened.add(name)
    }
  }

  /** Opens and closes lanes until they are those that this replica should run. */
  function arrange(): Promise<void> {
    arranging = arranging.then(doArrange).catch(error => warn('destinations could not be looked after', { error: String(error) }))
    return arranging
  }

  async function doArrange(): Promise<void> {
    if (closed) return
    const { destinations } = plan.config
    await openQueues(plan.config)
    const rows = await lease.renew([...destinations.keys()], plan.name)
    lastRenewal = performance.now()
    for (const [name, place] of lanes) {
      const row = rows.get(name)
      const present = destinations.get(name)
      const keep = row?.mine && row.shouldBe && !row.paused_at && present && !present.closed && isSame(present, place.destination)
      if (keep && !place.lane.halted()) continue
      move(name, async () => {
        await stopLane(name)
        if (row?.mine && !row.shouldBe) await lease.release([name])
      })
    }
    for (const [name, destination] of destinations) {
      const row = rows.get(name)
      if (row?.mine && row.shouldBe && !row.paused_at && !destination.closed && !lanes.has(name) && !moving.has(name))
        move(name, () => startLane(destination, row))
    }
  }

  function move(name: string, work: () => Promise<void>) {
    if (moving.has(name)) return
    const moved = work()
      .catch(error => warn('a destination could not be opened or left', { destination: name, error: String(error) }))
      .finally(() => {
        moving.delete(name)
        lastRenewal = Number.NEGATIVE_INFINITY // the next look is soon
      })
    moving.set(name, moved)
  }

  async function startLane(destination: Destination, row: DestinationRow): Promise<void> {
    const { name } = destination
    let sender: Sender
    try {
      sender = await destination.kind.open(destination.settings, lend(destination, plan.config.server.allowedCidrs, options))
    } catch (error) {
      warn('a destination cannot be opened; its events wait', { destination: name, error: (error as Error).message })
      return
    }
    await queue.reclaim(name, new Set())
    await sweep(db, queue, destination)
    const pace = await resumePace(db, destination, options)
    if (closed) return void (await sender.close?.())
    const composed = new Map<string, { of: Plan; compose: Compose }>()
    const lane = openLane({
      attempted: options.attempted ?? (() => {}),
      destination,
      sender,
      db,
      queue,
      results,
      pace,
      now,
      warn,
      blank,
      failingSince: row.failing_since?.getTime(),
      governor,
      compose(subscription) {
        const present = composed.get(subscription)
        if (present?.of === plan) return present.compose
        const found = plan.config.subscriptions.get(subscription)
        if (!found) return undefined
        const compose = compileMessage(plan.config.server, destination, found, hopKey)
        composed.set(subscription, { of: plan, compose })
        return compose
      },
      failing: since =>
        void db
          .query('update destinations set failing_since = to_timestamp($2) where name = $1', [
            name,
            since === undefined ? null : since / 1000,
          ])
          .catch(() => {}),
      ended: reason => void end(name, reason),
    })
    lanes.set(name, { destination, lane })
    lane.wake()
  }

  async function stopLane(name: string): Promise<void> {
    const place = lanes.get(name)
    lanes.delete(name)
    await place?.lane.stop()
  }

  async function end(name: string, reason: 'gone' | 'failing'): Promise<void> {
    warn(reason === 'gone' ? 'a destination answered 410 and is paused' : 'a destination has failed for too long and is paused', {
      destination: name,
    })
    await control
      .pauseFor(name, reason)
      .catch(error => warn('a destination could not be paused', { destination: name, error: String(error) }))
    await arrange()
  }

  const haltedOnes = () => [...lanes.values()].some(place => place.lane.halted())

  async function tick(): Promise<void> {
    if (performance.now() - lastRenewal >= RENEW && (db.kind === 'postgres' || lanes.size < plan.config.destinations.size || haltedOnes()))
      await arrange()
    // Whoever could not renew may have been succeeded already.
    if (db.kind === 'postgres' && lease.age() > LEASE - RENEW) for (const name of lanes.keys()) move(name, () => stopLane(name))
    if (performance.now() - lastSweep >= SWEEP) {
      lastSweep = performance.now()
      // A replica with other settings may have left something waiting here.
      for (const [name, { destination }] of lanes) if (!destination.ordered && !moving.has(name)) await sweep(db, queue, destination)
    }
    const [found] = await db.query<{ events: boolean; due: string[] | null }>(DUE, [[...lanes.keys()]])
    for (const name of found?.due ?? []) lanes.get(name)?.lane.wake()
    if (found?.events) relaying.wake()
  }

  async function ticking(): Promise<void> {
    while (!closed) {
      await tick().catch(error => warn('the delivery engine cannot reach the store', { error: String(error) }))
      await Promise.race([sleep(TICK, undefined, { ref: false }), stopping.promise])
    }
  }

  const stopping = Promise.withResolvers<void>()
  const control = operations({
    db,
    queue,
    config: () => plan.config,
    circuit: name => lanes.get(name)?.lane.circuit(),
    changed: async names => {
      await arrange()
      for (const name of names) lanes.get(name)?.lane.wake()
    },
  })
  await openQueues(options.config)
  await arrange()
  relaying.wake()
  const ticks = ticking()

  return {
    ...control,
    unjudged: subscription => unjudged.get(subscription) ?? 0,
    wake: relaying.wake,
    async swap(config) {
      await openQueues(config)
      plan = planned(config, plan.config)
      await arrange()
    },
    async close() {
      closed = true
      stopping.resolve()
      await Promise.all([ticks, relaying.close(), arranging])
      await Promise.all([...moving.values(), ...[...lanes.keys()].map(stopLane)])
      await results.drained()
      await lease.close().catch(() => {})
      await queue.close()
    },
  }
}

/** Destinations of which something is due, and whether there is anything to relay. */
const DUE = `
select exists(select from outbox) as events, array(
  select name from unnest($1::text[]) name where exists(
    select from deliveries d where d.destination = name and d.status = 'pending' and d.next_at <= now())) as due`

/** The two would send alike: only what they are called with differs. */
function isSame(a: Destination, b: Destination): boolean {
  const { at: _a, kind: kindA, ...one } = a
  const { at: _b, kind: kindB, ...other } = b
  return kindA === kindB && JSON.stringify(one) === JSON.stringify(other)
}
