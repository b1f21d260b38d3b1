/** `postern serve` from its start to its end: what keeps it from starting, its signals, and a store that comes and goes. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { once } from 'node:events'
import { existsSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { dirname, join } from 'node:path'
import pg from 'pg'
import { available } from '../support/available.ts'
import { child, folder, freePort } from '../support/child.ts'
import { freshDatabase, postgres, postgresServer } from '../support/postgres.ts'
import { cli, type Env, gateway, runtimes } from '../support/process.ts'
import { config, file, hook, logged, picky, post, slowly, status, until } from './running.ts'

setDefaultTimeout(60_000)
const onPostgres = await available('Postgres', postgres)
const root = join(import.meta.dirname, '../..')

test.concurrent('two on one folder: the second ends with 69 and names the first, which goes on', async () => {
  const { path } = file(config(hook('a')))
  const store = `pglite://${join(folder(), 'data')}`
  const first = await gateway({ config: path, env: { DATABASE_URL: store } })
  try {
    const start = performance.now()
    const others = await Promise.all(
      runtimes.map(async runtime =>
        cli(['serve', '--config', path], {
          runtime,
          env: { DATABASE_URL: store, PORT: `${await freePort()}`, ADMIN_PORT: `${await freePort()}` },
        }),
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

  describe.each(runtimes)('what keeps it from starting, on %s:', runtime => {
    const serve = async (text: string, env: Env = {}) =>
      cli(['serve', '--config', file(text).path], {
        runtime,
        env: { PORT: `${await freePort()}`, ADMIN_PORT: `${await freePort()}`, DATABASE_URL: database, ...env },
      })

    test.concurrent('a bad configuration: 78, every problem at its place, and nothing else', async () => {
      const { code, stdout, stderr } = await serve(`${config(hook('a'))}    chian: []\nentitys: {}\n`)
      expect([code, stdout]).toEqual([78, ''])
      const lines = stderr.trim().split('\n')
      expect(lines.length).toBe(2)
      for (const line of lines) expect(line).toMatch(/postern\.yaml:\d+:\d+ .*did you mean '(chain|entities)'/)
    })

    test.concurrent('a step that cannot be made: 78, at its place, without the secret that its plugin shows', async () => {
      const { path } = file(`plugins: [./picky.mjs]\n${config(hook('a').replace('{ upsert', `{ picky: { key: "$\{KEY}" } }, { upsert`))}`)
      writeFileSync(join(dirname(path), 'picky.mjs'), picky)
      const env = { PORT: `${await freePort()}`, ADMIN_PORT: `${await freePort()}`, DATABASE_URL: database, KEY: 'bad-0123456789abcdef' }
      const { code, stdout, stderr } = await cli(['serve', '--config', path], { runtime, env })
      expect([code, stdout]).toEqual([78, ''])
      expect(stderr).toMatch(/postern\.yaml:\d+:\d+ webhooks\.a\.chain\[\d\]\.picky: .*: the key \[secret\] is of no use\n$/)
      expect(stderr).not.toContain('bad-0123456789abcdef')
    })

    test.concurrent.each(['PORT', 'ADMIN_PORT'])('a %s that is taken: the address is named, and the process ends', async name => {
      const taken = createServer().listen(0, '127.0.0.1')
      await once(taken, 'listening')
      const { port } = taken.address() as { port: number }
      const { code, stdout, stderr } = await serve(config(hook('a')).replace('admin: {', 'admin: { token: "a-token-of-the-admin-0123",'), {
        [name]: `${port}`,
      })
      taken.close()
      expect(code).not.toBe(0)
      expect(stderr).toContain(`127.0.0.1:${port} is in use`)
      expect(stderr).not.toMatch(/\n\s+at /)
      expect(stdout).not.toContain('Postern listens')
    })
  })

  describe.each(runtimes)('on %s:', runtime => {
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
      await until(
        () => status(running, '/readyz'),
        s => s === 200,
      )
      const begun = performance.now()
      running.kill('SIGTERM')
      expect(
        await until(
          () => status(running, '/readyz'),
          s => s === 503,
          900,
        ),
      ).toBe(503)
      expect(await status(running, '/livez')).toBe(200)
      // Whoever has not heard of it yet is served.
      expect((await post(running, '/a', JSON.stringify({ id: ids[2] }))).status).toBe(201)
      expect((await early!.rest())?.status).toBe(201)
      // By now the delay is over; the request that came before is served still.
      await new Promise(done => setTimeout(done, 1300 - (performance.now() - begun)))
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
      expect(performance.now() - begun).toBeLessThan(8000)
      idle.destroy()
    })

    test.concurrent('a sender that stalls does not either', async () => {
      const { path } = file(config(hook('a'), 'drainDelay: 0s, bodyTimeout: 1s, requestTimeout: 1s'))
      const running = await start(path, { runtime })
      const stalled = slowly(running, '/a', '{"id":"never whole"}')
      await until(
        () => status(running, '/readyz'),
        s => s === 200,
      )
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
      expect(
        await until(
          () => status(running, '/readyz'),
          s => s === 503,
        ),
      ).toBe(503)
      const begun = performance.now()
      running.kill(second)
      expect(await running.exited).toBe(code)
      expect(performance.now() - begun).toBeLessThan(8000)
    })

    test.concurrent('a log that nobody reads any more ends nothing', async () => {
      const { path } = file(config(hook('a')))
      const [port, adminPort] = [await freePort(), await freePort()]
      const words = [
        join(root, 'node_modules/.bin', runtime),
        ...(runtime === 'deno' ? ['run', '-A'] : []),
        join(root, 'main.ts'),
        'serve',
        '--config',
        path,
      ]
      const started = child('bash', ['-c', 'exec "$@" > >(head -n 1 >/dev/null) 2> >(head -n 1 >/dev/null)', 'bash', ...words], {
        env: { ...process.env, DATABASE_URL: database, PORT: `${port}`, ADMIN_PORT: `${adminPort}` },
        stdio: 'ignore',
      })
      const exited = once(started, 'exit')
      const running = { url: `http://127.0.0.1:${port}` }
      expect(
        await until(
          () => status(running, '/readyz').catch(() => 0),
          s => s === 200,
          15_000,
        ),
      ).toBe(200)
      for (let n = 0; n < 20; n++) expect((await post(running, '/a', '{')).status).toBe(400)
      expect((await post(running, '/a')).status).toBe(201)
      started.kill('SIGTERM')
      expect((await exited)[0]).toBe(0)
    })
  })
})

onPostgres('a plugin', () => {
  test.each(runtimes)('is told of the end on %s, and one that hangs does not keep the process', async runtime => {
    const { url } = await freshDatabase()
    const told = join(folder(), 'told')
    const contract = JSON.stringify(new URL('../../core/plugin.ts', import.meta.url).pathname)
    const plugin = (name: string, release: string) => `import { definePlugin, Type } from ${contract}
import { writeFileSync } from 'node:fs'
export default definePlugin({ name: '${name}', phase: 'write', summary: 'Tells of its end.', config: Type.Object({}), refusals: {},
  compile(_, host) { host.onClose(${release}); return () => undefined } })\n`
    const files = {
      'tells.mjs': plugin('tells', `() => writeFileSync(${JSON.stringify(told)}, 'x')`),
      'hangs.mjs': plugin('hangs', '() => new Promise(() => {})'),
    }
    const chains =
      '  a: { path: /a, chain: [{ auth-none: { reason: test } }, tells] }\n  b: { path: /b, chain: [{ auth-none: { reason: test } }, hangs] }\n'
    const running = await gateway({
      runtime,
      config: `plugins: [./tells.mjs, ./hangs.mjs]\n${config(chains)}`,
      files,
      env: { DATABASE_URL: url },
    })
    expect(await running.stop()).toBe(0)
    expect(existsSync(told)).toBe(true)
  })
})

onPostgres('a store that comes and goes', () => {
  test.concurrent('is waited for at the start; without it there is 503, and with it again all is well', async () => {
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
        expect([away.status, away.headers.get('retry-after'), JSON.parse(away.text).code]).toEqual([
          503,
          expect.stringMatching(/^\d+$/),
          'UNAVAILABLE',
        ])
        expect(
          await until(
            () => status(running, '/readyz'),
            s => s === 503,
          ),
        ).toBe(503)
        expect(await status(running, '/livez')).toBe(200)
      }
      await store.restart()
      for (const running of all) {
        expect(
          await until(
            () => status(running, '/readyz'),
            s => s === 200,
          ),
        ).toBe(200)
        expect((await post(running, '/a')).status).toBe(201)
        expect(await running.stop()).toBe(0)
      }
    } finally {
      for (const running of all) running.kill()
      await store.stop()
    }
  })
})
