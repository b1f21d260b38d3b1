/** What is like the signed requests of providers, and is none; with the good ones that they are made of. */
import { execFileSync } from 'node:child_process'
import { createHash, createHmac, createSign, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import type { Request } from '../hostile/requests.ts'
import { type Attempts, variations as all, each, prefixed } from './attempts.ts'

/** Secrets by the name of the variable that the configuration reads. */
export const secrets = {
  ANY_KEY: 'any-key-0123456789abcdef',
  ANY_SECRET: 'any-secret-0123456789abcdef',
  BASIC_PASSWORD: 'basic-password-0123456789',
  OTHER_PASSWORD: 'other-password-9876543210',
  STATIC_KEY: 'static-key-0123456789abcdef',
  TWILIO_TOKEN: '0123456789abcdef0123456789abcdef',
  ADYEN_KEY: '44782def547aaa06c910c43932b1eb0c71fc68d9d0c057550c48ec2acf6ba056',
  GRAPH_STATE: 'graph-state-0123456789abcdef',
  PLAID_SECRET: 'plaid-secret-0123456789abcdef',
}

const ORIGIN = 'https://gw.example.com'
const TOPIC = 'arn:aws:sns:eu-west-1:123456789012:orders'
const OTHER_TOPIC = 'arn:aws:sns:eu-west-1:123456789012:others'
const ISSUER = 'https://issuer.example/'
const AUDIENCE = 'https://gw.example.com/jwt'

interface Pair {
  key: string
  pem: string
}
/** Amazon's, and a stranger's. */
const selfMade = (openssl: string): Pair => {
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
    '30',
    '-subj',
    '/CN=sns.amazonaws.com',
  ]
  const text = execFileSync(openssl, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  const part = (label: string) => new RegExp(`-----BEGIN ${label}-----[\\s\\S]+?-----END ${label}-----\n`).exec(text)?.[0] as string
  return { key: part('PRIVATE KEY'), pem: part('CERTIFICATE') }
}
const elliptic = (kid: string) => {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return { kid, key: pair.privateKey, jwk: { ...pair.publicKey.export({ format: 'jwk' }), kid, alg: 'ES256', use: 'sig' } }
}

/** Keys of everybody, made once. */
export function keys(openssl: string) {
  return {
    amazon: selfMade(openssl),
    stranger: selfMade(openssl),
    issuer: elliptic('issuer-1'),
    plaid: elliptic('plaid-1'),
    thief: elliptic('issuer-1'),
  }
}
export type Keys = ReturnType<typeof keys>

export const config = ({ amazon, issuer, plaid }: Keys) => `
version: 1
server: { port: "\${PORT}", host: 127.0.0.1, drainDelay: 0s, publicUrl: ${ORIGIN}, trustedProxies: [127.0.0.1] }
store: { url: "\${DATABASE_URL}" }
admin: { port: "\${ADMIN_PORT}" }
webhooks:
  any:
    path: /any
    chain:
      - auth-any:
          of:
            - auth-hmac: { secrets: ["\${ANY_SECRET}"], preset: inspire }
            - auth-bearer: { keys: ["\${ANY_KEY}"] }
      - upsert: { entity: any }
      - dispatch
  basic:
    path: /basic
    chain: [{ auth-basic: { credentials: [{ user: shop, password: "\${BASIC_PASSWORD}" }, { user: other, password: "\${OTHER_PASSWORD}" }] } }, { upsert: { entity: basic } }, dispatch]
  jwt:
    path: /jwt
    chain: [{ auth-jwt: { issuer: "${ISSUER}", audience: "${AUDIENCE}", keys: [${JSON.stringify(issuer.jwk)}], claims: { email: push@example.com } } }, { upsert: { entity: jwt } }, dispatch]
  sns:
    path: /sns
    chain: [{ auth-sns: { topics: ["${TOPIC}"], certificates: [${JSON.stringify(amazon.pem)}], confirm: false } }, replay-window, { upsert: { entity: sns } }, dispatch]
  plaid:
    path: /plaid
    chain: [{ auth-plaid: { clientId: 5f1a0c2e, secret: "\${PLAID_SECRET}", keys: [${JSON.stringify({ ...plaid.jwk, created_at: 1_600_000_000, expired_at: null })}] } }, { upsert: { entity: plaid } }, dispatch]
  twilio:
    path: /twilio
    chain: [{ auth-twilio: { tokens: ["\${TWILIO_TOKEN}"] } }, { upsert: { entity: twilio } }, dispatch]
  adyen:
    path: /adyen
    chain: [{ auth-adyen: { keys: ["\${ADYEN_KEY}"] } }, { upsert: { entity: adyen } }, dispatch]
  graph:
    path: /graph
    chain: [{ auth-msgraph: { clientStates: ["\${GRAPH_STATE}"] } }, { upsert: { entity: graph } }, dispatch]
  address:
    path: /address
    chain: [{ ip-allow: { allow: [203.0.113.0/24, "2001:db8::/32"], deny: [203.0.113.66] } }, { upsert: { entity: address } }, dispatch]
  static:
    path: /static
    chain: [{ auth-hmac: { kind: static, from: "header:X-Static", prefix: "Key ", secrets: ["\${STATIC_KEY}"] } }, { upsert: { entity: static } }, dispatch]
`

/** Those that do vary: a text without an a has no Cyrillic one either. */
const variations = (good: string, others: readonly string[]) =>
  Object.fromEntries(Object.entries(all(good, others)).filter(([, value]) => value !== good))
/** The same of a signature or a signed token. Some of the last letters of base64 stand for the same bytes: those are no forgeries. */
const forged = (good: string, others: readonly string[]) => {
  const bytes = (text: string) => {
    const dot = text.lastIndexOf('.') + 1
    return text.slice(0, dot) + Buffer.from(text.slice(dot), 'base64').toString('hex')
  }
  return Object.fromEntries(Object.entries(variations(good, others)).filter(([, value]) => bytes(value) !== bytes(good)))
}
const others = (...own: (keyof typeof secrets)[]) =>
  Object.entries(secrets).flatMap(([name, value]) => (own.includes(name as keyof typeof secrets) ? [] : [value]))
const swap = (attempts: Attempts) =>
  // A header cannot carry every letter: those that cannot go are no attempts.
  Object.fromEntries(Object.entries(attempts).filter(([, { headers = [] }]) => headers.every(([, value]) => !/[\r\n\0]/.test(value))))
const base64 = (bytes: string | Uint8Array) => Buffer.from(bytes).toString('base64')
const url64 = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

/** Requests with one header that has the credential. */
function inHeader(
  path: string,
  name: string,
  good: string,
  more: { body?: string; others?: string[]; vary?: string; wrap?(value: string): string; forge?: typeof variations } = {},
): Attempts {
  const { body = '{"n":1}', vary = good, wrap = value => value } = more
  const at = (...values: string[]): Request => ({ path, body, headers: values.map(value => [name, value] as const) })
  return swap({
    'no header': at(),
    'an empty header': at(''),
    spaces: at('   '),
    'good and good': at(good, good),
    'good and bad': at(good, 'bad'),
    'bad and good': at('bad', good),
    'empty and good': at('', good),
    'in another header': { path, body, headers: [[`x-${name}`, good]] },
    'with an underscore in its name': { path, body, headers: [[`${name.replaceAll('-', '_')}_`, good]] },
    'in the query': { path: `${path}?${name}=${encodeURIComponent(good)}`, body },
    'in a cookie': { path, body, headers: [['cookie', `${name}=${good}`]] },
    'in the body': { path, body: JSON.stringify({ [name]: good }) },
    ...prefixed(
      'varied',
      each((more.forge ?? variations)(vary, more.others ?? []), value => at(wrap(value))),
    ),
  })
}

export function any(): Attempts {
  const at = (value: string) => `Bearer ${value}`
  const now = `${Math.floor(Date.now() / 1000)}`
  const body = '{"n":1}'
  const hex = (secret: string, message = `${now}.${body}`) => createHmac('sha256', secret).update(message).digest('hex')
  const signed = (signature: string, timestamp = now, sent = body, more: Request['headers'] = []): Request => ({
    path: '/any',
    body: sent,
    headers: [['x-webhook-timestamp', timestamp], ['x-webhook-signature', signature], ...more],
  })
  return {
    ...inHeader('/any', 'authorization', at(secrets.ANY_KEY), { others: others('ANY_KEY'), vary: secrets.ANY_KEY, wrap: at }),
    'a signature by the key of the other way': signed(`sha256=${hex(secrets.ANY_KEY)}`),
    'the secret of the other way as key': { path: '/any', body, headers: [['authorization', at(secrets.ANY_SECRET)]] },
    'another body': signed(`sha256=${hex(secrets.ANY_SECRET)}`, now, '{"n":2}'),
    'another time': signed(`sha256=${hex(secrets.ANY_SECRET)}`, `${Number(now) - 1}`),
    'half of each': signed('sha256=', now, body, [['authorization', 'Bearer ']]),
    'both wrong': signed(`sha256=${'0'.repeat(64)}`, now, body, [['authorization', 'Bearer wrong']]),
  }
}

export function basic(): Attempts {
  const of = (pair: string) => `Basic ${base64(pair)}`
  const good = `shop:${secrets.BASIC_PASSWORD}`
  const at = (value: string): Request => ({ path: '/basic', body: '{}', headers: [['authorization', value]] })
  return {
    ...inHeader('/basic', 'authorization', of(good), {
      others: others('BASIC_PASSWORD', 'OTHER_PASSWORD'),
      vary: secrets.BASIC_PASSWORD,
      wrap: v => of(`shop:${v}`),
    }),
    ...prefixed(
      'user',
      each(variations('shop', ['other']), name => at(of(`${name}:${secrets.BASIC_PASSWORD}`))),
    ),
    'the password of the other user': at(of(`shop:${secrets.OTHER_PASSWORD}`)),
    'no user': at(of(`:${secrets.BASIC_PASSWORD}`)),
    'no password': at(of('shop:')),
    'no colon': at(of(`shop${secrets.BASIC_PASSWORD}`)),
    'not encoded': at(`Basic ${good}`),
    'encoded twice': at(`Basic ${base64(base64(good))}`),
    'for URLs': at(`Basic ${Buffer.from(`${good}\u00ff?`).toString('base64url')}`),
    'no padding': at(of(good).replace(/=+$/, '') + (of(good).endsWith('=') ? '' : '=')),
    'with a line break inside': at(`Basic ${base64(good).slice(0, 8)} ${base64(good).slice(8)}`),
    'with a NUL': at(of(`${good}\0`)),
    Bearer: at(`Bearer ${secrets.BASIC_PASSWORD}`),
    'the scheme alone': at('Basic'),
    'both at once': at(`${of(good)}, ${of(`other:${secrets.OTHER_PASSWORD}`)}`),
  }
}

/** A token of JSON, signed as its header says or otherwise. */
export function token(header: object, claims: object, key: KeyObject | string, algorithm = 'sha256'): string {
  const signed = `${url64(header)}.${url64(claims)}`
  const bytes =
    typeof key === 'string'
      ? createHmac('sha256', key).update(signed).digest()
      : sign(algorithm, Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' })
  return `${signed}.${bytes.toString('base64url')}`
}

const claims = (now: number) => ({ iss: ISSUER, aud: AUDIENCE, sub: 'me', email: 'push@example.com', iat: now, exp: now + 300 })

export function jwt({ issuer, thief, plaid }: Keys): Attempts {
  const now = Math.floor(Date.now() / 1000)
  const header = { alg: 'ES256', typ: 'JWT', kid: issuer.kid }
  const good = token(header, claims(now), issuer.key)
  const [head = '', body = '', signature = ''] = good.split('.')
  const at = (value: string): Request => ({ path: '/jwt', body: '{}', headers: [['authorization', `Bearer ${value}`]] })
  const says = (more: object) => at(token(header, { ...claims(now), ...more }, issuer.key))
  const without = (name: string) =>
    at(token(header, Object.fromEntries(Object.entries(claims(now)).filter(([n]) => n !== name)), issuer.key))
  return {
    ...inHeader('/jwt', 'authorization', `Bearer ${good}`, { others: others(), vary: good, wrap: v => `Bearer ${v}`, forge: forged }),
    'signed by nobody': at(`${url64({ ...header, alg: 'none' })}.${body}.`),
    'signed by nobody, and says ES256': at(`${head}.${body}.`),
    'an algorithm of none in other letters': at(`${url64({ ...header, alg: 'NoNe' })}.${body}.`),
    'HS256 by the public key': at(token({ ...header, alg: 'HS256' }, claims(now), JSON.stringify(issuer.jwk))),
    'HS256 by an empty key': at(token({ ...header, alg: 'HS256' }, claims(now), '')),
    'by another key of the same name': at(token(header, claims(now), thief.key)),
    'by a key that it brings along': at(token({ ...header, jwk: thief.jwk }, claims(now), thief.key)),
    'by a key that it says where to find': at(token({ ...header, jku: 'https://thief.example/keys' }, claims(now), thief.key)),
    'by the key of another webhook': at(token({ ...header, kid: plaid.kid }, claims(now), plaid.key)),
    'of a key that nobody knows': at(token({ ...header, kid: 'issuer-2' }, claims(now), thief.key)),
    'a name of a key that is a path': at(token({ ...header, kid: '../../etc/passwd' }, claims(now), thief.key)),
    'with something critical': at(token({ ...header, crit: ['b64'], b64: false }, claims(now), issuer.key)),
    'claims of another, signature of this': at(`${head}.${url64({ ...claims(now), sub: 'you' })}.${signature}`),
    'half of the signature': at(`${head}.${body}.${signature.slice(0, 43)}`),
    'a signature of zeros': at(`${head}.${body}.${Buffer.alloc(64).toString('base64url')}`),
    'two parts': at(`${head}.${body}`),
    'four parts': at(`${good}.${signature}`),
    expired: says({ iat: now - 600, exp: now - 120 }),
    'of tomorrow': says({ nbf: now + 86_400 }),
    'issued tomorrow': says({ iat: now + 86_400, exp: now + 90_000 }),
    'that never ends': without('exp'),
    'that ends never, in words': says({ exp: 'never' }),
    'of another issuer': says({ iss: 'https://issuer.example' }),
    'of no issuer': without('iss'),
    'of a list of issuers': says({ iss: [ISSUER] }),
    'for somebody else': says({ aud: `${AUDIENCE}/other` }),
    'for nobody': without('aud'),
    'for an empty list': says({ aud: [] }),
    'of another address': says({ email: 'thief@example.com' }),
    'of no address': without('email'),
    'of a list of addresses': says({ email: ['push@example.com'] }),
    'of 100,000 letters': at(token(header, { ...claims(now), note: 'x'.repeat(9000) }, issuer.key)),
  }
}

export function goodJwt({ issuer }: Keys): Request {
  const now = Math.floor(Date.now() / 1000)
  const good = token({ alg: 'ES256', kid: issuer.kid }, claims(now), issuer.key)
  return { path: '/jwt', body: '{}', headers: [['authorization', `Bearer ${good}`]] }
}

type Fields = Record<string, unknown>
const HOST = 'https://sns.eu-west-1.amazonaws.com'
const notification = (time = Date.now()): Fields => ({
  Type: 'Notification',
  MessageId: '22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324',
  TopicArn: TOPIC,
  Subject: 'An order',
  Message: '{"id":1}',
  Timestamp: new Date(time).toISOString(),
  SignatureVersion: '2',
  SigningCertURL: `${HOST}/SimpleNotificationService-${'0a'.repeat(16)}.pem`,
})
/** As Amazon writes down what it signs. */
const amazons = (fields: Fields) =>
  ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type']
    .map(name => (name in fields ? `${name}\n${fields[name]}\n` : ''))
    .join('')
const signedBy = (fields: Fields, { key }: Pair, hash = 'RSA-SHA256'): Fields => ({
  ...fields,
  Signature: createSign(hash).update(amazons(fields)).sign(key, 'base64'),
})
const message = (fields: Fields, headers: Request['headers'] = []): Request => ({
  path: '/sns',
  body: JSON.stringify(fields),
  headers: [['content-type', 'text/plain; charset=UTF-8'], ['x-amz-sns-message-type', String(fields.Type)], ...headers],
})

export function sns({ amazon, stranger }: Keys): Attempts {
  const fields = notification()
  const good = signedBy(fields, amazon)
  // The signs that only fill base64 up may be missing: the bytes are the same.
  const bare = String(good.Signature).replace(/=+$/, '')
  const without = (name: string) => message(Object.fromEntries(Object.entries(good).filter(([n]) => n !== name)))
  const changed = (more: Fields) => message({ ...good, ...more })
  return {
    nothing: { path: '/sns', body: '{}' },
    'an empty body': { path: '/sns', body: '' },
    'no JSON': { path: '/sns', body: 'Notification' },
    'a list': { path: '/sns', body: JSON.stringify([good]) },
    ...prefixed('without', Object.fromEntries(Object.keys(good).map(name => [name, without(name)]))),
    ...prefixed(
      'empty',
      Object.fromEntries(
        Object.keys(good)
          .filter(name => name !== 'Type')
          .map(name => [name, changed({ [name]: '' })]),
      ),
    ),
    ...prefixed('a list in place of', Object.fromEntries(Object.keys(good).map(name => [name, changed({ [name]: [good[name]] })]))),
    ...prefixed(
      'a changed',
      Object.fromEntries(['Message', 'MessageId', 'Subject', 'TopicArn'].map(name => [name, changed({ [name]: `${good[name]}x` })])),
    ),
    ...prefixed(
      'signature',
      each(forged(bare, others()), value => changed({ Signature: value })),
    ),
    'by a stranger': message(signedBy(fields, stranger)),
    'by a stranger who says where his key is': message(
      signedBy({ ...fields, SigningCertURL: 'https://thief.example/SimpleNotificationService-0a.pem' }, stranger),
    ),
    'by SHA-1': message(signedBy({ ...fields, SignatureVersion: '1' }, amazon, 'RSA-SHA1')),
    'by SHA-256, and says 1': message(signedBy({ ...fields, SignatureVersion: '1' }, amazon)),
    'of another topic, well signed': message(signedBy({ ...fields, TopicArn: OTHER_TOPIC }, amazon)),
    'of a topic with something behind it': message(signedBy({ ...fields, TopicArn: `${TOPIC}\nType` }, amazon)),
    'of another type': message(good, [['x-amz-sns-message-type', 'SubscriptionConfirmation']]),
    'fields run into each other': message(
      signedBy({ ...fields, Subject: undefined, MessageId: `${fields.MessageId}\nSubject\nAn order` }, amazon),
    ),
    'of two hours ago': message(signedBy(notification(Date.now() - 7_200_000), amazon)),
    'of tomorrow': message(signedBy(notification(Date.now() + 86_400_000), amazon)),
    'as a form': {
      path: '/sns',
      body: new URLSearchParams(good as Record<string, string>).toString(),
      headers: [['content-type', 'application/x-www-form-urlencoded']],
    },
  }
}
export const goodSns = ({ amazon }: Keys) => message(signedBy(notification(), amazon))

const plaidBody = '{"webhook_type":"TRANSACTIONS"}'
const hashOf = (body: string) => createHash('sha256').update(body).digest('hex')

export function plaid({ plaid, thief, issuer }: Keys): Attempts {
  const now = Math.floor(Date.now() / 1000)
  const header = { alg: 'ES256', typ: 'JWT', kid: plaid.kid }
  const says = { iat: now, request_body_sha256: hashOf(plaidBody) }
  const good = token(header, says, plaid.key)
  const [head = '', body = '', signature = ''] = good.split('.')
  const at = (value: string, sent = plaidBody): Request => ({ path: '/plaid', body: sent, headers: [['plaid-verification', value]] })
  return {
    ...inHeader('/plaid', 'plaid-verification', good, { body: plaidBody, others: others(), forge: forged }),
    'another body': at(good, '{"webhook_type":"OTHER"}'),
    'a longer body': at(good, `${plaidBody} `),
    'an empty body': at(good, ''),
    'the hash of another body, signed': at(token(header, { ...says, request_body_sha256: hashOf('{}') }, plaid.key)),
    'no hash': at(token(header, { iat: now }, plaid.key)),
    'a hash that is a list': at(token(header, { ...says, request_body_sha256: [says.request_body_sha256] }, plaid.key)),
    'half of the hash': at(token(header, { ...says, request_body_sha256: says.request_body_sha256.slice(0, 32) }, plaid.key)),
    'no time': at(token(header, { request_body_sha256: says.request_body_sha256 }, plaid.key)),
    'a time in words': at(token(header, { ...says, iat: `${now}` }, plaid.key)),
    'of six minutes ago': at(token(header, { ...says, iat: now - 360 }, plaid.key)),
    'of six minutes ahead': at(token(header, { ...says, iat: now + 360 }, plaid.key)),
    'signed by nobody': at(`${url64({ ...header, alg: 'none' })}.${body}.`),
    'no signature': at(`${head}.${body}.`),
    'another signature': at(`${head}.${body}.${Buffer.alloc(64).toString('base64url')}`),
    'half of the signature': at(`${head}.${body}.${signature.slice(0, 43)}`),
    'HS256 by the public key': at(token({ ...header, alg: 'HS256' }, says, JSON.stringify(plaid.jwk))),
    'by a thief': at(token(header, says, thief.key)),
    'by a key that it brings along': at(token({ ...header, jwk: thief.jwk }, says, thief.key)),
    'by the key of another webhook': at(token({ ...header, kid: issuer.kid }, says, issuer.key)),
    'of a key that nobody knows': at(token({ ...header, kid: 'plaid-2' }, says, thief.key)),
    'as Bearer': { path: '/plaid', body: plaidBody, headers: [['authorization', `Bearer ${good}`]] },
  }
}
export function goodPlaid({ plaid }: Keys): Request {
  const says = { iat: Math.floor(Date.now() / 1000), request_body_sha256: hashOf(plaidBody) }
  return { path: '/plaid', body: plaidBody, headers: [['plaid-verification', token({ alg: 'ES256', kid: plaid.kid }, says, plaid.key)]] }
}

const form = { From: '+15550100', Body: 'hello' }
const twilios = (path: string, fields: Record<string, string>, key = secrets.TWILIO_TOKEN, hash = 'sha1') =>
  createHmac(hash, key)
    .update(
      `${ORIGIN}${path}${Object.keys(fields)
        .sort()
        .map(name => name + fields[name])
        .join('')}`,
    )
    .digest('base64')
const sms = (signature: string, path = '/twilio', fields: Record<string, string> = form): Request => ({
  path,
  body: new URLSearchParams(fields).toString(),
  headers: [
    ['content-type', 'application/x-www-form-urlencoded'],
    ['x-twilio-signature', signature],
  ],
})
export function twilio(): Attempts {
  const good = twilios('/twilio', form)
  const formed = (attempts: Attempts): Attempts =>
    Object.fromEntries(
      Object.entries(attempts).map(([name, request]) => [
        name,
        { ...request, headers: [['content-type', 'application/x-www-form-urlencoded'], ...(request.headers ?? [])] },
      ]),
    )
  return {
    ...formed(
      inHeader('/twilio', 'x-twilio-signature', good, { body: new URLSearchParams(form).toString(), others: others(), forge: forged }),
    ),
    'another field': sms(good, '/twilio', { ...form, Body: 'hello!' }),
    'a field more': sms(good, '/twilio', { ...form, To: '1' }),
    'a field less': sms(good, '/twilio', { From: form.From }),
    'a query that was not signed': sms(good, '/twilio?a=1'),
    'a query, and a hash of the body that was not signed': sms(good, `/twilio?bodySHA256=${hashOf(new URLSearchParams(form).toString())}`),
    'the wrong hash of the body': sms(twilios(`/twilio?bodySHA256=${hashOf('other')}`, {}), `/twilio?bodySHA256=${hashOf('other')}`),
    'two hashes of the body': sms(
      twilios(`/twilio?bodySHA256=${hashOf('x')}&bodySHA256=${hashOf(new URLSearchParams(form).toString())}`, {}),
      `/twilio?bodySHA256=${hashOf('x')}&bodySHA256=${hashOf(new URLSearchParams(form).toString())}`,
    ),
    'another path': sms(twilios('/basic', form)),
    'the URL without the form': sms(twilios('/twilio', {})),
    'an empty token': sms(twilios('/twilio', form, '')),
    'SHA-256': sms(twilios('/twilio', form, secrets.TWILIO_TOKEN, 'sha256')),
    'the token of another webhook': sms(twilios('/twilio', form, secrets.ANY_KEY)),
    hex: sms(Buffer.from(good, 'base64').toString('hex')),
    'JSON, which the signature does not cover': {
      path: '/twilio',
      body: '{"a":1}',
      headers: [['x-twilio-signature', twilios('/twilio', {})]],
    },
  }
}
export const goodTwilio = () => sms(twilios('/twilio', form))

const item = {
  pspReference: '7914073381342284',
  originalReference: '',
  merchantAccountCode: 'Shop',
  merchantReference: 'order-1',
  amount: { value: 1130, currency: 'EUR' },
  eventCode: 'AUTHORISATION',
  success: 'true',
}
const adyens = (of: typeof item, key = secrets.ADYEN_KEY) => {
  const { pspReference, originalReference, merchantAccountCode, merchantReference, amount, eventCode, success } = of
  const text = [
    pspReference,
    originalReference,
    merchantAccountCode,
    merchantReference,
    amount.value,
    amount.currency,
    eventCode,
    success,
  ].join(':')
  return createHmac('sha256', Buffer.from(key, 'hex')).update(text).digest('base64')
}
const payments = (...items: unknown[]): Request => ({
  path: '/adyen',
  body: JSON.stringify({ live: 'false', notificationItems: items.map(NotificationRequestItem => ({ NotificationRequestItem })) }),
})
const signedItem = (of: typeof item, signature: unknown = adyens(of)) => ({ ...of, additionalData: { hmacSignature: signature } })
export function adyen(): Attempts {
  const good = adyens(item)
  return {
    nothing: { path: '/adyen', body: '{}' },
    'no items': payments(),
    'an item that is null': payments(null),
    'items that are no list': {
      path: '/adyen',
      body: JSON.stringify({ notificationItems: { 0: { NotificationRequestItem: signedItem(item) } } }),
    },
    'no signature': payments(item),
    'an empty signature': payments(signedItem(item, '')),
    'a signature that is a list': payments(signedItem(item, [good])),
    'a signature that is a number': payments(signedItem(item, 1)),
    ...prefixed(
      'signature',
      each(forged(good, others()), value => payments(signedItem(item, value))),
    ),
    ...prefixed(
      'a changed',
      Object.fromEntries(
        (['pspReference', 'originalReference', 'merchantAccountCode', 'merchantReference', 'eventCode', 'success'] as const).map(name => [
          name,
          payments(signedItem({ ...item, [name]: `${item[name]}x` }, good)),
        ]),
      ),
    ),
    'another amount': payments(signedItem({ ...item, amount: { value: 1, currency: 'EUR' } }, good)),
    'a colon moved from one field to the next': payments(
      signedItem({ ...item, pspReference: '7914073381342284:', merchantAccountCode: 'Shop' }, good),
    ),
    'a good and an unsigned item': payments(signedItem(item), item),
    'a bad and a good item': payments(signedItem(item, 'bad'), signedItem(item)),
    'a hundred and one items': payments(...Array.from({ length: 101 }, () => signedItem(item))),
    'by the letters of the key': payments(signedItem(item, createHmac('sha256', secrets.ADYEN_KEY).update(good).digest('base64'))),
    'by the key of another webhook': payments(signedItem(item, adyens(item, Buffer.from(secrets.ANY_KEY).toString('hex')))),
    'signature beside the item': {
      path: '/adyen',
      body: JSON.stringify({ notificationItems: [{ NotificationRequestItem: item, additionalData: { hmacSignature: good } }] }),
    },
    'in a header': { ...payments(item), headers: [['hmacsignature', good]] },
    'as a form': { ...payments(signedItem(item)), headers: [['content-type', 'application/x-www-form-urlencoded']] },
  }
}
export const goodAdyen = () => payments(signedItem(item))

const change = (clientState: unknown) => ({
  subscriptionId: 's',
  changeType: 'updated',
  resource: 'users/1',
  ...(clientState !== undefined && { clientState }),
})
const changes = (...items: unknown[]): Request => ({ path: '/graph', body: JSON.stringify({ value: items }) })
export function graph(): Attempts {
  const good = secrets.GRAPH_STATE
  return {
    nothing: { path: '/graph', body: '{}' },
    'no items': changes(),
    'items that are no list': { path: '/graph', body: JSON.stringify({ value: change(good) }) },
    'an item that is null': changes(null),
    'no client state': changes(change(undefined)),
    null: changes(change(null)),
    empty: changes(change('')),
    'a list': changes(change([good])),
    'an object': changes(change({ toString: good })),
    true: changes(change(true)),
    ...prefixed(
      'client state',
      each(variations(good, others('GRAPH_STATE')), value => changes(change(value))),
    ),
    'a good and a bad item': changes(change(good), change('bad')),
    'a bad and a good item': changes(change('bad'), change(good)),
    'a good item and one without': changes(change(good), change(undefined)),
    'beside the items': { path: '/graph', body: JSON.stringify({ clientState: good, value: [change(undefined)] }) },
    'with resource data': changes({ ...change(good), encryptedContent: { data: 'x' } }),
    'with tokens': { path: '/graph', body: JSON.stringify({ value: [change(good)], validationTokens: ['x'] }) },
    'a thousand and one items': changes(...Array.from({ length: 1001 }, () => change(good))),
    'in a header': { ...changes(change(undefined)), headers: [['clientstate', good]] },
    'in the query': { ...changes(change(undefined)), path: `/graph?clientState=${good}` },
    'the question that is asked first': { path: '/graph?validationToken=x', body: '' },
  }
}
export const goodGraph = () => changes(change(secrets.GRAPH_STATE))

/** The proxy before the gateway is the machine of the tests. */
const from = (...addresses: string[]): Request => ({
  path: '/address',
  body: '{}',
  headers: addresses.map(a => ['x-forwarded-for', a] as const),
})
export function address(): Attempts {
  return {
    'the proxy itself': from(),
    'an empty list': from(''),
    'another address': from('198.51.100.7'),
    'one that is denied': from('203.0.113.66'),
    'the good one said by the sender': from('203.0.113.7, 198.51.100.7'),
    'in two headers': from('203.0.113.7', '198.51.100.7'),
    'behind a trusted one': from('198.51.100.7, 127.0.0.1'),
    'the good one first of many': from(`203.0.113.7, ${Array.from({ length: 50 }, () => '198.51.100.7').join(', ')}`),
    'the next network': from('203.0.114.1'),
    'the network before': from('203.0.112.255'),
    'IPv6 of another': from('2001:db9::1'),
    'octal digits': from('0313.0.0161.07'),
    'hex digits': from('0xcb007107'),
    'one number': from('3405803783'),
    'leading zeros': from('203.000.113.007'),
    'a part less': from('203.0.113'),
    'a part more': from('203.0.113.7.1'),
    'a name': from('localhost'),
    'a range': from('203.0.113.0/24'),
    'an asterisk': from('*'),
    'wide digits': from('２０３.0.113.7'),
    unknown: from('unknown'),
    'a comma alone': from(','),
    'a comma behind': from('203.0.113.7,'),
    'a comma and the proxy': from('203.0.113.7,,127.0.0.1x'),
    'in X-Real-IP': { path: '/address', body: '{}', headers: [['x-real-ip', '203.0.113.7']] },
    'in Forwarded': { path: '/address', body: '{}', headers: [['forwarded', 'for=203.0.113.7']] },
    'in Client-IP': {
      path: '/address',
      body: '{}',
      headers: [
        ['true-client-ip', '203.0.113.7'],
        ['cf-connecting-ip', '203.0.113.7'],
        ['x-client-ip', '203.0.113.7'],
      ],
    },
    'in the host': { path: '/address', body: '{}', headers: [['x-forwarded-host', '203.0.113.7']] },
    'in the query': { path: '/address?x-forwarded-for=203.0.113.7', body: '{}' },
  }
}
export const goodAddresses = () => [
  from('203.0.113.7'),
  from('198.51.100.7, 203.0.113.8'),
  from('203.0.113.7, 127.0.0.1'),
  from('2001:db8::7'),
]

export const fixed = (): Attempts =>
  inHeader('/static', 'x-static', `Key ${secrets.STATIC_KEY}`, {
    others: others('STATIC_KEY'),
    vary: secrets.STATIC_KEY,
    wrap: v => `Key ${v}`,
  })
export const goodFixed = (): Request => ({ path: '/static', body: '{}', headers: [['x-static', `Key ${secrets.STATIC_KEY}`]] })

export const goodAny = (): Request[] => {
  const now = `${Math.floor(Date.now() / 1000)}`
  const hex = createHmac('sha256', secrets.ANY_SECRET).update(`${now}.{}`).digest('hex')
  return [
    { path: '/any', body: '{}', headers: [['authorization', `Bearer ${secrets.ANY_KEY}`]] },
    {
      path: '/any',
      body: '{}',
      headers: [
        ['x-webhook-timestamp', now],
        ['x-webhook-signature', `sha256=${hex}`],
      ],
    },
  ]
}
export const goodBasic = (): Request => ({
  path: '/basic',
  body: '{}',
  headers: [['authorization', `Basic ${base64(`shop:${secrets.BASIC_PASSWORD}`)}`]],
})
