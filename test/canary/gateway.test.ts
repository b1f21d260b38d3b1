// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is the syntax of a configuration
/** Secrets by the dozen through every path, good and bad: none of them comes out again anywhere. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { createHmac, randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { signingKey } from '#core/plugin.ts'
import { type Sink, sink } from '../deliveries/sink.ts'
import { ask, signature } from '../hostile/fixture.ts'
import { until } from '../hostile/oracle.ts'
import { available } from '../support/available.ts'
import { folder, freePort } from '../support/child.ts'
import { type NatsServer, natsServer } from '../support/nats.ts'
import { freshDatabase, postgres } from '../support/postgres.ts'
import { cli, runtimes } from '../support/process.ts'
import { raw } from '../support/raw.ts'
import { redisServer } from '../support/redis.ts'
import { spelled } from './plugins.ts'
import { filesOf, found } from './search.ts'
import { strays, type Way, ways } from './ways.ts'
import { canaries, configOf, type Name, pairs, start } from './world.ts'

const LEAST = 40
/** Marks the last request whose sample is waited for. */
const gate = 'the-last-of-them'

const onPostgres = await available('Postgres', postgres)
const withNats = await natsServer()
  .then(server => server.stop())
  .then(
    () => true,
    () => false,
  )

/** A NATS server with one user, and a stream for what is sent to `canary.*`. */
async function streamed(password: string): Promise<NatsServer> {
  const server = await natsServer(`authorization { users: [{ user: postern, password: "${password}" }] }`)
  const stream = JSON.stringify({ name: 'canary', subjects: ['canary.*'] })
  const made = `PUB $JS.API.STREAM.CREATE.canary answer ${stream.length}\r\n${stream}\r\n`
  const login = `CONNECT ${JSON.stringify({ user: 'postern', pass: password, verbose: false })}\r\nSUB answer 1\r\n`
  const { text } = await raw(server.port, [login + made, 200, 'PING\r\n'], { deadline: 400 })
  expect(text).toContain('"canary"')
  return server
}

for (const runtime of runtimes) {
  onPostgres(`canaries on ${runtime}`, () => {
    const secrets = canaries()
    /** Made on the way: URL tokens, and what issuers sign. */
    const tokens: Record<string, string> = {}
    /** Which have opened something, and which were turned away. */
    const went = { in: new Set<string>(), out: new Set<string>() }
    const answers: string[] = []
    const statuses: number[] = []
    const spans = join(folder(), 'spans')
    let file: string
    let gateway: Awaited<ReturnType<typeof start>>
    let database: ReturnType<typeof ask>
    let receiver: Sink
    let nats: NatsServer | undefined
    let redis: Awaited<ReturnType<typeof redisServer>>
    let rows: Way[]
    let config: string
    let env: Record<string, string>
    const admin = { authorization: `Bearer ${secrets.ADMIN}` }

    beforeAll(async () => {
      const [fresh, server, keys] = await Promise.all([freshDatabase(), redisServer(), pairs()])
      redis = server
      if (withNats) nats = await streamed(secrets.NATS)
      const url = new URL(fresh.url)
      url.password = secrets.DATABASE
      const redisPort = Number(new URL(redis.url).port)
      await raw(redisPort, [`CONFIG SET requirepass ${secrets.REDIS}\r\n`], { deadline: 50 })
      // What a receiver knows it may tell, however it is written; less than the 4 KiB that are kept.
      const echo =
        (status: number, names: readonly Name[]) =>
        (_: number, { headers }: { headers: Headers }) =>
          new Response(JSON.stringify({ headers: [headers.get('authorization')], all: names.map(name => spelled(secrets[name])) }), {
            status,
          })
      receiver = sink({ there: echo(200, ['CRM_AUTH', 'CRM_KEY', 'SIGN_1']), fails: echo(500, ['SIGN_2', 'SIGN_3']) })
      config = configOf(keys, receiver.url, nats?.url)
      env = {
        ...secrets,
        DATABASE_URL: url.href,
        REDIS_URL: `redis://:${secrets.REDIS}@127.0.0.1:${redisPort}`,
        CRM_BASIC_HEADER: `Basic ${Buffer.from(`postern:${secrets.CRM_BASIC}`).toString('base64')}`,
        PORT: `${await freePort()}`,
        ADMIN_PORT: `${await freePort()}`,
        SPANS: spans,
        POSTERN_ADMIN_TOKEN: secrets.ADMIN,
      }
      const before = join(folder(), 'postern.yaml')
      writeFileSync(before, config)
      // Both are there before the gateway asks for them.
      await command(['secret', 'set', 'door', '--config', before], secrets.STORED_1)
      await command(['secret', 'set', 'gate', '--config', before], secrets.STORED_3)
      gateway = await start(runtime, config, env)
      file = join(gateway.home, 'postern.yaml')
      database = ask(fresh.url)
      rows = await ways(secrets, keys, tokens)
    }, 60_000)
    afterAll(async () => {
      gateway?.started.kill('SIGKILL')
      receiver?.stop()
      await Promise.all([database?.end(), nats?.stop(), redis?.stop()])
    })

    /** What a command says is kept; one that only complains of its usage would prove nothing. */
    async function command(args: string[], input = '', code?: number, more: Record<string, string> = {}) {
      const { code: ended, ...said } = await cli(args, { runtime, env: { ...env, ...more }, ...(gateway && { cwd: gateway.home }), input })
      const text = said.stdout + said.stderr
      expect([args.join(' '), code === undefined ? ended !== 2 && text !== '' : ended]).toEqual([args.join(' '), code ?? true])
      answers.push(said.stdout, said.stderr)
      return said
    }

    const send = async (path: string, init: RequestInit = {}, base = gateway.url) => {
      const response = await fetch(base + path, { method: 'POST', body: '{"a":{"b":1}}', ...init })
      answers.push(JSON.stringify([...response.headers]), await response.text())
      statuses.push(response.status)
      return response.status
    }
    const read = (path: string, more: Record<string, string> = {}) =>
      send(path, { method: 'GET', body: null, headers: { ...admin, ...more } }, gateway.admin)
    const listed = async (path: string) => {
      expect(await read(path)).toBe(200)
      return (JSON.parse(answers.at(-1) as string) as { data: { id: string }[] }).data
    }

    test('each opens what it is for, and a wrong one nothing', async () => {
      const got: [string, number][] = []
      for (const { secrets: names, path, init, status } of rows) {
        got.push([`${names} ${path.split('?')[0]}`, await send(path, init)])
        for (const name of names) went[status < 300 ? 'in' : 'out'].add(name)
      }
      expect(got).toEqual(rows.map(({ secrets: names, path, status }) => [`${names} ${path.split('?')[0]}`, status]))
      for (let i = 1; i <= 4; i++) {
        const made = await fetch(`${gateway.admin}/admin/v1/webhooks/token/tokens`, { method: 'POST', headers: admin })
        const token = ((await made.json()) as { data: { token: string } }).data.token
        tokens[`TOKEN_${i}`] = token
        expect([await send(`/token/${token}`), await send(`/token/${token}x`), await send(`/token/${token}/x`)]).toEqual([201, 404, 404])
      }
      expect(await send('/admin/v1/webhooks', { method: 'GET', body: null, headers: admin }, gateway.admin)).toBe(200)
      const wrong = { authorization: `Bearer ${secrets.ADMIN}x` }
      expect(await send('/admin/v1/webhooks', { method: 'GET', body: null, headers: wrong }, gateway.admin)).toBe(401)
    }, 30_000)

    test('where they do not belong, in bodies that no parser likes, and in bytes that are no request', async () => {
      for (const { path, init } of strays(secrets)) expect([400, 401]).toContain(await send(path, init))
      for (const name of ['FORWARDED', 'PROXY', 'COOKIE'] satisfies Name[]) went.out.add(name)
      for (const body of ['[]', '{', '{"id":["x"]}', '{"a":"\\u0000"}']) {
        for (const key of [secrets.BEARER_1, secrets.BEARER_2, `${secrets.BEARER_1}x`, secrets.HEADER_1]) {
          const headers = { authorization: `Bearer ${key}` }
          for (const path of ['/bearer', '/nothing', `/header/${tokens.TOKEN_1}`]) await send(path, { headers, body })
        }
        for (const secret of [secrets.HMAC_1, secrets.HMAC_2]) {
          const headers = signature(body, Date.now(), secret)
          await send('/hmac', { headers, body })
          await send('/hmac', { headers: { ...headers, 'x-webhook-signature': `sha256=${secret.replace(/[^!-~]/g, '')}` }, body })
        }
        for (const secret of [secrets.QUERY_1, secrets.QUERY_2])
          await send(`/query?key=${encodeURIComponent(secret)}&key=${encodeURIComponent(secret)}x`, { body })
      }
      for (const method of ['PUT', 'DELETE', 'OPTIONS']) {
        const body = method === 'OPTIONS' ? null : '{}'
        await send(`/token/${tokens.TOKEN_1}`, { method, body })
        await send('/bearer', { method, body, headers: { authorization: `Bearer ${secrets.BEARER_1}` } })
      }
      // Bytes that the server itself refuses, and a body that never comes.
      const head = `POST /bearer HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${secrets.BEARER_1}\r\n`
      const odd = ['content-length: x\r\n\r\n', 'content-length: 10\r\n\r\n', 'host: y\r\n\r\n', 'a b: c\r\n\r\n'].map(rest => head + rest)
      odd.push(`GET /query?key=${secrets.QUERY_1}#x HTTP/1.1\r\nhost: ${secrets.QUERY_1}\r\n\r\n`)
      const said = await Promise.all(odd.map(bytes => raw(Number(env.PORT), [bytes], { deadline: 1500 })))
      answers.push(...said.map(({ text }) => text))
      const { BEARER_1, BEARER_2, BEARER_3 } = secrets
      const traced = {
        authorization: `Bearer ${BEARER_1}`,
        traceparent: `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-01`,
        tracestate: `a=${BEARER_1}`,
        baggage: `key=${BEARER_2}`,
        'x-request-id': BEARER_2,
        'user-agent': BEARER_3,
      }
      expect(await send('/bearer', { headers: traced })).toBe(201)
      expect(await send('/bearer', { headers: { ...traced, 'x-mark': gate, traceparent: `00-${BEARER_1}-01` } })).toBe(201)
      expect(
        await database.rows(
          `select count(*)::int as n from events where trace = '${traced.traceparent}' or trace like '00-${traced.traceparent.slice(3, 35)}%'`,
        ),
      ).toEqual([{ n: 1 }])
      for (const status of [201, 400, 401, 404, 405, 422]) expect(statuses).toContain(status)
      expect(statuses.filter(status => status > 500)).toEqual([])
    }, 30_000)

    test('what is delivered arrives, signed and with its credentials, and what receivers answer is kept without them', async () => {
      await receiver.until(() => receiver.at('there').length > 0 && receiver.at('fails').length > 1)
      const signs = (secret: string, { headers, text }: (typeof receiver.received)[number]) => {
        const { base64 } = signingKey(secret) as { base64: string }
        const of = `${headers.get('webhook-id')}.${headers.get('webhook-timestamp')}.${text}`
        return headers.get('webhook-signature')?.includes(createHmac('sha256', Buffer.from(base64, 'base64')).update(of).digest('base64'))
      }
      const [there, fails] = [receiver.at('there')[0]!, receiver.at('fails')[0]!]
      expect(there.headers.get('authorization')).toBe(`Bearer ${secrets.CRM_AUTH}`)
      expect(there.headers.get('x-api-key')).toBe(secrets.CRM_KEY)
      expect(fails.headers.get('authorization')).toBe(env.CRM_BASIC_HEADER as string)
      expect([signs(secrets.SIGN_1, there), signs(secrets.SIGN_2, fails), signs(secrets.SIGN_3, fails)]).toEqual([true, true, true])
      for (const name of ['CRM_AUTH', 'CRM_KEY', 'CRM_BASIC', 'SIGN_1', 'SIGN_2', 'SIGN_3'] satisfies Name[]) went.in.add(name)
      const ended = async (destination: string, status: string) =>
        (await database.rows('select id from deliveries where destination = $1 and status = $2', [destination, status])).length > 0
      await until('delivered', () => ended('there', 'delivered'), 10_000)
      await until('dead', () => ended('fails', 'dead'), 10_000)
      const kept = await database.rows(`select response from attempts where response like '%headers%'`)
      expect(kept.length).toBeGreaterThan(1)
      expect(kept.filter(({ response }) => !response.includes('[secret]'))).toEqual([])
      if (!nats) return
      await until('in the stream', () => ended('stream', 'delivered').then(yes => yes || ended('stream', 'dead')), 10_000)
      went.in.add('NATS')
      await until('turned away by NATS', () => ended('stranger', 'dead'), 15_000)
      went.out.add('NATS_WRONG')
    }, 40_000)

    test('what reaches the log is blanked', () => {
      const lines = gateway.said().split('\n')
      const of = (text: string) => lines.filter(line => line.includes(text))
      expect(of('the canary falls').length).toBeGreaterThan(0)
      expect(of('the canary sings').length).toBeGreaterThan(0)
      for (const line of [...of('the canary falls'), ...of('the canary sings')])
        expect(line.split('[secret]').length).toBeGreaterThan(Object.keys(spelled('')).length)
    })

    test('what senders and operators read', async () => {
      // Samples are written a moment later, those of the last requests with them.
      const sampled = () => database.rows(`select webhook from requests where headers::text like '%${gate}%'`)
      await until('samples are written', async () => (await sampled()).length > 0)
      const webhooks = (await database.rows('select distinct webhook from requests order by 1')).map(row => row.webhook as string)
      expect(webhooks.length).toBeGreaterThan(18)
      const get = { method: 'GET', body: null }
      for (const path of ['/openapi.json', '/docs', ...webhooks.map(name => `/docs/${name}`)]) expect(await send(path, get)).toBe(200)
      // With a credential where none belongs, as a link may have it.
      for (const path of [`/docs/${tokens.TOKEN_1}`, `/docs?key=${secrets.BEARER_1}`, `/openapi.json?key=${secrets.BEARER_1}`])
        await send(path, get)
      for (const path of ['/metrics', '/readyz', '/livez', '/admin/openapi.json']) expect(await read(path)).toBe(200)
      const api = '/admin/v1'
      const lists = ['events', 'deliveries', 'config', 'destinations', 'subscriptions', 'secrets', 'audit', 'webhooks', 'entities']
      for (const path of [...lists, 'webhooks/bearer', 'webhooks/token/tokens', 'entities/a/records'])
        expect(await read(`${api}/${path}`)).toBe(200)
      expect(await read(`${api}/nothing?key=${secrets.BEARER_1}`)).toBe(404)
      const one = { method: 'POST', headers: { ...admin, 'content-type': 'application/json' } }
      for (const name of webhooks) {
        for (const { id } of (await listed(`${api}/webhooks/${name}/requests?limit=60`)).slice(0, 60)) {
          expect(await read(`${api}/requests/${id}`)).toBe(200)
          if (name === 'bearer' || name === 'basic')
            await send(`${api}/requests/${id}/replay`, { ...one, body: '{"dry":true}' }, gateway.admin)
        }
        await send(`${api}/webhooks/${name}/infer`, { ...one, body: '{}' }, gateway.admin)
      }
      await send(`${api}/webhooks/bearer/infer`, { ...one, body: `{"last":"${secrets.ADMIN}"}` }, gateway.admin)
      const [accepted] = await listed(`${api}/webhooks/bearer/requests?outcome=accepted&limit=1`)
      expect(await send(`${api}/requests/${accepted?.id}/replay`, { ...one, body: '{"dry":false}' }, gateway.admin)).toBe(200)
      for (const kind of ['events', 'deliveries'])
        for (const { id } of (await listed(`${api}/${kind}?limit=20`)).slice(0, 20)) expect(await read(`${api}/${kind}/${id}`)).toBe(200)
    }, 40_000)

    test('every command', async () => {
      const ours = folder()
      const changed = join(ours, 'changed.yaml')
      writeFileSync(changed, config.replace('"${HMAC_1}", "${HMAC_2}"', '"${HMAC_2}"').replace('header: X-Secret', 'header: X-Other'))
      const cases = join(ours, 'cases.yaml')
      const request = { method: 'POST', path: '/bearer', headers: { authorization: `Bearer ${secrets.BEARER_1}` }, body: '{"a":1}' }
      const given = JSON.stringify({ ...env, SPANS: '' })
      const failing = (name: string, request: unknown) =>
        `  - { name: ${name}, env: ${given}, request: ${JSON.stringify(request)}, expect: { status: 418, body: { code: NONE } } }\n`
      const signs = failing('signs', { method: 'POST', path: '/hmac', body: '{"a":1}', sign: true })
      const falls = failing('falls', { method: 'POST', path: '/boom', json: { a: 1 } })
      writeFileSync(cases, `config: ${file}\ncases:\n${failing('fails', request)}${signs}${falls}`)
      const http = join(ours, 'request.http')
      const headers = Object.entries(signature('{"a":1}', Date.now(), secrets.BEARER_1)).map(([name, value]) => `${name}: ${value}\r\n`)
      writeFileSync(http, `POST /hmac HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${secrets.BEARER_2}\r\n${headers.join('')}\r\n{"a":1}`)
      const asks = ['--url', gateway.admin, '--config', file]
      const own = ['--config', file]
      const [stray] = await database.rows(`select id from requests where headers::text like '%x-forwarded-authorization%' limit 1`)
      const [good] = await database.rows(`select id from requests where webhook = 'bearer' and outcome = 'accepted' limit 1`)
      const [event] = await database.rows('select id from events limit 1')
      const [dead] = await database.rows(`select id from deliveries where status = 'dead' limit 1`)
      const [token] = await database.rows('select id from tokens limit 1')
      const first = runtime === 'bun'
      // What the admin API says goes through each runtime's own client; of the rest, one half on each.
      const commands = [
        ['test', cases, ...(first ? ['--json'] : [])],
        ['requests', 'show', stray?.id, ...asks],
        ['deliveries', 'show', dead?.id, ...asks],
        ['requests', 'replay', good?.id, ...asks],
        ['doctor', 'bearer', '--json', ...asks],
        ...(first
          ? [
              ['plan', file, changed, '--json'],
              ['check', '--strict', ...own],
              ['schema'],
              ['send', 'basic', '--dry-run', ...own],
              ['send', 'hmac', '--data', '{"a":1}', '--url', gateway.url, ...own],
              ['events', 'show', event?.id, ...asks],
              ['token', 'list', ...own],
            ]
          : [
              ['plan', file, changed],
              ['check', '--dependents', 'there', ...own],
              ['migrate', ...own],
              ['doctor', 'hmac', '--fixture', http, ...own],
              ['send', 'any', '--dry-run', ...own],
              ['requests', 'list', 'bearer', ...asks],
              ['infer', 'bearer', ...asks],
              ['destinations', 'list', ...asks],
              ['secret', 'list', ...own],
            ]),
      ]
      for (let i = 0; i < commands.length; i += 3) await Promise.all(commands.slice(i, i + 3).map(words => command(words as string[])))
      // Shown once, which is what they are for, and never again.
      const shows = [
        ['token', 'create', 'token'],
        ['token', 'rotate', token?.id],
      ]
      for (const [i, words] of shows.entries()) {
        const { code, stdout, stderr } = await cli([...words, '--json', ...own] as string[], { runtime, env, cwd: gateway.home })
        expect([code, stderr]).toEqual([0, ''])
        const { token: shown } = JSON.parse(stdout) as { token: string }
        tokens[`SHOWN_${i}`] = shown
        expect(await send(`/token/${shown}`)).toBe(201)
      }
      await command(['secret', 'rotate', 'door', '--overlap', '1h', ...own], secrets.STORED_2, 0)
      const rotated = { headers: { authorization: `Bearer ${secrets.STORED_2}` } }
      await until('the rotated secret is taken up', async () => (await send('/stored', rotated)) === 201, 10_000)
      went.in.add('STORED_2')
    }, 90_000)

    test('a reload, good and bad, an outage, and the end', async () => {
      const said = () => gateway.said()
      gateway.started.kill('SIGHUP')
      await until('reloaded', () => said().includes('"files changed"') || said().includes('"reloaded"'))
      // What a hurried operator may write: secrets where none belong.
      const changes: [from: string, to: string][] = [
        ['keys: ["${BEARER_1}"', 'keys: ["${BEARER_1}", 5, { a: "${BEARER_2}" }'],
        ['keys: [', 'keyz: ['],
        ['admin: {', 'admin: { "${ADMIN}": 1, x: "${ADMIN}", host: ["${ADMIN}"], '],
        ['port: "${ADMIN_PORT}"', 'port: "${ADMIN}"'],
        ['preset: inspire', 'preset: "${HMAC_1}", encoding: "${HMAC_1}"'],
        ['header: X-Secret', 'header: "${HEADER_2}"'],
        ['masterKey: "${MASTER}"', 'masterKey: "x${MASTER}"'],
        ['url: "${DATABASE_URL}"', 'url: "x${DATABASE_URL}"'],
        ['url: "${REDIS_URL}"', 'url: "x${REDIS_URL}"'],
        ['keys: ["${ADYEN}"]', 'keys: ["${TWILIO}"]'],
        ['audience: us, keys: [', 'audience: us, keys: [{ kty: oct, k: "${ANY_1}" }, { kty: EC, d: "${ANY_2}" }, '],
        ['tokens: ["${TWILIO}"]', 'tokens: ["${TWILIO}"], urls: "${TWILIO}"'],
        ['Bearer ${CRM_AUTH}"', 'Bearer ${CRM_AUTH}\\n"'],
        ['secrets: ["${SIGN_1}"]', 'secrets: ["whsec_${SIGN_1}"], url: "${SIGN_1}"'],
        ['user: postern, password: "${NATS}"', 'creds: "${NATS}", token: "${NATS_WRONG}"'],
        ['"${secret:door}"', '"${secret:${ANY_1}}", "${secret:nothing}", "x${secret:door}\u0007"'],
      ]
      // All that a check can tell at once, and each alone.
      const wrong = changes.map(([from, to]) => config.replace(from, to)).filter(text => text !== config)
      expect(wrong.length).toBeGreaterThanOrEqual(nats ? changes.length : changes.length - 1)
      const together = changes.slice(8).reduce((text, [from, to]) => text.replace(from, to), config)
      for (const [i, text] of [...wrong, together].entries()) {
        writeFileSync(file, text)
        gateway.started.kill('SIGHUP')
        await until(
          `refused the file ${i}: ${text}`,
          () => said().split(/the old one stays|the old configuration stays/).length > i + 1,
          10_000,
        )
      }
      await Promise.all([[], ['--json']].map(json => command(['check', '--config', file, ...json], '', 78)))
      await database.rows(
        `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'postern' and datname = current_database()`,
      )
      expect(await send('/bearer', { headers: { authorization: `Bearer ${secrets.BEARER_1}` } })).toBe(201)
      await redis.stop()
      expect(await send(`/token/${tokens.TOKEN_1}`)).toBe(201)
      gateway.started.kill('SIGTERM')
      await gateway.ended
      writeFileSync(file, config)
      // A store that is not there, one whose name is none, and a master key that is not the right one.
      await Promise.all([
        command(['token', 'list', '--config', file], '', 69, { DATABASE_URL: `postgres://u:${secrets.DATABASE}@127.0.0.1:1/x` }),
        command(['token', 'list', '--config', file], '', 69, {
          DATABASE_URL: (env.DATABASE_URL as string).replace(/\/[^/]*$/, '/nowhere'),
        }),
      ])
      await command(['secret', 'rekey', '--config', file], secrets.MASTER_2, 0)
      await command(['serve', '--config', file], '', 78)
      const left = await database.rows('select count(distinct key_id)::int as n from secrets')
      expect(left).toEqual([{ n: 1 }])
      for (const name of ['MASTER', 'MASTER_2', 'ADMIN', 'DATABASE', 'REDIS'] satisfies Name[]) went.in.add(name)
    }, 90_000)

    test('and none of them comes out again', async () => {
      const tables = await database.rows(
        `select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname not in ('pg_catalog', 'information_schema')`,
      )
      const dump: string[] = []
      for (const { name } of tables) for (const row of await database.rows(`select t::text as text from ${name} t`)) dump.push(row.text)
      expect(dump.length).toBeGreaterThan(100)
      // As text of a row, JSON stands with its quotes doubled and its backslashes, too.
      const rowsAsJson = dump.join('\n').replaceAll('""', '"').replaceAll('\\\\', '\\')
      const traces = readFileSync(spans, 'utf8')
      expect(traces.split('\n').length).toBeGreaterThan(20)
      const places = { log: gateway.said(), answers: answers.join('\n'), tables: `${dump.join('\n')}\n${rowsAsJson}`, traces }
      const all: Record<string, string> = { ...secrets, ...tokens }
      if (!nats) for (const name of ['NATS', 'NATS_WRONG']) delete all[name]
      const proved = new Set([...went.in, ...went.out, ...Object.keys(tokens)])
      expect(Object.keys(all).filter(name => !proved.has(name))).toEqual([])
      expect(new Set(Object.values(all)).size).toBeGreaterThanOrEqual(LEAST)
      expect(went.in.size).toBeGreaterThanOrEqual(nats ? LEAST - 1 : LEAST - 2)
      expect(found(all, { ...places, ...filesOf(gateway.home) })).toEqual([])
      expect(found(all, { ...places, tables: `${places.tables} ${Buffer.from(secrets.BEARER_1).toString('base64')}` })).toEqual([
        'BEARER_1 tables',
      ])
    })
  })
}
