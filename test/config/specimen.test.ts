/** A made-up payload is good by the schema that it is made of. */
import { expect, test } from 'bun:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import { specimen } from '#core/config/specimen.ts'

const ajv = new Ajv2020({ strict: false })
formats.default(ajv)
const text = { type: 'string' }

test.each<[string, Record<string, unknown>]>([
  ['nothing required', { type: 'object', properties: { a: text } }],
  ['required without a rule', { required: ['a', 'b'] }],
  [
    'types',
    {
      type: 'object',
      required: ['i', 'n', 'b', 'z', 'l', 'o'],
      properties: {
        i: { type: 'integer' },
        n: { type: 'number' },
        b: { type: 'boolean' },
        z: { type: 'null' },
        l: { type: 'array' },
        o: { type: 'object' },
      },
    },
  ],
  ['lengths', { required: ['a', 'b'], properties: { a: { type: 'string', minLength: 40 }, b: { type: 'string', maxLength: 2 } } }],
  [
    'bounds',
    {
      required: ['a', 'b', 'c', 'd'],
      properties: {
        a: { type: 'integer', minimum: 7 },
        b: { type: 'number', exclusiveMinimum: 0, maximum: 0.6 },
        c: { type: 'integer', maximum: -3 },
        d: { type: 'number', multipleOf: 5, minimum: 11 },
      },
    },
  ],
  [
    'formats',
    {
      required: ['a', 'b', 'c', 'd', 'e', 'f'],
      properties: {
        a: { format: 'email' },
        b: { format: 'uuid' },
        c: { format: 'date-time' },
        d: { format: 'uri' },
        e: { format: 'ipv4' },
        f: { format: 'date' },
      },
    },
  ],
  [
    'patterns',
    {
      required: ['a', 'b', 'c'],
      properties: {
        a: { type: 'string', pattern: '^[A-Z]{2}$' },
        b: { type: 'string', pattern: '^order$' },
        c: { type: 'string', pattern: '^\\d{5}$' },
      },
    },
  ],
  ['values', { required: ['a', 'b'], properties: { a: { const: 3 }, b: { enum: ['x', 'y'] } } }],
  ['several types', { required: ['a'], properties: { a: { type: ['null', 'integer'] } } }],
  [
    'references',
    {
      required: ['a'],
      properties: { a: { $ref: '#/$defs/a' } },
      $defs: { a: { type: 'object', required: ['x'], properties: { x: { type: 'integer' } } } },
    },
  ],
  [
    'all of several',
    {
      allOf: [
        { required: ['a'], properties: { a: { type: 'integer' } } },
        { required: ['b'], properties: { b: text } },
      ],
    },
  ],
  [
    'one of several',
    {
      oneOf: [
        { type: 'object', required: ['a'], properties: { a: text } },
        { type: 'object', required: ['b'] },
      ],
    },
  ],
  [
    'lists',
    {
      required: ['a', 'b'],
      properties: {
        a: { type: 'array', minItems: 3, items: { type: 'integer' }, uniqueItems: true },
        b: { type: 'array', prefixItems: [text, { type: 'integer' }], minItems: 2 },
      },
    },
  ],
  [
    'lists of a few values',
    { required: ['a'], properties: { a: { type: 'array', minItems: 2, uniqueItems: true, items: { enum: ['x', 'y'] } } } },
  ],
  ['a least number of properties', { type: 'object', minProperties: 2, properties: { a: text, b: text, c: text } }],
])('%s', (_, schema) => {
  const value = specimen(schema)
  const validate = ajv.compile(schema)
  expect([validate(value), validate.errors, value]).toEqual([true, null, value])
  expect(Object.keys(value as object).length).toBeGreaterThan(0)
})

test('a schema that refers to itself comes to an end', () => {
  const tree = { type: 'object', required: ['next'], properties: { next: { $ref: '#' } } }
  expect(JSON.stringify(specimen(tree)).length).toBeLessThan(1000)
})
