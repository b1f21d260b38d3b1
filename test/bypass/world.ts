/** A configuration with all ways to be let in, and good requests of each, made by the shared signer. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { load } from '#core/config/load.ts'
import { formatProblem } from '#core/config/problem.ts'
import { signedDraft } from '#core/request/draft.ts'
import { builtins } from '#plugins/index.ts'
import type { Request } from '../hostile/requests.ts'
import { folder } from '../support/child.ts'
import { type By, ORIGIN, type Way } from './ways.ts'

/**
 * A webhook for each way and each secret: `<id>` and, by the other secret, `<id>-b`; with an id of the delivery also `<id>-plain`, which does
 * not go by it. `window` widens what a time may be off.
 */
export function configOf(all: readonly Way[], { window }: { window?: string } = {}): string {
  const webhooks = all.flatMap(({ id, steps, webhook, judgedByReplayWindow, names }) => {
    const chain = (by: By, keyed: boolean) => [
      ...steps(by),
      ...(judgedByReplayWindow ? [window ? { 'replay-window': { tolerance: window } } : 'replay-window'] : []),
      ...(keyed ? [{ idempotency: { from: 'preset', ttl: '7d' } }] : []),
      { upsert: { entity: 'thing', idField: 'no-field-of-theirs' } },
      'dispatch',
    ]
    const one = (name: string, by: By, keyed: boolean) => [name, { path: `/${name}`, verify: true, ...webhook, chain: chain(by, keyed) }]
    return [one(id, 0, names === true), one(`${id}-b`, 1, names === true), ...(names ? [one(`${id}-plain`, 0, false)] : [])]
  })
  const server = { port: '$' + '{PORT:-8080}', host: '127.0.0.1', drainDelay: '0s', publicUrl: ORIGIN }
  const whole = {
    version: 1,
    server,
    store: { url: '$' + '{DATABASE_URL:-pglite://memory}' },
    admin: { port: '$' + '{ADMIN_PORT:-9090}' },
    webhooks: Object.fromEntries(webhooks),
  }
  return stringify(whole, { aliasDuplicateObjects: false })
}

/** Loads it, for those who sign. */
export async function loaded(text: string) {
  const file = join(folder(), 'postern.yaml')
  writeFileSync(file, text)
  const { config, problems } = await load(file, { env: {}, builtins, importPlugin: () => Promise.reject(new Error('none')) })
  if (!config) throw new Error(problems.map(formatProblem).join('\n'))
  return config
}
type Config = Awaited<ReturnType<typeof loaded>>

let made = 0

/** A good request of a way to one of its webhooks, signed by the shared signer with either of the two secrets. */
export async function good(
  config: Config,
  way: Way,
  { to = way.id, by = 0 as By, now = Date.now(), n = ++made } = {},
): Promise<Request & { path: string }> {
  if (way.make) return { path: `/${to}`, ...way.make(n, by, now) }
  const webhook = config.webhooks.get(by === 0 ? way.id : `${way.id}-b`)
  if (!webhook) throw new Error(`no webhook of ${way.id}`)
  const privateKey = way.privateKey?.(by)
  const told = await signedDraft(
    config,
    webhook,
    { ...way.start(n), path: `/${to}` },
    { now: () => now, ...(privateKey !== undefined && { privateKey }) },
  )
  if ('fault' in told) throw new Error(`${way.id}: ${told.fault}`)
  const { method, url, headers, body } = told.draft
  return { method, path: url.pathname + url.search, headers: [...headers], body }
}
