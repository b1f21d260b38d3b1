/** `postern serve` from its start to its end: what keeps it from starting, reloads, signals, and a store that comes and goes. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { once } from 'node:events'
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import pg from 'pg'
import { available } from '../support/available.ts'
import { child, folder, freePort } from '../support/child.ts'
import { freshDatabase, postgres, postgresServer } from '../support/postgres.ts'
import { cli, type Env, type Gateway, gateway, runtimes } from '../support/process.ts'
import { parseResponses } from '../support/raw.ts'

setDefaultTimeout(60_000)
const onPostgres = await available('Postgres', postgres)
const root = join(import.meta.dirname, '../..')

const server = (settings = 'drainDelay: 0s') => `
server: { port: "\${PORT}", host: 127.0.0.1, ${settings} }
store: { url: "\${DATABASE_URL}" }
admin: { port: "\${ADMIN_PORT}" }
`
const hook = (name: string, more = '') =>
  `  ${name}:\n    path: /${name}\n${more}    chain: [{ auth-none: { reason: for the test } }, { upsert: { entity: thing } }, dispatch]\n`
const config = (hooks: string, settings?: string) => `version: 1\n${server(settings)}webhooks:\n${hooks}`

/** A configuration file that a test may write anew. */
function file(text: string, name = 'postern.yaml') {
  const path = join(folder(), name)
  writeFileSync(path, text)
  return { path, write: (next: string) => writeFileSync(path, next) }
}

async function until<T>(what: () => T | Promise<T>, good: (value: T) => boolean, ms = 5000): Promise<T> {
  const deadline = Date.now() + ms
  for (;;) {
    const value = await what()
    if (good(value) || Date.now() > deadline) return value
    await new Promise(done => setTimeout(done, 20))
  }
}

const post = async (running: { url: string }, path: string, body = '{"n":1}', headers = {}) => {
  const response = await fetch(running.url + path, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body })
  return { status: response.status, text: await response.text(), headers: response.headers }
}
const status = async (running: { url: string }, path: string) => (await fetch(running.url + path)).status

/** A request on a connection of its own, in as many parts as one likes. */
function slowly(running: { port: number }, path: string, body: string) {
  const socket: Socket = connect(running.port, '127.0.0.1')
  socket.on('error', () => {})
  let text = ''
  socket.on('data', data => (text += data.toString('latin1')))
  const closed = once(socket, 'close')
  socket.write(`POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body.slice(0, 3)}`)
  return {
    socket,
    closed,
    async rest() {
      socket.write(body.slice(3))
      return until(() => parseResponses(text)[0], response => response?.whole === true)
    },
  }
}

/** The lines of the log that carry a message. */
const logged = (running: Gateway, message: string) =>
  running
    .log()
    .split('\n')
    .filter(line => line.startsWith('{'))
    .map(line => JSON.parse(line))
    .filter(line => String(line.msg).includes(message))

describe.each(runtimes)('what keeps it from starting, on %s:', runtime => {
  const serve = async (text: string, env: Env = {}) =>
    cli(['serve', '--config', file(text).path], { runtime, env: { PORT: `${await freePort()}`, ADMIN_PORT: `${await freePort()}`, DATABASE_URL: 'pglite://memory', ...env } })

  test.concurrent('a bad configuration: 78, every problem at its place, and nothing else', async () => {
    const { code, stdout, stderr } = await serve(`${config(hook('a'))}    chian: []\nentitys: {}\n`)
    expect([code, stdout]).toEqual([78, ''])
    const lines = stderr.trim().split('\n')
    expect(lines.length).toBe(2)
    for (const line of lines) expect(line).toMatch(/postern\.yaml:\d+:\d+ .*did you mean '(chain|entities)'/)
  })

  test.concurrent.each(['PORT', 'ADMIN_PORT'])('a %s that is taken: the address is named, and the process ends', async name => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address() as { port: number }
    const { code, stdout, stderr } = await serve(config(hook('a')).replace('admin: {', 'admin: { token: "a-token-of-the-admin-0123",'), { [name]: `${port}` })
    taken.close()
    expect(code).not.toBe(0)
    expect(stderr).toContain(`127.0.0.1:${port} is in use`)
    expect(stderr).not.toMatch(/\n\s+at /)
    expect(stdout).not.toContain('Postern listens')
  })
})

test('two on one folder: the second ends with 69 and names the first, which goes on', async () => {
  const { path } = file(config(hook('a')))
  const store = `pglite://${join(folder(), 'data')}`
  const first = await gateway({ config: path, env: { DATABASE_URL: store } })
  try {
    const start = performance.now()
    const others = await Promise.all(
      runtimes.map(async runtime =>
        cli(['serve', '--config', path], { runtime, env: { DATABASE_URL: store, PORT: `${await freePort()}`, ADMIN_PORT: `${await freePort()}` } }),
      ),
    )
    for (const { code, stdout, stderr } of others) {
      expect([code, stdout]).toEqual([69, ''])
      expect(stderr).toContain(`in use by process ${first.pid}`)
    }
    expect(performance.now() - start).toBeLessThan(10_000)
    expect((await post(first, '/a')).status).toBe(201)
    expect(await first.stop()).toBe(0)
    // And with the first gone, the next has what it wrote.
    const next = await gateway({ runtime: 'deno', config: path, env: { DATABASE_URL: store } })
    expect((await post(next, '/a', '{"id":"x"}')).status).toBe(201)
    expect(await next.stop()).toBe(0)
  } finally {
    first.kill()
  }
})

onPostgres('with Postgres', () => {
  let database: string
  let db: pg.Pool
  beforeAll(async () => {
    database = (await freshDatabase()).url
    db = new pg.Pool({ connectionString: database, max: 2 })
  })
  afterAll(() => db.end())
  const start = (path: string, more: Partial<Parameters<typeof gateway>[0]> = {}) =>
    gateway({ config: path, ...more, env: { DATABASE_URL: database, ...more.env } })
  const count = async (id: string): Promise<number> => (await db.query('select 1 from records where id = $1', [id])).rows.length

  describe.each(runtimes)('on %s:', runtime => {
    test.concurrent('SIGHUP loads a good file, and a bad one leaves the old one running and says so', async () => {
      const text = file(config(hook('a')))
      const running = await start(text.path, { runtime })
      try {
        text.write(config(hook('b') + hook('c')))
        running.kill('SIGHUP')
        expect(await until(async () => (await post(running, '/b')).status, s => s === 201)).toBe(201)
        expect([(await post(running, '/a')).status, (await post(running, '/c')).status]).toEqual([404, 201])
        expect(logged(running, 'reloaded')).toMatchObject([{ level: 'info', why: 'SIGHUP', webhooks: 2 }])

        for (const bad of [`${config(hook('d'))}nonsense: 1\n`, 'version: 1\n\tx', '', config(hook('d', '    dialect: nobody\n'))]) {
          const before = logged(running, 'the old one stays').length
          text.write(bad)
          running.kill('SIGHUP')
          const said = await until(() => logged(running, 'the old one stays'), lines => lines.length > before)
          expect(said.length).toBe(before + 1)
          expect(said.at(-1)).toMatchObject({ level: 'error', why: 'SIGHUP' })
          expect(said.at(-1).problems[0]).toMatch(/postern\.yaml:\d+:\d+ /)
          expect([(await post(running, '/b')).status, (await post(running, '/d')).status, await status(running, '/readyz')]).toEqual([201, 404, 200])
        }
        rmSync(text.path)
        running.kill('SIGHUP')
        expect((await until(() => logged(running, 'the old one stays'), lines => lines.length === 5)).at(-1).problems[0]).toContain('cannot be read')
        expect((await post(running, '/b')).status).toBe(201)

        text.write(config(hook('d'), 'drainDelay: 1ms'))
        running.kill('SIGHUP')
        expect(await until(async () => (await post(running, '/d')).status, s => s === 201)).toBe(201)
        expect(logged(running, 'take effect at the next start')).toMatchObject([{ level: 'warn', sections: ['server'] }])
        expect(await running.stop()).toBe(0)
      } finally {
        running.kill()
      }
    })

    test.concurrent('no request fails while it reloads', async () => {
      const text = file(config(hook('stays') + hook('goes')))
      const running = await start(text.path, { runtime })
      try {
        const seen = new Set<number>()
        let ended = false
        const senders = Array.from({ length: 4 }, async () => {
          while (!ended) seen.add((await post(running, '/stays')).status)
        })
        // One that began before the first reload and ends after the last, on a webhook that is gone by then.
        const old = slowly(running, '/goes', JSON.stringify({ id: `began early on ${runtime}` }))
        await new Promise(done => setTimeout(done, 100))
        for (let n = 1; n <= 5; n++) {
          text.write(config(hook('stays') + hook(`n${n}`)))
          running.kill('SIGHUP')
          expect((await until(() => logged(running, 'reloaded'), lines => lines.length === n)).length).toBe(n)
        }
        expect((await old.rest())?.status).toBe(201)
        ended = true
        await Promise.all(senders)
        expect([...seen]).toEqual([201])
        expect((await post(running, '/goes')).status).toBe(404)
      } finally {
        running.kill()
      }
    })

    test.concurrent('a reload may raise what a body may have', async () => {
      const text = file(config(hook('a', '    bodyLimit: 10KiB\n')))
      const running = await start(text.path, { runtime })
      const body = JSON.stringify({ filler: 'x'.repeat(3_000_000) })
      try {
        const before = await post(running, '/a', body)
        expect([before.status, JSON.parse(before.text).code]).toEqual([413, 'PAYLOAD_TOO_LARGE'])
        text.write(config(hook('a', '    bodyLimit: 4MiB\n')))
        running.kill('SIGHUP')
        await until(() => logged(running, 'reloaded'), lines => lines.length === 1)
        expect((await post(running, '/a', body)).status).toBe(201)
      } finally {
        running.kill()
      }
    })

    test.concurrent('--watch: a change, a replaced file, a new one, a bad one, and one that goes', async () => {
      const home = folder()
      const put = (name: string, text: string) => writeFileSync(join(home, name), text)
      put('a.yaml', config(hook('a')))
      const running = await start(home, { runtime, args: ['--watch'] })
      const reaches = (path: string, code: number) => until(async () => (await post(running, path)).status, s => s === code)
      try {
        put('a.yaml', config(hook('a2')))
        expect(await reaches('/a2', 201)).toBe(201)
        // As editors save.
        put('.a.yaml.swp', config(hook('a3')))
        renameSync(join(home, '.a.yaml.swp'), join(home, 'a.yaml'))
        expect(await reaches('/a3', 201)).toBe(201)
        put('b.yaml', `version: 1\nwebhooks:\n${hook('b')}`)
        expect(await reaches('/b', 201)).toBe(201)
        put('b.yaml', 'version: 1\nwebhooks: {{\n')
        expect((await until(() => logged(running, 'the old one stays'), lines => lines.length > 0))[0].problems[0]).toMatch(/b\.yaml:\d+:\d+ /)
        expect([(await post(running, '/a3')).status, (await post(running, '/b')).status]).toEqual([201, 201])
        rmSync(join(home, 'b.yaml'))
        expect(await reaches('/b', 404)).toBe(404)
        expect((await post(running, '/a3')).status).toBe(201)
        const reloads = logged(running, 'reloaded').length
        put('notes.txt', 'nobody reads this')
        await new Promise(done => setTimeout(done, 600))
        expect(logged(running, 'reloaded').length).toBe(reloads)
        expect(await running.stop()).toBe(0)
      } finally {
        running.kill()
      }
    })

    test.concurrent('--watch follows the files that the configuration names: a schema, a secret', async () => {
      const home = folder()
      mkdirSync(join(home, 'etc'))
      const put = (name: string, text: string) => writeFileSync(join(home, name), text)
      const keyed = (name: string, key: string) => `  ${name}:\n    path: /${name}\n    chain: [{ auth-bearer: { keys: ["${key}"] } }, { upsert: { entity: thing } }, dispatch]\n`
      put('etc/key', '')
      put('etc/thing.json', '{"type":"object"}')
      const checked = '  s:\n    path: /s\n    chain: [{ auth-none: { reason: test } }, { validation: { entity: e } }, { upsert: { entity: thing } }, dispatch]\n'
      put('a.yaml', `${config(hook('open') + keyed('shut', '${EMPTY}') + keyed('filed', '${file:etc/key}') + checked)}entities: { e: { schema: etc/thing.json } }\n`)
      const running = await start(join(home, 'a.yaml'), { runtime, args: ['--watch'], env: { EMPTY: '' } })
      try {
        // An empty secret closes its webhook, whatever is sent, and no other one.
        for (const path of ['/shut', '/filed']) {
          for (const headers of [{}, { authorization: 'Bearer ' }, { authorization: 'Bearer x' }]) {
            const answer = await post(running, path, '{"n":1}', headers)
            expect([answer.status, answer.headers.get('retry-after'), JSON.parse(answer.text).code]).toEqual([503, expect.stringMatching(/^\d+$/), 'UNAVAILABLE'])
            expect(answer.text).not.toMatch(/secret|key|empty/i)
          }
        }
        expect([(await post(running, '/open')).status, (await post(running, '/s')).status, await status(running, '/readyz')]).toEqual([201, 201, 200])
        expect(logged(running, 'closed').map(line => [line.level, line.webhook])).toEqual([['error', 'shut'], ['error', 'filed']])

        put('etc/key', 'a-key-that-came-late-0123\n')
        const late = { authorization: 'Bearer a-key-that-came-late-0123' }
        expect(await until(async () => (await post(running, '/filed', '{"n":1}', late)).status, s => s === 201)).toBe(201)
        expect([(await post(running, '/filed')).status, (await post(running, '/shut')).status]).toEqual([401, 503])
        put('etc/thing.json', '{"type":"object","required":["name"]}')
        expect(await until(async () => (await post(running, '/s')).status, s => s === 422)).toBe(422)
        expect(running.log()).not.toContain('a-key-that-came-late')
      } finally {
        running.kill()
      }
    })

    test.concurrent('SIGTERM: not ready while it drains, what was begun is finished, and 0', async () => {
      const { path } = file(config(hook('a'), 'drainDelay: 1s'))
      const running = await start(path, { runtime })
      const ids = ['early', 'late', 'new'].map(name => `${name} on ${runtime}`)
      const [early, late] = ids.slice(0, 2).map(id => slowly(running, '/a', JSON.stringify({ id })))
      // A connection that a load balancer keeps open for later.
      const idle = connect(running.port, '127.0.0.1')
      idle.on('error', () => {})
      idle.write('GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n')
      await once(idle, 'data')
      await until(() => status(running, '/readyz'), s => s === 200)
      const begun = performance.now()
      running.kill('SIGTERM')
      expect(await until(() => status(running, '/readyz'), s => s === 503, 900)).toBe(503)
      expect(await status(running, '/livez')).toBe(200)
      // Whoever has not heard of it yet is served.
      expect((await post(running, '/a', JSON.stringify({ id: ids[2] }))).status).toBe(201)
      expect((await early!.rest())?.status).toBe(201)
      // By now it takes no connections any more; the request that came before is served still.
      await until(() => once(connect(running.port, '127.0.0.1'), 'connect').then(([s]) => (s?.destroy?.(), true), () => false), open => !open, 4000)
      expect((await late!.rest())?.status).toBe(201)
      expect(await running.exited).toBe(0)
      const took = performance.now() - begun
      expect(took).toBeGreaterThan(950)
      expect(took).toBeLessThan(6000)
      expect(await Promise.all(ids.map(count))).toEqual([1, 1, 1])
      expect(logged(running, 'draining')).toMatchObject([{ signal: 'SIGTERM' }])
      expect(logged(running, 'stopped').length).toBe(1)
      idle.destroy()
    })

    test.concurrent('an idle connection does not hold up the end', async () => {
      const { path } = file(config(hook('a')))
      const running = await start(path, { runtime })
      const idle = connect(running.port, '127.0.0.1')
      idle.on('error', () => {})
      idle.write('GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n')
      await once(idle, 'data')
      const begun = performance.now()
      running.kill('SIGINT')
      expect(await running.exited).toBe(0)
      expect(performance.now() - begun).toBeLessThan(3000)
      idle.destroy()
    })

    test.concurrent('a sender that stalls does not either', async () => {
      const { path } = file(config(hook('a'), 'drainDelay: 0s, bodyTimeout: 1s, requestTimeout: 1s'))
      const running = await start(path, { runtime })
      const stalled = slowly(running, '/a', '{"id":"never whole"}')
      await until(() => status(running, '/readyz'), s => s === 200)
      const begun = performance.now()
      running.kill('SIGTERM')
      expect(await running.exited).toBe(0)
      expect(performance.now() - begun).toBeLessThan(5000)
      expect(await count('never whole')).toBe(0)
      stalled.socket.destroy()
    })

    test.concurrent.each([
      ['SIGTERM', 'SIGTERM', 143],
      ['SIGINT', 'SIGINT', 130],
      ['SIGTERM', 'SIGINT', 130],
    ] as const)('%s, and then %s: it ends at once, with %i', async (first, second, code) => {
      const { path } = file(config(hook('a'), 'drainDelay: 30s'))
      const running = await start(path, { runtime })
      running.kill(first)
      expect(await until(() => status(running, '/readyz'), s => s === 503)).toBe(503)
      const begun = performance.now()
      running.kill(second)
      expect(await running.exited).toBe(code)
      expect(performance.now() - begun).toBeLessThan(1500)
    })

    test.concurrent('a log that nobody reads any more ends nothing', async () => {
      const { path } = file(config(hook('a')))
      const [port, adminPort] = [await freePort(), await freePort()]
      const words = [join(root, 'node_modules/.bin', runtime), ...(runtime === 'deno' ? ['run', '-A'] : []), join(root, 'main.ts'), 'serve', '--config', path]
      const started = child('bash', ['-c', 'exec "$@" > >(head -n 1 >/dev/null) 2> >(head -n 1 >/dev/null)', 'bash', ...words], {
        env: { ...process.env, NODE_ENV: undefined, DATABASE_URL: database, PORT: `${port}`, ADMIN_PORT: `${adminPort}` },
        stdio: 'ignore',
      })
      const exited = once(started, 'exit')
      const running = { url: `http://127.0.0.1:${port}` }
      expect(await until(() => status(running, '/readyz').catch(() => 0), s => s === 200, 15_000)).toBe(200)
      for (let n = 0; n < 20; n++) expect((await post(running, '/a', '{')).status).toBe(400)
      expect((await post(running, '/a')).status).toBe(201)
      started.kill('SIGTERM')
      expect((await exited)[0]).toBe(0)
    })
  })
})

onPostgres('a store that comes and goes', () => {
  test('is waited for at the start; without it there is 503, and with it again all is well', async () => {
    const store = await postgresServer()
    await store.stop()
    const { path } = file(config(hook('a')))
    const starting = runtimes.map(runtime => gateway({ runtime, config: path, env: { DATABASE_URL: store.url } }))
    await new Promise(done => setTimeout(done, 1500))
    await store.restart()
    const all = await Promise.all(starting)
    try {
      for (const running of all) expect((await post(running, '/a')).status).toBe(201)
      await store.stop('immediate')
      for (const running of all) {
        const away = await post(running, '/a')
        expect([away.status, away.headers.get('retry-after'), JSON.parse(away.text).code]).toEqual([503, expect.stringMatching(/^\d+$/), 'UNAVAILABLE'])
        expect(await until(() => status(running, '/readyz'), s => s === 503)).toBe(503)
        expect(await status(running, '/livez')).toBe(200)
      }
      await store.restart()
      for (const running of all) {
        expect(await until(() => status(running, '/readyz'), s => s === 200)).toBe(200)
        expect((await post(running, '/a')).status).toBe(201)
        expect(await running.stop()).toBe(0)
      }
    } finally {
      for (const running of all) running.kill()
      await store.stop()
    }
  })
})
