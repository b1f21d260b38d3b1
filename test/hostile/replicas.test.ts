/** Two gateways on one database, one on each runtime, while they are asked the same, reloaded and stopped. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { available } from '../support/available.ts'
import { freshDatabase, postgres } from '../support/postgres.ts'
import { runtimes } from '../support/process.ts'
import { authorization, type Opened, open } from './fixture.ts'
import { clean, judge, type Load, load, until } from './oracle.ts'

const onPostgres = await available('Postgres', postgres)

onPostgres('two gateways on one database', () => {
  let gateways: Opened[]
  const loads: Load[] = []
  beforeAll(async () => {
    const { url } = await freshDatabase()
    gateways = []
    for (const runtime of runtimes) gateways.push(await open(runtime, { database: url }))
  }, 30_000)
  afterAll(() => Promise.all(gateways.map(g => g.close())))
  const rows: Opened['rows'] = (text, values) => (gateways[0] as Opened).rows(text, values)
  const begin = (gateway: Opened) => {
    const started = load({ url: () => `${gateway.url}/bearer`, headers: authorization, senders: 12 })
    loads.push(started)
    return started
  }
  const more = (of: Load, n: number) => {
    const wanted = of.acknowledged() + n
    return until(`${n} more acknowledgements`, () => of.acknowledged() >= wanted)
  }
  const statuses = (of: Load) => new Set([...of.sent.values()].flatMap(s => s.answers).map(a => a.status))

  test('one key, at the same moment, twice at each: one record, and one answer', async () => {
    const wrong: unknown[] = []
    const ask = async (i: number) => {
      const headers = { ...authorization, 'x-idempotency-key': `same-${i}` }
      const four = [...gateways, ...gateways].map(async g => {
        const response = await fetch(`${g.url}/bearer`, { method: 'POST', headers, body: `{"n":${i}}` })
        return { said: `${response.status} ${await response.text()}`, replayed: response.headers.get('x-idempotent-replayed') === 'true' }
      })
      const answers = await Promise.all(four)
      if (new Set(answers.map(a => a.said)).size > 1 || answers.filter(a => !a.replayed).length !== 1) wrong.push(answers)
    }
    for (let round = 0; round < 25; round++) await Promise.all(Array.from({ length: 40 }, (_, i) => ask(round * 40 + i)))
    expect(wrong).toEqual([])
    expect(await (gateways[0] as Opened).counts()).toEqual({ records: 1000, events: 1000, idempotency_keys: 1000, quotas: 1, used: 1000 })
    for (const table of ['records', 'events', 'idempotency_keys', 'quotas']) await rows(`delete from ${table}`)
  }, 30_000)

  test.each(runtimes.map((runtime, i) => [runtime, i] as const))(
    'reloaded twenty times under load on %s: nobody notices',
    async (_, i) => {
      const gateway = gateways[i] as Opened
      const running = begin(gateway)
      for (let n = 1; n <= 20; n++) {
        gateway.kill('SIGHUP')
        await until(`reload ${n}`, () => gateway.log().split('"reloaded"').length > n)
      }
      await more(running, 50)
      await running.stop()
      expect([...statuses(running)]).toEqual([201])
      expect(await judge(loads, rows, 'bearer')).toEqual(clean)
    },
    30_000,
  )

  test.each(runtimes.map((runtime, i) => [runtime, i] as const))(
    'stopped under load on %s: what was accepted is finished',
    async (runtime, i) => {
      const gateway = gateways[i] as Opened
      const running = begin(gateway)
      await more(running, 200)
      gateway.kill('SIGTERM')
      const start = performance.now()
      expect(await gateway.exited).toBe(0)
      expect(performance.now() - start).toBeLessThan(5000)
      await running.stop()
      // Deno's server goes on listening until the last body is read, and says 503 meanwhile.
      const late = runtime === 'deno' ? 503 : undefined
      expect([...statuses(running)].filter(s => s !== undefined && s !== late)).toEqual([201])
      expect(await judge(loads, rows, 'bearer')).toEqual(clean)
    },
    30_000,
  )
})
