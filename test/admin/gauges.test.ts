/** What the metrics say while something is wrong: each gauge and each alert of a fault that is really there. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { type Running, running } from '../deliveries/fixture.ts'
import { type Sink, sink } from '../deliveries/sink.ts'
import { available } from '../support/available.ts'
import { folder } from '../support/child.ts'
import { freshDatabase, postgres } from '../support/postgres.ts'
import { type Gateway, gateway } from '../support/process.ts'
import { redis, redisServer } from '../support/redis.ts'
import { becomes, sample, scrape } from './scrape.ts'

const onPostgres = await available('Postgres', postgres)
const onRedis = await available('Redis', redis)

const positive = (value: number) => value > 0

onPostgres('what is wrong shows', () => {
  let seen: Sink
  let served: Running
  beforeAll(async () => {
    seen = sink({ gone: () => 410, never: () => 500 })
    served = await running(
      `
subscriptions:
  all: { webhooks: [things], to: [crm] }
  more: { webhooks: [more], to: [gone] }
  notes: { webhooks: [notes], to: [never] }
destinations:
  crm: { url: "SINK/crm", allowPrivate: true }
  gone: { url: "SINK/gone", allowPrivate: true }
  never: { url: "SINK/never", allowPrivate: true, retry: { schedule: [0s] } }
`,
      { sink: seen },
    )
  })
  afterAll(() => served.stop())

  /** Holds a table until the end of the body. */
  async function held(table: string, body: () => Promise<void>) {
    const client = new pg.Client(served.database)
    await client.connect()
    try {
      await client.query(`begin; lock table ${table} in exclusive mode`)
      await body()
    } finally {
      await client.end()
    }
  }

  test('every destination has its counters before anything is sent there', async () => {
    const text = await scrape(served)
    for (const destination of ['crm', 'gone', 'never']) {
      for (const outcome of ['delivered', 'failed', 'dead'])
        expect([destination, outcome, sample(text, 'postern_delivery_attempts_total', { destination, outcome })]).toEqual([
          destination,
          outcome,
          0,
        ])
      expect(sample(text, 'postern_destination_paused', { destination })).toBe(0)
      expect(sample(text, 'postern_deliveries_pending', { destination })).toBe(0)
    }
  })

  test('the first dead delivery raises its counter from 0 to 1', async () => {
    await served.send('notes', { id: 'a' })
    expect(await becomes(served, 'postern_delivery_attempts_total', { destination: 'never', outcome: 'dead' }, 1)).toBe(1)
  })

  test('a destination that an operator pauses, with what waits for it', async () => {
    await served.admin('destinations/crm/pause', { method: 'POST', body: {} })
    await served.send('things', { id: 'a' })
    await served.send('things', { id: 'b' })
    expect(await becomes(served, 'postern_destination_paused', { destination: 'crm' }, 1)).toBe(1)
    expect(await becomes(served, 'postern_deliveries_pending', { destination: 'crm' }, 2)).toBe(2)
    await served.admin('destinations/crm/resume', { method: 'POST', body: {} })
    expect(await becomes(served, 'postern_destination_paused', { destination: 'crm' }, 0)).toBe(0)
    expect(await becomes(served, 'postern_deliveries_pending', { destination: 'crm' }, 0)).toBe(0)
  })

  test('a destination that answers 410', async () => {
    await served.send('more', { id: 'a' })
    expect(await becomes(served, 'postern_destination_paused', { destination: 'gone' }, 1)).toBe(1)
  })

  test('events that no relay can hand on', async () => {
    await held('deliveries', async () => {
      await served.send('things', { id: 'late' })
      expect(await becomes(served, 'postern_outbox_oldest_age_seconds', {}, positive)).toBeGreaterThan(0)
    })
    expect(await becomes(served, 'postern_outbox_oldest_age_seconds', {}, 0)).toBe(0)
  })

  test('requests that wait for the store', async () => {
    let over = false
    const sending = async () => {
      while (!over) await served.send('things', { id: 'held' }).catch(() => {})
    }
    const senders = [sending(), sending(), sending(), sending()]
    await held('records', async () => {
      expect(await becomes(served, 'postern_commit_queue_depth', {}, positive)).toBeGreaterThan(0)
    })
    over = true
    await Promise.all(senders)
    expect(await becomes(served, 'postern_commit_queue_depth', {}, 0)).toBe(0)
  })
})

onPostgres('a reload', () => {
  const file = join(folder(), 'postern.yaml')
  const config = (more: string) => `version: 1
server: { port: "\${PORT}", host: 127.0.0.1, drainDelay: 0s }
store: { url: "\${DATABASE_URL}" }
webhooks: { a: { path: /a, chain: [{ auth-none: { reason: a test } }, { upsert: { entity: a } }, dispatch] } }
${more}
`
  let served: Gateway
  beforeAll(async () => {
    writeFileSync(file, config(''))
    served = await gateway({ config: file, env: { DATABASE_URL: (await freshDatabase()).url } })
  })
  afterAll(() => served.stop())

  test('that is refused shows until one is good, which brings the counters of new destinations', async () => {
    const name = 'postern_config_last_reload_successful'
    expect(await becomes(served, name, {}, 1)).toBe(1)
    writeFileSync(file, config('surplus: true'))
    served.kill('SIGHUP')
    expect(await becomes(served, name, {}, 0)).toBe(0)
    writeFileSync(file, config('destinations: { late: { url: "https://late.example.com" } }'))
    served.kill('SIGHUP')
    expect(await becomes(served, name, {}, 1)).toBe(1)
    expect(await becomes(served, 'postern_delivery_attempts_total', { destination: 'late', outcome: 'dead' }, 0)).toBe(0)
    expect(await becomes(served, 'postern_destination_paused', { destination: 'late' }, 0)).toBe(0)
  })
})

onRedis('without the counters', () =>
  onPostgres('and with a store', () => {
    test('limits that cannot be checked are counted from 0, at webhooks that have one', async () => {
      const own = await redisServer()
      const served = await gateway({
        config: `version: 1
server: { port: "\${PORT}", host: 127.0.0.1, drainDelay: 0s }
store: { url: "\${DATABASE_URL}" }
redis: { url: "${own.url}" }
webhooks:
  limited: { path: /limited, chain: [{ auth-none: { reason: a test } }, { quota: { rate: { limit: 100, per: 1m } } }, { upsert: { entity: a } }] }
  free: { path: /free, chain: [{ auth-none: { reason: a test } }, { upsert: { entity: a } }] }
`,
        env: { DATABASE_URL: (await freshDatabase()).url },
      })
      const name = 'postern_limiter_unavailable_total'
      const first = await scrape(served)
      expect([sample(first, name, { webhook: 'limited' }), sample(first, name, { webhook: 'free' })]).toEqual([0, undefined])
      await own.stop()
      for (const id of ['a', 'b']) await fetch(`${served.url}/limited`, { method: 'POST', body: JSON.stringify({ id }) })
      expect(await becomes(served, name, { webhook: 'limited' }, 2)).toBe(2)
      await served.stop()
    })
  }),
)
