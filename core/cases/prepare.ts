/** Cases with the configuration that each runs on: loaded once for each file, environment and secrets. */
import { createHash } from 'node:crypto'
import type { Config, Webhook } from '../config/config.ts'
import { type LoadOptions, load } from '../config/load.ts'
import { didYouMean, formatPosition, formatProblem, type Problems } from '../config/problem.ts'
import { routes } from '../request/route.ts'
import type { Case, Step } from './case.ts'

/** Where a request goes. */
export interface Aim {
  /** Undefined when no webhook is there. */
  readonly webhook?: Webhook
  /** As the URL has it; `{token}` still to be filled. */
  readonly path: string
  readonly host: string
}

export interface Prepared {
  readonly of: Case
  readonly config: Config
  /** One for each step. */
  readonly aims: readonly Aim[]
}

type Loading = Omit<LoadOptions, 'env' | 'secrets'>

/** Prepares every case that can be; what is wrong with a configuration is told in lines, what is wrong with a case in `problems`. */
export async function prepare(cases: readonly Case[], options: Loading, problems: Problems): Promise<{ ready: Prepared[]; bad: string[] }> {
  const loaded = new Map<string, Awaited<ReturnType<typeof loadFor>>>()
  const bad = new Set<string>()
  const ready: Prepared[] = []
  for (const one of cases) {
    const key = JSON.stringify([one.config, Object.entries(one.env).sort(), [...one.secrets].sort()])
    const present = loaded.get(key)
    const found = present ?? (await loadFor(one, options))
    loaded.set(key, found)
    if (!found.config) {
      if (!present) for (const line of found.faults) bad.add(line)
      continue
    }
    const { config } = found
    for (const name of one.secrets.keys())
      if (!config.secretNames.includes(name))
        problems.error(one.at, [], `the configuration has no \${secret:${name}}${didYouMean(name, config.secretNames)}`)
    const table = routes([...config.webhooks.values()].sort((a, b) => Number(b.active) - Number(a.active)))
    ready.push({ of: one, config, aims: one.steps.map(step => aimOf(step, config, table, problems)) })
  }
  return { ready, bad: [...bad] }
}

/** `faults` has a line for each problem, and one that tells for which case it is one. */
async function loadFor({ config: path, env, secrets, at, name }: Case, options: Loading): Promise<{ config?: Config; faults: string[] }> {
  let loaded = await load(path, { ...options, env })
  if (loaded.config && secrets.size > 0) {
    const all = loaded.config.secretNames.map((name): [string, readonly string[]] => [name, secrets.get(name) ?? [unknown(name)]])
    loaded = await load(path, { ...options, env, secrets: new Map(all) })
  }
  if (loaded.config) return { config: loaded.config, faults: [] }
  const lines = loaded.problems.filter(problem => problem.severity === 'error').map(formatProblem)
  return { faults: [...lines, `${formatPosition(at)} this is the configuration, with this env, of the case '${name}'`] }
}

/** For a stored secret that the case says nothing of: as good as any, and nobody has it. */
const unknown = (name: string) => createHash('sha256').update(`nobody knows ${name}`).digest('hex')

type Table = ReturnType<typeof routes<Webhook>>

function aimOf(step: Step, config: Config, table: Table, problems: Problems): Aim {
  const named = step.webhook === undefined ? undefined : config.webhooks.get(step.webhook)
  if (step.webhook !== undefined && !named)
    problems.error(step.at, ['webhook'], `there is no webhook '${step.webhook}'${didYouMean(step.webhook, config.webhooks.keys())}`)
  const path = asInUrl(step.path ?? named?.path ?? '/')
  // A stand-in of the same make, which no literal segment is.
  const lookedUp = path.replace(TOKEN, 'wh_00000000000000000000000000')
  const base = config.server.publicUrl ? new URL(config.server.publicUrl).hostname : 'localhost'
  const given = step.host ?? step.headers.find(([name]) => name === 'host')?.[1]
  const hosts =
    given !== undefined ? [given] : [...(named?.host.slice(0, 1) ?? []), base, ...[...config.webhooks.values()].flatMap(w => w.host)]
  const host = hosts.find(candidate => table(bare(candidate), lookedUp)) ?? hosts[0] ?? base
  const there = table(bare(host), lookedUp)?.webhooks ?? []
  const webhook = named ?? there.find(w => w.methods.some(method => method === step.method)) ?? there[0]
  if (TOKEN.test(path) && !webhook?.path.includes('{token}'))
    problems.error(step.at, ['path'], `no webhook has a {token} there: write one of ${paths(config)}`)
  const open = path.replace(TOKEN, '').match(/%7B\w+%7D/)?.[0]
  if (open && !(step.path ?? '').includes(open))
    problems.error(step.at, ['path'], `has no value for ${decodeURIComponent(open)}: write the path with one`)
  return { path, host, ...(webhook && { webhook }) }
}

/** As a URL has it: dots are resolved, and braces are escaped. */
const asInUrl = (path: string) => new URL(`http://postern.invalid${path}`).pathname

/** `{token}` in a URL's path. */
export const TOKEN = /%7Btoken%7D/i

const bare = (host: string) => host.replace(/:\d+$/, '').replace(/\.$/, '').toLowerCase()

function paths({ webhooks }: Config): string {
  return [...webhooks.values()].map(webhook => webhook.path).join(', ') || 'a webhook of the configuration'
}
