import { describe, expect, test } from 'bun:test'
import { conformance, harness } from '#core/testing.ts'
import filter from './index.ts'

const data = {
  email: 'ada@example.com',
  amount: 10.5,
  count: 11,
  paid: true,
  note: null,
  tags: ['new', 'vip'],
  sizes: [1, 2, 3],
  items: [
    { sku: 'A', price: 2.5, qty: 3 },
    { sku: 'B', price: 1, qty: 1 },
  ],
  address: { city: 'Graz' },
}
const request = { body: data, query: 'source=ads&source=mail', variables: { plan: 'pro' } }
const passes = async (when: string, more = {}) =>
  (await (await harness(filter, { when })).send({ ...request, ...more })).reply === undefined

test('keeps the contract', async () => {
  expect(
    await conformance(filter, [
      { settings: { when: 'data.paid' }, request, expect: 'pass' },
      { settings: { when: '!data.paid' }, request, expect: 'accepted' },
      { settings: { when: 'query.source == "ads" && query["a-b"] == ""', otherwise: 'refuse' }, request, expect: 'FILTERED' },
    ]),
  ).toEqual([])
})

describe('lets through', () => {
  test.each([
    'data.email != ""',
    'data.amount > 10',
    'data.count > 10',
    'data.count == 11',
    '11 == data.count',
    'data.count != 12',
    'data.amount == 10.5',
    'double(data.count) == 11',
    'data.amount + 1 > 11',
    '2 * data.count == 22',
    'data.count / 2 == 5.5',
    'data.count % 2 == 1',
    '-data.amount < 0',
    'data.count in [10, 11]',
    '2 in data.sizes',
    '"vip" in data.tags',
    'data.sizes == [1, 2, 3]',
    'data.sizes[0] == 1',
    'size(data.tags) == 2',
    'size(data.tags) * data.amount == 21',
    'data.paid',
    'data.note == null',
    'data.address.city == "Graz"',
    'has(data.email) && !has(data.phone)',
    'data.items.exists(i, i.sku == "B")',
    'data.items.all(i, i.price * i.qty >= 1)',
    'data.items.exists(i, i.sku in ["B", "C"] && has(i.price))',
    'data.items.filter(i, i.price > 2).map(i, i.sku) == ["A"]',
    'data.email.endsWith("@example.com")',
    'timestamp("2026-01-01T00:00:00Z") < timestamp("2027-01-01T00:00:00Z")',
    'payload.paid == data.paid',
    'custom_variables.plan != "free"',
    'query.source == "ads"',
    '!has(query.medium)',
    'webhook == "test" && method == "POST"',
  ])('%s', async when => expect(await passes(when)).toBe(true))
})

describe('stops', () => {
  test.each(['data.email == ""', 'data.amount > 11', 'data.count == "11"', 'query.source == "mail"', 'data.note == ""'])('%s', async when =>
    expect(await passes(when)).toBe(false),
  )
})

describe('what cannot be judged does not pass, and warns once without the value', () => {
  test.each([
    ['data.phone == "1"', {}, 'no_such_key'],
    ['data.phone.size() > 0', {}, 'no_such_key'],
    ['data.email > 1', {}, 'no_such_overload'],
    ['data.email', {}, 'not_a_bool'],
    ['bool(data.email)', {}, 'bool_conversion_error'],
    ['query.medium == "x"', {}, 'no_such_key'],
    ['data.a == 1', { data: { a: 1, constructor: 'Acme' } }, 'unsupported_type'],
  ])('%s', async (when, more, code) => {
    const bench = await harness(filter, { when, otherwise: 'refuse' })
    for (let i = 0; i < 3; i++) expect((await bench.send({ ...request, ...more })).reply).toMatchObject({ code: 'FILTERED', status: 422 })
    expect(bench.warnings).toEqual([{ message: expect.any(String), fields: { code } }])
    expect(JSON.stringify(bench.warnings)).not.toContain('ada@')
  })
})

describe('a load error at /when', () => {
  test.each([
    ['data.x +', 'Unexpected token: EOF'],
    ['amount > 1', 'Unknown variable: amount, at character 1'],
    ['data == 5', 'no such overload'],
    ['data.email.like("x")', 'no matching overload'],
    ['"a"', 'must say true or false'],
    ['data.amount + 1', 'must say true or false'],
    ['size(data)', 'must say true or false'],
    ['data.email.matches("(a+)+$")', "'matches' is off"],
    ['bytes(data.email).json().a == 1', "'json' is off"],
    ['data.items.exists(i, data.tags.exists(t, t == i.sku))', "'exists' inside another macro"],
    ['cel.bind(a, data.email, cel.bind(b, a + a, b == a))', "'bind' inside another macro"],
    ['data.tags.exists(t, t in data.sizes)', 'takes only a list that is written out'],
    ['size(query) > 0', "'query' takes a name"],
    ['query[data.email] == ""', "'query' takes a name"],
    [`${'('.repeat(40)}true${')'.repeat(40)}`, 'maxDepth'],
    [`data.count in [${Array(101).fill(1)}]`, 'maxListElements'],
    [Array(300).fill('true').join('&&'), 'maxAstNodes'],
    [`data.email == "${'x'.repeat(2000)}"`, '/when'],
    ['', '/when'],
  ])('%s', async (when, message) => {
    const fault = await harness(filter, { when }).catch(error => error.message)
    expect(fault).toStartWith('/when')
    expect(fault).toContain(message)
  })
})

describe('a hostile payload', () => {
  const long = Array.from({ length: 120_000 }, () => 2)

  test.each([
    'data.list.exists(x, x == 1)',
    'data.list.all(x, x == 2) || data.list.exists(x, x == 3)',
    'data.list.map(x, x + 1).size() > 1',
    'data.list.exists(x, data.text.contains("foo"))',
  ])('cannot make %s run on', async when => {
    const bench = await harness(filter, { when })
    const start = performance.now()
    const { reply } = await bench.send({ data: { list: long, text: 'x'.repeat(100_000) } })
    expect(performance.now() - start).toBeLessThan(1000)
    expect(reply?.kind).toBe('accepted')
    expect(bench.warnings[0]?.fields).toEqual({ code: 'too_many_steps' })
  })

  test('leaves no types behind in the library', async () => {
    const bench = await harness(filter, { when: 'data.status == "final"' })
    const nested = () => {
      let value: unknown = 'x'
      for (let depth = 0; depth < 60; depth++) value = Math.random() < 0.5 ? [value] : { a: value }
      return value
    }
    const used = () => {
      Bun.gc(true)
      return process.memoryUsage().heapUsed
    }
    await bench.send({ data: { status: nested() } })
    const before = used()
    for (let i = 0; i < 1500; i++) await bench.send({ data: { status: nested() } })
    expect(used() - before).toBeLessThan(20e6)
  })
})
