/** One request must not be two: what the signature covers is read as the payload is read later, and can be cut in one way alone. */
import { describe, expect, test } from 'bun:test'
import { createHmac, generateKeyPairSync, sign } from 'node:crypto'
import fc from 'fast-check'
import { parsePayload } from '#core/request/payload.ts'
import { harness, type Sent } from '#core/testing.ts'
import { formOf } from './form.ts'
import authHmac from './index.ts'

const KEY = 'a-signing-key-of-some-length'
const ORIGIN = 'https://gw.example.com'
const FORM = 'application/x-www-form-urlencoded'
const NOW = 1_768_478_400
const hex = (text: string) => createHmac('sha256', KEY).update(text).digest('hex')

async function verdict(settings: object, request: Sent) {
  const { reply } = await (await harness(authHmac, { secrets: [KEY], ...settings }, { publicUrl: ORIGIN })).send(request)
  return reply?.kind === 'refusal' ? reply.reason : 'valid'
}
const payloadOf = (body: string | Uint8Array) => {
  const raw = typeof body === 'string' ? new TextEncoder().encode(body) : body
  const parsed = parsePayload({ method: 'POST', contentType: FORM, contentEncoding: null, query: '', raw })
  return parsed.ok ? parsed.payload : parsed.code
}

describe('a form that is signed by its parameters', () => {
  const sorted = { signature: { from: 'header:x-sig' }, signed: '{form:sorted}' }
  const signed = (body: string | Uint8Array, text: string): Sent => ({ body, headers: { 'content-type': FORM, 'x-sig': hex(text) } })
  const rows: [string, string | Uint8Array, string, string, unknown][] = [
    ['as it is meant', 'b=2&a=1', 'a1b2', 'valid', { a: '1', b: '2' }],
    ['a value twice', 'a=2&a=1&a=2', 'a1a2', 'valid', { a: ['2', '1', '2'] }],
    ['letters beyond ASCII, and spaces', 'n=Zo%C3%AB+x', 'nZo\u00eb x', 'valid', { n: 'Zo\u00eb x' }],
    ['a question mark before the first name', '?a=1', 'a1', 'signature-mismatch', { '?a': '1' }],
    ['the same, signed so', '?a=1', '?a1', 'valid', { '?a': '1' }],
    ['a byte order mark before it', '\u{feff}a=1', 'a1', 'signature-mismatch', { '\u{feff}a': '1' }],
    ['broken percent signs', 'a=%zz', 'a%zz', 'missing-signed-part: form:sorted', 'VALIDATION_FAILED'],
    ['percent signs of no UTF-8', 'a=%ff', 'a\u{fffd}', 'missing-signed-part: form:sorted', 'VALIDATION_FAILED'],
    ['bytes of no UTF-8', new Uint8Array([0x61, 0x3d, 0xff]), 'a\u{fffd}', 'missing-signed-part: form:sorted', 'VALIDATION_FAILED'],
    ['1,001 parameters', 'a=1&'.repeat(1001), 'a1', 'missing-signed-part: form:sorted', 'VALIDATION_FAILED'],
  ]
  test.each(rows)('%s', async (_, body, text, wanted, payload) => {
    expect([await verdict(sorted, signed(body, text)), payloadOf(body)]).toEqual([wanted, payload as string])
  })

  test('60,000 names are no way to hold up the gateway', async () => {
    const body = Array.from({ length: 60_000 }, (_, i) => i.toString(36)).join('&')
    // In these letters the harness leaves it alone, which reads forms at leisure.
    const request = { body, headers: { 'content-type': FORM.toUpperCase(), 'x-sig': hex('') } }
    const start = performance.now()
    expect(await verdict(sorted, request)).toBe('missing-signed-part: form:sorted')
    expect(performance.now() - start).toBeLessThan(2000)
  })
})

test('whatever the body is, a form is read here as its payload is read later', () => {
  const headers = new Headers({ 'content-type': FORM })
  const piece = fc.constantFrom(
    'a',
    'b=',
    '=',
    '&',
    '?',
    '+',
    '%',
    '%41',
    '%c3%a9',
    '%ff',
    '\u{feff}',
    '\u00e9',
    ';',
    '#',
    '\r\n',
    'toString',
  )
  const bodies = fc.oneof(
    fc.array(piece).map(pieces => new TextEncoder().encode(pieces.join(''))),
    fc.uint8Array(),
  )
  fc.assert(
    fc.property(bodies, raw => {
      const payload = payloadOf(raw)
      const form = formOf({ headers, raw })
      // The core refuses more: a NUL, `__proto__`, and JSON sent as a form.
      if (typeof payload === 'string') return
      const read = [...(form ?? [])].map(([name, values]) => [name, values.length > 1 ? values : values[0]])
      expect([form === undefined, Object.fromEntries(read)]).toEqual([false, payload])
    }),
    { numRuns: 2000 },
  )
})

describe('a form with a field that holds the JSON', () => {
  const json = { jsonFormField: 'json', signature: { from: 'json:sig' }, signed: '{json:a}' }
  const field = (more = '') => encodeURIComponent(JSON.stringify({ a: 'x', sig: hex('x'), ...(more && { more }) }))
  const rows: [string, string, string][] = [
    ['as it is meant', `json=${field()}`, 'valid'],
    ['a question mark before its name', `?json=${field()}`, 'missing-signature'],
    ['a byte order mark before it', `\u{feff}json=${field()}`, 'missing-signature'],
    ['twice', `json=${field()}&json=${field('1')}`, 'missing-signature'],
    ['once, and once behind a question mark', `?json=${field()}&json=${field('1')}`, 'valid'],
    ['broken percent signs elsewhere', `json=${field()}&b=%zz`, 'missing-signature'],
  ]
  test.each(rows)('%s', async (_, body, wanted) => {
    expect(await verdict(json, { body, headers: { 'content-type': FORM } })).toBe(wanted)
  })
})

describe('parts of what is signed run into each other', () => {
  const standard = { preset: 'standard-webhooks', secrets: [`whsec_${Buffer.from(KEY).toString('base64')}`] }
  const mac = (text: string) => `v1,${createHmac('sha256', KEY).update(text).digest('base64')}`
  const hook = (id: string, body: string, signed = `${id}.${NOW}.${body}`, type = 'application/json'): Sent => ({
    body,
    headers: { 'content-type': type, 'webhook-id': id, 'webhook-timestamp': String(NOW), 'webhook-signature': mac(signed) },
  })
  const outer = `{"text":"x.${NOW}.role=admin&z="}`
  const square = { preset: 'square' }
  const byUrl = (url: string, body: string, query: string, type = 'application/json'): Sent => ({
    path: '/hook',
    query,
    body,
    headers: {
      'content-type': type,
      'x-square-hmacsha256-signature': createHmac('sha256', KEY).update(`${ORIGIN}${url}`).digest('base64'),
    },
  })
  const rows: [string, object, Sent, string][] = [
    ['an id and a body', standard, hook('msg_1', outer), 'valid'],
    [
      'an id that takes the beginning of the body with it',
      standard,
      hook(`msg_1.${NOW}.{"text":"x`, 'role=admin&z="}', `msg_1.${NOW}.${outer}`, FORM),
      'malformed-id',
    ],
    ['an id with a full stop in it, and JSON, which is whole or none', standard, hook('msg.1', '{}'), 'valid'],
    ['an id with a full stop in it, and a form', standard, hook('msg.1', 'a=1', undefined, FORM), 'malformed-id'],
    ['an id without one, and a form', standard, hook('msg_1', 'a=1', undefined, FORM), 'valid'],
    ['a URL and a body', square, byUrl('/hook?a=1{}', '{}', 'a=1'), 'valid'],
    [
      'the end of the URL at the front of a form',
      square,
      byUrl('/hook?a=1&role=admin{"b":1}', '&role=admin{"b":1}', 'a=1', FORM),
      'form-behind-url',
    ],
    ['the whole query there', square, byUrl('/hook?role=admin{"b":1}', '?role=admin{"b":1}', '', FORM), 'form-behind-url'],
  ]
  test.each(rows)('%s', async (_, settings, request, wanted) => {
    expect(await verdict(settings, request)).toBe(wanted)
  })
})

test('no end of a JSON text is an object or a list by itself', () => {
  const whole = (text: string) => {
    const payload = parsePayload({
      method: 'POST',
      contentType: null,
      contentEncoding: null,
      query: '',
      raw: new TextEncoder().encode(text),
      reading: { listAs: 'items', accepts: new Set() },
    })
    return payload.ok
  }
  const texts = fc.constantFrom('{', '}', '[', ']', '"', ':', ',', '\\', '{}', '{"a":1}', '":"', ',"', '}"', '[{"', 'x')
  const value = fc.letrec(tie => ({
    text: fc.array(texts, { maxLength: 6 }).map(parts => parts.join('')),
    value: fc.oneof(
      { depthSize: 'small' },
      tie('text'),
      fc.integer(),
      fc.array(tie('value')),
      fc.dictionary(tie('text') as never, tie('value')),
    ),
  })).value
  fc.assert(
    fc.property(fc.oneof(fc.dictionary(fc.string(), value), fc.array(value)), document => {
      const text = JSON.stringify(document)
      for (let cut = 1; cut < text.length; cut++) if (whole(text.slice(cut))) throw new Error(`${text.slice(0, cut)} | ${text.slice(cut)}`)
    }),
    { numRuns: 300 },
  )
})

test('what is signed of a POST is not loaded as what is signed of a GET', async () => {
  const load = (signed: string, methods: string[]) =>
    harness(authHmac, { secrets: [KEY], signature: { from: 'header:x-sig' }, signed }, { methods, publicUrl: ORIGIN })
  await expect(load('{url}{body}', ['POST', 'GET'])).rejects.toThrow('/signed the webhook takes GET, and the body of another request')
  for (const [signed, methods] of [
    ['{method}{url}{body}', ['POST', 'GET']],
    ['{url}\n{body}', ['POST', 'GET']],
    ['{url}{body}', ['GET']],
    ['{url}{body}', ['POST', 'PUT']],
  ] as const)
    await load(signed, [...methods])
})

describe('signatures of public keys, each of which costs a whole verification', () => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const raw = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32)
  const settings = { preset: 'standard-webhooks-v1a', secrets: [`whpk_${raw.toString('base64')}`] }
  const wrong = (i: number) => `v1a,${Buffer.alloc(64, i).toString('base64')}`
  const right = `v1a,${sign(null, Buffer.from(`msg_1.${NOW}.{}`), privateKey).toString('base64')}`
  test.each([
    [7, 'valid'],
    [8, 'too-many-signatures'],
  ])('%i wrong ones and the right one: %s', async (count, wanted) => {
    const signatures = [...Array.from({ length: count }, (_, i) => wrong(i)), right].join(' ')
    const headers = { 'webhook-id': 'msg_1', 'webhook-timestamp': String(NOW), 'webhook-signature': signatures }
    expect(await verdict(settings, { body: '{}', headers })).toBe(wanted)
  })
})

describe('a public key by which strangers can sign', () => {
  const points = [
    '00'.repeat(32),
    `01${'00'.repeat(31)}`,
    `ec${'ff'.repeat(30)}7f`,
    `ed${'ff'.repeat(30)}7f`,
    `ee${'ff'.repeat(30)}7f`,
    '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  ].flatMap(y => [0, 0x80].map(sign => y.slice(0, 62) + (Number.parseInt(y.slice(62), 16) | sign).toString(16).padStart(2, '0')))
  test.each(points)('%s is none', async key => {
    await expect(verdict({ preset: 'discord', secrets: [key] }, {})).rejects.toThrow('/secrets/0 this is no public key')
    const step = await authHmac.compile({ preset: 'discord', secrets: [key] }, { refuse: (code: string) => ({ code }) } as never)
    const nobodys = '01'.padEnd(128, '0')
    for (let i = 0; i < 64; i++) {
      const headers = new Headers({ 'x-signature-ed25519': nobodys, 'x-signature-timestamp': String(NOW + i) })
      expect(step({ headers, raw: new Uint8Array() } as never)).toEqual({ code: 'UNAUTHORIZED' } as never)
    }
  })
})
