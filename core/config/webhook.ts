/** Webhooks: their chains, their dialects, and no two of them for one request. */
import type { Pace } from '../pace.ts'
import { type Around, readChain } from './chain.ts'
import type { Webhook } from './config.ts'
import type { FoundSecret } from './decode.ts'
import { keyOf, type Node, namesIn, positionOf, quoted, reach } from './node.ts'
import { didYouMean, formatPosition, type Problems } from './problem.ts'
import { problemDialect } from './problemDialect.ts'
import type { Sections } from './schema.ts'

export interface Webhooks {
  all: Map<string, Webhook>
  secrets: FoundSecret[]
}

/** Reads every webhook. After a fault one may lack parts: the configuration is then never used. */
export async function readWebhooks(
  root: Node,
  decoded: Sections['webhooks'],
  around: Omit<Around, 'webhook' | 'methods'>,
  pace: Pace,
): Promise<Webhooks> {
  const all = new Map<string, Webhook>()
  const secrets: FoundSecret[] = []
  for (const [name, raw] of Object.entries(decoded ?? {})) {
    await pace()
    const at = keyOf(root, ['webhooks', name])
    const methods = (raw?.methods ?? []).filter(method => method !== undefined)
    const chain = raw?.chain && readChain(raw.chain, { ...around, webhook: name, methods })
    secrets.push(...(chain?.secrets ?? []))
    const { host, chain: _, ...rest } = raw ?? {}
    all.set(name, {
      name,
      ...rest,
      host: [host ?? []].flat().map(text => text?.toLowerCase()),
      chain: chain?.items ?? [],
      ...(chain?.closed && { closed: chain.closed }),
      at,
    } as Webhook)
  }
  const dialects = [problemDialect.name, ...namesIn(root, 'dialects')]
  for (const { name, dialect } of around.complete ? all.values() : []) {
    if (dialect === undefined || dialects.includes(dialect)) continue
    const path = ['webhooks', name, 'dialect']
    const { node } = reach(root, path)
    const help = didYouMean(dialect, dialects) || `; known are ${dialects.join(', ')}`
    around.problems.error(node.at, path, `there is no dialect ${quoted(node, dialect)}${help}`)
  }
  refuseTwins(root, [...all.values()].flatMap(placesOf), around.problems)
  return { all, secrets }
}

/** What the routes must tell apart: a webhook with every method that it or one of its steps answers, and the path where it may be asked. */
type Place = Pick<Webhook, 'name' | 'path' | 'host'> & { methods: readonly string[] }

function placesOf({ name, path, host, methods, chain, verify }: Webhook): Place[] {
  const greeted = chain.flatMap(({ plugin, settings }) => plugin.methods?.(settings) ?? [])
  const own = { name, path, host, methods: methods && [...methods, ...greeted] }
  return verify && path !== undefined ? [own, { ...own, path: `${path}/verify`, methods: ['POST'] }] : [own]
}

/** Two webhooks that would both answer one request; a token tells those apart that both have one in their path. */
function refuseTwins(root: Node, webhooks: readonly Place[], problems: Problems): void {
  const whole = webhooks.filter(({ path, methods }) => path !== undefined && methods !== undefined)
  /** Those further up, by the shape of their path: each with each would take minutes for ten thousand. */
  const earlier = new Map<string, Place[]>()
  for (const one of whole) {
    const alike = earlier.get(shape(one.path)) ?? []
    const hears = (other: Place) => one.methods.some(method => other.methods.includes(method))
    const told = (other: Place) => [one, other].every(({ path }) => path.split('/').includes('{token}'))
    const twin = alike.find(other => hears(other) && overlap(one.host, other.host) && !told(other))
    earlier.set(shape(one.path), alike)
    alike.push(one)
    if (!twin) continue
    const path = ['webhooks', one.name, 'path']
    const other = `'${twin.name}' at ${formatPosition(positionOf(root, ['webhooks', twin.name, 'path']))}`
    const fault = `'${one.name}' would answer the same requests as ${other}: change its path, host or methods`
    problems.error(positionOf(root, path), path, fault)
  }
}

const shape = (path: string) => path.replace(/\{\w+\}/g, '{}')

const overlap = (a: readonly string[], b: readonly string[]) => !a.length || !b.length || a.some(host => b.includes(host))
