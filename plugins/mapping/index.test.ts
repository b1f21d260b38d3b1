import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { conformance, harness } from '#core/testing.ts'
import mapping from './index.ts'

const map = async (settings: object, body: unknown, more = {}) => {
  const { reply, exchange } = await (await harness(mapping, settings)).send({ body, ...more })
  return { reply, data: exchange.data, variables: exchange.variables, payload: exchange.payload }
}
const one = (change: string | string[]) => ({ fields: { v: { apply: [change].flat() } } })

test('keeps the contract', async () => {
  expect(
    await conformance(mapping, [
      { request: { body: { a: 1 } }, expect: 'pass' },
      { settings: one('to-number'), request: { body: { v: 'x' } }, expect: 'VALIDATION_FAILED' },
    ]),
  ).toEqual([])
})

describe('maps', () => {
  const rows: [name: string, settings: object, body: object, data: object][] = [
    ['nothing', {}, { a: 1, b: { c: [2] } }, { a: 1, b: { c: [2] } }],
    ['a name of the seeds', { fields: { email_address: 'contact_email' } }, { email_address: 'e', x: 1 }, { x: 1, contact_email: 'e' }],
    ['only what is named', { fields: { a: 'b' }, unmapped: 'drop' }, { a: 1, c: 2 }, { b: 1 }],
    ['two names into each other', { fields: { a: 'b', b: 'a' } }, { a: 1, b: 2 }, { b: 1, a: 2 }],
    ['over an unmapped key of that name', { fields: { a: 'b' } }, { b: 1, a: 2 }, { b: 2 }],
    ['nothing over it when the source is absent', { fields: { a: 'b' } }, { b: 1 }, { b: 1 }],
    ['null like any value', { fields: { a: 'b' } }, { a: null }, { b: null }],
    ['out of objects and lists', { fields: { 'a.b[1].c': 'd' }, unmapped: 'drop' }, { a: { b: [0, { c: 1 }] } }, { d: 1 }],
    ['a key with dots before a path', { fields: { 'a.b': 'c' } }, { 'a.b': 1, a: { b: 2 } }, { a: { b: 2 }, c: 1 }],
    ['into an object that passes', { fields: { x: 'a.b' } }, { a: { c: 1 }, x: 2 }, { a: { c: 1, b: 2 } }],
    ['defaults for what is missing', { defaults: { a: 1, 'b.c': [2], n: 3 } }, { n: null }, { a: 1, b: { c: [2] }, n: null }],
    ['no default over a mapped value', { fields: { x: 'a' }, defaults: { a: 1 } }, { x: 0 }, { a: 0 }],
  ]
  test.each(rows)('%s', async (_, settings, body, data) => {
    const seen = await map(settings, body)
    expect(seen.data).toEqual(data as any)
    expect(seen.payload).toEqual(body as any)
    expect(seen.data).not.toBe(seen.payload)
  })
})

describe('changes', () => {
  const rows: [change: string | string[], from: unknown, to: unknown][] = [
    ['trim', '  a b ', 'a b'],
    ['trim', 5, 5],
    ['lower', 'AbÖ', 'abö'],
    ['upper', 'abö', 'ABÖ'],
    [['trim', 'upper'], ' a ', 'A'],
    ['to-number', ' -12.5e1 ', -125],
    ['to-number', '+.5', 0.5],
    ['to-number', 7, 7],
    ['to-number', null, null],
    ['to-number', '999999999999999', 999999999999999],
    ['to-text', 12.5, '12.5'],
    ['to-text', true, 'true'],
    ['to-text', 'a', 'a'],
    ['to-text', null, null],
    ['to-text', { a: [1] }, '{"a":[1]}'],
    ['to-boolean', ' Yes ', true],
    ['to-boolean', '0', false],
    ['to-boolean', 1, true],
    ['to-boolean', false, false],
    ['to-boolean', null, null],
  ]
  test.each(rows)('%p makes %p into %p', async (change, from, to) => expect((await map(one(change), { v: from })).data).toEqual({ v: to }))

  const refused: [change: string | string[], from: unknown, sentence: string][] = [
    ['to-number', '', 'The v field must be a number.'],
    ['to-number', '0x10', 'The v field must be a number.'],
    ['to-number', '1e999', 'The v field must be a number.'],
    ['to-number', 'Infinity', 'The v field must be a number.'],
    ['to-number', true, 'The v field must be a number.'],
    ['to-number', [1], 'The v field must be a number.'],
    [['to-number', 'to-text'], 'x', 'The v field must be a number.'],
    ['to-number', '12345678901234567890', 'The v field must be a number of at most 15 digits.'],
    ['to-boolean', 'maybe', 'The v field must be true or false.'],
    ['to-boolean', 2, 'The v field must be true or false.'],
  ]
  test.each(refused)('%p refuses %p', async (change, from, sentence) => {
    expect((await map(one(change), { v: from })).reply).toMatchObject({
      code: 'VALIDATION_FAILED',
      status: 422,
      details: { v: [sentence] },
    })
  })

  test('all refused fields are told at once, by their incoming names', async () => {
    const fields = { 'a.b': { to: 'x', apply: ['to-number'] }, c: { to: 'y', apply: ['to-boolean'] } }
    const { reply } = await map({ fields }, { a: { b: 'x' }, c: 'x' })
    expect(Object.keys((reply as any).details)).toEqual(['a.b', 'c'])
  })
})

describe('nested: json-string', () => {
  const settings = { nested: 'json-string', fields: { o: 'object', 'd.e': 'deep' } }

  test('holds top-level objects and lists as the sender wrote them', async () => {
    const body = '{"o": {"n": 1.0, "big": 12345678901234567890}, "l":[ 1e400 ], "s": "{}", "n": null, "b": true, "d": {"e": [1, 2]}}'
    expect((await map(settings, body)).data).toEqual({
      object: '{"n": 1.0, "big": 12345678901234567890}',
      l: '[ 1e400 ]',
      s: '{}',
      n: null,
      b: true,
      d: '{"e": [1, 2]}',
      deep: '[1,2]',
    })
  })

  test('writes anew what an earlier step or a default has put there', async () => {
    const data = { o: { made: 1 } }
    expect((await map({ ...settings, defaults: { z: [2] } }, '{"o": {"n": 1.0}}', { data })).data).toEqual({
      object: '{"made":1}',
      z: '[2]',
    })
  })
})

describe('variables', () => {
  test('are set aside by path, from the payload before it is mapped', async () => {
    const settings = { fields: { plan: 'x' }, unmapped: 'drop', variables: { plan: 'plan', city: 'a.city', none: 'b' } }
    const seen = await map(settings, { plan: 'pro', a: { city: 'Graz' } }, { variables: { old: 1 } })
    expect(seen.variables).toEqual({ old: 1, plan: 'pro', city: 'Graz' })
  })

  test('leave the object of the exchange alone', async () => {
    const variables = Object.freeze({})
    expect((await map({ variables: { a: 'a' } }, { a: 1 }, { variables })).variables).toEqual({ a: 1 })
  })
})

describe('a load error', () => {
  test.each([
    [{ fields: { a: 'x', b: 'x' } }, "/fields/b writes 'x', but 'a' writes 'x' already"],
    [{ fields: { a: 'x.y', b: 'x' } }, "/fields/b writes 'x', but 'a' writes 'x.y' already"],
    [{ fields: { a: { apply: ['trim'] }, b: 'a[0]' } }, "/fields/b writes 'a[0]'"],
    [{ fields: { 'a/b~c..d': 'x' } }, '/fields/a~1b~0c..d'],
    [{ fields: { a: 'b.constructor' } }, "/fields/a 'constructor' cannot"],
    [{ fields: { a: { apply: ['eval'] } } }, '/fields/a'],
    [{ defaults: { 'a..b': 1 } }, "/defaults/a..b 'a..b' is not a path"],
    [{ variables: { a: 'x[' } }, "/variables/a 'x['"],
    [{ variables: { 'a-b': 'x' } }, "/variables/a-b 'a-b' cannot be used as custom_variables.a-b"],
  ])('%p', async (settings, message) => expect(await harness(mapping, settings).catch(e => e.message)).toStartWith(message))
})

describe('any payload', () => {
  const body = fc.dictionary(fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor', 'toString', 'a', 'b')), fc.jsonValue())
  const fields = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'toString'))

  test('drop keeps the mapped keys, pass the others too, and neither any other', async () => {
    const run = fc.asyncProperty(body, fields, async (data, names: string[]) => {
      const settings = { fields: Object.fromEntries(names.map(name => [name, `to_${name}`])) }
      const dropped = (await map({ ...settings, unmapped: 'drop' }, {}, { data })).data
      const passed = (await map(settings, {}, { data })).data
      const mapped = names.filter(name => Object.hasOwn(data, name))
      const others = Object.keys(data).filter(key => !names.includes(key) && key !== '__proto__')
      expect(Object.keys(dropped).sort()).toEqual(mapped.map(name => `to_${name}`).sort())
      expect(Object.keys(passed).sort()).toEqual([...new Set([...Object.keys(dropped), ...others])].sort())
      for (const key of mapped) expect(passed[`to_${key}`]).toBe(data[key])
    })
    await fc.assert(run, { numRuns: 1000 })
  })

  test('gives no object a prototype and changes no shared one', async () => {
    const bench = await harness(mapping, { fields: { 'a.b': 'x.y', 'c[0]': 'x.z' }, defaults: { 'x.w': {} }, nested: 'json-string' })
    const run = fc.asyncProperty(body, async data => {
      const { exchange } = await bench.send({ body: JSON.stringify(data).replaceAll('"a"', '"__proto__"') })
      expect(Object.getPrototypeOf(exchange.data)).toBe(Object.prototype)
      expect(Object.keys(Object.prototype)).toEqual([])
    })
    await fc.assert(run, { numRuns: 1000 })
  })
})
