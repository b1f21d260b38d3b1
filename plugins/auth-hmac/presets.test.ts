import { describe, expect, test } from 'bun:test'
import { createHmac, generateKeyPairSync, sign } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import fc from 'fast-check'
import { signedAt } from '#core/plugin.ts'
import { conformance, harness, type Sent } from '#core/testing.ts'
import replayWindow from '../replay-window/index.ts'
import authHmac from './index.ts'
import { presets } from './presets/index.ts'
import { resolve, signsTime } from './scheme.ts'
import vectors from './vectors.json' with { type: 'json' }

const NOW = 1_768_478_400
const KEY = 'a-signing-key-of-some-length'

/** What a chain of `auth-hmac` and, where it has something to judge, `replay-window` makes of a request. */
async function verdict(settings: Record<string, unknown>, request: Sent, around: { now?: number; publicUrl?: string } = {}) {
  const surroundings = { ...around, now: (around.now ?? NOW) * 1000 }
  const first = await (await harness(authHmac, settings, surroundings)).send(request)
  const signed = first.exchange.get(signedAt)
  const last =
    first.reply || !signed ? first : await (await harness(replayWindow, {}, surroundings)).send({ slots: { 'signed-at': signed } })
  if (!last.reply) return 'valid'
  expect(last.reply).toMatchObject({ kind: 'refusal', code: 'UNAUTHORIZED', status: 401 })
  return last.reply.kind === 'refusal' ? last.reply.reason : 'no refusal'
}

const word = (reason: string | undefined) => `invalid:${reason?.split(':')[0]}`.replace('invalid:valid', 'valid')

describe("the vectors of the providers' own libraries", () => {
  for (const vector of vectors as any[]) {
    test(vector.id, async () => {
      const url = new URL(vector.url)
      const settings = { preset: vector.provider, secrets: vector.secrets ?? [vector.secret] }
      const request = { method: vector.method, path: url.pathname, query: url.search, headers: vector.headers, body: vector.body }
      expect(word(await verdict(settings, request, { now: vector.now, publicUrl: url.origin }))).toBe(vector.expect)
    })
  }
})

/** Signs as a sender of this preset would, by the words of its data alone. */
function signAs(preset: string, { body = '{"id":1}', time = NOW, key = KEY } = {}) {
  const scheme = resolve({ preset, secrets: [] })!
  const headers: Record<string, string> = { 'x-delivery': '1', ...scheme.require }
  let json: any = { hello: 'world', webhookTimestamp: time * 1000, signature: { timestamp: String(time), token: 'tok' } }
  if (scheme.jsonFormField) json = { event: { event_time: String(time), event_type: 'signed' } }
  if (scheme.id) headers[scheme.id.slice(7)] = 'msg_1'
  const stamp = { unix: String(time), unix_ms: String(time * 1000), rfc3339: new Date(time * 1000).toISOString() }
  const timestamp = scheme.timestamp && stamp[scheme.timestamp.format]
  const named = scheme.timestamp?.from?.startsWith('sig:')
    ? `${scheme.timestamp.from.slice(4)}${scheme.signature.kv}${timestamp}${scheme.signature.list}`
    : ''
  if (scheme.timestamp?.from?.startsWith('header:')) headers[scheme.timestamp.from.slice(7)] = timestamp!
  if (scheme.timestamp?.from?.startsWith('json:') || scheme.jsonFormField) body = JSON.stringify(json)
  const parts: Record<string, string> = {
    body,
    timestamp: timestamp ?? '',
    method: 'POST',
    url: 'https://gw.example.com/webhooks/test?a=1',
  }
  const signed = scheme.signed.replace(/\{([^}]*)\}/g, (_, token: string) => {
    if (token.startsWith('header:')) return headers[token.slice(7)]!
    if (token.startsWith('json:'))
      return token
        .slice(5)
        .split('.')
        .reduce((at, key) => at[key], json)
    return parts[token]!
  })
  const raw = { utf8: key, hex: Buffer.from(key).toString('hex'), base64: Buffer.from(key).toString('base64') }
  let secret = scheme.secret.stripPrefix + raw[scheme.secret.encoding]
  let signature: string
  if (scheme.kind === 'hmac') signature = createHmac(scheme.algorithm, key).update(signed).digest(scheme.encoding)
  else {
    const pair = scheme.kind === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const spki = pair.publicKey.export({ format: 'der', type: 'spki' })
    secret = scheme.secret.stripPrefix + (scheme.kind === 'ed25519' ? spki.subarray(12) : spki).toString(scheme.secret.encoding as 'hex')
    signature = sign(scheme.kind === 'ed25519' ? null : 'sha256', Buffer.from(signed), pair.privateKey).toString(scheme.encoding)
  }
  const value = `${named}${scheme.signature.kv ? scheme.signature.key! + scheme.signature.kv : (scheme.signature.prefix ?? '')}${signature}`
  const from = scheme.signature.from[0]!
  if (from.startsWith('header:')) headers[from.slice(7)] = value
  else {
    json[from.split('.')[0]!.slice(5)][from.split('.')[1]!] = value
    body = JSON.stringify(json)
  }
  if (scheme.jsonFormField) {
    headers['content-type'] = 'application/x-www-form-urlencoded'
    body = new URLSearchParams({ [scheme.jsonFormField]: body }).toString()
  }
  const request: Sent = { query: 'a=1', headers, body }
  return { settings: { preset, secrets: [secret] }, request, around: { publicUrl: 'https://gw.example.com' } }
}

test('a timestamp that nobody signs is not handed on', async () => {
  const { settings, request } = signAs('sentry')
  const headers = { ...(request.headers as Record<string, string>), 'sentry-hook-timestamp': String(NOW) }
  const bench = await harness(authHmac, { ...settings, timestamp: { from: 'header:sentry-hook-timestamp' } })
  const { reply, exchange } = await bench.send({ ...request, headers })
  expect(reply).toBeUndefined()
  expect(exchange.get(signedAt)).toBeUndefined()
})

describe('every preset', () => {
  for (const preset of presets.keys()) {
    test(preset, async () => {
      const { settings, request, around } = signAs(preset)
      expect(await verdict(settings, request, around)).toBe('valid')
      const other = resolve(settings)?.kind === 'hmac' ? KEY.replace('a', 'b') : undefined
      if (other) expect(await verdict(signAs(preset, { key: other }).settings, request, around)).toBe('signature-mismatch')
      if (!resolve(settings)!.signed.includes('{body}')) return
      expect(await verdict(settings, { ...request, body: `${request.body} ` }, around)).toBe('signature-mismatch')
    })
  }
})

test('no request makes a step throw', async () => {
  const letters = fc.string({ unit: fc.constantFrom(...'0aF=,; v1t:+/-TZ', '\u00ff', '\u00a0'), maxLength: 90 })
  const value = fc.oneof(letters, fc.constantFrom('1768478400', '2026-01-15T12:00:00Z', 'msg_1', '1', 'HmacSHA256'))
  const body = fc.oneof(fc.json(), fc.uint8Array(), letters)
  for (const preset of presets.keys()) {
    const { settings, request, around } = signAs(preset)
    const bench = await harness(authHmac, settings, around)
    const names = Object.keys(request.headers as object)
    const bad = fc.record({ headers: fc.record(Object.fromEntries(names.map(name => [name, value]))), body })
    await fc.assert(
      fc.asyncProperty(bad, async sent => expect((await bench.send(sent)).reply).toMatchObject({ code: 'UNAUTHORIZED' })),
      { numRuns: 50 },
    )
  }
})

test('the time in a signed body is not looked for in the query', async () => {
  const { settings, request } = signAs('linear', { time: NOW - 3600 })
  expect(await verdict(settings, request)).toStartWith('timestamp-too-old')
  const smuggled = { ...request, method: 'GET', query: { webhookTimestamp: String(NOW * 1000) } }
  expect(await verdict(settings, smuggled)).toStartWith('timestamp-too-old')
})

test('carries the tolerance of the scheme, unless the settings say otherwise', async () => {
  const { settings, request } = signAs('paddle')
  const rows: [Record<string, unknown>, object][] = [
    [{}, { time: NOW * 1000, tolerance: 5000, future: 5000 }],
    [{ timestamp: { tolerance: '1m' } }, { time: NOW * 1000, tolerance: 60_000, future: 60_000 }],
    [{ timestamp: { future: '1s' } }, { time: NOW * 1000, tolerance: 5000, future: 1000 }],
  ]
  for (const [more, wanted] of rows) {
    const { exchange } = await (await harness(authHmac, { ...settings, ...more })).send(request)
    expect<unknown>(exchange.get(signedAt)).toEqual(wanted)
  }
})

test('is not given for a wrong signature', async () => {
  const { settings, request } = signAs('stripe')
  const { exchange } = await (await harness(authHmac, settings)).send({ ...request, body: '[]' })
  expect(exchange.get(signedAt)).toBeUndefined()
})

test('the README tells which presets sign the time', async () => {
  const readme = await readFile(new URL('./README.md', import.meta.url), 'utf8')
  const listed = (start: string) =>
    [
      ...readme
        .split(start)[1]!
        .split('\n\n')[0]!
        .matchAll(/`([a-z0-9-]+)`[,.]/g),
    ].map(m => m[1]!)
  const signed = [...presets.keys()].filter(preset => signsTime(resolve({ preset, secrets: [] })!))
  expect(listed('`replay-window` works:')).toEqual(signed)
  expect(listed('They are:')).toEqual([...presets.keys()].filter(preset => !signed.includes(preset)))
})

test('keeps the contract', async () => {
  const passing = [...presets.keys()].map(preset => ({ ...signAs(preset), expect: 'pass' }))
  const examples = passing.map(({ around, ...example }) => ({ ...example, ...around }))
  const settings = {
    secrets: [KEY],
    signature: { from: 'header:x-sig' },
    signed: '{form:sorted}{header:x-id}{json:a}',
    require: { 'x-version': '1' },
  }
  const refused = { settings, request: { headers: { 'x-sig': '0'.repeat(64), 'x-version': '1' }, body: '{}' }, expect: 'UNAUTHORIZED' }
  expect(await conformance(authHmac, [...examples, refused])).toEqual([])
})
