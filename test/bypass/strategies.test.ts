/** The ways past authentication, each of which must be refused by the same bytes and leave no row. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { type Counts, type Opened, open, secrets, signature } from '../hostile/fixture.ts'
import { type Request, send } from '../hostile/requests.ts'
import { available } from '../support/available.ts'
import { postgres } from '../support/postgres.ts'
import { runtimes } from '../support/process.ts'
import type { RawResponse } from '../support/raw.ts'
import { type Attempts, admin, bearer, sharedHeader, sharedQuery, signed, urlToken } from './attempts.ts'

const UNAUTHORIZED = JSON.stringify({
  type: 'about:blank',
  title: 'The credential, signature or timestamp is missing or wrong.',
  status: 401,
  code: 'UNAUTHORIZED',
})

const onPostgres = await available('Postgres', postgres)

for (const runtime of runtimes) {
  onPostgres(`ways past authentication on ${runtime}`, () => {
    let gateway: Opened
    let before: Counts
    let token: string
    let nothingHere: RawResponse
    const attempts: [string, () => Attempts, number][] = [
      ['auth-bearer', bearer, 401],
      ['auth-shared-secret in a header', sharedHeader, 401],
      ['auth-shared-secret in the query', sharedQuery, 401],
      ['auth-hmac and replay-window', () => signed(Date.now()), 401],
      ['auth-url-token', () => tokens, 404],
    ]
    let tokens: Attempts
    const one = async (request: Request) => (await send(gateway.port, request)).responses[0]
    beforeAll(async () => {
      gateway = await open(runtime)
      const [mine, other, revoked, expired] = await Promise.all(
        ['drop', 'drop-other', 'drop', 'drop'].map(webhook => gateway.token(webhook)),
      )
      for (const { token } of [revoked, expired] as { token: string }[]) expect((await one({ path: `/drop/${token}` }))?.status).toBe(201)
      const ends: [string, string | undefined][] = [
        ['revoked_at', revoked?.id],
        ['expires_at', expired?.id],
      ]
      for (const [column, id] of ends) await gateway.rows(`update tokens set ${column} = now() where id = $1`, [id])
      token = mine?.token ?? ''
      tokens = urlToken(token, other?.token ?? '', revoked?.token ?? '', expired?.token ?? '')
      nothingHere = (await one({ path: '/nothing' })) as RawResponse
      // A gateway may believe what it knows of a token for two seconds.
      const deadline = Date.now() + 4000
      const ended = async () =>
        (await Promise.all([revoked, expired].map(t => one({ path: `/drop/${t?.token}` })))).every(r => r?.status === 404)
      while (!(await ended()) && Date.now() < deadline) await Bun.sleep(100)
      before = await gateway.counts()
    }, 20_000)
    afterAll(() => gateway?.close())

    test.each(attempts)('%s', async (_, list, status) => {
      const answers = Object.entries(list()).map(async ([name, request]) => ({ name, response: await one(request) }))
      const wrong: unknown[] = []
      for (const { name, response } of await Promise.all(answers)) {
        const body = status === 404 ? nothingHere.body : UNAUTHORIZED
        if (response?.status !== status || response.body !== body) wrong.push({ name, response })
      }
      expect(wrong).toEqual([])
      expect(answers.length).toBeGreaterThan(40)
      expect(await gateway.counts()).toEqual(before)
    })

    test('the admin API: another token, or none, is refused by the same bytes, and not at all on the port of senders', async () => {
      const port = Number(new URL(gateway.adminUrl).port)
      const answers = Object.entries(admin()).map(async ([name, request]) => ({ name, response: (await send(port, request)).responses[0] }))
      const [first, ...rest] = (await Promise.all(answers)).map(({ name, response }) => ({
        name,
        status: response?.status,
        body: response?.body,
      }))
      expect([first?.status, JSON.parse(first?.body ?? '').code]).toEqual([401, 'UNAUTHORIZED'])
      // After ten guesses an address is told to wait.
      const told = rest.filter(a => a.status !== 429)
      expect(told.length).toBeGreaterThanOrEqual(9)
      expect(told.filter(a => a.status !== 401 || a.body !== first?.body)).toEqual([])
      const good: Request = { path: '/admin/v1/webhooks', method: 'GET', headers: [['authorization', `Bearer ${secrets.ADMIN_TOKEN}`]] }
      expect((await send(port, good)).responses[0]?.status).toBe(200)
      expect((await one(good))?.body).toBe(nothingHere.body)
    })

    test('and what is good is let in', async () => {
      const body = '{"n":1}'
      const seconds = (n: number): Request => ({ path: '/signed', body, headers: Object.entries(signature(body, Date.now() + n * 1000)) })
      const bearers = [
        `Bearer ${secrets.BEARER_KEY}`,
        `bearer ${secrets.BEARER_KEY}`,
        `BEARER ${secrets.BEARER_NEXT}`,
        ` Bearer ${secrets.BEARER_KEY} `,
      ]
      const good: Request[] = [
        ...bearers.map((value): Request => ({ path: '/bearer', headers: [['authorization', value]] })),
        { path: '/by-header', headers: [['X-SECRET', secrets.HEADER_SECRET]] },
        { path: `/by-query?key=${secrets.QUERY_SECRET}` },
        { path: `/by-query?a=1&key=%${'q'.charCodeAt(0).toString(16)}${secrets.QUERY_SECRET.slice(1)}`, method: 'GET' },
        ...[0, -295, 295].map(seconds),
        { path: `/drop/${token}` },
        { path: `/drop/%77${token.slice(1)}` },
      ]
      for (const request of good) expect([request, (await one(request))?.status]).toEqual([request, 201])
    })
  })

  onPostgres(`secrets that are empty on ${runtime}`, () => {
    test('close their webhook, and no other; one of several that is empty opens nothing', async () => {
      const gateway = await open(runtime, { env: { HMAC_SECRET: '', QUERY_SECRET: '', BEARER_NEXT: '' } })
      const status = async (request: Request) => (await send(gateway.port, request)).responses[0]?.status
      const body = '{"n":1}'
      const empty = Object.entries(signature(body, Date.now(), ''))
      const closed: Request[] = [
        { path: '/signed', body, headers: empty },
        { path: '/signed', body, headers: Object.entries(signature(body)) },
        { path: '/by-query' },
        { path: '/by-query?key=' },
        { path: '/by-query', method: 'GET' },
        { path: '/bearer', headers: [['authorization', 'Bearer ']] },
        { path: '/bearer', headers: [['authorization', 'Bearer undefined']] },
      ]
      const before = await gateway.counts()
      for (const request of closed) expect(await status(request)).toBeOneOf([401, 503])
      expect(await gateway.counts()).toEqual(before)
      for (const path of ['/signed', '/by-query']) expect(await status({ path })).toBe(503)
      expect(await status({ path: '/plain', headers: [['authorization', `Bearer ${secrets.PLAIN_KEY}`]] })).toBe(201)
      expect(gateway.log()).toContain('"this webhook is closed: it answers 503"')
      await gateway.close()
    })
  })
}
