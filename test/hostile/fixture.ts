/** A gateway with one webhook of each kind, real Postgres behind it, and ways to look at what it wrote. */
import { createHmac } from 'node:crypto'
import pg from 'pg'
import { freshDatabase } from '../support/postgres.ts'
import { gateway, type Runtime } from '../support/process.ts'

/** Credentials by the name of the variable that the configuration reads. */
export const secrets = {
  BEARER_KEY: 'bearer-key-0123456789abcdef',
  BEARER_NEXT: 'bearer-next-fedcba9876543210',
  PLAIN_KEY: 'plain-key-00112233445566778899',
  HMAC_SECRET: 'hmac-secret-0123456789abcdef',
  HEADER_SECRET: 'header-secret-0123456789abcdef',
  QUERY_SECRET: 'query-secret-0123456789abcdef',
  ADMIN_TOKEN: 'admin-token-0123456789abcdef',
}

/** Milliseconds. */
export const BODY_TIMEOUT = 1000
/** Bytes. */
export const SMALL_LIMIT = 4096

export const config = `
version: 1
server: { port: "\${PORT}", host: 127.0.0.1, drainDelay: 0s, bodyTimeout: ${BODY_TIMEOUT}ms }
store: { url: "\${DATABASE_URL}" }
redis: { url: "\${REDIS_URL:-}" }
admin: { port: "\${ADMIN_PORT}", token: "\${ADMIN_TOKEN}" }
webhooks:
  bearer: # idempotency, a quota that is never full, an id that the sender may name
    path: /bearer
    bodyLimit: ${SMALL_LIMIT}B
    chain:
      - auth-bearer: { keys: ["\${BEARER_KEY}", "\${BEARER_NEXT}"] }
      - idempotency
      - quota: { records: 1000000 }
      - upsert: { entity: thing, idField: id, idFieldQuery: idField }
      - dispatch
  plain:
    path: /plain
    methods: [POST, PUT]
    chain: [{ auth-bearer: { keys: ["\${PLAIN_KEY}"] } }, { upsert: { entity: plain } }, dispatch]
  signed:
    path: /signed
    chain:
      - auth-hmac: { secrets: ["\${HMAC_SECRET}"], preset: inspire }
      - replay-window: { tolerance: 5m }
      - upsert: { entity: signed }
      - dispatch
  drop:
    path: /drop/{token}
    chain: [auth-url-token, { upsert: { entity: drop } }, dispatch]
  drop-other:
    path: /other/{token}
    chain: [auth-url-token, { upsert: { entity: drop } }, dispatch]
  by-header:
    path: /by-header
    chain: [{ auth-shared-secret: { header: X-Secret, secrets: ["\${HEADER_SECRET}"] } }, { upsert: { entity: shared } }, dispatch]
  by-query:
    path: /by-query
    methods: [GET, POST]
    chain: [{ auth-shared-secret: { query: key, secrets: ["\${QUERY_SECRET}"] } }, { upsert: { entity: shared } }, dispatch]
  person:
    path: /person
    chain:
      - auth-none: { reason: the tests send what they like }
      - upsert: { entity: person, match: [email, phone], ignoreCase: true }
      - dispatch
  open:
    path: /open
    methods: [POST, PUT, PATCH, GET]
    bodyLimit: 64KiB
    chain: [{ auth-none: { reason: the tests send what they like } }, { upsert: { entity: open } }, dispatch]
  full:
    path: /full
    chain: [{ auth-none: { reason: the tests send what they like } }, { quota: { records: 1 } }, { upsert: { entity: full } }, dispatch]
  secret: # what the odd hosts of the raw table try to reach past a proxy
    path: /_admin/secret
    methods: [GET, POST]
    chain: [{ auth-none: { reason: the tests send what they like } }, dispatch]
  user:
    path: /_admin/u/{id}
    methods: [GET, POST]
    chain: [{ auth-none: { reason: the tests send what they like } }, dispatch]
  tenant-a:
    path: /tenant
    host: a.example
    chain: [{ auth-none: { reason: the tests send what they like } }, dispatch]
  tenant-b:
    path: /tenant
    host: b.example
    chain: [{ auth-none: { reason: the tests send what they like } }, dispatch]
  rate-open:
    path: /rate-open
    chain:
      - auth-none: { reason: the tests send what they like }
      - quota: { rate: { limit: 1000000, per: 1h }, onUnavailable: open }
      - upsert: { entity: rated }
      - dispatch
  rate-closed:
    path: /rate-closed
    chain:
      - auth-none: { reason: the tests send what they like }
      - quota: { rate: { limit: 1000000, per: 1h } }
      - upsert: { entity: rated }
      - dispatch
  rate-low:
    path: /rate-low
    chain:
      - auth-none: { reason: the tests send what they like }
      - quota: { rate: { limit: 2, per: 1h }, onUnavailable: open }
      - upsert: { entity: rated }
      - dispatch
  off:
    path: /off
    active: false
    chain: [{ auth-none: { reason: the tests send what they like } }, dispatch]
`

const TABLES = ['records', 'events', 'idempotency_keys', 'quotas'] as const

/** Rows of each table, and what the quotas have counted. */
export type Counts = Record<(typeof TABLES)[number] | 'used', number>

export type Opened = Awaited<ReturnType<typeof open>>

/** Asks a database, in sessions that may end at any time. */
export function ask(url: string) {
  const db = new pg.Pool({ connectionString: url, max: 2 })
  db.on('error', () => {}).on('connect', client => void client.on('error', () => {}))
  const rows = async <Row = Record<string, any>>(text: string, values: unknown[] = []): Promise<Row[]> =>
    (await db.query(text, values)).rows
  return { rows, end: () => db.end() }
}

/** Starts the gateway, on a new database unless one is given; `env` goes before the secrets above, and `config` in the place of that above. */
export async function open(runtime: Runtime, own: { database?: string; env?: Record<string, string | undefined>; config?: string } = {}) {
  const database = own.database === undefined ? await freshDatabase() : { url: own.database, drop: async () => {} }
  const env = { ...secrets, DATABASE_URL: database.url, REDIS_URL: undefined, ...own.env }
  const running = await gateway({ runtime, config: own.config ?? config, env })
  const { rows, end } = ask(database.url)

  return {
    ...running,
    rows,
    counts: async () => {
      const counted = TABLES.map(table => `(select count(*)::int from ${table}) as ${table}`)
      const [counts] = await rows<Counts>(`select ${counted.join(', ')}, (select coalesce(sum(used), 0)::int from quotas) as used`)
      return counts as Counts
    },
    /** A new token of a webhook. */
    async token(webhook: string): Promise<{ id: string; token: string }> {
      const response = await fetch(`${running.adminUrl}/admin/v1/webhooks/${webhook}/tokens`, {
        method: 'POST',
        headers: { authorization: `Bearer ${env.ADMIN_TOKEN}` },
      })
      if (response.status !== 201) throw new Error(`no token: ${response.status} ${await response.text()}`)
      return ((await response.json()) as { data: { id: string; token: string } }).data
    },
    async close() {
      running.kill()
      await running.exited
      await end()
      await database.drop()
    },
  }
}

export const authorization = { authorization: `Bearer ${secrets.BEARER_KEY}` }

/** The headers of a request that `signed` takes. */
export function signature(body: string | Uint8Array, at = Date.now(), secret = secrets.HMAC_SECRET): Record<string, string> {
  const timestamp = `${Math.floor(at / 1000)}`
  const hex = createHmac('sha256', secret).update(`${timestamp}.`).update(body).digest('hex')
  return { 'x-webhook-timestamp': timestamp, 'x-webhook-signature': `sha256=${hex}` }
}
