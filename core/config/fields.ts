/** The fields that data of a JSON Schema can have: told only when it is sure, so that what cannot be looked into allows everything. */
import type { Shape } from '../plugin.ts'

type Schema = Record<string, unknown>

/** All that the schema says about one place in the data. */
interface Level {
  /** Each part, and whether it holds whatever the data is: a branch of an `anyOf` need not. */
  parts: Map<Schema, boolean>
  /** Some part cannot be looked into. */
  foreign: boolean
}

const LISTS = ['anyOf', 'oneOf']
const SINGLES = ['if', 'then', 'else', 'not']
const OPENING = ['additionalProperties', 'unevaluatedProperties', 'patternProperties']

/** The first part of a path that data of none of these shapes can have, and the names that could stand there. */
export function missing(shapes: readonly Shape[], path: readonly string[]): { at: number; names: string[] } | undefined {
  const faults = shapes.map(shape => walk(shape, path))
  if (!faults.length || faults.some(fault => 'level' in fault)) return undefined
  const found = faults as { at: number; names: string[] }[]
  const at = Math.max(...found.map(fault => fault.at))
  return { at, names: [...new Set(found.flatMap(fault => (fault.at === at ? fault.names : [])))] }
}

/** The JSON types that the value at a path can have, `integer` as `number`; undefined when that is not known. */
export function typesAt(shapes: readonly Shape[], path: readonly string[]): Set<string> | undefined {
  const all = shapes.map(shape => {
    const end = walk(shape, path)
    return 'level' in end && end.level ? typesOf(end.level) : undefined
  })
  return all.length && all.every(types => types !== undefined) ? new Set(all.flatMap(types => [...types])) : undefined
}

/** The place at the end of a path, with nothing known of it where the schema is open; or where the path breaks off. */
function walk({ schema: root, closed }: Shape, path: readonly string[]): { level: Level | undefined } | { at: number; names: string[] } {
  let level = levelOf([[root, true]], root)
  for (const [at, key] of path.entries()) {
    if (level.foreign) return { level: undefined }
    const types = typesOf(level)
    const [map, list] = [!types || types.has('object'), !types || types.has('array')]
    const position = /^\d+$/.test(key)
    if (list && (position || key === 'length') && (map || !position)) return { level: undefined }
    const names = new Map<string, [unknown, boolean][]>()
    if (list && position)
      names.set(
        key,
        below(level, part => [...(isObject(part.items) ? [part.items] : []), ...listOf(part.prefixItems)]),
      )
    else if (!map) return { at, names: [] }
    else
      for (const name of namesIn(level))
        names.set(
          name,
          below(level, part => [object(part.properties)[name]]),
        )
    const inner = names.get(key)
    if (!inner) return isOpen(level, closed) ? { level: undefined } : { at, names: [...names.keys()] }
    level = levelOf(inner, root)
  }
  return { level: level.foreign ? undefined : level }
}

function levelOf(given: readonly [unknown, boolean][], root: Schema): Level {
  const level: Level = { parts: new Map(), foreign: false }
  const add = (schema: unknown, sure: boolean): void => {
    const seen = isObject(schema) ? level.parts.get(schema) : true
    if (!isObject(schema) || seen === true || seen === sure) return
    level.parts.set(schema, sure)
    for (const part of listOf(schema.allOf)) add(part, sure)
    for (const keyword of LISTS) for (const part of listOf(schema[keyword])) add(part, false)
    for (const keyword of SINGLES) add(schema[keyword], false)
    for (const part of Object.values(object(schema.dependentSchemas))) add(part, false)
    const target = typeof schema.$ref === 'string' ? resolve(root, schema.$ref) : undefined
    if (target) add(target, sure)
    // References below another `$id` are counted from there, which is not followed here.
    if ((schema.$ref !== undefined && !target) || '$dynamicRef' in schema || (schema !== root && '$id' in schema)) level.foreign = true
  }
  for (const [schema, sure] of given) add(schema, sure)
  return level
}

const below = (level: Level, pick: (part: Schema) => unknown[]): [unknown, boolean][] =>
  [...level.parts].flatMap(([part, sure]) => pick(part).map((inner): [unknown, boolean] => [inner, sure]))

/** Other keys may stand here than those that are named. */
function isOpen({ parts }: Level, closed: boolean): boolean {
  const all = [...parts]
  if (all.some(([part]) => part.patternProperties)) return true
  if (all.some(([part, sure]) => sure && (part.additionalProperties === false || part.unevaluatedProperties === false))) return false
  return !closed || !all.some(([part]) => part.properties) || all.some(([part]) => OPENING.some(keyword => keyword in part))
}

function namesIn({ parts }: Level): Set<string> {
  const dependent = (part: Schema) => Object.entries(object(part.dependentRequired)).flatMap(([name, others]) => [name, ...listOf(others)])
  const all = [...parts.keys()].flatMap(part => [...Object.keys(object(part.properties)), ...listOf(part.required), ...dependent(part)])
  return new Set(all as string[])
}

function typesOf({ parts }: Level): Set<string> | undefined {
  let types: Set<string> | undefined
  for (const [part, sure] of parts) {
    const said = sure ? saidTypes(part) : undefined
    if (said) types = new Set(said.filter(type => !types || types.has(type)))
  }
  return types
}

function saidTypes({ type, const: only, enum: list }: Schema): string[] | undefined {
  const values = only !== undefined ? [only] : Array.isArray(list) ? list : undefined
  if (values) return values.map(typeName)
  const types = typeof type === 'string' ? [type] : Array.isArray(type) ? (type as string[]) : undefined
  return types?.map(name => (name === 'integer' ? 'number' : name))
}

/** The JSON type of a value. */
export function typeName(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value
}

/** What a reference within the schema points to: `#` or `#/$defs/address`; undefined when it is of another make. */
export function resolve(root: Schema, ref: string): Schema | undefined {
  if (ref === '#') return root
  if (!ref.startsWith('#/')) return undefined
  let at: unknown = root
  for (const part of (/%(?![0-9a-f]{2})/i.test(ref) ? ref : decodeURI(ref)).slice(2).split('/')) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~')
    at = typeof at === 'object' && at !== null && Object.hasOwn(at, key) ? (at as Schema)[key] : undefined
  }
  return isObject(at) ? at : undefined
}

function isObject(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const object = (value: unknown): Schema => (isObject(value) ? value : {})
const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : [])
