/** What the core lends to one plugin of one webhook. */
import type { Config } from '../config/config.ts'
import { readHops } from '../hops.ts'
import type { Kv } from '../kv/kv.ts'
import type { Log } from '../log.ts'
import type { Meter } from '../metrics/meter.ts'
import type { AnyPlugin, Host, Tokens } from '../plugin.ts'
import { CODES, type CoreCode } from './codes.ts'

/** What chains are compiled with. */
export interface Services {
  readonly tokens: Tokens
  readonly kv: Kv
  readonly log: Log
  now(): number
  /** Whether this store has raised an event of that id. */
  readonly sent: (event: string) => Promise<boolean>
  /** Signs how often events have gone round. */
  readonly hopKey: () => string
  /** Left out, nothing is counted. */
  readonly meter?: Meter
  /** Notes that credentials of the configuration were used; the stored secrets among them get their last use. */
  noteSecretUse(values: readonly string[]): void
}

export function makeHost(config: Config, webhook: string, plugin: AnyPlugin, services: Services, onClose: Host['onClose']): Host {
  return new Lent(config, webhook, plugin, services, onClose)
}

/** The same for a step that several webhooks have in common. */
export function commonHost(config: Config, plugin: AnyPlugin, services: Services): Host {
  return new Lent(config, undefined, plugin, services, () => ownNothing(plugin, 'onClose'))
}

/** What a shared step asked for is of one webhook alone. */
export function ownNothing({ name }: AnyPlugin, asked: keyof Host): never {
  const instead = asked === 'webhook' ? 'take x.webhook in the step, or leave out shared: true' : 'leave out shared: true'
  throw new Error(`'${name}' is shared by webhooks, so that its host has no ${asked}: ${instead}`)
}

/**
 * One object for each step. What it lends is made when a plugin takes it, so that a plugin may take it apart: closures made
 * beforehand would be most of what ten thousand webhooks hold.
 */
class Lent implements Host {
  readonly onClose: Host['onClose']
  readonly #webhook: string | undefined
  readonly #config: Config
  readonly #plugin: AnyPlugin
  readonly #services: Services

  constructor(config: Config, webhook: string | undefined, plugin: AnyPlugin, services: Services, onClose: Host['onClose']) {
    this.#webhook = webhook
    this.onClose = onClose
    this.#config = config
    this.#plugin = plugin
    this.#services = services
  }

  #own(asked: keyof Host): string {
    return this.#webhook ?? ownNothing(this.#plugin, asked)
  }

  get webhook(): string {
    return this.#own('webhook')
  }

  get publicUrl() {
    return this.#config.server.publicUrl
  }

  get now() {
    return this.#services.now
  }

  get tokens() {
    return this.#services.tokens
  }

  get outgoing(): Host['outgoing'] {
    const { sent, hopKey } = this.#services
    return { knows: sent, hops: headers => readHops(this.#config.server.brand, hopKey(), headers) }
  }

  get refuse(): Host['refuse'] {
    const plugin = this.#plugin
    return (code, details, more) => {
      const known = plugin.refusals[code]
      if (!known) throw new Error(`'${plugin.name}' refused with ${code}, which is not among its refusals`)
      // One sentence for each of the core's codes, whichever plugin says it: a 401 must not tell which step refused.
      const { summary } = Object.hasOwn(CODES, code) ? CODES[code as CoreCode] : known
      return { kind: 'refusal', code, status: known.status, summary, ...(details && { details }), ...more }
    }
  }

  get accept(): Host['accept'] {
    return accepted
  }

  get entity(): Host['entity'] {
    return name => this.#config.entities.get(name)
  }

  get limiter(): Host['limiter'] {
    const webhook = this.#own('limiter')
    return rule => {
      this.#services.meter?.limited(webhook)
      const { take } = this.#services.kv.limiter(rule)
      const counted = (error: unknown) => {
        this.#services.meter?.limiterAway(webhook)
        throw error
      }
      return { take: key => take(key).catch(counted) }
    }
  }

  get used(): Host['used'] {
    return value => this.#services.noteSecretUse([value])
  }

  get warn(): Host['warn'] {
    const own = { ...(this.#webhook !== undefined && { webhook: this.#webhook }), plugin: this.#plugin.name }
    return (message, fields) => this.#services.log.warn({ ...fields, ...own }, message)
  }

  get within(): Host['within'] {
    const webhook = this.#own('within')
    return step => makeHost(this.#config, webhook, step.plugin, this.#services, this.onClose)
  }
}

const accepted: Host['accept'] = () => ({ kind: 'accepted' })
