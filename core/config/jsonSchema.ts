/** The editor schema: what files may say, as JSON Schema draft-07, for completion and for squiggles. */
import type { TSchema } from '@sinclair/typebox'
import { settingsOf } from './destination.ts'
import { DEFAULT_KIND } from './destinationSchema.ts'
import { choices } from './expected.ts'
import { isStandard } from './format.ts'
import { type Extension, kindsOf, stepsOf } from './registry.ts'
import { File } from './schema.ts'

type Json = Record<string, unknown>

/** JSON Schema of a configuration file, with the settings of these plugins. */
export function configJsonSchema(builtins: readonly Extension[]): Json {
  const plugins = stepsOf(builtins)
  const definitions: Record<string, Json> = Object.fromEntries(
    plugins.map(plugin => [plugin.name, { ...convert(plugin.config), description: plugin.summary }]),
  )
  const names = plugins.map(plugin => plugin.name)
  // Of a union, editors could not tell which branch was meant; of one object with exactly one key they can.
  const settings = names.map(name => [name, { anyOf: [{ $ref: `#/definitions/${name}` }, { type: 'null' }] }])
  const map = { type: 'object', properties: Object.fromEntries(settings), minProperties: 1, maxProperties: 1, additionalProperties: false }
  definitions.step = {
    description: 'A step: a plugin by its name, or a map of exactly one plugin to its settings.',
    anyOf: [{ enum: names }, map],
  }
  for (const kind of kindsOf(builtins))
    definitions[`destination-${kind.name}`] = { ...convert(settingsOf(kind)), description: kind.summary }
  definitions.destination = destination(kindsOf(builtins).map(kind => kind.name))
  // Each file of a folder says only a part, so nothing is required at the top.
  const { required: _, ...file } = convert(File)
  return { $schema: 'http://json-schema.org/draft-07/schema#', title: 'Postern', ...file, definitions }
}

/** Of an `anyOf`, editors would show the faults of every kind; by its type they know which one is meant. */
function destination(names: readonly string[]): Json {
  const typed = (name: string) => ({ properties: { type: { const: name } }, required: ['type'] })
  const chosen = names.map(name => ({
    if: name === DEFAULT_KIND ? { anyOf: [{ not: { required: ['type'] } }, typed(name)] } : typed(name),
    // biome-ignore lint/suspicious/noThenProperty: it is a keyword of JSON Schema
    then: { $ref: `#/definitions/destination-${name}` },
  }))
  const type = relaxed({ description: 'Its kind.', default: DEFAULT_KIND, enum: names })
  const told = { description: 'An outgoing endpoint.', type: 'object' }
  return names.length ? { ...told, properties: { type }, allOf: chosen } : told
}

/** A settings schema as draft-07; what has a default need not be written. */
function convert(schema: TSchema): Json {
  const {
    'x-postern': mark,
    'x-plain': plain,
    'x-env': variable,
    'x-editor': editor,
    min,
    max,
    required,
    properties,
    patternProperties,
    items,
    anyOf,
    format,
    ...rest
  } = schema
  if (editor) return { ...rest, ...editor }
  const out: Json = { ...rest }
  if (variable) out.description = `${schema.description} ${standIn(variable)}`
  if (typeof format === 'string' && isStandard(format)) out.format = format
  if (properties) {
    out.properties = each(properties)
    const needed = (required ?? []).filter((key: string) => !isFilled(properties[key]))
    if (needed.length) out.required = needed
  }
  if (patternProperties) Object.assign(out, { patternProperties: each(patternProperties), additionalProperties: false })
  if (mark === 'steps') out.items = { $ref: '#/definitions/step' }
  if (items) out.items = Array.isArray(items) ? items.map(convert) : convert(items)
  const allowed = choices(schema)
  if (allowed) return relaxed({ ...without(out, 'const', 'type'), enum: allowed })
  if (anyOf) return { ...out, anyOf: anyOf.map(convert) }
  const free = schema.type === 'string' && !schema.pattern && !out.format
  return SCALARS.has(schema.type) && !free ? relaxed(out) : out
}

/** What a setting's description says of the variable that stands in for it. */
export const standIn = (variable: string) => `Left out, it is what the environment variable ${variable} says, when that is set.`

/** A value that may also be an interpolation, whose type shows only at load. */
function relaxed(schema: Json): Json {
  const outside = ['description', 'default', 'examples']
  const told = Object.fromEntries(outside.filter(key => key in schema).map(key => [key, schema[key]]))
  return { ...told, anyOf: [without(schema, ...outside), { type: 'string', pattern: '^\\$\\{.*\\}$' }] }
}

/** True when a missing setting gets a value without anybody writing one. */
export function isFilled(schema: TSchema): boolean {
  if (schema.default !== undefined) return true
  const needed: string[] = schema.required ?? []
  return schema.type === 'object' && schema.properties !== undefined && needed.every(key => isFilled(schema.properties[key]))
}

const SCALARS: ReadonlySet<unknown> = new Set(['string', 'number', 'integer', 'boolean'])

const each = (schemas: Record<string, TSchema>) =>
  Object.fromEntries(Object.entries(schemas).map(([key, schema]) => [key, convert(schema)]))

const without = (schema: Json, ...keys: string[]) => Object.fromEntries(Object.entries(schema).filter(([key]) => !keys.includes(key)))
