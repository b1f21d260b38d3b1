/** A chain compiled into a straight line of steps, once per webhook. */
import type { ChainItem, Config, Webhook } from '../config/config.ts'
import { type AnyPlugin, type Host, type Reply, type Step, Unavailable } from '../plugin.ts'
import { refuse } from './codes.ts'
import type { Exchange } from './exchange.ts'
import { commonHost, makeHost, type Services } from './host.ts'
import { NotCompiled } from './notCompiled.ts'

export interface Chain {
  /** Names of its steps in order, with that of the payload's parsing. */
  readonly steps: readonly string[]
  /** Runs the line; undefined when every step agreed. */
  run(x: Exchange): Promise<Stop | undefined>
  /** Runs its `verify` steps alone, or, for a method that is not the webhook's, all up to the last step that answers it. */
  ask(x: Exchange, method?: string): Promise<Stop | undefined>
  /** Releases what the plugins opened. */
  close(): Promise<void>
}

/** Where and how a chain ended before its last step. */
export interface Stop {
  reply: Reply
  plugin: string
  /** Which of the chain's steps it was. */
  step: number
  /** What a step threw. */
  error?: unknown
}

interface Link {
  plugin: string
  step: Step
  verify?: boolean
  methods?: readonly string[]
}

/** Milliseconds that the steps and the commit have: a little less than the request, since its answer takes a moment, too. */
export const patience = ({ server }: Config): number => server.requestTimeout * 0.97

/** Steps that webhooks have in common, by plugin and by their settings as JSON: for as long as the chains of one gateway are compiled. */
export type Commons = Map<AnyPlugin, Map<string, Step>>

export interface CompileOptions {
  /** Leaves the `verify` steps out, for a request that they have let in before. */
  judged?: boolean
  commons?: Commons
}

/** Compiles the chain of a webhook. */
export async function compileChain(
  config: Config,
  webhook: Webhook,
  services: Services,
  { judged = false, commons = new Map() }: CompileOptions = {},
): Promise<Chain> {
  const line = new Line(webhook.name, patience(config), services)
  const onClose = (release: Release) => void line.releases.push(release)
  // The payload is parsed after all credentials hold, and after the steps that look at headers alone: an idempotency key counts
  // before the body does.
  const first = webhook.chain.findIndex(item => item.plugin.phase !== 'verify' && item.plugin.phase !== 'admit')
  const parsed = first < 0 ? webhook.chain.length : first
  try {
    for (const [i, item] of webhook.chain.entries()) {
      if (i === parsed) line.add(parsing)
      if (judged && item.plugin.phase === 'verify') continue
      const step = await compileItem(item, config, webhook, services, { commons, onClose }).catch(error => {
        throw new NotCompiled(config, webhook, i, error)
      })
      const methods = item.plugin.methods?.(item.settings) ?? NONE
      line.add({ plugin: item.plugin.name, step, verify: item.plugin.phase === 'verify', methods })
    }
  } catch (error) {
    await line.close()
    throw error
  }
  if (parsed === webhook.chain.length) line.add(parsing)
  return line
}

async function compileItem(
  item: ChainItem,
  config: Config,
  webhook: Webhook,
  services: Services,
  { commons, onClose }: { commons: Commons; onClose: Host['onClose'] },
): Promise<Step> {
  const { plugin, settings } = item
  if (plugin.shared) return compileCommon(item, () => commonHost(config, plugin, services), commons)
  return plugin.compile(settings, makeHost(config, webhook.name, plugin, services, onClose))
}

async function compileCommon({ plugin, settings }: ChainItem, host: () => Host, commons: Commons): Promise<Step> {
  const alike = commons.get(plugin) ?? new Map<string, Step>()
  commons.set(plugin, alike)
  const key = JSON.stringify(settings)
  const step = alike.get(key) ?? (await plugin.compile(settings, host()))
  alike.set(key, step)
  return step
}

type Release = () => void | Promise<void>

/** A class: three closures for each of ten thousand webhooks would be a good part of what they hold. */
class Line implements Chain {
  readonly steps: string[] = []
  readonly releases: Release[] = []
  readonly #links: Link[] = []
  readonly #webhook: string
  readonly #timeout: number
  readonly #services: Services

  constructor(webhook: string, timeout: number, services: Services) {
    this.#webhook = webhook
    this.#timeout = timeout
    this.#services = services
  }

  add(link: Link): void {
    this.#links.push(link)
    this.steps.push(link.plugin)
  }

  run(x: Exchange): Promise<Stop | undefined> {
    return follow(this.#links, x, this.#timeout, this.#services.now)
  }

  ask(x: Exchange, method?: string): Promise<Stop | undefined> {
    const links = this.#links
    const last = links.findLastIndex(link => method !== undefined && link.methods?.includes(method))
    const asked = method === undefined ? links.filter(link => link.verify) : links.slice(0, last + 1)
    return follow(asked, x, this.#timeout, this.#services.now)
  }

  async close(): Promise<void> {
    for (const release of this.releases.splice(0).reverse()) {
      await Promise.resolve()
        .then(release)
        .catch(error => this.#services.log.error({ webhook: this.#webhook, error: String(error) }, 'a plugin failed to close'))
    }
  }
}

const NONE: readonly string[] = []

const parsing: Link = {
  plugin: 'payload',
  step: x => {
    const fault = (x as Exchange).open()
    return fault && refuse(fault.code, { details: fault.details, reason: fault.reason })
  },
}

async function follow(links: readonly Link[], x: Exchange, timeout: number, now: () => number): Promise<Stop | undefined> {
  for (let i = 0; i < links.length; i++) {
    const { step, plugin } = links[i] as Link
    if (x.marks) x.marks.push(performance.now())
    try {
      let reply = step(x)
      // Awaiting only what is a promise makes a line of plain steps twice as fast.
      if (reply instanceof Promise) reply = await within(reply, x.receivedAt + timeout - now(), plugin)
      if (reply) return ended(x, { reply, plugin, step: i })
    } catch (error) {
      const stop =
        error instanceof Unavailable
          ? { reply: refuse('UNAVAILABLE', { reason: error.message }), plugin, step: i }
          : { reply: refuse('INTERNAL'), plugin, step: i, error }
      return ended(x, stop)
    }
  }
  return ended(x, undefined)
}

function ended<S extends Stop | undefined>(x: Exchange, stop: S): S {
  if (x.marks) x.marks.push(performance.now())
  return stop
}

/** Rejects with `Unavailable` when it takes longer. */
export function within<T>(promise: Promise<T>, ms: number, plugin: string): Promise<T> {
  return new Promise((done, fail) => {
    const timer = setTimeout(() => fail(new Unavailable(`the step '${plugin}' took too long`)), Math.max(0, ms))
    promise.then(done, fail).finally(() => clearTimeout(timer))
  })
}
