/** Lists of the admin API: their order, their filters, their cursors, and that no filter reads without bound. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { SCAN } from '#core/store/search.ts'
import { onEveryStore } from '../store/open.ts'
import { idAt, insert, T0, type World, world } from './world.ts'

setDefaultTimeout(60_000)
const MINUTE = 60_000
const iso = (ms: number) => encodeURIComponent(new Date(ms).toISOString())

onEveryStore('lists', fresh => {
  let it: World
  const get = async (path: string) => (await it.ask('GET', path)).body
  /** Ids of every page. */
  async function ids(path: string, limit: number): Promise<string[][]> {
    const pages: string[][] = []
    for (let cursor = ''; ; ) {
      const { data, next } = await get(`${path}${path.includes('?') ? '&' : '?'}limit=${limit}${cursor && `&cursor=${cursor}`}`)
      pages.push(data.map((row: any) => row.id))
      if (next === null) return pages
      cursor = encodeURIComponent(next)
    }
  }

  beforeAll(async () => {
    it = await world(await fresh())
    const at = (n: number) => T0 + n * MINUTE
    await insert(
      it.store,
      'events',
      Array.from({ length: 7 }, (_, n) => ({
        id: `evt_${idAt(at(n))}`,
        created_at: new Date(at(n)).toISOString(),
        webhook: n % 2 ? 'sales' : 'contact-form',
        entity: n % 2 ? 'sale' : 'contact',
        type: n < 3 ? 'record.created' : 'record.updated',
        record_id: `r${n}`,
      })),
    )
    await insert(
      it.store,
      'deliveries',
      Array.from({ length: 6 }, (_, n) => ({
        id: `dlv_${idAt(at(n))}_x`,
        event: `evt_${idAt(at(n))}`,
        seq: n,
        status: ['dead', 'pending', 'delivered', 'dead', 'cancelled', 'waiting'][n],
        destination: n < 3 ? 'crm' : 'log',
        subscription: n % 2 ? 's1' : 's2',
        record_id: `r${n}`,
        // Made ten minutes after its event: the relay had been away.
        created_at: new Date(at(n + 10)).toISOString(),
      })),
    )
    await insert(
      it.store,
      'requests',
      Array.from({ length: 4 }, (_, n) => ({
        id: idAt(at(n)),
        webhook: n < 3 ? 'sales' : 'contact-form',
        outcome: n === 1 ? 'refused' : 'accepted',
        status: n === 1 ? 401 : 201,
        code: n === 1 ? 'UNAUTHORIZED' : null,
        record_id: n === 0 ? 'r0' : null,
        idempotency_key: n === 2 ? 'k2' : null,
      })),
    )
    await insert(
      it.store,
      'records',
      ['a', 'b', 'é', 'z/1'].map(id => ({ entity: 'contact', id })),
    )
  })
  afterAll(() => it.close())

  const event = (n: number) => `evt_${idAt(T0 + n * MINUTE)}`
  const delivery = (n: number) => `dlv_${idAt(T0 + n * MINUTE)}_x`

  test('pages follow each other, newest first, and end', async () => {
    expect(await ids('/events', 3)).toEqual([[6, 5, 4].map(event), [3, 2, 1].map(event), [event(0)]])
    expect(await ids('/events', 7)).toEqual([[6, 5, 4, 3, 2, 1, 0].map(event)])
    expect(await ids('/events?webhook=sales', 2)).toEqual([[5, 3].map(event), [event(1)]])
  })

  test('records come in the order of their ids, whatever is in these', async () => {
    expect(await ids('/entities/contact/records', 1)).toEqual([['a'], ['b'], ['z/1'], ['é']])
  })

  test('what the configuration has comes in pages, too', async () => {
    const first = await get('/webhooks?limit=1')
    expect([first.data.map((w: any) => w.name), first.next === null]).toEqual([['contact-form'], false])
    const second = await get(`/webhooks?limit=1&cursor=${first.next}`)
    expect([second.data.map((w: any) => w.name), second.next]).toEqual([['sales'], null])
    expect((await it.ask('GET', `/entities?cursor=${first.next}`)).status).toBe(400)
  })

  describe('filters:', () => {
    const rows: [path: string, found: string[]][] = [
      ['/events?webhook=sales', [5, 3, 1].map(event)],
      ['/events?type=record.created', [2, 1, 0].map(event)],
      ['/events?entity=sale&type=record.created', [event(1)]],
      ['/events?record=r4', [event(4)]],
      ['/events?record=none', []],
      [`/events?since=${iso(T0 + 5 * MINUTE)}`, [6, 5].map(event)],
      [`/events?until=${iso(T0 + MINUTE)}`, [event(0)]],
      [`/events?since=${iso(T0 + MINUTE)}&until=${iso(T0 + 3 * MINUTE)}`, [2, 1].map(event)],
      [`/events?since=${iso(T0 + 5 * MINUTE)}&until=${iso(T0)}`, []],
      ['/deliveries?status=dead', [3, 0].map(delivery)],
      ['/deliveries?status=dead&destination=crm', [delivery(0)]],
      ['/deliveries?status=cancelled', [delivery(4)]],
      ['/deliveries?status=waiting&subscription=s1', [delivery(5)]],
      ['/deliveries?destination=log&subscription=s1', [5, 3].map(delivery)],
      [`/deliveries?event=${event(2)}`, [delivery(2)]],
      ['/deliveries?record=r1&entity=contact&webhook=contact-form', [delivery(1)]],
      [`/deliveries?since=${iso(T0 + 14 * MINUTE)}`, [5, 4].map(delivery)],
      [`/deliveries?until=${iso(T0 + 11 * MINUTE)}`, [delivery(0)]],
      ['/webhooks/sales/requests', [2, 1, 0].map(n => idAt(T0 + n * MINUTE))],
      ['/webhooks/sales/requests?outcome=refused', [idAt(T0 + MINUTE)]],
      ['/webhooks/sales/requests?status=401&code=UNAUTHORIZED', [idAt(T0 + MINUTE)]],
      ['/webhooks/sales/requests?record=r0', [idAt(T0)]],
      ['/webhooks/sales/requests?idempotency_key=k2', [idAt(T0 + 2 * MINUTE)]],
      [`/webhooks/sales/requests?since=${iso(T0 + 2 * MINUTE)}`, [idAt(T0 + 2 * MINUTE)]],
    ]
    test.each(rows)('%s', async (path, found) => {
      const { data, next } = await get(path)
      expect([data.map((row: any) => row.id), next]).toEqual([found, null])
    })
  })

  test('a cursor is good for its own list alone, and only whole', async () => {
    const { next } = await get('/events?limit=1')
    expect((await it.ask('GET', `/events?limit=1&webhook=sales&cursor=${next}`)).status).toBe(200)
    for (const path of ['/deliveries', '/audit', '/webhooks/sales/requests', '/entities/contact/records'])
      expect((await it.ask('GET', `${path}?cursor=${next}`)).body).toMatchObject({ status: 400, code: 'INVALID_QUERY' })
    for (const broken of [next.slice(0, -2), `${next}AA`, next.slice(3), next.toLowerCase(), `${next}=`])
      expect([broken, (await it.ask('GET', `/events?cursor=${encodeURIComponent(broken)}`)).status]).toEqual([broken, 400])
  })

  test('what no index serves is looked for in bounded steps: a page may be empty and have a next one', async () => {
    const others = SCAN + 500
    await it.store.db.query(
      `insert into events (id, type, webhook, data, variables, hops, created_at)
       select $1 || lpad(n::text, 16, '0'), 'webhook.received', 'busy', '{}', '{}', 0, now() from generate_series(1, ${others}) n`,
      [`evt_${idAt(T0 + 60 * MINUTE).slice(0, 10)}`],
    )
    const first = await get('/events?record=r3')
    expect([first.data, first.next === null]).toEqual([[], false])
    const second = await get(`/events?record=r3&cursor=${first.next}`)
    expect([second.data.map((e: any) => e.id), second.next]).toEqual([[event(3)], null])
  })

  test('rows that come meanwhile are neither missed nor shown twice', async () => {
    const { data, next } = await get('/events?webhook=sales&limit=1')
    await insert(it.store, 'events', [{ id: `evt_${idAt(T0 + 90 * MINUTE)}`, webhook: 'sales' }])
    expect(data).toEqual([])
    const rest = await get(`/events?webhook=sales&limit=3&cursor=${next}`)
    expect(rest.data.map((e: any) => e.id)).toEqual([5, 3, 1].map(event))
  })
})
