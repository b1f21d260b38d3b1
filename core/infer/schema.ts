/** A JSON Schema 2020-12 of what has been seen: whatever was seen is valid under it. */
import { formatName } from './formats.ts'
import { emptySummary, merged, type Summary } from './summary.ts'

export type Schema = Record<string, unknown>

/** Fewer texts than these prove no list of values; nor do more different ones, nor one that came once. */
const ENUM_FROM = 20
const ENUM_MOST = 8
const ENUM_EACH = 2
/** Names of fields whose values tell things apart, and are no list of choices. */
const TELLING_APART =
  /(^|[_.-])(id|ids|key|token|name|username|login|user|author|email|uuid|hash|sha|slug|title|sku|code|number)$|[a-z](Id|Ids|Key|Token|Name|Login|User|Author|Email|Uuid|Hash|Sha|Slug|Title|Sku|Code|Number)$/
/** ULIDs, UUIDs, long numbers and hashes, dates: names that a program made up. */
const MADE_UP =
  /^([0-9A-HJKMNP-TV-Z]{26}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\d+|[0-9a-f]{16,}|\d{4}-\d\d-\d\d.*)$/i

/** The schema of a place; `name` is that of its key. */
export function schemaOf(summary: Summary, name = ''): Schema {
  const { objects, lists, strings, integers, fractions, booleans, nulls, opaque } = summary
  const types = [
    ...(objects > 0 ? ['object'] : []),
    ...(lists > 0 ? ['array'] : []),
    ...(strings > 0 ? ['string'] : []),
    ...(fractions > 0 ? ['number'] : integers > 0 ? ['integer'] : []),
    ...(booleans > 0 ? ['boolean'] : []),
  ]
  // Of what was too deep nothing is known, and that a value was null each time does not mean that it always will be.
  if (opaque > 0 || types.length === 0) return {}
  const values = types.length === 1 && strings > 0 ? choicesOf(summary, name) : undefined
  if (nulls > 0) types.push('null')
  const format = formatName(summary.formats)
  return {
    type: types.length === 1 ? types[0] : types,
    ...(strings > 0 && format && { format }),
    ...(values && { enum: nulls > 0 ? [...values, null] : values }),
    ...(objects > 0 && keysOf(summary)),
    ...(lists > 0 && summary.items && itemsOf(summary.items)),
  }
}

function itemsOf(items: Summary): Schema {
  const schema = schemaOf(items)
  return Object.keys(schema).length > 0 ? { items: schema } : {}
}

/** The schema of payloads, which are objects whatever their keys look like. */
export function payloadSchema(summary: Summary): Schema {
  return { type: 'object', ...(summary.keys ? namedKeys(summary, summary.keys) : mapOf(summary)) }
}

function keysOf(summary: Summary): Schema {
  return summary.keys && !isMap(summary, summary.keys) ? namedKeys(summary, summary.keys) : mapOf(summary)
}

function namedKeys({ objects }: Summary, keys: ReadonlyMap<string, Summary>): Schema {
  // A validator finds what every object inherits, whether it was sent or not.
  const named = [...keys].filter(([name]) => !(name in Object.prototype) && name !== 'prototype').sort(byName)
  if (named.length === 0) return {}
  const required = named.filter(([, below]) => below.count === objects).map(([name]) => name)
  return {
    ...(required.length > 0 && { required }),
    properties: Object.fromEntries(named.map(([name, below]) => [name, schemaOf(below, name)])),
  }
}

/** In the order of the alphabet, so that the same samples make the same text; an id comes first. */
const byName = ([a]: [string, unknown], [b]: [string, unknown]) => Number(b === 'id') - Number(a === 'id') || (a < b ? -1 : 1)

function mapOf(summary: Summary): Schema {
  const all = [...(summary.keys?.values() ?? []), ...(summary.rest ? [summary.rest] : [])]
  const schema = schemaOf(all.reduce(merged, emptySummary()))
  return Object.keys(schema).length > 0 ? { additionalProperties: schema } : {}
}

/** The keys are data: made up by programs, or many of which each object has a few. */
export function isMap({ objects }: Summary, keys: ReadonlyMap<string, Summary>): boolean {
  const names = [...keys.keys()]
  if (names.length === 0) return false
  const madeUp = names.filter(name => MADE_UP.test(name)).length
  if (madeUp === names.length && (names.length > 2 || names.some(name => name.length > 15))) return true
  if (names.length >= 8 && madeUp >= names.length * 0.9) return true
  const present = [...keys.values()].reduce((sum, below) => sum + below.count, 0)
  return (
    names.length >= 30 &&
    objects >= 10 &&
    present < objects * names.length * 0.2 &&
    ![...keys.values()].some(below => below.count > objects / 2)
  )
}

function choicesOf({ texts, strings, formats }: Summary, name: string): string[] | undefined {
  if (!texts || texts.size < 2 || texts.size > ENUM_MOST || strings < ENUM_FROM) return undefined
  if (formatName(formats) || TELLING_APART.test(name) || [...texts.values()].some(count => count < ENUM_EACH)) return undefined
  const values = [...texts.keys()]
  // Numbers written as text are amounts and codes.
  return values.some(text => /\d{4}|^[\d.,-]*$/.test(text)) ? undefined : values.sort()
}
