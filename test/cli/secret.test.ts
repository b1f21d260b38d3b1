// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is the syntax under test
/** `postern secret set|list|rotate|rm|rekey`: at rest, beside a running gateway, and what they refuse. */
import { beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { randomBytes } from 'node:crypto'
import { cpSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { available } from '../support/available.ts'
import { folder, freePort } from '../support/child.ts'
import { freshDatabase, postgres } from '../support/postgres.ts'
import { cli, gateway, type Runtime, runtimes } from '../support/process.ts'
import { post, says, until } from './running.ts'

setDefaultTimeout(90_000)
const onPostgres = await available('Postgres', postgres)

const text = `
version: 1
server: { port: "\${PORT}", host: 127.0.0.1, drainDelay: 0s }
store: { url: "\${DATABASE_URL}" }
admin: { port: "\${ADMIN_PORT}" }
webhooks:
  kept:
    path: /kept
    chain: [{ auth-bearer: { keys: ["\${secret:KEY}"] } }, { upsert: { entity: thing } }, dispatch]
  other:
    path: /other
    chain: [{ auth-none: { reason: for the test } }, { upsert: { entity: thing } }, dispatch]
`
const home = folder()
const file = join(home, 'postern.yaml')
writeFileSync(file, text)

const newKey = () => randomBytes(32).toString('base64')
const value = (name: string) => `${name}-0123456789abcdef`

/** The command line and the gateway of one store. */
async function world(url: string, runtime: Runtime = 'bun', masterKey: string | undefined = newKey()) {
  const env = {
    DATABASE_URL: url,
    REDIS_URL: undefined,
    PORT: `${await freePort()}`,
    ADMIN_PORT: `${await freePort()}`,
    POSTERN_MASTER_KEY: masterKey,
    POSTERN_MASTER_KEY_FILE: undefined as string | undefined,
  }
  const secret = (words: string, input = '', more = {}) =>
    cli(['secret', ...words.split(' '), '--config', file], { runtime, env: { ...env, ...more }, input })
  return {
    env,
    masterKey,
    secret,
    /** As `secret`, for what must succeed: gives its JSON. */
    async done(words: string, input = '') {
      const { code, stdout, stderr } = await secret(`${words} --json`, input)
      expect([code, stderr]).toEqual([0, ''])
      return JSON.parse(stdout)
    },
    start: () => gateway({ runtime, config: file, env }),
    serve: (more = {}) => cli(['serve', '--config', file], { runtime, env: { ...env, ...more } }),
  }
}

const status = async (running: { url: string }, key: string) =>
  (await post(running, '/kept', '{"n":1}', { authorization: `Bearer ${value(key)}` })).status

/** Waits until a key is answered so. */
const answers = async (running: { url: string }, key: string, wanted: number) =>
  expect([
    key,
    await until(
      () => status(running, key),
      s => s === wanted,
    ),
  ]).toEqual([key, wanted])

onPostgres('on Postgres', () => {
  describe.each(runtimes)('on %s:', runtime => {
    test.concurrent('what is stored, rotated and ended beside a running gateway is let in or not, without a restart', async () => {
      const { done, secret, start } = await world((await freshDatabase()).url, runtime)
      expect(await done('set KEY', `${value('one')}\n`)).toEqual({ ok: true, name: 'KEY', version: 1 })
      const running = await start()
      try {
        expect([await status(running, 'one'), await status(running, 'two')]).toEqual([201, 401])

        // A second version is let in beside the first.
        const began = performance.now()
        expect((await done('set KEY', value('two'))).version).toBe(2)
        await answers(running, 'two', 201)
        expect(performance.now() - began).toBeLessThan(20_000) // three seconds, and room for a busy machine
        expect(await status(running, 'one')).toBe(201)

        // Rotated, the earlier ones stay for the overlap.
        const { ended, version } = await done('rotate KEY --overlap 1h', `${value('three')}\r\n`)
        expect([version, ended.map((e: { version: number }) => e.version)]).toEqual([3, [2, 1]])
        expect(Date.parse(ended[0].not_after) - Date.now()).toBeWithin(3_500_000, 3_600_001)
        await answers(running, 'three', 201)
        expect([await status(running, 'one'), await status(running, 'two')]).toEqual([201, 201])

        // They end by themselves when it is over.
        await done('rotate KEY --overlap 1s', value('four'))
        await answers(running, 'three', 401)
        expect([await status(running, 'one'), await status(running, 'two'), await status(running, 'four')]).toEqual([401, 401, 201])

        expect((await done('rm KEY --version 1')).versions).toEqual([1])
        expect(await running.stop()).toBe(0)
        const { data } = await done('list')
        expect(data.map((s: { version: number; last_used_at: unknown }) => [s.version, s.last_used_at !== null])).toEqual([
          [4, true],
          [3, true],
          [2, true],
        ])
        expect(Object.keys(data[0]).sort()).toEqual(['created_at', 'last_used_at', 'name', 'not_after', 'version'])
        const lines = (await secret('list')).stdout
        expect(lines).toMatch(/^KEY {2}version 4 {2}made [-\d]+ [:\d]+ {2}live {2}used [-\d]+ [:\d]+\nKEY {2}version 3 .* ended /)
        for (const key of ['one', 'two', 'three', 'four']) expect(running.log() + lines + JSON.stringify(data)).not.toContain(value(key))
      } finally {
        running.kill()
      }
    })
  })

  test.concurrent('a secret in use that goes closes its webhook alone, and one that does not open changes nothing', async () => {
    const { url } = await freshDatabase()
    const { done, secret, start } = await world(url)
    await done('set KEY', value('one'))
    const running = await start()
    const db = new pg.Client(url)
    await db.connect()
    try {
      expect((await secret('rm KEY')).stdout).toMatch(/^removed KEY, version 1: .*\nthe configuration names it still: /)
      await answers(running, 'one', 503)
      expect((await post(running, '/other')).status).toBe(201)
      expect(await says(running, 'no live version')).toMatchObject([{ level: 'error', secret: 'KEY' }])
      expect(await says(running, 'this webhook is closed')).toMatchObject([{ level: 'error', webhook: 'kept' }])

      await done('set KEY', value('two'))
      await answers(running, 'two', 201)
      await done('set SPARE', value('spare'))
      await db.query(`update secrets set sealed = (select sealed from secrets where name = 'SPARE') where name = 'KEY'`)
      const [failed] = await says(running, 'reload failed')
      expect(failed).toMatchObject({ level: 'error', error: expect.stringContaining(`the secret 'KEY', version 1, does not open`) })
      expect(await status(running, 'two')).toBe(201)
      expect(await running.stop()).toBe(0)
    } finally {
      running.kill()
      await db.end()
    }
  })

  test.concurrent('a gateway does not start with a key that does not fit, and overwrites nothing', async () => {
    const { url } = await freshDatabase()
    const { done, secret, serve, masterKey } = await world(url)
    await done('set KEY', value('one'))
    const before = await done('list')
    const wrong = { POSTERN_MASTER_KEY: newKey() }
    const rows: [more: Record<string, string | undefined>, stderr: RegExp][] = [
      [wrong, /^the master key does not fit the stored secrets \('KEY'\)/m],
      [{ POSTERN_MASTER_KEY: undefined }, /:9:\d+ webhooks\.kept.*\$\{secret:KEY\} cannot be opened: there is no master key: set POSTERN_/],
      [{ POSTERN_MASTER_KEY: `${masterKey}x` }, /^POSTERN_MASTER_KEY must be 32 bytes in base64/m],
    ]
    for (const [more, stderr] of rows) {
      const ended = await serve(more)
      expect([ended.code, ended.stdout, ended.stderr]).toEqual([78, '', expect.stringMatching(stderr)])
      expect(ended.stderr).not.toContain(masterKey)
    }
    for (const words of ['set KEY', 'set NEW', 'rotate KEY --overlap 0s'])
      expect(await secret(words, value('two'), wrong)).toEqual({
        code: 78,
        stdout: '',
        stderr: expect.stringMatching(/^the master key does not/),
      })
    expect(await done('list')).toEqual(before)
  })

  test.concurrent('the master key may stand in a file', async () => {
    const { secret, env, masterKey } = await world((await freshDatabase()).url)
    const path = join(folder(), 'key')
    const from = (name: string) => ({ POSTERN_MASTER_KEY: '', POSTERN_MASTER_KEY_FILE: name })
    writeFileSync(path, `${masterKey}\n`)
    expect((await secret('set KEY', value('one'), from(path))).code).toBe(0)
    expect((await secret('set KEY', value('two'), { POSTERN_MASTER_KEY: env.POSTERN_MASTER_KEY })).code).toBe(0)
    writeFileSync(path, 'short')
    for (const name of [path, `${path}.nowhere`]) {
      const { code, stderr } = await secret('set KEY', value('three'), from(name))
      expect([code, stderr]).toEqual([78, expect.stringContaining(`the file ${name} of POSTERN_MASTER_KEY_FILE`)])
    }
  })

  test.concurrent('rekeyed, all is as before under the new key, and the old one opens nothing', async () => {
    const { url } = await freshDatabase()
    const { done, secret, serve } = await world(url)
    await done('set KEY', value('one'))
    await done('set KEY', value('two'))
    for (const input of ['', 'short', `${newKey()} and more`]) {
      const { code, stderr } = await secret('rekey', input)
      expect([input, code]).toEqual([input, input ? 78 : 2])
      if (input) expect(stderr).not.toContain(input)
    }
    const next = newKey()
    expect(await secret('rekey', next, { POSTERN_MASTER_KEY: newKey() })).toMatchObject({ code: 78, stdout: '' })
    expect(await done('rekey', `${next}\n`)).toEqual({ ok: true, versions: 2, key: expect.stringMatching(/^[0-9a-f]{16}$/) })
    expect(await serve()).toMatchObject({ code: 78 })
    const db = new pg.Client(url)
    await db.connect()
    const { rows } = await db.query('select actor, action, target from audit order by id')
    await db.end()
    expect(rows.map(row => Object.values(row).join(' ')).slice(0, 2)).toEqual(Array(2).fill('cli secret.set KEY'))
    expect(rows.slice(2)).toEqual([{ actor: 'cli', action: 'secret.rekey', target: expect.stringMatching(/^[0-9a-f]{16}$/) }])
    const renewed = await world(url, 'bun', next)
    expect((await renewed.secret('rekey', next)).stderr).toBe('the new master key is the present one: nothing was changed\n')
    const running = await renewed.start()
    try {
      expect([await status(running, 'one'), await status(running, 'two')]).toEqual([201, 201])
      expect(await running.stop()).toBe(0)
    } finally {
      running.kill()
    }
  })

  describe('what cannot be done says why, and never repeats what may be a value:', () => {
    const rows: [words: string, input: string, code: number, stderr: RegExp][] = [
      ['set KEY PRIVATE', 'x', 2, /no argument.*stdin/],
      ['rotate KEY PRIVATE', 'x', 2, /no argument.*stdin/],
      ['rekey PRIVATE', 'x', 2, /no argument.*stdin/],
      ['set KEY --value PRIVATE', 'x', 2, /--config, --json/],
      ['set KEY --value=PRIVATE', 'x', 2, /--config, --json/],
      ['set KEY -PRIVATE', 'x', 2, /--config, --json/],
      ['set KEY=PRIVATE', 'x', 2, /no name of a secret/],
      ['set KEY', '', 2, /the value is empty/],
      ['set KEY', '\n', 2, /the value is empty/],
      ['set KEY', 'PRIVATE'.repeat(10_000), 2, /more than 65536 bytes/],
      ['rotate KEY --overlap PRIVATE', 'x', 2, /--overlap takes a time/],
      ['rotate KYE', 'PRIVATE', 1, /no secret 'KYE' — did you mean 'KEY'\? Or store it with `postern secret set KYE`/],
      ['rm KEY --version 7', '', 1, /'KEY' has no version 7/],
      ['rm KEY --version one', '', 2, /--version takes a whole number/],
      ['rm NOBODY', '', 1, /no secret 'NOBODY'/],
    ]
    let secret: Awaited<ReturnType<typeof world>>['secret']
    beforeAll(async () => {
      const made = await world((await freshDatabase()).url)
      secret = made.secret
      await made.done('set KEY', value('one'))
    })
    test.concurrent.each(rows)('postern secret %s', async (words, input, code, stderr) => {
      const ended = await secret(words, input)
      expect([ended.code, ended.stdout, ended.stderr]).toEqual([code, '', expect.stringMatching(stderr)])
      expect(ended.stderr).not.toContain('PRIVATE')
    })
  })

  test.concurrent('check and the other commands need neither key nor store for a ${secret:NAME}', async () => {
    const env = { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none', PORT: '0', ADMIN_PORT: '0', POSTERN_MASTER_KEY: undefined }
    const more = join(folder(), 'more.yaml')
    const crm = 'destinations: { crm: { url: "${secret:CRM_URL}", headers: { X-Key: "${secret:CRM_KEY}" }, secrets: ["${secret:CRM}"] } }'
    writeFileSync(more, `${text}subscriptions: { all: { webhooks: [other], to: [crm] } }\n${crm}\n`)
    const checked = await cli(['check', '--config', more], { env })
    expect([checked.code, checked.stdout]).toEqual([0, expect.stringMatching(/^config is good/)])
  })
})

describe('on the embedded store', () => {
  const prepared = join(home, 'data')
  beforeAll(async () => {
    const env = { DATABASE_URL: `pglite://${prepared}`, PORT: '0', ADMIN_PORT: '0' }
    expect(await cli(['migrate', '--config', file], { env })).toMatchObject({ code: 0, stderr: '' })
  })

  test.each(runtimes)('on %s: beside a running gateway they go through its door, but for rekey', async runtime => {
    const at = join(folder(), 'data')
    cpSync(prepared, at, { recursive: true })
    const { done, secret, start, masterKey } = await world(`pglite://${at}`, runtime)
    await done('set KEY', value('one'))
    const running = await start()
    try {
      await done('set KEY', value('two'))
      await answers(running, 'two', 201)
      await done('rotate KEY --overlap 0s', value('three'))
      await answers(running, 'two', 401)
      expect([await status(running, 'one'), await status(running, 'three')]).toEqual([401, 201])
      expect((await done('list')).data.map((s: { version: number }) => s.version)).toEqual([3, 2, 1])
      expect((await done('rm KEY --version 1')).versions).toEqual([1])
      expect(await secret('rekey', newKey())).toEqual({
        code: 69,
        stdout: '',
        stderr: expect.stringMatching(/in use by process \d+.*its gateway must be stopped/),
      })
      expect(await secret('set KEY', 'x', { POSTERN_MASTER_KEY: newKey() })).toMatchObject({ code: 78, stdout: '' })
      expect(await running.stop()).toBe(0)
      expect(running.log()).not.toContain(masterKey)
      expect((await done('rekey', newKey())).versions).toBe(2)
    } finally {
      running.kill()
    }
  })
})
