/** Which two JSON Schemas one subscription can take. */
import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { compatible } from '#core/config/compatible.ts'

type Schema = Record<string, unknown>

const of = (properties: Schema, more: Schema = {}): Schema => ({ type: 'object', properties, ...more })
const only = (schema: unknown) => of({ p: schema })
const text = { type: 'string' }
const number = { type: 'number' }
const integer = { type: 'integer' }
const nothing = { type: 'null' }
const either = (...branches: Schema[]) => ({ anyOf: branches })

const sides = (a: Schema, b: Schema, closed = false) => [
  { name: 'a', schema: a, closed },
  { name: 'b', schema: b, closed },
]

/** What comes of a property `p` that is the one in `a` and the other in `b`; the other way round it must be the same. */
const rows: [what: string, a: unknown, b: unknown, ...verdict: string[]][] = [
  ['one type', text, text, 'compatible'],
  ['two types', text, number, 'breaking', 'p is a string in a and a number in b'],
  ['an integer is a number', integer, number, 'compatible'],
  ['text and an integer', text, integer, 'breaking', 'p is a string in a and an integer in b'],
  ['a list of types', { type: ['string', 'null'] }, text, 'compatible'],
  ['that share one', { type: ['string', 'integer'] }, { type: ['number', 'boolean'] }, 'compatible'],
  [
    'that share null alone',
    { type: ['string', 'null'] },
    { type: ['number', 'null'] },
    'breaking',
    'p is a string or null in a and a number or null in b',
  ],
  ['nothing but null', nothing, { type: ['string', 'null'] }, 'compatible'],
  ['no type', {}, number, 'compatible'],
  ['anything', true, number, 'compatible'],
  ['nothing at all', false, number, 'breaking', 'p is not allowed in a'],
  ['one value', { const: 'x' }, text, 'compatible'],
  ['a value of another type', { const: 'x' }, integer, 'breaking', 'p is a string in a and an integer in b'],
  ['two values', { const: 'x' }, { const: 'y' }, 'breaking', 'p can only be "x" in a and "y" in b'],
  ['values in common', { enum: ['x', 'y'] }, { enum: ['y', 'z'] }, 'compatible'],
  ['no values in common', { enum: ['x', 'y'] }, { enum: ['z'] }, 'breaking', 'p can only be "x" or "y" in a and "z" in b'],
  ['a value and a list with it', { const: 1 }, { enum: [1, 2] }, 'compatible'],
  ['other bounds', { type: 'integer', minimum: 5 }, { type: 'integer', maximum: 3, description: 'x' }, 'compatible'],
  ['objects', of({ q: text }), of({ q: text, r: number }), 'compatible'],
  ['objects that differ inside', of({ q: text }), of({ q: integer }), 'breaking', 'p.q is a string in a and an integer in b'],
  ['an object and text', of({}), text, 'breaking', 'p is an object in a and a string in b'],
  [
    'objects that differ, where text would do',
    { ...of({ q: text }), type: ['object', 'string'] },
    { ...of({ q: integer }), type: ['string', 'object'] },
    'compatible',
  ],
  ['lists', { type: 'array', items: text }, { type: 'array', items: text, minItems: 2 }, 'compatible'],
  [
    'lists of other things',
    { type: 'array', items: text },
    { type: 'array', items: of({}) },
    'breaking',
    'p[] is a string in a and an object in b',
  ],
  [
    'lists of objects',
    { type: 'array', items: of({ q: text }) },
    { type: 'array', items: of({ q: integer }) },
    'breaking',
    'p[].q is a string in a and an integer in b',
  ],
  ['a list of no kind', { type: 'array' }, { type: 'array', items: text }, 'compatible'],
  ['a branch that goes', either(text, number), number, 'compatible'],
  ['no branch that goes', either(text, nothing), either(number, nothing), 'breaking', 'p is a string in a and a number in b'],
  ['nothing in common but null', either(nothing), either(number, nothing), 'compatible'],
  [
    'a keyword that is not compared',
    { type: 'string', not: { const: 'x' } },
    text,
    'unknown',
    'the schema of p in a has not, which is not compared',
  ],
  ['one, where the types differ', { type: 'string', not: { const: 'x' } }, number, 'breaking', 'p is a string in a and a number in b'],
  ['a reference to nowhere', { $ref: '#/$defs/no' }, text, 'unknown', 'the schema of p in a has $ref, which is not compared'],
]

describe.each(rows)('%s', (_, a, b, kind, reason) => {
  test('this way and the other', () => {
    const [left, right] = sides(only(a), only(b)) as [any, any]
    const found = compatible(left, right)
    expect(found.kind).toBe(kind as 'compatible')
    if (reason) expect('reason' in found && found.reason.replaceAll("'", '')).toBe(reason)
    expect(compatible(right, left).kind).toBe(kind as 'compatible')
  })
})

test('a breaking property outweighs one that is not known', () => {
  const [a, b] = sides(of({ u: { type: 'string', not: {} }, p: text }), of({ u: text, p: number })) as [any, any]
  expect(compatible(a, b)).toEqual({ kind: 'breaking', property: 'p', reason: "p is a string in 'a' and a number in 'b'" })
})

test('the same schema is compatible, whatever it says', () => {
  const schema = { ...only({ not: {} }), if: {}, $ref: '#/x' }
  expect(compatible({ name: 'a', schema, closed: true }, { name: 'b', schema: structuredClone(schema), closed: false })).toEqual({
    kind: 'compatible',
  })
})

test('references and schemas that refer to themselves', () => {
  const tree = (value: Schema) => ({ $ref: '#/$defs/node', $defs: { node: of({ child: { $ref: '#/$defs/node' }, value }) } })
  const [a, b] = sides(tree(text), tree({ type: ['string', 'null'] })) as [any, any]
  expect(compatible(a, b)).toEqual({ kind: 'compatible' })
  const [c, d] = sides(tree(text), tree(number)) as [any, any]
  expect(compatible(c, d)).toMatchObject({ kind: 'breaking', property: 'value' })
})

test.each<[what: string, a: Schema, b: Schema, closed: boolean, used: string[][], kind: 'compatible' | 'breaking']>([
  ['closed and unused', of({ p: text }, { required: ['p'] }), of({ q: text }, { additionalProperties: false }), false, [], 'compatible'],
  ['closed and used', of({ p: text }, { required: ['p'] }), of({ q: text }, { additionalProperties: false }), false, [['p']], 'breaking'],
  ['used below', of({ p: of({}) }, { required: ['p'] }), of({ q: text }, { additionalProperties: false }), false, [['p', 'x']], 'breaking'],
  ['used otherwise', of({ p: text }, { required: ['p'] }), of({ q: text }, { additionalProperties: false }), false, [['q']], 'compatible'],
  ['open', of({ p: text }, { required: ['p'] }), of({ q: text }), false, [['p']], 'compatible'],
  ['unknown keys dropped', of({ p: text }, { required: ['p'] }), of({ q: text }), true, [['p']], 'breaking'],
  [
    'dropped, but the schema speaks of others',
    of({ p: text }, { required: ['p'] }),
    of({ q: text }, { additionalProperties: text }),
    true,
    [['p']],
    'compatible',
  ],
  ['not required', of({ p: text }), of({ q: text }), true, [['p']], 'compatible'],
])('required in one, impossible in the other: %s', (_, a, b, closed, used, kind) => {
  const [left, right] = sides(a, b, closed) as [any, any]
  expect(compatible(left, right, used).kind).toBe(kind)
  expect(compatible(right, left, used).kind).toBe(kind)
})

/** Schemas of the keywords that are compared, and of one that is not. */
const { schema } = fc.letrec(tie => ({
  schema: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom<Schema>({}, text, number, integer, nothing, { type: ['string', 'null'] }, { type: ['integer', 'boolean'] }),
    fc.record({ enum: fc.uniqueArray(fc.constantFrom<unknown>('x', 'y', 1, null, true), { minLength: 1 }) }),
    fc.constantFrom<Schema>({ type: 'string', not: { const: 'x' } }),
    fc.record({ type: fc.constant('array'), items: tie('schema') }),
    fc.record({ anyOf: fc.array(tie('schema'), { minLength: 1, maxLength: 3 }) }),
    fc.record({
      type: fc.constant('object'),
      properties: fc.dictionary(fc.constantFrom('p', 'q', 'r'), tie('schema')),
      required: fc.subarray(['p', 'q']),
      additionalProperties: fc.boolean(),
    }),
  ),
})) as { schema: fc.Arbitrary<Schema> }

test('any two: the same both ways round', () => {
  fc.assert(
    fc.property(schema, schema, fc.boolean(), fc.subarray([['p'], ['q'], ['r', 'p']]), (a, b, closed, used) => {
      const [left, right] = sides(a, b, closed) as [any, any]
      expect(compatible(left, right, used).kind).toBe(compatible(right, left, used).kind)
    }),
    { numRuns: 2000 },
  )
})

test('any one goes with itself, and never breaks with itself under another name', () => {
  fc.assert(
    fc.property(schema, fc.boolean(), (one, closed) => {
      const [left, right] = sides(one, { ...structuredClone(one), description: 'again' }, closed) as [any, any]
      expect(compatible(left, left)).toEqual({ kind: 'compatible' })
      expect(compatible(left, right).kind).not.toBe('breaking')
    }),
    { numRuns: 1000 },
  )
})
