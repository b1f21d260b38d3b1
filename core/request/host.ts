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
  return {
    webhook,
    publicUrl: config.server.publicUrl,
    now: services.now,
    refuse(code, details, more) {
      const known = plugin.refusals[code]
      if (!known) throw new Error(`'${plugin.name}' refused with ${code}, which is not among its refusals`)
      // One sentence for each of the core's codes, whichever plugin says it: a 401 must not tell which step refused.
      const { summary } = Object.hasOwn(CODES, code) ? CODES[code as CoreCode] : known
      return { kind: 'refusal', code, status: known.status, summary, ...(details && { details }), ...more }
    },
    accept: () => ({ kind: 'accepted' }),
    entity: name => config.entities.get(name),
    limiter(rule) {
      const { take } = services.kv.limiter(rule)
      const counted = (error: unknown) => {
        services.meter?.limiterAway(webhook)
        throw error
      }
      return { take: key => take(key).catch(counted) }
    },
    tokens: services.tokens,
    outgoing: { knows: services.sent, hops: headers => readHops(config.server.brand, services.hopKey(), headers) },
    used: value => services.noteSecretUse([value]),
    warn: (message, fields) => services.log.warn({ ...fields, webhook, plugin: plugin.name }, message),
    within: step => makeHost(config, webhook, step.plugin, services, onClose),
    onClose,
  }
}
