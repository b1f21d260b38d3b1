/** What a webhook answers beside its records: questions whether a request would be let in, handshakes, and bodies of other kinds. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createHmac } from 'node:crypto'
import pg from 'pg'
import { available } from '../support/available.ts'
import { freshDatabase, postgres } from '../support/postgres.ts'
import { type Gateway, gateway, runtimes } from '../support/process.ts'

const greeter = `export default ({ definePlugin, Type }) => definePlugin({
  name: 'greeter',
  phase: 'verify',
  verifies: false,
  summary: 'Answers a greeting.',
  config: Type.Object({ method: Type.String() }, { additionalProperties: false }),
  refusals: { UNAUTHORIZED: { status: 401, summary: 'No.' } },
  methods: c => [c.method],
  accepts: ['text/plain'],
  compile: (c, host) => x => {
    if (x.method !== c.method) return
    const hello = x.query.get('hello')
    if (hello === 'no') return host.refuse('UNAUTHORIZED')
    if (hello) return { kind: 'answer', status: 200, headers: { 'content-type': 'text/plain' }, body: hello }
  },
})`

const KEY = 'key-0123456789abcdef'
const config = `version: 1
server: { port: "\${PORT}", host: 127.0.0.1, drainDelay: 0s, publicUrl: https://hooks.example.com }
store: { url: "\${DATABASE_URL}" }
plugins: [./greeter.ts]
webhooks:
  plain:
    path: /plain
    verify: true
    bodyLimit: 1KiB
    chain:
      - auth-bearer: { keys: [${KEY}] }
      - upsert: { entity: order }
  signed:
    path: /signed
    verify: true
    chain:
      - auth-hmac: { secrets: [${KEY}], signature: { from: "header:x-sig" }, signed: "{url}{body}" }
      - upsert: { entity: order }
  unasked:
    path: /unasked
    chain:
      - auth-bearer: { keys: [${KEY}] }
      - upsert: { entity: order }
  off:
    path: /off
    active: false
    verify: true
    chain:
      - auth-bearer: { keys: [${KEY}] }
      - upsert: { entity: order }
  greeted:
    path: /greeted
    chain:
      - greeter: { method: GET }
      - auth-bearer: { keys: [${KEY}] }
      - upsert: { entity: order }
  optioned:
    path: /optioned
    chain:
      - auth-bearer: { keys: [${KEY}] }
      - greeter: { method: OPTIONS }
      - upsert: { entity: order }
  listed:
    path: /listed
    listAs: items
    chain:
      - auth-bearer: { keys: [${KEY}] }
      - upsert: { entity: list }
`

const bearer = { authorization: `Bearer ${KEY}` }
const sign = (path: string, body: string) => ({
  'x-sig': createHmac('sha256', KEY).update(`https://hooks.example.com${path}${body}`).digest('hex'),
})

type Row = [
  name: string,
  method: string,
  path: string,
  headers: Record<string, string>,
  body: string | undefined,
  expected: string,
  written: number,
]
const rows: Row[] = [
  ['a right key is told', 'POST', '/plain/verify', bearer, '{"id":1}', '200 {"verified":true}', 0],
  ['a wrong key is told', 'POST', '/plain/verify', { authorization: 'Bearer no' }, '{"id":1}', '401 UNAUTHORIZED', 0],
  ['no JSON is needed', 'POST', '/plain/verify', bearer, 'x', '200 {"verified":true}', 0],
  ['a long body is too long here, too', 'POST', '/plain/verify', bearer, 'x'.repeat(2000), '413 PAYLOAD_TOO_LARGE', 0],
  [
    'a signature is over the address of the webhook itself',
    'POST',
    '/signed/verify',
    sign('/signed', '{}'),
    '{}',
    '200 {"verified":true}',
    0,
  ],
  ['not over that of the question', 'POST', '/signed/verify', sign('/signed/verify', '{}'), '{}', '401 UNAUTHORIZED', 0],
  ['only POST asks', 'PUT', '/plain/verify', bearer, '{}', '405 METHOD_NOT_ALLOWED POST', 0],
  ['a webhook without verify is not asked', 'POST', '/unasked/verify', bearer, '{}', '404 NOT_FOUND', 0],
  ['nor one that is not active', 'POST', '/off/verify', bearer, '{}', '404 NOT_FOUND', 0],
  ['a greeting is answered', 'GET', '/greeted?hello=world', {}, undefined, '200 world', 0],
  ['a greeting is refused', 'GET', '/greeted?hello=no', {}, undefined, '401 UNAUTHORIZED', 0],
  ['what is no greeting does not reach the chain', 'GET', '/greeted?id=1', bearer, undefined, '405 METHOD_NOT_ALLOWED POST, GET', 0],
  ['the method of another', 'OPTIONS', '/greeted?hello=world', {}, undefined, '405 METHOD_NOT_ALLOWED POST, GET', 0],
  ['a post goes on as ever', 'POST', '/greeted', bearer, '{"id":"g1"}', '201', 1],
  ['a body of a type that a step accepts', 'POST', '/greeted', { ...bearer, 'content-type': 'text/plain' }, '{"id":"g2"}', '201', 1],
  ['which others do not', 'POST', '/plain', { ...bearer, 'content-type': 'text/plain' }, '{"id":"g2"}', '415 UNSUPPORTED_MEDIA_TYPE', 0],
  ['a greeting behind a credential, without it', 'OPTIONS', '/optioned?hello=world', {}, undefined, '401 UNAUTHORIZED', 0],
  ['a greeting behind a credential', 'OPTIONS', '/optioned?hello=world', bearer, undefined, '200 world', 0],
  ['a bare list', 'POST', '/listed', bearer, '[{"a":1},{"a":2}]', '201', 1],
  ['an object where a list may come', 'POST', '/listed', bearer, '{"id":"l1"}', '201', 1],
  ['a bare list elsewhere', 'POST', '/plain', bearer, '[{"a":1}]', '400 INVALID_JSON', 0],
  ['a bare text where a list may come', 'POST', '/listed', bearer, '"a"', '400 INVALID_JSON', 0],
  ['a list with what no table holds', 'POST', '/listed', bearer, '[{"a":"\\u0000"}]', '422 VALIDATION_FAILED', 0],
]

const onPostgres = await available('Postgres', postgres)

for (const runtime of runtimes) {
  onPostgres(`beside the records on ${runtime}`, () => {
    let served: Gateway
    let db: pg.Client
    beforeAll(async () => {
      const { url } = await freshDatabase()
      db = new pg.Client(url)
      await db.connect()
      served = await gateway({ runtime, config, files: { 'greeter.ts': greeter }, env: { DATABASE_URL: url } })
    })
    afterAll(async () => {
      await db.end()
      await served.stop()
    })
    const count = async () => (await db.query<{ n: number }>('select count(*)::int as n from records')).rows[0]?.n ?? 0

    describe.each(rows)('%s', (_, method, path, headers, body, expected, written) => {
      test(expected, async () => {
        const before = await count()
        const json = body === undefined ? {} : { 'content-type': 'application/json' }
        const answer = await fetch(`${served.url}${path}`, {
          method,
          headers: { ...json, ...headers },
          ...(body !== undefined && { body }),
        })
        const text = await answer.text()
        const code = answer.ok ? (answer.status === 201 ? undefined : text) : (JSON.parse(text) as { code: string }).code
        expect([answer.status, code, answer.headers.get('allow')].filter(part => part != null).join(' ')).toBe(expected)
        expect((await count()) - before).toBe(written)
      })
    })
  })
}

onPostgres('a list becomes a field', () => {
  test('of the record', async () => {
    const { url } = await freshDatabase()
    const db = new pg.Client(url)
    await db.connect()
    const served = await gateway({ config, files: { 'greeter.ts': greeter }, env: { DATABASE_URL: url } })
    await fetch(`${served.url}/listed`, { method: 'POST', headers: bearer, body: '[{"a":1},{"a":2}]' })
    const { rows } = await db.query<{ data: unknown }>('select data from records')
    expect(rows.map(row => row.data)).toEqual([{ items: [{ a: 1 }, { a: 2 }] }])
    await db.end()
    await served.stop()
  })
})
