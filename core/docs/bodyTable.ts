/** The fields of a JSON Schema as rows: a name, what it may be, whether it is needed. */

type Json = Record<string, any>

export interface Row {
  /** `customer.address.city`, `items[].sku` */
  path: string
  type: string
  required: boolean
  about: string
}

const DEEPEST = 5
const MOST = 200

/** Rows of every field that the schema names outright. */
export function rowsOf(schema: Json): Row[] {
  const rows: Row[] = []
  walk(schema, '', schema, rows, 0, [])
  return rows
}

function walk(root: Json, path: string, given: unknown, rows: Row[], depth: number, seen: readonly unknown[]): void {
  const schema = followed(root, given)
  if (depth > DEEPEST || seen.includes(schema)) return
  const level = levels(root, schema)
  // What an `allOf` wants is wanted; of an `anyOf` one branch is enough.
  const needed = new Set([schema, ...list<unknown>(schema.allOf).map(part => followed(root, part))].flatMap(part => list(part.required)))
  const properties = new Map(level.flatMap(part => Object.entries(object(part.properties))))
  for (const name of needed) if (!properties.has(name)) properties.set(name, {})
  for (const [name, inner] of properties) {
    if (rows.length >= MOST) return
    const at = path === '' ? name : `${path}.${name}`
    const field = followed(root, inner)
    rows.push({ path: at, type: typeOf(root, field), required: needed.has(name), about: aboutOf(field) })
    walk(root, at, field, rows, depth + 1, [...seen, schema])
    if (field.items !== undefined) walk(root, `${at}[]`, field.items, rows, depth + 1, [...seen, schema])
    for (const [i, item] of list<unknown>(field.prefixItems).entries()) walk(root, `${at}[${i}]`, item, rows, depth + 1, [...seen, schema])
  }
}

/** The schema and its branches. */
function levels(root: Json, schema: Json): Json[] {
  return [
    schema,
    ...[...list<unknown>(schema.allOf), ...list<unknown>(schema.anyOf), ...list<unknown>(schema.oneOf)].map(part => followed(root, part)),
  ]
}

/** Groups of fields of which one is enough. */
export function groupsOf(schema: Json): string[][] {
  const branches = list<Json>(schema.anyOf ?? schema.oneOf).map(branch => list(object(branch).required))
  return branches.length > 1 && branches.every(names => names.length > 0) ? branches : []
}

function followed(root: Json, given: unknown): Json {
  let schema = object(given)
  for (let i = 0; i < 10 && typeof schema.$ref === 'string' && schema.$ref.startsWith('#'); i++) {
    let at: unknown = root
    for (const part of schema.$ref.slice(1).split('/').slice(1)) {
      const key = decoded(part).replaceAll('~1', '/').replaceAll('~0', '~')
      at = typeof at === 'object' && at !== null && Object.hasOwn(at, key) ? (at as Json)[key] : undefined
    }
    const { $ref: _, ...beside } = schema
    schema = { ...object(at), ...beside }
  }
  return schema
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function typeOf(root: Json, schema: Json): string {
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (Array.isArray(schema.enum)) return schema.enum.map(value => JSON.stringify(value)).join(' or ')
  const types = [schema.type].flat().filter(Boolean) as string[]
  const item = schema.items === undefined ? '' : ` of ${typeOf(root, followed(root, schema.items))}`
  const named = types.map(type => (type === 'array' ? `list${item}` : type === 'string' ? 'text' : type))
  return named.join(' or ') || 'anything'
}

const LIMITS: [string, (value: unknown) => string][] = [
  ['format', value => `Format ${value}.`],
  ['minLength', value => `At least ${value} characters.`],
  ['maxLength', value => `At most ${value} characters.`],
  ['pattern', value => `Matches \`${String(value).replaceAll('`', "'")}\`.`],
  ['minimum', value => `At least ${value}.`],
  ['exclusiveMinimum', value => `More than ${value}.`],
  ['maximum', value => `At most ${value}.`],
  ['exclusiveMaximum', value => `Less than ${value}.`],
  ['multipleOf', value => `A multiple of ${value}.`],
  ['minItems', value => `At least ${value} items.`],
  ['maxItems', value => `At most ${value} items.`],
]

function aboutOf(schema: Json): string {
  const said = typeof schema.description === 'string' ? schema.description : typeof schema.title === 'string' ? schema.title : ''
  const limits = LIMITS.flatMap(([key, say]) => (['string', 'number'].includes(typeof schema[key]) ? [say(schema[key])] : []))
  const sentence = said.replaceAll('`', "'").trim()
  return [/[\p{L}\p{N})]$/u.test(sentence) ? `${sentence}.` : sentence, ...limits].filter(Boolean).join(' ')
}

const object = (value: unknown): Json => (typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {})
const list = <T = string>(value: unknown): T[] => (Array.isArray(value) ? (value as T[]) : [])
