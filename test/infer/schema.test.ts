/** Schemas of samples: what is read out of which values, and that no sample is refused by its own schema. */
import { describe, expect, test } from 'bun:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import ajvFormats from 'ajv-formats'
import fc from 'fast-check'
import { payloadSchema, schemaOf } from '#core/infer/schema.ts'
import { addValue, emptySummary, merged, type Summary } from '#core/infer/summary.ts'

function summaryOf(values: readonly unknown[]): Summary {
  const summary = emptySummary()
  for (const value of values) addValue(summary, value)
  return summary
}
const of = (...values: unknown[]) => schemaOf(summaryOf(values))
const times = <T>(n: number, make: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => make(i))

const uuid = (i: number) => `0191d2a4-7c3e-7d2a-9b1f-${String(i).padStart(12, '0')}`
const ulid = (i: number) => `01HZX3Q4K5M6N7P8Q9R0S1${String(i).padStart(4, '0')}`

const rows: [what: string, values: unknown[], schema: unknown][] = [
  ['whole numbers', [1, 2], { type: 'integer' }],
  ['numbers', [1, 2.5], { type: 'number' }],
  ['several types', ['x', 1], { type: ['string', 'integer'] }],
  ['sometimes null', ['x', null], { type: ['string', 'null'] }],
  ['null alone tells nothing', [null, null], {}],
  ['no number at all', [Number.POSITIVE_INFINITY, 1], {}],
  ['booleans', [true, true], { type: 'boolean' }],
  ['times', ['2026-01-15T12:00:00Z', '2026-01-15T12:00:00.5+01:00'], { type: 'string', format: 'date-time' }],
  ['days', ['2026-01-15'], { type: 'string', format: 'date' }],
  ['a day that is none', ['2026-02-30'], { type: 'string' }],
  ['addresses for mail', ['a@b.example', 'c@d.example'], { type: 'string', format: 'email' }],
  ['one of them is no address', ['a@b.example', ''], { type: 'string' }],
  ['links', ['https://a.example/x?y=1'], { type: 'string', format: 'uri' }],
  ['a colon makes no link', ['status:open'], { type: 'string' }],
  ['uuids', [uuid(1)], { type: 'string', format: 'uuid' }],
  ['IPv4', ['192.0.2.1'], { type: 'string', format: 'ipv4' }],
  ['IPv6', ['2001:db8::1'], { type: 'string', format: 'ipv6' }],
  ['two formats', ['192.0.2.1', '2001:db8::1'], { type: 'string' }],
  ['a value of few that came often', times(30, i => ['open', 'paid', 'void'][i % 3]), { type: 'string', enum: ['open', 'paid', 'void'] }],
  ['and sometimes null', times(30, i => ['open', 'paid', null][i % 3]), { type: ['string', 'null'], enum: ['open', 'paid', null] }],
  ['too few samples for a list of values', times(19, i => ['open', 'paid'][i % 2]), { type: 'string' }],
  ['one came once', [...times(30, i => ['open', 'paid'][i % 2]), 'void'], { type: 'string' }],
  ['always the same', times(30, () => 'order'), { type: 'string' }],
  ['too many different ones', times(90, i => `v${'abcdefghi'[i % 9]}`), { type: 'string' }],
  ['amounts as text', times(30, i => ['1.00', '2.00'][i % 2]), { type: 'string' }],
  ['lists', [[1], [2.5, 'x'], []], { type: 'array', items: { type: ['string', 'number'] } }],
  ['empty lists', [[]], { type: 'array' }],
  ['masked values tell nothing', ['[masked]', 5, 'Bearer [masked]'], { type: 'integer' }],
  [
    'keys',
    [{ a: 1 }, { a: 2, b: 'x' }],
    { type: 'object', required: ['a'], properties: { a: { type: 'integer' }, b: { type: 'string' } } },
  ],
  ['a masked key is there', [{ a: '[masked]' }, { a: 2 }], { type: 'object', required: ['a'], properties: { a: { type: 'integer' } } }],
  ['a key that all objects inherit', [JSON.parse('{"__proto__": 1, "constructor": 2, "toString": 3}')], { type: 'object' }],
  ['keys that are uuids', [{ [uuid(1)]: 1, [uuid(2)]: 2 }], { type: 'object', additionalProperties: { type: 'integer' } }],
  [
    'keys that are ULIDs',
    [{ [ulid(1)]: { n: 1 } }],
    { type: 'object', additionalProperties: { type: 'object', required: ['n'], properties: { n: { type: 'integer' } } } },
  ],
  [
    'many keys of which each has a few',
    times(40, i => ({ [`sku-${i}`]: i, [`sku-${i + 1}`]: i })),
    { type: 'object', additionalProperties: { type: 'integer' } },
  ],
  [
    'more keys than are told apart',
    [Object.fromEntries(times(500, i => [`k${i}`, 'x']))],
    { type: 'object', additionalProperties: { type: 'string' } },
  ],
  [
    'an id with few values is no list of them',
    times(40, i => ({ plan_id: `p${'ab'[i % 2]}` })),
    { type: 'object', required: ['plan_id'], properties: { plan_id: { type: 'string' } } },
  ],
]

describe('the schema of', () => {
  test.each(rows.map(([what, values, schema]) => [what, values, schema] as const))('%s', (_, values, schema) => {
    expect(of(...values)).toEqual(schema as never)
  })
})

test('a payload is an object whatever its keys look like', () => {
  expect(payloadSchema(summaryOf([{ [uuid(1)]: 1 }]))).toMatchObject({ properties: { [uuid(1)]: { type: 'integer' } } })
})

const key = fc.oneof(
  fc.constantFrom('a', 'b', 'status', 'userId', '__proto__', 'constructor', 'toString', ''),
  fc.string({ maxLength: 6 }),
  fc.uuid(),
  fc.ulid(),
)
const scalar = fc.oneof(
  fc.constantFrom<unknown>(
    'open',
    'paid',
    '',
    '[masked]',
    null,
    true,
    false,
    0,
    -0,
    1e300,
    2 ** 60,
    '2026-01-15',
    '12:00:00Z',
    '::1',
    'a@b',
  ),
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.string({ maxLength: 60 }),
  fc.date({ noInvalidDate: true }).map(date => date.toISOString()),
  fc.emailAddress(),
  fc.webUrl({ withQueryParameters: true, withFragments: true }),
  fc.uuid(),
  fc.ipV4(),
  fc.ipV6(),
)
const { value } = fc.letrec(tie => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    scalar,
    fc.array(tie('value'), { maxLength: 4 }),
    // As JSON.parse makes them: an own `__proto__` is a key like others.
    fc.array(fc.tuple(key, tie('value')), { maxLength: 5 }).map(pairs => JSON.parse(JSON.stringify(Object.fromEntries(pairs)))),
  ),
}))
/** Many alike, so that lists of values and maps are found. */
const samples = fc.oneof(
  fc.array(value, { maxLength: 12 }),
  fc.tuple(fc.array(value, { minLength: 1, maxLength: 4 }), fc.integer({ min: 5, max: 12 })).map(([few, n]) => times(n, () => few).flat()),
  fc.array(fc.record({ status: fc.constantFrom('open', 'paid', null), at: scalar, list: fc.array(scalar, { maxLength: 2 }) }), {
    minLength: 20,
    maxLength: 40,
  }),
)

const ajv = new Ajv2020({
  strict: true,
  strictTypes: false,
  strictTuples: false,
  strictRequired: false,
  validateSchema: false,
  logger: false,
})
ajvFormats.default(ajv)
const masked = (value: unknown) => JSON.stringify(value).includes('[masked]')

test('a sample is always valid under what was made of it', () => {
  fc.assert(
    fc.property(samples, values => {
      const schema = of(...values)
      const validate = ajv.compile(schema)
      for (const value of values) if (!masked(value) && !validate(value)) expect([value, schema, validate.errors]).toEqual([])
      ajv.removeSchema()
    }),
    { numRuns: 600 },
  )
})

/** A summary as plain data, the same for equal ones. */
function plain(summary: Summary | undefined): unknown {
  if (!summary) return null
  const { keys, rest, items, texts, ...counts } = summary
  const sorted = <T>(map: Map<string, T>) => [...map].sort(([a], [b]) => (a < b ? -1 : 1))
  return {
    ...counts,
    texts: texts && sorted(texts),
    keys: keys && sorted(keys).map(([name, below]) => [name, plain(below)]),
    rest: plain(rest),
    items: plain(items),
  }
}
const wide = fc.integer({ min: 0, max: 300 }).map(n => Object.fromEntries(times(60, i => [`k${n + i}`, i % 7 ? i : `t${i}`])))
const part = fc.array(fc.oneof(value, wide), { maxLength: 6 }).map(values => [...values])

test('summaries add up to the same in any order and any grouping, and to that of all values one after the other', () => {
  fc.assert(
    fc.property(part, part, part, (a, b, c) => {
      const [x, y, z] = [a, b, c].map(summaryOf) as [Summary, Summary, Summary]
      const left = plain(merged(merged(x, y), z))
      expect(plain(merged(x, merged(y, z)))).toEqual(left)
      expect(plain(merged(merged(z, x), y))).toEqual(left)
      expect(plain(summaryOf([...c, ...a, ...b]))).toEqual(left)
      expect(plain(merged(x, emptySummary()))).toEqual(plain(x))
      expect(plain(x)).toEqual(plain(summaryOf(a)))
    }),
    { numRuns: 200 },
  )
})

test('a deep or a wide sample takes time by its size alone', () => {
  const deep = (n: number) => JSON.parse(`${'['.repeat(n)}1${']'.repeat(n)}`)
  const wide = times(200_000, i => ({ [`k${i}`]: i }))
  const started = performance.now()
  expect(JSON.stringify(of(deep(10_000)))).toContain('"items":{"type":"array"}')
  expect(of(...times(50, () => deep(5000)))).toMatchObject({ type: 'array' })
  expect(of(wide)).toMatchObject({ items: { additionalProperties: { type: 'integer' } } })
  expect(performance.now() - started).toBeLessThan(10_000)
})
