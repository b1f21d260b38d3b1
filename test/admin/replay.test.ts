/** Captured requests run again, dry and for real. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { createHmac } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import pg from 'pg'
import { file, says } from '../cli/running.ts'
import { available } from '../support/available.ts'
import { freshDatabase, postgres } from '../support/postgres.ts'
import { cli, type Env, type Gateway, gateway, type Runtime, runtimes } from '../support/process.ts'

const ADMIN_TOKEN = 'admin-token-0123456789abcdef'
const KEY = 'bearer-key-0123456789abcdef'

/** Writes down what it is told of the time. */
const clock = `export default ({ definePlugin, Type }) => definePlugin({
  name: 'clock',
  phase: 'shape',
  summary: 'Tells the time.',
  config: Type.Object({}, { additionalProperties: false }),
  refusals: {},
  compile: (_, host) => x => {
    x.data = { ...x.data, now: host.now(), came: x.receivedAt, signed: x.get({ name: 'signed-at' })?.time, param: x.params.place }
  },
})`

const config = (more = '') => `
version: 1
server: { port: "\${PORT}", host: 127.0.0.1, drainDelay: 0s }
store: { url: "\${DATABASE_URL}" }
admin: { port: "\${ADMIN_PORT}", token: "\${ADMIN_TOKEN}" }
plugins: [./clock.ts]
entities:
  order: { schema: { type: object, required: [id], properties: { id: { type: string }, total: { type: number } } } }
webhooks:
  orders:
    path: /orders
    chain:
      - auth-bearer: { keys: ["\${KEY}"] }
      - idempotency
      - validation: { entity: order }
      - quota: { records: 3 }
      - upsert: { entity: order }
      - dispatch
  strict:
    path: /strict
    chain: [{ auth-none: { reason: a test } }, { filter: { when: data.n ${more || '> 10'}, otherwise: refuse } }, { upsert: { entity: strict } }]
  timed:
    path: /timed/{place}
    chain: [{ auth-hmac: { secrets: ["\${KEY}"], preset: inspire } }, replay-window, clock, { upsert: { entity: timed } }]
  rated:
    path: /rated
    chain: [{ auth-none: { reason: a test } }, { quota: { rate: { limit: 2, per: 1h } } }, { upsert: { entity: rated } }]
  short:
    path: /short
    capture: { body: 8B }
    chain: [{ auth-none: { reason: a test } }, { upsert: { entity: short } }]
  hidden:
    path: /hidden
    capture: { mask: [pin] }
    chain: [{ auth-none: { reason: a test } }, { upsert: { entity: hidden } }]
subscriptions:
  big: { webhooks: [orders], when: data.total > 100.0, to: [crm] }
destinations:
  crm: { url: "https://crm.invalid/hooks", secrets: ["\${KEY}"] }
`

const onPostgres = await available('Postgres', postgres)

async function open(runtime: Runtime) {
  const { url } = await freshDatabase()
  const db = new pg.Client(url)
  await db.connect()
  const yaml = file(config())
  writeFileSync(yaml.path.replace('postern.yaml', 'clock.ts'), clock)
  const env: Env = { DATABASE_URL: url, ADMIN_TOKEN, KEY, REDIS_URL: undefined }
  const running: Gateway = await gateway({ runtime, config: yaml.path, env })
  const rows = async (text: string, values: unknown[] = []): Promise<any[]> => (await db.query(text, values)).rows
  const ask = async (method: string, path: string, body?: unknown) => {
    const response = await fetch(`${running.adminUrl}/admin/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    return { status: response.status, body: (await response.json()) as any }
  }
  return {
    ...running,
    yaml,
    rows,
    ask,
    env: { ...env, POSTERN_ADMIN_URL: running.adminUrl, POSTERN_ADMIN_TOKEN: ADMIN_TOKEN },
    replay: (id: string, body?: unknown) => ask('POST', `/requests/${id}/replay`, body),
    /** Sends, and gives the id of the sample. */
    async send(path: string, status: number, json: unknown, headers: Record<string, string> = {}): Promise<string> {
      const body = JSON.stringify(json)
      const sent = { 'content-type': 'application/json', authorization: `Bearer ${KEY}`, ...headers }
      const webhook = path.split('/')[1]
      const [{ n }] = await rows('select count(*)::int n from requests where webhook = $1', [webhook])
      const response = await fetch(running.url + path, { method: 'POST', headers: sent, body })
      expect(response.status).toBe(status)
      const deadline = Date.now() + 10_000
      for (;;) {
        const found = await rows('select id from requests where webhook = $1 order by id desc', [webhook])
        if (found.length > n || Date.now() > deadline) return found[0]?.id
        await new Promise(done => setTimeout(done, 50))
      }
    },
    counts: async () =>
      (
        await rows(`select (select count(*)::int from records) records, (select count(*)::int from events) events,
        (select count(*)::int from idempotency_keys) keys, (select coalesce(sum(used), 0)::int from quotas) used,
        (select count(*)::int from audit where action = 'request.replay') audit`)
      )[0],
    async close() {
      await running.stop()
      await db.end()
    },
  }
}

const steps = (data: any) => data.steps.map((s: any) => `${s.plugin} ${s.verdict}`)

for (const runtime of runtimes) {
  onPostgres(`a replay on ${runtime}`, () => {
    let at: Awaited<ReturnType<typeof open>>
    beforeAll(async () => {
      at = await open(runtime)
    })
    afterAll(() => at.close())

    test('dry, tells what would happen, and nothing does', async () => {
      const id = await at.send('/orders', 201, { id: 'a', total: 500 })
      await at.rows('delete from records')
      await at.rows('delete from quotas')
      const before = await at.counts()
      const { status, body } = await at.replay(id)
      expect(status).toBe(200)
      expect(steps(body.data)).toEqual([
        'auth-bearer passed',
        'idempotency passed',
        'payload passed',
        'validation passed',
        'quota passed',
        'upsert passed',
        'dispatch passed',
        'commit passed',
      ])
      expect(body.data).toMatchObject({
        dry: true,
        outcome: 'accepted',
        code: null,
        exchange: null,
        record: { entity: 'order', id: 'a', created: true, data: { id: 'a', total: 500 } },
        event: { type: 'record.created', data: { id: 'a', total: 500 } },
        destinations: [{ destination: 'crm', subscription: 'big' }],
        effects: [],
        notes: [],
        answer: { status: 201 },
      })
      expect(JSON.parse(body.data.answer.body)).toMatchObject({ id: 'a', created: true })
      expect(await at.counts()).toEqual(before)
    })

    test('for real, makes a new exchange, one event and a line of the audit', async () => {
      const id = await at.send('/orders', 201, { id: 'b', total: 1 })
      const before = await at.counts()
      const { body } = await at.replay(id, { dry: false })
      const { exchange } = body.data
      expect(body.data).toMatchObject({ dry: false, outcome: 'accepted', record: { entity: 'order', id: 'b', created: false } })
      expect(body.data.event).toEqual({ id: `evt_${exchange}`, type: 'record.updated' })
      expect(exchange).not.toBe(id)
      expect(await at.counts()).toEqual({ ...before, events: before.events + 1, audit: before.audit + 1 })
      const [line] = await at.rows(`select actor, target, details from audit where action = 'request.replay' and target = $1`, [id])
      expect(line).toEqual({ actor: 'admin', target: id, details: { webhook: 'orders', exchange, outcome: 'accepted' } })
    })

    test('with the key of the first, is answered as the first was', async () => {
      const id = await at.send('/orders', 201, { id: 'c', total: 1 }, { 'x-idempotency-key': 'once' })
      const before = await at.counts()
      const dry = await at.replay(id)
      const real = await at.replay(id, { dry: false })
      for (const { body } of [dry, real])
        expect(body.data).toMatchObject({
          outcome: 'replayed',
          event: null,
          record: null,
          answer: { status: 201, headers: { 'x-idempotent-replayed': 'true' } },
        })
      expect(await at.counts()).toEqual({ ...before, audit: before.audit + 1 })
    })

    test('of what was not let in, shows the refusal and is none for real', async () => {
      const id = await at.send('/orders', 401, { id: 'd' }, { authorization: 'Bearer wrong' })
      const { body } = await at.replay(id)
      expect(body.data).toMatchObject({
        outcome: 'refused',
        code: 'UNAUTHORIZED',
        reason: 'unknown-key',
        plugin: 'auth-bearer',
        answer: { status: 401 },
      })
      expect(steps(body.data)).toContain('validation not-run')
      const real = await at.replay(id, { dry: false })
      expect(real).toMatchObject({ status: 409, body: { code: 'NOT_REPLAYABLE' } })
      expect(real.body.title).toContain("'auth-bearer'")
    })

    test('of what a full quota would refuse, says so beforehand', async () => {
      await at.rows(`insert into quotas values ('orders', 3, 3) on conflict (scope) do update set used = 3`)
      const id = await at.send('/orders', 429, { id: 'e' })
      const { body } = await at.replay(id)
      expect(body.data).toMatchObject({ outcome: 'refused', code: 'QUOTA_EXCEEDED', plugin: 'commit', record: null, event: null })
      expect(steps(body.data).at(-1)).toBe('commit refused')
    })

    test('has the clock, the slots and the parameters of the request', async () => {
      const timestamp = `${Math.floor(Date.now() / 1000) - 100}`
      const json = { id: 't' }
      const hex = createHmac('sha256', KEY)
        .update(`${timestamp}.${JSON.stringify(json)}`)
        .digest('hex')
      const signed = { 'x-webhook-timestamp': timestamp, 'x-webhook-signature': `sha256=${hex}` }
      const id = await at.send('/timed/here%20there', 201, json, signed)
      const [first] = await at.rows(`select data from records where entity = 'timed'`)
      const { body } = await at.replay(id)
      const { data } = body.data.record
      expect(data).toMatchObject({ signed: Number(timestamp) * 1000, param: 'here there', now: data.came, came: first.data.came })
    })

    test('dry, takes nothing of a rate limit', async () => {
      const id = await at.send('/rated', 201, { id: 'r' })
      for (let n = 0; n < 4; n++) {
        const { outcome, notes } = (await at.replay(id)).body.data
        expect([outcome, notes]).toEqual(['accepted', ['a rate limit of 2 was taken as open: a dry run counts nothing']])
      }
      await at.send('/rated', 200, { id: 'r' })
      await at.send('/rated', 429, { id: 'r' })
    })

    test('of a cut body is none; of a masked one it is dry alone', async () => {
      const cut = await at.send('/short', 201, { id: 'a long one' })
      const masked = await at.send('/hidden', 201, { id: 'x', pin: 1234 })
      expect((await at.replay(cut)).status).toBe(409)
      expect((await at.replay(cut)).body.title).toContain('capture.body')
      expect((await at.replay(masked)).body.data.record.data).toEqual({ id: 'x', pin: '[masked]' })
      expect((await at.replay(masked, { dry: false })).status).toBe(409)
    })

    test('of what a step that is new has never judged is none', async () => {
      const id = await at.send('/rated', 429, { id: 'new' })
      at.yaml.write(
        config().replace(
          'chain: [{ auth-none: { reason: a test } }, { quota: { rate',
          `chain: [{ auth-bearer: { keys: ["\${KEY}"] } }, { quota: { rate`,
        ),
      )
      const before = (await says(at as never, 'reloaded', 0)).length
      at.kill('SIGHUP')
      await says(at as never, 'reloaded', before + 1)
      for (const dry of [true, false]) expect((await at.replay(id, { dry })).body.title).toContain("'auth-bearer', which the chain has now")
    })

    test('of nothing is 404, and of a wrong body 422', async () => {
      expect((await at.replay('01JD0000000000000000000000')).status).toBe(404)
      expect((await at.replay('01JD0000000000000000000000', { dry: 'no' })).status).toBe(422)
    })

    test('goes through the chain as it is after a reload', async () => {
      const id = await at.send('/strict', 422, { id: 's', n: 5 })
      expect((await at.replay(id)).body.data).toMatchObject({ outcome: 'refused', code: 'FILTERED', plugin: 'filter' })
      at.yaml.write(config('> 1'))
      at.kill('SIGHUP')
      await says(at as never, 'reloaded', 2)
      expect((await at.replay(id)).body.data).toMatchObject({ outcome: 'accepted', record: { id: 's', created: true } })
      await at.replay(id, { dry: false })
      expect(await at.rows(`select data from records where entity = 'strict'`)).toEqual([{ data: { id: 's', n: 5 } }])
    })
  })
}

onPostgres('the command line', () => {
  test('lists requests, shows one, and replays it', async () => {
    const at = await open('bun')
    const id = await at.send('/orders', 201, { id: 'cli', total: 500 })
    const run = (...words: string[]) => cli(['requests', ...words], { env: at.env })
    const list = await run('list', 'orders')
    expect(list).toMatchObject({ code: 0 })
    expect(list.stdout).toContain(id)
    expect(JSON.parse((await run('list', 'orders', '--outcome', 'refused', '--json')).stdout)).toEqual({ data: [], next: null })
    const show = await run('show', id)
    expect(show.stdout).toContain('"total":500')
    expect(show.stdout).toContain('validation')
    const dry = await run('replay', id)
    expect(dry.stdout).toContain('accepted')
    expect(dry.stdout).toContain('crm')
    expect(await at.counts()).toMatchObject({ events: 1 })
    const rated = await at.send('/rated', 201, { id: 'r' })
    expect((await run('replay', rated)).stdout).toContain(
      '\na rate limit of 2 was taken as open: a dry run counts nothing\nnothing was written',
    )
    const invalid = await at.send('/orders', 422, { total: 'much' })
    expect((await run('show', invalid)).stdout).toMatch(/\nreason +The id field is required\. The total field must be a number\.\n/)
    expect((await run('replay', id, '--commit')).code).toBe(0)
    expect(await at.counts()).toMatchObject({ events: 2 })
    expect((await run('replay', '01JD0000000000000000000000')).code).toBe(1)
    await at.close()
  })
})
