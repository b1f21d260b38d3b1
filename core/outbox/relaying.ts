/** The relay of this replica: works whenever somebody says that there is something, and stands back while the intake is busy. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Database } from '../store/database.ts'
import type { Governor } from './governor.ts'
import type { Queue } from './queue.ts'
import { type RelayPlan, relayBatch } from './relay.ts'
import { openShare } from './share.ts'

interface Options {
  db: Database
  queue: Queue
  governor: Governor
  plan(): RelayPlan
  /** Whether any destination could send more than it has at hand. */
  hungry(): boolean
  /** Hears which destinations have something to send. */
  relayed(destinations: Iterable<string>): void
  warn(message: string, fields?: Record<string, unknown>): void
}

/** Events in one transaction; under load no more than will soon be sent. */
const BATCH = { calm: 500, busy: 100 }
/** What relaying one event costs, in attempts. */
const COST = 0.25
/** Milliseconds after which it looks again whether it may. */
const PAUSE = { fed: 20, store: 500 }

export function openRelay({ db, queue, governor, plan, hungry, relayed, warn }: Options): { wake(): void; close(): Promise<void> } {
  let wanted = false
  let closed = false
  let running: Promise<void> | undefined
  const share = openShare(BATCH.calm)
  /** Until they are relayed without being read. */
  const unreadable = new Set<string>()

  async function run(): Promise<void> {
    while (wanted && !closed) {
      // Under load, an event that nobody could send yet is better left where it is.
      if (governor.busy() && !hungry()) {
        await sleep(PAUSE.fed)
        continue
      }
      wanted = false
      try {
        const done = await relayBatch(db, queue, plan(), share.of(governor.busy() ? BATCH.busy : BATCH.calm), unreadable)
        if (!done) continue
        share.succeeded()
        unreadable.clear()
        relayed(done.destinations)
        if (done.full) wanted = true
        await governor.turn(done.events * COST)
      } catch (error) {
        warn('events could not be relayed', { error: String(error) })
        const event = share.failed(error)
        if (event !== undefined) {
          warn('an event cannot be read; whatever it would have been delivered to has a dead delivery of it', { event })
          unreadable.add(event)
        }
        wanted = true
        await sleep(PAUSE.store)
      }
    }
    running = undefined
  }

  return {
    wake() {
      wanted = true
      running ??= run()
    },
    async close() {
      closed = true
      await running
    },
  }
}
