import { describe, expect, test } from 'bun:test'
import { createHash, createHmac, generateKeyPairSync, sign as signWith } from 'node:crypto'
import { harness, type Sent } from '#core/testing.ts'
import authHmac from './index.ts'

const NOW = 1_768_478_400
const KEY = 'a-signing-key-of-some-length'
const B64 = Buffer.from(KEY).toString('base64')
const publicUrl = 'https://gw.example.com'
const BODY = '{"id": 1,"name":"Zoë","at":1.0,"url":"https://x.test/a"}'

type Around = { publicUrl?: string }

/** What is found of a request that the step itself must refuse first. */
async function found(settings: Record<string, unknown>, request: Sent, around: Around = { publicUrl }) {
  const bench = await harness(authHmac, settings, { ...around, now: NOW * 1000 })
  const { reply, exchange } = await bench.send(request)
  expect(reply).toMatchObject({ code: 'UNAUTHORIZED' })
  const host = { webhook: 'test', publicUrl: around.publicUrl, now: () => NOW * 1000 }
  const findings = await authHmac.diagnose!(settings as never, exchange, host)
  const text = JSON.stringify(findings)
  for (const secret of settings.secrets as string[]) if (secret.length > 5) expect(text).not.toContain(secret)
  for (const right of rights) expect(text).not.toContain(right)
  return findings
}

/** Every digest that a test has made: none may show. */
const rights = new Set<string>()
function hmac(
  text: string | Buffer,
  { key = KEY, hash = 'sha256', as = 'hex' }: { key?: string | Buffer; hash?: string; as?: 'hex' | 'base64' | 'base64url' } = {},
) {
  const digest = createHmac(hash, key).update(text).digest(as)
  rights.add(digest)
  return digest
}

const github = { preset: 'github', secrets: [KEY] }
const signedBy = (value: string, body: string = BODY): Sent => ({ headers: { 'x-hub-signature-256': value }, body })
const sorted = '{"at":1.0,"id":1,"name":"Zoë","url":"https://x.test/a"}'

describe('the body', () => {
  const rows: [string, string, string, string][] = [
    ['written compactly', '{"id":1,"name":"Zoë","at":1.0,"url":"https://x.test/a"}', 'json-reserialised', 'compact'],
    ["with Python's separators", '{"id": 1, "name": "Zoë", "at": 1.0, "url": "https://x.test/a"}', 'json-reserialised', 'Python'],
    ['as Python writes it', '{"id": 1, "name": "Zo\\u00eb", "at": 1.0, "url": "https://x.test/a"}', 'json-reserialised', 'ASCII'],
    ['indented by 2', '{\n  "id": 1,\n  "name": "Zoë",\n  "at": 1.0,\n  "url": "https://x.test/a"\n}', 'json-reserialised', '2 spaces'],
    [
      'indented by 4',
      '{\n    "id": 1,\n    "name": "Zoë",\n    "at": 1.0,\n    "url": "https://x.test/a"\n}',
      'json-reserialised',
      '4 spaces',
    ],
    ['with sorted keys', sorted, 'json-reserialised', 'sorted'],
    ['as PHP writes it', '{"id":1,"name":"Zo\\u00eb","at":1.0,"url":"https:\\/\\/x.test\\/a"}', 'json-reserialised', 'slashes'],
    ['empty', '', 'empty-body-signed', 'empty'],
    ['with a line break', `${BODY}\n`, 'body-newline', 'line break'],
    ['as an object', '[object Object]', 'object-signed', 'object'],
    ['as JSON of JSON', JSON.stringify(BODY), 'json-of-json', 'once more'],
  ]
  test.each(rows)('signed %s', async (_, signed, code, word) => {
    const [first, ...more] = await found(github, signedBy(`sha256=${hmac(signed)}`))
    expect(first).toMatchObject({ code, message: expect.stringContaining(word) })
    expect(more).toEqual([])
  })

  test('signed as Latin-1', async () => {
    const [first] = await found(github, signedBy(`sha256=${hmac(Buffer.from(BODY, 'latin1'))}`))
    expect(first?.code).toBe('latin1')
  })
})

describe('the writing of the signature and its place', () => {
  const right = hmac(BODY)
  const right64 = hmac(BODY, { as: 'base64' })
  const shopify = { preset: 'shopify', secrets: [KEY] }
  const rows: [string, Record<string, unknown>, Record<string, string>, string[]][] = [
    ['base64 for hex', github, { 'x-hub-signature-256': `sha256=${right64}` }, ['base64-for-hex']],
    ['hex for base64', shopify, { 'x-shopify-hmac-sha256': right }, ['hex-for-base64']],
    ['capital letters', github, { 'x-hub-signature-256': `sha256=${right.toUpperCase()}` }, ['upper-case-hex']],
    [
      'base64url',
      shopify,
      { 'x-shopify-hmac-sha256': Buffer.from(right, 'hex').toString('base64url') },
      [/[-_]/.test(Buffer.from(right, 'hex').toString('base64url')) ? 'base64url' : 'base64-unpadded'],
    ],
    ['base64 without padding', shopify, { 'x-shopify-hmac-sha256': right64.replace('=', '') }, ['base64-unpadded']],
    ['base64 of hex', shopify, { 'x-shopify-hmac-sha256': Buffer.from(right).toString('base64') }, ['base64-of-hex']],
    ['no prefix', github, { 'x-hub-signature-256': right }, ['prefix-missing']],
    ['another prefix', github, { 'x-hub-signature-256': `v1=${right}` }, ['prefix-missing']],
    ['a prefix too many', shopify, { 'x-shopify-hmac-sha256': `sha256=${right64}` }, ['prefix-surplus']],
    ['another header', github, { 'x-hub-signature': `sha256=${right}` }, ['signature-elsewhere']],
    ['no prefix, and base64', github, { 'x-hub-signature-256': right64 }, ['prefix-missing', 'base64-for-hex']],
    ['none', github, {}, ['signature-missing']],
    ['a short one', github, { 'x-hub-signature-256': 'sha256=00' }, ['signature-malformed']],
    ['the secret instead', github, { 'x-hub-signature-256': 'the-secret-itself' }, ['signature-malformed']],
  ]
  test.each(rows)('%s', async (_, settings, headers, codes) => {
    expect((await found(settings, { headers, body: BODY })).map(f => f.code)).toEqual(codes)
  })
})

describe('the secret', () => {
  const standard = { preset: 'standard-webhooks', secrets: [`whsec_${B64}`] }
  const sent = (key: string | Buffer): Sent => {
    const signature = hmac(`msg_1.${NOW}.${BODY}`, { key, as: 'base64' })
    return { headers: { 'webhook-id': 'msg_1', 'webhook-timestamp': `${NOW}`, 'webhook-signature': `v1,${signature}` }, body: BODY }
  }
  const stripe = (secret: string, key: string | Buffer): [Record<string, unknown>, Sent] => [
    { preset: 'stripe', secrets: [secret] },
    { headers: { 'stripe-signature': `t=${NOW},v1=${hmac(`${NOW}.${BODY}`, { key })}` }, body: BODY },
  ]
  const rows: [string, Record<string, unknown>, Sent, string][] = [
    ['not decoded', standard, sent(B64), 'secret-not-decoded'],
    ['not decoded, with its prefix', standard, sent(`whsec_${B64}`), 'secret-not-decoded'],
    ['decoded with its prefix', standard, sent(Buffer.from(`whsec_${B64}`, 'base64')), 'secret-prefix-kept'],
    ['decoded', ...stripe(`whsec_${B64}`, KEY), 'secret-decoded'],
    ['without its prefix', ...stripe(`whsec_${B64}`, B64), 'secret-prefix-cut'],
    ['with a line break', ...stripe(KEY, `${KEY}\n`), 'secret-newline'],
    ['in quotes', ...stripe(KEY, `"${KEY}"`), 'secret-quoted'],
    ['configured with a line break', ...stripe(`${KEY}\n`, KEY), 'configured-secret-untidy'],
    ['empty', ...stripe(KEY, ''), 'secret-unset'],
    ['undefined', ...stripe(KEY, 'undefined'), 'secret-unset'],
  ]
  test.each(rows)('%s', async (_, settings, request, code) => {
    expect((await found(settings, request)).map(f => f.code)).toEqual([code])
  })

  test('a decoding that is needed and not done, of the second of two secrets', async () => {
    const settings = { preset: 'standard-webhooks', secrets: ['whsec_b3RoZXItc2VjcmV0', `whsec_${B64}`] }
    expect((await found(settings, sent(B64))).map(f => f.code)).toEqual(['secret-not-decoded'])
  })
})

describe('what is signed', () => {
  const slack = { preset: 'slack', secrets: [KEY] }
  const by = (signed: string, time = `${NOW}`): Sent => ({
    headers: { 'x-slack-signature': `v0=${hmac(signed)}`, 'x-slack-request-timestamp': time },
    body: BODY,
  })
  const inspire = { preset: 'inspire', secrets: [KEY] }
  const dotted = (signed: string, time: string = `${NOW}`): Sent => ({
    headers: { 'x-webhook-signature': `sha256=${hmac(signed)}`, 'x-webhook-timestamp': time },
    body: BODY,
  })
  const rows: [string, Record<string, unknown>, Sent, string][] = [
    ['the timestamp is missing from it', slack, by(BODY), 'timestamp-not-signed'],
    ['a literal is missing from it', slack, by(`${NOW}:${BODY}`), 'another-separator'],
    ['another order', slack, by(`${BODY}${NOW}`), 'another-order'],
    ['another separator', inspire, dotted(`${NOW}:${BODY}`), 'another-separator'],
    ['no separator', inspire, dotted(`${NOW}${BODY}`), 'another-separator'],
    ['body first', inspire, dotted(`${BODY}.${NOW}`), 'another-order'],
    ['milliseconds signed, seconds sent', inspire, dotted(`${NOW}000.${BODY}`), 'another-timestamp-signed'],
    ['seconds signed, milliseconds sent', inspire, dotted(`${NOW}.${BODY}`, `${NOW}000`), 'another-timestamp-signed'],
    [
      'a timestamp with the body',
      github,
      {
        ...signedBy(`sha256=${hmac(`${NOW}.${BODY}`)}`),
        headers: { 'x-hub-signature-256': `sha256=${hmac(`${NOW}.${BODY}`)}`, 'x-timestamp': `${NOW}` },
      },
      'timestamp-signed',
    ],
    ['another hash', github, signedBy(`sha256=${hmac(BODY, { hash: 'sha512' })}`), 'another-algorithm'],
    ['another hash', github, signedBy(`sha256=${hmac(BODY, { hash: 'sha1' })}`), 'another-algorithm'],
    [
      'no HMAC',
      github,
      signedBy(
        `sha256=${createHash('sha256')
          .update(KEY + BODY)
          .digest('hex')}`,
      ),
      'not-an-hmac',
    ],
  ]
  test.each(rows)('%s', async (_, settings, request, code) => {
    expect((await found(settings, request)).map(f => f.code)).toEqual([code])
  })

  const url = (text: string, as = 'square'): [Record<string, unknown>, Sent] => [
    { preset: as, secrets: [KEY] },
    {
      path: '/hooks/a',
      query: 'x=1',
      headers: { 'x-square-hmacsha256-signature': hmac(`${text}${BODY}`, { as: 'base64' }), host: 'internal:8080' },
      body: BODY,
    },
  ]
  test.each<[string, string]>([
    ['https://gw.example.com/hooks/a', 'url-without-query'],
    ['https://gw.example.com/hooks/a/?x=1', 'url-slash'],
    ['http://gw.example.com/hooks/a?x=1', 'url-scheme'],
    ['http://internal:8080/hooks/a?x=1', 'url-host'],
    ['/hooks/a?x=1', 'url-path-only'],
    ['https://gw.example.com:443/hooks/a?x=1', 'url-port'],
    ['', 'url-not-signed'],
  ])('the URL %p', async (text, code) => {
    expect((await found(...url(text))).map(f => f.code)).toEqual([code])
  })
})

describe('what is not there, or not well-formed', () => {
  const rows: [string, Record<string, unknown>, Sent, string][] = [
    [
      'no timestamp',
      { preset: 'slack', secrets: [KEY] },
      { headers: { 'x-slack-signature': `v0=${'0'.repeat(64)}` }, body: BODY },
      'timestamp-missing',
    ],
    [
      'no id',
      { preset: 'svix', secrets: [B64] },
      { headers: { 'svix-signature': `v1,${B64}`, 'svix-timestamp': `${NOW}` } },
      'signed-part-missing',
    ],
    ['no version', { ...github, require: { 'x-version': '2' } }, signedBy(`sha256=${hmac(BODY)}`), 'required-header'],
    [
      'a time in words',
      { preset: 'slack', secrets: [KEY] },
      { headers: { 'x-slack-signature': `v0=${hmac(`v0:now:${BODY}`)}`, 'x-slack-request-timestamp': 'now' }, body: BODY },
      'timestamp-malformed',
    ],
    ['no form', { preset: 'dropbox-sign', secrets: [KEY] }, { headers: { 'x-signature': '0'.repeat(64) }, body: BODY }, 'not-a-form'],
  ]
  test.each(rows)('%s', async (_, settings, request, code) => {
    expect((await found(settings, request)).map(f => f.code)).toContain(code)
  })
})

describe('two things at once', () => {
  test('a secret that is not decoded, and no timestamp', async () => {
    const settings = { preset: 'standard-webhooks', secrets: [`whsec_${B64}`] }
    const signature = hmac(BODY, { key: B64, as: 'base64' })
    const request = {
      headers: { 'webhook-id': 'msg_1', 'webhook-timestamp': `${NOW}`, 'webhook-signature': `v1,${signature}` },
      body: BODY,
    }
    expect((await found(settings, request)).map(f => f.code)).toEqual(['secret-not-decoded', 'timestamp-not-signed'])
  })

  test('JSON written anew, and another separator', async () => {
    const compact = '{"id":1,"name":"Zoë","at":1.0,"url":"https://x.test/a"}'
    const headers = { 'x-webhook-signature': `sha256=${hmac(`${NOW}:${compact}`)}`, 'x-webhook-timestamp': `${NOW}` }
    const codes = (await found({ preset: 'inspire', secrets: [KEY] }, { headers, body: BODY })).map(f => f.code)
    expect(codes.sort()).toEqual(['another-separator', 'json-reserialised'])
  })
})

describe('key pairs', () => {
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const ed = generateKeyPairSync('ed25519')
  const sendgrid = { preset: 'sendgrid', secrets: [ec.publicKey.export({ format: 'der', type: 'spki' }).toString('base64')] }
  const discord = { preset: 'discord', secrets: [ed.publicKey.export({ format: 'der', type: 'spki' }).subarray(12).toString('hex')] }

  test('an ECDSA signature that is not in DER', async () => {
    const signature = signWith('sha256', Buffer.from(`${NOW}${BODY}`), { key: ec.privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64')
    const headers = { 'x-twilio-email-event-webhook-signature': signature, 'x-twilio-email-event-webhook-timestamp': `${NOW}` }
    expect((await found(sendgrid, { headers, body: BODY })).map(f => f.code)).toEqual(['signature-not-der'])
  })

  test('a body that was signed without its timestamp', async () => {
    const signature = signWith(null, Buffer.from(BODY), ed.privateKey).toString('hex')
    const headers = { 'x-signature-ed25519': signature, 'x-signature-timestamp': `${NOW}` }
    expect((await found(discord, { headers, body: BODY })).map(f => f.code)).toEqual(['timestamp-not-signed'])
  })
})

test('a wrong secret: what was tried is told, and nothing else', async () => {
  const findings = await found(github, signedBy(`sha256=${hmac(BODY, { key: 'another secret altogether' })}`))
  expect(findings.map(f => f.code)).toEqual(['nothing-matched'])
})

test('is bounded: a large body, many secrets, a header full of signatures', async () => {
  const secrets = Array.from({ length: 16 }, (_, i) => `whsec_${Buffer.from(`${KEY}-${i}`).toString('base64')}`)
  const list = Array.from({ length: 30 }, (_, i) => `v1,${createHash('sha256').update(`${i}`).digest('base64')}`).join(' ')
  const headers = { 'webhook-id': 'm', 'webhook-timestamp': `${NOW}`, 'webhook-signature': list }
  const body = JSON.stringify(Array.from({ length: 40_000 }, (_, i) => ({ i, name: 'Zoë' }))).slice(0, 900_000)
  const begun = performance.now()
  const findings = await found({ preset: 'standard-webhooks', secrets }, { headers, body: `{"a":${JSON.stringify(body)}}` })
  expect(findings.map(f => f.code)).toEqual(['nothing-matched'])
  expect(performance.now() - begun).toBeLessThan(20_000)
})

describe('a secret that is sent along', () => {
  const settings = { kind: 'static', from: 'header:x-gitlab-token', secrets: [KEY] }
  test.each<[string, Record<string, string>, string]>([
    ['is missing', {}, 'credential-missing'],
    ['stands in another header', { authorization: `Bearer ${KEY}` }, 'credential-elsewhere'],
    ['has quotes', { 'x-gitlab-token': `"${KEY}"` }, 'quoted'],
    ['has a word before it', { 'x-gitlab-token': `Bearer ${KEY}` }, 'another-prefix'],
    ['is in other letters', { 'x-gitlab-token': KEY.toUpperCase() }, 'letter-case'],
    ['is a placeholder', { 'x-gitlab-token': '$' + '{GITLAB_TOKEN}' }, 'placeholder-sent'],
  ])('%s', async (_, headers, code) => {
    expect((await found(settings, { headers, body: BODY })).map(f => f.code)).toEqual([code])
  })
})
