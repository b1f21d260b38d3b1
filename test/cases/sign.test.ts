/** `sign: true`: what each provider's scheme signs as its sender, the real chain lets in. */
import { beforeAll, expect, test } from 'bun:test'
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { stringify } from 'yaml'
import { cards } from '../../plugins/auth-hmac/cards.ts'
import { files, runJson, type Told } from './fixture.ts'

const ed25519 = generateKeyPairSync('ed25519')
const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const pem = (key: KeyObject) => key.export({ format: 'pem', type: 'pkcs8' }).toString()
const der = (key: KeyObject) => key.export({ format: 'der', type: 'spki' })
const jwk = { ...p256.publicKey.export({ format: 'jwk' }), kid: 'k1', alg: 'ES256', use: 'sig' }
const SECRET = 'signing-key-of-the-tests'

interface Row {
  chain: unknown[]
  json?: unknown
  /** Of the request, beside its body. */
  more?: Record<string, unknown>
  /** Of the webhook. */
  webhook?: Record<string, unknown>
}

/** The chain that `presets show` prints, with a key of the preset's make. */
function presetRow(name: string): Row {
  const { kind, chain, step, id } = cards.get(name)!
  const { secret = {} } = step['auth-hmac'] as { secret?: { encoding?: BufferEncoding; stripPrefix?: string } }
  const raw = kind === 'ed25519' ? der(ed25519.publicKey).subarray(-32) : kind === 'ecdsa-p256' ? der(p256.publicKey) : Buffer.from(SECRET)
  const key = (secret.stripPrefix ?? '') + raw.toString(secret.encoding ?? 'utf8')
  const payload = { id: 'evt-1', event_id: 'evt-1', note: 'naïve' }
  const isList = id?.startsWith('json:[]')
  return {
    chain: JSON.parse(JSON.stringify(chain).replace(/\$\{\w+\}/g, key)),
    json: name === 'dropbox-sign' ? { event: { event_time: '1', event_type: 'sent' } } : isList ? [payload] : payload,
    ...(kind === 'ed25519' && { more: { privateKey: pem(ed25519.privateKey) } }),
    ...(kind === 'ecdsa-p256' && { more: { privateKey: pem(p256.privateKey) } }),
    ...(isList && { webhook: { listAs: 'events' } }),
  }
}

const item = { pspReference: 'p', merchantAccountCode: 'T', amount: { value: 1130, currency: 'EUR' }, eventCode: 'REFUND', success: 'true' }
const jwt = { issuer: 'https://issuer.example.com/', audience: 'https://hooks.example.com', keys: [jwk] }
const FORM = { headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'Body=Hi+there&From=%2B1555' }

const rows: Record<string, Row> = {
  ...Object.fromEntries([...cards.keys()].map(name => [name, presetRow(name)])),
  'auth-twilio with JSON': { chain: [{ 'auth-twilio': { tokens: [SECRET] } }] },
  'auth-twilio with a form': { chain: [{ 'auth-twilio': { tokens: [SECRET] } }], json: undefined, more: FORM },
  'auth-adyen': {
    chain: [{ 'auth-adyen': { keys: [Buffer.from(SECRET).toString('hex')] } }, { idempotency: { from: 'preset' } }],
    json: { live: 'false', notificationItems: [{ NotificationRequestItem: item }] },
  },
  'auth-msgraph': {
    chain: [{ challenge: { preset: 'msgraph' } }, { 'auth-msgraph': { clientStates: [SECRET] } }],
    json: { value: [{ subscriptionId: 's', changeType: 'updated' }] },
  },
  'auth-basic': { chain: [{ 'auth-basic': { credentials: [{ user: 'shop', password: SECRET }] } }] },
  'auth-bearer': { chain: [{ 'auth-bearer': { keys: [SECRET] } }, { idempotency: { required: true } }] },
  'auth-shared-secret in a header': { chain: [{ 'auth-shared-secret': { header: 'Authorization', prefix: 'Key ', secrets: [SECRET] } }] },
  'auth-shared-secret in the query': { chain: [{ 'auth-shared-secret': { query: 'key', secrets: [SECRET] } }] },
  'auth-jwt': { chain: [{ 'auth-jwt': { ...jwt, claims: { tenant: 'a' }, maxAge: '5m' } }], more: { privateKey: pem(p256.privateKey) } },
  'auth-plaid': {
    chain: [{ 'auth-plaid': { clientId: 'c', secret: SECRET, keys: [jwk] } }, 'replay-window'],
    more: { privateKey: pem(p256.privateKey) },
  },
  'auth-any, by the first that can sign': {
    chain: [
      {
        'auth-any': {
          of: [
            { 'auth-hmac': { preset: 'discord', secrets: [der(ed25519.publicKey).subarray(-32).toString('hex')] } },
            { 'auth-bearer': { keys: [SECRET] } },
          ],
        },
      },
    ],
  },
}

const named = Object.entries(rows).map(([name, row]) => ({ name, id: name.replace(/\W+/g, '-'), ...row }))
let told: ReadonlyMap<string, Told>

beforeAll(async () => {
  const webhooks = Object.fromEntries(
    named.map(({ id, chain, webhook }) => [
      id,
      { path: `/${id}`, ...webhook, chain: chain.at(-1) === 'dispatch' ? chain : [...chain, 'dispatch'] },
    ]),
  )
  const cases = named.map(({ name, id, more, json = { id: 'evt-1' } }) => ({
    name,
    request: { webhook: id, sign: true, ...(more && 'body' in more ? {} : { json }), ...more },
    expect: { status: '2xx', events: 1 },
  }))
  const home = files({
    'signed.yaml': stringify(
      { version: 1, server: { publicUrl: 'https://hooks.example.com' }, webhooks },
      { aliasDuplicateObjects: false },
    ),
    'cases.yaml': stringify({ config: 'signed.yaml', cases }, { aliasDuplicateObjects: false }),
  })
  const ended = await runJson(home, ['cases.yaml'])
  if (ended.problems) throw new Error(ended.problems.join('\n'))
  told = ended.byName
}, 60_000)

test.each(named.map(({ name }) => name))('%s', name => {
  const { failures, notes } = told.get(name)!
  expect([failures, notes]).toEqual([[], []])
})
