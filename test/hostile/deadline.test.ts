/** A store that answers, but too slowly: everybody is answered within the request's eight seconds, whatever a commit has to ask. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import pg from 'pg'
import { available } from '../support/available.ts'
import { faultProxy } from '../support/faultProxy.ts'
import { freshDatabase, postgres } from '../support/postgres.ts'
import { type Runtime, runtimes } from '../support/process.ts'
import { authorization, open } from './fixture.ts'

/** Milliseconds: the request's eight seconds, and what a busy machine adds. */
const LONGEST = 8500

const onPostgres = await available('Postgres', postgres)

interface Answer {
  status: number
  retryAfter: string | null
  ms: number
}

async function post(url: string, body: string): Promise<Answer> {
  const began = performance.now()
  const response = await fetch(url, { method: 'POST', headers: { ...authorization, 'content-type': 'application/json' }, body })
  await response.arrayBuffer()
  return { status: response.status, retryAfter: response.headers.get('retry-after'), ms: performance.now() - began }
}

/** 2xx, or a 503 that says when to come again; in time. */
function expectAnswered(answers: readonly Answer[]) {
  expect(answers.filter(({ status, retryAfter }) => status !== 201 && !(status === 503 && retryAfter === '1'))).toEqual([])
  expect(Math.max(...answers.map(({ ms }) => ms))).toBeLessThan(LONGEST)
}

const DELAYS = [800, 1500, 2500]
const TABLES = ['records', 'idempotency_keys', 'events', 'quotas']

/** A gateway on a database of its own, behind a proxy of its own. */
async function stage(runtime: Runtime, server: string) {
  const { hostname, port } = new URL(server)
  const proxy = await faultProxy({ host: hostname, port: Number(port) || 5432 })
  const { url } = await freshDatabase()
  const database = Object.assign(new URL(url), { hostname: '127.0.0.1', port: String(proxy.port) }).href
  return { gateway: await open(runtime, { database }), proxy, url }
}

for (const runtime of runtimes) {
  onPostgres(`a slow store on ${runtime}`, server => {
    // All are waiting for most of the time, so they wait together; they start one by one before, because a start takes a whole core.
    const stages = new Map<number | string, Awaited<ReturnType<typeof stage>>>()
    const at = (name: number | string) => stages.get(name) as Awaited<ReturnType<typeof stage>>
    beforeAll(async () => {
      for (const name of [...DELAYS, ...TABLES]) stages.set(name, await stage(runtime, server))
    }, 60_000)
    afterAll(async () => {
      for (const { gateway, proxy } of stages.values()) {
        await gateway.close()
        await proxy.stop()
      }
    })

    test.concurrent.each(DELAYS)(
      'everything comes %i ms later, either way',
      async ms => {
        const { gateway, proxy } = at(ms)
        const paths = ['/bearer', '/person', '/full', '/plain', '/open', '/drop/wh_nobody']
        const all = () => Promise.all(paths.map((path, i) => post(gateway.url + path, JSON.stringify({ n: i, email: `${i}@x.example` }))))
        await all()
        proxy.set({ kind: 'latency', ms })
        const answers = (await Promise.all([all(), all()])).flat()
        proxy.set({ kind: 'none' })
        expectAnswered(answers.filter(({ status }) => ![401, 404, 429].includes(status)))
        expect(answers.every(a => a.ms < LONGEST)).toBe(true)
      },
      60_000,
    )

    test.concurrent.each(TABLES)(
      'another session holds the table %s locked',
      async table => {
        const { gateway, url } = at(table)
        const other = new pg.Client(url)
        await other.connect()
        await other.query(`begin; lock table ${table} in access exclusive mode`)
        const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => post(`${gateway.url}/bearer`, JSON.stringify({ n }))))
        expectAnswered(answers)
        expect(answers.filter(a => a.status === 201)).toHaveLength(0)
        await other.query('rollback')
        await other.end()
        expect(await gateway.counts()).toMatchObject({ records: 0, idempotency_keys: 0, events: 0, used: 0 })
        expect((await post(`${gateway.url}/bearer`, '{"n":21}')).status).toBe(201)
      },
      60_000,
    )
  })
}
