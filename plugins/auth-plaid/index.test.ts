import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createHash, createHmac, generateKeyPairSync, type KeyObject, sign as signBytes } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import fc from 'fast-check'
import type { Draft } from '#core/plugin.ts'
import { conformance, type Harness, harness, type Sent } from '#core/testing.ts'
import plugin, { authPlaid } from './index.ts'

const NOW = Date.UTC(2026, 0, 15, 12)
const SECONDS = NOW / 1000
const BODY = '{\n  "webhook_type": "TRANSACTIONS",\n  "item_id": "1"\n}'
const KID = 'bfbd5111-8e33-4643-8ced-b2e642a72f3c'

const ec = (namedCurve = 'P-256') => generateKeyPairSync('ec', { namedCurve })
const [plaid, retired, stranger] = [ec(), ec(), ec()]
const jwk = (key: KeyObject, kid: string, more: object = {}) => ({
  ...key.export({ format: 'jwk' }),
  kid,
  alg: 'ES256',
  use: 'sig',
  expired_at: null,
  ...more,
})
const keys = [
  jwk(plaid.publicKey, KID),
  jwk(retired.publicKey, 'retired', { expired_at: SECONDS - 60 }),
  jwk(retired.publicKey, 'retiring', { expired_at: SECONDS + 60 }),
]
const settings = { keys }

const b64 = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
const hash = (body: string) => createHash('sha256').update(body).digest('hex')
const claims = { iat: SECONDS, request_body_sha256: hash(BODY) }
const ES256 = { alg: 'ES256', kid: KID, typ: 'JWT' }

function token(payload: unknown = claims, header: object = ES256, key: KeyObject = plaid.privateKey): string {
  const input = `${b64(header)}.${b64(payload)}`
  return `${input}.${signBytes('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
}
const hs256 = (secret: string | Buffer) => {
  const input = `${b64({ ...ES256, alg: 'HS256' })}.${b64(claims)}`
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
}
const send = (text: string | string[], body: string = BODY): Sent => ({
  headers: [text].flat().map((value): [string, string] => ['plaid-verification', value]),
  body,
})
const good = token()
const [head, payload, signature] = good.split('.') as [string, string, string]
const pem = plaid.publicKey.export({ type: 'spki', format: 'pem' }) as string
const at = (seconds: number) => send(token({ ...claims, iat: SECONDS + seconds }))

const reasonOf = async (bench: Harness, request: Sent) => {
  const { reply } = await bench.send(request)
  if (!reply) return 'pass'
  expect(reply).toMatchObject({ kind: 'refusal', code: 'UNAUTHORIZED', status: 401 })
  return reply.kind === 'refusal' ? reply.reason : ''
}

const rows: [string, Sent, string][] = [
  ['a webhook', send(good), 'pass'],
  ['a hash in capitals', send(token({ ...claims, request_body_sha256: hash(BODY).toUpperCase() })), 'pass'],
  ['with a key that ends in a minute', send(token(claims, { ...ES256, kid: 'retiring' }, retired.privateKey)), 'pass'],

  ['no header', { body: BODY }, 'missing-token'],
  ['two headers, both right', send([good, good]), 'several-tokens'],
  ['no token', send('x'), 'malformed-token'],
  ['no signature', send(`${head}.${payload}.`), 'malformed-token'],
  ['a long one', send(`${head}.${'A'.repeat(4096)}.${signature}`), 'token-too-long'],
  ['a header that is no JSON', send(`${b64('{')}.${payload}.${signature}`), 'malformed-token'],

  ['a changed body', send(good, BODY.replace('1', '2')), 'body-mismatch'],
  ['the same JSON, written otherwise', send(good, JSON.stringify(JSON.parse(BODY))), 'body-mismatch'],
  ['an empty body', send(good, ''), 'body-mismatch'],
  ['a body with a line break more', send(good, `${BODY}\n`), 'body-mismatch'],
  ['a changed claim', send(`${head}.${b64({ ...claims, iat: SECONDS + 1 })}.${signature}`), 'signature-mismatch'],
  ['a stranger', send(token(claims, ES256, stranger.privateKey)), 'signature-mismatch'],
  ['the signature of another token', send(`${head}.${payload}.${token({ a: 1 }).split('.')[2]}`), 'signature-mismatch'],

  ['an unknown key', send(token(claims, { ...ES256, kid: 'other' })), 'unknown-key'],
  ['a key that objects have anyway', send(token(claims, { ...ES256, kid: '__proto__' })), 'unknown-key'],
  ['a key that has expired', send(token(claims, { ...ES256, kid: 'retired' }, retired.privateKey)), 'key-expired'],
  ['no key id', send(token(claims, { alg: 'ES256' })), 'malformed-key-id'],
  ['a key id that is a path', send(token(claims, { ...ES256, kid: '../x' })), 'malformed-key-id'],
  ['a key id that is long', send(token(claims, { ...ES256, kid: 'a'.repeat(65) })), 'malformed-key-id'],
  ['a key id that is a number', send(token(claims, { ...ES256, kid: 1 })), 'malformed-key-id'],

  ['alg none', send(`${b64({ ...ES256, alg: 'none' })}.${payload}.${signature}`), 'algorithm-not-allowed'],
  ['HS256 with the public key in PEM', send(hs256(pem)), 'algorithm-not-allowed'],
  ['HS256 with the public key as JSON', send(hs256(JSON.stringify(keys[0]))), 'algorithm-not-allowed'],
  ['HS256 with its coordinate', send(hs256(Buffer.from(keys[0]?.x as string, 'base64url'))), 'algorithm-not-allowed'],
  ['ES384', send(`${b64({ ...ES256, alg: 'ES384' })}.${payload}.${signature}`), 'algorithm-not-allowed'],
  ['a critical header nobody knows', send(token(claims, { ...ES256, crit: ['x'], x: 1 })), 'malformed-token'],

  ['five minutes ago', at(-300), 'pass'],
  ['a second older', at(-301), 'timestamp-too-old'],
  ['five minutes ahead', at(300), 'pass'],
  ['a second further', at(301), 'timestamp-in-future'],
  ['no time', send(token({ ...claims, iat: undefined })), 'timestamp-malformed'],
  ['a time in words', send(token({ ...claims, iat: `${SECONDS}` })), 'timestamp-malformed'],
  ['no hash', send(token({ iat: SECONDS })), 'body-hash-malformed'],
  ['an empty hash', send(token({ ...claims, request_body_sha256: '' })), 'body-hash-malformed'],
  ['a hash that is no text', send(token({ ...claims, request_body_sha256: [hash(BODY)] })), 'body-hash-malformed'],
  ['claims that are no object', send(token('1')), 'timestamp-malformed'],
  ['claims that are nothing', send(token('null')), 'timestamp-malformed'],
]

test.each(rows)('%s', async (_, request, wanted) => {
  expect(await reasonOf(await harness(plugin, settings, { now: NOW }), request)).toBe(wanted)
})

test('whatever is sent, it is refused and never thrown', async () => {
  const bench = await harness(plugin, settings, { now: NOW })
  const part = fc.oneof(fc.json().map(b64), fc.constantFrom(head, payload, signature, ''), fc.string())
  await fc.assert(
    fc.asyncProperty(fc.tuple(part, part, part), async parts => {
      const text = parts.join('.').replace(/[^\x21-\x7e]/g, '')
      fc.pre(text !== good)
      expect((await bench.send(send(text))).reply).toMatchObject({ code: 'UNAUTHORIZED' })
    }),
    { numRuns: 300 },
  )
})

test('later steps know when it was signed, if it was', async () => {
  const bench = await harness(plugin, settings, { now: NOW })
  const signed = async (request: Sent) => (await bench.send(request)).exchange.get<unknown>({ name: 'signed-at' })
  expect(await signed(send(good))).toEqual({ time: NOW, tolerance: 300_000 })
  expect(await signed(send(good, '{}'))).toBeUndefined()
})

describe('Plaid, which is asked for keys', () => {
  let server: Server
  let base = ''
  let asked: { path: string; body: any }[] = []
  let answer: (kid: string) => { status?: number; headers?: Record<string, string>; body?: unknown; hang?: true } = () => ({})
  beforeAll(async () => {
    server = createServer(async (request, response) => {
      let text = ''
      for await (const chunk of request) text += chunk
      const body = JSON.parse(text)
      asked.push({ path: `${request.method} ${request.url}`, body })
      const { status = 200, headers = {}, body: given = {}, hang } = answer(body.key_id)
      if (!hang) response.writeHead(status, headers).end(typeof given === 'string' ? given : JSON.stringify(given))
    })
    await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })

  const hosts: string[] = []
  const wired = authPlaid((url, init) => {
    hosts.push(new URL(url).host)
    return fetch(url.replace(/^https:\/\/[^/]+/, base), init)
  })
  const SECRET = 'a-secret-of-plaid-0123456789'
  const account = { clientId: 'client', secret: SECRET }
  const knows = (kid: string) => {
    const key = keys.find(known => known.kid === kid)
    return key
      ? { body: { key, request_id: 'r' } }
      : { status: 400, body: { error_type: 'INVALID_INPUT', error_code: 'INVALID_WEBHOOK_VERIFICATION_KEY_ID' } }
  }
  const open = async (given: typeof answer = knows, more: object = {}) => {
    asked = []
    hosts.length = 0
    answer = given
    return harness(wired, { ...account, ...more }, { now: NOW })
  }

  test('once for many, with the account of the settings', async () => {
    const bench = await open()
    const reasons = await Promise.all(Array.from({ length: 20 }, () => reasonOf(bench, send(good))))
    expect(reasons).toEqual(Array(20).fill('pass'))
    expect(asked).toEqual([{ path: 'POST /webhook_verification_key/get', body: { client_id: 'client', secret: SECRET, key_id: KID } }])
    expect(hosts).toEqual(['production.plaid.com'])
    expect(bench.used).toEqual(Array(20).fill(SECRET))
  })

  test('in the sandbox', async () => {
    const bench = await open(knows, { environment: 'sandbox' })
    expect(await reasonOf(bench, send(good))).toBe('pass')
    expect(hosts).toEqual(['sandbox.plaid.com'])
  })

  test('a key that it does not know, and many that are made up', async () => {
    const bench = await open()
    const made = (i: number) => send(token(claims, { ...ES256, kid: `made-up-${i}` }))
    for (let i = 0; i < 3; i++) expect(await reasonOf(bench, made(0))).toBe('unknown-key')
    expect(asked.length).toBe(1)
    const tries = await Promise.allSettled(Array.from({ length: 100 }, (_, i) => reasonOf(bench, made(i + 1))))
    expect(tries.filter(tried => tried.status === 'fulfilled' && tried.value === 'pass')).toEqual([])
    expect(asked.length).toBe(8)
  })

  test('an expired key', async () => {
    expect(await reasonOf(await open(), send(token(claims, { ...ES256, kid: 'retired' }, retired.privateKey)))).toBe('key-expired')
  })

  test('a key that expires while we keep it is asked for again within the hour', async () => {
    const bench = await open()
    expect(await reasonOf(bench, send(good))).toBe('pass')
    answer = () => ({ body: { key: { ...keys[0], expired_at: SECONDS + 60 } } })
    bench.now += 3_600_000
    const later = send(token({ ...claims, iat: bench.now / 1000 }))
    expect(await reasonOf(bench, later)).toBe('key-expired')
  })

  test.each<[string, ReturnType<typeof answer>, string]>([
    ['that our secret is wrong', { status: 400, body: { error_code: 'INVALID_API_KEYS' } }, 'Plaid answered 400 INVALID_API_KEYS'],
    ['an error', { status: 500 }, 'Plaid answered 500'],
    ['a redirect', { status: 307, headers: { location: 'https://evil.test/' } }, 'Plaid answered 307'],
    ['no JSON', { body: '<html>' }, 'without the key'],
    ['another key', { body: { key: keys[1] } }, 'without the key'],
    ['a secret as key', { body: { key: { kty: 'oct', k: 'AAAA', kid: KID } } }, 'without the key'],
    ['a key on another curve', { body: { key: jwk(ec('P-384').publicKey, KID) } }, 'without the key'],
    ['more than 64 KiB', { body: 'x'.repeat(70_000) }, 'more than 65536 bytes'],
    ['nothing', { hang: true }, 'did not answer within 2000 ms'],
  ])('and answers with %s: nobody knows, so nobody is let in', async (_, given, message) => {
    const bench = await open(() => given)
    const failed = await bench.send(send(good)).catch(error => error)
    expect(String(failed)).toContain(message)
    expect(String(failed)).not.toContain(SECRET)
  })

  test('is not asked about a token that cannot be good', async () => {
    const bench = await open()
    for (const text of ['x', hs256(pem), token(claims, { ...ES256, kid: '../x' })]) await bench.send(send(text))
    expect(asked).toEqual([])
  })
})

describe('settings that make no sense', () => {
  test.each<[string, object, string]>([
    ['nothing', {}, 'asked for with `clientId` and `secret`'],
    ['no secret', { clientId: 'client' }, 'asked for with `clientId` and `secret`'],
    ['another environment', { keys, environment: 'development' }, '/environment'],
    ['a private key', { keys: [jwk(plaid.privateKey, KID)] }, '/keys/0 is a private key'],
    ['a key without an id', { keys: [{ ...keys[0], kid: undefined }] }, '/keys/0 has no `kid`'],
    ['a key on another curve', { keys: [jwk(ec('P-384').publicKey, KID)] }, '/keys/0 is no key on the curve P-256'],
    ['half a key', { keys: [{ ...keys[0], y: undefined }] }, '/keys/0 cannot be read'],
  ])('%s', async (_, given, message) => {
    await expect(harness(plugin, given)).rejects.toThrow(message)
  })
})

describe('what the operator is told of a refused webhook', () => {
  test.each<[string, Sent, string[]]>([
    ['a good one', send(good), []],
    ['no header', {}, ['missing-token']],
    ['HS256', send(hs256(pem)), ['algorithm-not-allowed']],
    [
      'another body, an hour late, of an unknown key',
      send(token({ ...claims, iat: SECONDS - 3600 }, { ...ES256, kid: 'x' }), '{}'),
      ['timestamp-too-old', 'body-mismatch', 'unknown-key'],
    ],
  ])('%s', async (_, request, codes) => {
    const { exchange } = await (await harness(plugin, settings, { now: NOW })).send(request)
    const around = { now: () => NOW, publicUrl: undefined, webhook: 'test' }
    const found = await plugin.diagnose?.({ keys, environment: 'production' }, exchange, around)
    expect(found?.map(({ code }) => code)).toEqual(codes)
  })
})

test('what it signs it lets in', async () => {
  const pkcs8 = (key: KeyObject) => key.export({ type: 'pkcs8', format: 'pem' }) as string
  const draft: Draft = { method: 'POST', url: new URL('https://hooks.example.com/x'), headers: new Headers(), body: Buffer.from(BODY) }
  const sign = (privateKey?: string) =>
    plugin.sign?.({ keys, environment: 'production' }, draft, {
      webhook: 'test',
      publicUrl: undefined,
      now: () => NOW,
      ...(privateKey && { privateKey }),
    })
  expect(await sign()).toMatch(/only Plaid can sign/)
  expect(await sign(pkcs8(stranger.privateKey))).toMatch(/that of none of `keys`/)
  expect(await sign(pkcs8(plaid.privateKey))).toBeUndefined()
  const bench = await harness(plugin, settings, { now: NOW })
  expect((await bench.send({ headers: draft.headers, body: BODY })).reply).toBeUndefined()
})

test('keeps the contract', async () => {
  const examples = [
    { now: NOW, settings, request: send(good), expect: 'pass' },
    { now: NOW, settings, request: send(good, '{}'), expect: 'UNAUTHORIZED' },
    { now: NOW, settings: { clientId: 'c', secret: 'a-secret-of-plaid-0123456789' }, request: {}, expect: 'UNAUTHORIZED' },
  ]
  expect(await conformance(plugin, examples)).toEqual([])
})
