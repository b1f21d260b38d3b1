import { describe, expect, test } from 'bun:test'
import { createHash, createHmac } from 'node:crypto'
import fc from 'fast-check'
import { type Draft, deliveryId } from '#core/plugin.ts'
import { conformance, harness, type Sent } from '#core/testing.ts'
import authTwilio from './index.ts'

const TOKEN = '12345'
const OLD = 'the-previous-auth-token-of-this'
const FORM = 'application/x-www-form-urlencoded'
const PUBLIC = 'https://example.com'
const PATH = '/webhooks/test'

async function verdict(request: Sent, settings: Record<string, unknown> = {}, publicUrl = PUBLIC) {
  const { reply } = await (await harness(authTwilio, { tokens: [TOKEN], ...settings }, { publicUrl })).send(request)
  if (!reply) return 'valid'
  expect(reply).toMatchObject({ kind: 'refusal', code: 'UNAUTHORIZED', status: 401 })
  return reply.kind === 'refusal' ? reply.reason : 'no refusal'
}

const sha1 = (text: string, token = TOKEN) => createHmac('sha1', token).update(text).digest('base64')
const sha256 = (body: string) => createHash('sha256').update(body).digest('hex')

/** As Twilio sends it: `text` is what stands behind the URL in the signed text. */
function signed(body: string | undefined, text: string, { query = '', type = FORM, token = TOKEN, base = PUBLIC } = {}): Sent {
  const headers = { 'content-type': type, 'x-twilio-signature': sha1(base + PATH + (query && `?${query}`) + text, token) }
  return { headers, ...(body !== undefined && { body }), query }
}
const with_ = (request: Sent, headers: Record<string, string>): Sent => ({
  ...request,
  headers: { ...(request.headers as object), ...headers },
})
const json = (body: string, hash = sha256(body)) => signed(body, '', { query: `bodySHA256=${hash}`, type: 'application/json' })

describe("vectors of Twilio's own library", () => {
  const form = 'CallSid=CA1234567890ABCDE&Caller=%2B14158675310&Digits=1234&From=%2B14158675310&To=%2B18005551212'
  const event = '{"id":"evt_1","type":"order.paid","data":{"amount":4200,"name":"Zoë 🚀","url":"https://x.test/a?b=c&d"}}'
  const hash = '?bodySHA256=0ce7070d95bbb19b186911f90bce1668eb59350bccf0a1f65b2eeeec92cc6a88'
  const page = 'https://example.com/myapp.php?foo=1&bar=2'
  const hook = 'https://example.com/hook'
  const rows: [string, string, string, string, string, string][] = [
    ['a form', page, FORM, form, 'L/OH5YylLD5NRKLltdqwSvS0BnU=', 'valid'],
    ['another digit', page, FORM, form.replace('1234&', '9999&'), 'L/OH5YylLD5NRKLltdqwSvS0BnU=', 'signature-mismatch'],
    ['another token', page, FORM, form, '3XGb3EuAkqoYxNEzL3E5bokgKwI=', 'signature-mismatch'],
    ['another order', 'https://example.com/myapp.php?bar=2&foo=1', FORM, form, 'L/OH5YylLD5NRKLltdqwSvS0BnU=', 'signature-mismatch'],
    ['signed with the port', page, FORM, form, 'nbjTKFXyL7SOTAXZi6MWqyIuq40=', 'valid'],
    ['plain HTTP', page.replace('https', 'http'), FORM, form, 'L/OH5YylLD5NRKLltdqwSvS0BnU=', 'signature-mismatch'],
    ['JSON with its hash', hook + hash, 'application/json', event, 'FYYkeVZL/bcAzCSwnppIbX1IiCY=', 'valid'],
    ['JSON, changed', hook + hash, 'application/json', event.replace('4200', '4201'), 'FYYkeVZL/bcAzCSwnppIbX1IiCY=', 'body-hash-mismatch'],
    ['JSON without its hash', hook, 'application/json', event, 'JuPavG0Zweu3T+LUwMO9lxmVvgY=', 'body-hash-missing'],
  ]
  test.each(rows)('%s', async (_, address, type, body, signature, wanted) => {
    const { origin, pathname, search } = new URL(address)
    const headers = { 'content-type': type, 'x-twilio-signature': signature }
    expect(await verdict({ path: pathname, query: search, headers, body }, {}, origin)).toBe(wanted)
  })
})

describe('what is refused, and why', () => {
  const good = signed('b=2&a=1', 'a1b2')
  const rows: [string, Sent, string][] = [
    ['names in order', good, 'valid'],
    ['a parameter more', { ...good, body: 'b=2&a=1&c=3' }, 'signature-mismatch'],
    ['a parameter less', { ...good, body: 'b=2' }, 'signature-mismatch'],
    ['no parameters any more', { ...good, body: '' }, 'signature-mismatch'],
    ['the form in another order', { ...good, body: 'a=1&b=2' }, 'valid'],
    ['a value twice counts once', signed('a=2&a=1&a=2', 'a1a2'), 'valid'],
    ['capitals come first', signed('a=1&B=2&C=3', 'B2C3a1'), 'valid'],
    ['unicode and spaces', signed('n=Zo%C3%AB+%F0%9F%9A%80', 'nZoë 🚀'), 'valid'],
    ['an empty value, and a name alone', signed('a=&b', 'ab'), 'valid'],
    ['prototype names are names', signed('__proto__=1&constructor=2&toString=3', '__proto__1constructor2toString3'), 'valid'],
    ['a prototype name added', { ...good, body: 'b=2&a=1&__proto__=x' }, 'signature-mismatch'],
    ['a question mark before the first name', signed('?a=1', 'a1'), 'signature-mismatch'],
    ['a byte order mark before it', signed('\u{feff}a=1', 'a1'), 'signature-mismatch'],
    ['the type with a charset', with_(good, { 'content-type': `${FORM}; charset=UTF-8` }), 'valid'],
    ['the form sent as JSON', with_(good, { 'content-type': 'application/json' }), 'body-hash-missing'],
    ['the form sent as text', with_(good, { 'content-type': 'text/plain' }), 'body-hash-missing'],
    ['a form of broken percent signs', signed('a=%zz', 'a%zz'), 'malformed-form'],
    ['a form that is no UTF-8', signed('a=%ff', 'a\u{fffd}'), 'malformed-form'],
    ['bytes that are no UTF-8', { ...signed(undefined, 'a'), body: new Uint8Array([0x61, 0x3d, 0xff]) }, 'malformed-form'],
    ['1,000 parameters', signed(Array.from({ length: 1000 }, () => 'a=1').join('&'), 'a1'), 'valid'],
    ['10,000 parameters', signed(Array.from({ length: 10_000 }, () => 'a=1').join('&'), 'a1'), 'too-many-parameters'],
    ['10,000 separators', signed('&'.repeat(10_000), ''), 'too-many-parameters'],
    ['no header', { headers: { 'content-type': FORM }, body: 'a=1' }, 'missing-signature'],
    ['an empty header', with_(good, { 'x-twilio-signature': '' }), 'missing-signature'],
    [
      'two headers, both right',
      { ...good, headers: [...Object.entries(good.headers!), ['X-Twilio-Signature', sha1(`${PUBLIC}${PATH}a1b2`)]] as [string, string][] },
      'signature-mismatch',
    ],
    [
      'hex',
      with_(good, { 'x-twilio-signature': Buffer.from(sha1(`${PUBLIC}${PATH}a1b2`), 'base64').toString('hex') }),
      'signature-mismatch',
    ],
    ['no padding', with_(good, { 'x-twilio-signature': sha1(`${PUBLIC}${PATH}a1b2`).slice(0, -1) }), 'signature-mismatch'],
    ['an algorithm before it', with_(good, { 'x-twilio-signature': `sha1=${sha1(`${PUBLIC}${PATH}a1b2`)}` }), 'signature-mismatch'],
    ['no base64', with_(good, { 'x-twilio-signature': `${'é'.repeat(27)}=` }), 'signature-mismatch'],
    ['100,000 letters', with_(good, { 'x-twilio-signature': 'A'.repeat(100_000) }), 'signature-mismatch'],
    ['the Host header says where', signed('a=1', 'a1', { base: 'https://evil.example' }), 'signature-mismatch'],
    ['an empty token would sign this', signed('a=1', 'a1', { token: '' }), 'signature-mismatch'],
    ['JSON', json('{"a":1}'), 'valid'],
    ['JSON, changed', { ...json('{"a":1}'), body: '{"a":2}' }, 'body-hash-mismatch'],
    ['JSON, a space more', { ...json('{"a":1}'), body: '{"a":1} ' }, 'body-hash-mismatch'],
    ['JSON, taken away', { ...json('{"a":1}'), body: '' }, 'body-hash-mismatch'],
    ['JSON, replaced by a form of nothing', { ...with_(json('{"a":1}'), { 'content-type': FORM }), body: '&' }, 'body-hash-mismatch'],
    ['JSON, asked for by GET', { ...json('{"a":1}'), method: 'GET', body: '' }, 'body-hash-mismatch'],
    [
      'another hash than was signed',
      { ...json('{"a":1}'), body: '{"a":2}', query: `bodySHA256=${sha256('{"a":2}')}` },
      'signature-mismatch',
    ],
    ['a hash in capitals', json('{"a":1}', sha256('{"a":1}').toUpperCase()), 'body-hash-mismatch'],
    ['no hash at all', json('{"a":1}', ''), 'body-hash-mismatch'],
    [
      'two hashes, the first right',
      signed('{}', '', { query: `bodySHA256=${sha256('{}')}&bodySHA256=x`, type: 'application/json' }),
      'body-hash-mismatch',
    ],
    ['a body of no type', { ...signed('a=1', 'a1'), headers: { 'x-twilio-signature': sha1(`${PUBLIC}${PATH}a1`) } }, 'body-hash-missing'],
    ['an empty body', signed('', '', { type: 'application/json' }), 'valid'],
    ['GET', { ...signed(undefined, '', { query: 'a=1&b=2' }), method: 'GET' }, 'valid'],
    ['GET with a parameter more', { ...signed(undefined, '', { query: 'a=1' }), method: 'GET', query: 'a=1&b=2' }, 'signature-mismatch'],
  ]
  test.each(rows)('%s', async (_, request, wanted) => {
    expect(await verdict(request)).toBe(wanted)
  })
})

describe('the spellings of the URL', () => {
  const rows: [string, string, string, string, string][] = [
    ['as it came', 'a=%27x%27', 'a=%27x%27', 'valid', 'valid'],
    ['apostrophes, encoded by the parser', "a='x'", 'a=%27x%27', 'valid', 'signature-mismatch'],
    ['a colon, encoded anew', 'a=x:y', 'a=x%3Ay', 'valid', 'signature-mismatch'],
    ['a space, encoded anew', 'a=x+y', 'a=x%20y', 'valid', 'signature-mismatch'],
    ['apostrophes, decoded', 'a=%27x%27', "a='x'", 'valid', 'signature-mismatch'],
    ['another value', 'a=x+y', 'a=x%20z', 'signature-mismatch', 'signature-mismatch'],
    ['a name that comes twice keeps its place', 'a=1&b=2&a=3', 'a=1&a=3&b=2', 'signature-mismatch', 'signature-mismatch'],
    ['what stands behind a # is part of it', 'a=1#b', 'a=1', 'signature-mismatch', 'signature-mismatch'],
    ['a line feed is part of it', 'a=1\n', 'a=1', 'signature-mismatch', 'signature-mismatch'],
    ['broken percent signs are not repaired', 'a=%ff', 'a=%EF%BF%BD', 'signature-mismatch', 'signature-mismatch'],
    [
      'what comes after 1,000 parameters counts',
      `${'a=1&'.repeat(1000)}b=x:y`,
      `${'a=1&'.repeat(1000)}b=x%3Ay`,
      'signature-mismatch',
      'signature-mismatch',
    ],
  ]
  test.each(rows)('%s', async (_, came, signedAs, lenient, exact) => {
    const request = { ...signed(undefined, '', { query: signedAs }), query: came }
    expect([await verdict(request), await verdict(request, { urls: 'exact' })]).toEqual([lenient, exact])
  })

  test.each([
    ['https://example.com', 'https://example.com:443', 'valid'],
    ['https://example.com:443', 'https://example.com', 'valid'],
    ['http://example.com', 'http://example.com:80', 'valid'],
    ['https://example.com:8443', 'https://example.com:8443', 'valid'],
    ['https://example.com:8443', 'https://example.com', 'valid'],
    ['https://example.com', 'https://example.com:8443', 'signature-mismatch'],
    ['https://example.com', 'http://example.com', 'signature-mismatch'],
    ['https://EXAMPLE.com', 'https://example.com', 'valid'],
    ['https://example.com/base', 'https://example.com/base', 'valid'],
    ['https://example.com/base', 'https://example.com', 'signature-mismatch'],
    ['https://[2001:db8::1]', 'https://[2001:db8::1]:443', 'valid'],
  ])('publicUrl %s, signed for %s: %s', async (publicUrl, base, wanted) => {
    expect(await verdict(signed('a=1', 'a1', { base }), {}, publicUrl)).toBe(wanted)
  })
})

describe('tokens', () => {
  test('several are live, and the one that matched is told', async () => {
    const bench = await harness(authTwilio, { tokens: [TOKEN, OLD] }, { publicUrl: PUBLIC })
    for (const token of [OLD, 'of-nobody', TOKEN]) await bench.send(signed('a=1', 'a1', { token }))
    expect(bench.used).toEqual([OLD, TOKEN])
  })

  test('an empty one lets nobody in, alone or beside another', async () => {
    for (const tokens of [[''], ['', TOKEN]])
      expect(await verdict(signed('a=1', 'a1', { token: '' }), { tokens })).toBe('signature-mismatch')
  })

  test('without a public URL it does not load, and would let nobody in', async () => {
    await expect(harness(authTwilio, { tokens: [TOKEN] })).rejects.toThrow(/set `server.publicUrl`/)
    const step = await authTwilio.compile({ tokens: [TOKEN], urls: 'lenient' }, { refuse: (code: string) => ({ code }) } as any)
    expect(step({ headers: new Headers({ 'x-twilio-signature': sha1('undefined') }) } as any)).toEqual({ code: 'UNAUTHORIZED' } as any)
  })
})

describe('the delivery id', () => {
  const rows: [string, Sent, string | undefined][] = [
    ['of a good request', with_(signed('a=1', 'a1'), { 'i-twilio-idempotency-token': 'b1a2' }), 'b1a2'],
    ['of a forged one', with_(signed('a=1', 'a1', { token: 'x' }), { 'i-twilio-idempotency-token': 'b1a2' }), undefined],
    ['of a request without one', signed('a=1', 'a1'), undefined],
    ['too long', with_(signed('a=1', 'a1'), { 'i-twilio-idempotency-token': 'x'.repeat(256) }), undefined],
  ]
  test.each(rows)('%s', async (_, request, wanted) => {
    const { exchange } = await (await harness(authTwilio, { tokens: [TOKEN] }, { publicUrl: PUBLIC })).send(request)
    expect(exchange.get(deliveryId)).toBe(wanted as string)
  })
})

describe('what is signed here verifies here', () => {
  const rows: [string, string, string, string][] = [
    ['a form', PUBLIC, FORM, 'b=2&a=Zo%C3%AB'],
    ['JSON', PUBLIC, 'application/json', '{"a":"Zoë"}'],
    ['JSON with a hash of another body', `${PUBLIC}/?x=1`, 'application/json', '{}'],
    ['nothing', PUBLIC, 'application/json', ''],
    ['sent to another address', 'http://localhost:8080', FORM, 'a=1'],
  ]
  test.each(rows)('%s', async (_, address, type, text) => {
    const url = new URL(`${new URL(address).origin}${PATH}?q=a+b&bodySHA256=old&r='`)
    const draft: Draft = { method: 'POST', url, headers: new Headers({ 'content-type': type }), body: new TextEncoder().encode(text) }
    const signer = { webhook: 'test', publicUrl: PUBLIC, now: () => 0 }
    expect(await authTwilio.sign?.({ tokens: [TOKEN, OLD], urls: 'exact' }, draft, signer)).toBeUndefined()
    const request = { query: draft.url.search, headers: draft.headers, body: draft.body }
    expect(await verdict(request, { urls: 'exact' })).toBe('valid')
    expect(draft.headers.get('i-twilio-idempotency-token')).toMatch(/^[0-9a-f-]{36}$/)
    expect(await verdict({ ...request, body: `${text}x` })).not.toBe('valid')
  })

  test.each<[string, string[], string | undefined, string, RegExp]>([
    ['no token', [''], PUBLIC, 'a=1', /none of the tokens of auth-twilio has a value/],
    ['no public URL', [TOKEN], undefined, 'a=1', /publicUrl/],
    ['a broken form', [TOKEN], PUBLIC, 'a=%', /malformed-form/],
  ])('not with %s', async (_, tokens, publicUrl, text, wanted) => {
    const draft = { method: 'POST', url: new URL(PUBLIC + PATH), headers: new Headers({ 'content-type': FORM }), body: Buffer.from(text) }
    expect(await authTwilio.sign?.({ tokens, urls: 'exact' }, draft, { webhook: 'test', publicUrl, now: () => 0 })).toMatch(wanted)
  })
})

describe('diagnosis', () => {
  const form = (base: string, rest = 'a1') => signed('a=1', rest, { base })
  const rows: [string, Sent, string[]][] = [
    ['no header', { body: '{}' }, ['signature-missing']],
    ['two headers', with_(form(PUBLIC), { 'x-twilio-signature': 'a, b' }), ['signature-twice']],
    ['another scheme', form('http://example.com'), ['other-scheme']],
    ['the host that was called', with_(form('https://gw.internal:8443'), { host: 'gw.internal:8443' }), ['other-host']],
    ['a Host that is none', with_(form('https://x.example'), { host: ']:' }), ['other-token']],
    ['another slash', { ...form(PUBLIC), path: `${PATH}/` }, ['other-path']],
    ['a query that came later', { ...form(PUBLIC), query: 'utm=1' }, ['query-unsigned']],
    ['the URL alone', form(PUBLIC, ''), ['form-unsigned']],
    [
      'hex',
      with_(form(PUBLIC), { 'x-twilio-signature': createHmac('sha1', TOKEN).update(`${PUBLIC}${PATH}a1`).digest('hex') }),
      ['hex-for-base64'],
    ],
    [
      'SHA-256',
      with_(form(PUBLIC), { 'x-twilio-signature': createHmac('sha256', TOKEN).update(`${PUBLIC}${PATH}a1`).digest('base64') }),
      ['sha256-for-sha1'],
    ],
    ['another token', signed('a=1', 'a1', { token: 'x' }), ['other-token']],
    ['JSON without its hash', signed('{}', '', { type: 'application/json' }), ['body-hash-missing']],
    ['JSON that was changed', { ...json('{}'), body: '[]' }, ['body-changed']],
    ['a broken form', signed('a=%', 'a'), ['malformed-form']],
  ]
  test.each(rows)('%s', async (_, request, wanted) => {
    const { reply, exchange } = await (await harness(authTwilio, { tokens: [TOKEN] }, { publicUrl: PUBLIC })).send(request)
    expect(reply).toMatchObject({ code: 'UNAUTHORIZED' })
    const host = { now: () => 0, publicUrl: PUBLIC, webhook: 'test' }
    const findings = (await authTwilio.diagnose?.({ tokens: [TOKEN, ''], urls: 'lenient' }, exchange, host)) ?? []
    expect(findings.map(finding => finding.code)).toEqual(wanted)
    const told = JSON.stringify(findings)
    for (const secret of [TOKEN, sha1(`${PUBLIC}${PATH}a1`)]) expect(told).not.toContain(secret)
  })
})

test('tells that nothing keeps a request from being sent again', () => {
  const lint = (names: string[]) =>
    authTwilio.lint?.({ tokens: [TOKEN], urls: 'lenient' }, { chain: names.map(name => ({ plugin: { name } })) } as any).length
  expect([lint(['auth-twilio', 'upsert']), lint(['auth-twilio', 'idempotency'])]).toEqual([1, 0])
})

test('no request makes it throw, and none without a token passes', async () => {
  const bench = await harness(authTwilio, { tokens: [TOKEN, OLD] }, { publicUrl: PUBLIC })
  const letters = fc.string({ unit: fc.constantFrom(...'aA=&%+?#/ 0:é\u00a0'), maxLength: 60 })
  const bad = fc.record({
    method: fc.constantFrom('POST', 'GET', 'PUT'),
    query: fc.oneof(letters, fc.constant(`bodySHA256=${sha256('{}')}`)),
    body: fc.oneof(fc.uint8Array(), letters, fc.constant('{}'), fc.constant('')),
    headers: fc.record({
      'content-type': fc.constantFrom(FORM, 'application/json', 'text/plain', ''),
      'x-twilio-signature': fc.oneof(
        letters.map(text => text.replace(/[^\x20-\xff]/g, '')),
        fc.uint8Array({ minLength: 20, maxLength: 20 }).map(b => Buffer.from(b).toString('base64')),
      ),
    }),
  })
  await fc.assert(
    fc.asyncProperty(bad, async request => expect((await bench.send(request)).reply).toMatchObject({ code: 'UNAUTHORIZED' })),
    { numRuns: 500 },
  )
})

test('keeps the contract', async () => {
  const around = { settings: { tokens: ['a-token-of-some-length'] }, publicUrl: PUBLIC }
  const id = { 'i-twilio-idempotency-token': 'b1a2' }
  const token = 'a-token-of-some-length'
  const examples = [
    { ...around, request: with_(signed('a=1', 'a1', { token }), id), expect: 'pass' },
    { ...around, request: signed('{}', '', { query: `bodySHA256=${sha256('{}')}`, type: 'application/json', token }), expect: 'pass' },
    { ...around, request: with_(signed('a=1', 'a2', { token }), id), expect: 'UNAUTHORIZED' },
  ]
  expect(await conformance(authTwilio, examples)).toEqual([])
})
