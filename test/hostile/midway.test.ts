/** Killed midway, at any moment of a first start, a migration or a reload: the next start is whole, and nothing is lost. */
import { afterAll, describe, expect, test } from 'bun:test'
import { once } from 'node:events'
import { cpSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { drizzle } from 'drizzle-orm/node-postgres'
import { migrate } from 'drizzle-orm/node-postgres/migrator'
import pg from 'pg'
import { available } from '../support/available.ts'
import { child, folder, freePort } from '../support/child.ts'
import { freshDatabase, postgres } from '../support/postgres.ts'
import { cli, gateway, type Runtime, runtimes } from '../support/process.ts'
import { ask } from './fixture.ts'
import { clean, judge, load, until } from './oracle.ts'

const KEY = 'midway-key-0123456789abcdef'
const root = join(import.meta.dirname, '../..')
/** Webhooks beside the one under load: what makes a reload take its time. */
const config = (more: number) => `version: 1
server: { port: "\${PORT}", host: 127.0.0.1, drainDelay: 0s }
store: { url: "\${DATABASE_URL}" }
admin: { port: "\${ADMIN_PORT}" }
webhooks:
  orders:
    path: /orders
    capture: { last: 0 }
    chain: [{ auth-bearer: { keys: [${KEY}] } }, idempotency, { quota: { records: 100000000 } }, { upsert: { entity: order } }, dispatch]
${Array.from({ length: more }, (_, i) => `  w${i}: { path: /w${i}, chain: [{ auth-bearer: { keys: [${KEY}] } }, { validation: { schema: { properties: { a: { type: string, pattern: "^a{${i + 1}}$" } } } } }, { upsert: { entity: order } }] }\n`).join('')}`

/** Starts the program, and does not wait for anything. */
async function start(runtime: Runtime, args: readonly string[], url: string) {
  const program = join(root, 'node_modules/.bin', runtime)
  const run = runtime === 'bun' ? [`--config=${join(root, 'bunfig.toml')}`] : ['run', '-A']
  const env = { ...process.env, NO_COLOR: '1', DATABASE_URL: url, PORT: `${await freePort()}`, ADMIN_PORT: `${await freePort()}` }
  const started = child(program, [...run, join(root, 'main.ts'), ...args], { env, stdio: 'ignore' })
  const ended = once(started, 'exit')
  return { started, ended, port: Number(env.PORT) }
}

const sleep = (ms: number) => new Promise(done => setTimeout(done, ms))

/** Everything of the schema that a migration makes, as text; the queue's too. */
async function shapeOf(rows: ReturnType<typeof ask>['rows']): Promise<string[]> {
  const columns = await rows(
    `select table_schema || '.' || table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable as line from information_schema.columns
     where table_schema not in ('pg_catalog', 'information_schema') order by 1`,
  )
  const indexes = await rows(
    `select indexdef as line from pg_indexes where schemaname not in ('pg_catalog', 'information_schema') order by 1`,
  )
  const constraints = await rows(
    `select conrelid::regclass || ' ' || pg_get_constraintdef(oid) as line from pg_constraint where connamespace::regnamespace::text not in ('pg_catalog', 'information_schema') order by 1`,
  )
  const migrations = await rows('select hash as line from drizzle.__drizzle_migrations order by id')
  const broken = await rows(`select 'invalid ' || indexrelid::regclass as line from pg_index where not indisvalid`)
  return [columns, indexes, constraints, migrations, broken].flat().map(row => row.line)
}

const MIGRATIONS = join(root, 'core/store/migrations')
const VERSIONS = readdirSync(MIGRATIONS).filter(name => name.endsWith('.sql')).length

/** Makes the tables as an earlier version left them, after so many of the migrations, with a record of its own in them. */
async function upTo(version: number, url: string): Promise<void> {
  if (version === 0) return
  const some = join(folder(), 'migrations')
  cpSync(MIGRATIONS, some, { recursive: true })
  const file = join(some, 'meta/_journal.json')
  const journal = JSON.parse(readFileSync(file, 'utf8'))
  writeFileSync(file, JSON.stringify({ ...journal, entries: journal.entries.slice(0, version) }))
  const client = new pg.Client(url)
  await client.connect()
  await migrate(drizzle(client), { migrationsFolder: some })
  await client.query(`insert into records (entity, id, data, replaced, webhook, origin, exchange, created_at, updated_at)
    values ('order', 'of-before', '{"a": 1}', true, 'orders', 'x', 'x', now(), now())`)
  await client.end()
}

const onPostgres = await available('Postgres', postgres)

onPostgres('a first start, or that of a newer version', () => {
  /** What one undisturbed makes; asked once. */
  let whole: Promise<string[]> | undefined
  const undisturbed = () => {
    whole ??= (async () => {
      const { url } = await freshDatabase()
      const home = folder()
      writeFileSync(join(home, 'postern.yaml'), config(0))
      const running = await gateway({ config: join(home, 'postern.yaml'), env: { DATABASE_URL: url } })
      const { rows, end } = ask(url)
      const shape = await shapeOf(rows)
      await end()
      running.kill()
      await running.exited
      return shape
    })()
    return whole
  }

  const KILLS = 6
  const starts = [...runtimes.map(runtime => [0, runtime] as const), ...Array.from({ length: VERSIONS }, (_, i) => [i + 1, 'bun'] as const)]
  test.each(starts)(
    'after %i migrations is killed time and again on %s, and once is not',
    async (version, runtime) => {
      const { url } = await freshDatabase()
      await upTo(version, url)
      const home = folder()
      writeFileSync(join(home, 'postern.yaml'), config(0))
      const { rows, end } = ask(url)
      // From before its first statement until after its last: each kill comes when that many tables are there, or at the latest when it is ready.
      for (let kill = 0; kill < KILLS; kill++) {
        const args =
          kill % 2 === 0 ? ['serve', '--config', join(home, 'postern.yaml')] : ['migrate', '--config', join(home, 'postern.yaml')]
        const { started, ended } = await start(runtime, args, url)
        const connected = async () =>
          Number(
            (
              await rows(
                `select count(*)::int as n from pg_stat_activity where datname = current_database() and application_name = 'postern'`,
              )
            )[0]?.n,
          ) > 0
        // A command that ends by itself was too quick to be killed.
        await until('connected, or ended', async () => started.exitCode !== null || (await connected()), 20_000)
        await sleep(kill * 7)
        started.kill('SIGKILL')
        await ended
      }
      const running = await gateway({ runtime, config: join(home, 'postern.yaml'), env: { DATABASE_URL: url } })
      const response = await fetch(`${running.url}/orders`, {
        method: 'POST',
        headers: { authorization: `Bearer ${KEY}` },
        body: '{"a":1}',
      })
      expect(response.status).toBe(201)
      expect(await shapeOf(rows)).toEqual(await undisturbed())
      const before = await rows(`select data from records where id = 'of-before'`)
      expect(before).toEqual(version === 0 ? [] : [{ data: { a: 1 } }])
      running.kill()
      await running.exited
      await end()
    },
    60_000,
  )

  test('of four at once, while one is killed and another one migrates: the three others start', async () => {
    const { url } = await freshDatabase()
    const home = folder()
    writeFileSync(join(home, 'postern.yaml'), config(0))
    const { rows, end } = ask(url)
    const victim = await start('bun', ['serve', '--config', join(home, 'postern.yaml')], url)
    const migrating = cli(['migrate', '--config', join(home, 'postern.yaml')], { env: { DATABASE_URL: url, PORT: '1', ADMIN_PORT: '2' } })
    const others = [...runtimes, 'bun' as const].map(runtime =>
      gateway({ runtime, config: join(home, 'postern.yaml'), env: { DATABASE_URL: url } }),
    )
    // In the middle of it: the lock of migrations is held by one of them.
    const locked = `select 1 from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())`
    await until('one migrates', async () => (await rows(locked)).length > 0, 20_000)
    victim.started.kill('SIGKILL')
    await victim.ended
    const running = await Promise.all(others)
    expect((await migrating).code).toBe(0)
    const statuses = await Promise.all(
      running.map(
        async g => (await fetch(`${g.url}/orders`, { method: 'POST', headers: { authorization: `Bearer ${KEY}` }, body: '{}' })).status,
      ),
    )
    expect(statuses).toEqual([201, 201, 201])
    expect(await shapeOf(rows)).toEqual(await undisturbed())
    for (const g of running) {
      g.kill()
      await g.exited
    }
    await end()
  }, 60_000)

  test('with the embedded store is killed time and again: the folder is good', async () => {
    const home = folder()
    const file = join(home, 'postern.yaml')
    const url = `pglite://${join(home, 'data')}`
    writeFileSync(file, config(0))
    for (let kill = 0; kill < 4; kill++) {
      const { started, ended } = await start('bun', ['serve', '--config', file], url)
      // From the moment that it has begun to write there.
      await until('it has begun', () => started.exitCode !== null || readdirSync(home).length > 1, 20_000)
      await sleep(kill * 150)
      started.kill('SIGKILL')
      await ended
    }
    const running = await gateway({ config: file, env: { DATABASE_URL: url } })
    const response = await fetch(`${running.url}/orders`, { method: 'POST', headers: { authorization: `Bearer ${KEY}` }, body: '{"a":1}' })
    expect(response.status).toBe(201)
    running.kill()
    await running.exited
  }, 60_000)
})

for (const runtime of runtimes) {
  onPostgres(`reloads under load on ${runtime}`, () => {
    const ends: (() => Promise<void>)[] = []
    afterAll(async () => {
      for (const end of ends) await end()
    })
    describe('are broken off', () => {
      test('by SIGKILL: the next start has the file that is there, and nothing is lost', async () => {
        const { url } = await freshDatabase()
        const home = folder()
        const file = join(home, 'postern.yaml')
        let version = 40
        const write = () => {
          // As an editor does: the old file or the new one, never half of it.
          writeFileSync(`${file}.new`, config(++version))
          renameSync(`${file}.new`, file)
        }
        write()
        const open = () => gateway({ runtime, config: file, env: { DATABASE_URL: url, LOG_LEVEL: 'info' } })
        let running = await open()
        const { rows, end } = ask(url)
        ends.push(async () => {
          running.kill()
          await running.exited
          await end()
        })
        const senders = load({ url: () => `${running.url}/orders`, headers: { authorization: `Bearer ${KEY}` }, senders: 12, stubborn: 1 })
        const more = (n: number) => {
          const wanted = senders.acknowledged() + n
          return until(`${n} more`, () => senders.acknowledged() >= wanted)
        }
        for (let kill = 0; kill < 5; kill++) {
          await more(50)
          write()
          running.kill('SIGHUP')
          // A reload of forty webhooks takes some tens of milliseconds: before, within and after it.
          await sleep(kill * 15)
          running.kill('SIGKILL')
          await running.exited
          running = await open()
          const last = { method: 'POST', headers: { authorization: `Bearer ${KEY}` }, body: '{"a":1}' }
          expect((await fetch(`${running.url}/w${version - 1}`, last)).status).toBe(422)
          expect((await fetch(`${running.url}/w${version}`, last)).status).toBe(404)
        }
        await more(50)
        await senders.stop()
        expect([...new Set([...senders.sent.values()].flatMap(s => s.answers).map(a => a.status))].filter(s => s !== undefined)).toEqual([
          201,
        ])
        expect(await judge([senders], rows, 'orders')).toEqual(clean)
      }, 60_000)
    })
  })
}
