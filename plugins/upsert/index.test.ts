import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { conformance, harness } from '#core/testing.ts'
import upsert from './index.ts'

const run = async (settings: object, data: object, more = {}) => {
  const seen = await (await harness(upsert, { entity: 'contact', ...settings })).send({ body: data, ...more })
  return { ...seen, record: seen.staged[0]?.arg, code: (seen.reply as any)?.code }
}

test('keeps the contract', async () => {
  expect(
    await conformance(upsert, [
      { settings: { entity: 'contact' }, request: { body: {} }, expect: 'pass' },
      {
        settings: { entity: 'sales', idFieldQuery: 'idField' },
        request: { body: { region: 'N' }, query: 'idField=region' },
        expect: 'pass',
      },
      { settings: { entity: 'contact' }, request: { body: { id: {} } }, expect: 'VALIDATION_FAILED' },
    ]),
  ).toEqual([])
})

test('stages the data as it is, the id field with it', async () => {
  const { record } = await run({ merge: 'replace' }, { id: 'a', name: 'Ada', nested: { x: [1] } })
  expect(record).toEqual({ entity: 'contact', id: 'a', mode: 'replace', data: { id: 'a', name: 'Ada', nested: { x: [1] } } })
})

describe('the id', () => {
  const generated = Symbol('generated')
  const refused = Symbol('refused')
  const rows: [settings: object, data: object, query: string, id: unknown][] = [
    [{}, { id: 'North' }, '', 'North'],
    [{}, { id: 42 }, '', '42'],
    [{}, { id: -0 }, '', '0'],
    [{}, { id: 1.5 }, '', '1.5'],
    [{}, { id: true }, '', 'true'],
    [{}, { id: Number.MAX_SAFE_INTEGER }, '', '9007199254740991'],
    [{}, { id: 'x'.repeat(255) }, '', 'x'.repeat(255)],
    [{}, {}, '', generated],
    [{}, { id: null }, '', generated],
    [{}, { id: '' }, '', generated],
    [{}, { id: 'x'.repeat(256) }, '', refused],
    [{}, { id: {} }, '', refused],
    [{}, { id: ['a'] }, '', refused],
    [{}, { id: 2 ** 53 }, '', refused],
    [{ idField: 'region' }, { id: 'a', region: 'N' }, '', 'N'],
    [{ idField: 'region' }, { id: 'a' }, '', generated],
    [{ idField: 'toString' }, { id: 'a' }, '', generated],
    // seed 004: ?idField=region
    [{ idFieldQuery: 'idField' }, { id: 'a', region: 'N' }, '', 'a'],
    [{ idFieldQuery: 'idField' }, { id: 'a', region: 'N' }, 'idField=region', 'N'],
    [{ idFieldQuery: 'idField' }, { id: 'a' }, 'idField=region', generated],
    [{ idFieldQuery: 'idField' }, { id: 'a' }, 'idField=', 'a'],
    [{ idFieldQuery: 'idField' }, { id: 'a' }, 'idField=__proto__', generated],
    [{ idFieldQuery: 'idField' }, { id: 'a', region: [1] }, 'idField=region', refused],
    [{}, { id: 'a', region: 'N' }, 'idField=region', 'a'],
  ]
  test.each(rows)('%p %p ?%s', async (settings, data, query, id) => {
    const { record, exchange, reply } = await run(settings, {}, { data, query })
    expect(record?.id ?? refused).toBe((id === generated ? exchange.id : id) as string)
    if (id === refused) expect(reply).toMatchObject({ code: 'VALIDATION_FAILED', status: 422 })
  })

  test.each<[body: string, id: unknown, more?: object]>([
    ['{"id": 1.00000000000000000001}', refused],
    ['{"id": 0.99999999999999999999}', refused],
    ['{"id":-0.1000000000000000001}', refused],
    ['{"id":0.10000000000000000555}', refused],
    ['{"id":4503599627370497.3}', refused],
    ['{"id":9007199254740991.4}', refused],
    ['{"id":1e-400}', refused],
    ['{"id":-2.5E-999}', refused],
    [`{"id":0.${'0'.repeat(324)}1}`, refused],
    ['{"id":10000000000000000000001e-22}', refused],
    ['{"id":1,"id":1.00000000000000000001}', refused],
    ['{"id":1.00000000000000000001,"id":1}', '1'],
    ['{"id":0.1}', '0.1'],
    ['{"id":0.30000000000000004}', '0.30000000000000004'],
    ['{"id":9007199254740991}', '9007199254740991'],
    ['{"id":1.00000000000000000000}', '1'],
    ['{"id":100e-2}', '1'],
    ['{"id":0.000e-999}', '0'],
    ['{"id":-0}', '0'],
    // Another number that means nearly the same is none of the id's business.
    ['{"id":1,"share":1.00000000000000000001}', '1'],
    ['{"share":1.00000000000000000001,"in":{"id":1.00000000000000000001},"id":1}', '1'],
    ['{"id":0,"trace":"a6111a1b-11e-4000-812e-012345678901","at":"1e-400"}', '0'],
    ['{"id":"1.00000000000000000001"}', '1.00000000000000000001'],
    // An earlier step has made it of another field, or of a text.
    ['{"key":1.00000000000000000001}', refused, { data: { id: 1 } }],
    ['{"key":1.5}', '1.5', { data: { id: 1.5 } }],
    [String.raw`{"text":"{\"id\":1.00000000000000000001}"}`, refused, { data: { id: 1 } }],
    ['{"key":"1.00000000000000000001"}', refused, { data: { id: 1 } }],
    ['id=1.00000000000000000001', refused, { data: { id: 1 }, headers: { 'content-type': 'application/x-www-form-urlencoded' } }],
    ['', refused, { data: { id: 0 }, method: 'GET', query: 'id=1e-400' }],
  ])('of a number that the request wrote with more digits than it keeps is none: %s', async (body, id, more) => {
    const { staged, reply } = await (await harness(upsert, { entity: 'contact' })).send({ body, ...more })
    expect([staged[0]?.arg.id ?? refused, (reply as any)?.code]).toEqual([id, id === refused ? 'VALIDATION_FAILED' : undefined])
  })

  test.each<[query: string, id: unknown]>([
    // On Bun, raw bytes that are no UTF-8 come as this: all of them.
    ['id=%EF%BF%BD', refused],
    ['id=a%EF%BF%BDb', refused],
    ['id=%C3%A9', 'é'],
    ['id=a&name=%EF%BF%BD', 'a'],
  ])('of a query is none where its bytes are lost: %s', async (query, id) => {
    const { staged, reply } = await (await harness(upsert, { entity: 'contact' })).send({ method: 'GET', query })
    expect([staged[0]?.arg.id ?? refused, (reply as any)?.code]).toEqual([id, id === refused ? 'VALIDATION_FAILED' : undefined])
  })

  test('a replacement character in JSON is a character', async () => {
    expect((await run({}, { id: '\ufffd' })).record?.id).toBe('\ufffd')
  })

  test.each([
    ['a long number', (size: number) => `{"id":1,"n":0.${'7'.repeat(size)}}`],
    ['many long numbers', (size: number) => `{"id":1,"n":[${'1.00000000000000000001,'.repeat(size / 23)}1]}`],
    ['many exponents', (size: number) => `{"id":1,"n":[${'1e100,'.repeat(size / 6)}1]}`],
    ['dots and digits', (size: number) => `{"id":1,"n":"${'1.'.repeat(size / 2)}"}`],
    ['spaces between', (size: number) => `{"id":1,"n":"${'1e '.repeat(size / 3)}"}`],
  ])('%s cost a time that grows with the text alone', async (_, text) => {
    const bench = await harness(upsert, { entity: 'contact' })
    const start = performance.now()
    expect((await bench.send({ body: text(1_000_000) })).staged).toMatchObject([{ arg: { id: '1' } }])
    expect(performance.now() - start).toBeLessThan(2000)
  })

  test('a refusal names the field', async () => {
    const { reply } = await run({ idField: 'region' }, { region: {} })
    expect((reply as any).details).toEqual({ region: [expect.stringContaining('The region field must be')] })
  })

  test('different ids stay different', async () => {
    const bench = await harness(upsert, { entity: 'e' })
    const scalar = fc.oneof(fc.string({ minLength: 1 }), fc.integer(), fc.double({ noNaN: true }), fc.maxSafeInteger())
    const idOf = async (id: unknown) => (await bench.send({ data: { id } })).staged[0]?.arg.id
    const run = fc.asyncProperty(scalar, scalar, async (a, b) => {
      const [one, other] = [await idOf(a), await idOf(b)]
      if (one !== undefined && other !== undefined) expect(one === other).toBe(String(a) === String(b))
    })
    await fc.assert(run, { numRuns: 1000 })
  })
})

describe('match', () => {
  const settings = { match: ['email', 'phone'] }

  test('names what may find a record, in the order of the settings', async () => {
    const { record, exchange } = await run({ ...settings, ignoreCase: true }, { phone: 43123, email: 'Ada@example.com', id: 'theirs' })
    expect(record).toMatchObject({
      id: exchange.id,
      ignoreCase: true,
      match: [
        { field: 'email', value: 'Ada@example.com' },
        { field: 'phone', value: '43123' },
      ],
    })
  })

  test.each([{}, { email: '' }, { email: null, phone: true }])('%p finds nothing', async data => {
    expect((await run(settings, data)).record).not.toHaveProperty('match')
  })

  test('takes an id for a new record only from a field that the settings name', async () => {
    expect((await run({ ...settings, idField: 'key' }, { email: 'e', key: 'k' })).record).toMatchObject({
      id: 'k',
      match: [{ value: 'e' }],
    })
  })

  test.each([{ email: 'x'.repeat(256) }, { phone: {} }, { phone: 2 ** 60 }])('refuses %p', async data => {
    expect((await run(settings, data)).code).toBe('VALIDATION_FAILED')
  })

  test.each([{ body: '{"phone":1.00000000000000000001}' }, { body: '{"email":1e-400}' }, { method: 'GET', query: 'phone=%EF%BF%BD' }])(
    'refuses %p, which others would be one with',
    async request => {
      const { reply } = await (await harness(upsert, { entity: 'contact', ...settings })).send(request)
      expect(reply).toMatchObject({ code: 'VALIDATION_FAILED' })
    },
  )
})

test.each([
  {},
  { entity: '' },
  { entity: 'a', match: [] },
  { entity: 'a', match: ['x', 'x'] },
  { entity: 'a', ignoreCase: true },
  { entity: 'a', merge: 'deep' },
])('refuses the settings %p', settings => expect(harness(upsert, settings)).rejects.toThrow())
