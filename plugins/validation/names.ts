/** The keys that a JSON Schema names, level by level: what `unknown: drop` keeps and `unknown: reject` allows. */

type Schema = Record<string, unknown>
type Path = readonly (string | number)[]

/** One place in the data, and all that any part of the schema says about its keys. */
export interface Level {
  /** Every named key, with the level below it if there is anything to tell apart there. */
  names: Map<string, Level | undefined>
  /** The schema speaks of other keys itself, or names none: whatever they are, they stay, and validation judges them. */
  open: boolean
  /** Below keys that are not named. */
  rest: Level | undefined
  /** Below the elements of a list. */
  items: Level | undefined
}

const LISTS = ['allOf', 'anyOf', 'oneOf']
const SINGLES = ['if', 'then', 'else', 'not']
const OPENING = ['additionalProperties', 'unevaluatedProperties', 'patternProperties']
/** Stands in for what cannot be looked into. */
const ANYTHING: Schema = { additionalProperties: true }

/** By the schema itself: those of an entity are gathered once for all webhooks that name it. */
const compiled = new WeakMap<Schema, { level: Level | undefined }>()

/** Undefined when the schema leaves every key alone. */
export function compileNames(root: Schema): Level | undefined {
  const present = compiled.get(root) ?? { level: levelOfRoot(root) }
  compiled.set(root, present)
  return present.level
}

function levelOfRoot(root: Schema): Level | undefined {
  const ids = new Map<Schema, number>()
  const idOf = (part: Schema) => {
    if (!ids.has(part)) ids.set(part, ids.size)
    return ids.get(part)
  }
  const levels = new Map<string, Level | undefined>()

  const levelOf = (given: unknown[]): Level | undefined => {
    const parts = together(given, root)
    const key = parts.map(idOf).sort().join()
    if (levels.has(key)) return levels.get(key)
    const level: Level = { names: new Map(), open: true, rest: undefined, items: undefined }
    // Set before it is filled: a schema may refer to itself.
    levels.set(key, level)
    level.open = !parts.some(part => part.properties) || parts.some(part => OPENING.some(keyword => keyword in part))
    const named = new Map<string, unknown[]>()
    for (const part of parts) {
      for (const name of namesIn(part)) named.set(name, named.get(name) ?? [])
      for (const [name, below] of Object.entries(object(part.properties))) named.get(name)?.push(below)
    }
    for (const [name, below] of named) level.names.set(name, levelOf(below))
    level.rest = levelOf(
      parts.flatMap(p => [p.additionalProperties, p.unevaluatedProperties, ...Object.values(object(p.patternProperties))]),
    )
    level.items = levelOf(parts.flatMap(p => [p.items, p.contains, p.unevaluatedItems, ...list(p.prefixItems)]))
    if (!level.open || level.rest || level.items || [...level.names.values()].some(Boolean)) return level
    levels.set(key, undefined)
    return undefined
  }
  return levelOf([root])
}

/** A copy without the keys that are not named. What no level speaks of is shared with the original. */
export function dropUnknown(level: Level, value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return level.items ? value.map(item => dropUnknown(level.items!, item)) : value
  const kept: Record<string, unknown> = {}
  for (const [key, child] of Object.entries(value)) {
    const named = level.names.has(key)
    // Assigning an own `__proto__` of JSON would give the record a prototype of the sender's making.
    if (key === '__proto__' || !(named || level.open)) continue
    const below = named ? level.names.get(key) : level.rest
    kept[key] = below ? dropUnknown(below, child) : child
  }
  return kept
}

/** Paths of keys that are not named; at most `limit` of them. */
export function unknownKeys(level: Level, value: unknown, limit: number, at: Path = [], found: Path[] = []): Path[] {
  if (typeof value !== 'object' || value === null) return found
  for (const [key, child] of Object.entries(value)) {
    if (found.length >= limit) break
    const inList = Array.isArray(value)
    const named = inList || level.names.has(key)
    const below = inList ? level.items : named ? level.names.get(key) : level.rest
    if (!(named || level.open)) found.push([...at, key])
    else if (below) unknownKeys(below, child, limit, [...at, key], found)
  }
  return found
}

/** All schemas that apply to one place: the given ones and, through them, those that they combine or refer to. */
function together(given: unknown[], root: Schema): Schema[] {
  const found = new Set<Schema>()
  const add = (schema: unknown): void => {
    if (!isObject(schema) || found.has(schema)) return
    found.add(schema)
    for (const keyword of LISTS) for (const part of list(schema[keyword])) add(part)
    for (const keyword of SINGLES) add(schema[keyword])
    for (const part of Object.values(object(schema.dependentSchemas))) add(part)
    for (const ref of [schema.$ref, schema.$dynamicRef]) if (typeof ref === 'string') add(resolve(root, ref))
    // References below another `$id` are counted from there, which is not followed here.
    if (schema !== root && '$id' in schema) found.add(ANYTHING)
  }
  for (const schema of given) add(schema)
  return [...found]
}

/** What a reference within the schema points to: `#`, `#/$defs/address` or an anchor. */
export function resolve(root: Schema, ref: string): Schema {
  if (ref === '#') return root
  if (!ref.startsWith('#/')) return anchored(root, ref.slice(1)) ?? ANYTHING
  let at: unknown = root
  for (const part of decodeURIComponent(ref.slice(2)).split('/')) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~')
    at = typeof at === 'object' && at !== null && Object.hasOwn(at, key) ? (at as Schema)[key] : undefined
  }
  return isObject(at) ? at : ANYTHING
}

function anchored(schema: unknown, name: string): Schema | undefined {
  if (Array.isArray(schema)) return schema.map(part => anchored(part, name)).find(Boolean)
  if (!isObject(schema)) return undefined
  if (schema.$anchor === name || schema.$dynamicAnchor === name) return schema
  return anchored(Object.values(schema), name)
}

function namesIn(schema: Schema): string[] {
  const dependent = Object.entries(object(schema.dependentRequired)).flatMap(([name, others]) => [name, ...list(others)])
  return [...Object.keys(object(schema.properties)), ...list(schema.required), ...dependent] as string[]
}

function isObject(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function object(value: unknown): Schema {
  return isObject(value) ? value : {}
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : []
}
