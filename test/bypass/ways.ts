/** Every way to be let in, as data: its steps for either of two secrets, what is sent, and where in it the credential stands. */
import { createSign, generateKeyPairSync, type KeyObject } from 'node:crypto'
import type { Start } from '#core/request/draft.ts'
import { cards } from '../../plugins/auth-hmac/cards.ts'
import { presets } from '../../plugins/auth-hmac/presets/index.ts'
import type { Request } from '../hostile/requests.ts'
import type * as forgeries from './forgeries.ts'

export const ORIGIN = 'https://gw.example.com'

/** Which of the two secrets: that of the webhook, or that of another one of the same kind. */
export type By = 0 | 1

/** Where the credential stands; a path of `json` has numbers for the places of a list. */
export interface Place {
  in: 'header' | 'query' | 'json'
  name: string
  /** The field of a form that holds the JSON. */
  form?: string
}

export interface Way {
  /** Also its path and the name of its webhook. */
  id: string
  steps(by: By): unknown[]
  webhook?: Record<string, unknown>
  place: Place
  /** What stands before the credential in its value. */
  before: RegExp
  /** What separates several signatures of which one is enough. */
  list?: string
  /** The word before it may be in any letter case (RFC 9110). */
  anyCase?: boolean
  /** Nothing of the body is covered, or only some fields. */
  openBody?: boolean
  /** How far off its time may be, in milliseconds; without it none is judged. */
  tolerance?: number
  /** Its time is judged by a `replay-window` behind it, and not by the step itself. */
  judgedByReplayWindow?: boolean
  /** Gives the id of the delivery, so that the chain may go by it. */
  names?: boolean
  /** Headers that nobody needs to send: the id of a delivery that is not signed. */
  optional?: readonly string[]
  /** What is sent, another one for each number. */
  start(n: number): Start
  privateKey?(by: By): string
  /** For senders who cannot be stood in for by `sign`. */
  make?(n: number, by: By, now: number): Omit<Request, 'path'>
}

const SECRETS = ['first-secret-of-the-matrix-0123', 'other-secret-of-the-matrix-4567'] as const
const pem = (key: KeyObject) => key.export({ format: 'pem', type: 'pkcs8' }).toString()
type Pair = { publicKey: KeyObject; privateKey: KeyObject }
const two = (make: () => Pair): readonly [Pair, Pair] => [make(), make()]
const pairs = {
  ed25519: two(() => generateKeyPairSync('ed25519')),
  p256: two(() => generateKeyPairSync('ec', { namedCurve: 'P-256' })),
  p384: two(() => generateKeyPairSync('ec', { namedCurve: 'P-384' })),
  rsa: two(() => generateKeyPairSync('rsa', { modulusLength: 2048 })),
}

/** Has whatever a preset takes for the id of a delivery. */
const payload = (n: number) => {
  const id = `evt-${n}`
  const event = { id, event_time: '1', event_type: 'sent' }
  const entry = [{ changes: [{ value: { messages: [{ id }] } }] }]
  return { id, event_id: id, eventId: id, log_id: id, sg_event_id: id, event, entry, note: 'naïve' }
}
const json = (n: number): Start => ({ body: payload(n) })
const quoted = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')

function preset(name: string): Way {
  const data = presets.get(name)
  const card = cards.get(name)
  if (!data || !card) throw new Error(`no preset ${name}`)
  const { kind = 'hmac', signature, from, secret = {}, jsonFormField } = data
  const isStatic = kind === 'static'
  const at = (isStatic ? from : [signature?.from].flat()[0])?.replace('{1..100}', '1') ?? ''
  const [where, place] = [at.slice(0, at.indexOf(':')), at.slice(at.indexOf(':') + 1)]
  const key = (by: By) => {
    const raw =
      kind === 'ed25519'
        ? pairs.ed25519[by].publicKey.export({ format: 'der', type: 'spki' }).subarray(-32)
        : kind === 'ecdsa-p256'
          ? pairs.p256[by].publicKey.export({ format: 'der', type: 'spki' })
          : Buffer.from(SECRETS[by])
    return (secret.stripPrefix ?? '') + raw.toString(secret.encoding ?? 'utf8')
  }
  const signed = isStatic ? '' : (data.signed ?? '{body}')
  const { kv, key: named, prefix = '' } = isStatic ? { kv: undefined, key: undefined, prefix: data.prefix ?? '' } : (signature ?? {})
  return {
    id: `hmac-${name}`,
    steps: by => [{ 'auth-hmac': { preset: name, secrets: [key(by)] } }],
    place: { in: where as Place['in'], name: place, ...(jsonFormField !== undefined && { form: jsonFormField }) },
    before: kv ? new RegExp(`^.*${quoted(`${named}${kv}`)}`, 's') : new RegExp(`^${quoted(prefix)}`),
    ...(signature?.list !== undefined && { list: signature.list }),
    openBody: !signed.includes('{body}'),
    ...(card.time && { tolerance: data.timestamp?.tolerance ?? 300_000, judgedByReplayWindow: true }),
    names: card.id !== undefined,
    ...(card.id?.startsWith('header:') && !card.idSigned && { optional: [card.id.slice('header:'.length)] }),
    start: n => ({ body: card.id?.startsWith('json:[]') ? [payload(n)] : payload(n) }),
    ...(card.id?.startsWith('json:[]') && { webhook: { listAs: 'events' } }),
    ...(kind === 'ed25519' && { privateKey: (by: By) => pem(pairs.ed25519[by].privateKey) }),
    ...(kind === 'ecdsa-p256' && { privateKey: (by: By) => pem(pairs.p256[by].privateKey) }),
  }
}

const BEARER: Pick<Way, 'place' | 'before' | 'anyCase'> = {
  place: { in: 'header', name: 'authorization' },
  before: /^Bearer /,
  anyCase: true,
}
const SIGNED_BY_INSPIRE: Pick<Way, 'place' | 'before'> = {
  place: { in: 'header', name: 'x-webhook-signature' },
  before: /^sha256=/,
}

const curves = { ES256: 'p256', ES384: 'p384', RS256: 'rsa', RS512: 'rsa', PS256: 'rsa', EdDSA: 'ed25519' } as const

function jwt(algorithm: keyof typeof curves): Way {
  const own = pairs[curves[algorithm]]
  const jwk = (by: By) => ({ ...own[by].publicKey.export({ format: 'jwk' }), kid: 'k1', use: 'sig' })
  const said = { issuer: 'https://issuer.example/', audience: ORIGIN, algorithms: [algorithm], claims: { sub: 'me' } }
  return {
    id: `jwt-${algorithm.toLowerCase()}`,
    steps: by => [{ 'auth-jwt': { ...said, keys: [jwk(by)], clockTolerance: '0s' } }],
    ...BEARER,
    openBody: true,
    // Of the token: `sign` gives it five minutes, and at its very end it is over.
    tolerance: 299_000,
    start: json,
    privateKey: by => pem(own[by].privateKey),
  }
}

const p256jwk = (by: By, more: object = {}) => ({
  ...pairs.p256[by].publicKey.export({ format: 'jwk' }),
  kid: 'k1',
  alg: 'ES256',
  use: 'sig',
  ...more,
})
const item = (n: number) => ({
  pspReference: `psp-${n}`,
  originalReference: '',
  merchantAccountCode: 'Shop',
  merchantReference: 'order-1',
  amount: { value: 1130, currency: 'EUR' },
  eventCode: 'AUTHORISATION',
  success: 'true',
})
const TOPIC = 'arn:aws:sns:eu-west-1:123456789012:orders'

function sns({ amazon, stranger }: forgeries.Keys): Way {
  const by = [amazon, stranger] as const
  return {
    id: 'sns',
    steps: b => [{ 'auth-sns': { topics: [TOPIC], certificates: [by[b].pem], confirm: false } }],
    place: { in: 'json', name: 'Signature' },
    before: /^/,
    openBody: true, // but for the fields that are signed
    tolerance: 3_600_000,
    judgedByReplayWindow: true,
    names: true,
    start: json,
    make(n, b, now) {
      const fields: Record<string, string> = {
        Type: 'Notification',
        MessageId: `message-${n}`,
        TopicArn: TOPIC,
        Message: '{"id":1}',
        Timestamp: new Date(now).toISOString(),
        SignatureVersion: '2',
        SigningCertURL: `https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-${'0a'.repeat(16)}.pem`,
      }
      const text = ['Message', 'MessageId', 'Timestamp', 'TopicArn', 'Type'].map(name => `${name}\n${fields[name]}\n`).join('')
      const Signature = createSign('RSA-SHA256').update(text).sign(by[b].key, 'base64')
      return {
        body: JSON.stringify({ ...fields, Signature }),
        headers: [
          ['content-type', 'text/plain; charset=UTF-8'],
          ['x-amz-sns-message-type', 'Notification'],
        ],
      }
    },
  }
}

/** All of them but `auth-url-token`, which answers 404 and has rows of its own, and `ip-allow`, which knows no credential. */
export const ways = (keys: forgeries.Keys): Way[] => [
  ...[...presets.keys()].map(preset),
  ...(Object.keys(curves) as (keyof typeof curves)[]).map(jwt),
  {
    ...jwt('ES256'),
    id: 'jwt-google-pubsub',
    steps: by => [
      {
        'auth-jwt': {
          preset: 'google-pubsub',
          audience: ORIGIN,
          keys: [p256jwk(by)],
          claims: { email: 'p@example.com' },
          clockTolerance: '0s',
        },
      },
    ],
    names: true,
    start: n => ({ body: { message: { messageId: `m-${n}`, data: 'e30=' } } }),
  },
  {
    id: 'plaid',
    steps: by => [
      {
        'auth-plaid': {
          clientId: 'c',
          secret: 's3cret-of-plaid-0123',
          keys: [p256jwk(by, { created_at: 1_600_000_000, expired_at: null })],
        },
      },
    ],
    place: { in: 'header', name: 'plaid-verification' },
    before: /^/,
    tolerance: 300_000,
    start: json,
    privateKey: by => pem(pairs.p256[by].privateKey),
  },
  sns(keys),
  { id: 'bearer', steps: by => [{ 'auth-bearer': { keys: [SECRETS[by]] } }], ...BEARER, openBody: true, start: json },
  {
    id: 'basic',
    steps: by => [{ 'auth-basic': { credentials: [{ user: 'shop', password: SECRETS[by] }] } }],
    ...BEARER,
    before: /^Basic /,
    openBody: true,
    start: json,
  },
  {
    id: 'static',
    steps: by => [{ 'auth-hmac': { kind: 'static', from: 'header:X-Static', prefix: 'Key ', secrets: [SECRETS[by]] } }],
    place: { in: 'header', name: 'x-static' },
    before: /^Key /,
    openBody: true,
    start: json,
  },
  {
    id: 'shared-header',
    steps: by => [{ 'auth-shared-secret': { header: 'X-Secret', secrets: [SECRETS[by]] } }],
    place: { in: 'header', name: 'x-secret' },
    before: /^/,
    openBody: true,
    start: json,
  },
  {
    id: 'shared-query',
    steps: by => [{ 'auth-shared-secret': { query: 'key', secrets: [SECRETS[by]] } }],
    place: { in: 'query', name: 'key' },
    before: /^/,
    openBody: true,
    start: json,
  },
  {
    id: 'twilio',
    steps: by => [{ 'auth-twilio': { tokens: [SECRETS[by]] } }],
    place: { in: 'header', name: 'x-twilio-signature' },
    before: /^/,
    names: true,
    optional: ['i-twilio-idempotency-token'],
    start: n => ({ headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: `Body=Hi+there&From=%2B1555${n}` }),
  },
  {
    id: 'twilio-json',
    steps: by => [{ 'auth-twilio': { tokens: [SECRETS[by]] } }],
    place: { in: 'header', name: 'x-twilio-signature' },
    before: /^/,
    names: true,
    optional: ['i-twilio-idempotency-token'],
    start: json,
  },
  {
    id: 'adyen',
    steps: by => [{ 'auth-adyen': { keys: [Buffer.from(SECRETS[by]).toString('hex')] } }],
    place: { in: 'json', name: 'notificationItems.0.NotificationRequestItem.additionalData.hmacSignature' },
    before: /^/,
    openBody: true, // but for eight fields of each item
    names: true,
    start: n => ({ body: { live: 'false', notificationItems: [{ NotificationRequestItem: item(n) }] } }),
  },
  {
    id: 'msgraph',
    steps: by => [{ 'auth-msgraph': { clientStates: [SECRETS[by]] } }],
    place: { in: 'json', name: 'value.0.clientState' },
    before: /^/,
    openBody: true,
    names: true,
    start: n => ({ body: { value: [{ id: `n-${n}`, subscriptionId: 's', changeType: 'updated' }] } }),
  },
  {
    id: 'any-bearer',
    steps: by => [{ 'auth-any': { of: [...preset('discord').steps(by), { 'auth-bearer': { keys: [SECRETS[by]] } }] } }],
    ...BEARER,
    openBody: true,
    start: json,
  },
  {
    id: 'any-hmac-without-its-time',
    steps: by => [
      {
        'auth-any': {
          of: [{ 'auth-hmac': { preset: 'inspire', secrets: [SECRETS[by]] } }, { 'auth-bearer': { keys: [`key-${SECRETS[by]}`] } }],
        },
      },
    ],
    ...SIGNED_BY_INSPIRE,
    start: json,
  },
  {
    id: 'any-hmac-with-its-time',
    steps: by => [
      {
        'auth-any': {
          of: [
            { 'auth-hmac': { preset: 'inspire', secrets: [SECRETS[by]] } },
            { 'auth-hmac': { preset: 'slack', secrets: [`slack-${SECRETS[by]}`] } },
          ],
        },
      },
    ],
    ...SIGNED_BY_INSPIRE,
    tolerance: 300_000,
    judgedByReplayWindow: true,
    start: json,
  },
  {
    id: 'any-hmac-with-its-id',
    steps: by => [
      {
        'auth-any': {
          of: [
            { 'auth-hmac': { preset: 'github', secrets: [SECRETS[by]] } },
            { 'auth-hmac': { preset: 'gitlab-token', secrets: [`gitlab-${SECRETS[by]}`] } },
          ],
        },
      },
    ],
    place: { in: 'header', name: 'x-hub-signature-256' },
    before: /^sha256=/,
    names: true,
    optional: ['x-github-delivery'],
    start: json,
  },
]
