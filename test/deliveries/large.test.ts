/** Events and records that are far larger when read than they are stored: what is read at a time is bounded by bytes, and what cannot be read holds up nothing. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { type Claims, openClaims } from '#core/outbox/claims.ts'
import { deliveryId } from '#core/outbox/delivery.ts'
import { installQueue, openQueue, type Queue } from '#core/outbox/queue.ts'
import { type RelayPlan, relayBatch } from '#core/outbox/relay.ts'
import { openRelay } from '#core/outbox/relaying.ts'
import type { Tx } from '#core/plugin.ts'
import type { Database } from '#core/store/database.ts'
import { listRecords } from '#core/store/read.ts'
import { type Opened, onEveryStore } from '../store/open.ts'

setDefaultTimeout(60_000)

/** Some 3 KB in the store, 3.1 MB of text: two are more than a portion. */
const NUMBERS = 10_000
const LARGE = 8
const SMALL = 600

const eventId = (n: number) => `evt_${String(n).padStart(26, '0')}`

onEveryStore('large rows', fresh => {
  let store: Opened
  let queue: Queue
  beforeAll(async () => {
    store = await fresh()
    await installQueue(store.db)
    queue = await openQueue(store.db, () => {})
    for (const name of ['to', 'other']) await queue.open(name)
    await store.db.query(
      'create table big as select jsonb_build_object($1::text, jsonb_agg(1e308::numeric)) as data from generate_series(1, $2::int)',
      ['a', NUMBERS],
    )
  })
  afterAll(async () => {
    await queue.close()
    await store.close()
  })

  /** Anew: so many large events and then so many small ones, all of one webhook, and nothing relayed. */
  async function given(large: number, small: number) {
    await store.db.query(`delete from deliveries`)
    await store.db.query(`delete from outbox`)
    await store.db.query(`delete from events`)
    await store.db.query(`delete from postern_queue.job`)
    await store.db.query(
      `with made as (
         insert into events (id, type, webhook, data, variables, created_at)
         select 'evt_' || lpad(n::text, 26, '0'), 'webhook.received', 'w', case when n <= $1 then data else '{"small":1}' end, '{}', now()
         from big, generate_series(1, $1::int + $2::int) n returning id
       ) insert into outbox (event, plan) select id, 'plan' from made order by id`,
      [large, small],
    )
  }

  const plan = (asks = true): RelayPlan => ({
    name: 'plan',
    match: event => (Object.keys(event.data).length === 1 ? [{ subscription: 's', destination: 'to' }] : []),
    possible: () => [{ subscription: 's', destination: 'to' }],
    asks: () => asks,
    ordered: () => false,
  })

  /** The database, but that whatever reads the data of one of these events fails, as when the store gives up on it. */
  function failing(...unreadable: string[]): Database {
    const guard = <T extends Tx>(tx: T): T => ({
      ...tx,
      query: (async (text: string, values: unknown[] = []) => {
        const ids = values.flatMap(value => (Array.isArray(value) ? value : []))
        if (/\bprevious\b/.test(text) && unreadable.some(id => ids.includes(id))) throw new Error('Query read timeout')
        return tx.query(text, values)
      }) as Tx['query'],
    })
    const db = guard(store.db)
    return { ...db, transaction: body => store.db.transaction(tx => body(guard(tx))) }
  }

  const statuses = async () =>
    Object.fromEntries(
      (await store.rows(`select concat_ws(' ', status, last_error) as what, count(*)::int as n from deliveries group by 1`)).map(r => [
        r.what,
        r.n,
      ]),
    )

  test('are relayed a few at a time where a `when` must see them, and all of them', async () => {
    await given(LARGE, SMALL)
    const batches: number[] = []
    for (let full = true; full; ) {
      const done = await relayBatch(store.db, queue, plan(), 500, new Set())
      batches.push(done!.events)
      full = done!.full
    }
    // The second exceeds the portion, and is the last of its batch; the small ones are far below it.
    expect(batches).toEqual([2, 2, 2, 2, 500, 100])
    expect(await statuses()).toEqual({ pending: LARGE + SMALL })
    expect(await store.rows('select from outbox')).toHaveLength(0)
    const order = await store.rows<{ event: string }>('select event from deliveries order by seq')
    expect(order.map(row => row.event)).toEqual(Array.from({ length: LARGE + SMALL }, (_, i) => eventId(i + 1)))
  })

  test('are relayed unread where no `when` asks', async () => {
    await given(LARGE, 10)
    const done = await relayBatch(failing(...Array.from({ length: LARGE }, (_, i) => eventId(i + 1))), queue, plan(false), 500, new Set())
    expect(done).toMatchObject({ events: LARGE + 10, full: false })
    expect(await statuses()).toEqual({ pending: LARGE + 10 })
  })

  /** Runs a relay until it has nothing more to do. */
  async function relayed(db: Database): Promise<string[]> {
    const warnings: string[] = []
    const governor = { busy: () => false, turn: async () => {} }
    const relay = openRelay({
      db,
      queue,
      governor,
      plan: () => plan(),
      hungry: () => true,
      relayed: () => {},
      warn: (message, fields) => void warnings.push(`${message} ${fields?.event ?? ''}`.trim()),
    })
    relay.wake()
    for (const end = Date.now() + 30_000; Date.now() < end && (await store.rows('select from outbox limit 1')).length > 0; )
      await new Promise(done => setTimeout(done, 20))
    await relay.close()
    return warnings
  }

  test('an event that cannot be read has a dead delivery, and the others are relayed', async () => {
    await given(0, 30)
    const warnings = await relayed(failing(eventId(12)))
    expect(await statuses()).toEqual({ pending: 29, 'dead EVENT_UNREADABLE': 1 })
    expect(await store.rows(`select event from deliveries where status = 'dead'`)).toEqual([{ event: eventId(12) }])
    expect(warnings.filter(text => !text.startsWith('events could not be relayed'))).toEqual([
      `an event cannot be read; whatever it would have been delivered to has a dead delivery of it ${eventId(12)}`,
    ])
  })

  test('a store that fails on everything for a while costs no event', async () => {
    await given(0, 30)
    let failures = 12
    const flaky: Database = {
      ...store.db,
      transaction: body => (failures-- > 0 ? Promise.reject(new Error('Connection terminated unexpectedly')) : store.db.transaction(body)),
    }
    await relayed(flaky)
    expect(await statuses()).toEqual({ pending: 30 })
  })

  /** Takes everything that a lane would, one after the other, and how many were at hand at most. */
  async function taken(db: Database, wanted: number): Promise<{ events: string[]; most: number; warnings: string[] }> {
    const events: string[] = []
    const warnings: string[] = []
    let most = 0
    const finished = Promise.withResolvers<void>()
    const look = (claims: Claims) => {
      most = Math.max(most, claims.size())
      for (let one = claims.take(); one; one = claims.take()) events.push(one.claimed.id)
      if (events.length >= wanted) finished.resolve()
      else claims.refill(64)
    }
    const claims: Claims = openClaims({
      name: 'to',
      db,
      queue,
      batch: 64,
      refilled: () => look(claims),
      warn: (message, fields) => void warnings.push(`${message} ${fields?.event ?? ''}`.trim()),
    })
    claims.refill(64)
    await finished.promise
    await claims.stop()
    return { events, most, warnings }
  }

  test('are claimed together and read a few at a time', async () => {
    await given(LARGE, 0)
    await relayBatch(store.db, queue, plan(false), 500, new Set())
    const { events, most } = await taken(store.db, LARGE)
    expect(events).toEqual(Array.from({ length: LARGE }, (_, i) => eventId(i + 1)))
    expect(most).toBe(2)
  })

  test('what is claimed and not yet read is given back when the lane ends', async () => {
    await given(LARGE, 0)
    await relayBatch(store.db, queue, plan(false), 500, new Set())
    const first = await taken(store.db, 1)
    expect(first.events).toHaveLength(2)
    const { events } = await taken(store.db, LARGE - 2)
    expect(events).toEqual(Array.from({ length: LARGE - 2 }, (_, i) => eventId(i + 3)))
  })

  test('a claimed delivery whose event cannot be read is dead, and the others go', async () => {
    await given(0, 20)
    await relayBatch(store.db, queue, plan(false), 500, new Set())
    const { events, warnings } = await taken(failing(eventId(7)), 19)
    expect(events).toEqual(Array.from({ length: 20 }, (_, i) => eventId(i + 1)).filter(id => id !== eventId(7)))
    expect(warnings).toContain(`a delivery is dead: its event cannot be read ${eventId(7)}`)
    expect(await statuses()).toEqual({ pending: 19, 'dead EVENT_UNREADABLE': 1 })
    const jobs = await store.rows(`select from postern_queue.job where data->>'delivery' = $1`, [deliveryId(eventId(7), 'to')])
    expect(jobs).toHaveLength(0)
  })

  test('records come in short pages, each once and in order, and small ones in full pages', async () => {
    await store.db.query(
      `insert into records (entity, id, data, webhook, origin, exchange, created_at, updated_at)
       select 'thing', 'r' || lpad(n::text, 3, '0'), case when n <= $1 then data else '{}' end, 'w', 'x', 'x', now(), now()
       from big, generate_series(1, $1::int + 100) n`,
      [LARGE],
    )
    const pages: number[] = []
    const found: string[] = []
    for (let after: string | null = ''; after !== null; ) {
      const page: Awaited<ReturnType<typeof listRecords>> = await listRecords(store.db, 'thing', { limit: 50, after })
      pages.push(page.data.length)
      found.push(...page.data.map(({ id, data }) => `${id} ${(data.a as unknown[] | undefined)?.length ?? 0}`))
      after = page.next
    }
    expect(pages).toEqual([2, 2, 2, 2, 50, 50])
    expect(found).toEqual(Array.from({ length: LARGE + 100 }, (_, i) => `r${String(i + 1).padStart(3, '0')} ${i < LARGE ? NUMBERS : 0}`))
  })

  test('an entity without records is an empty page', async () => {
    expect(await listRecords(store.db, 'nothing', { limit: 50 })).toEqual({ data: [], next: null })
  })
})
