/** Each way in of the canaries' gateway: a request with the right credential, and one with a wrong one. */
import { createHash, createHmac, sign as signBytes } from 'node:crypto'
import { SignJWT } from 'jose'
import type { AnyPlugin, Draft } from '#core/plugin.ts'
import adyen from '#plugins/auth-adyen/index.ts'
import twilio from '#plugins/auth-twilio/index.ts'
import { signature } from '../hostile/fixture.ts'
import { type Name, type Pairs, PUBLIC, type Secrets, TOPIC } from './world.ts'

export interface Way {
  /** What goes through it. */
  secrets: readonly Name[]
  path: string
  init: RequestInit
  status: number
}

const JSON_TYPE = { 'content-type': 'application/json' }
const BODY = '{"a":{"b":1}}'
const basic = (user: string, password: string) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`

async function signed(plugin: AnyPlugin, settings: object, path: string, body: string, type: string): Promise<RequestInit> {
  const draft: Draft = {
    method: 'POST',
    url: new URL(PUBLIC + path),
    headers: new Headers({ 'content-type': type }),
    body: new TextEncoder().encode(body),
  }
  const fault = await plugin.sign?.(settings, draft, { webhook: 'x', publicUrl: PUBLIC, now: Date.now })
  if (fault !== undefined) throw new Error(fault)
  return { headers: Object.fromEntries(draft.headers), body: new TextDecoder().decode(draft.body) }
}

/** A token of an issuer; it is as good as a credential until it ends. */
async function token(key: Pairs['issuer'], claims: Record<string, unknown>): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid: 'one', typ: 'JWT' }).setIssuedAt().sign(key.privateKey)
}

function notification({ amazon }: Pairs, topic: string): string {
  const fields: Record<string, string> = {
    Type: 'Notification',
    MessageId: '22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324',
    TopicArn: topic,
    Message: '{"id":1}',
    Timestamp: new Date().toISOString(),
    SignatureVersion: '2',
    SigningCertURL: `https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-${'0a'.repeat(16)}.pem`,
  }
  const text = ['Message', 'MessageId', 'Timestamp', 'TopicArn', 'Type'].map(name => `${name}\n${fields[name]}\n`).join('')
  return JSON.stringify({ ...fields, Signature: signBytes('sha256', Buffer.from(text), amazon.key).toString('base64') })
}

/** `tokens` are the secrets that are made on the way: they are canaries, too. */
export async function ways(secrets: Secrets, keys: Pairs, tokens: Record<string, string>): Promise<Way[]> {
  const post = (headers: Record<string, string>, body = BODY): RequestInit => ({ headers: { ...JSON_TYPE, ...headers }, body })
  const bearer = (key: string) => post({ authorization: `Bearer ${key}` })
  const item = { pspReference: 'p', merchantAccountCode: 'm', merchantReference: 'r', amount: { value: 1, currency: 'EUR' } }
  const adyenBody = (more: object) =>
    JSON.stringify({ notificationItems: [{ NotificationRequestItem: { ...item, eventCode: 'AUTHORISATION', success: 'true', ...more } }] })
  const graph = (state: string) => JSON.stringify({ changed: 1, value: [{ subscriptionId: 's', clientState: state, resource: 'r' }] })
  const plaid = (body: string) => token(keys.plaid, { request_body_sha256: createHash('sha256').update(body).digest('hex') })
  const claims = { iss: 'https://issuer.test', sub: 'one', exp: Math.floor(Date.now() / 1000) + 300 }
  const [jwt, jwtWrong] = await Promise.all(['us', 'them'].map(aud => token(keys.issuer, { ...claims, aud })))
  // Two tokens of one issuer begin alike. Those of Plaid are signatures, each good for one body alone.
  const endOf = (text = '') => text.slice(text.lastIndexOf('.') + 1)
  Object.assign(tokens, { JWT: endOf(jwt), JWT_WRONG: endOf(jwtWrong) })
  const svix = (secret: string) => {
    const [id, time] = ['msg_1', `${Math.floor(Date.now() / 1000)}`]
    const mac = createHmac('sha256', Buffer.from(secret, 'base64')).update(`${id}.${time}.${BODY}`).digest('base64')
    return post({ 'svix-id': id, 'svix-timestamp': time, 'svix-signature': `v1,${mac}` })
  }
  const hub = (secret: string) => `hub.mode=subscribe&hub.challenge=1&hub.verify_token=${secret}`
  const sns = (topic: string): RequestInit => ({
    headers: {
      'content-type': 'text/plain',
      'x-amz-sns-message-type': 'Notification',
      authorization: basic('amazon', secrets.SNS_BASIC),
    },
    body: notification(keys, topic),
  })
  const form = 'application/x-www-form-urlencoded'
  const url = encodeURIComponent
  const get: RequestInit = { method: 'GET', body: null }

  const rows: [secrets: Name | readonly Name[], path: string, init: RequestInit, status?: number][] = [
    ...(['BEARER_1', 'BEARER_2', 'BEARER_3'] as const).map((name): [Name, string, RequestInit] => [name, '/bearer', bearer(secrets[name])]),
    ['WRONG_BEARER', '/bearer', bearer(secrets.WRONG_BEARER), 401],
    ['HMAC_1', '/hmac', post(signature(BODY, Date.now(), secrets.HMAC_1))],
    ['HMAC_2', '/hmac', post(signature(BODY, Date.now(), secrets.HMAC_2))],
    ['WRONG_HEADER', '/hmac', post(signature(BODY, Date.now(), secrets.WRONG_HEADER)), 401],
    ['HMAC_64', '/svix', svix(secrets.HMAC_64)],
    ['HMAC_64', '/svix', svix(Buffer.from(secrets.WRONG_HEADER).toString('base64')), 401],
    ['HEADER_1', '/header', post({ 'x-secret': secrets.HEADER_1 })],
    ['HEADER_2', '/header', post({ 'x-secret': secrets.HEADER_2 })],
    ['WRONG_HEADER', '/header', post({ 'x-secret': secrets.WRONG_HEADER }), 401],
    ['PREFIXED', '/prefixed', post({ 'x-key': `Key ${secrets.PREFIXED}` })],
    ['WRONG_HEADER', '/prefixed', post({ 'x-key': `Key ${secrets.WRONG_HEADER}` }), 401],
    ['QUERY_1', `/query?key=${url(secrets.QUERY_1)}`, post({})],
    ['QUERY_2', `/query?key=${url(secrets.QUERY_2)}`, post({})],
    ['WRONG_QUERY', `/query?key=${url(secrets.WRONG_QUERY)}`, post({}), 401],
    ['BASIC_1', '/basic', post({ authorization: basic('one', secrets.BASIC_1) })],
    ['BASIC_2', '/basic', post({ authorization: basic('second', secrets.BASIC_2) })],
    ['WRONG_BASIC', '/basic', post({ authorization: basic('one', secrets.WRONG_BASIC) }), 401],
    [[], '/jwt', bearer(`${jwt}`)],
    [[], '/jwt', bearer(`${jwtWrong}`), 401],
    ['PLAID', '/plaid', post({ 'plaid-verification': await plaid(BODY) })],
    ['PLAID', '/plaid', post({ 'plaid-verification': await plaid(`${BODY} `) }), 401],
    ['SNS_BASIC', '/sns', sns(TOPIC)],
    ['SNS_BASIC', '/sns', sns(`${TOPIC}s`), 401],
    ['TWILIO', '/twilio', await signed(twilio, { tokens: [secrets.TWILIO] }, '/twilio', 'From=1&Body=x', form)],
    ['WRONG_HEADER', '/twilio', await signed(twilio, { tokens: [secrets.WRONG_HEADER] }, '/twilio', 'From=1&Body=x', form), 401],
    ['ADYEN', '/adyen', await signed(adyen, { keys: [secrets.ADYEN] }, '/adyen', adyenBody({}), 'application/json')],
    ['ADYEN', '/adyen', post({}, adyenBody({ additionalData: { hmacSignature: `${'A'.repeat(43)}=` } })), 401],
    ['GRAPH', '/graph', post({}, graph(secrets.GRAPH))],
    ['GRAPH', '/graph', post({}, graph('another')), 401],
    ['META', `/meta?${hub(secrets.META)}`, get, 200],
    ['WRONG_TOKEN', `/meta?${hub(secrets.WRONG_TOKEN)}`, get, 403],
    ['CRC', '/crc?crc_token=abc', get, 200],
    ['ANY_1', '/any', bearer(secrets.ANY_1)],
    ['ANY_2', '/any', post({ authorization: basic('any', secrets.ANY_2) })],
    ['ANY_3', '/any', post(signature(BODY, Date.now(), secrets.ANY_3))],
    ['WRONG_BASIC', '/any', post({ authorization: basic('any', secrets.WRONG_BASIC) }), 401],
    ['STORED_1', '/stored', bearer(secrets.STORED_1)],
    ['STORED_2', '/stored', bearer(secrets.STORED_2), 401],
    ['STORED_3', '/gate', post({ 'x-gate': secrets.STORED_3 })],
    ['WRONG_HEADER', '/gate', post({ 'x-gate': secrets.WRONG_HEADER }), 401],
    ['BOOM', '/boom', post({}), 500],
    ['MURMUR', '/murmur', post({})],
    ['WRONG_TOKEN', `/token/${secrets.WRONG_TOKEN}`, post({}), 404],
  ]
  return rows.map(([names, path, init, status = 201]) => ({
    secrets: typeof names === 'string' ? [names] : names,
    path,
    init: { method: 'POST', ...init },
    status,
  }))
}

/** Where credentials do not belong: headers of proxies and of other names, hex, base64, the path of a link. */
export function strays(secrets: Secrets): { path: string; init: RequestInit }[] {
  const { BEARER_1, BASIC_2, HMAC_2, FORWARDED, PROXY, COOKIE, QUERY_2 } = secrets
  const bytes = (text: string) => Buffer.from(text)
  const headers: Record<string, string>[] = [
    { 'x-forwarded-authorization': basic('user', FORWARDED) },
    { 'x-forwarded-authorization': `Bearer ${FORWARDED}` },
    { 'x-original-auth': basic('someone', FORWARDED) },
    { 'x-upstream': `Bearer ${FORWARDED}` },
    { 'x-client-credential': FORWARDED },
    { 'proxy-authorization': basic('user', PROXY) },
    { cookie: `session=${COOKIE}; theme=dark` },
    { 'x-note': bytes(BEARER_1).toString('base64') },
    { 'x-note': bytes(`{"user":"a","pass":"${BASIC_2}"}`).toString('base64url') },
    { 'x-note': bytes(`ab${HMAC_2}c`).toString('base64') },
    { 'x-note': bytes(BEARER_1).toString('hex').toUpperCase() },
    { referer: `https://x.example/?${new URLSearchParams({ key: QUERY_2 })}` },
  ]
  const queries = [
    bytes(BEARER_1).toString('hex'),
    bytes(HMAC_2).toString('base64url'),
    encodeURIComponent(bytes(`u:${BASIC_2}`).toString('base64')),
    bytes(BASIC_2).toString('hex').toUpperCase(),
    encodeURIComponent(HMAC_2),
    // Every character percent-encoded.
    bytes(BEARER_1).toString('hex').replace(/../g, '%$&'),
  ]
  const body = [
    JSON.stringify({ a: HMAC_2, b: BASIC_2 }),
    JSON.stringify({ a: bytes(`x:${HMAC_2}`).toString('base64'), b: bytes(BASIC_2).toString('hex') }),
    new URLSearchParams({ a: QUERY_2, b: HMAC_2 }).toString(),
  ]
  const wrong = { authorization: 'Bearer wrong-and-harmless' }
  return [
    ...headers.map(more => ({ path: '/bearer', init: { headers: { ...JSON_TYPE, ...wrong, ...more }, body: '{}' } })),
    ...headers.map(more => ({ path: '/basic', init: { headers: { ...JSON_TYPE, ...more }, body: '{}' } })),
    ...queries.map(query => ({ path: `/bearer?x=${query}`, init: { headers: { ...JSON_TYPE, ...wrong }, body: '{}' } })),
    ...body.map(text => ({ path: '/bearer', init: { headers: { ...JSON_TYPE, ...wrong }, body: text } })),
  ].map(({ path, init }) => ({ path, init: { method: 'POST', ...init } }))
}
