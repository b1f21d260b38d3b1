/** Which changes of a JSON Schema no sender notices. */
import { describe, expect, test } from 'bun:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import ajvFormats from 'ajv-formats'
import fc from 'fast-check'
import { accepts } from '#core/config/accepts.ts'

type Schema = Record<string, unknown>

const only = (schema: unknown): Schema => ({ type: 'object', properties: { p: schema } })
const of = (properties: Schema, more: Schema = {}): Schema => ({ type: 'object', properties, ...more })
const text = { type: 'string' }
const number = { type: 'number' }
const integer = { type: 'integer' }
const either = (...branches: unknown[]) => ({ anyOf: branches })
const list = (items: unknown, more: Schema = {}) => ({ type: 'array', items, ...more })

/** What comes of a property `p` that was the one and is the other. */
const rows: [what: string, older: unknown, newer: unknown, ...verdict: string[]][] = [
  ['the same', text, text, 'compatible'],
  ['another type', text, number, 'breaking', 'p can be a string, and must now be a number'],
  ['an integer becomes a number', integer, number, 'compatible'],
  ['a number becomes an integer', number, integer, 'breaking', 'p can be a number, and must now be an integer'],
  ['null is allowed', text, { type: ['string', 'null'] }, 'compatible'],
  ['null is not allowed any more', { type: ['string', 'null'] }, text, 'breaking', 'p can be null, and must now be a string'],
  ['anything', text, true, 'compatible'],
  ['nothing', text, false, 'breaking', 'p is not allowed any more'],
  ['what never was allowed', false, text, 'compatible'],
  ['any type becomes one', {}, { type: ['string', 'null'] }, 'breaking'],
  ['a value is added', { enum: ['a', 'b'] }, { enum: ['a', 'b', 'c'] }, 'compatible'],
  ['a value is gone', { enum: ['a', 'b'] }, { enum: ['a'] }, 'breaking', 'p can be "b", which is not good any more'],
  ['a list of values', text, { enum: ['a'] }, 'breaking', 'p can be a string, and must now be one of a list'],
  ['values of a type', { enum: ['a', 1] }, { type: ['string', 'integer'] }, 'compatible'],
  ['values that fit a format', { enum: ['2026-01-01'] }, { type: 'string', format: 'date' }, 'compatible'],
  ['booleans are two values', { type: 'boolean' }, { enum: [true, false] }, 'compatible'],
  ['whole numbers in bounds are values', { type: 'integer', minimum: 1, maximum: 3 }, { enum: [1, 2, 3] }, 'compatible'],
  ['a constant', { const: 'x' }, { type: 'string', maxLength: 1 }, 'compatible'],
  ['a wider bound', { type: 'number', minimum: 1 }, { type: 'number', minimum: 0 }, 'compatible'],
  ['a narrower bound', { type: 'number', minimum: 0 }, { type: 'number', minimum: 1 }, 'breaking', 'p must now be at least 1'],
  ['an open bound', { type: 'number', minimum: 0 }, { type: 'number', exclusiveMinimum: 0 }, 'breaking', 'p must now be greater than 0'],
  ['an open bound of whole numbers', { type: 'integer', exclusiveMinimum: 0 }, { type: 'integer', minimum: 1 }, 'compatible'],
  ['a maximum', number, { type: 'number', maximum: 5 }, 'breaking', 'p must now be at most 5'],
  ['a longest text', text, { type: 'string', maxLength: 5 }, 'breaking', 'p must now have at most 5 characters'],
  ['a longer text', { type: 'string', maxLength: 4 }, { type: 'string', maxLength: 5 }, 'compatible'],
  ['a format', text, { type: 'string', format: 'email' }, 'breaking', 'p must now have the format email'],
  [
    'another format',
    { type: 'string', format: 'date' },
    { type: 'string', format: 'email' },
    'breaking',
    'p must now have the format email instead of date',
  ],
  ['no format any more', { type: 'string', format: 'date' }, text, 'compatible'],
  ['a format of numbers', integer, { type: 'integer', format: 'int32' }, 'unknown', 'format at p has changed, and is not compared'],
  ['the same pattern', { type: 'string', pattern: '^a' }, { pattern: '^a' }, 'compatible'],
  ['a pattern', text, { type: 'string', pattern: '^a' }, 'unknown', 'pattern at p has changed, and is not compared'],
  ['a list of wider items', list(integer), list(number), 'compatible'],
  ['a list of narrower items', list(number), list(integer), 'breaking', 'p[] can be a number, and must now be an integer'],
  ['a list of at most none', { type: 'array', maxItems: 0, items: text }, list(number), 'compatible'],
  ['fewer items', list(text), list(text, { maxItems: 3 }), 'breaking', 'p must now have at most 3 items'],
  ['no item twice', list(text), list(text, { uniqueItems: true }), 'breaking', 'p must now hold no item twice'],
  ['the first item', { prefixItems: [integer], items: text }, { prefixItems: [number], items: text }, 'compatible'],
  ['the second item', { type: 'array', items: text }, { type: 'array', prefixItems: [text, number] }, 'breaking'],
  ['required', of({ a: text }), of({ a: text }, { required: ['a'] }), 'breaking', 'p.a is required now'],
  ['not required any more', of({ a: text }, { required: ['a'] }), of({ a: text }), 'compatible'],
  ['a new property', of({}), of({ a: text }), 'breaking', 'p.a can be null, and must now be a string'],
  ['a new property of a closed object', of({}, { additionalProperties: false }), of({ a: text }), 'compatible'],
  ['a property is gone', of({ a: text }), of({}), 'compatible'],
  [
    'a property is gone of a closed object',
    of({ a: text }),
    of({}, { additionalProperties: false }),
    'breaking',
    'p.a is not allowed any more',
  ],
  ['now closed', of({ a: text }), of({ a: text }, { additionalProperties: false }), 'breaking', 'p.* is not allowed any more'],
  ['other keys', of({}, { additionalProperties: integer }), of({ a: number }, { additionalProperties: number }), 'compatible'],
  ['keys by the same pattern', { patternProperties: { '^x': integer } }, { patternProperties: { '^x': number } }, 'compatible'],
  ['a required key with a default', of({ a: { default: 'x' } }, { required: ['a'] }), of({}, { required: ['a'] }), 'unknown'],
  ['a key that all objects inherit', of({}), of({ constructor: text }), 'breaking'],
  ['one more alternative', either(text, number), either(text, number, { type: 'null' }), 'compatible'],
  ['one alternative fewer', either(text, number), either(text), 'breaking', 'p can be a number, and must now be a string'],
  ['alternatives for types', either(text, number), { type: ['number', 'string'] }, 'compatible'],
  ['types for alternatives', { type: ['string', 'number'] }, either(text, number), 'compatible'],
  ['exactly one of two that overlap', text, { oneOf: [text, { type: 'string', maxLength: 3 }] }, 'unknown'],
  ['exactly one of two that do not', text, { oneOf: [text, number] }, 'compatible'],
  [
    'objects told apart by a value',
    { oneOf: ['a', 'b'].map(k => of({ k: { const: k }, v: integer }, { required: ['k'] })) },
    { oneOf: ['a', 'b', 'c'].map(k => of({ k: { const: k }, v: number }, { required: ['k'] })) },
    'compatible',
  ],
  [
    'objects told apart by a value, of which one breaks',
    { oneOf: ['a', 'b'].map(k => of({ k: { const: k }, v: integer }, { required: ['k', 'v'] })) },
    { oneOf: ['a', 'b'].map(k => of({ k: { const: k }, v: k === 'a' ? integer : text }, { required: ['k'] })) },
    'breaking',
    'p.v can be an integer, and must now be a string',
  ],
  ['all of several', { allOf: [of({ a: integer }), of({ b: text })] }, of({ a: number, b: text }), 'compatible'],
  ['all of several, one more', of({ a: integer }), { allOf: [of({ a: integer }), { required: ['a'] }] }, 'breaking', 'p.a is required now'],
  ['not', text, { not: { type: 'null' } }, 'compatible'],
  ['not, of the same kind', text, { not: { const: 'x' } }, 'unknown', 'not at p has changed, and is not compared'],
  ['what the older one rules out', { type: 'string', not: { minLength: 3 } }, { type: 'string', maxLength: 9 }, 'unknown'],
  ['if', text, { if: { minLength: 1 }, else: false }, 'unknown'],
]

describe('a property that was', () => {
  test.each(rows.map(([what, older, newer, kind, reason = '']) => [what, older, newer, kind, reason] as const))(
    '%s',
    (_, older, newer, kind, reason) => {
      const verdict = accepts(only(older), only(newer))
      expect(verdict.kind).toBe(kind as typeof verdict.kind)
      if (reason) expect(verdict).toMatchObject({ reason })
    },
  )
})

test('a payload is an object, whether a schema says so or not', () => {
  expect(accepts({ properties: { a: text } }, of({ a: text }))).toEqual({ kind: 'compatible' })
})

test('references are followed, each in its own schema', () => {
  const older = of({ a: { $ref: '#/$defs/x' } }, { $defs: { x: integer } })
  expect(accepts(older, of({ a: { $ref: '#/$defs/x' } }, { $defs: { x: number } })).kind).toBe('compatible')
  expect(accepts(older, of({ a: { $ref: '#/$defs/x' } }, { $defs: { x: text } }))).toMatchObject({ kind: 'breaking', property: 'a' })
})

const tree = (value: unknown, more: Schema = {}): Schema => of({ value, next: { $ref: '#' } }, more)

test('schemas that refer to themselves come to an end', () => {
  expect(accepts(tree(integer), tree(number)).kind).toBe('compatible')
  expect(accepts(tree(number), tree(integer))).toMatchObject({ kind: 'breaking', property: 'value' })
  expect(accepts({ anyOf: [{ $ref: '#' }] }, { allOf: [{ $ref: '#' }] }).kind).toBe('unknown')
})

test('another $id inside is not looked into', () => {
  expect(accepts(only({ $id: 'urn:x', type: 'string' }), only(text)).kind).toBe('unknown')
  expect(accepts(of({ $id: text }), of({ $id: { type: ['string', 'null'] } })).kind).toBe('compatible')
})

test('a schema too deep or too large is told as such, and soon', () => {
  let deep: Schema = text
  for (let i = 0; i < 5000; i++) deep = list(deep)
  const wide = either(
    ...Array.from({ length: 200 }, (_, i) => either(...Array.from({ length: 50 }, (_, k) => of({ [`k${i}`]: { const: k } })))),
  )
  const started = performance.now()
  expect(accepts(only(deep), only(list(deep))).kind).toBe('unknown')
  expect(accepts(only(wide), only(either(wide, text, of({ z: text }, { required: ['z'] })))).kind).not.toBe('breaking')
  expect(performance.now() - started).toBeLessThan(10_000)
})

const scalar = fc.constantFrom<unknown>('', 'a', 'abc', '2026-01-01', 'a@b.example', 0, 1, 2, 2.5, -1, true, false, null)
const names = fc.constantFrom('p', 'q', 'r')
const { value } = fc.letrec(tie => ({
  value: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    scalar,
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(names, tie('value'), { maxKeys: 3, noNullPrototype: true }),
  ),
}))
const types = fc.constantFrom('null', 'boolean', 'integer', 'number', 'string', 'array', 'object')
const some = <T>(arb: fc.Arbitrary<T>) => fc.option(arb, { nil: undefined, freq: 2 })
const small = fc.integer({ min: 0, max: 3 })
const { schema } = fc.letrec<{ schema: unknown; object: Schema }>(tie => ({
  schema: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    { weight: 1, arbitrary: fc.boolean() },
    { weight: 2, arbitrary: fc.record({ enum: fc.uniqueArray(scalar, { minLength: 1, maxLength: 4 }) }) },
    { weight: 1, arbitrary: fc.record({ const: fc.oneof(scalar, value) }) },
    { weight: 6, arbitrary: tie('object') },
    { weight: 1, arbitrary: fc.record({ $ref: fc.constantFrom('#/$defs/x', '#/$defs/y') }) },
  ),
  object: fc
    .record({
      type: some(fc.oneof(types, fc.uniqueArray(types, { minLength: 1, maxLength: 3 }))),
      minimum: some(fc.integer({ min: -1, max: 2 })),
      exclusiveMaximum: some(fc.integer({ min: 0, max: 3 })),
      multipleOf: some(fc.constantFrom(0.5, 1, 2)),
      minLength: some(small),
      maxLength: some(small),
      format: some(fc.constantFrom('date', 'email')),
      pattern: some(fc.constantFrom('^a', 'c$')),
      items: some(tie('schema')),
      prefixItems: some(fc.array(tie('schema'), { minLength: 1, maxLength: 2 })),
      minItems: some(small),
      maxItems: some(small),
      uniqueItems: some(fc.boolean()),
      properties: some(fc.dictionary(names, tie('schema'), { maxKeys: 3, noNullPrototype: true })),
      required: some(fc.uniqueArray(names, { maxLength: 2 })),
      additionalProperties: some(tie('schema')),
      patternProperties: some(fc.dictionary(fc.constantFrom('[pq]', 'r'), tie('schema'), { maxKeys: 2, noNullPrototype: true })),
      minProperties: some(small),
      maxProperties: some(small),
      dependentRequired: some(fc.constantFrom({ p: ['q'] }, { q: ['r'] })),
      anyOf: some(fc.array(tie('schema'), { minLength: 1, maxLength: 3 })),
      oneOf: some(fc.array(tie('schema'), { minLength: 1, maxLength: 3 })),
      allOf: some(fc.array(tie('schema'), { minLength: 1, maxLength: 2 })),
      not: some(tie('schema')),
      if: some(tie('schema')),
      contains: some(tie('schema')),
    })
    // A few keywords each, or hardly anything would be valid.
    .chain(all => fc.shuffledSubarray(Object.entries(all)).map(entries => entries.filter(([, said]) => said !== undefined).slice(0, 4)))
    .map(entries => Object.fromEntries(entries)),
}))

const ajv = new Ajv2020({ strict: false, validateSchema: false, logger: false })
ajvFormats.default(ajv)

/** Of some schemas with patterns inside alternatives, the validator's own code throws: they have no verdict. */
function judge(schema: Schema): (value: unknown) => boolean | undefined {
  const validate = ajv.compile(schema)
  return value => {
    try {
      return validate(value)
    } catch {
      return undefined
    }
  }
}

/** One schema, and what it may have become by a small change somewhere. */
const changed = fc
  .tuple(schema, schema, fc.infiniteStream(fc.nat(9)), fc.infiniteStream(schema))
  .map(([before, other, dice, spare]): [unknown, unknown] => {
    const roll = () => dice.next().value as number
    const walk = (part: any): any => {
      if (typeof part !== 'object' || part === null) return part
      if (Array.isArray(part)) return part.map(walk)
      return Object.fromEntries(
        Object.entries(part).flatMap(([key, said]) => {
          const die = roll()
          if (die === 0) return []
          if (die === 1 && typeof said === 'number' && key !== 'multipleOf') return [[key, Math.max(0, said - 1)]]
          if (die === 2 && ['items', 'not', 'additionalProperties'].includes(key)) return [[key, spare.next().value]]
          return [[key, ['enum', 'const', 'type', 'required', 'dependentRequired'].includes(key) ? said : walk(said)]]
        }),
      )
    }
    return [before, roll() < 8 ? walk(before) : other]
  })
const definitions = fc.record({ x: schema, y: fc.constantFrom<Schema>(text, number, { enum: ['a', 1] }) })

test('what is compatible breaks no payload', () => {
  let compatible = 0
  fc.assert(
    fc.property(
      changed,
      definitions,
      definitions,
      fc.array(value, { minLength: 30, maxLength: 30 }),
      ([before, after], old, now, values) => {
        // A definition that refers to itself and nothing else would never end in the validator.
        const safe = (defs: Schema) => (JSON.stringify(defs).includes('$ref') ? { x: text, y: number } : defs)
        const [older, newer] = [of({ v: before }, { $defs: safe(old) }), of({ v: after }, { $defs: safe(now) })]
        if (accepts(older, newer).kind !== 'compatible') return
        compatible++
        const [was, is] = [judge(older), judge(newer)]
        for (const v of values) if (was({ v }) === true) expect([v, is({ v })]).not.toEqual([v, false])
        ajv.removeSchema()
      },
    ),
    { numRuns: Number(process.env.RUNS ?? 2000) },
  )
  expect(compatible).toBeGreaterThan(100)
}, 300_000)
