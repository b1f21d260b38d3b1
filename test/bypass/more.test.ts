/** The ways past the verify steps of providers, each of which must be refused by the same bytes and leave no row. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { ask } from '../hostile/fixture.ts'
import { type Request, send } from '../hostile/requests.ts'
import { available } from '../support/available.ts'
import { binary } from '../support/binary.ts'
import { freshDatabase, postgres } from '../support/postgres.ts'
import { type Gateway, gateway, runtimes } from '../support/process.ts'
import type { Attempts } from './attempts.ts'
import * as forgeries from './forgeries.ts'

const UNAUTHORIZED = JSON.stringify({
  type: 'about:blank',
  title: 'The credential, signature or timestamp is missing or wrong.',
  status: 401,
  code: 'UNAUTHORIZED',
})
/** Connections at a time. */
const TOGETHER = 50

const onPostgres = await available('Postgres', postgres)
const onOpenssl = await available('openssl', () => binary(['openssl'], () => [], 'openssl'))

onOpenssl('ways past providers', openssl => {
  const keys = forgeries.keys(openssl)
  for (const runtime of runtimes) {
    onPostgres(`on ${runtime}`, () => {
      let running: Gateway
      let database: ReturnType<typeof ask>
      beforeAll(async () => {
        const { url } = await freshDatabase()
        database = ask(url)
        running = await gateway({ runtime, config: forgeries.config(keys), env: { ...forgeries.secrets, DATABASE_URL: url } })
      }, 30_000)
      afterAll(async () => {
        running.kill()
        await running.exited
        await database.end()
      })
      const one = async (request: Request) => (await send(running.port, request)).responses[0]
      const written = async () => {
        const tables = ['records', 'events', 'idempotency_keys', 'quotas'].map(table => `(select count(*)::int from ${table}) as ${table}`)
        return (await database.rows(`select ${tables.join(', ')}`))[0]
      }

      const tables: [string, () => Attempts, least: number][] = [
        ['auth-any', forgeries.any, 40],
        ['auth-basic', forgeries.basic, 70],
        ['auth-jwt', () => forgeries.jwt(keys), 60],
        ['auth-sns', () => forgeries.sns(keys), 60],
        ['auth-plaid', () => forgeries.plaid(keys), 50],
        ['auth-twilio', forgeries.twilio, 45],
        ['auth-adyen', forgeries.adyen, 45],
        ['auth-msgraph', forgeries.graph, 45],
        ['ip-allow', forgeries.address, 25],
        ['auth-hmac, a fixed value', forgeries.fixed, 40],
      ]
      test.each(tables)('%s', async (_, attempts, least) => {
        const before = await written()
        const list = Object.entries(attempts())
        const wrong: unknown[] = []
        for (let i = 0; i < list.length; i += TOGETHER) {
          const part = list.slice(i, i + TOGETHER).map(async ([name, request]) => ({ name, response: await one(request) }))
          for (const { name, response } of await Promise.all(part))
            if (response?.status !== 401 || response.body !== UNAUTHORIZED)
              wrong.push({ name, status: response?.status, body: response?.body })
        }
        expect(wrong).toEqual([])
        expect(list.length).toBeGreaterThan(least)
        expect(await written()).toEqual(before)
      })

      test('and what is good is let in', async () => {
        const good: Request[] = [
          ...forgeries.goodAny(),
          forgeries.goodBasic(),
          forgeries.goodJwt(keys),
          forgeries.goodSns(keys),
          forgeries.goodPlaid(keys),
          forgeries.goodTwilio(),
          forgeries.goodAdyen(),
          forgeries.goodGraph(),
          ...forgeries.goodAddresses(),
          forgeries.goodFixed(),
        ]
        for (const request of good) expect([request, (await one(request))?.status]).toEqual([request, 201])
      })
    })
  }
})
