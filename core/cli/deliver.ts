/** The delivery engine beside the gateway: open as soon as the store is, and not in the way of the intake before that. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from '../config/config.ts'
import { type Engine, type EngineOptions, openEngine } from '../outbox/engine.ts'
import { sharedKey } from '../store/instance.ts'

export interface Delivery {
  /** Undefined until the store could be used for the first time. */
  engine(): Engine | undefined
  /** Signs hop counts; empty until then. */
  hopKey(): string
  /** Tries at least once; resolves when the engine is open, or after so many milliseconds. */
  opened(patience: number): Promise<void>
  swap(config: Config): Promise<void>
  close(): Promise<void>
}

const PAUSE = 500

export function openDelivery(options: Omit<EngineOptions, 'hopKey'>): Delivery {
  const { db, warn } = options
  let { config } = options
  let key = ''
  let engine: Engine | undefined
  let closed = false
  let told = false

  async function tryOpen(): Promise<void> {
    try {
      key = await sharedKey(db, 'hop-key')
      engine = await openEngine({ ...options, config, hopKey: key })
    } catch (error) {
      if (!told) warn('deliveries wait: the store cannot be used yet', { error: String(error) })
      told = true
    }
  }

  async function keepTrying(): Promise<void> {
    while (!engine && !closed) {
      await sleep(PAUSE)
      if (!closed) await tryOpen()
    }
  }

  const first = tryOpen()
  const opening = first.then(keepTrying)

  return {
    engine: () => engine,
    hopKey: () => key,
    async opened(patience) {
      await first
      await Promise.race([opening, sleep(patience, undefined, { ref: false })])
    },
    async swap(next) {
      config = next
      await engine?.swap(next)
    },
    async close() {
      closed = true
      await opening
      await engine?.close()
    },
  }
}
