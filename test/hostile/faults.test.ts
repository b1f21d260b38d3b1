/** Kills and outages under load: whatever falls, what was acknowledged is there, once, with its event; and everybody is answered. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { available } from '../support/available.ts'
import { postgresServer } from '../support/postgres.ts'
import { runtimes } from '../support/process.ts'
import { type RedisServer, redisServer } from '../support/redis.ts'
import { ask, authorization, type Opened, open } from './fixture.ts'
import { clean, judge, type Load, load, until } from './oracle.ts'

/** Milliseconds: the request's eight seconds, and what a busy machine adds. */
const LONGEST = 8700
/** Milliseconds that Postgres is away: on one of them for longer than a request may take, so that a hang shows. */
const AWAY = { bun: 10_000, deno: 3000 }

const answersOf = (...loads: Load[]) => loads.flatMap(l => [...l.sent.values()]).flatMap(s => s.answers)

/** Everybody was answered, in time, by 201 or by a 503 that says when to come again. */
function expectAnswered(...loads: Load[]): void {
  const answers = answersOf(...loads)
  expect(answers.filter(a => a.status !== 201 && !(a.status === 503 && a.retryAfter === '1'))).toEqual([])
  expect(Math.max(...answers.map(a => a.ms))).toBeLessThan(LONGEST)
}

const onPostgres = await available('Postgres', postgresServer)

for (const runtime of runtimes) {
  onPostgres(`faults under load on ${runtime}`, server => {
    let database: ReturnType<typeof ask>
    let gateway: Opened
    const loads: Load[] = []
    const begin = (senders?: number) => {
      const started = load({ url: () => `${gateway.url}/bearer`, headers: authorization, ...(senders && { senders }) })
      loads.push(started)
      return started
    }
    /** Waits for some more acknowledgements. */
    const more = (of: Load, n: number) => {
      const wanted = of.acknowledged() + n
      return until(`${n} more acknowledgements`, () => of.acknowledged() >= wanted)
    }
    const verdict = () => judge(loads, database.rows, 'bearer')

    beforeAll(async () => {
      database = ask(server.url)
      // One server for both runtimes: the second one begins with the tables of the first.
      await database.rows('drop schema public cascade')
      await database.rows('create schema public')
      await database.rows('drop schema if exists drizzle cascade')
      gateway = await open(runtime, { database: server.url })
    }, 30_000)
    afterAll(async () => {
      await gateway?.close()
      await database?.end()
    })

    test('the gateway is killed, five times', async () => {
      const running = begin()
      for (let kill = 0; kill < 5; kill++) {
        await more(running, 200)
        gateway.kill('SIGKILL')
        await gateway.close()
        gateway = await open(runtime, { database: server.url })
      }
      await more(running, 200)
      await running.stop()
      expect(answersOf(running).filter(a => a.status !== 201 && a.status !== undefined)).toEqual([])
      expect(await verdict()).toEqual(clean)
    }, 60_000)

    test('what was acknowledged is answered by the same bytes after the last start, too', async () => {
      const acknowledged = [...(loads[0] as Load).sent.values()].filter(s => s.answers.some(a => a.status === 201)).slice(-300)
      const again = await Promise.all(
        acknowledged.map(async ({ key, answers }) => {
          const headers = { ...authorization, 'content-type': 'application/json', 'x-idempotency-key': key }
          const response = await fetch(`${gateway.url}/bearer`, { method: 'POST', headers, body: JSON.stringify({ key }) })
          const same = answers.find(a => a.status === 201)?.body === (await response.text())
          return [response.status, response.headers.get('x-idempotent-replayed'), same].join()
        }),
      )
      expect(again).toHaveLength(300)
      expect([...new Set(again)]).toEqual(['201,true,true'])
    })

    test('its backends are ended every 300 ms for five seconds', async () => {
      const running = begin(32)
      const end = performance.now() + 5000
      let ended = 0
      while (performance.now() < end) {
        await Bun.sleep(300)
        const gone = await database.rows(`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'postern'`)
        ended += gone.length
      }
      await more(running, 100)
      await running.stop()
      expect(ended).toBeGreaterThan(15)
      expectAnswered(running)
      // Those whose connection went are asked about again, so that even a 503 says the truth.
      expect(await verdict()).toEqual(clean)
    }, 30_000)

    test('Postgres crashes, three times', async () => {
      const running = begin(32)
      let slowest = 0
      for (let crash = 0; crash < 3; crash++) {
        await more(running, 200)
        const start = performance.now()
        await server.restart('immediate')
        slowest = Math.max(slowest, performance.now() - start)
      }
      await more(running, 100)
      await running.stop()
      expectAnswered(running)
      // Over a longer outage nobody can tell what became of the commits in flight.
      const { refusedButKept, ...rest } = await verdict()
      expect(rest).toEqual({ ...clean, refusedButKept: undefined } as never)
      if (slowest < 2000) expect(refusedButKept).toEqual([])
    }, 60_000)

    test(`Postgres is away for ${AWAY[runtime] / 1000} s: 503, and all is well again without a restart`, async () => {
      const running = begin(16)
      await more(running, 100)
      await server.stop('fast')
      const stopped = performance.now()
      expect((await fetch(`${gateway.url}/livez`)).status).toBe(200)
      await until('not ready', async () => (await fetch(`${gateway.url}/readyz`)).status === 503)
      const token = await fetch(`${gateway.url}/drop/wh_unknown`, { method: 'POST', body: '{}' })
      expect([token.status, token.headers.get('retry-after')]).toEqual([503, '1'])
      await Bun.sleep(Math.max(0, AWAY[runtime] - (performance.now() - stopped)))
      await server.restart()
      const back = performance.now()
      await more(running, 100)
      expect(performance.now() - back).toBeLessThan(5000)
      await until('ready', async () => (await fetch(`${gateway.url}/readyz`)).status === 200, 5000)
      await running.stop()
      expectAnswered(running)
      expect(answersOf(running).filter(a => a.status === 503).length).toBeGreaterThan(0)
      const { refusedButKept, ...rest } = await verdict()
      // At most what was in flight when it went.
      expect(refusedButKept.length).toBeLessThanOrEqual(16)
      expect(rest).toEqual({ ...clean, refusedButKept: undefined } as never)
    }, 60_000)
  })
}

onPostgres('a Postgres that does not answer', server => {
  test('everybody is answered all the same, and all is well when it wakes', async () => {
    const { rows, end } = ask(server.url)
    for (const name of runtimes) await rows(`create database ${name}`)
    const urls = runtimes.map(name => Object.assign(new URL(server.url), { pathname: `/${name}` }).href)
    const gateways = await Promise.all(runtimes.map((runtime, i) => open(runtime, { database: urls[i] as string })))
    let tokens = 0
    // The last one is asked about in the store each time.
    const paths = ['/bearer', '/person', '/drop/wh_']
    const loads = gateways.flatMap(g =>
      paths.map(path => load({ url: () => g.url + path + (path.endsWith('_') ? ++tokens : ''), headers: authorization, senders: 8 })),
    )
    const good = loads.filter((_, i) => i % paths.length < 2)
    const grows = (n: number) => {
      const wanted = good.map(l => l.acknowledged() + n)
      return until(`${n} more everywhere`, () => good.every((l, i) => l.acknowledged() >= (wanted[i] ?? 0)))
    }
    await grows(50)
    const backends = (await rows(`select pid from pg_stat_activity where application_name = 'postern'`)).map(r => r.pid as number)
    const frozen = [server.pid, ...backends]
    for (const pid of frozen) process.kill(pid, 'SIGSTOP')
    await Bun.sleep(10_000)
    for (const pid of frozen) process.kill(pid, 'SIGCONT')
    await grows(20)
    await Promise.all(loads.map(l => l.stop()))
    expectAnswered(...good)
    const unknown = answersOf(...loads.filter(l => !good.includes(l)))
    expect([...new Set(unknown.map(a => a.status))].sort()).toEqual([404, 503])
    expect(Math.max(...unknown.map(a => a.ms))).toBeLessThan(LONGEST)
    for (const [i, g] of gateways.entries()) {
      // A commit that Postgres had been sent before it froze is carried out when it wakes, long after its 503: nobody can prevent that.
      const { refusedButKept, ...rest } = await judge([good[i * 2] as Load], g.rows, 'bearer')
      expect(rest).toEqual({ ...clean, refusedButKept: undefined } as never)
      expect(refusedButKept.length).toBeLessThanOrEqual(8)
      await g.close()
    }
    await end()
  }, 60_000)
})

const onRedis = await available('Redis', redisServer)

for (const runtime of runtimes) {
  onRedis(`a rate limit without its Redis on ${runtime}`, server => {
    let gateway: Opened
    beforeAll(async () => {
      await server.restart()
      gateway = await open(runtime, { env: { REDIS_URL: server.url } })
    }, 20_000)
    afterAll(() => gateway?.close())

    const post = async (path: string) => {
      const start = performance.now()
      const response = await fetch(gateway.url + path, { method: 'POST', headers: authorization, body: '{}' })
      await response.arrayBuffer()
      return { status: response.status, retryAfter: response.headers.get('retry-after'), ms: performance.now() - start }
    }
    const statuses = async (...paths: string[]) => (await Promise.all(paths.map(post))).map(a => a.status)
    const all = ['/rate-open', '/rate-closed', '/bearer']

    const outages: [string, (server: RedisServer) => void, (server: RedisServer) => void | Promise<void>][] = [
      ['is killed', s => s.kill('SIGKILL'), s => s.restart()],
      ['does not answer', s => s.kill('SIGSTOP'), s => s.kill('SIGCONT')],
    ]
    test.each(outages)('Redis %s: open lets through, closed refuses, and what has no limit is as before', async (_, away, back) => {
      await until('all taken', async () => (await statuses(...all)).every(s => s === 201))
      const { events } = await gateway.counts()
      away(server)
      const seen = { open: 0, closed: 0, refused: 0 }
      for (let round = 0; round < 6; round++) {
        const [open, closed, free] = await Promise.all(all.map(post))
        expect([open?.status, free?.status]).toEqual([201, 201])
        seen.open++
        if (closed?.status === 503) {
          expect(closed.retryAfter).toBe('1')
          seen.refused++
        } else {
          expect(closed?.status).toBe(201) // still counted before it went
          seen.closed++
        }
        for (const answer of [open, closed, free]) expect(answer?.ms).toBeLessThan(1500)
      }
      expect(seen.refused).toBeGreaterThan(3)
      expect((await gateway.counts()).events - events).toBe(12 + seen.closed)
      await back(server)
      await until('taken again', async () => (await post('/rate-closed')).status === 201, 5000)
    })

    test('a limit that is reached says when to come again, and spends nothing', async () => {
      await until('the counters are there', async () => (await post('/rate-closed')).status === 201, 5000)
      expect(await statuses('/rate-low', '/rate-low')).toEqual([201, 201])
      const before = await gateway.counts()
      const { status, retryAfter } = await post('/rate-low')
      expect(status).toBe(429)
      expect(Number(retryAfter)).toBeWithin(3500, 3601)
      expect(await gateway.counts()).toEqual(before)
    })
  })
}

describe('the oracle itself', () => {
  const answer = (id: string, status = 201) => ({ status, body: JSON.stringify({ id }), ms: 1, retryAfter: null, replayed: false })
  const good = {
    sent: { k1: [answer('r1')], k2: [answer('r2'), answer('r2')], k3: [answer('', 503)], k4: [{ ...answer(''), status: undefined }] },
    records: ['k1 r1', 'k2 r2'],
    events: ['r1', 'r2'],
    keys: ['k1 r1', 'k2 r2'],
    used: 2 as number | number[],
  }
  const told = async (change: Partial<typeof good> | { sent: Record<string, unknown> }) => {
    const { sent, records, events, keys, used } = { ...good, ...change } as typeof good
    const tables: Record<string, Record<string, unknown>[]> = {
      records: records.map(r => ({ key: r.split(' ')[0], id: r.split(' ')[1] })),
      events: [...new Set(events)].map(record_id => ({ record_id, n: events.filter(e => e === record_id).length })),
      idempotency_keys: keys.map(k => ({ key: k.split(' ')[0], record_id: k.split(' ')[1] })),
      quotas: [used].flat().map(used => ({ used })),
    }
    const rows = async (text: string) => tables[/ from (\w+)/.exec(text)?.[1] ?? ''] ?? []
    const load = {
      sent: new Map(Object.entries(sent).map(([key, answers]) => [key, { key, answers }])),
      acknowledged: () => 0,
      stop: async () => {},
    }
    const verdict = await judge([load as Load], rows, 'any')
    return Object.entries(verdict).flatMap(([kind, list]) => (list.length > 0 ? [kind] : []))
  }

  test.each<[string, Parameters<typeof told>[0], string[]]>([
    ['nothing is wrong', {}, []],
    [
      'a broken-off request may be there, or not',
      { records: ['k1 r1', 'k2 r2', 'k4 r4'], events: ['r1', 'r2', 'r4'], keys: ['k1 r1', 'k2 r2', 'k4 r4'], used: 3 },
      [],
    ],
    ['an answer before the commit', { records: ['k2 r2'], events: ['r2'], keys: ['k2 r2'], used: 1 }, ['lost']],
    ['an answer with another id', { sent: { ...good.sent, k1: [answer('r9')] } }, ['wrong']],
    [
      'two records of one key',
      { records: ['k1 r1', 'k2 r2', 'k2 r3'], events: ['r1', 'r2', 'r3'], used: 3 },
      ['duplicates', 'recordsWithoutKey'],
    ],
    [
      'a record that nobody sent',
      { records: ['k1 r1', 'k2 r2', 'k9 r9'], events: ['r1', 'r2', 'r9'], keys: ['k1 r1', 'k2 r2', 'k9 r9'], used: 3 },
      ['phantoms'],
    ],
    [
      'a refusal that is kept',
      { records: ['k1 r1', 'k2 r2', 'k3 r3'], events: ['r1', 'r2', 'r3'], keys: ['k1 r1', 'k2 r2', 'k3 r3'], used: 3 },
      ['refusedButKept'],
    ],
    ['a record without its event', { events: ['r1'] }, ['recordsWithoutEvent']],
    ['an event without its record', { events: ['r1', 'r2', 'r3'] }, ['eventsWithoutRecord']],
    ['two events of one record', { events: ['r1', 'r2', 'r2'] }, ['recordsWithTwoEvents']],
    ['a replay with another answer', { sent: { ...good.sent, k2: [answer('r2'), answer('r2', 200)] } }, ['unequalReplays']],
    ['a quota that has lost count', { used: 3 }, ['miscounted']],
    ['a quota that was never counted', { used: [] }, ['miscounted']],
    ['a quota that is counted in two places', { used: [2, 2] }, ['miscounted']],
    ['nothing at all', { sent: { k3: good.sent.k3 }, records: [], events: [], keys: [], used: [] }, []],
  ])('%s', async (_, change, kinds) => {
    expect(await told(change)).toEqual(kinds)
  })
})
