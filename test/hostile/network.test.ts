/** A bad network before Postgres and before Redis: everybody is answered in time, nothing that was acknowledged is missing, and all is well again by itself. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { Redis } from 'ioredis'
import { available } from '../support/available.ts'
import { type Fault, type FaultProxy, faultProxy } from '../support/faultProxy.ts'
import { freshDatabase, postgres } from '../support/postgres.ts'
import { type Runtime, runtimes } from '../support/process.ts'
import { redisServer } from '../support/redis.ts'
import { ask, authorization, type Opened, open } from './fixture.ts'
import { clean, judge, type Load, load, until } from './oracle.ts'

/** Milliseconds: the request's eight seconds, and what a busy machine adds. */
const LONGEST = 8700
/** Milliseconds from the end of a fault, within which all is well again. */
const RECOVERY = 5000
/** Milliseconds for the same where the fault tells nobody: until the driver gives up on each connection that it has. */
const GIVEN_UP = 20_000

/** How long it lasts, whether the gateway must be found not ready, and whether an answer may be missing what was written all the same. */
const faults: [name: string, fault: Fault, ms: number, expected: { away: boolean; broken: boolean }][] = [
  ['everything comes 100 ms later', { kind: 'latency', ms: 100 }, 2000, { away: false, broken: false }],
  // A commit and its answer take longer than anybody can wait for: so does the fault, or a hang would not show.
  ['everything comes 1,500 ms later', { kind: 'latency', ms: 1500 }, 12_000, { away: false, broken: true }],
  ['100 KB a second', { kind: 'bandwidth', rate: 100_000 }, 2000, { away: false, broken: false }],
  ['pieces of 7 bytes', { kind: 'slicer', bytes: 7 }, 1500, { away: false, broken: false }],
  ['nothing gets through', { kind: 'blackhole' }, 12_000, { away: true, broken: true }],
  ['every connection is reset', { kind: 'reset' }, 2000, { away: true, broken: true }],
  ['what is open is forgotten, and what is new is well', { kind: 'forgotten' }, 2000, { away: false, broken: true }],
]

/** What asks the store in other ways than the load does: by a match, a quota that is full, a token. */
const others: [path: string, good: number[]][] = [
  ['/person', [200, 201]],
  ['/full', [201, 429]],
  ['/drop/wh_nobody', [404]],
]

/** Sends one of each now and then until it is told to stop; gives those that were not answered well and in time. */
function beside(url: string) {
  const asked: Promise<string[]>[] = []
  const ask = async ([path, good]: (typeof others)[number], n: number) => {
    const began = performance.now()
    const init = { method: 'POST', headers: authorization, body: `{"email":"${n}@x.example"}`, signal: AbortSignal.timeout(30_000) }
    const response = await fetch(url + path, init).catch(() => undefined)
    await response?.arrayBuffer().catch(() => {})
    const ms = performance.now() - began
    const later = response?.status === 503 && response.headers.get('retry-after') === '1'
    const well = later || good.includes(response?.status ?? 0)
    return well && ms < LONGEST ? [] : [`${path}: ${response?.status ?? 'nothing'} after ${Math.round(ms)} ms`]
  }
  const timer = setInterval(() => asked.push(...others.map(one => ask(one, asked.length))), 500)
  return async () => {
    clearInterval(timer)
    return (await Promise.all(asked)).flat()
  }
}

const onPostgres = await available('Postgres', postgres)

/** One gateway on a database of its own, behind a proxy of its own, and what it is found to do while a fault lasts. */
async function stage(runtime: Runtime, server: string) {
  const { hostname, port } = new URL(server)
  const proxy = await faultProxy({ host: hostname, port: Number(port) || 5432 })
  const { url } = await freshDatabase()
  const database = ask(url)
  const gateway = await open(runtime, { database: Object.assign(new URL(url), { hostname: '127.0.0.1', port: String(proxy.port) }).href })
  const readiness = async () => (await fetch(`${gateway.url}/readyz`, { signal: AbortSignal.timeout(LONGEST) })).status
  const loads: Load[] = []
  /** Of the faults before. */
  let known = 0
  return {
    async outlast(fault: Fault, ms: number, { away, broken }: (typeof faults)[number][3]) {
      const running = load({ url: () => `${gateway.url}/bearer`, headers: authorization, senders: 12 })
      loads.push(running)
      await until('some are taken', () => running.acknowledged() > 50)
      const ended = beside(gateway.url)
      proxy.set(fault)
      const began = performance.now()
      if (away) await until('not ready', async () => (await readiness()) === 503, ms)
      expect((await fetch(`${gateway.url}/livez`)).status).toBe(200)
      await new Promise(done => setTimeout(done, Math.max(0, ms - (performance.now() - began))))
      proxy.set({ kind: 'none' })
      const patience = fault.kind === 'forgotten' ? GIVEN_UP : RECOVERY
      const wanted = running.acknowledged() + 100
      await until('taken again', () => running.acknowledged() >= wanted, patience)
      await until('ready again', async () => (await readiness()) === 200, patience)
      await running.stop()
      expect(await ended()).toEqual([])
      const answers = [...running.sent.values()].flatMap(s => s.answers)
      expect(answers.filter(a => a.status !== 201 && !(a.status === 503 && a.retryAfter === '1'))).toEqual([])
      expect(Math.max(...answers.map(a => a.ms))).toBeLessThan(LONGEST)
      const { refusedButKept, ...rest } = await judge(loads, database.rows, 'bearer')
      expect(rest).toEqual({ ...clean, refusedButKept: undefined } as never)
      // A commit whose answer never came back may have been carried out: its sender was told to come again.
      if (!broken) expect(refusedButKept.length).toBe(known)
      known = refusedButKept.length
    },
    async close() {
      proxy.set({ kind: 'none' })
      await gateway.close()
      await database.end()
      await proxy.stop()
    },
  }
}

onPostgres('a bad network to Postgres', server => {
  // Most of a fault is waiting, so both runtimes sit it out at the same time.
  const stages: [Runtime, Awaited<ReturnType<typeof stage>>][] = []
  beforeAll(async () => {
    for (const runtime of runtimes) stages.push([runtime, await stage(runtime, server)])
  }, 60_000)
  afterAll(() => Promise.all(stages.map(([, { close }]) => close())))

  test.each(faults)(
    '%s',
    async (_, fault, ms, expected) => {
      const outcomes = await Promise.allSettled(stages.map(([, { outlast }]) => outlast(fault, ms, expected)))
      for (const [i, outcome] of outcomes.entries())
        if (outcome.status === 'rejected') throw new Error(`on ${stages[i]?.[0]}: ${outcome.reason}`, { cause: outcome.reason })
    },
    60_000,
  )
})

const onRedis = await available('Redis', redisServer)

const redisFaults: [string, Fault, closed: number][] = [
  ['everything comes 600 ms later', { kind: 'latency', ms: 600 }, 503],
  ['nothing gets through', { kind: 'blackhole' }, 503],
  ['every connection is reset', { kind: 'reset' }, 503],
  ['pieces of one byte', { kind: 'slicer', bytes: 1 }, 201],
]

for (const runtime of runtimes) {
  onRedis(`a bad network to Redis on ${runtime}`, server => {
    let proxy: FaultProxy
    let gateway: Opened
    beforeAll(async () => {
      proxy = await faultProxy({ host: '127.0.0.1', port: Number(new URL(server.url).port) })
      gateway = await open(runtime, { env: { REDIS_URL: `redis://127.0.0.1:${proxy.port}` } })
    }, 30_000)
    afterAll(async () => {
      proxy.set({ kind: 'none' })
      await gateway.close()
      await proxy.stop()
    })
    const post = async (path: string) => {
      const start = performance.now()
      const response = await fetch(gateway.url + path, { method: 'POST', headers: authorization, body: '{}' })
      await response.arrayBuffer()
      return { status: response.status, ms: performance.now() - start }
    }
    const taken = (path: string) => until(`${path} is taken`, async () => (await post(path)).status === 201, RECOVERY)

    test.each(redisFaults)(
      '%s: open lets through, closed does as it can, and what has no limit is as before',
      async (_, fault, closed) => {
        await taken('/rate-closed')
        proxy.set(fault)
        for (let round = 0; round < 5; round++) {
          const [open, shut, free] = await Promise.all(['/rate-open', '/rate-closed', '/bearer'].map(post))
          expect([open?.status, shut?.status, free?.status]).toEqual([201, closed, 201])
          for (const answer of [open, shut, free]) expect(answer?.ms).toBeLessThan(1500)
        }
        proxy.set({ kind: 'none' })
        await taken('/rate-closed')
      },
      30_000,
    )

    test('flushed, it counts from zero, and loses nothing that was acknowledged', async () => {
      const running = load({ url: () => `${gateway.url}/bearer`, headers: authorization, senders: 4 })
      const client = new Redis(server.url)
      for (let round = 0; round < 5; round++) {
        const wanted = running.acknowledged() + 20
        await until('taken', () => running.acknowledged() >= wanted)
        await client.flushall()
        expect((await post('/rate-closed')).status).toBe(201)
      }
      await running.stop()
      client.disconnect()
      // Other senders have written there before.
      const found = Object.entries(await judge([running], gateway.rows, 'bearer')).filter(([, cases]) => cases.length > 0)
      expect(found.map(([kind]) => kind).filter(kind => kind !== 'phantoms' && kind !== 'recordsWithoutKey')).toEqual([])
    }, 30_000)
  })
}
