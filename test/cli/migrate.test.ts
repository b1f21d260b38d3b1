/** `postern migrate`, and what a gateway does with a store that is not migrated. */
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { join } from 'node:path'
import pg from 'pg'
import { available } from '../support/available.ts'
import { folder, freePort } from '../support/child.ts'
import { freshDatabase, postgres } from '../support/postgres.ts'
import { cli, gateway, runtimes } from '../support/process.ts'

setDefaultTimeout(60_000)
const onPostgres = await available('Postgres', postgres)
const TABLES = [
  'attempts',
  'audit',
  'deliveries',
  'destinations',
  'events',
  'idempotency_keys',
  'instance',
  'outbox',
  'quotas',
  'records',
  'replicas',
  'requests',
  'secrets',
  'tokens',
]

async function query(url: string, text: string): Promise<any[]> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}
const tablesOf = async (url: string) =>
  (await query(url, `select tablename from pg_tables where schemaname = 'public' order by 1`)).map(row => row.tablename)

onPostgres('a Postgres', () => {
  test.concurrent.each(runtimes)('is brought up to date from %s, once and again', async runtime => {
    const { url } = await freshDatabase()
    const first = await cli(['migrate'], { runtime, env: { DATABASE_URL: url } })
    expect(first).toEqual({ code: 0, stdout: 'the postgres store is up to date\n', stderr: '' })
    expect(await tablesOf(url)).toEqual(TABLES)
    const again = await cli(['migrate', '--json'], { runtime, env: { DATABASE_URL: url } })
    expect(again).toEqual({ code: 0, stdout: '{"ok":true,"store":"postgres"}\n', stderr: '' })
  })

  test.concurrent('by eight at once, four of each runtime', async () => {
    const { url } = await freshDatabase()
    const all = [...runtimes, ...runtimes, ...runtimes, ...runtimes]
    const ended = await Promise.all(all.map(runtime => cli(['migrate'], { runtime, env: { DATABASE_URL: url } })))
    expect(ended.map(({ code, stderr }) => [code, stderr])).toEqual(all.map(() => [0, '']))
    expect(await tablesOf(url)).toEqual(TABLES)
    expect(await query(url, 'select count(*)::int as n from drizzle.__drizzle_migrations')).toEqual([{ n: expect.any(Number) }])
    const [{ n }] = await query(url, 'select count(*)::int as n from drizzle.__drizzle_migrations')
    expect(await query(url, 'select count(distinct hash)::int as n from drizzle.__drizzle_migrations')).toEqual([{ n }])
  })

  test.concurrent('while another session migrates is left alone by all who start, and once it is done they go on', async () => {
    const { url } = await freshDatabase()
    const holder = new pg.Client(url)
    await holder.connect()
    await holder.query(`select pg_advisory_lock(hashtextextended('postern migrations', 0))`)
    const config = join(import.meta.dirname, '../../config/postern.yaml')
    const migrating = runtimes.map(runtime => cli(['migrate'], { runtime, env: { DATABASE_URL: url } }))
    const serving = runtimes.map(runtime => gateway({ runtime, config, env: { DATABASE_URL: url } }))
    const starts = [...migrating, ...serving]
    const started = Promise.allSettled(starts)
    try {
      /** When each of them asked for the lock, by its session. */
      const asked = new Map<number, Set<number>>()
      let tables: string[] = []
      const patient = () => [...asked.values()].filter(times => times.size >= 3).length
      for (const deadline = Date.now() + 30_000; patient() < starts.length && tables.length === 0 && Date.now() < deadline; ) {
        const rows = await holder.query(
          `select pid, query_start as at from pg_stat_activity
           where datname = current_database() and application_name = 'postern' and query like '%advisory_lock%'`,
        )
        for (const { pid, at } of rows.rows) asked.set(pid, (asked.get(pid) ?? new Set()).add(at.getTime()))
        tables = (await holder.query(`select tablename from pg_tables where schemaname in ('public', 'drizzle')`)).rows.map(
          r => r.tablename,
        )
        await new Promise(done => setTimeout(done, 20))
      }
      expect(tables).toEqual([])
      expect(patient()).toBe(starts.length)
      expect(asked.size).toBe(starts.length)
      await holder.query(`select pg_advisory_unlock_all()`)
      expect((await Promise.all(migrating)).map(({ code, stderr }) => [code, stderr])).toEqual(runtimes.map(() => [0, '']))
      for (const running of await Promise.all(serving)) expect((await fetch(`${running.url}/readyz`)).status).toBe(200)
      expect(await tablesOf(url)).toEqual(expect.arrayContaining(TABLES))
      expect(await query(url, 'select hash from drizzle.__drizzle_migrations group by hash having count(*) > 1')).toEqual([])
    } finally {
      await holder.end()
      await started
      for (const running of await Promise.allSettled(serving)) if (running.status === 'fulfilled') running.value.kill()
    }
  })

  test.concurrent('keeps what it holds', async () => {
    const { url } = await freshDatabase()
    await cli(['migrate'], { env: { DATABASE_URL: url } })
    await query(url, `insert into tokens (id, hash, webhook, created_at) values ('1', 'h', 'w', now())`)
    expect((await cli(['migrate'], { env: { DATABASE_URL: url } })).code).toBe(0)
    expect(await query(url, 'select id from tokens')).toEqual([{ id: '1' }])
  })

  test.concurrent('that is empty, a gateway with --no-migrate leaves alone and is not ready; once it is migrated, it is', async () => {
    const { url } = await freshDatabase()
    const running = await gateway({
      config: 'config/postern.yaml'.replace(/^/, join(import.meta.dirname, '../../')),
      env: { DATABASE_URL: url },
      args: ['--no-migrate'],
      until: '/livez',
    })
    try {
      expect((await fetch(`${running.url}/readyz`)).status).toBe(503)
      const send = () =>
        fetch(`${running.url}/webhooks/orders`, {
          method: 'POST',
          headers: { authorization: 'Bearer postern-demo-key', 'content-type': 'application/json' },
          body: '{"id":"1","customer":"Ada"}',
        })
      const refused = await send()
      expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, expect.stringMatching(/^\d+$/)])
      expect(await tablesOf(url)).toEqual([])
      expect((await cli(['migrate'], { env: { DATABASE_URL: url } })).code).toBe(0)
      const deadline = Date.now() + 5000
      while ((await fetch(`${running.url}/readyz`)).status !== 200 && Date.now() < deadline) await new Promise(done => setTimeout(done, 50))
      expect((await send()).status).toBe(201)
    } finally {
      running.kill()
    }
  })

  describe('that cannot be had ends with 69, and no password is told:', () => {
    const password = 'p4ssw0rd-of-the-store'
    const rows: [what: string, url: (good: URL) => string | Promise<string>, says: RegExp][] = [
      [
        'there is no such database',
        good => Object.assign(new URL(good), { pathname: '/no_such_database', password }).href,
        /no_such_database.*does not exist/,
      ],
      [
        'there is no such user',
        good => Object.assign(new URL(good), { username: 'nobody_here', password }).href,
        /nobody_here.*does not exist/,
      ],
    ]
    test.each(rows)('%s, at once', async (_, url, says) => {
      const start = performance.now()
      const { code, stdout, stderr } = await cli(['migrate'], { env: { DATABASE_URL: await url(new URL((await freshDatabase()).url)) } })
      expect([code, stdout, stderr]).toEqual([69, '', expect.stringMatching(says)])
      expect(stderr).not.toContain(password)
      expect(performance.now() - start).toBeLessThan(10_000) // the patience for a store that is away
    })

    test.concurrent('nobody listens, after ten seconds of patience, on both runtimes at once', async () => {
      const url = `postgres://user:${password}@127.0.0.1:${await freePort()}/postern`
      const start = performance.now()
      const ended = await Promise.all(
        runtimes.flatMap(runtime =>
          [['migrate'], ['serve']].map(words => cli(words, { runtime, env: { DATABASE_URL: url, PORT: '0', ADMIN_PORT: '0' } })),
        ),
      )
      const took = performance.now() - start
      expect(ended.map(e => e.code)).toEqual([69, 69, 69, 69])
      for (const { stderr, stdout } of ended) {
        expect(stderr).toContain('ECONNREFUSED')
        expect(stdout + stderr).not.toContain(password)
        expect(stderr).not.toMatch(/\n\s+at /)
      }
      expect(took).toBeGreaterThan(9500)
      expect(took).toBeLessThan(30_000)
    })
  })
})

describe('an embedded store', () => {
  test.concurrent('is made, and is up to date again', async () => {
    const env = { DATABASE_URL: `pglite://${folder()}/not/there/yet` }
    expect(await cli(['migrate', '--json'], { env })).toEqual({ code: 0, stdout: '{"ok":true,"store":"pglite"}\n', stderr: '' })
    expect((await cli(['migrate'], { runtime: 'deno', env })).stdout).toBe('the pglite store is up to date\n')
  })
})

test('a bad configuration ends with 78 before any store is asked', async () => {
  const start = performance.now()
  const { code, stdout, stderr } = await cli(['migrate', '--config', 'nowhere.yaml'])
  expect([code, stdout, stderr]).toEqual([78, '', expect.stringContaining('nowhere.yaml:1:1 cannot be read')])
  expect(performance.now() - start).toBeLessThan(5000)
})
