// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is the syntax of a configuration
/** The canaries of the embedded store, whose files lie open, and of several workers. */
import { beforeAll, expect, test } from 'bun:test'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { openDatabase } from '#core/store/store.ts'
import { sink } from '../deliveries/sink.ts'
import { until } from '../hostile/oracle.ts'
import { available } from '../support/available.ts'
import { freePort } from '../support/child.ts'
import { freshDatabase, postgres } from '../support/postgres.ts'
import { cli, type Runtime, runtimes } from '../support/process.ts'
import { spelled } from './plugins.ts'
import { filesOf, found } from './search.ts'
import { start } from './world.ts'

const NAMES = ['BEARER', 'BASIC', 'HMAC', 'QUERY', 'SIGN', 'CRM', 'ADMIN', 'STORED', 'WRONG', 'FORWARDED'] as const

const config = (sinkUrl: string) => `
version: 1
server: { port: "\${PORT}", host: 127.0.0.1, drainDelay: 0s, accessLog: true }
store: { url: "\${STORE}" }
admin: { port: "\${ADMIN_PORT}", token: "\${ADMIN}" }
secrets: { masterKey: "\${MASTER}" }
plugins: ["${join(import.meta.dirname, 'plugins.ts')}"]
destinations: { crm: { url: "${sinkUrl}/crm", allowPrivate: true, secrets: ["\${SIGN}"], headers: { Authorization: "Bearer \${CRM}" } } }
subscriptions: { all: { webhooks: bearer, to: crm } }
webhooks:
  bearer: { path: /bearer, chain: [{ auth-bearer: { keys: ["\${BEARER}"] } }, upsert: { entity: a }, dispatch] }
  basic: { path: /basic, chain: [{ auth-basic: { credentials: [{ user: u, password: "\${BASIC}" }] } }, upsert: { entity: a }] }
  query: { path: /query, chain: [{ auth-shared-secret: { query: door, secrets: ["\${QUERY}"] } }, upsert: { entity: a }] }
  token: { path: "/token/{token}", chain: [auth-url-token, upsert: { entity: a }] }
  boom: { path: /boom, chain: [{ auth-none: { reason: a test } }, { canary: { secret: "\${HMAC}", how: throw } }, upsert: { entity: a }] }
`

async function flight(runtime: Runtime, store: string, args: readonly string[] = []) {
  const secrets = Object.fromEntries(NAMES.map(name => [name, `canary-${name}-${randomBytes(14).toString('hex')}`]))
  secrets.MASTER = randomBytes(32).toString('base64')
  const known = Object.values(secrets).map(spelled)
  const receiver = sink({ crm: () => new Response(JSON.stringify(known.slice(4, 6)), { status: 200 }) })
  const env = { ...secrets, STORE: store, PORT: `${await freePort()}`, ADMIN_PORT: `${await freePort()}` }
  const gateway = await start(runtime, config(receiver.url), env, args)
  try {
    const said: string[] = []
    const send = async (path: string, headers: Record<string, string> = {}, base = gateway.url, method = 'POST') => {
      // Each on a connection of its own, so that every worker has some.
      const sent = { connection: 'close', ...(method === 'POST' && { 'content-type': 'application/json' }), ...headers }
      const response = await fetch(base + path, { method, headers: sent, ...(method === 'POST' && { body: '{"n":1}' }) })
      said.push(JSON.stringify([...response.headers]), await response.text())
      return response.status
    }
    const basic = (text = '') => `Basic ${Buffer.from(`u:${text}`).toString('base64')}`
    const admin = { authorization: `Bearer ${secrets.ADMIN}` }
    const stored = await cli(['secret', 'set', 'door', '--config', join(gateway.home, 'postern.yaml')], {
      runtime,
      env,
      input: `${secrets.STORED}`,
      cwd: gateway.home,
    })
    expect([stored.code, stored.stderr]).toEqual([0, expect.not.stringContaining('canary-')])
    for (let round = 0; round < 4; round++) {
      const sent: [string, Record<string, string>, number][] = [
        ['/bearer', { authorization: `Bearer ${secrets.BEARER}`, 'x-copy': `${secrets.BEARER}` }, 201],
        ['/bearer', { authorization: `Bearer ${secrets.WRONG}` }, 401],
        ['/bearer', { 'x-forwarded-authorization': basic(secrets.FORWARDED) }, 401],
        ['/basic', { authorization: basic(secrets.BASIC) }, 201],
        ['/basic', { authorization: basic(secrets.WRONG) }, 401],
        [`/query?door=${secrets.QUERY}`, {}, 201],
        [`/query?door=${Buffer.from(`${secrets.QUERY}`).toString('hex')}`, {}, 401],
        ['/boom', {}, 500],
      ]
      for (const [path, headers, status] of sent) expect([path, await send(path, headers)]).toEqual([path, status])
    }
    const made = await fetch(`${gateway.admin}/admin/v1/webhooks/token/tokens`, { method: 'POST', headers: admin })
    const { token } = ((await made.json()) as { data: { token: string } }).data
    secrets.TOKEN = token
    expect([await send(`/token/${token}`), await send(`/token/${token}x`)]).toEqual([201, 404])
    await receiver.until(() => receiver.at('crm').length > 0)
    expect(receiver.at('crm')[0]?.headers.get('authorization')).toBe(`Bearer ${secrets.CRM}`)
    const samples = async () => {
      expect(await send('/admin/v1/webhooks/bearer/requests', admin, gateway.admin, 'GET')).toBe(200)
      return (JSON.parse(said.at(-1) as string) as { data: unknown[] }).data.length
    }
    await until('samples', async () => (await samples()) >= 10)
    for (const path of ['deliveries', 'events', 'config', 'audit', 'secrets'])
      expect(await send(`/admin/v1/${path}`, admin, gateway.admin, 'GET')).toBe(200)
    gateway.started.kill('SIGTERM')
    await gateway.ended
    expect(gateway.said().split('the canary falls').length).toBe(5)
    return { secrets, said: said.join('\n'), log: gateway.said(), home: gateway.home }
  } finally {
    gateway.started.kill('SIGKILL')
    receiver.stop()
  }
}

/** Everything in the tables: in its files, a long row is compressed. */
async function dump(url: string): Promise<string> {
  const db = await openDatabase(url)
  try {
    const tables = await db.query<{ name: string }>(
      `select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname not in ('pg_catalog', 'information_schema')`,
    )
    const rows: string[] = []
    for (const { name } of tables)
      for (const { row } of await db.query<{ row: unknown }>(`select to_jsonb(t) as row from ${name} t`)) rows.push(JSON.stringify(row))
    return rows.join('\n')
  } finally {
    await db.close()
  }
}

/** All at once: each waits more than it works. */
const flights = new Map(runtimes.map(runtime => [runtime, undefined as ReturnType<typeof flight> | undefined]))
beforeAll(() => {
  for (const runtime of runtimes) {
    const flown = flight(runtime, 'pglite://./data')
    // Whoever waits for it hears of it.
    flown.catch(() => {})
    flights.set(runtime, flown)
  }
})

test.each([...runtimes])(
  'the embedded store on %s: in no file, no row, no line',
  async runtime => {
    const { secrets, home, said, log } = await (flights.get(runtime) as ReturnType<typeof flight>)
    const data = join(home, 'data')
    expect(existsSync(data)).toBe(true)
    const files = filesOf(home)
    expect(Object.keys(files).length).toBeGreaterThan(100)
    const tables = await dump(`pglite://${data}`)
    expect(tables.split('\n').length).toBeGreaterThan(40)
    expect(found(secrets, { said, log, tables, ...files })).toEqual([])
    const [some = ''] = Object.keys(files)
    const planted = Buffer.concat([files[some] as Buffer, Buffer.from(`${secrets.TOKEN}`)])
    expect(found(secrets, { said, log, tables, ...files, [some]: planted })).toEqual([`TOKEN ${some}`])
  },
  40_000,
)

const onPostgres = await available('Postgres', postgres)

onPostgres('two workers', () => {
  test('in no file, no row, no line', async () => {
    const { url } = await freshDatabase()
    const { secrets, home, said, log } = await flight('bun', url, ['--workers', '2'])
    const tables = await dump(url)
    expect(tables.split('\n').length).toBeGreaterThan(40)
    expect(found(secrets, { said, log, tables, ...filesOf(home) })).toEqual([])
  }, 90_000)
})
