// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is the syntax of a configuration
/** Secrets by the dozen through good and bad requests: none of them comes out again anywhere. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { available } from '../support/available.ts'
import { child, folder, freePort } from '../support/child.ts'
import { freshDatabase, postgres } from '../support/postgres.ts'
import { cli, type Runtime, runtimes } from '../support/process.ts'
import { raw } from '../support/raw.ts'
import { ask, signature } from './fixture.ts'
import { until } from './oracle.ts'

const names = [
  ...['BEARER_1', 'BEARER_2', 'BEARER_3', 'HMAC_1', 'HMAC_2', 'HMAC_64', 'HEADER_1', 'HEADER_2', 'PREFIXED', 'QUERY_1', 'QUERY_2'],
  ...['ADMIN', 'DATABASE', 'REDIS', 'DESTINATION', 'MASTER'],
] as const
type Name = (typeof names)[number]

/** Each holds its own name, and chance; some hold what JSON and URLs would write in another way. */
function canaries(): Record<Name, string> {
  const made = Object.fromEntries(names.map(name => [name, `canary-${name}-${randomBytes(12).toString('hex')}`])) as Record<Name, string>
  made.HMAC_2 += '"\\\n\u00e9</script>'
  made.HEADER_2 += '"\\'
  made.QUERY_2 += ' &%+"'
  made.HMAC_64 = randomBytes(24).toString('base64')
  made.MASTER = randomBytes(32).toString('base64')
  return made
}

const config = `
version: 1
server: { port: "\${PORT}", host: 127.0.0.1, drainDelay: 0s, bodyTimeout: 300ms, accessLog: true }
store: { url: "\${DATABASE_URL}" }
redis: { url: "\${REDIS_URL}" }
admin: { port: "\${ADMIN_PORT}", token: "\${ADMIN}" }
secrets: { masterKey: "\${MASTER}" }
destinations:
  there: { url: "https://there.example/", secrets: ["\${DESTINATION}"] }
webhooks:
  bearer: { path: /bearer, chain: [{ auth-bearer: { keys: ["\${BEARER_1}", "\${BEARER_2}", "\${BEARER_3}"] } }, idempotency, upsert: { entity: a }, dispatch] }
  hmac:
    path: /hmac
    chain:
      - auth-hmac: { secrets: ["\${HMAC_1}", "\${HMAC_2}"], preset: inspire }
      - replay-window
      - upsert: { entity: a }
  svix:
    path: /svix
    chain: [{ auth-hmac: { secrets: ["\${HMAC_64}"], preset: svix } }, upsert: { entity: a }]
  header: { path: /header, chain: [{ auth-shared-secret: { header: X-Secret, secrets: ["\${HEADER_1}", "\${HEADER_2}"] } }, upsert: { entity: a }] }
  prefixed: { path: /prefixed, chain: [{ auth-shared-secret: { header: X-Key, prefix: "Key ", secrets: ["\${PREFIXED}"] } }, upsert: { entity: a }] }
  query:
    path: /query
    methods: [GET, POST]
    chain: [{ auth-shared-secret: { query: key, secrets: ["\${QUERY_1}", "\${QUERY_2}"] } }, filter: { when: data.a.b == 1, otherwise: refuse }, upsert: { entity: a }]
  token: { path: "/token/{token}", chain: [auth-url-token, quota: { rate: { limit: 1000, per: 1m }, onUnavailable: open }, upsert: { entity: a }, dispatch] }
`

/** The gateway with everything that it says. */
async function start(runtime: Runtime, env: Record<string, string>) {
  const home = folder()
  writeFileSync(join(home, 'postern.yaml'), config)
  const root = join(import.meta.dirname, '../..')
  const args = runtime === 'bun' ? [`--config=${join(root, 'bunfig.toml')}`] : ['run', '-A']
  const started = child(
    join(root, 'node_modules/.bin', runtime),
    [...args, join(root, 'main.ts'), 'serve', '--config', join(home, 'postern.yaml')],
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
  await until(`ready: ${said}`, answers, 15_000)
  return { url, home, said: () => said, started, ended: once(started, 'close') }
}

const onPostgres = await available('Postgres', postgres)

for (const runtime of runtimes) {
  onPostgres(`canaries on ${runtime}`, () => {
    const secrets = canaries()
    const tokens: string[] = []
    const bodies: string[] = []
    let gateway: Awaited<ReturnType<typeof start>>
    let database: ReturnType<typeof ask>
    let env: Record<string, string>
    beforeAll(async () => {
      const fresh = await freshDatabase()
      const url = new URL(fresh.url)
      url.password = secrets.DATABASE
      const redis = `redis://:${secrets.REDIS}@127.0.0.1:${await freePort()}`
      env = { ...secrets, DATABASE_URL: url.href, REDIS_URL: redis, PORT: `${await freePort()}`, ADMIN_PORT: `${await freePort()}` }
      gateway = await start(runtime, env)
      database = ask(fresh.url)
    }, 30_000)
    afterAll(() => database?.end())

    const send = async (path: string, init: RequestInit = {}, base = gateway.url) => {
      const response = await fetch(base + path, { method: 'POST', body: '{"a":{"b":1}}', ...init })
      bodies.push(JSON.stringify([...response.headers]), await response.text())
      return response.status
    }
    const withHeader = (name: string, value: string, more: RequestInit = {}) => ({ headers: { [name]: value }, ...more })

    test('good and bad requests', async () => {
      const statuses: number[] = []
      const note = async (status: Promise<number>) => statuses.push(await status)
      const admin = `http://127.0.0.1:${env.ADMIN_PORT}`
      const operator = { headers: { authorization: `Bearer ${secrets.ADMIN}` } }
      for (let i = 0; i < 4; i++) {
        const made = await fetch(`${admin}/admin/v1/webhooks/token/tokens`, { method: 'POST', ...operator })
        tokens.push(((await made.json()) as { data: { token: string } }).data.token)
      }
      for (const body of ['{"a":{"b":1}}', '{"a":1}', '[]', '{', '{"id":["x"]}', '{"a":"\\u0000"}']) {
        for (const key of [secrets.BEARER_1, secrets.BEARER_2, secrets.BEARER_3, `${secrets.BEARER_1}x`, secrets.HEADER_1]) {
          await note(send('/bearer', withHeader('authorization', `Bearer ${key}`, { body })))
          await note(send('/nothing', withHeader('authorization', `Bearer ${key}`, { body })))
          await note(send('/bearer', { ...withHeader('authorization', `Basic ${key}`, { body }) }))
        }
        for (const secret of [secrets.HMAC_1, secrets.HMAC_2, secrets.HMAC_64]) {
          const headers = signature(body, Date.now(), secret)
          for (const path of ['/hmac', '/svix']) await note(send(path, { headers, body }))
          await note(send('/hmac', { headers: { ...headers, 'x-webhook-signature': `sha256=${secret.replace(/[^!-~]/g, '')}` }, body }))
        }
        for (const secret of [secrets.HEADER_1, secrets.HEADER_2, secrets.PREFIXED]) {
          await note(send('/header', withHeader('x-secret', secret, { body })))
          await note(send('/prefixed', withHeader('x-key', `Key ${secret}`, { body })))
        }
        for (const secret of [secrets.QUERY_1, secrets.QUERY_2, secrets.HEADER_1]) {
          await note(send(`/query?key=${encodeURIComponent(secret)}`, { body }))
          await note(send(`/query?key=${encodeURIComponent(secret)}&key=x`, { body }))
        }
        for (const token of tokens) {
          for (const path of [`/token/${token}`, `/token/${token}x`, `/token/${token}/x`, `/header/${token}`])
            await note(send(path, { body }))
        }
      }
      for (const method of ['PUT', 'DELETE', 'OPTIONS']) {
        await note(send(`/token/${tokens[0]}`, { method, ...(method === 'OPTIONS' && { body: null }) }))
        await note(
          send('/bearer', {
            method,
            headers: { authorization: `Bearer ${secrets.BEARER_1}` },
            ...(method === 'OPTIONS' && { body: null }),
          }),
        )
      }
      for (const path of [
        '/admin/v1/webhooks',
        '/admin/v1/webhooks/bearer',
        '/admin/v1/webhooks/token/tokens',
        '/admin/v1/nothing',
        '/admin/v1/entities/a/records',
      ]) {
        await note(send(path, { method: 'GET', body: null, ...operator }, admin))
        await note(send(path, { method: 'GET', body: null, headers: { authorization: `Bearer ${secrets.ADMIN}x` } }, admin))
      }
      // Bytes that the server itself refuses, and a body that never comes.
      const port = Number(env.PORT)
      const head = `POST /bearer HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${secrets.BEARER_1}\r\n`
      for (const rest of ['content-length: x\r\n\r\n', 'content-length: 10\r\n\r\n', 'host: y\r\n\r\n', 'a b: c\r\n\r\n'])
        bodies.push((await raw(port, [head + rest], { deadline: 1500 })).text)
      bodies.push(
        (await raw(port, [`GET /query?key=${secrets.QUERY_1}#x HTTP/1.1\r\nhost: ${secrets.QUERY_1}\r\n\r\n`], { deadline: 1000 })).text,
      )
      expect(statuses.filter(status => status >= 500)).toEqual([])
      for (const status of [201, 400, 401, 404, 405, 422]) expect(statuses).toContain(status)
    }, 30_000)

    test('what senders and operators read', async () => {
      const admin = `http://127.0.0.1:${env.ADMIN_PORT}`
      const operator = { headers: { authorization: `Bearer ${secrets.ADMIN}` } }
      const read = { method: 'GET', body: null }
      const webhooks = ['bearer', 'hmac', 'svix', 'header', 'prefixed', 'query', 'token']
      for (const path of ['/openapi.json', '/docs', ...webhooks.map(name => `/docs/${name}`)]) expect(await send(path, read)).toBe(200)
      // With a credential where none belongs, as a link may have it.
      for (const path of [`/docs/${tokens[0]}`, `/docs?key=${secrets.BEARER_1}`, `/openapi.json?key=${secrets.BEARER_1}`])
        await send(path, read)
      for (const path of ['/metrics', '/readyz', '/livez', '/admin/openapi.json'])
        expect(await send(path, { ...read, ...operator }, admin)).toBe(200)
      const trace = `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-01`
      const traced = { authorization: `Bearer ${secrets.BEARER_1}`, traceparent: trace, tracestate: `a=${secrets.BEARER_1}` }
      expect(await send('/bearer', { headers: { ...traced, 'x-request-id': secrets.BEARER_2, 'user-agent': secrets.BEARER_3 } })).toBe(201)
      expect(await database.rows('select count(*)::int as n from events where trace is not null')).toEqual([{ n: 1 }])
      for (const name of webhooks) {
        expect(await send(`/admin/v1/webhooks/${name}/requests`, { ...read, ...operator }, admin)).toBe(200)
        for (const init of [
          { ...operator, body: '{}' },
          { headers: { ...operator.headers, 'content-type': 'application/json' }, body: `{"last":"${secrets.ADMIN}"}` },
        ])
          await send(`/admin/v1/webhooks/${name}/infer`, init, admin)
      }
      for (const path of ['events', 'deliveries', 'config', 'destinations', 'subscriptions', 'secrets'])
        await send(`/admin/v1/${path}`, { ...read, ...operator }, admin)
    }, 30_000)

    test('every command', async () => {
      const file = join(gateway.home, 'postern.yaml')
      const changed = join(gateway.home, 'changed.yaml')
      writeFileSync(changed, config.replace('"${HMAC_1}", "${HMAC_2}"', '"${HMAC_2}"').replace('header: X-Secret', 'header: X-Other'))
      const cases = join(gateway.home, 'cases.yaml')
      const quoted = (value: unknown) => JSON.stringify(value)
      const request = { method: 'POST', path: '/bearer', headers: { authorization: `Bearer ${secrets.BEARER_1}` }, body: '{"a":1}' }
      writeFileSync(
        cases,
        `config: postern.yaml\ncases:\n  - { name: fails, env: ${quoted(env)}, request: ${quoted(request)}, expect: { status: 418, body: { code: NONE } } }\n` +
          `  - { name: signs, env: ${quoted(env)}, request: { method: POST, path: /hmac, body: '{"a":1}', sign: true }, expect: { status: 418 } }\n`,
      )
      const http = join(gateway.home, 'request.http')
      const signed = Object.entries(signature('{"a":1}', Date.now(), secrets.BEARER_1)).map(([name, value]) => `${name}: ${value}\r\n`)
      writeFileSync(http, `POST /hmac HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${secrets.BEARER_2}\r\n${signed.join('')}\r\n{"a":1}`)
      const admin = ['--url', `http://127.0.0.1:${env.ADMIN_PORT}`]
      const withConfig = ['--config', file]
      const commands = [
        ['plan', file, changed],
        ['plan', file, changed, '--json'],
        ['presets', 'list'],
        ['plugins', 'list'],
        ['test', cases],
        ['check', '--dependents', 'there', ...withConfig],
        ['doctor', 'hmac', '--fixture', http, ...withConfig],
        ['doctor', 'hmac', '--fixture', http, '--json', ...withConfig],
        ['doctor', 'bearer', ...admin, ...withConfig],
        ['infer', 'bearer', ...admin, ...withConfig],
        ...['bearer', 'hmac', 'header', 'query'].map(name => ['send', name, '--dry-run', ...withConfig]),
        ['send', 'hmac', '--data', '{"a":1}', '--url', gateway.url, ...withConfig],
        ['requests', 'list', 'bearer', ...admin, ...withConfig],
        ['events', 'list', ...admin, ...withConfig],
        ['token', 'list', ...withConfig],
        ['secret', 'list', ...withConfig],
      ]
      const run = async (args: string[]) => {
        const { code, stdout, stderr } = await cli(args, {
          runtime,
          env: { ...env, POSTERN_ADMIN_TOKEN: secrets.ADMIN },
          cwd: gateway.home,
        })
        // Each has something to say; one that only complains of its usage would prove nothing.
        expect([args.join(' '), code === 2, stdout + stderr === '']).toEqual([args.join(' '), false, false])
        bodies.push(stdout, stderr)
      }
      // A few at a time.
      for (let i = 0; i < commands.length; i += 4) await Promise.all(commands.slice(i, i + 4).map(run))
    }, 60_000)

    test('a reload, good and bad, an outage, and the end', async () => {
      gateway.started.kill('SIGHUP')
      await until('reloaded', () => gateway.said().includes('"reloaded"'))
      // What a hurried operator may write: secrets where none belong.
      const changes: [from: string, to: string][] = [
        [`keys: ["\${BEARER_1}"`, `keys: ["\${BEARER_1}", 5, { a: "\${BEARER_2}" }`],
        ['keys: [', 'keyz: ['],
        ['admin: {', `admin: { "\${ADMIN}": 1, x: "\${ADMIN}", host: ["\${ADMIN}"], `],
        [`port: "\${ADMIN_PORT}"`, `port: "\${ADMIN}"`],
        ['preset: inspire', `preset: "\${HMAC_1}", encoding: "\${HMAC_1}"`],
        ['header: X-Secret', `header: "\${HEADER_2}"`],
        [`masterKey: "\${MASTER}"`, `masterKey: "x\${MASTER}"`],
        [`url: "\${DATABASE_URL}"`, `url: "x\${DATABASE_URL}"`],
        [`url: "\${REDIS_URL}"`, `url: "x\${REDIS_URL}"`],
      ]
      const wrong = changes.map(([from, to]) => config.replace(from, to))
      for (const [i, text] of wrong.entries()) {
        writeFileSync(join(gateway.home, 'postern.yaml'), text)
        gateway.started.kill('SIGHUP')
        await until(`refused the file ${i}`, () => gateway.said().split('the old one stays').length > i + 1)
        for (const json of [[], ['--json']]) {
          const { stdout, stderr } = await cli(['check', '--config', join(gateway.home, 'postern.yaml'), ...json], { runtime, env })
          bodies.push(stdout, stderr)
        }
      }
      await database.rows(
        `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'postern' and datname = current_database()`,
      )
      expect(await send('/bearer', withHeader('authorization', `Bearer ${secrets.BEARER_1}`))).toBe(201)
      gateway.started.kill('SIGTERM')
      await gateway.ended
      // A store that is not there, and one that does not know the password.
      for (const url of [`postgres://u:${secrets.DATABASE}@127.0.0.1:1/x`, env.DATABASE_URL?.replace(/\/[^/]*$/, '/nowhere')]) {
        writeFileSync(join(gateway.home, 'postern.yaml'), config)
        const { code, stdout, stderr } = await cli(['token', 'list', '--config', join(gateway.home, 'postern.yaml')], {
          runtime,
          env: { ...env, DATABASE_URL: url },
        })
        expect(code).toBe(69)
        bodies.push(stdout, stderr)
      }
    }, 60_000)

    test('and none of them comes out again', async () => {
      const tables = await database.rows(
        `select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname not in ('pg_catalog', 'information_schema')`,
      )
      const dump: string[] = []
      for (const { name } of tables) for (const row of await database.rows(`select t::text as text from ${name} t`)) dump.push(row.text)
      expect(dump.length).toBeGreaterThan(10)
      const places = { said: gateway.said(), answered: bodies.join('\n'), stored: dump.join('\n') }
      const all = [...Object.entries(secrets), ...tokens.map((token, i): [string, string] => [`TOKEN_${i + 1}`, token])]
      expect(all).toHaveLength(20)
      const found = all.flatMap(([name, secret]) => {
        // As it is, as JSON and URLs write it, and any long part of it.
        const core = secret.slice(0, 36)
        const forms = [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret), core, core.slice(-20)]
        return Object.entries(places).flatMap(([place, text]) => (forms.some(form => text.includes(form)) ? [`${name} ${place}`] : []))
      })
      expect(found).toEqual([])
    })
  })
}
