import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { conformance, harness } from '#core/testing.ts'
import idempotency from './index.ts'

const header = 'X-Idempotency-Key'
const key = (value: string) => ({ headers: { [header]: value }, body: { a: 1 } })
const claim = async (request: object, settings = {}) => (await (await harness(idempotency, settings)).send(request)).staged[0]?.arg

test('keeps the contract', async () => {
  expect(
    await conformance(idempotency, [
      { request: {}, expect: 'pass' },
      { request: key('k'), expect: 'pass' },
      { request: key(''), expect: 'IDEMPOTENCY_KEY_INVALID' },
      { settings: { required: true }, request: {}, expect: 'IDEMPOTENCY_KEY_INVALID' },
      { settings: { header: 'Idempotency-Key', onMismatch: 'replay' }, request: { headers: { 'idempotency-key': '"k"' } }, expect: 'pass' },
    ]),
  ).toEqual([])
})

describe('keys', () => {
  const rows: [sent: string, key: string | undefined][] = [
    ['my-unique-key-123', 'my-unique-key-123'],
    ['"abc"', 'abc'],
    ['"a\\"b\\\\c"', 'a"b\\c'],
    ['a "b"', 'a "b"'],
    ['k'.repeat(255), 'k'.repeat(255)],
    [`"${'k'.repeat(255)}"`, 'k'.repeat(255)],
    ['k'.repeat(256), undefined],
    ['', undefined],
    ['""', undefined],
    ['"abc', undefined],
    ['"abc"; v=1', undefined],
    ['"a\\b"', undefined],
    ['a\tb', undefined],
    ['a\x7fb', undefined],
  ]
  test.each(rows)('%p is the key %p', async (sent, expected) => {
    const { reply, staged } = await (await harness(idempotency)).send(key(sent))
    expect(staged[0]?.arg.key).toBe(expected)
    expect(reply?.kind === 'refusal' ? reply.code : undefined).toBe(expected === undefined ? 'IDEMPOTENCY_KEY_INVALID' : undefined)
  })

  test('a shorter maxLength counts after the quotes are gone', async () => {
    expect((await claim(key('"abc"'), { maxLength: 3 })).key).toBe('abc')
    expect(await claim(key('abcd'), { maxLength: 3 })).toBeUndefined()
  })

  test('quoted as a structured-field string, any key is the same key', async () => {
    const bench = await harness(idempotency)
    const printable = fc.string({
      unit: fc.integer({ min: 0x21, max: 0x7e }).map(c => String.fromCharCode(c)),
      minLength: 1,
      maxLength: 255,
    })
    await fc.assert(
      fc.asyncProperty(printable, async text => {
        const quoted = await bench.send(key(`"${text.replace(/[\\"]/g, '\\$&')}"`))
        expect(quoted.staged[0]?.arg.key).toBe(text)
        if (text[0] !== '"') expect((await bench.send(key(text))).staged[0]?.arg.key).toBe(text)
      }),
    )
  })
})

test('claims for the ttl and refuses another request under the key, unless told to replay', async () => {
  expect(await claim(key('k'), { ttl: '1h' })).toMatchObject({ ttl: 3_600_000, mismatch: { code: 'IDEMPOTENCY_KEY_REUSED', status: 422 } })
  expect(await claim(key('k'), { onMismatch: 'replay' })).not.toHaveProperty('mismatch')
})

test('the fingerprint tells apart what differs in method, path, query or body, and nothing else', async () => {
  const base = { method: 'POST', path: '/a', query: 'b=1', headers: { [header]: 'k' }, body: '{}', ip: '192.0.2.1' }
  const of = async (change: object) => (await claim({ ...base, ...change })).fingerprint
  const same = [{}, { ip: '192.0.2.2' }, { headers: { [header]: 'other', 'user-agent': 'x' } }]
  const other = [{ method: 'PUT' }, { path: '/b' }, { query: 'b=2' }, { query: '' }, { body: '{ }' }, { path: '/a?b=1', query: '' }]
  expect(new Set(await Promise.all(same.map(of))).size).toBe(1)
  expect(new Set(await Promise.all([{}, ...other].map(of))).size).toBe(other.length + 1)
})

test.each([{ ttl: '0s' }, { maxLength: 256 }, { maxLength: 0 }, { header: 'a b' }, { header: '' }, { replayedHeader: 'a:b' }])(
  'refuses the settings %p',
  settings => expect(harness(idempotency, settings)).rejects.toThrow(),
)

test('an empty replayedHeader is a setting, not a fault', () => expect(harness(idempotency, { replayedHeader: '' })).resolves.toBeDefined())
