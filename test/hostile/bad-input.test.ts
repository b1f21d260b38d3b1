/** Bad requests, one row a kind: each gets its status and code, and leaves no trace in any table. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { available } from '../support/available.ts'
import { postgres } from '../support/postgres.ts'
import { runtimes } from '../support/process.ts'
import type { RawResponse } from '../support/raw.ts'
import { BODY_TIMEOUT, type Counts, type Opened, open, secrets, signature } from './fixture.ts'
import { auth, kept, type Refused, type Request, refused, send } from './requests.ts'

const rows = refused.flatMap(([status, code, requests]) =>
  Object.entries(requests).map(([name, request]): [string, number, string, Refused] => [name, status, code, request]),
)

/** Checks the shape of a problem and gives what differs. */
function problemOf({ status, headers, body }: RawResponse): { code: string; details?: Record<string, string[]> } {
  expect(headers['content-type']).toBe('application/problem+json')
  const problem = JSON.parse(body)
  expect(problem).toMatchObject({ type: 'about:blank', title: expect.stringMatching(/^[A-Z].+\.$/), status })
  expect(Object.keys(problem)).toEqual(['type', 'title', 'status', 'code', ...('details' in problem ? ['details'] : [])])
  return problem
}

const onPostgres = await available('Postgres', postgres)

for (const runtime of runtimes) {
  onPostgres(`bad input on ${runtime}`, () => {
    let gateway: Opened
    let before: Counts
    /** Those that wait for the deadline of the body do so together. */
    const slow = new Map<string, ReturnType<typeof send>>()
    const one = async (request: Request) => (await send(gateway.port, request)).responses[0] as RawResponse
    beforeAll(async () => {
      gateway = await open(runtime)
      expect((await one({ path: '/full' })).status).toBe(201)
      before = await gateway.counts()
      for (const [name, status, , request] of rows) if (status === 408) slow.set(name, send(gateway.port, request, 500))
    })
    afterAll(() => gateway?.close())

    test.each(rows)('%s: %d %s', async (name, status, code, request) => {
      const start = performance.now()
      const { responses, closed } = await (slow.get(name) ?? send(gateway.port, request))
      expect(responses).toHaveLength(1)
      const response = responses[0] as RawResponse
      const problem = problemOf(response)
      expect([response.status, problem.code]).toEqual([status, code])
      if (request.details) expect(problem.details).toEqual(request.details)
      expect(response.headers.allow).toBe(request.allow as string)
      // Deno reads on after its answer, and closes only when the sender does.
      if (status === 408) expect(closed).toBe(runtime === 'bun')
      expect(performance.now() - start).toBeLessThan(BODY_TIMEOUT + 2000)
      expect(await gateway.counts()).toEqual(before)
    })

    test.each(Object.entries(kept))('kept as it is: %s', async (_, { holds, ...request }) => {
      const response = await one(request)
      expect(response.body).toContain('"id"')
      const { id } = JSON.parse(response.body)
      expect(await gateway.rows(`select ${holds} as holds from records where id = $1`, [id])).toEqual([{ holds: true }])
    })

    test('an idempotency key: the same request gets the same bytes, another one is refused, and neither writes', async () => {
      const headers: Request['headers'] = [...auth, ['x-idempotency-key', 'once']]
      const ask = (body: string, path = '/bearer') => one({ path, headers, body })
      const first = await ask('{"id":"once","n":1}')
      expect([first.status, first.body]).toEqual([201, '{"id":"once","created":true}'])
      const counts = await gateway.counts()
      for (let i = 0; i < 3; i++) {
        const again = await ask('{"id":"once","n":1}')
        expect([again.status, again.body, again.headers['x-idempotent-replayed']]).toEqual([201, first.body, 'true'])
      }
      for (const other of [ask('{"id":"once","n":2}'), ask('{"id":"once", "n":1}'), ask('{"id":"once","n":1}', '/bearer?idField=n')])
        expect(problemOf(await other)).toMatchObject({ status: 422, code: 'IDEMPOTENCY_KEY_REUSED' })
      expect(await gateway.counts()).toEqual(counts)
      expect(await gateway.rows(`select data from records where id = 'once'`)).toEqual([{ data: { id: 'once', n: 1 } }])
    })

    test('a refused request spends neither its key nor the quota', async () => {
      const headers: Request['headers'] = [...auth, ['x-idempotency-key', 'spent']]
      const counts = await gateway.counts()
      for (const body of ['{"id":["a"]}', '{', '[]', '{"a":"\\u0000"}', '{"n":12345678901234567890}'])
        expect((await one({ path: '/bearer', headers, body })).status).toBeOneOf([400, 422])
      expect(await gateway.counts()).toEqual(counts)
      const good = await one({ path: '/bearer', headers, body: '{"id":"spent"}' })
      expect([good.status, good.headers['x-idempotent-replayed']]).toEqual([201, undefined])
    })

    test('a 401 is the same bytes, whoever says it and why', async () => {
      const bearer = (value: string) => [['authorization', value]] as const
      const signed = (...args: Parameters<typeof signature>) => Object.entries(signature(...args))
      const requests: Request[] = [
        { path: '/bearer' },
        { path: '/bearer', headers: bearer('Basic YTpi') },
        { path: '/bearer', headers: bearer('Bearer wrong') },
        { path: '/bearer', headers: [['authorization', 'Bearer wrong'], ...auth] },
        { path: '/bearer', headers: bearer('Bearer wrong'), body: 'not JSON' },
        { path: '/plain', method: 'PUT', headers: auth },
        { path: '/signed' },
        { path: '/signed', headers: signed('{}', Date.now(), 'wrong') },
        { path: '/signed', headers: signed('{}', Date.now() - 301_000) },
        { path: '/signed', headers: signed('{}', Date.now() + 302_000) },
        { path: '/signed', headers: signed('{"a":1}') },
        { path: '/by-header' },
        { path: '/by-header', headers: [['x-secret', 'wrong']] },
        { path: '/by-query' },
        { path: '/by-query?key=wrong', method: 'GET' },
        { path: `/by-query?key=${secrets.QUERY_SECRET}&key=${secrets.QUERY_SECRET}` },
      ]
      const answers = await Promise.all(requests.map(one))
      const seen = answers.map(({ headers: { date: _, ...headers }, ...rest }) => ({ ...rest, headers }))
      const title = 'The credential, signature or timestamp is missing or wrong.'
      expect(JSON.parse(seen[0]?.body ?? '')).toEqual({ type: 'about:blank', title, status: 401, code: 'UNAUTHORIZED' })
      for (const answer of seen) expect(answer).toEqual(seen[0] as (typeof seen)[number])
    })
  })
}
