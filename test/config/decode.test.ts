/** `decodeSettings`: plain data as a plugin's tests have it. */
import { expect, test } from 'bun:test'
import { decodeSettings } from '#core/config/decode.ts'
import { Duration, Secret, Size, type TObject, Type } from '#core/plugin.ts'

const closed = { additionalProperties: false }
const nested = Type.Object(
  {
    wait: Duration({ default: '5m', description: 'Wait.' }),
    by: Type.Record(
      Type.String(),
      Type.Object({ max: Size({ default: '1KiB', description: 'Max.' }), tags: Type.Array(Type.String(), { default: ['a'] }) }, closed),
      { default: { all: {} } },
    ),
    list: Type.Array(Type.Object({ on: Type.Boolean({ default: true }) }, closed), { default: [{}] }),
    inner: Type.Object({ deep: Type.Object({ n: Type.Integer({ default: 7 }) }, closed) }, closed),
    maybe: Type.Optional(Type.Object({ n: Type.Integer({ default: 7 }) }, closed)),
    either: Type.Union(
      [Type.Object({ kind: Type.Literal('a'), t: Duration({ default: '1s', description: 'T.' }) }, closed), Type.String()],
      {
        default: { kind: 'a' },
      },
    ),
  },
  closed,
)

const values: [name: string, schema: TObject, raw: unknown, value: Record<string, unknown>][] = [
  [
    'defaults at every level',
    nested,
    {},
    {
      wait: 300_000,
      by: { all: { max: 1024, tags: ['a'] } },
      list: [{ on: true }],
      inner: { deep: { n: 7 } },
      either: { kind: 'a', t: 1000 },
    },
  ],
  [
    'defaults within what is given',
    nested,
    { by: { x: { max: '2KB' }, y: { tags: [] } }, list: [{}, { on: false }], inner: { deep: {} }, maybe: {}, either: 'x' },
    {
      wait: 300_000,
      by: { x: { max: 2000, tags: ['a'] }, y: { max: 1024, tags: [] } },
      list: [{ on: true }, { on: false }],
      inner: { deep: { n: 7 } },
      maybe: { n: 7 },
      either: 'x',
    },
  ],
  ['null is {}', Type.Object({ a: Type.String({ default: 'x' }) }, closed), null, { a: 'x' }],
  ['undefined is {}', Type.Object({}, closed), undefined, {}],
  ['an optional setting stays away', Type.Object({ a: Type.Optional(Type.String()) }, closed), {}, {}],
  ['undefined is as left out', Type.Object({ a: Type.Optional(Type.String()) }, closed), { a: undefined }, {}],
  [
    'text in braces is only text here',
    Type.Object({ k: Secret({ description: 'K.' }) }, closed),
    { k: `\${SECRET_1}` },
    { k: `\${SECRET_1}` },
  ],
  [
    'any data',
    Type.Object({ a: Type.Unknown(), b: Type.Any() }, closed),
    { a: { x: [1, null, 'y'] }, b: 0 },
    { a: { x: [1, null, 'y'] }, b: 0 },
  ],
  ['a marked text without more', Type.Object({ a: Type.Unsafe<'x'>({ enum: ['x', 'y'] }) }, closed), { a: 'y' }, { a: 'y' }],
  ['null where it is allowed', Type.Object({ a: Type.Union([Type.Null(), Type.String()]) }, closed), { a: null }, { a: null }],
  [
    'one within another of its kind',
    Type.Object(
      { tree: Type.Recursive(self => Type.Object({ n: Type.Integer({ default: 1 }), next: Type.Optional(self) }, closed)) },
      closed,
    ),
    { tree: { next: { next: { n: 3 } } } },
    { tree: { n: 1, next: { n: 1, next: { n: 3 } } } },
  ],
]

for (const [name, schema, raw, value] of values)
  test(name, () => {
    expect(decodeSettings(schema, raw)).toEqual({ value, problems: [] })
  })

const one = (setting: Parameters<typeof Type.Object>[0][string]) => Type.Object({ a: setting }, closed)

const faults: [name: string, schema: TObject, raw: unknown, ...problems: string[]][] = [
  ['a list', one(Type.String()), [], ' expected a map, got a list'],
  ['a required setting', one(Type.String()), {}, '/a is missing: expected text'],
  ['a required duration', one(Duration({ description: 'A.' })), {}, '/a is missing: expected a duration such as 300ms, 30s, 5m, 24h or 7d'],
  ['an unknown setting', one(Type.Optional(Type.String())), { b: 1 }, "/b unknown setting 'b'; known are a"],
  ['an unknown setting near a required one', one(Type.String()), { A: 'x' }, "/A unknown setting 'A' — did you mean 'a'?"],
  ['a name with a slash', one(Type.Optional(Type.String())), { 'x/y~z': 1 }, "/x~1y~0z unknown setting 'x/y~z'; known are a"],
  [
    'a name of the prototype',
    one(Type.Record(Type.String(), Type.String())),
    { a: { constructor: 'x' } },
    "/a/constructor the key 'constructor' is not allowed anywhere: choose another name",
  ],
  ['closed even when the plugin forgot', Type.Object({ a: Type.Optional(Type.String()) }), { b: 1 }, "/b unknown setting 'b'; known are a"],
  ['a default that is wrong', one(Type.Integer({ default: 'x' as never })), {}, '/a expected a whole number, got text'],
  [
    'an item',
    one(Type.Array(Type.Integer())),
    { a: [1, 'x', 2.5] },
    '/a/1 expected a whole number, got text',
    '/a/2 expected a whole number, got the number 2.5',
  ],
  ['no whole number', one(Type.Integer()), { a: 2 ** 53 }, '/a expected a whole number, got the number 9007199254740992'],
  ['no number', one(Type.Number()), { a: Number.NaN }, '/a expected a number, got the number NaN'],
  ['text', one(Type.String({ maxLength: 2 })), { a: 'abc' }, '/a must have at most 2 characters'],
  [
    'an unknown format',
    one(Type.String({ format: 'colour' })),
    { a: 'x' },
    "/a cannot be checked: there is no format 'colour', which is a fault of the plugin",
  ],
  ['a host name', one(Type.String({ format: 'hostname' })), { a: '-' }, '/a must be a valid hostname'],
  [
    'objects in a union: the nearest one counts',
    one(Type.Union([Type.Object({ x: Type.String(), y: Type.String() }, closed), Type.Object({ z: Type.Integer() }, closed)])),
    { a: { z: 'q' } },
    '/a/z expected a whole number, got text',
  ],
  [
    'a union of more',
    one(Type.Union([Type.String(), Type.Integer(), Type.Boolean()])),
    { a: null },
    '/a expected text, a whole number or true or false, got nothing',
  ],
  ['too few entries', one(Type.Record(Type.String(), Type.String(), { minProperties: 1 })), { a: {} }, '/a must have at least one entry'],
  [
    'too many entries',
    one(Type.Record(Type.String(), Type.String(), { maxProperties: 1 })),
    { a: { b: 'x', c: 'y' } },
    '/a must have at most one entry',
  ],
  [
    'what only TypeBox can judge: once each',
    one(Type.Intersect([Type.Object({ x: Type.String() }), Type.Object({ y: Type.Integer() })])),
    { a: { x: 5 } },
    '/a/x expected string',
    '/a/y expected required property',
  ],
  [
    'a union of a duration and a word',
    one(Type.Union([Duration({ description: 'A.' }), Type.Literal('never')])),
    { a: 'nevr' },
    "/a expected a duration such as 300ms, 30s, 5m, 24h or 7d or 'never', got 'nevr' — did you mean 'never'?",
  ],
  [
    'a union of a duration within bounds and a word',
    one(Type.Union([Duration({ description: 'A.', max: '1m' }), Type.Literal('never')])),
    { a: '5m' },
    '/a must be at most 1m',
  ],
  [
    'a union of a secret and a word',
    one(Type.Union([Secret({ description: 'A.' }), Type.Literal('none')])),
    { a: 12345 },
    "/a expected text or 'none', got a number",
  ],
  ['not', one(Type.Not(Type.String())), { a: 'x' }, '/a value should not match'],
]

for (const [name, schema, raw, ...problems] of faults)
  test(name, () => {
    expect(decodeSettings(schema, raw).problems.map(p => `${p.path} ${p.message}`)).toEqual(problems)
  })

test('what YAML could not have said is thrown', () => {
  expect(() => decodeSettings(one(Type.Any()), { a: { b: () => 1 } })).toThrow('a.b: a function cannot be written in YAML')
})

test('a mark where it would do nothing is thrown', () => {
  expect(() => decodeSettings(one(Type.Tuple([Secret({ description: 'A.' })])), { a: ['x'] })).toThrow(
    'cannot stand within this kind of schema',
  )
})

test('the value is a copy', () => {
  const raw = { a: { x: [1] } }
  const { value } = decodeSettings(one(Type.Unknown()), raw)
  expect(value).toEqual(raw)
  expect(value.a).not.toBe(raw.a)
})
