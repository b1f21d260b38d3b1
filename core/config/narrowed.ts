/** Bounds of single values, texts and sizes that a newer JSON Schema draws closer than the older one. */
import { Conjunction, isNumber } from './conjunction.ts'
import type { Schema } from './holds.ts'

/** What a value must now be or have, or the keyword that cannot be compared. */
export type Narrowed = { must: string } | { unknown: string }

export function narrowedNumber(older: Conjunction, schema: Schema, whole: boolean): Narrowed[] {
  const before = older.bounds(whole)
  const now = new Conjunction([{ schema, root: schema }]).bounds(whole)
  const found: Narrowed[] = []
  if (before.low < now.low || (before.low === now.low && now.lowOpen && !before.lowOpen))
    found.push({ must: `be ${now.lowOpen ? 'greater than' : 'at least'} ${now.low}` })
  if (before.high > now.high || (before.high === now.high && now.highOpen && !before.highOpen))
    found.push({ must: `be ${now.highOpen ? 'less than' : 'at most'} ${now.high}` })
  const { multipleOf, format } = schema
  if (format !== undefined && !has(older, schema, 'format')) found.push({ unknown: 'format' })
  if (isNumber(multipleOf) && !has(older, schema, 'multipleOf')) {
    const stepped = older.parts.some(part => isNumber(part.schema.multipleOf))
    found.push(stepped || multipleOf <= 1 ? { unknown: 'multipleOf' } : { must: `be a multiple of ${multipleOf}` })
  }
  return found
}

export function narrowedText(older: Conjunction, schema: Schema): Narrowed[] {
  const found = narrowedSize(schema, ['minLength', 'maxLength'], older.least('minLength'), older.most('maxLength'), 'characters')
  if (schema.pattern !== undefined && !has(older, schema, 'pattern')) found.push({ unknown: 'pattern' })
  const { format } = schema
  if (typeof format !== 'string' || has(older, schema, 'format') || NUMERIC.has(format)) return found
  const before = older.parts.map(part => part.schema.format).find(name => typeof name === 'string')
  const apart = before === undefined || (APART.has(format) && APART.has(String(before)))
  if (!apart || older.parts.some(part => part.schema.pattern !== undefined)) found.push({ unknown: 'format' })
  else found.push({ must: `have the format ${format}${before === undefined ? '' : ` instead of ${before}`}` })
  return found
}

/** `least` and `most` are what the older schema lets be. */
export function narrowedSize(schema: Schema, [min, max]: readonly [string, string], least: number, most: number, noun: string): Narrowed[] {
  const { [min]: low, [max]: high } = schema
  const found: Narrowed[] = []
  if (isNumber(low) && least < low) found.push({ must: `have at least ${low} ${noun}` })
  if (isNumber(high) && most > high) found.push({ must: `have at most ${high} ${noun}` })
  return found
}

const has = (older: Conjunction, schema: Schema, keyword: string) => older.parts.some(part => part.schema[keyword] === schema[keyword])

/** Formats of which no two are ever the same, nor one part of the other. */
const APART = new Set(['date-time', 'date', 'time', 'email', 'uri', 'uuid', 'ipv4', 'ipv6'])
/** Formats that judge numbers alone. */
const NUMERIC = new Set(['int32', 'int64', 'float', 'double'])
