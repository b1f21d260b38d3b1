/** Keywords of a JSON Schema that no comparison looks into. */
import type { Conjunction } from './conjunction.ts'
import { canonical, type Schema } from './holds.ts'

/** Those of the newer schema that the older one has not just so: whatever they do, it may be new. */
export function changedKeywords(older: Conjunction, schema: Schema): string[] {
  return Object.keys(schema).filter(keyword => {
    if (LOOKED_INTO.has(keyword)) return false
    const together = CONTEXT.get(keyword) ?? [keyword]
    const textOf = (of: Schema) => canonical(together.map(key => of[key] ?? null))
    const text = textOf(schema)
    // A reference in there may mean another thing in another schema.
    return text.includes('"$ref"') || text.includes('"$dynamicRef"') || !older.parts.some(part => textOf(part.schema) === text)
  })
}

/** Keywords of the newer schema that the comparison understands, or that judge nothing. */
const LOOKED_INTO = new Set(
  (
    '$schema $id $comment $defs definitions $anchor title description default examples deprecated readOnly writeOnly contentEncoding ' +
    'contentMediaType contentSchema type enum const $ref allOf anyOf oneOf not minimum maximum exclusiveMinimum exclusiveMaximum ' +
    'multipleOf minLength maxLength pattern minItems maxItems uniqueItems items prefixItems required properties patternProperties ' +
    'additionalProperties minProperties maxProperties format'
  ).split(' '),
)

/** What else decides about the meaning of a keyword. */
const BESIDE_UNEVALUATED =
  'properties patternProperties additionalProperties items prefixItems contains allOf anyOf oneOf if then else not $ref dependentSchemas'.split(
    ' ',
  )
const BRANCHES = ['if', 'then', 'else']
const CONTAINS = ['contains', 'minContains', 'maxContains']
const CONTEXT = new Map<string, readonly string[]>([
  ...BRANCHES.map(keyword => [keyword, BRANCHES] as const),
  // The validator takes an empty list for good where there are `prefixItems`.
  ...CONTAINS.map(keyword => [keyword, [...CONTAINS, 'prefixItems', 'items']] as const),
  ...['unevaluatedProperties', 'unevaluatedItems'].map(keyword => [keyword, [keyword, ...BESIDE_UNEVALUATED]] as const),
])
