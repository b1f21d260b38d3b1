/** Every way to be let in, times everything that can be done to a credential: one 401 for all, and nothing is written. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { type Opened, open } from '../hostile/fixture.ts'
import { type Request, send } from '../hostile/requests.ts'
import { available } from '../support/available.ts'
import { binary } from '../support/binary.ts'
import { postgres } from '../support/postgres.ts'
import { runtimes } from '../support/process.ts'
import { type Attempts, prefixed } from './attempts.ts'
import { attempts, COLUMNS } from './columns.ts'
import * as forgeries from './forgeries.ts'
import { keyAttempts } from './keys.ts'
import { ways } from './ways.ts'
import { configOf, good, loaded } from './world.ts'

const UNAUTHORIZED = JSON.stringify({
  type: 'about:blank',
  title: 'The credential, signature or timestamp is missing or wrong.',
  status: 401,
  code: 'UNAUTHORIZED',
})
/** Connections at a time. */
const TOGETHER = 50
/** So that a slow machine does not turn a forged request into a late one: what is late has rows of its own. */
const WINDOW = '1h'

const onPostgres = await available('Postgres', postgres)
const onOpenssl = await available('openssl', () => binary(['openssl'], () => [], 'openssl'))

onOpenssl('the matrix of ways past authentication', openssl => {
  const all = ways(forgeries.keys(openssl))
  const text = configOf(all, { window: WINDOW })
  for (const runtime of runtimes) {
    onPostgres(`on ${runtime}`, () => {
      let gateway: Opened
      let config: Awaited<ReturnType<typeof loaded>>
      beforeAll(async () => {
        config = await loaded(text)
        gateway = await open(runtime, { config: text })
      }, 60_000)
      afterAll(() => gateway?.close())
      const one = async (request: Request) => (await send(gateway.port, request)).responses[0]
      const asking = ({ path = '', ...request }: Request): Request => ({ ...request, path: path.replace(/(?=\?|$)/, '/verify') })

      /** Which of them are not refused as all are, by the webhook or by its question. */
      async function letIn(list: readonly (readonly [string, Request])[]): Promise<unknown[]> {
        const wrong: unknown[] = []
        for (let i = 0; i < list.length; i += TOGETHER) {
          const part = list.slice(i, i + TOGETHER).flatMap(([name, request]) => [
            { name, answer: one(request) },
            { name: `${name}, asked`, answer: one(asking(request)) },
          ])
          for (const { name, answer } of part) {
            const response = await answer
            if (response?.status !== 401 || response.body !== UNAUTHORIZED) wrong.push([name, response?.status, response?.body])
          }
        }
        return wrong
      }

      test.each(all.map(way => [way.id, way] as const))(
        '%s',
        async (id, way) => {
          const now = Date.now()
          const request = await good(config, way, { now })
          const first = await one(request)
          expect([id, 'what is good', first?.status]).toEqual([id, 'what is good', 201])
          expect([id, (await one(asking(request)))?.body]).toEqual([id, '{"verified":true}'])
          const before = await gateway.counts()

          const columns = COLUMNS.map((column): [string, Attempts] => [column, attempts(column, request, way, now)])
          const none = columns.filter(([, list]) => Object.keys(list).length === 0).map(([column]) => column)
          // A secret signs no time and no body, and a token says its time where nobody can change it.
          expect(['tampered', 'replay']).toEqual(expect.arrayContaining(none))
          const list = columns.flatMap(([column, of]) => Object.entries(prefixed(column, of)))
          list.push(["other webhook's secret: it signs", await good(config, way, { by: 1 })])
          list.push(["other webhook's secret: at its own", { ...request, path: request.path.replace(`/${id}`, `/${id}-b`) }])
          expect(list.length).toBeGreaterThan(50)
          expect(await letIn(list)).toEqual([])
          expect(await gateway.counts()).toEqual(before)

          // The very same request again: nothing else was wrong with those.
          const again = await one(request)
          expect([again?.status, again?.headers['x-idempotent-replayed']]).toEqual([201, way.names ? 'true' : undefined])
          if (way.names) expect([again?.body, await gateway.counts()]).toEqual([first?.body, before])
          else expect(await gateway.counts()).toEqual({ ...before, records: before.records + 1, events: before.events + 1 })
        },
        30_000,
      )

      test('signatures of public keys, in every form but the right one', async () => {
        const list = Object.entries(await keyAttempts(config, all))
        expect(list.length).toBeGreaterThan(70)
        const before = await gateway.counts()
        expect(await letIn(list)).toEqual([])
        expect(await gateway.counts()).toEqual(before)
      }, 30_000)
    })
  }
})
