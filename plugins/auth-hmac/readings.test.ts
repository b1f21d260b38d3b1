/** One request must not be two: what the signature covers is read as the payload is read later, and can be cut in one way alone. */
import { describe, expect, test } from 'bun:test'
import { createHmac } from 'node:crypto'
import { parsePayload } from '#core/request/payload.ts'
import { harness, type Sent } from '#core/testing.ts'
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
    const start = performance.now()
    expect(await verdict(sorted, signed(body, ''))).toBe('missing-signed-part: form:sorted')
    expect(performance.now() - start).toBeLessThan(500)
  })
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
    ['an id with a full stop in it', standard, hook('msg.1', '{}'), 'malformed-id'],
    ['a URL and a body', square, byUrl('/hook?a=1{}', '{}', 'a=1'), 'valid'],
    ['the end of the URL at the front of a form', square, byUrl('/hook?a=1&role=admin{"b":1}', '&role=admin{"b":1}', 'a=1', FORM), 'form-behind-url'],
    ['the whole query there', square, byUrl('/hook?role=admin{"b":1}', '?role=admin{"b":1}', '', FORM), 'form-behind-url'],
  ]
  test.each(rows)('%s', async (_, settings, request, wanted) => {
    expect(await verdict(settings, request)).toBe(wanted)
  })
})
