import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createHmac, generateKeyPairSync, type KeyObject, sign as signBytes } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import fc from 'fast-check'
import type { Draft } from '#core/plugin.ts'
import { conformance, harness, type Sent } from '#core/testing.ts'
import plugin, { authJwt } from './index.ts'

const NOW = Date.UTC(2026, 0, 15, 12)
const SECONDS = NOW / 1000
const ISSUER = 'https://issuer.test'
const AUDIENCE = 'https://hooks.example.com/orders'

const rsa = () => generateKeyPairSync('rsa', { modulusLength: 2048 })
const ec = (namedCurve: string) => generateKeyPairSync('ec', { namedCurve })
const [one, two, stranger] = [rsa(), rsa(), rsa()]
const curve = ec('P-256')
const edwards = generateKeyPairSync('ed25519')
const jwk = (key: KeyObject, kid?: string, more = {}) => ({ ...key.export({ format: 'jwk' }), ...(kid && { kid }), ...more })

const b64 = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
const claims = { iss: ISSUER, aud: AUDIENCE, sub: '1', iat: SECONDS - 10, exp: SECONDS + 300 }
const RS256 = { alg: 'RS256', typ: 'JWT', kid: 'one' }

function token(header: object = RS256, payload: object = claims, key: KeyObject = one.privateKey): string {
  const input = `${b64(header)}.${b64(payload)}`
  const { alg } = header as { alg: string }
  const bytes = Buffer.from(input)
  if (alg.startsWith('ES'))
    return `${input}.${signBytes(`sha${alg.slice(2)}`, bytes, { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
  return `${input}.${signBytes(alg === 'EdDSA' ? null : `sha${alg.slice(2)}`, bytes, key).toString('base64url')}`
}

const hs256 = (secret: string | Buffer, header: object = { alg: 'HS256', kid: 'one' }) => {
  const input = `${b64(header)}.${b64(claims)}`
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
}
const pem = one.publicKey.export({ type: 'spki', format: 'pem' }) as string

const keys = [jwk(one.publicKey, 'one'), jwk(two.publicKey, 'two'), jwk(curve.publicKey, 'curve'), jwk(edwards.publicKey, 'edwards')]
const settings = { issuer: ISSUER, audience: AUDIENCE, keys }
const bearer = (...values: string[]): Sent => ({
  headers: values.map((v): [string, string] => ['authorization', `Bearer ${v}`]),
  body: '{}',
})
const good = token()
const [head, body, signature] = good.split('.') as [string, string, string]
const ES = { alg: 'ES256', kid: 'curve' }

const rows: [string, Sent, string, object?][] = [
  ['a good token', bearer(good), 'pass'],
  ['by the other key', bearer(token({ ...RS256, kid: 'two' }, claims, two.privateKey)), 'pass'],
  ['on a curve', bearer(token(ES, claims, curve.privateKey)), 'pass'],
  ['the scheme in lower case', { headers: { authorization: `bearer ${good}` } }, 'pass'],
  ['for several audiences', bearer(token(RS256, { ...claims, aud: ['https://other.test', AUDIENCE] })), 'pass'],
  ['no key id, one key of that kind', bearer(token({ alg: 'ES256' }, claims, curve.privateKey)), 'pass'],
  ['no key id, several keys of that kind', bearer(token({ alg: 'RS256' }, claims, two.privateKey)), 'pass'],
  ['no key id, and a stranger', bearer(token({ alg: 'RS256' }, claims, stranger.privateKey)), 'signature-mismatch'],

  ['no header', {}, 'missing-authorization'],
  ['another scheme', { headers: { authorization: `Basic ${good}` } }, 'not-bearer'],
  ['two headers, both right', bearer(good, good), 'several-authorizations'],
  ['no token', bearer('nothing'), 'malformed-token'],
  ['a space behind it', { headers: [['authorization', `Bearer ${good} x`]] }, 'malformed-token'],
  ['more than 8 KiB', bearer(`${head}.${'A'.repeat(8192)}.${signature}`), 'token-too-long'],
  ['an encrypted one of five parts', bearer('e30.e30.e30.e30.e30'), 'malformed-token'],
  ['a header that is not JSON', bearer(`${b64('{')}.${body}.${signature}`), 'malformed-token'],
  ['a header that is a list', bearer(`${b64('[]')}.${body}.${signature}`), 'malformed-token'],
  ['no algorithm', bearer(`${b64({ kid: 'one' })}.${body}.${signature}`), 'malformed-token'],

  ['changed claims', bearer(`${head}.${b64({ ...claims, sub: '2' })}.${signature}`), 'signature-mismatch'],
  ['a changed header', bearer(`${b64({ ...RS256, x: 1 })}.${body}.${signature}`), 'signature-mismatch'],
  ['no signature', bearer(`${head}.${body}.`), 'signature-mismatch'],
  ['a stranger under a known key id', bearer(token(RS256, claims, stranger.privateKey)), 'signature-mismatch'],
  ['under the id of another key', bearer(token({ ...RS256, kid: 'two' })), 'signature-mismatch'],
  ['an unknown key id', bearer(token({ ...RS256, kid: 'three' })), 'unknown-key'],
  ['a key id that is no text', bearer(token({ ...RS256, kid: 7 } as never)), 'unknown-key'],

  ['alg none', bearer(`${b64({ alg: 'none' })}.${body}.`), 'algorithm-not-allowed'],
  ['alg None', bearer(`${b64({ alg: 'None' })}.${body}.`), 'algorithm-not-allowed'],
  ['HS256 with the public key in PEM', bearer(hs256(pem)), 'algorithm-not-allowed'],
  ['HS256 with its modulus', bearer(hs256(Buffer.from(keys[0]?.n as string, 'base64url'))), 'algorithm-not-allowed'],
  [
    'an algorithm that is not among the allowed',
    bearer(token({ alg: 'EdDSA', kid: 'edwards' }, claims, edwards.privateKey)),
    'algorithm-not-allowed',
  ],
  ['which is allowed here', bearer(token({ alg: 'EdDSA', kid: 'edwards' }, claims, edwards.privateKey)), 'pass', { algorithms: ['EdDSA'] }],
  ['an allowed one that is not the key', bearer(`${b64({ alg: 'ES256', kid: 'one' })}.${body}.${signature}`), 'unknown-key'],
  ['a key of its own', bearer(token({ alg: 'RS256', jwk: jwk(stranger.publicKey) }, claims, stranger.privateKey)), 'signature-mismatch'],
  ['a critical header nobody knows', bearer(token({ ...RS256, crit: ['x'], x: 1 } as never)), 'unusable: ERR_JOSE_NOT_SUPPORTED'],
  ['an unencoded payload', bearer(token({ ...RS256, crit: ['b64'], b64: false } as never)), 'malformed-token'],

  ['expired an hour ago', bearer(token(RS256, { ...claims, exp: SECONDS - 3600 })), 'expired'],
  ['expired within the tolerance', bearer(token(RS256, { ...claims, exp: SECONDS - 59 })), 'pass'],
  ['expired at the tolerance', bearer(token(RS256, { ...claims, exp: SECONDS - 60 })), 'expired'],
  ['no expiry', bearer(token(RS256, { ...claims, exp: undefined })), 'claim-missing: exp'],
  ['an expiry in words', bearer(token(RS256, { ...claims, exp: 'never' })), 'claim-malformed: exp'],
  ['begins in an hour', bearer(token(RS256, { ...claims, nbf: SECONDS + 3600 })), 'not-yet-valid'],
  ['issued in an hour', bearer(token(RS256, { ...claims, iat: SECONDS + 3600 })), 'issued-in-future'],
  ['issued at a time in words', bearer(token(RS256, { ...claims, iat: 'now' })), 'claim-malformed: iat'],
  ['older than maxAge', bearer(token(RS256, { ...claims, iat: SECONDS - 400 })), 'older-than-max-age', { maxAge: '5m' }],
  ['not older', bearer(token(RS256, { ...claims, iat: SECONDS - 300 })), 'pass', { maxAge: '5m' }],
  ['no time of issue, with maxAge', bearer(token(RS256, { ...claims, iat: undefined })), 'claim-missing: iat', { maxAge: '5m' }],

  ['another issuer', bearer(token(RS256, { ...claims, iss: 'https://evil.test' })), 'wrong-issuer'],
  ['the issuer with a slash', bearer(token(RS256, { ...claims, iss: `${ISSUER}/` })), 'wrong-issuer'],
  ['a list of issuers', bearer(token(RS256, { ...claims, iss: [ISSUER] })), 'wrong-issuer'],
  ['no issuer', bearer(token(RS256, { ...claims, iss: undefined })), 'claim-missing: iss'],
  ['another audience', bearer(token(RS256, { ...claims, aud: 'https://other.test' })), 'wrong-audience'],
  ['no audience', bearer(token(RS256, { ...claims, aud: undefined })), 'claim-missing: aud'],
  [
    'the claims that are wanted',
    bearer(token(RS256, { ...claims, tier: 'a', admin: true })),
    'pass',
    { claims: { tier: 'a', admin: true } },
  ],
  ['a claim in words', bearer(token(RS256, { ...claims, admin: 'true' })), 'claim-mismatch: admin', { claims: { admin: true } }],
  ['a claim in a list', bearer(token(RS256, { ...claims, tier: ['a'] })), 'claim-mismatch: tier', { claims: { tier: 'a' } }],
  ['a claim that objects have anyway', bearer(good), 'claim-mismatch: toString', { claims: { toString: 'x' } }],
]

test.each(rows)('%s', async (_, request, wanted, more = {}) => {
  const { reply } = await (await harness(plugin, { ...settings, ...more }, { now: NOW })).send(request)
  if (wanted === 'pass') expect(reply).toBeUndefined()
  else expect(reply).toMatchObject({ kind: 'refusal', code: 'UNAUTHORIZED', status: 401, reason: wanted })
})

test('whatever is sent, it is refused and never thrown', async () => {
  const bench = await harness(plugin, settings, { now: NOW })
  const part = fc.oneof(fc.json().map(b64), fc.base64String().map(b64), fc.constantFrom(head, body, signature, ''))
  const tokens = fc.oneof(
    fc.tuple(part, part, part).map(parts => parts.join('.')),
    fc.string(),
  )
  await fc.assert(
    fc.asyncProperty(tokens, async text => {
      fc.pre(text !== good)
      const printable = text.replace(/[^\x20-\x7e]/g, '')
      expect((await bench.send(bearer(printable))).reply).toMatchObject({ code: 'UNAUTHORIZED' })
    }),
    { numRuns: 300 },
  )
})

describe('google-pubsub', () => {
  const email = 'pusher@project.iam.gserviceaccount.com'
  const around = { preset: 'google-pubsub', audience: AUDIENCE, keys, claims: { email } }
  const google = { ...claims, iss: 'https://accounts.google.com', email, email_verified: true }
  const push = { message: { messageId: '2070443601311540', data: 'e30=' }, subscription: 's' }
  const sent = (payload: object, body: unknown = push): Sent => ({ ...bearer(token(RS256, payload)), body })

  test.each<[string, Sent, string, string | undefined]>([
    ['a push', sent(google), 'pass', '2070443601311540'],
    ['the issuer without its scheme', sent({ ...google, iss: 'accounts.google.com' }), 'pass', '2070443601311540'],
    ['a message without an id', sent(google, { message: {} }), 'pass', undefined],
    ['a message id that is no text', sent(google, { message: { messageId: 7 } }), 'pass', undefined],
    ['a message that is nothing', sent(google, { message: null }), 'pass', undefined],
    ['a body that is no JSON', sent(google, 'x'), 'pass', undefined],
    ['of somebody else', sent({ ...google, email: 'eve@evil.iam.gserviceaccount.com' }), 'claim-mismatch: email', undefined],
    ['an address that is not verified', sent({ ...google, email_verified: false }), 'claim-mismatch: email_verified', undefined],
    ['another issuer', sent({ ...google, iss: 'https://accounts.google.com.evil.test' }), 'wrong-issuer', undefined],
  ])('%s', async (_, request, wanted, id) => {
    const { reply, exchange } = await (await harness(plugin, around, { now: NOW })).send(request)
    expect(reply?.kind === 'refusal' ? reply.reason : 'pass').toBe(wanted)
    expect(exchange.get({ name: 'delivery-id' })).toBe(id)
  })

  test('without the address, anybody with an account at Google could send', async () => {
    await expect(harness(plugin, { preset: 'google-pubsub', audience: AUDIENCE })).rejects.toThrow('/claims name the service account')
  })
})

describe('settings that make no sense', () => {
  const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey
  test.each<[string, object, string]>([
    ['no issuer', { issuer: undefined }, 'nothing says who issues'],
    ['keys and their place', { jwks: 'https://issuer.test/keys' }, '/jwks there are `keys` already'],
    ['keys over plain HTTP', { keys: undefined, jwks: 'http://issuer.test/keys' }, '/jwks is not an https URL'],
    ['a password in the URL', { keys: undefined, jwks: 'https://a:b@issuer.test/keys' }, '/jwks contains a user name'],
    ['an issuer that is no URL', { keys: undefined, issuer: 'issuer.test' }, '/issuer its keys can be discovered only'],
    ['several issuers and no place', { keys: undefined, issuer: [ISSUER, 'https://b.test'] }, '/issuer of several issuers'],
    ['HS256', { algorithms: ['HS256'] }, '/algorithms/0'],
    ['none', { algorithms: ['none'] }, '/algorithms/0'],
    ['a shared secret', { keys: [{ kty: 'oct', k: 'AAAA' }] }, '/keys/0 is a shared secret'],
    ['a private key', { keys: [jwk(one.privateKey)] }, '/keys/0 is a private key'],
    ['a short key', { keys: [jwk(weak)] }, '/keys/0 is an RSA key of 1024 bits'],
    ['no key', { keys: [{ kty: 'RSA' }] }, '/keys/0 is not a JSON Web Key'],
  ])('%s', async (_, more, message) => {
    await expect(harness(plugin, { ...settings, ...more })).rejects.toThrow(message)
  })
})

describe('an issuer that is asked for its keys', () => {
  let server: Server
  let base = ''
  let asked: string[] = []
  let answer: (path: string) => { status?: number; headers?: Record<string, string>; body?: unknown; hang?: true } = () => ({})
  beforeAll(async () => {
    server = createServer((request, response) => {
      asked.push(request.url as string)
      const { status = 200, headers = {}, body = {}, hang } = answer(request.url as string)
      if (hang) return
      response.writeHead(status, headers)
      response.end(typeof body === 'string' ? body : JSON.stringify(body))
    })
    await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })

  const wired = authJwt((url, init) => fetch(url.replace(ISSUER, base), init))
  const remote = { issuer: ISSUER, audience: AUDIENCE, jwks: `${ISSUER}/keys` }
  const open = async (settings: object = remote) => {
    asked = []
    return harness(wired, settings, { now: NOW })
  }
  const set = (...list: unknown[]) => ({ body: { keys: list } })
  const configuration = { issuer: ISSUER, jwks_uri: `${ISSUER}/published` }

  test('at the place that the settings name, once for many', async () => {
    answer = () => set(...keys)
    const bench = await open()
    const replies = await Promise.all(Array.from({ length: 20 }, () => bench.send(bearer(good))))
    expect(replies.map(({ reply }) => reply)).toEqual(Array(20).fill(undefined))
    expect(asked).toEqual(['/keys'])
  })

  test('at the place that it publishes', async () => {
    answer = path => (path === '/published' ? set(...keys) : { body: configuration })
    const bench = await open({ issuer: ISSUER, audience: AUDIENCE })
    expect((await bench.send(bearer(good))).reply).toBeUndefined()
    expect(asked).toEqual(['/.well-known/openid-configuration', '/published'])
  })

  test.each<[string, ReturnType<typeof answer>, RegExp]>([
    ['is of another issuer', { body: { ...configuration, issuer: 'https://evil.test' } }, /of another issuer/],
    ['names a place over plain HTTP', { body: { ...configuration, jwks_uri: 'http://issuer.test/keys' } }, /no https URL/],
    ['names a file', { body: { ...configuration, jwks_uri: 'file:///etc/passwd' } }, /no https URL/],
    ['names no place', { body: { issuer: ISSUER } }, /no https URL/],
  ])('a configuration that %s', async (_, given, message) => {
    answer = () => given
    const bench = await open({ issuer: ISSUER, audience: AUDIENCE })
    await expect(bench.send(bearer(good))).rejects.toThrow(message)
  })

  test.each<[string, ReturnType<typeof answer>, RegExp]>([
    ['an error', { status: 500 }, /answered 500/],
    ['a redirect', { status: 302, headers: { location: '/elsewhere' } }, /answered 302/],
    ['no JSON', { body: '<html>' }, /instead of 200 with a JSON object/],
    ['a list', { body: [] }, /instead of 200 with a JSON object/],
    ['no keys', { body: {} }, /no list of 1 to 64 keys/],
    ['too many keys', set(...Array(65).fill(keys[0])), /no list of 1 to 64 keys/],
    ['keys that are none', set(1, 2), /malformed/],
    ['more than 256 KiB', { body: `"${'x'.repeat(300_000)}"` }, /more than 262144 bytes/],
  ])('and answers with %s: nobody knows, so nobody is let in', async (_, given, message) => {
    answer = () => given
    const bench = await open()
    await expect(bench.send(bearer(good))).rejects.toThrow(message)
    // It is left alone for a moment.
    await expect(bench.send(bearer(good))).rejects.toThrow(message)
    expect(asked).toEqual(['/keys'])
  })

  test('and does not answer', async () => {
    answer = () => ({ hang: true })
    await expect((await open()).send(bearer(good))).rejects.toThrow('issuer.test did not answer within 2000 ms')
  })

  test('is not asked for a token that cannot be good', async () => {
    const bench = await open()
    for (const text of ['x', hs256(pem), `${b64({ alg: 'none' })}.${body}.`]) await bench.send(bearer(text))
    expect(asked).toEqual([])
  })

  test('is asked again for a key that is new, and not at once for every key that does not exist', async () => {
    answer = () => set(keys[0])
    const bench = await open()
    const late = bearer(token({ ...RS256, kid: 'two' }, claims, two.privateKey))
    const reason = async (request: Sent) => {
      const { reply } = await bench.send(request)
      return reply?.kind === 'refusal' ? reply.reason : 'pass'
    }
    expect(await reason(late)).toBe('unknown-key')
    expect(asked.length).toBe(1)
    bench.now += 31_000
    answer = () => set(...keys)
    expect(await reason(late)).toBe('pass')
    for (let i = 0; i < 50; i++) expect(await reason(bearer(token({ ...RS256, kid: `made-up-${i}` })))).toBe('unknown-key')
    expect(asked.length).toBe(2)
  })

  test('is away: its keys stay good for an hour, and no longer', async () => {
    answer = () => set(...keys)
    const bench = await open()
    const lasting = bearer(token(RS256, { ...claims, exp: SECONDS + 86_400 }))
    await bench.send(lasting)
    answer = () => ({ status: 500 })
    bench.now += 59 * 60_000
    expect((await bench.send(lasting)).reply).toBeUndefined()
    bench.now += 2 * 60_000
    await expect(bench.send(lasting)).rejects.toThrow('answered 500')
    answer = () => set(...keys)
    bench.now += 6000
    expect((await bench.send(lasting)).reply).toBeUndefined()
  })

  test('has taken a key back: its tokens are refused after ten minutes', async () => {
    answer = () => set(...keys)
    const bench = await open()
    const lasting = bearer(token(RS256, { ...claims, exp: SECONDS + 86_400 }))
    await bench.send(lasting)
    answer = () => set(keys[1])
    bench.now += 10 * 60_000
    expect((await bench.send(lasting)).reply).toMatchObject({ reason: 'unknown-key' })
  })
})

describe('what the operator is told of a refused token', () => {
  test.each<[string, Sent, string[]]>([
    ['nothing sent', {}, ['missing-authorization']],
    ['no token', bearer('x'), ['malformed-token']],
    ['a good one', bearer(good), []],
    ['much at once', bearer(token(RS256, { iss: 'x', aud: 'y', exp: 1 })), ['wrong-issuer', 'wrong-audience', 'expired']],
    ['HS256', bearer(hs256(pem)), ['algorithm-not-allowed']],
    ['an unknown key', bearer(token({ ...RS256, kid: 'x' })), ['unknown-key']],
    ['of tomorrow', bearer(token(RS256, { ...claims, nbf: SECONDS + 86_400 })), ['not-yet-valid']],
  ])('%s', async (_, request, codes) => {
    const bench = await harness(plugin, settings, { now: NOW })
    const { exchange } = await bench.send(request)
    const found = await plugin.diagnose?.({ ...settings, algorithms: ['RS256', 'ES256'], clockTolerance: 60_000 }, exchange, {
      now: () => NOW,
      publicUrl: undefined,
      webhook: 'test',
    })
    expect(found?.map(({ code }) => code)).toEqual(codes)
  })
})

test('what it signs it lets in', async () => {
  const privateKey = two.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
  const draft: Draft = { method: 'POST', url: new URL('https://hooks.example.com/orders'), headers: new Headers(), body: new Uint8Array() }
  const decoded = { ...settings, algorithms: ['RS256' as const, 'ES256' as const], clockTolerance: 60_000, claims: { tier: 'a' } }
  expect(await plugin.sign?.(decoded, draft, { webhook: 'test', publicUrl: undefined, now: () => NOW, privateKey })).toBeUndefined()
  const bench = await harness(plugin, { ...settings, claims: { tier: 'a' } }, { now: NOW })
  expect((await bench.send({ headers: draft.headers })).reply).toBeUndefined()
  expect(await plugin.sign?.(decoded, draft, { webhook: 'test', publicUrl: undefined, now: () => NOW })).toMatch(/give the private key/)
})

test('keeps the contract', async () => {
  const push = { preset: 'google-pubsub', audience: AUDIENCE, keys, claims: { email: 'a@b.test' } }
  const google = token(RS256, { ...claims, iss: 'accounts.google.com', email: 'a@b.test', email_verified: true })
  const examples = [
    { now: NOW, settings, request: bearer(good), expect: 'pass' },
    { now: NOW, settings, request: bearer(`${good}x`), expect: 'UNAUTHORIZED' },
    { now: NOW, settings: push, request: { ...bearer(google), body: { message: { messageId: '1' } } }, expect: 'pass' },
    { now: NOW, settings: { issuer: ISSUER, audience: AUDIENCE }, request: {}, expect: 'UNAUTHORIZED' },
  ]
  expect(await conformance(plugin, examples)).toEqual([])
})
