/** Every route of the admin API, as its own document describes it. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { Validator } from '@seriousme/openapi-schema-validator'
import { onEveryStore } from '../store/open.ts'
import { type Answer, documented, idAt, insert, SECRET, T0, TOKEN, type World, world } from './world.ts'

setDefaultTimeout(30_000)

const event = `evt_${idAt(T0)}`
const delivery = `dlv_${idAt(T0)}_crm`

onEveryStore('the admin API', fresh => {
  let it: World
  let doc: ReturnType<typeof documented>

  /** Asks, and the answer must be one that the document knows. */
  async function ask(method: string, path: string, body?: unknown): Promise<Answer> {
    const answer = await it.ask(method, path, body)
    expect(doc.faultOf(method, path, answer)).toBeUndefined()
    expect(answer.headers.get('cache-control')).toBe('no-store')
    return answer
  }
  const get = async (path: string) => (await ask('GET', path)).body

  beforeAll(async () => {
    it = await world(await fresh())
    await insert(it.store, 'events', [{ id: event, data: { name: 'Ada' }, variables: { plan: 'pro' } }])
    await insert(it.store, 'deliveries', [{ id: delivery, event, last_status: 500, last_error: 'STATUS' }])
    await insert(it.store, 'deliveries', [{ id: 'dlv_done', event, destination: 'log', status: 'delivered' }])
    await insert(it.store, 'deliveries', [{ id: 'dlv_waiting', event: 'evt_2', seq: 2, status: 'waiting', attempts: 0 }])
    const next = new Date(T0 + 60_000).toISOString()
    await insert(it.store, 'deliveries', [{ id: 'dlv_next', event: 'evt_2', destination: 'log', seq: 3, status: 'pending', next_at: next }])
    await insert(it.store, 'attempts', [
      { delivery, attempt: 1 },
      { delivery, attempt: 2, status: null, error: 'TIMEOUT', response: null },
    ])
    await insert(it.store, 'records', [
      { entity: 'contact', id: 'a/b' },
      { entity: 'contact', id: 'c1' },
    ])
    await insert(it.store, 'requests', [{ id: idAt(T0), record_id: 'c1' }])
    await insert(it.store, 'secrets', [
      { name: 'CRM', version: 1, not_after: new Date(T0).toISOString() },
      { name: 'CRM', version: 2 },
    ])
    doc = documented((await it.ask('GET', '/admin/openapi.json')).body)
  })
  afterAll(() => it.close())

  test('its document is valid OpenAPI 3.1, behind the token', async () => {
    const { body } = await it.ask('GET', '/admin/openapi.json')
    expect(body.openapi).toBe('3.1.0')
    expect(await new Validator().validate(structuredClone(body))).toEqual({ valid: true })
    expect((await fetch(`${it.url}/admin/openapi.json`)).status).toBe(401)
  })

  test('webhooks, without settings', async () => {
    const { data, next } = await get('/webhooks')
    expect([data.map((w: any) => w.name), next]).toEqual([['contact-form', 'sales'], null])
    const one = await get('/webhooks/contact-form')
    expect(one.data).toEqual({
      name: 'contact-form',
      summary: 'The form',
      path: '/in/{token}',
      host: [],
      methods: ['POST'],
      active: true,
      dialect: 'problem',
      body_limit: 262_144,
      chain: ['auth-url-token', 'validation', 'upsert', 'dispatch'],
    })
    const { data: dependents } = await get('/webhooks/contact-form/dependents')
    expect(dependents).toEqual({ entities: ['contact'], subscriptions: ['new-contacts'], destinations: ['crm'] })
  })

  test('captured requests', async () => {
    const { data } = await get('/webhooks/contact-form/requests')
    expect(data.map((r: any) => [r.id, r.outcome, r.status, r.duration, 'body' in r])).toEqual([[idAt(T0), 'accepted', 201, 1.5, false]])
    expect((await get(`/requests/${idAt(T0)}`)).data).toMatchObject({
      body: '{}',
      headers: { 'content-type': 'application/json' },
      steps: [],
    })
  })

  test('a token is made, shown once, rotated and revoked', async () => {
    const made = await ask('POST', '/webhooks/contact-form/tokens', { label: 'Acme', expires: '90d' })
    expect(made.status).toBe(201)
    const { id, token, url } = made.body.data
    expect(url).toBe(`https://hooks.example.com/in/${token}`)
    const rotated = await ask('POST', `/webhooks/contact-form/tokens/${id}/rotate`, { overlap: '1h' })
    expect([rotated.status, rotated.body.data.old_expires_at]).toEqual([201, new Date(T0 + 3_600_000).toISOString()])
    const { data } = await get('/webhooks/contact-form/tokens')
    expect(data.map((t: any) => [t.id, t.label])).toEqual([
      [rotated.body.data.id, 'Acme'],
      [id, 'Acme'],
    ])
    expect(JSON.stringify(data)).not.toContain(token.slice(30))
    expect((await ask('DELETE', `/webhooks/sales/tokens/${id}`)).status).toBe(404)
    expect((await ask('DELETE', `/webhooks/contact-form/tokens/${id}`)).status).toBe(204)
    expect((await ask('DELETE', `/webhooks/contact-form/tokens/${id}`)).status).toBe(404)
    expect((await ask('POST', `/webhooks/contact-form/tokens/${id}/rotate`)).status).toBe(404)
    expect((await ask('POST', `/webhooks/sales/tokens/${rotated.body.data.id}/rotate`)).status).toBe(404)
    expect((await ask('POST', '/webhooks/sales/tokens')).body).toMatchObject({ status: 409, code: 'CONFLICT' })
  })

  test('entities and records', async () => {
    const { data } = await get('/entities')
    expect(data.map((e: any) => [e.name, e.declared, e.unknown, e.webhooks])).toEqual([
      ['contact', true, 'drop', ['contact-form']],
      ['sale', false, 'keep', ['sales']],
    ])
    expect((await get('/entities/contact/records')).data.map((r: any) => r.id)).toEqual(['a/b', 'c1'])
    const at = new Date(T0).toISOString()
    const record = { id: 'a/b', data: { name: 'Ada' }, created_at: at, updated_at: at, webhook: 'contact-form' }
    expect((await get('/entities/contact/records/a%2Fb')).data).toEqual(record)
    expect((await get('/entities/sale/records')).data).toEqual([])
  })

  test('events, with their deliveries', async () => {
    expect((await get('/events')).data.map((e: any) => [e.id, e.record_id, 'data' in e])).toEqual([[event, 'c1', false]])
    const { data } = await get(`/events/${event}`)
    expect([data.data, data.previous, data.custom_variables]).toEqual([{ name: 'Ada' }, null, { plan: 'pro' }])
    expect(data.deliveries.map((d: any) => [d.id, d.destination, d.status])).toEqual([
      [delivery, 'crm', 'dead'],
      ['dlv_done', 'log', 'delivered'],
    ])
  })

  test('deliveries, with their attempts', async () => {
    expect((await get('/deliveries?status=dead&destination=crm')).data.map((d: any) => d.id)).toEqual([delivery])
    const { data } = await get(`/deliveries/${delivery}`)
    expect(data.history.map((a: any) => [a.attempt, a.status, a.error])).toEqual([
      [1, 500, 'STATUS'],
      [2, null, 'TIMEOUT'],
    ])
  })

  test('a delivery that waits names the one that it waits for', async () => {
    expect((await get('/deliveries/dlv_waiting')).data.waits_for).toEqual({ id: delivery, status: 'dead' })
    for (const id of [delivery, 'dlv_done', 'dlv_next']) expect((await get(`/deliveries/${id}`)).data.waits_for).toBeNull()
  })

  test('a delivery has a next time, but for the time that its destination is paused', async () => {
    const times = async () => [
      (await get('/deliveries/dlv_next')).data.next_at,
      (await get('/deliveries?status=pending')).data[0].next_at,
      (await get('/deliveries?event=evt_2&destination=log')).data[0].next_at,
    ]
    const next = new Date(T0 + 60_000).toISOString()
    expect(await times()).toEqual([next, next, next])
    await it.store.db.query(`insert into destinations (name, paused_at) values ('log', now())`)
    expect(await times()).toEqual([null, null, null])
    await it.store.db.query(`update destinations set paused_at = null where name = 'log'`)
    expect(await times()).toEqual([next, next, next])
  })

  describe('what changes something reaches the engine, and is written down:', () => {
    const rows: [path: string, body: unknown, call: unknown[], audited: Record<string, unknown>][] = [
      [
        `/events/${event}/retry`,
        { destination: 'crm' },
        ['redrive', { event, destination: 'crm' }, 1000],
        { action: 'event.retry', target: event, details: { destination: 'crm', redriven: 1, left: 0 } },
      ],
      [`/events/${event}/retry`, undefined, ['redrive', { event }, 1000], { action: 'event.retry', target: event }],
      [`/deliveries/${delivery}/retry`, undefined, ['redrive', { ids: [delivery] }, 1], { action: 'delivery.retry', target: delivery }],
      [`/deliveries/${delivery}/cancel`, {}, ['cancel', { ids: [delivery] }, 1], { action: 'delivery.cancel', target: delivery }],
      [
        '/deliveries/retry',
        { status: 'dead', since: new Date(T0).toISOString(), limit: 7 },
        ['redrive', { status: 'dead', since: T0 }, 7],
        {
          action: 'delivery.retry',
          target: 'deliveries',
          details: { status: 'dead', since: new Date(T0).toISOString(), limit: 7, redriven: 1, left: 0 },
        },
      ],
      [
        '/deliveries/retry',
        { ids: ['a', 'b'] },
        ['redrive', { ids: ['a', 'b'] }, 100],
        { action: 'delivery.retry', target: 'deliveries', details: { ids: 2, limit: 100, redriven: 1, left: 0 } },
      ],
      ['/destinations/crm/pause', undefined, ['pause', 'crm'], { action: 'destination.pause', target: 'crm' }],
      ['/destinations/crm/resume', undefined, ['resume', 'crm'], { action: 'destination.resume', target: 'crm' }],
    ]
    test.each(rows)('POST %s %j', async (path, body, call, audited) => {
      it.control.calls.length = 0
      expect((await ask('POST', path, body)).status).toBe(200)
      expect(it.control.calls).toEqual([call])
      const { data } = await get('/audit?limit=1')
      expect(data[0]).toMatchObject({ actor: 'admin', ip: '127.0.0.1', ...audited })
    })
  })

  test('a captured request is run again: dry, unless told otherwise, and then it is written down', async () => {
    const path = `/requests/${idAt(T0)}/replay`
    const dry = (await ask('POST', path)).body.data
    expect([dry.dry, dry.outcome, dry.exchange, dry.answer.status]).toEqual([true, 'accepted', null, 201])
    const done = (await ask('POST', path, { dry: false })).body.data
    expect([done.dry, done.exchange]).toEqual([false, idAt(T0, 9)])
    const { data } = await get('/audit?action=request.replay')
    expect(data.map((row: any) => [row.target, row.details.exchange])).toEqual([[idAt(T0), idAt(T0, 9)]])
    expect((await ask('POST', '/requests/none/replay')).status).toBe(404)
  })

  test('a delivery that has arrived cannot be given up', async () => {
    expect((await ask('POST', '/deliveries/dlv_done/cancel')).body).toMatchObject({ status: 409, code: 'CONFLICT' })
  })

  test('destinations, subscriptions and secrets', async () => {
    expect((await get('/destinations')).data.map((d: any) => [d.name, d.dead])).toEqual([['crm', 2]])
    expect((await get('/subscriptions')).data).toEqual([
      {
        name: 'new-contacts',
        webhooks: ['contact-form'],
        events: ['record.created'],
        when: 'data.name != ""',
        to: ['crm'],
        body: { text: '{{data.name}}' },
        unjudged: 0,
      },
    ])
    const { data } = await get('/secrets')
    expect(data.map((s: any) => [s.name, s.version, s.not_after])).toEqual([
      ['CRM', 2, null],
      ['CRM', 1, new Date(T0).toISOString()],
    ])
  })

  test('the changes of tokens are in the audit', async () => {
    const { data } = await get('/audit')
    const actions = data.map((a: any) => a.action)
    expect(actions.slice(-3)).toEqual(['token.revoke', 'token.rotate', 'token.create'])
  })

  test('the configuration names secrets and shows none', async () => {
    const { data } = await get('/config')
    expect(data.webhooks.sales.chain[0]).toEqual({ 'auth-bearer': { keys: ['$' + '{SIGNING}'] } })
    expect(data.destinations.crm).toMatchObject({ type: 'http', url: 'https://crm.example.com/hooks/[secret]' })
    expect([data.redis.url, data.admin.token]).toEqual(['redis://127.0.0.1:1', '$' + '{ADMIN_TOKEN}'])
    for (const secret of [SECRET, TOKEN, 'redis-password']) expect(JSON.stringify(data)).not.toContain(secret)
  })

  test('no answer shows a credential', async () => {
    const gets = doc.operations.filter(o => o.startsWith('GET ')).map(o => o.slice(4))
    for (const path of gets) {
      const { text } = await it.ask('GET', path.replace('{name}', 'sales').replace('{entity}', 'contact').replace('{id}', 'c1'))
      for (const secret of [SECRET, TOKEN, 'SEALED-VALUE', 'redis-password']) expect(text).not.toContain(secret)
    }
  })

  test('what captured requests suggest', async () => {
    const { data } = (await ask('POST', '/webhooks/contact-form/infer', {})).body
    expect([data.samples.used, data.schema.type]).toEqual([1, 'object'])
  })

  test('every operation of the document was called', () => {
    expect(doc.operations.filter(operation => !doc.called.has(operation))).toEqual([])
  })
})
