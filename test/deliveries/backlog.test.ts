/** A backlog larger than one batch: put in line when its destination becomes ordered, and counted for operators. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import type { Config } from '#core/config/config.ts'
import { operations } from '#core/outbox/operate.ts'
import { installQueue, openQueue, type Queue } from '#core/outbox/queue.ts'
import { sweep } from '#core/outbox/sweep.ts'
import { type Opened, onEveryStore } from '../store/open.ts'

setDefaultTimeout(60_000)

onEveryStore('a backlog', fresh => {
  let store: Opened
  let queue: Queue
  beforeAll(async () => {
    store = await fresh()
    await installQueue(store.db)
    queue = await openQueue(store.db, () => {})
    await queue.open('d')
    // 60 records of 45 deliveries each; those of other destinations and without a record are nobody's business here.
    await store.db.query(
      `insert into deliveries (id, event, destination, subscription, type, webhook, entity, record_id, seq, status, created_at, updated_at)
       select 'dlv_' || g, 'evt_' || g, case when g % 2800 = 2799 then 'other' else 'd' end, 's', 'record.created', 'w', case when g < 2700 then 'thing' end,
         case when g < 2700 then 'r' || g % 60 end, g, 'pending', now(), now() from generate_series(0, 2799) g`,
    )
    // Of r1 the first is dead; of r2 and r3 the first ones are done, and the second of r3 waits for nothing.
    await store.db.query(`update deliveries set status = 'dead' where id = 'dlv_1'`)
    await store.db.query(`update deliveries set status = 'delivered' where id in ('dlv_2', 'dlv_3')`)
    await store.db.query(`update deliveries set status = 'waiting' where record_id = 'r3' and status = 'pending'`)
  })
  afterAll(async () => {
    await queue.close()
    await store.close()
  })

  const statuses = async () =>
    Object.fromEntries(
      (await store.rows(`select status, count(*)::int as n from deliveries where destination = 'd' group by status`)).map(r => [
        r.status,
        r.n,
      ]),
    )
  const counted = async () => {
    const config = { destinations: new Map([['idle', { ordered: false }]]) } as unknown as Config
    const control = operations({ db: store.db, queue, config: () => config, circuit: () => undefined, changed: async () => {} })
    return (await control.states()).map(({ name, declared, pending, waiting, dead }) => ({ name, declared, pending, waiting, dead }))
  }

  test('is counted by status', async () => {
    await store.db.query(`insert into destinations (name) values ('d'), ('other')`)
    expect(await counted()).toEqual([
      { name: 'd', declared: false, pending: 2752, waiting: 44, dead: 1 },
      { name: 'idle', declared: true, pending: 0, waiting: 0, dead: 0 },
      { name: 'other', declared: false, pending: 1, waiting: 0, dead: 0 },
    ])
  })

  test('stands in line when its destination is ordered: of each record the first alone is due', async () => {
    await sweep(store.db, queue, { name: 'd', ordered: true })
    // Without a record there is no order: 99 of them stay as they are.
    expect(await statuses()).toEqual({ pending: 59 + 99, waiting: 58 * 44 + 2 * 43, dead: 1, delivered: 2 })
    const due = await store.rows(
      `select id from deliveries where status = 'pending' and record_id in ('r0', 'r1', 'r2', 'r3') order by seq`,
    )
    expect(due.map(row => row.id)).toEqual(['dlv_0', 'dlv_62', 'dlv_63'])
    await sweep(store.db, queue, { name: 'd', ordered: true })
    expect(await statuses()).toMatchObject({ pending: 59 + 99, dead: 1 })
  })

  test('is due as a whole when its destination is ordered no more', async () => {
    await sweep(store.db, queue, { name: 'd', ordered: false })
    expect(await statuses()).toEqual({ pending: 2796, dead: 1, delivered: 2 })
  })
})
