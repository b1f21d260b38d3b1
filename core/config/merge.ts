/** Several files as one: a section or a name that stands in two of them is a fault of the later one. */
import type { MapNode, Node } from './node.ts'
import { formatPosition, type Problems } from './problem.ts'

/** Sections of names, which several files may add to, and what one of these names is. */
const NAMED: Record<string, string> = {
  entities: 'entity',
  webhooks: 'webhook',
  subscriptions: 'subscription',
  destinations: 'destination',
  dialects: 'dialect',
}

/** The entries of all files together. */
export function merge(roots: readonly MapNode[], problems: Problems): MapNode {
  const entries = new Map<string, Node>()
  for (const root of roots)
    for (const [section, node] of root.entries) {
      const first = entries.get(section)
      entries.set(section, first ? join(section, first, node, problems) : node)
    }
  return { kind: 'map', at: roots[0]!.at, entries }
}

function join(section: string, first: Node, next: Node, problems: Problems): Node {
  if (section === 'version') return version(first) ? next : first
  if (empty(next)) return first
  if (empty(first)) return next
  if (section === 'plugins' && first.kind === 'list' && next.kind === 'list') return { ...first, items: [...first.items, ...next.items] }
  const kind = NAMED[section]
  if (!kind || first.kind !== 'map') {
    problems.error(
      next.key ?? next.at,
      [section],
      `this section is already at ${formatPosition(first.key ?? first.at)}: keep it in one file`,
    )
    return first
  }
  if (next.kind !== 'map') {
    problems.error(next.at, [section], 'expected a map of names')
    return first
  }
  const entries = new Map(first.entries)
  for (const [name, node] of next.entries) {
    const earlier = entries.get(name)
    const fault = `${kind} '${name}' is already at ${earlier && formatPosition(earlier.key ?? earlier.at)}: rename one`
    if (earlier) problems.error(node.key ?? node.at, [section, name], fault)
    else entries.set(name, node)
  }
  return { ...first, entries }
}

/** Every file may say the version; one that says it wrongly must not hide behind one that says it well. */
const version = (node: Node) => node.kind === 'scalar' && String(node.value) === '1'

const empty = (node: Node) => node.kind === 'faulty' || (node.kind === 'scalar' && node.value === null)
