/** A small value that a JSON Schema lets in, made up where nobody has written an example. */
import { resolve } from './fields.ts'
import { isObject, type Schema } from './holds.ts'

const DEEPEST = 8
const LONGEST = 1000
const MOST_ITEMS = 20

/** As many properties as are required, each as short as it may be; what it cannot tell it leaves to the judge. */
export function specimen(schema: Schema): unknown {
  return make(schema, schema, '', 0, 0)
}

/** `nth`: which of several it is, where one list wants several. */
function make(given: unknown, root: Schema, name: string, depth: number, nth: number): unknown {
  if (!isObject(given) || depth > DEEPEST) return 'test'
  const schema = whole(given, root, 0)
  if ('const' in schema) return schema.const
  const listed = Array.isArray(schema.enum) ? schema.enum[nth % schema.enum.length] : undefined
  if (listed !== undefined) return listed
  if (schema.default !== undefined) return schema.default
  const [shown] = Array.isArray(schema.examples) ? schema.examples : []
  if (shown !== undefined) return shown
  switch (typeOf(schema)) {
    case 'object':
      return objectOf(schema, root, depth)
    case 'array': {
      const least = Math.min(Number(schema.minItems) || 0, MOST_ITEMS)
      const first = Array.isArray(schema.prefixItems) ? schema.prefixItems : []
      return Array.from({ length: Math.max(least, first.length) }, (_, i) =>
        make(first[i] ?? schema.items ?? {}, root, name, depth + 1, schema.uniqueItems ? i : 0),
      )
    }
    case 'integer':
    case 'number':
      return numberOf(schema) + nth * (Number(schema.multipleOf) || 1)
    case 'boolean':
      return true
    case 'null':
      return null
    default:
      return textOf(schema, nth === 0 ? name : `${name}-${nth}`, nth)
  }
}

/** With what it refers to, what all of `allOf` say, and the first of its alternatives. */
function whole(schema: Schema, root: Schema, depth: number): Schema {
  if (depth > DEEPEST) return schema
  const { $ref, allOf, anyOf, oneOf, ...own } = schema
  const parts = [
    ...(typeof $ref === 'string' ? [resolve(root, $ref)] : []),
    ...(Array.isArray(allOf) ? allOf : []),
    ...(Array.isArray(anyOf) ? anyOf.slice(0, 1) : []),
    ...(Array.isArray(oneOf) ? oneOf.slice(0, 1) : []),
  ].filter(isObject)
  return parts.map(part => whole(part, root, depth + 1)).reduce(joined, own)
}

function joined(one: Schema, other: Schema): Schema {
  const required = [...new Set([one.required, other.required].flatMap(list => (Array.isArray(list) ? list : [])))]
  const properties = { ...(isObject(other.properties) && other.properties), ...(isObject(one.properties) && one.properties) }
  return { ...other, ...one, ...(required.length > 0 && { required }), ...(Object.keys(properties).length > 0 && { properties }) }
}

function typeOf(schema: Schema): string {
  const types = [schema.type].flat().filter(type => typeof type === 'string')
  const said = types.find(type => type !== 'null') ?? types[0]
  if (typeof said === 'string') return said
  if (schema.properties || schema.required || schema.additionalProperties) return 'object'
  if (schema.items || schema.prefixItems || schema.minItems !== undefined) return 'array'
  return schema.minimum !== undefined || schema.maximum !== undefined ? 'number' : 'string'
}

function objectOf(schema: Schema, root: Schema, depth: number): Record<string, unknown> {
  const properties = isObject(schema.properties) ? schema.properties : {}
  const required = (Array.isArray(schema.required) ? schema.required : []).filter(name => typeof name === 'string')
  const names = new Set(required)
  for (const name of Object.keys(properties)) if (names.size < (Number(schema.minProperties) || 0)) names.add(name)
  // Something of a record should be there to be seen.
  const [first] = Object.keys(properties)
  if (names.size === 0 && depth === 0 && first !== undefined) names.add(first)
  const value = (name: string) => make(Object.hasOwn(properties, name) ? properties[name] : {}, root, name, depth + 1, 0)
  return Object.fromEntries([...names].map(name => [name, value(name)]))
}

function numberOf(schema: Schema): number {
  const step = Number(schema.multipleOf) || (typeOf(schema) === 'integer' ? 1 : 0)
  const bound = (value: unknown) => (typeof value === 'number' ? value : undefined)
  const above = bound(schema.exclusiveMinimum)
  const least = bound(schema.minimum) ?? (above === undefined ? undefined : above + (step || 0.5))
  const below = bound(schema.exclusiveMaximum)
  const most = bound(schema.maximum) ?? (below === undefined ? undefined : below - (step || 0.5))
  const wanted = Math.max(least ?? Number.NEGATIVE_INFINITY, Math.min(most ?? 1, 1))
  return step ? Math.ceil(wanted / step) * step : wanted
}

/** Reserved by RFC 2606: nobody gets mail of it. */
const FORMATS: Record<string, string> = {
  email: 'test@example.com',
  'idn-email': 'test@example.com',
  uri: 'https://example.com/',
  'uri-reference': '/test',
  url: 'https://example.com/',
  iri: 'https://example.com/',
  hostname: 'example.com',
  ipv4: '192.0.2.1',
  ipv6: '2001:db8::1',
  uuid: '00000000-0000-4000-8000-000000000000',
  'date-time': '2026-01-15T12:00:00Z',
  date: '2026-01-15',
  time: '12:00:00Z',
  duration: 'P1D',
  'json-pointer': '/test',
  regex: '.*',
  byte: 'dGVzdA==',
}

function textOf(schema: Schema, name: string, nth: number): string {
  const least = Math.min(Number(schema.minLength) || 0, LONGEST)
  const most = typeof schema.maxLength === 'number' ? schema.maxLength : LONGEST
  const format = typeof schema.format === 'string' ? FORMATS[schema.format] : undefined
  if (format !== undefined) return format
  const pattern = typeof schema.pattern === 'string' ? matching(schema.pattern, nth) : undefined
  return pattern ?? `test-${name || 'text'}`.padEnd(least, 'x').slice(0, most)
}

/** Texts that patterns are often about; undefined when none of them fits. */
function matching(pattern: string, nth: number): string | undefined {
  const plain = /^\^([\w -]*)\$?$/.exec(pattern)?.[1]
  const tries = [
    'test',
    'TEST',
    'Test',
    '1',
    '12',
    '123',
    '1234',
    '12345',
    '123456',
    '1234567890',
    'a',
    'A',
    'AB',
    'ABC',
    'DE',
    'EUR',
    'a-1',
    'A-1',
    '1.0',
    '1.0.0',
    '+491234567890',
    '#000000',
    '0'.repeat(16),
    '0'.repeat(32),
    '2026-01-15',
  ]
  try {
    const regex = new RegExp(pattern, 'u')
    return [...(plain === undefined ? [] : [plain]), ...tries].filter(text => regex.test(text))[nth]
  } catch {
    return undefined
  }
}
