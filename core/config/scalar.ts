/** Texts, numbers, booleans and fixed choices: one decoded value, or the one fault it has. */
import type { TSchema } from '@sinclair/typebox'
import { parseDuration, parseSize } from '../settings.ts'
import { choices, mismatch, source, wanted } from './expected.ts'
import { faultOf } from './format.ts'
import type { Node } from './node.ts'

type Scalar = string | number | boolean

/** How the marked texts become numbers. */
const PARSE: Record<string, (text: string) => number | undefined> = { duration: parseDuration, size: parseSize }

/** Reads a scalar as its setting wants it. */
export function scalar(schema: TSchema, node: Node): { value: Scalar } | { fault: string } {
  const value = typed(schema, node)
  if (value === undefined) return unset(schema, node) ?? { fault: mismatch(schema, node) }
  // What the stored secret itself is worth shows when it is opened.
  if (typeof value === 'string' && node.kind === 'scalar' && node.origin?.placeholder) return { value }
  const fault = typeof value === 'string' ? textFault(schema, value) : typeof value === 'number' ? numberFault(schema, value) : undefined
  if (fault === undefined) return { value }
  return { fault: node.kind === 'scalar' && node.origin ? `${source(node.origin)} ${fault}` : fault }
}

/** What stands in for a variable that nobody has set here, and that `${NAME}` itself cannot stand for: what the setting is when it is left out. */
function unset(schema: TSchema, node: Node): { value: Scalar } | { fault: string } | undefined {
  if (node.kind !== 'scalar' || !node.origin?.placeholder || node.origin.secret) return undefined
  const value = schema.default === undefined ? undefined : typed(schema, { ...node, value: schema.default })
  if (value !== undefined) return { value }
  const { names } = node.origin
  return { fault: `${names} is not set, and the setting wants ${wanted(schema)}: set it, or give a default: \${${names}:-…}` }
}

/** The value in the type that the setting wants; undefined when it is of another. */
export function typed(schema: TSchema, node: Node): Scalar | undefined {
  if (node.kind !== 'scalar') return undefined
  const list = choices(schema)
  if (list) return list.find(choice => choice === node.value || (node.origin?.whole && String(choice) === node.value))
  const parse = PARSE[schema['x-postern']]
  if (schema.type === 'string') return typeof node.value !== 'string' ? undefined : parse ? parse(node.value) : node.value
  const plain = node.origin?.whole ? fromText(node.value as string) : node.value
  if (schema.type === 'boolean') return typeof plain === 'boolean' ? plain : undefined
  if (typeof plain !== 'number' || !Number.isFinite(plain)) return undefined
  return schema.type === 'number' || (schema.type === 'integer' && Number.isSafeInteger(plain)) ? plain : undefined
}

/** The number or boolean that an interpolated text spells. */
function fromText(text: string): number | boolean | undefined {
  if (text === 'true' || text === 'false') return text === 'true'
  return /^-?\d+(\.\d+)?([eE][-+]?\d+)?$/.test(text) ? Number(text) : undefined
}

function textFault(schema: TSchema, text: string): string | undefined {
  if (text.length < (schema.minLength ?? 0))
    return schema.minLength === 1 ? 'must not be empty' : `must have at least ${schema.minLength} characters`
  if (text.length > (schema.maxLength ?? Number.POSITIVE_INFINITY)) return `must have at most ${schema.maxLength} characters`
  if (schema.pattern !== undefined && !new RegExp(schema.pattern).test(text)) return `must match ${schema.pattern}${suchAs(schema)}`
  return schema.format === undefined ? undefined : faultOf(schema.format, text)
}

function numberFault(schema: TSchema, n: number): string | undefined {
  const parse = PARSE[schema['x-postern']]
  if (parse && schema.min !== undefined && n < parse(schema.min)!) return `must be at least ${schema.min}`
  if (parse && schema.max !== undefined && n > parse(schema.max)!) return `must be at most ${schema.max}`
  if (n < schema.minimum) return `must be at least ${schema.minimum}`
  if (n > schema.maximum) return `must be at most ${schema.maximum}`
  if (n <= schema.exclusiveMinimum) return `must be more than ${schema.exclusiveMinimum}`
  if (n >= schema.exclusiveMaximum) return `must be less than ${schema.exclusiveMaximum}`
  return schema.multipleOf && n % schema.multipleOf ? `must be a multiple of ${schema.multipleOf}` : undefined
}

function suchAs(schema: TSchema): string {
  const example = schema.examples?.[0] ?? schema.default
  return example === undefined ? '' : `, such as ${example}`
}
