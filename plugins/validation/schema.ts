/** Compiles JSON Schema 2020-12, with bounds on what a hostile payload can cost. */
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import { linear, TooHard } from './linear.ts'
import { resolve } from './names.ts'

export { type ErrorObject, TooHard }

type Schema = Record<string, unknown>

interface Options {
  /** Text becomes the number or boolean that the schema asks for, as far as it is one. Changes what it validates. */
  coerce: boolean
  /** Missing keys get the `default` of their schema. Changes what it validates. */
  defaults: boolean
}

const ajvs = new Map<string, Ajv2020>()
/** By the schema itself: an entity is compiled once for all webhooks that name it, and forgotten with its configuration. */
const compiled = new WeakMap<Schema, Map<string, ValidateFunction>>()

/** Of a schema that has none: without it ajv does not find what `$ref: "#"` means. */
const ROOT = 'postern:/schema'

/** Throws when the schema is not valid: an unknown keyword or format, too, which is most often a slip of the pen. */
export function compileSchema(schema: Schema, { coerce, defaults }: Options): ValidateFunction {
  const kept = compiled.get(schema) ?? new Map<string, ValidateFunction>()
  const present = kept.get(`${coerce} ${defaults}`)
  if (present) return present
  const allErrors = !refersToItself(schema)
  const key = `${coerce} ${defaults} ${allErrors}`
  const ajv = ajvs.get(key) ?? create({ coerceTypes: coerce, useDefaults: defaults, allErrors })
  ajvs.set(key, ajv)
  const named = schema.$id === undefined ? { $id: ROOT, ...schema } : schema
  try {
    const validate = ajv.compile(named)
    compiled.set(schema, kept.set(`${coerce} ${defaults}`, validate))
    return validate
  } finally {
    // Or each reload would leave its schemas behind.
    ajv.removeSchema(named)
  }
}

function create(options: { coerceTypes: boolean; useDefaults: boolean; allErrors: boolean }): Ajv2020 {
  // `addUsedSchema: false`: two webhooks may use schemas of one `$id`.
  const ajv = new Ajv2020({
    ...options,
    strict: true,
    strictTypes: false,
    strictTuples: false,
    strictRequired: false,
    addUsedSchema: false,
    logger: false,
    code: { regExp },
  })
  formats.default(ajv)
  // Expressions all the same: with 40,000 colons, `url` took a second and more.
  for (const [name, format] of Object.entries(ajv.formats)) {
    if (format instanceof RegExp) ajv.addFormat(name, { type: 'string', validate: lazily(format) })
    if (name === 'uri-reference' && format instanceof RegExp) ajv.addFormat('uri', { type: 'string', validate: lazily(absolute(format)) })
  }
  // Ajv's own compares each element with each other one, also beyond `maxItems`: 40,000 numbers took it seconds.
  ajv.removeKeyword('uniqueItems')
  ajv.addKeyword({
    keyword: 'uniqueItems',
    type: 'array',
    schemaType: 'boolean',
    errors: false,
    validate: (unique: boolean, items: unknown[]) => !unique || new Set(items.map(canonical)).size === items.length,
  })
  return ajv
}

/** Stands in for `new RegExp` in what ajv writes; its type asks for a name that only generated files need. */
const regExp = Object.assign((pattern: string, flags: string) => linear(pattern, flags), { code: 'new RegExp' })

/** The library keeps its own of `uri` to itself: it is that of a reference with a scheme, a path, and no quotes. */
function absolute({ source, flags }: RegExp): RegExp {
  const strict = source.replaceAll('"', '').replace(':)?(?:', ':)(?:')
  return new RegExp(strict.replace(')*)*)?(?:\\?(?:', ')*)*)(?:\\?(?:'), flags)
}

/** Most formats are never asked for. */
function lazily({ source, flags }: RegExp): (text: string) => boolean {
  let matcher: ReturnType<typeof linear> | undefined
  return text => {
    matcher ??= linear(source, flags)
    return matcher.test(text)
  }
}

/** The same text for equal values: the order of keys does not count. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const keys = Object.keys(value).sort()
  return `{${keys.map(key => `${JSON.stringify(key)}:${canonical((value as Schema)[key])}`).join()}}`
}

/**
 * Whether data of any depth can be valid. With all errors wanted, each branch of an `anyOf` is followed to the end, on each
 * level anew: 64 levels would take for ever. Such a schema stops at the first error.
 */
function refersToItself(root: Schema): boolean {
  const open = new Set<object>()
  const done = new Set<object>()
  const walk = (value: unknown): boolean => {
    if (typeof value !== 'object' || value === null || done.has(value)) return false
    if (open.has(value)) return true
    open.add(value)
    const found = Object.entries(value).some(([key, child]) =>
      walk((key === '$ref' || key === '$dynamicRef') && typeof child === 'string' ? resolve(root, child) : child),
    )
    open.delete(value)
    done.add(value)
    return found
  }
  return walk(root)
}
