/** Ten thousand webhooks in one folder: loaded within seconds, held in little memory, each judged as if it were alone. */

import { afterAll, beforeAll, expect, test } from 'bun:test'
import { createHmac } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { load } from '#core/config/load.ts'
import { builtins } from '#plugins/index.ts'
import { nameOf, pathOf, secretOf, writeMany } from '../../bench/folder.ts'
import { cpuOf, rssOf } from '../../bench/proc.ts'
import { available } from '../support/available.ts'
import { folder } from '../support/child.ts'
import { freshDatabase, postgres } from '../support/postgres.ts'
import { cli, type Gateway, gateway } from '../support/process.ts'

const WEBHOOKS = 10_000
/** Twice what it should be: 3 s of CPU on a machine of its own. The clock would tell of the neighbours. */
const MOST_CPU = 6
/** MB; 300 and what the runtimes differ from one day to the next. */
const MOST_RSS = 400

const home = join(folder(), 'many')
const env = { PORT: '1', ADMIN_PORT: '2', DATABASE_URL: 'postgres://none' }
writeMany(home, { webhooks: WEBHOOKS })

const onPostgres = await available('Postgres', postgres)

onPostgres(`${WEBHOOKS} webhooks`, () => {
  let running: Gateway
  let drop: () => Promise<void>
  let loaded: number
  beforeAll(async () => {
    const database = await freshDatabase()
    drop = database.drop
    running = await gateway({ config: home, env: { DATABASE_URL: database.url, LOG_LEVEL: 'warn' } })
    loaded = cpuOf(running.pid)
  }, 60_000)
  afterAll(async () => {
    await running?.stop()
    await drop?.()
  })

  test('are ready within seconds of CPU', () => {
    expect(loaded).toBeLessThan(MOST_CPU)
  })

  test.each([0, WEBHOOKS / 2, WEBHOOKS - 1])('number %i takes what is signed with its own secret, and nothing else', async i => {
    const body = JSON.stringify({ id: `r-${i}`, region: 'North', sales: 1 })
    const at = `${Math.floor(Date.now() / 1000)}`
    const send = async (secret: string) => {
      const signature = `sha256=${createHmac('sha256', secret).update(`${at}.${body}`).digest('hex')}`
      const headers = { 'content-type': 'application/json', 'x-webhook-signature': signature, 'x-webhook-timestamp': at }
      const response = await fetch(running.url + pathOf(i), { method: 'POST', headers, body })
      await response.text()
      return response.status
    }
    expect(await send(secretOf(i))).toBe(201)
    expect(await send(secretOf((i + 1) % WEBHOOKS))).toBe(401)
  })

  test('are read in pieces: whatever else is due has its turn meanwhile, as it must in a reload', async () => {
    let turns = 0
    let reading = true
    const turn = () => {
      turns++
      if (reading) setImmediate(turn)
    }
    setImmediate(turn)
    const { config } = await load(home, { env, builtins, importPlugin: () => Promise.reject(new Error('none')) })
    reading = false
    expect(config?.webhooks.size).toBe(WEBHOOKS)
    expect(turns).toBeGreaterThan(20)
  }, 30_000)

  test('are held in little memory, once what reading them left behind is gone', async () => {
    let rss = Number.POSITIVE_INFINITY
    for (const until = Date.now() + 10_000; rss > MOST_RSS && Date.now() < until; await sleep(200)) rss = rssOf(running.pid) / 1e6
    expect(rss).toBeLessThan(MOST_RSS)
  }, 15_000)

  test('a fault in the last of them is told at its place', async () => {
    const file = join(home, '10-webhooks-003.yaml')
    const whole = readFileSync(file, 'utf8')
    const last = nameOf(WEBHOOKS - 1)
    const at = whole.lastIndexOf('preset: inspire')
    const line = whole.slice(0, at).split('\n').length
    writeFileSync(file, `${whole.slice(0, at)}preset: inspired }${whole.slice(at + 'preset: inspire }'.length)}`)
    const { code, stdout } = await cli(['check', '--config', home], { env })
    writeFileSync(file, whole)
    expect(code).toBe(78)
    expect(stdout).toContain(`10-webhooks-003.yaml:${line}:`)
    expect(stdout).toContain(`webhooks.${last}.chain[0].auth-hmac.preset`)
  }, 60_000)

  test('two of them on one path are told, wherever they stand', async () => {
    const file = join(home, '30-twin.yaml')
    writeFileSync(file, `webhooks:\n  twin: { path: ${pathOf(WEBHOOKS - 1)}, chain: [{ auth-none: { reason: a test } }, dispatch] }\n`)
    const { code, stdout } = await cli(['check', '--config', home], { runtime: 'deno', env })
    writeFileSync(file, '')
    expect(code).toBe(78)
    expect(stdout).toContain(`'twin' would answer the same requests as '${nameOf(WEBHOOKS - 1)}'`)
  }, 60_000)
})
