/** Senders with schemes of their own, through the whole gateway: Amazon SNS, Plaid, tokens of an issuer, and questions about the URL. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { createHash, createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import pg from 'pg'
import { available } from '../support/available.ts'
import { binary } from '../support/binary.ts'
import { freePort } from '../support/child.ts'
import { freshDatabase, postgres } from '../support/postgres.ts'
import { type Gateway, gateway, runtimes } from '../support/process.ts'

const SECRET = 'an-app-secret-0123456789'
const TOKEN = 'a-token-that-was-typed-in'
const TOPIC = 'arn:aws:sns:eu-west-1:123456789012:orders'

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const jwk = JSON.stringify({ ...publicKey.export({ format: 'jwk' }), kid: 'one' })

function configOf(certificate: string, nobody: number): string {
  const pem = JSON.stringify(certificate)
  return `version: 1
server: { port: "\${PORT}", host: 127.0.0.1, drainDelay: 0s, publicUrl: https://hooks.example.com }
store: { url: "\${DATABASE_URL}" }
webhooks:
  meta:
    path: /meta
    chain:
      - challenge: { preset: meta, verifyToken: ${TOKEN} }
      - auth-hmac: { secrets: [${SECRET}], preset: meta-whatsapp }
      - upsert: { entity: page }
  zoom:
    path: /zoom
    chain:
      - auth-hmac: { secrets: [${SECRET}], preset: zoom }
      - challenge: { preset: zoom, secret: ${SECRET} }
      - upsert: { entity: meeting }
  events:
    path: /events
    chain:
      - challenge: { preset: cloudevents, origins: [eventgrid.azure.net] }
      - auth-bearer: { keys: [${SECRET}] }
      - upsert: { entity: event }
  sns:
    path: /sns
    chain:
      - auth-sns: { topics: ["${TOPIC}"], certificates: [${pem}] }
      - replay-window
      - upsert: { entity: order, idField: MessageId }
  plaid:
    path: /plaid
    chain:
      - auth-plaid: { keys: [${jwk}] }
      - replay-window
      - upsert: { entity: item }
  jwt:
    path: /jwt
    chain:
      - auth-jwt: { issuer: https://issuer.test, audience: orders, keys: [${jwk}] }
      - upsert: { entity: order }
  away:
    path: /away
    chain:
      - auth-jwt: { issuer: https://issuer.test, audience: orders, jwks: "https://127.0.0.1:${nobody}/keys" }
      - upsert: { entity: order }
`
}

const b64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
function token(claims: object, key: KeyObject = privateKey): string {
  const input = `${b64({ alg: 'ES256', kid: 'one' })}.${b64(claims)}`
  return `${input}.${sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
}
const seconds = () => Math.floor(Date.now() / 1000)
const bearer = (more: object = {}) => ({
  authorization: `Bearer ${token({ iss: 'https://issuer.test', aud: 'orders', exp: seconds() + 60, ...more })}`,
})
const plaid = (body: string) => ({
  'plaid-verification': token({ iat: seconds(), request_body_sha256: createHash('sha256').update(body).digest('hex') }),
})
const zoom = (body: string) => {
  const time = String(seconds())
  return {
    'x-zm-request-timestamp': time,
    'x-zm-signature': `v0=${createHmac('sha256', SECRET).update(`v0:${time}:${body}`).digest('hex')}`,
  }
}
const question = JSON.stringify({ event: 'endpoint.url_validation', payload: { plainToken: 'qgg8vlvZ' } })
const signedByZoom = createHmac('sha256', SECRET).update('qgg8vlvZ').digest('hex')

function message(key: string, more: object = {}): string {
  const fields: Record<string, string> = {
    Message: '{"id":1}',
    MessageId: 'm1',
    Timestamp: new Date().toISOString(),
    TopicArn: TOPIC,
    Type: 'Notification',
  }
  const text = Object.entries(fields).map(([name, value]) => `${name}\n${value}\n`)
  return JSON.stringify({
    ...fields,
    SignatureVersion: '2',
    Signature: sign('sha256', Buffer.from(text.join('')), key).toString('base64'),
    SigningCertURL: `https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-${'0'.repeat(32)}.pem`,
    ...more,
  })
}
const ofAmazon = { 'content-type': 'text/plain; charset=UTF-8', 'x-amz-sns-message-type': 'Notification' }
const hub = (given: string) => `/meta?hub.mode=subscribe&hub.verify_token=${given}&hub.challenge=1158201444`

type Row = [
  name: string,
  method: string,
  path: string,
  headers: () => Record<string, string>,
  body: ((key: string) => string) | undefined,
  expected: string,
  written: number,
]
const none = () => ({})
const rows: Row[] = [
  ['Meta verifies the URL', 'GET', hub(TOKEN), none, undefined, '200 1158201444', 0],
  ['somebody else does', 'GET', hub('guess'), none, undefined, '403 CHALLENGE_REFUSED', 0],
  ['a GET that is no question', 'GET', '/meta?id=1', none, undefined, '405 METHOD_NOT_ALLOWED', 0],
  ['a delivery that is not signed', 'POST', hub(TOKEN), none, () => '{"id":1}', '401 UNAUTHORIZED', 0],
  [
    'Zoom validates the URL',
    'POST',
    '/zoom',
    () => zoom(question),
    () => question,
    `200 {"plainToken":"qgg8vlvZ","encryptedToken":"${signedByZoom}"}`,
    0,
  ],
  ['somebody else has a text signed', 'POST', '/zoom', none, () => question, '401 UNAUTHORIZED', 0],
  [
    'Azure asks for consent',
    'OPTIONS',
    '/events',
    () => ({ 'webhook-request-origin': 'eventgrid.azure.net' }),
    undefined,
    '200 eventgrid.azure.net',
    0,
  ],
  ['somebody else asks', 'OPTIONS', '/events', () => ({ 'webhook-request-origin': 'evil.test' }), undefined, '405 METHOD_NOT_ALLOWED', 0],
  ['a message of Amazon, as text/plain', 'POST', '/sns', () => ofAmazon, message, '201', 1],
  ['a changed one', 'POST', '/sns', () => ofAmazon, key => message(key, { Message: '{"id":2}' }), '401 UNAUTHORIZED', 0],
  ['a webhook of Plaid', 'POST', '/plaid', () => plaid('{"id":1}'), () => '{"id":1}', '201', 1],
  ['a changed one', 'POST', '/plaid', () => plaid('{"id":1}'), () => '{"id":2}', '401 UNAUTHORIZED', 0],
  ['a token', 'POST', '/jwt', () => bearer(), () => '{"id":1}', '201', 1],
  ['an expired token', 'POST', '/jwt', () => bearer({ exp: seconds() - 3600 }), () => '{"id":1}', '401 UNAUTHORIZED', 0],
  ['a token of an issuer that is away', 'POST', '/away', () => bearer(), () => '{"id":1}', '503 UNAVAILABLE', 0],
]

const onPostgres = await available('Postgres', postgres)

for (const runtime of runtimes) {
  onPostgres(`providers on ${runtime}`, () => {
    let served: Gateway
    let db: pg.Client
    let drop: () => Promise<void>
    let key = ''
    beforeAll(async () => {
      const openssl = await binary(['openssl'], () => [], 'openssl')
      const args = [
        'req',
        '-x509',
        '-newkey',
        'rsa:2048',
        '-nodes',
        '-keyout',
        '-',
        '-out',
        '-',
        '-days',
        '2',
        '-subj',
        '/CN=sns.amazonaws.com',
      ]
      const made = execFileSync(openssl, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
      const at = made.indexOf('-----BEGIN CERTIFICATE-----')
      key = made.slice(0, at)
      const database = await freshDatabase()
      drop = database.drop
      served = await gateway({ runtime, config: configOf(made.slice(at), await freePort()), env: { DATABASE_URL: database.url } })
      db = new pg.Client(database.url)
      await db.connect()
    })
    afterAll(async () => {
      await db?.end()
      await served?.stop()
      await drop?.()
    })
    const count = async () => Number((await db.query('select count(*) from records')).rows[0].count)

    test.each(rows)('%s', async (_, method, path, headers, body, expected, written) => {
      const before = await count()
      const response = await fetch(served.url + path, { method, headers: headers(), body: body?.(key) ?? null })
      const text = await response.text()
      const said = response.ok ? (response.headers.get('webhook-allowed-origin') ?? text) : JSON.parse(text).code
      expect(response.status === 201 ? '201' : `${response.status} ${said}`).toBe(expected)
      expect((await count()) - before).toBe(written)
    })
  })
}
