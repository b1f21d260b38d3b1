import { describe, expect, test } from 'bun:test'
import { generateKeyPairSync } from 'node:crypto'
import { type Draft, signedAt } from '#core/plugin.ts'
import { harness } from '#core/testing.ts'
import authHmac from './index.ts'
import { presets } from './presets/index.ts'
import { resolve, signsTime } from './scheme.ts'
import { sign } from './sign.ts'

const NOW = 1_768_478_400_123
const KEY = 'a-signing-key-of-some-length'
const publicUrl = 'https://gw.example.com'

const ed = generateKeyPairSync('ed25519')
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const pem = (pair: typeof ed | typeof ec) => pair.privateKey.export({ format: 'pem', type: 'pkcs8' }) as string

/** Settings of a preset with a secret in its own writing, and the private key where there is one. */
function prepared(settings: Record<string, unknown>) {
  const scheme = resolve({ secrets: [], ...settings })!
  const { encoding, stripPrefix } = scheme.secret
  if (scheme.kind === 'ed25519' || scheme.kind === 'ecdsa-p256') {
    const pair = scheme.kind === 'ed25519' ? ed : ec
    const spki = pair.publicKey.export({ format: 'der', type: 'spki' })
    const bytes = scheme.kind === 'ed25519' ? spki.subarray(12) : spki
    return { scheme, secret: stripPrefix + bytes.toString(encoding), privateKey: pem(pair) }
  }
  return { scheme, secret: stripPrefix + Buffer.from(KEY).toString(encoding), privateKey: undefined }
}

const draftOf = (body: unknown = { hello: 'wörld' }, headers: Record<string, string> = { 'content-type': 'application/json' }): Draft => ({
  method: 'POST',
  url: new URL(`${publicUrl}/webhooks/test?a=1&b=%C3%A9`),
  headers: new Headers(headers),
  body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
})

const signer = { webhook: 'test', publicUrl, now: () => NOW }

async function judged(settings: Record<string, unknown>, draft: Draft) {
  const bench = await harness(authHmac, settings, { publicUrl, now: NOW })
  const { pathname, search } = draft.url
  return bench.send({ method: draft.method, path: pathname, query: search.slice(1), headers: draft.headers, body: draft.body })
}

describe('what is signed is let in:', () => {
  test.each([...presets.keys()])('%s', async preset => {
    const { scheme, secret, privateKey } = prepared({ preset })
    const settings = { preset, secrets: ['', secret].filter(Boolean) }
    const draft = draftOf()
    expect(sign(settings, draft, { ...signer, ...(privateKey && { privateKey }) })).toBeUndefined()
    const { reply, exchange } = await judged(settings, draft)
    expect(reply).toBeUndefined()
    if (!signsTime(scheme)) return
    const unit = scheme.timestamp?.format === 'unix' ? 1000 : 1
    expect(exchange.get(signedAt)?.time).toBe(Math.floor(NOW / unit) * unit)
  })

  test.each<[string, Record<string, unknown>]>([
    ['a header that nobody else fills', { signature: { from: 'header:x-sig' }, signed: '{header:x-nonce}.{body}' }],
    ['a value of the body', { signature: { from: 'header:x-sig' }, signed: '{json:order.id}{json:order.created_time}' }],
    [
      'a pair of the signature',
      {
        signature: { from: 'header:x-sig', list: ',', kv: '=', key: 's' },
        timestamp: { from: 'sig:t' },
        signed: '{sig:n}{timestamp}{body}',
      },
    ],
    ['a sorted form', { signature: { from: 'header:x-sig' }, signed: '{url}{form:sorted}', algorithm: 'sha1', encoding: 'base64' }],
    ['a signature in the body', { signature: { from: 'json:meta.sig' }, timestamp: { from: 'json:meta.at' }, signed: '{timestamp}' }],
    ['a version', { signature: { from: 'header:x-sig' }, require: { 'x-sig-version': '2' } }],
    ['several places', { signature: { from: ['header:x-sig-1', 'header:x-sig-2'] } }],
  ])('settings with %s', async (_, more) => {
    const settings = { secrets: [KEY], ...more }
    const draft = draftOf()
    expect(sign(settings as never, draft, signer)).toBeUndefined()
    expect((await judged(settings, draft)).reply).toBeUndefined()
  })
})

test('what is in the body already stays, and its timestamp keeps its type', () => {
  const draft = draftOf({ webhookTimestamp: 1, action: 'create' })
  expect(sign({ preset: 'linear', secrets: [KEY] }, draft, signer)).toBeUndefined()
  expect(JSON.parse(Buffer.from(draft.body).toString())).toEqual({ webhookTimestamp: NOW, action: 'create' })
})

test('each signing has an id of its own, unless one is given', () => {
  const ids = [1, 2].map(() => {
    const draft = draftOf()
    sign({ preset: 'svix', secrets: ['whsec_c2lnbmluZy1rZXktb2Ytc29tZS1sZW5ndGg='] }, draft, signer)
    return draft.headers.get('svix-id')
  })
  expect(ids).toEqual([expect.stringMatching(/^msg_\w{20}$/), expect.stringMatching(/^msg_\w{20}$/)])
  expect(ids[0]).not.toBe(ids[1])
  const draft = draftOf('{}', { 'svix-id': 'msg_mine' })
  sign({ preset: 'svix', secrets: ['whsec_c2lnbmluZy1rZXktb2Ytc29tZS1sZW5ndGg='] }, draft, signer)
  expect(draft.headers.get('svix-id')).toBe('msg_mine')
})

test('a public URL with a path of its own, which a proxy takes away', async () => {
  const around = { publicUrl: `${publicUrl}/in`, now: NOW }
  const draft = { ...draftOf(), url: new URL(`${publicUrl}/in/webhooks/test`) }
  const settings = { preset: 'square', secrets: [KEY] }
  expect(sign(settings, draft, { ...signer, publicUrl: around.publicUrl })).toBeUndefined()
  const bench = await harness(authHmac, settings, around)
  expect((await bench.send({ path: '/webhooks/test', headers: draft.headers, body: draft.body })).reply).toBeUndefined()
})

describe('says why it cannot:', () => {
  const rows: [string, Record<string, unknown>, Partial<typeof signer & { privateKey: string }>, RegExp, string?][] = [
    ['no secret has a value', { preset: 'github', secrets: [''] }, {}, /none of the secrets/],
    ['no private key', { preset: 'discord', secrets: ['00'.repeat(32)] }, {}, /give an Ed25519 key as PKCS#8 PEM, --private-key/],
    ['no private key', { preset: 'sendgrid', secrets: ['AA=='] }, {}, /give a P-256 key/],
    ['a private key of another kind', { preset: 'discord', secrets: ['00'.repeat(32)] }, { privateKey: pem(ec) }, /is not an Ed25519 key/],
    ['what is no PEM', { preset: 'sendgrid', secrets: ['AA=='] }, { privateKey: 'secret-text' }, /is not a P-256 key/],
    ['no public URL', { preset: 'square', secrets: [KEY] }, { publicUrl: undefined as never }, /set server.publicUrl/],
    ['a body that is no object', { preset: 'mailgun', secrets: [KEY] }, {}, /no JSON object/, '[1]'],
    ['a signature within what it signs', { secrets: [KEY], signature: { from: 'json:sig' } }, {}, /no sender can make it/],
  ]
  test.each(rows)('%s', (...[, settings, more, wanted, body]) => {
    const fault = sign(settings as never, draftOf(body), { ...signer, ...more })
    expect(fault).toMatch(wanted)
    expect(fault).not.toContain('secret-text')
    expect(fault).not.toContain(KEY)
  })
})
