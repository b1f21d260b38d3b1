/** The id of a delivery, secrets that are sent along, numbered headers, and the forms in which a body or a URL may be signed. */
import { describe, expect, test } from 'bun:test'
import { createHmac } from 'node:crypto'
import { deliveryId, type Slot, signedAt } from '#core/plugin.ts'
import { conformance, harness, type Sent } from '#core/testing.ts'
import { ORIGIN, provider } from '../../test/support/provider.ts'
import authHmac from './index.ts'
import { presets } from './presets/index.ts'

const KEY = 'a-signing-key-of-some-length'
const plain = { secrets: [KEY], signature: { from: 'header:x-sig' } }
const hmac = (text: string | Uint8Array, encoding: 'hex' | 'base64' = 'hex') => createHmac('sha256', KEY).update(text).digest(encoding)
const signed = (body: string | Uint8Array, headers: Record<string, string> = {}): Sent => ({
  body,
  headers: { 'x-sig': hmac(body), ...headers },
})

const around = { publicUrl: ORIGIN, now: Date.UTC(2026, 0, 15, 12) }
const send = async (settings: object, request: Sent) => (await harness(authHmac, settings, around)).send(request)
const reason = async (settings: object, request: Sent) => {
  const { reply } = await send(settings, request)
  return reply?.kind === 'refusal' ? reply.reason : reply
}

describe('the id of a delivery', () => {
  const rows: [where: string, body: string, id: string | undefined][] = [
    ['json:id', '{"id":"evt_1"}', 'evt_1'],
    ['json:id', '{"id":42}', '42'],
    ['json:id', '{"id":9007199254740991}', '9007199254740991'],
    // Its digits are lost, so that two deliveries would have one id.
    ['json:id', '{"id":9007199254740993}', undefined],
    ['json:id', '{"id":0.5}', undefined],
    ['json:id', '{"id":true}', undefined],
    ['json:id', '{"id":null}', undefined],
    ['json:id', '{"id":""}', undefined],
    ['json:id', '{"id":{"a":1}}', undefined],
    ['json:id', '{}', undefined],
    ['json:id', '[]', undefined],
    ['json:id', 'no json', undefined],
    ['json:event.id', '{"event":{"id":"a"}}', 'a'],
    ['json:event.id', '{"event.id":"a"}', undefined],
    ['json:constructor.name', '{}', undefined],
    ['json:[].id', '[{"id":"a"}]', 'a'],
    ['json:[].id', '[]', undefined],
    // That of the first would make the second one lost, when the first comes again beside another.
    ['json:[].id', '[{"id":"a"},{"id":"b"}]', undefined],
    ['json:[].id', '{"id":"a"}', undefined],
    ['json:[].id', '{"0":{"id":"a"},"length":1}', undefined],
    ['json:a[].b[].id', '{"a":[{"b":[{"id":"x"}]}]}', 'x'],
    ['json:a[].b[].id', '{"a":[{"b":[{"id":"x"},{"id":"y"}]}]}', undefined],
    ['json:ids[]', '{"ids":["x"]}', 'x'],
    ['json:ids[][]', '{"ids":[["x"]]}', 'x'],
  ]
  test.each(rows)('%s in %s is %p', async (id, body, wanted) => {
    const { reply, exchange } = await send({ ...plain, id }, signed(body))
    expect([reply, exchange.get(deliveryId)]).toEqual([undefined, wanted])
  })

  test('may be in a header, or a pair of the signature', async () => {
    expect((await send({ ...plain, id: 'header:X-Id' }, signed('', { 'x-id': 'a' }))).exchange.get(deliveryId)).toBe('a')
    expect((await send({ ...plain, id: 'header:X-Id' }, signed(''))).exchange.get(deliveryId)).toBeUndefined()
    const pairs = { secrets: [KEY], signature: { from: 'header:x-sig', list: ',', kv: '=', key: 'v1' }, id: 'sig:i' }
    const request = { body: '', headers: { 'x-sig': `i=a,v1=${hmac('')},i=b` } }
    expect((await send(pairs, request)).exchange.get(deliveryId)).toBe('a')
  })

  test('is found in the bytes that are signed, whatever the request says that they are', async () => {
    const request = { ...signed('{"id":"a"}', { 'content-type': 'application/x-www-form-urlencoded' }), method: 'PUT', query: { id: 'b' } }
    expect((await send({ ...plain, id: 'json:id' }, request)).exchange.get(deliveryId)).toBe('a')
  })

  test('is not told of a request that is refused', async () => {
    const { reply, exchange } = await send({ ...plain, id: 'json:id' }, { body: '{"id":"a"}', headers: { 'x-sig': hmac('{}') } })
    expect([reply?.kind, exchange.get(deliveryId)]).toEqual(['refusal', undefined])
  })

  test('is set by every preset that has one, and by no other', async () => {
    for (const name of presets.keys()) {
      const { settings, request, id } = provider(name)
      const gives = (authHmac.gives as (settings: any) => readonly { name: string }[])(settings).map(slot => slot.name)
      const { reply, exchange } = await send(settings, request())
      const seen = ([signedAt, deliveryId] as Slot<unknown>[]).filter(slot => exchange.get(slot) !== undefined).map(slot => slot.name)
      expect([name, reply, seen]).toEqual([name, undefined, gives])
      expect([name, gives.includes('delivery-id')]).toEqual([name, id !== undefined])
    }
  })
})

describe('a secret that is sent along', () => {
  const settings = { kind: 'static', from: 'header:X-Token', prefix: 'Token ', secrets: ['previous-secret-of-some-length', KEY] }
  const rows: [string, [string, string][], string | undefined][] = [
    ['the secret', [['x-token', `Token ${KEY}`]], undefined],
    ['the one before', [['x-token', 'Token previous-secret-of-some-length']], undefined],
    ['another', [['x-token', `Token ${KEY}x`]], 'secret-mismatch'],
    ['the beginning of it', [['x-token', `Token ${KEY.slice(0, -1)}`]], 'secret-mismatch'],
    ['in capitals', [['x-token', `Token ${KEY.toUpperCase()}`]], 'secret-mismatch'],
    ['without the prefix', [['x-token', KEY]], 'secret-mismatch'],
    ['the prefix in capitals', [['x-token', `TOKEN ${KEY}`]], 'secret-mismatch'],
    ['the prefix alone', [['x-token', 'Token ']], 'secret-mismatch'],
    ['nothing', [['x-token', '']], 'missing-secret'],
    ['no header', [], 'missing-secret'],
    [
      'the header twice',
      [
        ['x-token', `Token ${KEY}`],
        ['x-token', `Token ${KEY}`],
      ],
      'secret-mismatch',
    ],
    ['100,000 letters', [['x-token', `Token ${'x'.repeat(100_000)}`]], 'secret-mismatch'],
  ]
  test.each(rows)('%s', async (_, headers, wanted) => {
    expect(await reason(settings, { headers })).toBe(wanted)
  })

  test('an empty secret lets nobody in', async () => {
    const empty = { ...settings, secrets: ['', KEY] }
    expect(await reason(empty, { headers: { 'x-token': 'Token ' } })).toBe('secret-mismatch')
    expect(await reason({ ...empty, prefix: '' }, { headers: { 'x-token': ' ' } })).toBe('missing-secret')
  })

  test('keeps the contract, tells which one came, and shows its header to be masked', async () => {
    const request = { headers: { 'x-token': `Token ${KEY}` } }
    expect(
      await conformance(authHmac, [
        { settings, request, expect: 'pass' },
        { settings, expect: 'UNAUTHORIZED' },
      ]),
    ).toEqual([])
    const bench = await harness(authHmac, settings)
    await bench.send(request)
    expect(bench.used).toEqual([KEY])
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a secret shows by its name
    const example = 'Token ${SECRET_1}'
    expect(bench.sender).toEqual({
      headers: { 'X-Token': { description: 'The shared secret, after `Token `.', required: true, example } },
      security: { 'secret-x-token': { type: 'apiKey', in: 'header', name: 'X-Token' } },
    })
  })

  test('needs no body to be signed, so that GET will do', async () => {
    expect(await harness(authHmac, settings, { methods: ['GET', 'POST'] })).toBeDefined()
  })
})

describe('numbered headers', () => {
  const docusign = { preset: 'docusign', secrets: [KEY] }
  const good = hmac('{}', 'base64')
  const other = Buffer.alloc(32).toString('base64')
  const at = (numbers: number[], value = other) => Object.fromEntries(numbers.map(n => [`x-docusign-signature-${n}`, value]))
  const upTo = (n: number) => Array.from({ length: n }, (_, i) => i + 1)
  const rows: [string, Record<string, string>, string | undefined][] = [
    ['the first', at([1], good), undefined],
    ['the hundredth name is one of them', { ...at([9, 18, 27, 36, 45, 54, 63, 72, 81, 90]), ...at([100], good) }, undefined],
    ['a gap of nine', at([10], good), undefined],
    ['a gap of ten ends the list', at([11], good), 'missing-signature'],
    ['32, the last one right', { ...at(upTo(31)), ...at([32], good) }, undefined],
    ['33', { ...at(upTo(32)), ...at([33], good) }, 'too-many-signatures'],
    ['100', at(upTo(100), good), 'too-many-signatures'],
    ['one past the hundredth', { ...at([10, 20, 30, 40, 50, 60, 70, 80, 90, 100]), ...at([101], good) }, 'signature-mismatch'],
  ]
  test.each(rows)('%s', async (_, headers, wanted) => {
    expect(await reason(docusign, { body: '{}', headers })).toBe(wanted)
  })
})

describe('a body that was signed before it was escaped, or after', () => {
  const body = '{"name":"Zo\u00eb \u{1f680}\u007f~","path":"a/b<"}'
  const escaped = '{"name":"Zo\\u00eb \\ud83d\\ude80\\u007f~","path":"a/b<"}'
  const both = { ...plain, bodyVariants: ['raw', 'escapedUnicode'] }
  const only = { ...plain, bodyVariants: ['escapedUnicode'] }
  const by = (message: string | Uint8Array, sent: string | Uint8Array = body): Sent => ({ body: sent, headers: { 'x-sig': hmac(message) } })
  const bytes = new Uint8Array([0xff, 0xfe])
  const rows: [string, Record<string, unknown>, Sent, string | undefined][] = [
    ['as it came', both, by(body), undefined],
    ['escaped', both, by(escaped), undefined],
    ['escaped in capitals', both, by(escaped.replace('ud83d', 'uD83D')), 'signature-mismatch'],
    ['escaped, and sent so', both, by(escaped, escaped), undefined],
    ['letters of ASCII alone', both, by('{}', '{}'), undefined],
    ['bytes that are no UTF-8', both, by(bytes, bytes), undefined],
    ['as it came, when only the escaped form is signed', only, by(body), 'signature-mismatch'],
    ['escaped, when only that is signed', only, by(escaped), undefined],
    ['nothing to escape, when only the escaped form is signed', only, by('{}', '{}'), undefined],
    ['a byte order mark', both, by('\\ufeff{}', '\u{feff}{}'), undefined],
    ['escaped, when nobody says so', plain, by(escaped), 'signature-mismatch'],
    ['another body', both, by('{}'), 'signature-mismatch'],
    [
      'with a timestamp',
      { ...both, timestamp: { from: 'header:x-time' }, signed: '{body}{timestamp}' },
      { body, headers: { 'x-time': '1', 'x-sig': hmac(`${escaped}1`) } },
      undefined,
    ],
  ]
  test.each(rows)('%s', async (_, settings, request, wanted) => {
    expect(await reason(settings, request)).toBe(wanted)
  })

  test.each(['meta-whatsapp', 'box'])('%s takes either', async name => {
    const p = provider(name)
    const note = '\u00e9'
    const sent = p.request({ note })
    const sentEscaped = p.request({ note: '\\u00e9' })
    const body = sentEscaped.body.replace('\\\\u00e9', '\\u00e9')
    expect(body).not.toBe(sent.body)
    expect(await reason(p.settings, sent)).toBeUndefined()
    const text = name === 'box' ? `${body}${sent.headers['box-delivery-timestamp']}` : body
    const signature = createHmac('sha256', 'first-signing-key-of-the-test')
      .update(text)
      .digest(name === 'box' ? 'base64' : 'hex')
    const headers = { ...sent.headers, [p.place.slice(7)]: p.header([signature]) }
    expect(await reason(p.settings, { ...sent, headers })).toBeUndefined()
  })

  test('a megabyte of letters to escape is no way to hold up the gateway', async () => {
    const bench = await harness(authHmac, both)
    const times: number[] = []
    for (let i = 0; i < 3; i++) {
      const start = performance.now()
      expect((await bench.send(by('{}', 'é'.repeat(500_000)))).reply).toMatchObject({ reason: 'signature-mismatch' })
      times.push(performance.now() - start)
    }
    expect(Math.min(...times)).toBeLessThan(200)
  })
})

describe('a URL that was signed with some of its escapes decoded', () => {
  const hubspot = { ...plain, signed: '{method}{url}{body}', url: 'decoded' }
  const query = 'a=%3A%2F%3F%40%21%24%27%28%29%2A%2C%3B&b=%26%20%25&c=%c3%a9'
  const decoded = "a=:/?@!$'()*,;&b=%26%20%25&c=%C3%A9"
  const by = (url: string): Sent => ({
    path: '/h%2Fk',
    query: new URLSearchParams(query),
    body: '',
    headers: { 'x-sig': hmac(`POST${ORIGIN}${url}`) },
  })
  const came = new URLSearchParams(query).toString()
  const plus = (text: string) => text.replace('%20', '+')
  const rows: [string, Record<string, unknown>, string, string | undefined][] = [
    ['as it came', hubspot, `/h%2Fk?${came}`, undefined],
    ['decoded', hubspot, `/h/k?${plus(decoded)}`, undefined],
    ['everything decoded', hubspot, `/h/k?${decodeURIComponent(came)}`, 'signature-mismatch'],
    ['decoded, when nobody says so', { ...hubspot, url: 'raw' }, `/h/k?${plus(decoded)}`, 'signature-mismatch'],
  ]
  test.each(rows)('%s', async (_, settings, url, wanted) => {
    expect(await reason(settings, by(url))).toBe(wanted)
  })

  test('nothing is decoded twice', async () => {
    const request = (url: string): Sent => ({ path: '/a%253A', body: '', headers: { 'x-sig': hmac(`POST${ORIGIN}${url}`) } })
    expect(await reason(hubspot, request('/a%253A'))).toBeUndefined()
    expect(await reason(hubspot, request('/a:'))).toBe('signature-mismatch')
  })

  test('hubspot-v3 takes either', () => {
    expect(presets.get('hubspot-v3')?.url).toBe('decoded')
  })
})
