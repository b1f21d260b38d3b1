/** Destinations: the settings that all have, and those of their kind. */
import { Type } from '@sinclair/typebox'
import { compileReach } from '../address.ts'
import type { AnyDestinationKind } from '../plugin.ts'
import { hasFault, thrown } from './chain.ts'
import type { Destination, Retry } from './config.ts'
import { type Decoded, decode, type FoundSecret } from './decode.ts'
import { common, DEFAULT_BACKOFF, DEFAULT_KIND } from './destinationSchema.ts'
import { isPlaceholder, keyOf, type Node, positionOf, quoted, reach } from './node.ts'
import { didYouMean, type Problems, pathText, pointerPath } from './problem.ts'
import type { Registry } from './registry.ts'
import { originOf } from './secrets.ts'
import { show } from './show.ts'

export interface Destinations {
  all: Map<string, Destination>
  secrets: FoundSecret[]
}

/** What destinations may look at while they are read. */
export interface Around {
  registry: Registry
  /** `server.allowedCidrs`; undefined after a fault. */
  allowedCidrs: readonly string[] | undefined
  problems: Problems
}

/** Reads every destination; one with a fault is left out. */
export function readDestinations(root: Node, around: Around): Destinations {
  const { problems } = around
  const all = new Map<string, Destination>()
  const secrets: FoundSecret[] = []
  const allowed = readAllowed(root, around)
  const { node: section, whole } = reach(root, ['destinations'])
  for (const [name, node] of whole && section.kind === 'map' ? section.entries : []) {
    const path = ['destinations', name]
    const kind = kindOf(node, path, around)
    if (!kind) continue
    const decoded = tryDecode(kind, node)
    for (const fault of decoded.faults) problems.error(fault.at, [...path, ...fault.path], fault.message)
    secrets.push(...decoded.secrets.map(secret => ({ ...secret, path: [...path, ...secret.path] })))
    if (decoded.faults.length > 0 || hasFault(node)) continue
    const destination = build(name, kind, decoded, root)
    all.set(name, destination)
    const empty = decoded.secrets.find(secret => secret.value === '')
    if (empty)
      problems.warn(empty.at, [...path, ...empty.path], `${originOf(empty)}is empty: events for this destination wait until it is set`)
    else checkSettings(destination, node, allowed, problems)
    checkRetry(destination.retry, node, path, problems)
  }
  return { all, secrets }
}

/** Its own settings and the common ones, as one closed object. */
export function settingsOf(kind: AnyDestinationKind) {
  return Type.Object({ ...common, ...kind.config.properties }, { additionalProperties: false })
}

/** The ranges that a reach can be made of: the form of each is judged already, and not all that have it can be told apart. */
function readAllowed(root: Node, { allowedCidrs = [], problems }: Around): string[] {
  return allowedCidrs.filter((text, i) => {
    if (text === undefined) return false
    try {
      compileReach({ allowed: [text] })
      return true
    } catch {
      const path = ['server', 'allowedCidrs', i]
      problems.error(
        positionOf(root, path),
        path,
        'must be an address or a CIDR range of IPv4 or IPv6 proper, such as 10.0.0.0/8 or fd00::/8',
      )
      return false
    }
  })
}

function kindOf(node: Node, path: string[], { registry, problems }: Around): AnyDestinationKind | undefined {
  const type = node.kind === 'map' ? node.entries.get('type') : undefined
  const name = type === undefined ? DEFAULT_KIND : type.kind === 'scalar' ? type.value : undefined
  const kind = typeof name === 'string' ? registry.kinds.get(name) : undefined
  if (kind || !type || type.kind === 'faulty') return kind
  const known = [...registry.kinds.keys()]
  const list = `; known are ${known.join(', ')}`
  if (typeof name !== 'string') problems.error(type.at, [...path, 'type'], `expected the name of a kind of destination${list}`)
  else if (registry.complete)
    problems.error(
      type.at,
      [...path, 'type'],
      `there is no kind of destination ${quoted(type, name)}${didYouMean(name, known) || `${list}; others are listed under plugins:`}`,
    )
}

function tryDecode(kind: AnyDestinationKind, node: Node): Decoded {
  try {
    return decode(settingsOf(kind), node)
  } catch (error) {
    const message = thrown(`the settings of '${kind.name}' cannot be read`, error)
    return { value: undefined, secrets: [], faults: [{ path: [], at: node.key ?? node.at, message }] }
  }
}

function build(name: string, kind: AnyDestinationKind, decoded: Decoded, root: Node): Destination {
  const values = decoded.value as Record<string, unknown>
  const empty = decoded.secrets.find(secret => secret.value === '')
  return {
    retry: {},
    ...pick(values, key => key in common && key !== 'type'),
    name,
    kind,
    settings: pick(values, key => !(key in common)),
    shown: pick(show(values, decoded.secrets), key => !(key in common)),
    ...(empty && { closed: `${pathText(empty.path)} is empty` }),
    at: keyOf(root, ['destinations', name]),
  } as unknown as Destination
}

function checkSettings({ name, kind, settings }: Destination, node: Node, allowed: string[], problems: Problems): void {
  const path = ['destinations', name]
  const reachable = ({ allowPrivate }: { allowPrivate: boolean }) => compileReach({ allowPrivate, allowed })
  try {
    for (const fault of kind.check?.(settings, { destination: name, reachable }) ?? []) {
      const keys = pointerPath(fault.path)
      if (!isPlaceholder(node, keys)) problems.error(positionOf(node, keys), [...path, ...keys], fault.message)
    }
  } catch (error) {
    problems.error(node.key ?? node.at, path, thrown('its check failed', error))
  }
}

function checkRetry(retry: Retry, node: Node, path: string[], problems: Problems): void {
  const beside = (['attempts', 'backoff', 'max'] as const).find(key => retry[key] !== undefined)
  if (retry.schedule !== undefined && beside !== undefined) {
    const where = ['retry', beside]
    problems.error(keyOf(node, where), [...path, ...where], 'cannot stand beside schedule, which says all: remove one of them')
  } else if (retry.max !== undefined && retry.max < (retry.backoff ?? DEFAULT_BACKOFF)) {
    const where = ['retry', 'max']
    problems.error(positionOf(node, where), [...path, ...where], 'must be at least backoff, which is 5s when left out')
  }
}

const pick = (values: Record<string, unknown>, wanted: (key: string) => boolean) =>
  Object.fromEntries(Object.entries(values).filter(([key]) => wanted(key)))
