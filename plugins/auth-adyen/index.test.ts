import { describe, expect, test } from 'bun:test'
import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { type Draft, deliveryId } from '#core/plugin.ts'
import { conformance, harness, type Sent } from '#core/testing.ts'
import authAdyen from './index.ts'

const KEY = 'DFB1EB5485895CFA84146406857104ABB4CBCABDC8AAF103A624C8F6A3EAAB00'
const OLD = '44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056'
const settings = { keys: [KEY] }

type Item = Record<string, any>

/** With the eight signed fields, and one that is not. */
const item: Item = {
  pspReference: 'pspReference',
  originalReference: 'originalReference',
  merchantAccountCode: 'merchantAccount',
  merchantReference: 'reference',
  amount: { currency: 'EUR', value: 1000 },
  eventCode: 'CAPTURE',
  success: 'true',
  reason: 'reason',
}
/** Of Adyen's own Node library, for this item and key. */
const PUBLISHED = 'xhpHvYq2u2Np0rstbZ6QjLGu7JWhvf7Iwaa6EviJSX0='

const textOf = (i: Item) =>
  [
    i.pspReference,
    i.originalReference,
    i.merchantAccountCode,
    i.merchantReference,
    i.amount?.value,
    i.amount?.currency,
    i.eventCode,
    i.success,
  ].join(':')
const mac = (text: string, key: string | Buffer = Buffer.from(KEY, 'hex'), as: 'base64' | 'hex' = 'base64') =>
  createHmac('sha256', key).update(text).digest(as)

/** The item with a signature: its own, unless another is given. */
const signed = (i: Item = item, hmacSignature: unknown = mac(textOf(i))): Item => ({
  ...i,
  additionalData: { ...i.additionalData, hmacSignature },
})
const body = (...items: unknown[]) => ({ live: 'false', notificationItems: items.map(one => ({ NotificationRequestItem: one })) })
const send = (...items: unknown[]): Sent => ({ body: body(...items) })
const without = (name: string) => Object.fromEntries(Object.entries(item).filter(([key]) => key !== name))

async function verdict(request: Sent, more: Record<string, unknown> = {}) {
  const { reply } = await (await harness(authAdyen, { ...settings, ...more })).send(request)
  if (!reply) return 'valid'
  expect(reply).toMatchObject({ kind: 'refusal', code: 'UNAUTHORIZED', status: 401 })
  return reply.kind === 'refusal' ? reply.reason : 'no refusal'
}

describe('what is refused, and why', () => {
  const good = signed()
  const rows: [string, Sent, string][] = [
    ["the signature of Adyen's library", send(signed(item, PUBLISHED)), 'valid'],
    ...['pspReference', 'originalReference', 'merchantAccountCode', 'merchantReference', 'eventCode', 'success'].map(
      (name): [string, Sent, string] => [`another ${name}`, send({ ...good, [name]: 'other' }), 'signature-mismatch in item 0'],
    ),
    ['another amount', send({ ...good, amount: { currency: 'EUR', value: 1001 } }), 'signature-mismatch in item 0'],
    ['another currency', send({ ...good, amount: { currency: 'USD', value: 1000 } }), 'signature-mismatch in item 0'],
    ['a field that nobody signs may differ', send({ ...good, reason: 'other', eventDate: '2026-01-15' }), 'valid'],
    ['no original reference', send(signed(without('originalReference'))), 'valid'],
    ['an original reference of null', send(signed({ ...item, originalReference: null })), 'valid'],
    ['no amount', send(signed(without('amount'))), 'valid'],
    ['none of the fields', send(signed({})), 'valid'],
    ['success as true or false', send(signed({ ...item, success: true })), 'valid'],
    ['the amount as text', send(signed({ ...item, amount: { currency: 'EUR', value: '1000' } })), 'valid'],
    ['a fraction', send(signed({ ...item, amount: { currency: 'EUR', value: 10.5 } })), 'malformed-item in item 0'],
    [
      'digits that a number cannot hold',
      send(signed({ ...item, amount: { currency: 'EUR', value: 2 ** 53 } })),
      'malformed-item in item 0',
    ],
    ['an amount that is none', send(signed({ ...item, amount: 'EUR 1000' })), 'malformed-item in item 0'],
    ['a field that is an object', send(signed({ ...item, pspReference: {} })), 'malformed-item in item 0'],
    ['a field that is a list', send(signed({ ...item, pspReference: ['pspReference'] })), 'malformed-item in item 0'],
    ['half of a surrogate pair', send(signed({ ...item, merchantReference: '\ud800' })), 'malformed-item in item 0'],
    ['unicode', send(signed({ ...item, merchantReference: 'Zoë 🚀' })), 'valid'],
    ['a colon in the reference of the merchant', send(signed({ ...item, merchantReference: 'order:17' })), 'valid'],
    [
      'that colon, moved into the account',
      send({
        ...signed({ ...item, merchantReference: 'order:17' }),
        merchantAccountCode: 'merchantAccount:order',
        merchantReference: '17',
      }),
      'malformed-item in item 0',
    ],
    ['a field of 5,000 letters', send(signed({ ...item, merchantReference: 'x'.repeat(5000) })), 'malformed-item in item 0'],
    ['no signature', send(item), 'missing-signature in item 0'],
    ['an empty signature', send(signed(item, '')), 'missing-signature in item 0'],
    ['a signature that is a list', send(signed(item, [mac(textOf(item))])), 'missing-signature in item 0'],
    ['additional data that is a list', send({ ...item, additionalData: [mac(textOf(item))] }), 'missing-signature in item 0'],
    ['a signature in hex', send(signed(item, mac(textOf(item), undefined, 'hex'))), 'signature-mismatch in item 0'],
    ['a signature without its padding', send(signed(item, PUBLISHED.replace('=', ''))), 'signature-mismatch in item 0'],
    ['a signature with a space', send(signed(item, ` ${PUBLISHED}`)), 'signature-mismatch in item 0'],
    ['a signature of 44 letters beyond ASCII', send(signed(item, `${'é'.repeat(43)}=`)), 'signature-mismatch in item 0'],
    ['a signature of 100,000 letters', send(signed(item, 'A'.repeat(100_000))), 'signature-mismatch in item 0'],
    ['the key as text', send(signed(item, mac(textOf(item), KEY))), 'signature-mismatch in item 0'],
    ['another key', send(signed(item, mac(textOf(item), Buffer.from(OLD, 'hex')))), 'signature-mismatch in item 0'],
    ['an empty key', send(signed(item, mac(textOf(item), ''))), 'signature-mismatch in item 0'],
    ['two items', send(good, signed({ ...item, pspReference: 'second' })), 'valid'],
    ['the second one changed', send(good, { ...good, pspReference: 'second' }), 'signature-mismatch in item 1'],
    ['the second one unsigned', send(good, item), 'missing-signature in item 1'],
    ['the second one nothing', send(good, null), 'malformed-item in item 1'],
    ['100 items', send(...Array.from({ length: 100 }, () => good)), 'valid'],
    ['101 items', send(...Array.from({ length: 101 }, () => good)), 'too-many-items'],
    ['10,000 items', send(...Array.from({ length: 10_000 }, () => good)), 'too-many-items'],
    ['no items', send(), 'no-items'],
    ['a list that is an object', { body: { notificationItems: { 0: { NotificationRequestItem: good }, length: 1 } } }, 'no-items'],
    ['an item without its name', { body: { notificationItems: [good] } }, 'malformed-item in item 0'],
    ['items of a prototype', { body: `{"__proto__":${JSON.stringify(body(good))}}` }, 'no-items'],
    [
      'fields of a prototype',
      { body: `{"notificationItems":[{"NotificationRequestItem":{"__proto__":${JSON.stringify(good)}}}]}` },
      'missing-signature in item 0',
    ],
    ['a field named constructor', send({ ...good, constructor: { name: 'x' } }), 'valid'],
    ['an empty body', { body: '' }, 'no-items'],
    ['a body that is no JSON', { body: '{' }, 'no-items'],
    ['a list at the top', { body: [body(good)] }, 'no-items'],
    [
      'a form',
      {
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams({ notificationItems: JSON.stringify(body(good).notificationItems) }).toString(),
      },
      'no-items',
    ],
    [
      'the right JSON, sent as a form',
      { headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: JSON.stringify(body(good)) },
      'no-items',
    ],
    ['GET', { method: 'GET', query: { notificationItems: '1' }, body: body(good) }, 'no-items'],
    ['a signature in a header alone', { ...send(item), headers: { hmacsignature: PUBLISHED } }, 'missing-signature in item 0'],
  ]
  test.each(rows)('%s', async (_, request, wanted) => {
    expect(await verdict(request)).toBe(wanted)
  })
})

describe('keys', () => {
  test('several are live, each item by its own, and those that matched are told once', async () => {
    const bench = await harness(authAdyen, { keys: [KEY, OLD] })
    const old = signed(item, mac(textOf(item), Buffer.from(OLD, 'hex')))
    for (const items of [[old, old], [signed()], [old, signed()], [old, item]]) await bench.send(send(...items))
    expect(bench.used).toEqual([OLD, KEY, OLD, KEY])
  })

  test('small letters are the same key', async () => {
    expect(await verdict(send(signed()), { keys: [KEY.toLowerCase()] })).toBe('valid')
  })

  test('an empty one lets nobody in, alone or beside another', async () => {
    const request = send(signed(item, mac(textOf(item), '')))
    for (const keys of [[''], ['', KEY]]) expect(await verdict(request, { keys })).toBe('signature-mismatch in item 0')
  })

  test.each(['not-hex', `${KEY}0`, ` ${KEY}`, `0x${KEY}`])('one that is no hex does not load: %s', async key => {
    const message = await harness(authAdyen, { keys: [KEY, key] }).catch(error => error.message)
    expect(message).toMatch(/^\/keys\/1 this key is not hex: copy/)
    expect(message).not.toContain(key)
  })

  test('nor does a webhook that takes GET', async () => {
    await expect(harness(authAdyen, settings, { methods: ['POST', 'GET'] })).rejects.toThrow(/takes GET/)
  })
})

describe('the delivery id', () => {
  const rows: [string, Sent, string | undefined][] = [
    ['of one item', send(signed()), 'pspReference:CAPTURE:true'],
    ['of a forged one', send(signed(item, PUBLISHED.toLowerCase())), undefined],
    ['of two', send(signed(), signed()), undefined],
    ['without a reference', send(signed(without('pspReference'))), undefined],
    ['too long', send(signed({ ...item, pspReference: 'x'.repeat(256) })), undefined],
  ]
  test.each(rows)('%s', async (_, request, wanted) => {
    const { exchange } = await (await harness(authAdyen, settings)).send(request)
    expect(exchange.get(deliveryId)).toBe(wanted as string)
  })
})

describe('what is signed here verifies here', () => {
  const draft = (value: unknown): Draft => ({
    method: 'POST',
    url: new URL('http://localhost/'),
    headers: new Headers(),
    body: new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value)),
  })
  const signer = { webhook: 'test', publicUrl: undefined, now: () => 0 }

  test('each item', async () => {
    const made = draft(body(item, { ...item, additionalData: { hmacSignature: 'old', x: '1' }, merchantReference: 'ö:1' }))
    expect(await authAdyen.sign?.({ keys: [OLD, KEY] }, made, signer)).toBeUndefined()
    const request = { headers: made.headers, body: made.body }
    expect(await verdict(request, { keys: [KEY, OLD] })).toBe('valid')
    expect(await verdict(request)).toBe('signature-mismatch in item 0')
    expect(JSON.parse(new TextDecoder().decode(made.body)).notificationItems[1].NotificationRequestItem.additionalData.x).toBe('1')
  })

  test.each<[string, string[], unknown, RegExp]>([
    ['no key', [''], body(item), /none of the keys of auth-adyen has a value/],
    ['no JSON', [KEY], '{', /not JSON/],
    ['no items', [KEY], {}, /no list/],
    ['an item that is none', [KEY], body(1), /NotificationRequestItem/],
    ['an item of colons', [KEY], body({ ...item, eventCode: 'a:b' }), /cannot be signed/],
  ])('not with %s', async (_, keys, value, wanted) => {
    expect(await authAdyen.sign?.({ keys }, draft(value), signer)).toMatch(wanted)
  })
})

describe('diagnosis', () => {
  const rows: [string, Sent, string][] = [
    ['of platform webhooks', { headers: { hmacsignature: PUBLISHED }, body: { type: 'x' } }, 'platform-webhook'],
    ['a form', { headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'a=1' }, 'not-json'],
    ['no items', { body: {} }, 'no-items'],
    ['no signature', send(item), 'signature-missing'],
    ['too many', send(...Array.from({ length: 101 }, () => item)), 'too-many-items'],
    ['a field that is none', send(signed({ ...item, pspReference: 1.5 })), 'malformed-item'],
    ['the key as text', send(signed(item, mac(textOf(item), KEY))), 'key-as-text'],
    ['hex', send(signed(item, mac(textOf(item), undefined, 'hex'))), 'hex-for-base64'],
    ['one of two', send(signed(), signed(item, 'x')), 'some-items'],
    ['another key', send(signed(item, mac(textOf(item), 'x'))), 'other-key'],
    [
      'another key, of a body that is not quite theirs',
      { body: { notificationItems: [{ NotificationRequestItem: signed(item, 'x') }] } },
      'other-key',
    ],
  ]
  test.each(rows)('%s', async (_, request, wanted) => {
    const { reply, exchange } = await (await harness(authAdyen, settings)).send(request)
    expect(reply).toMatchObject({ code: 'UNAUTHORIZED' })
    const findings =
      (await authAdyen.diagnose?.({ keys: [KEY, ''] }, exchange, { now: () => 0, publicUrl: undefined, webhook: 'test' })) ?? []
    expect(findings.map(finding => finding.code)).toEqual([wanted])
    for (const secret of [KEY, PUBLISHED]) expect(JSON.stringify(findings)).not.toContain(secret)
  })
})

test('tells that nothing keeps a notification from being sent again', () => {
  const lint = (names: string[]) => authAdyen.lint?.({ keys: [KEY] }, { chain: names.map(name => ({ plugin: { name } })) } as any).length
  expect([lint(['auth-adyen', 'upsert']), lint(['auth-adyen', 'idempotency'])]).toEqual([1, 0])
})

test('no request makes it throw, and none without a key passes', async () => {
  const bench = await harness(authAdyen, settings)
  const value = fc.oneof(fc.jsonValue(), fc.string(), fc.constant(null))
  const odd = fc.record(
    { pspReference: value, amount: value, merchantReference: value, eventCode: value, additionalData: fc.record({ hmacSignature: value }) },
    { requiredKeys: [] },
  )
  const bad = fc.oneof(
    fc.record({ body: fc.oneof(fc.uint8Array(), fc.json(), fc.string()) }),
    fc.array(fc.oneof(odd, value), { maxLength: 5 }).map(items => send(...items)),
  )
  await fc.assert(
    fc.asyncProperty(bad, async request => expect((await bench.send(request)).reply).toMatchObject({ code: 'UNAUTHORIZED' })),
    { numRuns: 500 },
  )
})

test('keeps the contract', async () => {
  const examples = [
    { settings, request: send(signed()), expect: 'pass' },
    { settings, request: send(item), expect: 'UNAUTHORIZED' },
  ]
  expect(await conformance(authAdyen, examples)).toEqual([])
})
