/** Providers that try again, against a whole gateway on a real Postgres. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { createHmac } from 'node:crypto'
import pg from 'pg'
import { freshDatabase } from '../../test/support/postgres.ts'
import { type Gateway, gateway, runtimes } from '../../test/support/process.ts'

setDefaultTimeout(60_000)

const KEY = 'whsec_a-signing-key-of-some-length'
const config = `
version: 1
server: { port: "\${PORT}", host: 127.0.0.1, drainDelay: 0s }
store: { url: "\${DATABASE_URL}" }
admin: { port: "\${ADMIN_PORT}" }
entities:
  event: { schema: { type: object, properties: { amount: { type: number } } }, unknown: keep }
webhooks:
  stripe:
    path: /stripe
    chain:
      - auth-hmac: { preset: stripe, secrets: ["\${KEY}"] }
      - replay-window
      - idempotency: { from: preset, ttl: 7d }
      - validation: { entity: event }
      - upsert: { entity: event, idField: record }
  pubsub:
    path: /pubsub
    chain:
      - auth-none: { reason: for the test }
      - idempotency: { from: "json:message.messageId" }
      - upsert: { entity: push }
`

describe.each([...runtimes])('on %s', runtime => {
  let running: Gateway
  let client: pg.Client
  beforeAll(async () => {
    const { url } = await freshDatabase()
    running = await gateway({ runtime, config, env: { DATABASE_URL: url, KEY } })
    client = new pg.Client(url)
    await client.connect()
  })
  afterAll(async () => {
    await client?.end()
    await running?.stop()
  })

  const records = async () => Number((await client.query('select count(*) n from records')).rows[0].n)

  async function post(path: string, body: string, headers: Record<string, string> = {}) {
    const response = await fetch(running.url + path, { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } })
    return { status: response.status, replayed: response.headers.get('x-idempotent-replayed'), text: await response.text() }
  }
  /** Signed anew for each try, as Stripe does. */
  const stripe = (body: object, ago = 0, key = KEY) => {
    const time = Math.floor(Date.now() / 1000) - ago
    const text = JSON.stringify(body)
    const signature = createHmac('sha256', key).update(`${time}.${text}`).digest('hex')
    return post('/stripe', text, { 'stripe-signature': `t=${time},v1=${signature}` })
  }

  test('a delivery that comes again gets the first answer, though its body and its time are others', async () => {
    const before = await records()
    const first = await stripe({ id: 'evt_1', pending_webhooks: 2 })
    const again = await stripe({ id: 'evt_1', pending_webhooks: 1 }, 60)
    expect([first.status, first.replayed, again]).toEqual([201, null, { ...first, replayed: 'true' }])
    expect(await records()).toBe(before + 1)
    expect((await stripe({ id: 'evt_2', pending_webhooks: 1 })).replayed).toBeNull()
    expect(await records()).toBe(before + 2)
  })

  test('twenty at once make one record', async () => {
    const before = await records()
    const all = await Promise.all(Array.from({ length: 20 }, (_, n) => stripe({ id: 'evt_many', n })))
    expect(new Set(all.map(({ text }) => text)).size).toBe(1)
    expect(all.filter(({ replayed }) => replayed === null)).toHaveLength(1)
    expect(await records()).toBe(before + 1)
  })

  test('what was refused has claimed nothing, whoever sent it', async () => {
    expect((await stripe({ id: 'evt_3' }, 0, 'whsec_of-somebody-else-altogether')).status).toBe(401)
    expect((await stripe({ id: 'evt_3' }, 3600)).status).toBe(401)
    expect((await stripe({ id: 'evt_3', amount: 'no number' })).status).toBe(422)
    expect(await stripe({ id: 'evt_3', amount: 1 })).toMatchObject({ status: 201, replayed: null })
  })

  test('without an id each delivery is new, and an id of any length is one', async () => {
    const before = await records()
    for (let i = 0; i < 2; i++) expect(await stripe({ type: 'x' })).toMatchObject({ status: 201, replayed: null })
    const long = { id: 'x'.repeat(5000) }
    expect([(await stripe(long)).replayed, (await stripe(long)).replayed]).toEqual([null, 'true'])
    expect(await records()).toBe(before + 3)
  })

  test('an id deep in the body', async () => {
    const body = JSON.stringify({ message: { messageId: '2070443601311540', data: 'e30=' } })
    expect([(await post('/pubsub', body)).replayed, (await post('/pubsub', body)).replayed]).toEqual([null, 'true'])
    expect((await post('/pubsub', '{')).status).toBe(400)
  })
})
