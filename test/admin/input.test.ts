/** What the admin API refuses, and that it says which parameter is wrong. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { connect } from 'node:net'
import { embedded, insert, TOKEN, type World } from './world.ts'

setDefaultTimeout(30_000)
let it: World
beforeAll(async () => {
  it = await embedded()
  await insert(it.store, 'events', [{ id: 'evt_1' }])
  await insert(it.store, 'deliveries', [{ id: 'dlv_1', event: 'evt_1' }])
})
afterAll(() => it.close())

const queries: [path: string, parameter: string, says: RegExp][] = [
  ['/events?limt=5', 'limt', /unknown parameter 'limt' — did you mean 'limit'\?/],
  ['/events?zzz=5', 'zzz', /unknown parameter 'zzz'; known are limit, cursor, since, until, webhook, type, entity, record/],
  ['/webhooks?limit=201', 'limit', /at most 200/],
  ['/config?limit=5', 'limit', /unknown parameter 'limit'/],
  ['/webhooks/sales?x', 'x', /unknown parameter 'x'/],
  ['/events?limit=0', 'limit', /^limit must be at least 1\.$/],
  ['/events?limit=201', 'limit', /^limit must be at most 200\.$/],
  ['/events?limit=-1', 'limit', /at least 1/],
  ['/events?limit=1e2', 'limit', /expected a whole number/],
  ['/events?limit=', 'limit', /expected a whole number/],
  ['/events?limit=9999999999999999999999', 'limit', /expected a whole number/],
  ['/events?limit=5&limit=6', 'limit', /is there twice/],
  ['/events?since=yesterday', 'since', /must be a valid date-time/],
  ['/events?since=2026-13-01T00:00:00Z', 'since', /must be a valid date-time/],
  ['/events?until=2026-01-01', 'until', /must be a valid date-time/],
  ['/events?type=record.deleted', 'type', /'record.created', 'record.updated' or 'webhook.received'/],
  ['/events?webhook=', 'webhook', /must not be empty/],
  ['/events?webhook=%00', 'webhook', /U\+0000/],
  [`/events?webhook=${'x'.repeat(1001)}`, 'webhook', /at most 1000 characters/],
  ['/events?cursor=', 'cursor', /must not be empty/],
  ['/events?cursor=abc', 'cursor', /is not a cursor that this list gave/],
  ['/events?cursor=%F0%9F%92%A9', 'cursor', /is not a cursor/],
  ['/events?__proto__=1', '__proto__', /not allowed/],
  [
    '/deliveries?destination=crmm',
    'destination',
    /^There is no destination 'crmm', neither .* nor in any delivery — did you mean 'crm'\?$/,
  ],
  ['/deliveries?subscription=x', 'subscription', /no subscription 'x', .*; there are new-contacts\.$/],
  ['/deliveries?webhook=sale', 'webhook', /no webhook 'sale', .* — did you mean 'sales'\?$/],
  ['/deliveries?entity=contacts&status=dead', 'entity', /no entity 'contacts', .* — did you mean 'contact'\?$/],
  ['/events?webhook=sale', 'webhook', /nor in any event — did you mean 'sales'\?$/],
  ['/events?entity=sales', 'entity', /nor in any event — did you mean 'sale'\?$/],
  ['/deliveries?status=lost', 'status', /'pending', 'waiting', 'delivered', 'dead' or 'cancelled'/],
  ['/webhooks/sales/requests?status=99', 'status', /at least 100/],
  ['/webhooks/sales/requests?outcome=lost', 'outcome', /'accepted'/],
  ['/audit?actor=me', 'actor', /'admin' or 'cli'/],
  ['/entities/contact/records?since=2026-01-01T00:00:00Z', 'since', /unknown parameter 'since'/],
]

test.each(queries)('GET %s is 400 and names %s', async (path, parameter, says) => {
  const { status, headers, body } = await it.ask('GET', path)
  expect([status, headers.get('content-type'), body.code]).toEqual([400, 'application/problem+json', 'INVALID_QUERY'])
  expect(body.title).toMatch(says)
  expect(Object.keys(body.details)).toEqual([parameter])
})

test('a name that is only in rows any more is looked for like others', async () => {
  await insert(it.store, 'events', [{ id: 'evt_old', webhook: 'old', entity: 'old' }])
  await insert(it.store, 'deliveries', [
    { id: 'dlv_old', event: 'evt_old', destination: 'old', subscription: 'old', webhook: 'old', entity: 'old' },
  ])
  await it.store.db.query(`insert into destinations (name) values ('idle')`)
  const found = async (path: string) => {
    const { status, body } = await it.ask('GET', path)
    return [status, body.data?.map((row: any) => row.id)]
  }
  for (const filter of ['destination=old', 'subscription=old', 'webhook=old', 'entity=old'])
    expect(await found(`/deliveries?${filter}`)).toEqual([200, ['dlv_old']])
  for (const filter of ['webhook=old', 'entity=old']) expect(await found(`/events?${filter}`)).toEqual([200, ['evt_old']])
  expect(await found('/deliveries?destination=old&status=delivered')).toEqual([200, []])
  expect(await found('/deliveries?destination=idle')).toEqual([200, []])
  expect(await found('/deliveries?webhook=sales')).toEqual([200, []])
})

test('every name that nothing has is told at once, each in a sentence', async () => {
  const { body } = await it.ask('GET', '/deliveries?destination=crmm&webhook=zzz')
  expect(Object.keys(body.details)).toEqual(['destination', 'webhook'])
  expect(body.title).toMatch(/did you mean 'crm'\? There is no webhook 'zzz', .*there are contact-form, sales\.$/)
})

test('every parameter that is wrong is named at once', async () => {
  const { body } = await it.ask('GET', '/events?limit=0&since=x&typ=y')
  expect(Object.keys(body.details).sort()).toEqual(['limit', 'since', 'typ'])
})

const bodies: [method: string, path: string, body: unknown, status: number, field: string | undefined, says: RegExp][] = [
  ['POST', '/webhooks/contact-form/tokens', '{', 400, undefined, /not JSON/],
  ['POST', '/webhooks/contact-form/tokens', '"x"', 422, '_general', /a JSON object/],
  ['POST', '/webhooks/contact-form/tokens', '[]', 422, '_general', /a JSON object/],
  ['POST', '/webhooks/contact-form/tokens', 'null', 422, '_general', /a JSON object/],
  ['POST', '/webhooks/contact-form/tokens', { labl: 'x' }, 422, 'labl', /unknown field 'labl' — did you mean 'label'\?/],
  ['POST', '/webhooks/contact-form/tokens', { label: 5 }, 422, 'label', /expected text/],
  ['POST', '/webhooks/contact-form/tokens', { label: 'a\0b' }, 422, 'label', /U\+0000/],
  ['POST', '/webhooks/contact-form/tokens', { label: 'x'.repeat(201) }, 422, 'label', /at most 200 characters/],
  ['POST', '/webhooks/contact-form/tokens', { expires: 'soon' }, 422, 'expires', /a duration such as/],
  ['POST', '/webhooks/contact-form/tokens', { expires: '0s' }, 422, 'expires', /at least 1s/],
  ['POST', '/webhooks/contact-form/tokens?label=x', {}, 400, 'label', /unknown parameter/],
  ['POST', '/deliveries/retry', undefined, 422, '_general', /name at least one filter/],
  ['POST', '/deliveries/retry', { limit: 5 }, 422, '_general', /name at least one filter/],
  ['POST', '/deliveries/retry', { status: 'dead', limit: 1001 }, 422, 'limit', /at most 1000/],
  ['POST', '/deliveries/retry', { status: 'dead', limit: '5' }, 422, 'limit', /expected a whole number/],
  ['POST', '/deliveries/retry', { ids: [] }, 422, 'ids', /at least one item/],
  ['POST', '/deliveries/retry', { ids: ['a', 5] }, 422, 'ids.1', /expected text/],
  [
    'POST',
    '/deliveries/retry',
    { status: 'dead', destination: 'crmm' },
    422,
    'destination',
    /no destination 'crmm', .* — did you mean 'crm'\?$/,
  ],
  ['POST', '/deliveries/retry', { webhook: 'sale' }, 422, 'webhook', /did you mean 'sales'\?$/],
  ['POST', '/events/evt_1/retry', { destination: 'crmm' }, 422, 'destination', /did you mean 'crm'\?$/],
  ['POST', '/deliveries/dlv_1/cancel', { why: 'x' }, 422, 'why', /unknown field/],
  ['POST', '/destinations/crm/pause', { why: 'x' }, 422, 'why', /unknown field/],
]

test.each(bodies)('%s %s with %j is refused', async (method, path, body, status, field, says) => {
  const answer = await it.ask(method, path, body)
  expect([answer.status, answer.body.status]).toEqual([status, status])
  expect(answer.body.title).toMatch(says)
  if (field) expect(Object.keys(answer.body.details)).toEqual([field])
  expect(it.control.calls).toEqual([])
})

test('a body of more than 64 KiB is 413', async () => {
  const answer = await it.ask('POST', '/webhooks/contact-form/tokens', { label: 'x'.repeat(70_000) })
  expect([answer.status, answer.body.code]).toEqual([413, 'PAYLOAD_TOO_LARGE'])
})

test('a body that is no JSON by its own words is 415', async () => {
  const form = { 'content-type': 'application/x-www-form-urlencoded' }
  expect((await it.ask('POST', '/webhooks/contact-form/tokens', 'label=x', form)).body).toMatchObject({ status: 415 })
})

const absent: [method: string, path: string, says: RegExp][] = [
  ['GET', '/webhooks/sale', /webhook 'sale' — did you mean 'sales'\?/],
  ['GET', '/webhooks/sale/dependents', /did you mean 'sales'/],
  ['GET', '/webhooks/sale/requests', /did you mean 'sales'/],
  ['GET', '/webhooks/sale/tokens', /did you mean 'sales'/],
  ['POST', '/webhooks/sale/tokens', /did you mean 'sales'/],
  ['GET', '/entities/contacts/records', /entity 'contacts' — did you mean 'contact'\?/],
  ['GET', '/entities/contact/records/none', /contact record 'none'/],
  ['GET', '/events/evt_none', /event 'evt_none'/],
  ['POST', '/events/evt_none/retry', /event 'evt_none'/],
  ['GET', '/deliveries/none', /delivery 'none'/],
  ['POST', '/deliveries/none/retry', /delivery 'none'/],
  ['POST', '/deliveries/none/cancel', /delivery 'none'/],
  ['POST', '/destinations/cmr/pause', /destination 'cmr' — did you mean 'crm'\?/],
  ['GET', '/requests/none', /captured request 'none'/],
  ['GET', '/events/%00', /Nothing has such a name/],
  ['GET', '/events/%ff', /Nothing has such a name/],
  ['GET', "/events/' or true --", /event '' or true --'/],
  ['GET', '/nothing', /no such page/],
  ['GET', '/admin/v2/events', /no such page/],
]

test.each(absent)('%s %s is 404 and says what is missing', async (method, path, says) => {
  const { status, body } = await it.ask(method, path)
  expect([status, body.code, body.title]).toEqual([404, 'NOT_FOUND', expect.stringMatching(says)])
})

test.each([
  ['PUT', '/webhooks', 'GET'],
  ['POST', '/events', 'GET'],
  ['DELETE', '/webhooks/contact-form/tokens', 'GET, POST'],
  ['GET', '/deliveries/retry', 'POST'],
  ['OPTIONS', '/events', 'GET'],
])('%s %s is 405 and says what may be', async (method, path, allow) => {
  const { status, headers, body } = await it.ask(method, path)
  expect([status, headers.get('allow'), body.code]).toEqual([405, allow, 'METHOD_NOT_ALLOWED'])
})

test('a request without a valid Host is 400', async () => {
  const { hostname, port } = new URL(it.url)
  const socket = connect(Number(port), hostname)
  socket.write(`GET /admin/v1/webhooks HTTP/1.1\r\nHost: x/admin?\r\nAuthorization: Bearer ${TOKEN}\r\nConnection: close\r\n\r\n`)
  let text = ''
  for await (const part of socket) text += part
  expect(text).toStartWith('HTTP/1.1 400 ')
})

test('without an engine, what needs one is 503 and says so', async () => {
  const idle = await embedded({ control: false })
  try {
    await insert(idle.store, 'deliveries', [{ id: 'dlv_1', event: 'evt_1' }])
    await insert(idle.store, 'events', [{ id: 'evt_1' }])
    for (const [method, path] of [
      ['GET', '/destinations'],
      ['POST', '/destinations/crm/pause'],
      ['POST', '/deliveries/dlv_1/retry'],
      ['POST', '/events/evt_1/retry'],
    ] as const) {
      const { status, headers, body } = await idle.ask(method, path)
      expect([status, headers.get('retry-after'), body.title]).toEqual([503, '5', 'No delivery engine runs in this gateway.'])
    }
    expect((await idle.ask('GET', '/audit')).body.data).toEqual([])
  } finally {
    await idle.close()
  }
})

test.each<[what: string, error: Error, status: number, code: string]>([
  ['takes too long', Object.assign(new Error('canceling statement'), { code: '57014' }), 503, 'TOO_SLOW'],
  ['has no connection', new Error('timeout exceeded when trying to connect'), 503, 'UNAVAILABLE'],
  ['meets a fault of ours', new TypeError('x of undefined, secret'), 500, 'INTERNAL'],
])('a list whose store %s says so, and nothing of the cause', async (_what, error, status, code) => {
  const broken = await embedded()
  broken.store.db.query = () => Promise.reject(error)
  const answer = await broken.ask('GET', '/events')
  expect([answer.status, answer.body.code]).toEqual([status, code])
  expect(answer.text).not.toContain(error.message)
  await broken.close()
})

test('a store that does not answer is 503', async () => {
  const lost = await embedded()
  await lost.store.db.close()
  const { status, headers, body } = await lost.ask('GET', '/events')
  expect([status, headers.get('retry-after'), body.code]).toEqual([503, '1', 'UNAVAILABLE'])
  await lost.close().catch(() => {})
})
