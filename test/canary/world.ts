// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is the syntax of a configuration
/** Forty secrets and more, and a gateway that each of them opens something of. */
import { execFileSync } from 'node:child_process'
import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { until } from '../hostile/oracle.ts'
import { binary } from '../support/binary.ts'
import { child, folder } from '../support/child.ts'
import type { Env, Runtime } from '../support/process.ts'

const NAMES = [
  // What the gateway is configured with.
  ...['BEARER_1', 'BEARER_2', 'BEARER_3', 'HMAC_1', 'HMAC_2', 'HMAC_64', 'HEADER_1', 'HEADER_2', 'PREFIXED', 'QUERY_1', 'QUERY_2'],
  ...['BASIC_1', 'BASIC_2', 'PLAID', 'TWILIO', 'ADYEN', 'GRAPH', 'META', 'CRC', 'ANY_1', 'ANY_2', 'ANY_3', 'BOOM', 'MURMUR', 'STORED_1'],
  ...['STORED_2', 'STORED_3', 'ADMIN', 'DATABASE', 'REDIS', 'MASTER', 'MASTER_2', 'SIGN_1', 'SIGN_2', 'SIGN_3', 'CRM_AUTH', 'CRM_KEY'],
  ...['CRM_BASIC', 'NATS', 'NATS_WRONG'],
  // What only a sender has: right and wrong, and where it does not belong.
  ...['WRONG_BEARER', 'WRONG_BASIC', 'WRONG_HEADER', 'WRONG_QUERY', 'WRONG_TOKEN', 'FORWARDED', 'PROXY', 'COOKIE', 'SNS_BASIC'],
] as const

export type Name = (typeof NAMES)[number]
export type Secrets = Record<Name, string>

/** Each holds its own name, and chance; some hold what JSON, URLs and forms write in another way. */
export function canaries(): Secrets {
  const made = Object.fromEntries(NAMES.map(name => [name, `canary-${name}-${randomBytes(14).toString('hex')}`])) as Secrets
  made.HMAC_2 += '"\\\n\u00e9</script>'
  made.HEADER_2 += '"\\'
  made.QUERY_2 += ' &%+"'
  made.BASIC_2 += '"\\\u00e9/+'
  made.BOOM += '"\\/&'
  made.MURMUR += '"/?'
  made.HMAC_64 = randomBytes(24).toString('base64')
  made.ADYEN = randomBytes(32).toString('hex')
  made.SIGN_2 = `whsec_${randomBytes(32).toString('base64')}`
  for (const name of ['MASTER', 'MASTER_2'] as const) made[name] = randomBytes(32).toString('base64')
  return made
}

/** Key pairs of senders, of which the gateway has the public half alone. */
export interface Pairs {
  issuer: { privateKey: KeyObject; publicKey: KeyObject }
  plaid: { privateKey: KeyObject; publicKey: KeyObject }
  amazon: { key: string; pem: string }
}

export const TOPIC = 'arn:aws:sns:eu-west-1:123456789012:orders'
export const PUBLIC = 'https://hooks.example.com'

export async function pairs(): Promise<Pairs> {
  const openssl = await binary(['openssl'], () => [], 'openssl')
  const args = 'req -x509 -newkey rsa:2048 -nodes -keyout - -out - -days 30 -subj /CN=sns.amazonaws.com'.split(' ')
  const text = execFileSync(openssl, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  const part = (label: string) => new RegExp(`-----BEGIN ${label}-----[\\s\\S]+?-----END ${label}-----\n`).exec(text)?.[0] as string
  const curve = () => generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return { issuer: curve(), plaid: curve(), amazon: { key: part('PRIVATE KEY'), pem: part('CERTIFICATE') } }
}

const jwk = (key: KeyObject, kid: string) => JSON.stringify({ ...key.export({ format: 'jwk' }), kid, alg: 'ES256' })

const open = '{ auth-none: { reason: a test } }'

/** `SINK` is the receiver's address, `NATS_URL` that of the NATS server. */
export const configOf = ({ issuer, plaid, amazon }: Pairs, sink: string, nats: string | undefined): string => `
version: 1
server: { port: "\${PORT}", host: 127.0.0.1, drainDelay: 0s, bodyTimeout: 300ms, accessLog: true, publicUrl: "${PUBLIC}" }
store: { url: "\${DATABASE_URL}" }
redis: { url: "\${REDIS_URL}" }
admin: { port: "\${ADMIN_PORT}", token: "\${ADMIN}" }
secrets: { masterKey: "\${MASTER}" }
plugins: ["${join(import.meta.dirname, 'plugins.ts')}", "${join(import.meta.dirname, '../../packages/opentelemetry/index.ts')}"]
destinations:
  there: { url: "${sink}/there", allowPrivate: true, secrets: ["\${SIGN_1}"], headers: { Authorization: "Bearer \${CRM_AUTH}", X-Api-Key: "\${CRM_KEY}" } }
  fails: { url: "${sink}/fails", allowPrivate: true, secrets: ["\${SIGN_2}", "\${SIGN_3}"], retry: { schedule: [0s, 10ms] }, headers: { Authorization: "\${CRM_BASIC_HEADER}" } }
${
  nats
    ? `  stream: { type: nats, servers: ["${nats}"], allowPrivate: true, subject: canary.all, user: postern, password: "\${NATS}" }
  stranger: { type: nats, servers: ["${nats}"], allowPrivate: true, subject: canary.all, user: postern, password: "\${NATS_WRONG}", retry: { schedule: [0s] } }`
    : ''
}
subscriptions:
  all: { webhooks: [bearer, basic], to: [there, fails${nats ? ', stream, stranger' : ''}] }
webhooks:
  bearer: { path: /bearer, chain: [opentelemetry, { auth-bearer: { keys: ["\${BEARER_1}", "\${BEARER_2}", "\${BEARER_3}"] } }, idempotency, upsert: { entity: a }, dispatch] }
  hmac:
    path: /hmac
    chain:
      - auth-hmac: { secrets: ["\${HMAC_1}", "\${HMAC_2}"], preset: inspire }
      - replay-window
      - upsert: { entity: a }
  svix: { path: /svix, chain: [{ auth-hmac: { secrets: ["\${HMAC_64}"], preset: svix } }, upsert: { entity: a }] }
  header: { path: /header, chain: [{ auth-shared-secret: { header: X-Secret, secrets: ["\${HEADER_1}", "\${HEADER_2}"] } }, upsert: { entity: a }] }
  prefixed: { path: /prefixed, chain: [{ auth-shared-secret: { header: X-Key, prefix: "Key ", secrets: ["\${PREFIXED}"] } }, upsert: { entity: a }] }
  query:
    path: /query
    methods: [GET, POST]
    chain: [{ auth-shared-secret: { query: key, secrets: ["\${QUERY_1}", "\${QUERY_2}"] } }, filter: { when: data.a.b == 1, otherwise: refuse }, upsert: { entity: a }]
  token: { path: "/token/{token}", chain: [auth-url-token, quota: { rate: { limit: 1000, per: 1m }, onUnavailable: open }, upsert: { entity: a }, dispatch] }
  basic:
    path: /basic
    chain: [opentelemetry, { auth-basic: { credentials: [{ user: one, password: "\${BASIC_1}" }, { user: second, password: "\${BASIC_2}" }] } }, upsert: { entity: a }, dispatch]
  jwt: { path: /jwt, chain: [{ auth-jwt: { issuer: "https://issuer.test", audience: us, keys: [${jwk(issuer.publicKey, 'one')}] } }, upsert: { entity: a }] }
  plaid: { path: /plaid, chain: [{ auth-plaid: { clientId: us, secret: "\${PLAID}", keys: [${jwk(plaid.publicKey, 'one')}] } }, upsert: { entity: a }] }
  sns: { path: /sns, chain: [{ auth-sns: { topics: ["${TOPIC}"], confirm: false, certificates: [${JSON.stringify(amazon.pem)}] } }, upsert: { entity: a }] }
  twilio: { path: /twilio, chain: [{ auth-twilio: { tokens: ["\${TWILIO}"] } }, upsert: { entity: a }] }
  adyen: { path: /adyen, chain: [{ auth-adyen: { keys: ["\${ADYEN}"] } }, upsert: { entity: a }] }
  graph: { path: /graph, chain: [{ auth-msgraph: { clientStates: ["\${GRAPH}"] } }, mapping: { fields: { changed: changed }, unmapped: drop }, upsert: { entity: a }] }
  meta: { path: /meta, chain: [{ challenge: { preset: meta, verifyToken: "\${META}" } }, { auth-bearer: { keys: ["\${BEARER_1}"] } }, upsert: { entity: a }] }
  crc: { path: /crc, chain: [{ challenge: { preset: x, secret: "\${CRC}" } }, { auth-bearer: { keys: ["\${BEARER_1}"] } }, upsert: { entity: a }] }
  any:
    path: /any
    chain:
      - auth-any:
          of:
            - auth-bearer: { keys: ["\${ANY_1}"] }
            - auth-basic: { credentials: [{ user: any, password: "\${ANY_2}" }] }
            - auth-hmac: { secrets: ["\${ANY_3}"], preset: inspire }
      - upsert: { entity: a }
  stored: { path: /stored, chain: [{ auth-bearer: { keys: ["\${secret:door}"] } }, upsert: { entity: a }] }
  gate: { path: /gate, chain: [{ auth-shared-secret: { header: X-Gate, secrets: ["\${secret:gate}"] } }, upsert: { entity: a }] }
  boom: { path: /boom, chain: [opentelemetry, ${open}, { canary: { secret: "\${BOOM}", how: throw } }, upsert: { entity: a }] }
  murmur: { path: /murmur, chain: [${open}, { canary: { secret: "\${MURMUR}", how: warn } }, upsert: { entity: a }] }
`

/** The gateway with everything that it says. */
export async function start(runtime: Runtime, config: string, env: Env, args: readonly string[] = []) {
  const home = folder()
  writeFileSync(join(home, 'postern.yaml'), config)
  const root = join(import.meta.dirname, '../..')
  const run = runtime === 'bun' ? [`--config=${join(root, 'bunfig.toml')}`] : ['run', '-A']
  const started = child(
    join(root, 'node_modules/.bin', runtime),
    [...run, join(root, 'main.ts'), 'serve', '--config', join(home, 'postern.yaml'), ...args],
    { cwd: home, env: { ...process.env, NO_COLOR: '1', LOG_LEVEL: 'trace', ...env }, stdio: 'pipe' },
  )
  let said = ''
  for (const stream of [started.stdout, started.stderr]) stream?.setEncoding('utf8').on('data', text => (said += text))
  const url = `http://127.0.0.1:${env.PORT}`
  const answers = () =>
    fetch(`${url}/readyz`).then(
      r => r.ok,
      () => false,
    )
  const ended = once(started, 'close')
  const gone = ended.then(() => {
    throw new Error(`it has ended: ${said}`)
  })
  await Promise.race([until('the gateway is ready', answers, 45_000), gone])
  gone.catch(() => {})
  return { url, admin: `http://127.0.0.1:${env.ADMIN_PORT}`, home, said: () => said, started, ended }
}
