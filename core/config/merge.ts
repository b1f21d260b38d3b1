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
  if (section === 'plugins' && first.kind === 'list' && next.kind === 'list') return { ...first, items: [...first.items, ...next.items] }
  const kind = NAMED[section]
  if (!kind || first.kind !== 'map' || next.kind !== 'map') {
    if (empty(next)) return first
    if (empty(first)) return next
    const at = next.key ?? next.at
    problems.error(at, [section], `this section is already at ${formatPosition(first.key ?? first.at)}: keep it in one file`)
    return first
  }
  const entries = new Map(first.entries)
  for (const [name, node] of next.entries) {
    const earlier = entries.get(name)
    if (!earlier) entries.set(name, node)
    else
      problems.error(
        node.key ?? node.at,
        [section, name],
        `${kind} '${name}' is already at ${formatPosition(earlier.key ?? earlier.at)}: rename one`,
      )
  }
  return { ...first, entries }
}

/** Every file may say the version; one that says it wrongly must not hide behind one that says it well. */
const version = (node: Node) => node.kind === 'scalar' && String(node.value) === '1'

const empty = (node: Node) => node.kind === 'faulty' || (node.kind === 'scalar' && node.value === null)
