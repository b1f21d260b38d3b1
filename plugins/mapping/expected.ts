/** The mapping turned round: what a sender must send so that the mapped data fits a JSON Schema. What cannot be told is left out. */
import type { Change } from './convert.ts'
import { compilePath } from './path.ts'

type Schema = Record<string, unknown>
type Parts = readonly (string | number)[]

/** What may stand at one place of the payload, and below it. */
interface Place {
  schema: unknown
  required: boolean
  below: Map<string | number, Place>
}

/** What the settings say, the fields as a list. */
interface Settings {
  fields: readonly (readonly [string, { to: string; apply: readonly Change[] }])[]
  unmapped: 'pass' | 'drop'
  defaults: Record<string, unknown>
  nested: 'keep' | 'json-string'
  variables: Record<string, string>
}

interface Rename {
  from: Parts
  to: Parts
  apply: readonly Change[]
}

/** Keywords that say nothing of which values are good. */
const TELLING = ['title', 'description', 'examples', 'deprecated', 'default']
/** Branches within branches; what is deeper is left out. */
const DEEPEST = 20

/** The schema of the payload; undefined when the one of the data refers to parts of itself that have moved. */
export function expected(c: Settings, after: Schema): Schema | undefined {
  const renames = c.fields.map(([name, { to, apply }]) => ({ from: compilePath(name).parts, to: compilePath(to).parts, apply }))
  const rootRef = typeof after.$ref === 'string' ? localPart(after, after.$ref) : undefined
  if (after.$ref !== undefined && !rootRef) return undefined
  const turned = turn(c, renames, { ...after, ...rootRef, $ref: undefined }, 0)
  const root = placed(turned.places)
  for (const path of Object.values(c.variables)) {
    const [first] = compilePath(path).parts
    if (typeof first === 'string' && !Object.hasOwn(root.properties as object, first)) (root.properties as Schema)[first] = {}
  }
  const made = {
    ...only(after, [...TELLING, '$defs', 'definitions']),
    type: 'object',
    ...root,
    ...turned.rules,
  }
  return refersBelow(made) ? made : undefined
}

/** The fields and rules of one object schema, its own and those of its branches. */
function turn(
  c: Settings,
  renames: readonly Rename[],
  after: Schema,
  depth: number,
): { places: Map<string | number, Place>; rules: Schema } {
  const places = new Map<string | number, Place>()
  const properties = object(after.properties)
  const needed = new Set(list(after.required))
  const sources = new Set(c.fields.map(([name]) => name))
  const preset = (key: string) => Object.keys(c.defaults).some(path => compilePath(path).parts[0] === key)
  for (const [key, schema] of Object.entries(properties)) {
    const own = renames.filter(({ to }) => to[0] === key)
    const whole = own.find(({ to }) => to.length === 1)
    if (whole) put(places, whole.from, relaxed(c, schema, whole), needed.has(key) && !preset(key))
    else {
      let rest: unknown = schema
      for (const { from, to, apply } of own) {
        const inner = within(schema, to.slice(1))
        put(places, from, relaxed(c, inner.schema, { from, to, apply }), needed.has(key) && inner.required && !preset(key))
        rest = without(rest, to.slice(1))
      }
      if (c.unmapped !== 'pass' || sources.has(key)) continue
      const written = own.length > 0
      put(places, [key], relaxed(c, rest, { from: [key], to: [key], apply: [] }), needed.has(key) && !preset(key) && !written)
    }
  }
  // A field that is wanted and not described.
  for (const key of needed) {
    if (Object.hasOwn(properties, key) || preset(key)) continue
    const whole = renames.find(({ to }) => to.length === 1 && to[0] === key)
    const from = whole?.from ?? (c.unmapped === 'pass' && !sources.has(key) ? [key] : undefined)
    if (from && !renames.some(({ to }) => to.length > 1 && to[0] === key)) put(places, from, {}, true)
  }
  return { places, rules: depth < DEEPEST ? branches(c, renames, after, depth) : {} }
}

/** `anyOf` and `allOf` with the sender's names. A `oneOf` may have become wider, so that more than one branch fits. */
function branches(c: Settings, renames: readonly Rename[], after: Schema, depth: number): Schema {
  const each = (value: unknown): Schema[] =>
    (Array.isArray(value) ? value : []).map(branch => {
      const { places, rules } = turn(c, renames, object(branch), depth + 1)
      const { properties, ...more } = placed(places)
      const telling = Object.entries(object(properties)).filter(([, schema]) => Object.keys(object(schema)).length > 0)
      return { ...(telling.length > 0 && { properties: Object.fromEntries(telling) }), ...more, ...rules }
    })
  const says = (schema: Schema) => Object.keys(schema).length > 0
  const all = each(after.allOf).filter(says)
  const any = each(after.anyOf ?? after.oneOf)
  // A branch that says nothing any more lets everything through.
  return { ...(any.length > 0 && any.every(says) && { anyOf: any }), ...(all.length > 0 && { allOf: all }) }
}

/** The schema of a value before its changes. */
function relaxed(c: Settings, schema: unknown, { from, to, apply }: Rename): unknown {
  const given = object(schema)
  const types = [given.type].flat()
  const becomesText = c.nested === 'json-string' && to.length === 1 && types.includes('string')
  if (apply.length === 0 && !becomesText) return schema
  const told = only(given, TELLING)
  if (from.length === 0 || becomesText || apply[0] === 'to-text') return told
  const nullable = types.includes('null') ? ['null'] : []
  if (apply.includes('to-number')) return { ...told, type: ['number', 'string', ...nullable] }
  if (apply.includes('to-boolean')) return { ...told, type: ['boolean', 'string', 'number', ...nullable] }
  return { ...told, ...(given.type !== undefined && { type: given.type }) }
}

function put(places: Map<string | number, Place>, path: Parts, schema: unknown, required: boolean): void {
  let level = places
  for (const [i, part] of path.entries()) {
    const place: Place = level.get(part) ?? { schema: undefined, required: false, below: new Map() }
    level.set(part, place)
    place.required ||= required
    if (i === path.length - 1) place.schema = schema
    level = place.below
  }
}

/** Places as `properties` and `required`. */
function placed(places: ReadonlyMap<string | number, Place>): Schema {
  const named = [...places].filter(([part]) => typeof part === 'string')
  const required = named.filter(([, place]) => place.required).map(([part]) => part)
  return {
    properties: Object.fromEntries(named.map(([part, place]) => [part, schemaOf(place)])),
    ...(required.length > 0 && { required }),
  }
}

function schemaOf({ schema, below }: Place): unknown {
  if (below.size === 0) return schema ?? {}
  const positions = [...below].filter((entry): entry is [number, Place] => typeof entry[0] === 'number')
  if (positions.length === 0) return { ...object(schema), type: 'object', ...mergedProperties(object(schema), placed(below)) }
  const last = Math.max(...positions.map(([at]) => at))
  const wanted = positions.filter(([, place]) => place.required).map(([at]) => at + 1)
  const prefixItems = Array.from({ length: last + 1 }, (_, at) => {
    const place = below.get(at)
    return place ? schemaOf(place) : {}
  })
  return { type: 'array', prefixItems, ...(wanted.length > 0 && { minItems: Math.max(...wanted) }) }
}

function mergedProperties(one: Schema, other: Schema): Schema {
  const required = [...new Set([...list(one.required), ...list(other.required)])]
  return {
    properties: { ...object(one.properties), ...object(other.properties) },
    ...(required.length > 0 && { required }),
  }
}

/** The schema at a path below another, and whether all of the path is wanted. */
function within(schema: unknown, path: Parts): { schema: unknown; required: boolean } {
  let at = object(schema)
  let required = true
  for (const part of path) {
    const next = typeof part === 'string' ? object(at.properties)[part] : undefined
    required &&= next !== undefined && list(at.required).includes(String(part))
    if (next === undefined) return { schema: {}, required: false }
    at = object(next)
  }
  return { schema: at, required }
}

/** The schema without what is at the path, which comes from elsewhere. */
function without(schema: unknown, path: Parts): unknown {
  const given = object(schema)
  const [first, ...rest] = path
  if (typeof first !== 'string') return {}
  const { [first]: gone, ...others } = object(given.properties)
  const required = list(given.required).filter(name => name !== first)
  const properties = rest.length > 0 && gone !== undefined ? { ...others, [first]: without(gone, rest) } : others
  const { required: _, ...bare } = given
  return { ...bare, properties, ...(required.length > 0 && { required }) }
}

/** Every reference is to a definition, which has stayed where it was. */
function refersBelow(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true
  if (Array.isArray(value)) return value.every(refersBelow)
  return Object.entries(value).every(([key, inner]) =>
    (key === '$ref' || key === '$dynamicRef') && typeof inner === 'string' ? /^#\/(\$defs|definitions)\//.test(inner) : refersBelow(inner),
  )
}

function localPart(root: Schema, ref: string): Schema | undefined {
  const name = /^#\/(\$defs|definitions)\/([^/~%]+)$/.exec(ref)
  const found = name ? object(root[name[1] as string])[name[2] as string] : undefined
  return found === undefined ? undefined : object(found)
}

const only = (schema: Schema, keys: readonly string[]): Schema =>
  Object.fromEntries(keys.filter(key => schema[key] !== undefined).map(key => [key, schema[key]]))

const object = (value: unknown): Schema => (typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Schema) : {})
const list = (value: unknown): string[] => (Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [])
