/** The mapping turned round: what senders are told of a payload whose fields are renamed. */
import { describe, expect, test } from 'bun:test'
import { decodeSettings } from '#core/config/decode.ts'
import mapping from './index.ts'

type Schema = Record<string, unknown>
const text = { type: 'string' }
const expects = (settings: Schema, schema: Schema) =>
  mapping.expects?.(decodeSettings(mapping.config, settings).value as never, schema) as Schema | undefined

const rows: [string, Schema, Schema, Schema][] = [
  [
    'a name',
    { fields: { a: 'b' } },
    { required: ['b'], properties: { b: text, c: text } },
    { required: ['a'], properties: { a: text, c: text } },
  ],
  ['two that change places', { fields: { a: 'b', b: 'a' } }, { properties: { a: text, b: {} } }, { properties: { b: text, a: {} } }],
  ['a field that nobody can send', { fields: { a: 'b' } }, { properties: { a: text } }, { properties: {} }],
  ['others that are dropped', { fields: { a: 'b' }, unmapped: 'drop' }, { properties: { b: text, c: text } }, { properties: { a: text } }],
  [
    'a default',
    { defaults: { b: 1 } },
    { required: ['b', 'c'], properties: { b: {}, c: {} } },
    { required: ['c'], properties: { b: {}, c: {} } },
  ],
  [
    'a path that is sent',
    { fields: { 'a.b': 'c' } },
    { required: ['c'], properties: { c: text } },
    { required: ['a'], properties: { a: { type: 'object', required: ['b'], properties: { b: text } } } },
  ],
  [
    'a place in a list',
    { fields: { 'a[1].b': 'c' } },
    { required: ['c'], properties: { c: text } },
    {
      required: ['a'],
      properties: { a: { type: 'array', minItems: 2, prefixItems: [{}, { type: 'object', required: ['b'], properties: { b: text } }] } },
    },
  ],
  [
    'a path that is kept',
    { fields: { a: 'c.d' } },
    { required: ['c'], properties: { c: { type: 'object', required: ['d'], properties: { d: text, e: text } } } },
    { required: ['a'], properties: { a: text, c: { type: 'object', properties: { e: text } } } },
  ],
  [
    'a path within what is not required',
    { fields: { a: 'c.d' } },
    { properties: { c: { required: ['d'], properties: { d: text } } } },
    { properties: { a: text, c: { properties: {} } } },
  ],
  [
    'text that becomes a number',
    { fields: { a: { apply: ['trim', 'to-number'] } } },
    { properties: { a: { type: 'integer', minimum: 1, description: 'Age' } } },
    { properties: { a: { type: ['number', 'string'], description: 'Age' } } },
  ],
  [
    'text whose rules hold after a change',
    { fields: { a: { apply: ['lower'] } } },
    { properties: { a: { type: 'string', enum: ['x'] } } },
    { properties: { a: { type: 'string' } } },
  ],
  [
    'objects that become text',
    { nested: 'json-string' },
    { properties: { a: { type: 'string', maxLength: 9 }, b: { type: 'number' } } },
    { properties: { a: {}, b: { type: 'number' } } },
  ],
  [
    'branches',
    { fields: { mail: 'email' } },
    { properties: { email: text }, anyOf: [{ required: ['email'] }, { required: ['phone'] }] },
    { properties: { mail: text }, anyOf: [{ required: ['mail'] }, { required: ['phone'] }] },
  ],
  [
    'a branch that says nothing any more',
    { defaults: { a: 1 } },
    { anyOf: [{ required: ['a'] }, { required: ['b'] }] },
    { properties: {} },
  ],
  [
    'rules that cannot be turned round',
    { fields: { a: 'b' } },
    { properties: { b: text }, minProperties: 2, not: { required: ['a'] }, additionalProperties: false },
    { properties: { a: text } },
  ],
  ['variables', { variables: { plan: 'the.plan' } }, { properties: { a: text } }, { properties: { a: text, the: {} } }],
  [
    'definitions',
    { fields: { a: 'b' } },
    { $ref: '#/$defs/root', $defs: { root: { required: ['b'], properties: { b: { $ref: '#/$defs/b' } } }, b: text } },
    {
      required: ['a'],
      properties: { a: { $ref: '#/$defs/b' } },
      $defs: { root: { required: ['b'], properties: { b: { $ref: '#/$defs/b' } } }, b: text },
    },
  ],
]

describe('turned round', () => {
  test.each(rows)('%s', (_, settings, schema, expected) => {
    expect(expects(settings, schema)).toEqual({ type: 'object', ...expected })
  })

  test.each([
    ['to a field by its place', { properties: { b: { $ref: '#/properties/c' }, c: text } }],
    ['to the whole', { properties: { b: { $ref: '#' } } }],
    ['of the whole to elsewhere', { $ref: 'https://schemas.example.com/b' }],
  ])('not with a reference %s', (_, schema) => {
    expect(expects({ fields: { a: 'b' } }, schema)).toBeUndefined()
  })
})
