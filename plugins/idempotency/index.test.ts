import { describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { load } from '#core/config/load.ts'
import { conformance, harness, type Sent } from '#core/testing.ts'
import { folder } from '../../test/support/child.ts'
import { builtins } from '../index.ts'
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
      { settings: { from: 'preset' }, request: { slots: { 'delivery-id': 'evt_1' } }, expect: 'pass' },
      { settings: { from: 'header:X-Delivery' }, request: { headers: { 'x-delivery': 'd' } }, expect: 'pass' },
      { settings: { from: 'json:message.messageId', required: true }, request: { body: {} }, expect: 'IDEMPOTENCY_KEY_INVALID' },
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

describe('the id that a provider gives its delivery', () => {
  const long = 'x'.repeat(256)
  const hash = (text: string) => `sha256:${createHash('sha256').update(Buffer.from(text, 'utf16le')).digest('base64url')}`
  const slot = (value: unknown): Sent => ({ slots: { 'delivery-id': value } })
  const header = (value: string): Sent => ({ headers: { 'x-delivery': value } })
  const rows: [from: string, request: Sent, key: string | undefined, settings?: object][] = [
    ['preset', slot('evt_1'), 'evt_1'],
    ['preset', {}, undefined],
    ['preset', slot(long.slice(1)), long.slice(1)],
    // A provider never learns of a refusal, and would only try again.
    ['preset', slot(long), hash(long)],
    ['preset', slot('a\u0000b'), hash('a\u0000b')],
    ['preset', slot('a\nb'), hash('a\nb')],
    ['preset', slot('a\ud800'), hash('a\ud800')],
    ['preset', slot('evt_1'), hash('evt_1'), { maxLength: 4 }],
    ['header:X-Delivery', header('d-1'), 'd-1'],
    ['header:X-Delivery', header('"d-1"'), '"d-1"'],
    ['header:X-Delivery', header(''), undefined],
    ['header:X-Delivery', header(long), hash(long)],
    ['header:X-Delivery', { headers: { 'x-idempotency-key': 'k' } }, undefined],
    ['json:id', { body: { id: 'a' } }, 'a'],
    ['json:id', { body: { id: 7 } }, '7'],
    ['json:id', { body: { id: true } }, undefined],
    ['json:id', { body: { id: 0.5 } }, undefined],
    ['json:id', { body: '{"id":9007199254740993}' }, undefined],
    ['json:id', { body: '{"id":1.00000000000000000001}' }, undefined],
    ['json:id', { body: '{"id":1,"share":1.00000000000000000001}' }, '1'],
    ['json:ids[]', { body: '{"ids":[1e-400]}' }, undefined],
    ['json:m.ids[]', { body: '{"m":{"ids":[0],"x":[1e-400]}}' }, '0'],
    ['json:id', { method: 'GET', query: 'id=%EF%BF%BD' }, undefined],
    ['json:id', { method: 'GET', query: 'id=7' }, '7'],
    ['json:id', { body: { id: ['a'] } }, undefined],
    ['json:id', { body: 'no json' }, undefined],
    ['json:message.messageId', { body: { message: { messageId: '2070443601311540' } } }, '2070443601311540'],
    ['json:message.messageId', { body: { message: null } }, undefined],
    ['json:constructor.name', { body: {} }, undefined],
    ['json:messages[].id', { body: { messages: [{ id: 'a' }] } }, 'a'],
    ['json:messages[].id', { body: { messages: [{ id: 'a' }, { id: 'b' }] } }, undefined],
    ['json:messages[].id', { body: { messages: [] } }, undefined],
    ['json:ids[]', { body: { ids: ['a'] } }, 'a'],
  ]
  test.each(rows)('%s of %j', async (from, request, key, settings = {}) => {
    const { reply, staged } = await (await harness(idempotency, { from, ...settings })).send(request)
    expect([reply, staged[0]?.arg.key]).toEqual([undefined, key])
  })

  test('comes again with another body, and is the same delivery, unless told to refuse', async () => {
    const request = { ...slot('evt_1'), body: { attempt: 2 } }
    expect(await claim(request, { from: 'preset' })).not.toHaveProperty('mismatch')
    expect(await claim(request, { from: 'preset', onMismatch: 'refuse' })).toMatchObject({ mismatch: { code: 'IDEMPOTENCY_KEY_REUSED' } })
  })

  test('may be required', async () => {
    const bench = await harness(idempotency, { from: 'json:id', required: true })
    expect((await bench.send({ body: {} })).reply).toMatchObject({
      code: 'IDEMPOTENCY_KEY_INVALID',
      details: { _general: ['The delivery has no id (json:id).'] },
    })
  })

  test('is told to senders where this step reads it, and nowhere else', async () => {
    const headers = async (settings: object) => Object.keys((await harness(idempotency, settings)).sender.headers ?? {})
    expect(await headers({})).toEqual(['X-Idempotency-Key'])
    expect(await headers({ from: 'header:X-Delivery' })).toEqual(['X-Delivery'])
    expect(await headers({ from: 'preset' })).toEqual([])
    expect(await headers({ from: 'json:id' })).toEqual([])
  })

  test.each([
    { from: 'body' },
    { from: 'header:a b' },
    { from: 'json:' },
    { from: 'json:a..b' },
    { from: 'json:a[0]' },
    { from: `json:${'a.'.repeat(16)}a` },
    { from: `json:${'a'.repeat(251)}` },
    { from: 'preset', header: 'X-Id' },
  ])('refuses the settings %p', settings => expect(harness(idempotency, settings)).rejects.toThrow())

  test.each<[string, boolean]>([
    ['{ auth-hmac: { preset: github, secrets: [a-signing-key-of-some-length] } }', true],
    ['{ auth-hmac: { preset: okta, secrets: [a-signing-key-of-some-length] } }', true],
    ['{ auth-hmac: { preset: zoom, secrets: [a-signing-key-of-some-length] } }', false],
    ['{ auth-bearer: { keys: [a-key-of-some-length] } }', false],
  ])('behind %s it loads: %p', async (verify, good) => {
    const file = join(folder(), 'c.yaml')
    const chain = `[${verify}, { idempotency: { from: preset } }, { upsert: { entity: thing } }]`
    writeFileSync(file, `version: 1\nwebhooks:\n  a:\n    path: /a\n    chain: ${chain}\n`)
    const { problems } = await load(file, { env: {}, builtins, importPlugin: () => Promise.reject(new Error('none')) })
    const told = problems.filter(({ severity }) => severity === 'error').map(({ message }) => message)
    const problem =
      /^'idempotency' needs 'delivery-id', which no earlier step gives: put .*auth-hmac.* with a scheme that says where the id of a delivery is before it$/
    expect(told).toEqual(good ? [] : [expect.stringMatching(problem)])
  })
})

test('an empty replayedHeader is a setting, not a fault', () => expect(harness(idempotency, { replayedHeader: '' })).resolves.toBeDefined())
