/** Names for the fields of a record: what `mapping` could make of the keys that a sender has. */
import { isMap } from './schema.ts'
import type { Summary } from './summary.ts'

export interface Naming {
  /** Key to field, for `mapping: { fields }`. */
  fields: Record<string, string>
  /** Paths of single values within objects to a field of their own: for whoever wants flat records. */
  flatten: Record<string, string>
}

const DEEPEST = 3
const MOST = 40
/** What a path of `mapping` can be made of. */
const PLAIN = /^[A-Za-z_][\w-]*$/

/** `camelCase`, `PascalCase` and `kebab-case` become `snake_case`; what would clash stays as it is. */
export function suggestNames(summary: Summary): Naming {
  const taken = new Set(summary.keys?.keys() ?? [])
  const fields: [string, string][] = []
  for (const name of taken) {
    const to = snake(name)
    if (to === name || !PLAIN.test(name) || name in Object.prototype || taken.has(to) || fields.some(([, other]) => other === to)) continue
    if (fields.length < MOST) fields.push([name, to])
  }
  const used = new Set([...taken, ...fields.map(([, to]) => to)])
  const flatten: [string, string][] = []
  const walk = (at: Summary, path: string, depth: number) => {
    for (const [name, below] of at.keys ?? []) {
      if (!PLAIN.test(name) || name in Object.prototype || flatten.length >= MOST) continue
      const here = path ? `${path}.${name}` : name
      if (below.objects > 0 && below.keys && !isMap(below, below.keys) && depth < DEEPEST) walk(below, here, depth + 1)
      const single = below.objects === 0 && below.lists === 0
      const to = snake(here.replaceAll('.', '_'))
      if (!path || !single || used.has(to)) continue
      used.add(to)
      flatten.push([here, to])
    }
  }
  walk(summary, '', 1)
  return { fields: Object.fromEntries(fields), flatten: Object.fromEntries(flatten) }
}

function snake(name: string): string {
  return name
    .replace(/([a-z\d])([A-Z])/g, '$1_$2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1_$2')
    .replaceAll('-', '_')
    .toLowerCase()
}

/** The summary of what the mapping leaves. */
export function renamed(summary: Summary, fields: Readonly<Record<string, string>>): Summary {
  if (!summary.keys) return summary
  return {
    ...summary,
    keys: new Map([...summary.keys].map(([name, below]) => [Object.hasOwn(fields, name) ? fields[name]! : name, below])),
  }
}
