/** Several processes on one port. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ask, authorization, config, secrets } from '../hostile/fixture.ts'
import { clean, judge, load, until } from '../hostile/oracle.ts'
import { available } from '../support/available.ts'
import { folder } from '../support/child.ts'
import { freshDatabase, postgres } from '../support/postgres.ts'
import { cli, type Gateway, gateway, type Runtime } from '../support/process.ts'
import { redis } from '../support/redis.ts'

const onPostgres = await available('Postgres', postgres)
const onRedis = await available('Redis', redis)

/** Processes that another one has started. */
const childrenOf = (pid: number) =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(/\s+/).filter(Boolean).map(Number)

onPostgres('two workers', () => {
  onRedis('with Redis', redisUrl => {
    let served: Gateway
    let database: ReturnType<typeof ask>
    beforeAll(async () => {
      const { url } = await freshDatabase()
      database = ask(url)
      const env = { ...secrets, DATABASE_URL: url, REDIS_URL: redisUrl }
      served = await gateway({
        config: config.replace('/rate-low', '/rate-few').replace('drainDelay: 0s', 'drainDelay: 500ms'),
        env,
        args: ['--workers', '2'],
      })
      await until('both run', () => childrenOf(served.pid).length === 2)
      await until('both listen', () => listening() === 2)
    }, 60_000)
    afterAll(async () => {
      await served.stop().catch(() => {})
      await database.end()
    })
    /** How many have begun to, so far. */
    const listening = () => served.log().split('"msg":"listening"').length - 1
    const post = (path: string) =>
      fetch(served.url + path, { method: 'POST', headers: { ...authorization, connection: 'close' }, body: '{}' })

    /** Requests of one webhook, as the metrics have them. */
    const counted = async () => {
      const metrics = await (await fetch(`${served.adminUrl}/metrics`)).text()
      const lines = metrics.matchAll(/^postern_requests_total\{webhook="bearer".*\} (\d+)$/gm)
      return [...lines].reduce((sum, [, n]) => sum + Number(n), 0)
    }

    test('metrics are those of both', async () => {
      for (let i = 0; i < 40; i++) expect((await post('/open')).status).toBe(201)
      const text = await (await fetch(`${served.adminUrl}/metrics`)).text()
      expect(text).toContain('postern_requests_total{webhook="open",outcome="accepted",reason=""} 40')
      expect(text).toContain('postern_config_last_reload_successful 1')
    })

    test('a limit is one for both', async () => {
      const statuses: number[] = []
      for (let i = 0; i < 10; i++) statuses.push((await post('/rate-few')).status)
      expect(statuses.filter(status => status === 201)).toHaveLength(2)
    })

    test('replaced one after the other under load: no request fails', async () => {
      const before = childrenOf(served.pid)
      const running = load({ url: () => `${served.url}/bearer`, headers: authorization, senders: 16 })
      await until('some are taken', () => running.acknowledged() > 100)
      served.kill('SIGUSR2')
      await until('every worker is new', () => served.log().includes('every worker is new'), 40_000)
      await running.stop()
      const answers = [...running.sent.values()].flatMap(s => s.answers)
      expect(answers.filter(a => a.status !== 201)).toHaveLength(0)
      expect(await judge([running], database.rows, 'bearer')).toEqual(clean)
      const after = childrenOf(served.pid)
      expect([after.length, after.filter(pid => before.includes(pid))]).toEqual([2, []])
      // A counter that fell would be taken for one that began anew.
      expect(await counted()).toBe(answers.filter(a => a.status !== undefined).length)
    }, 60_000)

    test('one that falls is started anew, and what it had counted stays', async () => {
      const before = await counted()
      const [first = 0] = childrenOf(served.pid)
      process.kill(first, 'SIGKILL')
      await until('another one runs', () => childrenOf(served.pid).filter(pid => pid !== first).length === 2, 20_000)
      expect(served.log()).toContain('a worker has ended')
      await until('and listens', () => listening() === 5, 20_000)
      expect(await counted()).toBe(before)
    }, 30_000)

    test('a reload reaches both, and the end is the end of both', async () => {
      served.kill('SIGHUP')
      await until('both have reloaded', () => served.log().split('"msg":"reloaded"').length >= 3)
      const children = childrenOf(served.pid)
      expect(await served.stop()).toBe(0)
      expect(children.filter(isRunning)).toEqual([])
    }, 30_000)
  })
})

describe('what has no workers', () => {
  const small = `version: 1
server: { port: 18080 }
webhooks: { a: { path: /a, chain: [{ auth-none: { reason: a test } }, { upsert: { entity: a } }] } }
`
  const rows: [string, { words: string[]; url?: string; runtime?: Runtime }, number, string][] = [
    ['the embedded store', { words: ['2'], url: 'pglite://memory' }, 78, 'the embedded store belongs to one process'],
    ['none', { words: ['0'] }, 2, '--workers wants a whole number from 1 to 64'],
    ['a word', { words: ['many'] }, 2, '--workers wants a whole number from 1 to 64'],
    ['Deno', { words: ['2'], runtime: 'deno' }, 2, 'which needs Bun'],
  ]
  test.each(rows)('%s', async (_, { words, url = 'postgres://nowhere.invalid/x', runtime = 'bun' }, code, message) => {
    const file = join(folder(), 'postern.yaml')
    writeFileSync(file, small)
    const ended = await cli(['serve', '--config', file, '--workers', ...words], { runtime, env: { DATABASE_URL: url } })
    expect([ended.code, ended.stderr.includes(message) ? message : ended.stderr]).toEqual([code, message])
  })
})

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
