/** What the core lends to one plugin of one webhook. */
import type { Config } from '../config/config.ts'
import type { Kv } from '../kv/kv.ts'
import type { Log } from '../log.ts'
import type { AnyPlugin, Host, Tokens } from '../plugin.ts'
import { CODES, type CoreCode } from './codes.ts'

/** What chains are compiled with. */
export interface Services {
  readonly tokens: Tokens
  readonly kv: Kv
  readonly log: Log
  now(): number
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
    limiter: rule => services.kv.limiter(rule),
    tokens: services.tokens,
    warn: (message, fields) => services.log.warn({ ...fields, webhook, plugin: plugin.name }, message),
    onClose,
  }
}
