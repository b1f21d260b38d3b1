/** Settings as they may be printed. */
import type { FoundSecret } from './decode.ts'

/** The settings with each secret as the YAML wrote it (`${NAME}`), never its value: a copy, where there is one. */
export function show(settings: Record<string, unknown>, secrets: readonly Pick<FoundSecret, 'path' | 'shown'>[]): Record<string, unknown> {
  if (secrets.length === 0) return settings
  const copy = copyOf(settings) as Record<string, unknown>
  for (const { path, shown } of secrets) {
    let inner: any = copy
    for (const key of path.slice(0, -1)) inner = inner?.[key]
    // Those of a step within it are there already.
    if (inner && path.at(-1)! in inner) inner[path.at(-1)!] = shown
  }
  return copy
}

function copyOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copyOf)
  if (typeof value !== 'object' || value === null) return value
  // A step within a step stays what it is, but for its secrets.
  if (Object.getPrototypeOf(value) !== Object.prototype) {
    const { shown } = value as { shown: unknown }
    return Object.assign(Object.create(Object.getPrototypeOf(value)), value, { settings: shown })
  }
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, copyOf(inner)]))
}
