/** The settings of a configuration file: the one list from which the check, the editor schema and the reference come. */
import { type Static, type TProperties, type TSchema, Type } from '@sinclair/typebox'
import { Duration, Secret, Size } from '../settings.ts'
import type { Node } from './node.ts'
import { problemDialect } from './problemDialect.ts'

const NAME = '^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$'

const closed = <P extends TProperties>(properties: P, description: string) =>
  Type.Object(properties, { description, additionalProperties: false })
const named = <S extends TSchema>(schema: S, description: string) => Type.Record(Type.String({ pattern: NAME }), schema, { description })

/** A part that is decoded later, by code that needs its positions; `shape` is for the reference, its `x-editor` for editors. */
const later = (shape: Record<string, unknown>, description: string) => Type.Unsafe<Node>({ 'x-postern': 'node', ...shape, description })
const template = (description: string) => later({}, `${description} \`{{path}}\` is replaced.`)

const port = (value: number, description: string) => Type.Integer({ minimum: 0, maximum: 65535, default: value, description })

const server = closed(
  {
    port: port(8080, 'Port for senders: webhooks, /openapi.json, /docs, /livez and /readyz. 0 takes any free one.'),
    host: Type.String({ minLength: 1, default: '0.0.0.0', description: 'Address to listen on.' }),
    publicUrl: Type.Optional(
      Type.String({
        format: 'public-url',
        examples: ['https://hooks.example.com'],
        description: 'Where senders reach the gateway: for OpenAPI and for schemes that sign the URL. Never taken from the Host header.',
      }),
    ),
    trustedProxies: Type.Array(Type.String({ format: 'address' }), {
      default: [],
      examples: [['10.0.0.0/8']],
      description: 'Addresses or CIDR ranges of proxies whose X-Forwarded-* headers are believed.',
    }),
    requireHttps: Type.Boolean({ default: false, description: 'Refuse plain HTTP, after trusted proxies, with nothing read.' }),
    tls: Type.Optional(
      closed(
        {
          cert: Type.String({ minLength: 1, description: 'PEM file with the certificate chain, relative to this file.' }),
          key: Type.String({ minLength: 1, description: 'PEM file with the private key, relative to this file.' }),
        },
        'Serve HTTPS itself.',
      ),
    ),
    brand: Type.String({
      pattern: '^[A-Za-z][A-Za-z0-9]*(-[A-Za-z0-9]+)*$',
      maxLength: 32,
      default: 'Postern',
      description: 'Prefix of the headers it sends: X-Postern-Webhook-Id.',
    }),
    drainDelay: Duration({ default: '5s', description: 'On a stop: how long readiness is refused before connections are.' }),
    bodyTimeout: Duration({ default: '8s', min: '100ms', description: 'How long a sender may take for its body; at most requestTimeout.' }),
    requestTimeout: Duration({ default: '8s', min: '100ms', description: 'How long one request may take in all.' }),
  },
  'The address that senders use.',
)

const admin = closed(
  {
    port: port(9090, 'Port for operators: admin API, console and /metrics.'),
    host: Type.String({ minLength: 1, default: '127.0.0.1', description: 'Address to listen on.' }),
    token: Secret({ default: '', description: 'Bearer token of the admin API. Empty: API and console are off, health and metrics stay.' }),
  },
  'The address that operators use.',
)

const retention = closed(
  {
    events: Duration({ default: '30d', description: 'How long events are kept.' }),
    deliveries: Duration({ default: '30d', description: 'How long deliveries are kept.' }),
    requests: Duration({ default: '7d', description: 'How long captured requests are kept.' }),
  },
  'How long what is not a record is kept. Idempotency keys have a ttl of their own.',
)

const entity = closed(
  {
    schema: Type.Optional(
      later(
        { anyOf: [{ type: 'object' }, { type: 'string' }] },
        'JSON Schema 2020-12: here, or the path of a JSON or YAML file relative to this one.',
      ),
    ),
    unknown: Type.Union([Type.Literal('drop'), Type.Literal('keep'), Type.Literal('reject')], {
      default: 'drop',
      description: 'What becomes of keys that the schema does not name.',
    }),
  },
  'A named kind of record.',
)

const hostName = Type.String({ format: 'host-name' })
const webhook = closed(
  {
    summary: Type.Optional(Type.String({ description: 'For people: shown in documents.' })),
    path: Type.String({
      format: 'webhook-path',
      examples: ['/orders/{token}'],
      description: 'Path of the endpoint; a segment in braces is a parameter.',
    }),
    host: Type.Optional(
      Type.Union([hostName, Type.Array(hostName, { minItems: 1 })], {
        examples: ['acme.example.com'],
        description: 'Answer only under these host names. Left out: under any.',
      }),
    ),
    methods: Type.Array(Type.Union([Type.Literal('POST'), Type.Literal('PUT'), Type.Literal('PATCH'), Type.Literal('GET')]), {
      default: ['POST'],
      minItems: 1,
      uniqueItems: true,
      description: 'Methods that are accepted. With GET the query parameters become the payload.',
    }),
    bodyLimit: Size({ default: '256KiB', min: '1B', max: '100MiB', description: 'Largest body accepted.' }),
    active: Type.Boolean({ default: true, description: 'False: answers 404, as if it were not there.' }),
    dialect: Type.String({ default: 'problem', description: 'Name of the shape of its answers; `problem` is RFC 9457.' }),
    example: Type.Optional(Type.Record(Type.String(), Type.Unknown(), { description: 'A payload to show and to try.' })),
    chain: later(
      { type: 'array', 'x-editor': { type: 'array', items: { $ref: '#/definitions/step' } } },
      'Its steps in order: each a plugin by its name, or a map of exactly one plugin to its settings.',
    ),
  },
  'One inbound endpoint.',
)

const event = Type.Union([Type.Literal('record.created'), Type.Literal('record.updated'), Type.Literal('webhook.received')])
const subscription = closed(
  {
    webhooks: Type.Array(Type.String(), { minItems: 1, description: 'Names of the webhooks whose events are taken.' }),
    events: Type.Array(event, {
      default: ['record.created', 'record.updated'],
      minItems: 1,
      uniqueItems: true,
      description: 'Kinds of events that are taken.',
    }),
    when: Type.Optional(Type.String({ minLength: 1, description: 'CEL expression over the event; it is taken when this is true.' })),
    to: Type.Array(Type.String(), { minItems: 1, description: 'Names of the destinations that get it.' }),
    body: Type.Optional(template('What is sent; left out, the whole event.')),
  },
  'Which events of which webhooks go where.',
)

const destination = closed(
  {
    url: Type.String({ format: 'web-url', description: 'Where events are sent.' }),
    secrets: Type.Array(Secret({ description: 'A key that signs, as in Standard Webhooks.' }), {
      default: [],
      description: 'Keys that sign; the first one is current.',
    }),
    allowPrivate: Type.Boolean({ default: false, description: 'Allow addresses of private networks.' }),
  },
  'An outgoing endpoint.',
)

const success = Type.Integer({ minimum: 200, maximum: 299, description: 'Status of the answer.' })
const variant = closed(
  { status: Type.Optional(success), body: Type.Optional(template('Body of the answer.')) },
  'What differs from `success`.',
)
const code = closed(
  {
    status: Type.Optional(Type.Integer({ minimum: 400, maximum: 599, description: 'Status instead of the default.' })),
    code: Type.Optional(Type.String({ minLength: 1, description: 'Code that the sender sees instead.' })),
    message: Type.Optional(Type.String({ description: 'Message instead of the default.' })),
  },
  'How one refusal is told.',
)
const dialect = closed(
  {
    success: closed(
      { status: Type.Integer({ ...success, default: 200 }), body: Type.Optional(template('Body; left out, that of `problem`.')) },
      'The answer when a record was created.',
    ),
    updated: Type.Optional({ ...variant, description: 'Instead of `success`, when an existing record was updated.' }),
    accepted: Type.Optional({ ...variant, description: 'Instead of `success`, when no record was written.' }),
    error: closed(
      {
        contentType: Type.Optional(
          Type.String({
            pattern: '^[\\w.+-]+/[\\w.+-]+(; ?[\\w-]+=[\\w.-]+)*$',
            examples: ['application/json'],
            description: 'Media type.',
          }),
        ),
        body: Type.Optional(template('Body; left out, that of `problem`.')),
      },
      'The answer to a refusal.',
    ),
    codes: Type.Record(Type.String({ pattern: '^[A-Z][A-Z0-9_]*$' }), code, {
      default: {},
      description: 'Refusals that are told differently, by code.',
    }),
  },
  'The shape of HTTP answers.',
)

/** One whole file, or all files of a folder together. */
export const File = closed(
  {
    version: Type.Literal(1, { description: 'Version of this format.' }),
    server,
    store: closed(
      {
        url: Type.String({
          format: 'store-url',
          default: 'pglite://./.postern/data',
          description: 'Postgres 14 or later, or PGlite: a folder relative to the current directory, or `pglite://memory`.',
        }),
      },
      'Where records are kept.',
    ),
    redis: closed(
      {
        url: Type.String({
          format: 'redis-url',
          default: '',
          description: 'Redis 6.2 or later, or Valkey, for rate limits and nonces that replicas share. Empty: none.',
        }),
      },
      'Shared counters.',
    ),
    admin,
    retention,
    secrets: closed(
      {
        masterKey: Type.Unsafe<string>({
          ...Secret({ default: '', description: '32 bytes in base64: encrypts the stored secrets. Empty: none.' }),
          format: 'master-key',
        }),
      },
      'Secrets at rest.',
    ),
    plugins: Type.Array(Type.String({ minLength: 1 }), {
      default: [],
      examples: [['./my-plugins/geo.ts', '@acme/postern-enrich']],
      description: 'Plugins to load besides the built-in ones: a path relative to this file, or a package.',
    }),
    entities: Type.Optional(named(entity, 'Kinds of records, by name.')),
    webhooks: Type.Optional(named(webhook, 'Inbound endpoints, by name.')),
    subscriptions: Type.Optional(named(subscription, 'Which events go where, by name.')),
    destinations: Type.Optional(named(destination, 'Outgoing endpoints, by name.')),
    dialects: Type.Optional(named(dialect, `Shapes of answers, by name; \`${problemDialect.name}\` is built in.`)),
  },
  'Configuration of Postern.',
)

/** What decoding gives: after a fault, any part may be missing. */
export type Loose<T> = T extends Node | string | number | boolean
  ? T
  : T extends readonly (infer Item)[]
    ? (Loose<Item> | undefined)[]
    : { [Key in keyof T]?: Loose<T[Key]> | undefined }

export type Sections = Loose<Static<typeof File>>
