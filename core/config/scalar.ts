/** Texts, numbers, booleans and fixed choices: one decoded value, or the one fault it has. */
import type { TSchema } from '@sinclair/typebox'
import { parseDuration, parseSize } from '../settings.ts'
import { choices, mismatch, source } from './expected.ts'
import { faultOf } from './format.ts'
import type { Node, ScalarNode } from './node.ts'

type Read = { value: string | number | boolean } | { fault: string }

/** Reads a scalar as its setting wants it. */
export function scalar(schema: TSchema, node: Node): Read {
  const found = node.kind === 'scalar' ? typed(schema, node) : undefined
  if (node.kind !== 'scalar' || found === undefined) return { fault: mismatch(schema, node) }
  const fault = typeof found === 'string' ? textFault(schema, found) : typeof found === 'number' ? numberFault(schema, found) : undefined
  if (fault === undefined) return { value: found }
  return { fault: node.origin ? `${source(node.origin)} ${fault}` : fault }
}

/** The value in the type that the setting wants; undefined when it is of another. */
function typed(schema: TSchema, node: ScalarNode): string | number | boolean | undefined {
  const list = choices(schema)
  if (list) return list.find(choice => choice === node.value || (node.origin?.whole && String(choice) === node.value))
  const mark = schema['x-postern']
  if (mark === 'duration' || mark === 'size') {
    const parse = mark === 'duration' ? parseDuration : parseSize
    return typeof node.value === 'string' ? parse(node.value) : undefined
  }
  if (schema.type === 'string') return typeof node.value === 'string' ? node.value : undefined
  const plain = node.origin?.whole ? fromText(node.value as string) : node.value
  if (schema.type === 'boolean') return typeof plain === 'boolean' ? plain : undefined
  if (typeof plain !== 'number' || !Number.isFinite(plain)) return undefined
  return schema.type === 'number' || Number.isSafeInteger(plain) ? plain : undefined
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
  const mark = schema['x-postern']
  if (mark === 'duration' || mark === 'size') {
    const parse = mark === 'duration' ? parseDuration : parseSize
    if (schema.min !== undefined && n < parse(schema.min)!) return `must be at least ${schema.min}`
    return schema.max !== undefined && n > parse(schema.max)! ? `must be at most ${schema.max}` : undefined
  }
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
