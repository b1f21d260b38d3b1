/** Samples of requests: what is kept, what never is, and how many. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import pg from 'pg'
import { available } from '../support/available.ts'
import { freshDatabase, postgres } from '../support/postgres.ts'
import { type Gateway, gateway, type Runtime, runtimes } from '../support/process.ts'

const env = {
  ADMIN_TOKEN: 'admin-token-0123456789abcdef',
  BEARER_KEY: 'bearer/key+0123456789abcdef',
  HEADER_SECRET: 'header-secret-0123456789abcdef',
  QUERY_SECRET: 'query secret/0123456789abcdef',
  BASIC_PASSWORD: 'basic:password-0123456789abcdef',
  PLUGIN_SECRET: 'plugin-secret-0123456789abcdef',
  HMAC_SECRET: 'hmac-secret-0123456789abcdef',
}

/** Two ways in that the built-in plugins do not have, one of which tells senders nothing. */
const basic = `export default ({ definePlugin, Type, Secret }) => definePlugin({
  name: 'basic',
  phase: 'verify',
  summary: 'Lets in by HTTP Basic.',
  config: Type.Object({ password: Secret({ description: 'p' }) }, { additionalProperties: false }),
  refusals: { UNAUTHORIZED: { status: 401, summary: 'The credential, signature or timestamp is missing or wrong.' } },
  sender: () => ({ security: { basic: { type: 'http', scheme: 'basic' } } }),
  compile: ({ password }, host) => x =>
    x.headers.get('authorization') === 'Basic ' + btoa('user:' + password) ? undefined : host.refuse('UNAUTHORIZED', undefined, { reason: 'wrong' }),
})`
const badge = `export default ({ definePlugin, Type, Secret }) => definePlugin({
  name: 'badge',
  phase: 'verify',
  summary: 'Lets in by a header of its own.',
  config: Type.Object({ header: Type.String({ description: 'h' }), word: Secret({ description: 'w' }) }, { additionalProperties: false }),
  refusals: { UNAUTHORIZED: { status: 401, summary: 'The credential, signature or timestamp is missing or wrong.' } },
  compile: ({ header, word }, host) => x => (x.headers.get(header) === word ? undefined : host.refuse('UNAUTHORIZED')),
})`

const config = `
version: 1
server: { port: "\${PORT}", host: 127.0.0.1, drainDelay: 0s }
store: { url: "\${DATABASE_URL}" }
admin: { port: "\${ADMIN_PORT}", token: "\${ADMIN_TOKEN}" }
plugins: [./basic.ts, ./badge.ts]
webhooks:
  bearer:
    path: /bearer
    bodyLimit: 32KiB
    chain: [{ auth-bearer: { keys: ["\${BEARER_KEY}"] } }, idempotency, { upsert: { entity: thing } }, dispatch]
  by-header:
    path: /by-header
    chain: [{ auth-shared-secret: { header: X-Door, secrets: ["\${HEADER_SECRET}"] } }, { upsert: { entity: thing } }]
  by-query:
    path: /by-query
    methods: [GET, POST]
    chain: [{ auth-shared-secret: { query: door, secrets: ["\${QUERY_SECRET}"] } }, { upsert: { entity: thing } }]
  by-url:
    path: /by-url/{token}/in
    chain: [auth-url-token, { upsert: { entity: thing } }]
  by-basic:
    path: /by-basic
    chain: [{ basic: { password: "\${BASIC_PASSWORD}" } }, { upsert: { entity: thing } }]
  by-badge:
    path: /by-badge
    chain: [{ badge: { header: X-Badge, word: "\${PLUGIN_SECRET}" } }, { upsert: { entity: thing } }]
  signed:
    path: /signed
    chain: [{ auth-hmac: { secrets: ["\${HMAC_SECRET}"], preset: inspire } }, replay-window, { upsert: { entity: thing } }]
  masked:
    path: /masked
    capture: { mask: [card.number, people.*.ssn], body: 200B }
    chain: [{ auth-none: { reason: a test } }, { upsert: { entity: thing } }]
  few:
    path: /few
    capture: { last: 3, body: 16B }
    chain: [{ auth-none: { reason: a test } }, { filter: { when: data.n < 100, otherwise: refuse } }, { upsert: { entity: few } }]
  none:
    path: /none
    capture: { last: 0 }
    chain: [{ auth-none: { reason: a test } }, { upsert: { entity: thing } }]
  many:
    path: /many
    capture: { last: 1000 }
    chain: [{ auth-none: { reason: a test } }, { filter: { when: data.ok, otherwise: refuse } }]
`

const onPostgres = await available('Postgres', postgres)

interface Sent {
  method?: string
  headers?: Record<string, string>
  body?: string | Uint8Array
}

async function open(runtime: Runtime) {
  const { url } = await freshDatabase()
  const db = new pg.Client(url)
  await db.connect()
  const running: Gateway = await gateway({
    runtime,
    config,
    files: { 'basic.ts': basic, 'badge.ts': badge },
    env: { ...env, DATABASE_URL: url, REDIS_URL: undefined },
  })
  const rows = async (webhook: string, n: number): Promise<Record<string, any>[]> => {
    const deadline = Date.now() + 10_000
    for (;;) {
      const { rows } = await db.query('select * from requests where webhook = $1 order by id', [webhook])
      if (rows.length >= n || Date.now() > deadline) return rows
      await new Promise(done => setTimeout(done, 50))
    }
  }
  return {
    ...running,
    rows,
    text: async () => (await db.query('select r::text as row from requests r')).rows.map(r => r.row).join('\n'),
    async send(path: string, { method = 'POST', headers, body = '{"n":1}' }: Sent = {}) {
      const sent = { 'content-type': 'application/json', ...headers }
      const response = await fetch(running.url + path, { method, headers: sent, ...(method !== 'GET' && { body }) } as RequestInit)
      await response.text()
      return response.status
    },
    async token(webhook: string): Promise<string> {
      const response = await fetch(`${running.adminUrl}/admin/v1/webhooks/${webhook}/tokens`, {
        method: 'POST',
        headers: { authorization: `Bearer ${env.ADMIN_TOKEN}` },
      })
      return ((await response.json()) as { data: { token: string } }).data.token
    },
    async close() {
      await running.stop()
      await db.end()
    },
  }
}

for (const runtime of runtimes) {
  onPostgres(`a sample on ${runtime}`, () => {
    let at: Awaited<ReturnType<typeof open>>
    beforeAll(async () => {
      at = await open(runtime)
    })
    afterAll(() => at.close())

    test('tells how a request came and what became of it', async () => {
      const headers = { authorization: `Bearer ${env.BEARER_KEY}`, 'x-idempotency-key': 'k1', 'x-more': 'yes' }
      expect(await at.send('/bearer?a=%31&b', { headers, body: '{"id":"é"}' })).toBe(201)
      expect(await at.send('/bearer?a=%31&b', { headers, body: '{"id":"é"}' })).toBe(201)
      expect(await at.send('/bearer', { headers: { authorization: 'Bearer wrong' } })).toBe(401)
      expect(await at.send('/bearer', { headers: { authorization: headers.authorization }, body: '[1' })).toBe(400)
      expect(await at.send('/bearer', { headers: { authorization: headers.authorization }, body: 'x'.repeat(40_000) })).toBe(413)
      const [accepted, replayed, refused, bad, large] = await at.rows('bearer', 5)
      expect(accepted).toMatchObject({
        method: 'POST',
        path: '/bearer',
        query: 'a=%31&b',
        headers: { authorization: '[masked]', 'content-type': 'application/json', 'x-more': 'yes' },
        body: '{"id":"é"}',
        encoded: false,
        size: 11,
        ip: '127.0.0.1',
        outcome: 'accepted',
        status: 201,
        code: null,
        plugin: null,
        idempotency_key: 'k1',
        entity: 'thing',
        record_id: 'é',
      })
      expect(accepted?.steps.map((s: any) => `${s.plugin} ${s.verdict}`)).toEqual([
        'auth-bearer passed',
        'idempotency passed',
        'payload passed',
        'upsert passed',
        'dispatch passed',
        'commit passed',
      ])
      expect(accepted?.steps.every((s: any) => s.ms >= 0 && s.ms <= accepted.duration)).toBe(true)
      expect(replayed).toMatchObject({ outcome: 'replayed', status: 201, record_id: 'é', idempotency_key: 'k1' })
      expect(refused).toMatchObject({ outcome: 'refused', status: 401, code: 'UNAUTHORIZED', reason: 'unknown-key', plugin: 'auth-bearer' })
      expect(refused?.steps.map((s: any) => s.verdict)).toEqual(['refused', ...Array(4).fill('not-run')])
      expect(bad).toMatchObject({ outcome: 'refused', status: 400, code: 'INVALID_JSON', plugin: 'payload', body: '[1' })
      expect(large).toMatchObject({ outcome: 'refused', status: 413, code: 'PAYLOAD_TOO_LARGE', plugin: null, body: '', size: 40_000 })
      expect(large?.steps.map((s: any) => s.verdict)).toEqual(Array(5).fill('not-run'))
    })
  })
}

onPostgres('samples', () => {
  let at: Awaited<ReturnType<typeof open>>
  beforeAll(async () => {
    at = await open('bun')
  })
  afterAll(() => at.close())

  describe('no credential is kept', () => {
    const inUrl = encodeURIComponent
    const inForm = (text: string) => new URLSearchParams({ a: text }).toString().slice(2)
    test('neither of an accepted request nor of a refused one, wherever it stands', async () => {
      const token = await at.token('by-url')
      const wrong = { bearer: 'wrong-bearer-credential', header: 'wrong-header-credential', query: 'wrong-query-credential' }
      const { BEARER_KEY, HEADER_SECRET, QUERY_SECRET, BASIC_PASSWORD, PLUGIN_SECRET } = env
      const echo = { body: JSON.stringify({ a: BEARER_KEY, b: { c: `x${BEARER_KEY}y` } }).replaceAll('/', '\\/') }
      const headers = { authorization: `Bearer ${BEARER_KEY}`, 'x-copy': `the ${BEARER_KEY}`, cookie: 'session=cookie-credential' }
      const sent: [string, number, Sent?][] = [
        ['/bearer', 201, { headers, ...echo }],
        [`/bearer?x=${inUrl(BEARER_KEY)}`, 401, { headers: { authorization: `Bearer ${wrong.bearer}` }, ...echo }],
        ['/bearer', 401, { headers: { authorization: `Bearer ${wrong.bearer}`, referer: `http://x/?${wrong.bearer}` } }],
        ['/bearer?api_key=query-credential-1&Token=query-credential-2', 401, { headers: { 'x-auth-token': 'header-credential-1' } }],
        ['/bearer', 401, { headers: { 'proxy-authorization': 'Basic cHJveHktY3JlZA==', 'x-api-key': 'header-credential-2' } }],
        ['/by-header', 201, { headers: { 'x-door': HEADER_SECRET } }],
        ['/by-header', 401, { headers: { 'x-door': wrong.header }, body: `{"x":"${HEADER_SECRET}"}` }],
        [`/by-query?door=${inUrl(QUERY_SECRET)}`, 201, { body: `{"x":"${QUERY_SECRET}"}` }],
        [`/by-query?door=${inForm(QUERY_SECRET)}&x=${inForm(QUERY_SECRET)}`, 201, { method: 'GET' }],
        [`/by-query?door=${wrong.query}`, 401],
        [`/by-query?d%6For=${wrong.query}`, 401],
        [`/by-url/${token}/in`, 201, { headers: { referer: `https://x.example/by-url/${token}/in` } }],
        [`/by-url/${token}x/in`, 404],
        ['/by-basic', 201, { headers: { authorization: `Basic ${btoa(`user:${BASIC_PASSWORD}`)}` } }],
        [
          '/by-basic',
          401,
          { headers: { authorization: `Basic ${btoa('user:wrong-basic-credential')}` }, body: '"wrong-basic-credential"' },
        ],
        ['/by-badge', 201, { headers: { 'x-badge': PLUGIN_SECRET } }],
        ['/by-badge', 401, { headers: { 'x-badge': 'wrong-badge-credential' } }],
        ['/bearer', 401, { body: Buffer.concat([Buffer.from([0xff, 0]), Buffer.from(BEARER_KEY)]) }],
        ['/bearer', 401, { body: `{"x":"${' '.repeat(16_380 - 6)}${BEARER_KEY}"}` }],
      ]
      for (const [path, status, more] of sent) expect([path, await at.send(path, more)]).toEqual([path, status])
      expect((await at.rows('bearer', 7)).length + (await at.rows('by-badge', 2)).length).toBe(9)
      const canaries = [...Object.values(env), token, ...Object.values(wrong), 'wrong-basic-credential', 'wrong-badge-credential']
      canaries.push('query-credential', 'header-credential', 'cookie-credential', 'cHJveHktY3JlZA', btoa('user:wrong-basic-credential'))
      const forms = canaries.flatMap(c => [
        c,
        inUrl(c),
        inForm(c),
        JSON.stringify(c).slice(1, -1),
        c.replaceAll('/', '\\/'),
        c.slice(0, 12),
      ])
      const text = await at.text()
      const plain = text.replaceAll('\\\\', '\\').replaceAll('""', '"')
      expect(forms.filter(form => text.includes(form) || plain.includes(form))).toEqual([])
      expect(text).not.toContain(Buffer.from(BEARER_KEY).toString('base64').slice(4, 20))
    })

    test('a signature stays, and so does what it signed', async () => {
      expect(await at.send('/signed', { headers: { 'x-webhook-signature': 'sha256=00ff', 'x-webhook-timestamp': '1' } })).toBe(401)
      const [row] = await at.rows('signed', 1)
      expect(row?.headers).toMatchObject({ 'x-webhook-signature': 'sha256=00ff', 'x-webhook-timestamp': '1' })
    })
  })

  test('what the configuration wants masked is not kept', async () => {
    const json = {
      name: 'n',
      card: { number: '4111', cvc: 1 },
      people: [
        { ssn: '078-05', name: 'a' },
        { ssn: ['x'], name: 'b' },
      ],
    }
    await at.send('/masked', { body: JSON.stringify(json) })
    await at.send('/masked', { body: '{"card":{"number":"4111"},"card":{}}' })
    await at.send('/masked', { body: '{"name": "untouched"}' })
    await at.send('/masked', { body: '{"card":{"number":"4111"}' })
    await at.send('/masked', { body: `{"x":"${'é'.repeat(150)}"}` })
    const rows = await at.rows('masked', 5)
    expect(rows.map(r => r.body)).toEqual([
      '{"name":"n","card":{"number":"[masked]","cvc":1},"people":[{"ssn":"[masked]","name":"a"},{"ssn":"[masked]","name":"b"}]}',
      '{"card":{}}',
      '{"name": "untouched"}',
      '',
      `{"x":"${'é'.repeat(97)}`,
    ])
    expect(rows.at(-1)?.size).toBe(308)
  })

  test('the newest stay, cut to what is wanted, and a webhook may keep none', async () => {
    for (let n = 0; n < 5; n++) await at.send('/few', { body: `{"n":${n},"text":"abcdefgh"}` })
    await at.send('/few', { body: Uint8Array.from([1, 0, 255]) })
    await at.send('/none')
    const deadline = Date.now() + 10_000
    let rows = await at.rows('few', 3)
    while (rows.at(-1)?.size !== 3 && Date.now() < deadline) rows = await at.rows('few', 3)
    expect(rows.map(r => [r.body, r.encoded, r.size])).toEqual([
      ['{"n":3,"text":"a', false, 25],
      ['{"n":4,"text":"a', false, 25],
      ['AQD/', true, 3],
    ])
    expect(await at.rows('none', 0)).toEqual([])
  })

  test('a flood of refusals leaves few samples, and does not hide a success', async () => {
    const began = Date.now()
    for (let n = 0; n < 15; n++) await Promise.all(Array.from({ length: 20 }, () => at.send('/many', { body: '{"ok":false}' })))
    expect(await at.send('/many', { body: '{"ok":true}' })).toBe(202)
    const seconds = Math.ceil((Date.now() - began) / 1000) + 1
    const deadline = Date.now() + 10_000
    let rows = await at.rows('many', 21)
    while (!rows.some(r => r.outcome === 'accepted') && Date.now() < deadline) rows = await at.rows('many', 21)
    const refused = rows.filter(r => r.outcome === 'refused').length
    expect(refused).toBeGreaterThanOrEqual(20)
    expect(refused).toBeLessThanOrEqual(20 * seconds)
    expect(rows.filter(r => r.outcome === 'accepted').length).toBe(1)
  })
})

onPostgres('when the gateway stops', () => {
  test('the last samples are written', async () => {
    const at = await open('bun')
    await at.send('/few')
    await at.stop()
    expect(await at.rows('few', 1)).toHaveLength(1)
    await at.close().catch(() => {})
  })
})
