/** The access log, and that what it tells is what is counted. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { openEdge } from '#core/request/edge.ts'
import { available } from '../support/available.ts'
import { freshDatabase, postgres } from '../support/postgres.ts'
import { type Gateway, gateway, runtimes } from '../support/process.ts'
import { raw } from '../support/raw.ts'
import { sample, scrape } from './scrape.ts'

const onPostgres = await available('Postgres', postgres)

const OURS = 'a'.repeat(32)
const THEIRS = 'c'.repeat(32)
const KEY = 'key-0123456789abcdef'

const tracer = `export default ({ definePlugin, Type }) => definePlugin({
  name: 'tracer', phase: 'verify', verifies: false, summary: 'Begins a trace.',
  config: Type.Object({}, { additionalProperties: false }), refusals: {},
  compile: () => x => void x.belongTo('00-${OURS}-${'b'.repeat(16)}-01'),
})`

const config = `version: 1
server: { port: "\${PORT}", host: 127.0.0.1, drainDelay: 0s, accessLog: true }
store: { url: "\${DATABASE_URL}" }
plugins: [./tracer.ts]
webhooks:
  traced: { path: /traced, verify: true, chain: [{ auth-bearer: { keys: [${KEY}] } }, tracer, { upsert: { entity: a } }] }
  plain: { path: /plain, chain: [{ auth-bearer: { keys: [${KEY}] } }, { upsert: { entity: a } }] }
`

type Row = [string, () => Promise<unknown>, object]

for (const runtime of runtimes) {
  onPostgres(`the access log on ${runtime}`, () => {
    let served: Gateway
    beforeAll(async () => {
      served = await gateway({ runtime, config, files: { 'tracer.ts': tracer }, env: { DATABASE_URL: (await freshDatabase()).url } })
    })
    afterAll(() => served.stop())

    /** Lines of the access log. */
    const lines = () =>
      served
        .log()
        .split('\n')
        .filter(line => line.includes('"msg":"request"'))
        .map(line => JSON.parse(line))

    /** The lines that this adds, when there are as many as expected. */
    async function added(send: () => Promise<unknown>, count: number) {
      const before = lines().length
      await send()
      for (const deadline = Date.now() + 5000; lines().length < before + count && Date.now() < deadline; )
        await new Promise(done => setTimeout(done, 10))
      return lines().slice(before)
    }

    const headers = {
      authorization: `Bearer ${KEY}`,
      'content-type': 'application/json',
      traceparent: `00-${THEIRS}-${'d'.repeat(16)}-01`,
    }
    const post = (path: string, own: Record<string, string> = headers) =>
      fetch(served.url + path, { method: 'POST', headers: own, body: '{"id":"x"}' })
    const get = (path: string) => fetch(served.url + path)
    const secret = '/docs/secret-in-a-path'
    const odd = () => raw(served.port, ['GET /traced HTTP/1.1\r\nHost: a_b!c\r\nConnection: close\r\n\r\n'])

    const twice = () => raw(served.port, ['GET /traced HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n'])

    const rows: Row[] = [
      ['the trace of a tracer', () => post('/traced'), { webhook: 'traced', trace: OURS, outcome: 'accepted' }],
      ["the sender's trace", () => post('/plain'), { webhook: 'plain', trace: THEIRS, outcome: 'accepted' }],
      [
        "the sender's trace of what a step refused before",
        () => post('/traced', {}),
        { webhook: 'traced', status: 401, outcome: 'refused' },
      ],
      ['a question, which is no delivery', () => post('/traced/verify'), { webhook: 'traced', status: 200, outcome: 'asked' }],
      ['a question that is refused', () => post('/traced/verify', {}), { status: 401, outcome: 'refused', code: 'UNAUTHORIZED' }],
      ['a Host that is none', odd, { webhook: '', status: 400, outcome: 'refused', code: 'INVALID_REQUEST' }],
      // Deno answers these itself.
      ...(runtime === 'bun' ? [['two Hosts', twice, { webhook: '', status: 400, code: 'INVALID_REQUEST' }] as Row] : []),
      ['the document', () => get('/openapi.json'), { webhook: '', route: '/openapi.json', status: 200, outcome: 'read' }],
      ['the list of pages', () => get('/docs'), { route: '/docs', status: 200, outcome: 'read' }],
      ["a webhook's page", () => get('/docs/plain'), { route: '/docs/{page}', status: 200, outcome: 'read' }],
      ['a page that is not there', () => get(secret), { route: '/docs/{page}', status: 404, outcome: 'refused', code: 'NOT_FOUND' }],
      ['nothing here', () => get('/nowhere'), { webhook: '', status: 404, outcome: 'refused', code: 'NOT_FOUND' }],
    ]
    test.each(rows)('has one line of %s', async (_, send, wanted) => {
      const found = await added(send, 1)
      expect(found).toMatchObject([wanted])
      expect(JSON.stringify(found)).not.toContain('secret')
    })

    test('has none of health, which is asked all the time', async () => {
      const health = async () => {
        expect([(await get('/livez')).status, (await get('/readyz')).status]).toEqual([200, 200])
        await get('/nowhere')
      }
      expect(await added(health, 1)).toMatchObject([{ status: 404 }])
    })

    test('tells of as many requests as are counted', async () => {
      const text = await scrape(served)
      for (const outcome of ['accepted', 'asked', 'refused', 'read']) {
        const told = lines().filter(line => line.outcome === outcome).length
        expect([outcome, sample(text, 'postern_requests_total', { outcome })]).toEqual([outcome, told])
      }
      expect(sample(text, 'postern_requests_total', { webhook: '', outcome: 'refused', reason: 'INVALID_REQUEST' })).toBe(
        runtime === 'bun' ? 2 : 1,
      )
      expect(sample(text, 'postern_requests_total', { webhook: 'traced', outcome: 'accepted' })).toBe(1)
    })
  })
}

test('a failure of the edge is told and counted once', async () => {
  const told: object[] = []
  const errors: unknown[] = []
  const edge = openEdge({
    gateway: {
      handle: () => Promise.reject(new Error('broken')),
      replay: () => Promise.reject(new Error('none')),
      close: async () => {},
      account: (_request, _peer, _began, about) => void told.push(about),
    },
    ready: async () => true,
    failed: error => void errors.push(error),
  })
  const response = await edge.fetch(new Request('http://localhost/a', { method: 'POST', headers: { host: 'localhost' } }), '127.0.0.1')
  expect([response.status, told, errors.length]).toEqual([500, [{ outcome: 'failed', status: 500, code: 'INTERNAL' }], 1])
})
