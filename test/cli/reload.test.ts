// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is the syntax under test
/** A configuration that changes under a running gateway: SIGHUP and `--watch`. */
import { beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { available } from '../support/available.ts'
import { folder } from '../support/child.ts'
import { freshDatabase, postgres } from '../support/postgres.ts'
import { gateway, runtimes } from '../support/process.ts'
import { config, file, hook, logged, picky, post, says, slowly, status, until } from './running.ts'

setDefaultTimeout(60_000)
const onPostgres = await available('Postgres', postgres)

onPostgres('with Postgres', () => {
  let database: string
  beforeAll(async () => {
    database = (await freshDatabase()).url
  })
  const start = (path: string, more: Partial<Parameters<typeof gateway>[0]> = {}) =>
    gateway({ config: path, ...more, env: { DATABASE_URL: database, ...more.env } })

  describe.each(runtimes)('on %s:', runtime => {
    test.concurrent('however many SIGHUPs come, it reloads once at a time, and the last file counts', async () => {
      const hooks = Array.from({ length: 100 }, (_, i) => hook(`h${i}`)).join('')
      const text = file(config(hooks))
      const running = await start(text.path, { runtime })
      try {
        for (let n = 0; n < 40; n++) {
          if (n === 39) text.write(config(hooks + hook('last')))
          running.kill('SIGHUP')
          await new Promise(done => setTimeout(done, 1))
        }
        const found = await until(
          async () => (await post(running, '/last')).status,
          s => s === 201,
        )
        expect(found).toBe(201)
        expect(logged(running, 'reloaded').length).toBeLessThan(20)
      } finally {
        await running.stop()
      }
    })

    test.concurrent('SIGUSR2 ends nothing, and says whom it is for', async () => {
      const running = await start(file(config(hook('a'))).path, { runtime })
      try {
        running.kill('SIGUSR2')
        expect((await says(running, 'SIGUSR2 replaces the workers of `serve --workers`; this process has none')).length).toBe(1)
        expect((await post(running, '/a')).status).toBe(201)
      } finally {
        await running.stop()
      }
    })

    test.concurrent('SIGHUP loads a good file, and a bad one leaves the old one running and says so', async () => {
      const text = file(config(hook('a')))
      const running = await start(text.path, { runtime })
      try {
        text.write(config(hook('b') + hook('c')))
        running.kill('SIGHUP')
        expect(
          await until(
            async () => (await post(running, '/b')).status,
            s => s === 201,
          ),
        ).toBe(201)
        expect([(await post(running, '/a')).status, (await post(running, '/c')).status]).toEqual([404, 201])
        expect(await says(running, 'reloaded')).toMatchObject([{ level: 'info', why: 'SIGHUP', webhooks: 2 }])

        for (const bad of [`${config(hook('d'))}nonsense: 1\n`, 'version: 1\n\tx', '', config(hook('d', '    dialect: nobody\n'))]) {
          const before = logged(running, 'the old one stays').length
          text.write(bad)
          running.kill('SIGHUP')
          const said = await says(running, 'the old one stays', before + 1)
          expect(said.length).toBe(before + 1)
          expect(said.at(-1)).toMatchObject({ level: 'error', why: 'SIGHUP' })
          expect(said.at(-1).problems[0]).toMatch(/postern\.yaml:\d+:\d+ /)
          expect([(await post(running, '/b')).status, (await post(running, '/d')).status, await status(running, '/readyz')]).toEqual([
            201, 404, 200,
          ])
        }
        rmSync(text.path)
        running.kill('SIGHUP')
        expect((await says(running, 'the old one stays', 5)).at(-1).problems[0]).toContain('cannot be read')
        expect((await post(running, '/b')).status).toBe(201)

        text.write(config(hook('d'), 'drainDelay: 1ms'))
        running.kill('SIGHUP')
        expect(
          await until(
            async () => (await post(running, '/d')).status,
            s => s === 201,
          ),
        ).toBe(201)
        expect(await says(running, 'take effect at the next start')).toMatchObject([{ level: 'warn', sections: ['server'] }])
        expect(await running.stop()).toBe(0)
      } finally {
        running.kill()
      }
    })

    test.concurrent('a step that cannot be made leaves the old configuration, and is told at its place without its secret', async () => {
      const withKey = (key: string) =>
        `plugins: [./picky.mjs]\n${config(hook('a').replace('{ upsert', `{ picky: { key: "${key}" } }, { upsert`))}`
      const text = file(withKey('good-0123456789abcdef'))
      writeFileSync(join(dirname(text.path), 'picky.mjs'), picky)
      const running = await start(text.path, { runtime })
      try {
        text.write(withKey('bad-0123456789abcdef'))
        running.kill('SIGHUP')
        const [said] = await says(running, 'the new configuration is bad; the old one stays')
        expect(said).toMatchObject({ level: 'error', why: 'SIGHUP' })
        expect(said.problems).toEqual([
          expect.stringMatching(/postern\.yaml:\d+:\d+ webhooks\.a\.chain\[1\]\.picky: .*: the key \[secret\] is of no use$/),
        ])
        expect((await post(running, '/a')).status).toBe(201)
        expect(running.log()).not.toContain('bad-0123456789abcdef')
      } finally {
        await running.stop()
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
          expect((await says(running, 'reloaded', n)).length).toBe(n)
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
        await says(running, 'reloaded')
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
      const reaches = (path: string, code: number) =>
        until(
          async () => (await post(running, path)).status,
          s => s === code,
        )
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
        expect((await says(running, 'the old one stays'))[0].problems[0]).toMatch(/b\.yaml:\d+:\d+ /)
        expect([(await post(running, '/a3')).status, (await post(running, '/b')).status]).toEqual([201, 201])
        rmSync(join(home, 'b.yaml'))
        expect(await reaches('/b', 404)).toBe(404)
        expect((await post(running, '/a3')).status).toBe(201)
        // What was changed before may have one more reload to come.
        const quiet = () => new Promise(done => setTimeout(done, 700))
        let reloads: number
        do {
          reloads = logged(running, 'reloaded').length
          await quiet()
        } while (logged(running, 'reloaded').length > reloads)
        put('notes.txt', 'nobody reads this')
        await quiet()
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
      const keyed = (name: string, key: string) =>
        `  ${name}:\n    path: /${name}\n    chain: [{ auth-bearer: { keys: ["${key}"] } }, { upsert: { entity: thing } }, dispatch]\n`
      put('etc/key', '')
      put('etc/thing.json', '{"type":"object"}')
      const checked =
        '  s:\n    path: /s\n    chain: [{ auth-none: { reason: test } }, { validation: { entity: e } }, { upsert: { entity: thing } }, dispatch]\n'
      put(
        'a.yaml',
        `${config(hook('open') + keyed('shut', '${EMPTY}') + keyed('filed', '${file:etc/key}') + checked)}entities: { e: { schema: etc/thing.json } }\n`,
      )
      const running = await start(join(home, 'a.yaml'), { runtime, args: ['--watch'], env: { EMPTY: '' } })
      try {
        // An empty secret closes its webhook, whatever is sent, and no other one.
        for (const path of ['/shut', '/filed']) {
          for (const headers of [{}, { authorization: 'Bearer ' }, { authorization: 'Bearer x' }]) {
            const answer = await post(running, path, '{"n":1}', headers)
            expect([answer.status, answer.headers.get('retry-after'), JSON.parse(answer.text).code]).toEqual([
              503,
              expect.stringMatching(/^\d+$/),
              'UNAVAILABLE',
            ])
            expect(answer.text).not.toMatch(/secret|key|empty/i)
          }
        }
        expect([(await post(running, '/open')).status, (await post(running, '/s')).status, await status(running, '/readyz')]).toEqual([
          201, 201, 200,
        ])
        expect((await says(running, 'closed', 2)).map(line => [line.level, line.webhook])).toEqual([
          ['error', 'shut'],
          ['error', 'filed'],
        ])

        put('etc/key', 'a-key-that-came-late-0123\n')
        const late = { authorization: 'Bearer a-key-that-came-late-0123' }
        expect(
          await until(
            async () => (await post(running, '/filed', '{"n":1}', late)).status,
            s => s === 201,
          ),
        ).toBe(201)
        expect([(await post(running, '/filed')).status, (await post(running, '/shut')).status]).toEqual([401, 503])
        put('etc/thing.json', '{"type":"object","required":["name"]}')
        expect(
          await until(
            async () => (await post(running, '/s')).status,
            s => s === 422,
          ),
        ).toBe(422)
        expect(running.log()).not.toContain('a-key-that-came-late')
      } finally {
        running.kill()
      }
    })
  })
})
