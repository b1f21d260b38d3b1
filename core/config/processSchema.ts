/** The settings of the process: where it listens, where it keeps things, and for how long. */
import { type TSchema, Type } from '@sinclair/typebox'
import { Duration, Secret } from '../settings.ts'
import { closed } from './section.ts'

/** Left out of every file, the setting is what the environment variable says, when that is set. */
const orEnv = <S extends TSchema>(name: string, schema: S): S => ({ ...schema, 'x-env': name })

const port = (name: string, value: number, description: string) =>
  orEnv(name, Type.Integer({ minimum: 0, maximum: 65535, default: value, description }))

/** Where senders reach the gateway. */
export const server = closed(
  {
    port: port('PORT', 8080, 'Port for senders: webhooks, /livez and /readyz. 0 takes any free one.'),
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
    allowedCidrs: Type.Array(Type.String({ format: 'address' }), {
      default: [],
      examples: [['10.1.0.0/16']],
      description: 'Private addresses or CIDR ranges that every destination may reach; see also `allowPrivate` of one destination.',
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
    accessLog: Type.Boolean({ default: false, description: 'One log line for each request. Refusals are logged in any case.' }),
    brand: Type.String({
      pattern: '^[A-Za-z][A-Za-z0-9]*(-[A-Za-z0-9]+)*$',
      maxLength: 32,
      default: 'Postern',
      description: 'Prefix of the headers it sends: X-Postern-Webhook-Id.',
    }),
    docs: Type.Boolean({
      default: true,
      description:
        'Serves /openapi.json, /docs and /docs/WEBHOOK to whoever asks on this port: what active webhooks take, and sample code.',
    }),
    drainDelay: Duration({ default: '5s', description: 'On a stop: how long readiness is refused before connections are.' }),
    bodyTimeout: Duration({ default: '8s', min: '100ms', description: 'How long a sender may take for its body; at most requestTimeout.' }),
    requestTimeout: Duration({ default: '8s', min: '100ms', description: 'How long one request may take in all.' }),
  },
  'The address that senders use.',
)

/** Where operators reach it. */
export const admin = closed(
  {
    port: port('ADMIN_PORT', 9090, 'Port for operators: the admin API.'),
    host: Type.String({ minLength: 1, default: '127.0.0.1', description: 'Address to listen on.' }),
    token: orEnv(
      'POSTERN_ADMIN_TOKEN',
      Secret({ default: '', description: 'Bearer token of the admin API. Empty: the admin API is off.' }),
    ),
  },
  'The address that operators use.',
)

/** How long things are kept that are no records. */
export const retention = closed(
  {
    events: Duration({ default: '30d', description: 'How long events are kept.' }),
    deliveries: Duration({ default: '30d', description: 'How long deliveries are kept.' }),
    requests: Duration({ default: '7d', description: 'How long captured requests are kept.' }),
    idempotency: Duration({ default: '1m', description: 'How long idempotency keys are kept after their own ttl; a minute at least.' }),
  },
  'How long what is not a record is kept.',
)

/** Where records are kept. */
export const store = closed(
  {
    url: orEnv(
      'DATABASE_URL',
      Type.String({
        format: 'store-url',
        default: 'pglite://./.postern/data',
        description: 'Postgres 14 or later, or PGlite: a folder relative to the current directory, or `pglite://memory`.',
      }),
    ),
  },
  'Where records are kept.',
)

/** Counters that replicas share. */
export const redis = closed(
  {
    url: orEnv(
      'REDIS_URL',
      Type.String({
        format: 'redis-url',
        default: '',
        description: 'Redis 6.2 or later, or Valkey, for rate limits that replicas share. Empty: none.',
      }),
    ),
  },
  'Shared counters.',
)

/** The key of secrets at rest. */
export const secrets = closed(
  {
    masterKey: Type.Unsafe<string>({
      ...Secret({ default: '', description: '32 bytes in base64: encrypts the stored secrets. Empty: none.' }),
      format: 'master-key',
    }),
  },
  'Secrets at rest.',
)
