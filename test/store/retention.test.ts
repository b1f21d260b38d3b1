/** What is kept for a time, and what outlives its time because something still needs it. */
import { expect, test } from 'bun:test'
import { openRetention } from '#core/store/retention.ts'
import { encodeTime } from '#core/ulid.ts'
import { type Opened, onEveryStore, T0 } from './open.ts'

const DAY = 86_400_000
const keep = { events: 30 * DAY, deliveries: 20 * DAY, requests: 7 * DAY, idempotency: 0 }
const id = (at: number, n = 0) => encodeTime(at) + `${n}`.padStart(16, '0')
const seconds = (at: number) => at / 1000

async function event(store: Opened, at: number, n = 0) {
  await store.rows(
    `insert into events (id, type, webhook, data, variables, created_at) values ($1, 'record.created', 'w', '{}', '{}', to_timestamp($2))`,
    [`evt_${id(at, n)}`, seconds(at)],
  )
  return `evt_${id(at, n)}`
}

async function delivery(store: Opened, of: string, status: string, updated: number, record = 'r') {
  const own = `dlv_${of.slice(4)}_${status}`
  await store.rows(
    `insert into deliveries (id, event, destination, subscription, type, webhook, entity, record_id, seq, status, created_at, updated_at)
     values ($1, $2, 'd', 's', 'record.created', 'w', 'e', $3, 1, $4, to_timestamp($5), to_timestamp($5))`,
    [own, of, record, status, seconds(updated)],
  )
  await store.rows('insert into attempts (delivery, attempt, at, duration) values ($1, 1, now(), 1)', [own])
  return own
}

onEveryStore('retention', fresh => {
  const open = (store: Opened, more: { busy?: () => boolean; batch?: number } = {}, kept = keep) =>
    openRetention(store.db, { keep: () => kept, now: () => T0, busy: () => false, warn: () => {}, batch: 2, ...more })
  const ids = async (store: Opened, table: string) => (await store.rows(`select id from ${table} order by id`)).map(r => r.id)

  test('samples and audit rows end by their age, in as many batches as it takes', async () => {
    const store = await fresh()
    const young = id(T0 - 7 * DAY + 1)
    for (let n = 0; n < 5; n++) await sample(store, id(T0 - 8 * DAY, n))
    await sample(store, young)
    for (const at of [T0 - 366 * DAY, T0 - 364 * DAY])
      await store.rows(`insert into audit (id, at, actor, action, target, details) values ($1, now(), 'cli', 'a', 't', '{}')`, [id(at)])
    expect(await open(store).run()).toMatchObject({ requests: 5, audit: 1 })
    expect(await ids(store, 'requests')).toEqual([young])
    expect(await ids(store, 'audit')).toEqual([id(T0 - 364 * DAY)])
    await store.close()
  })

  test('deliveries that are done end with their attempts; open ones stay, and what they wait behind', async () => {
    const store = await fresh()
    const old = T0 - 25 * DAY
    const rows: [string, number, string][] = [
      ['delivered', old, 'r1'],
      ['dead', old, 'r2'],
      ['cancelled', old, 'r3'],
      ['pending', old, 'r4'],
      ['dead', old, 'r5'],
      ['waiting', old, 'r5'],
      ['delivered', T0 - DAY, 'r6'],
    ]
    const made: string[] = []
    for (const [n, [status, at, record]] of rows.entries()) made.push(await delivery(store, await event(store, old, n), status, at, record))
    expect(await open(store).run()).toMatchObject({ deliveries: 3 })
    expect(await ids(store, 'deliveries')).toEqual(made.slice(3))
    expect((await store.rows('select delivery from attempts order by 1')).map(r => r.delivery)).toEqual(made.slice(3))
    await store.close()
  })

  test('events stay while a delivery of theirs is open, or nobody has relayed them', async () => {
    const store = await fresh()
    const old = T0 - 31 * DAY
    const made: string[] = []
    for (let n = 0; n < 6; n++) made.push(await event(store, old, n))
    const [gone, dead, pending, waiting, unrelayed, alsoGone] = made as [string, string, string, string, string, string]
    await delivery(store, dead, 'dead', old, 'x')
    await delivery(store, pending, 'pending', old)
    await delivery(store, waiting, 'waiting', old)
    await store.rows('insert into outbox (event, plan) values ($1, $2)', [unrelayed, 'any'])
    const young = await event(store, T0 - 29 * DAY)
    expect(await open(store).run()).toMatchObject({ events: 3, deliveries: 1 })
    expect(await ids(store, 'events')).toEqual([pending, waiting, unrelayed, young])
    expect([gone, dead, alsoGone]).toHaveLength(3)
    await store.close()
  })

  test.each([
    ['a minute', 0, ['1', '3']],
    ['a minute, however short the setting', 1000, ['1', '3']],
    ['as long as the setting says', 2 * DAY, ['0', '1', '2', '3', '4']],
  ])('idempotency keys end %s after their time', async (_, idempotency, left) => {
    const store = await fresh()
    for (const [n, expires] of [T0 - 61_000, T0 - 59_000, T0 - DAY, T0 + 1, T0 - DAY].entries())
      await store.rows(
        `insert into idempotency_keys (webhook, key, fingerprint, exchange, fields_updated, expires_at) values ($1, $2, 'f', 'x', 0, to_timestamp($3))`,
        [n < 3 ? 'a' : 'b', `${n}`, seconds(expires)],
      )
    expect(await open(store, {}, { ...keep, idempotency }).run()).toMatchObject({ idempotency_keys: 5 - left.length })
    expect((await store.rows('select key from idempotency_keys order by key')).map(r => r.key)).toEqual(left)
    await store.close()
  })

  test('left to itself it takes small steps, also over what stays', async () => {
    const store = await fresh()
    const old = T0 - 31 * DAY
    const ids = (prefix: string) => `'${prefix}${id(old).slice(0, 10)}' || lpad(n::text, 16, '0')`
    await store.rows(`insert into events (id, type, webhook, data, variables, created_at)
      select ${ids('evt_')}, 'record.created', 'w', '{}', '{}', now() from generate_series(1, 1200) n`)
    await store.rows(`insert into deliveries (id, event, destination, subscription, type, webhook, entity, record_id, seq, status, created_at, updated_at)
      select ${ids('dlv_')}, ${ids('evt_')}, 'd', 's', 'record.created', 'w', 'e', n::text, n, 'pending', now(), now() from generate_series(1, 1200) n`)
    const looked: number[] = []
    const watched: Opened['db'] = {
      ...store.db,
      transaction: body =>
        store.db.transaction(tx =>
          body({
            async query(text, values) {
              const rows = await tx.query<any>(text, values)
              if (rows[0]?.looked > 0) looked.push(rows[0].looked)
              return rows
            },
          }),
        ),
    }
    const retention = openRetention(watched, { keep: () => keep, now: () => T0, busy: () => false, warn: () => {} })
    expect(await retention.run()).toMatchObject({ deliveries: 0, events: 0 })
    await retention.close()
    expect(looked).toEqual([500, 500, 200, 500, 500, 200])
    await store.close()
  })

  test('it stands back while requests wait for their commit', async () => {
    const store = await fresh()
    await sample(store, id(T0 - 8 * DAY))
    let asked = 0
    const done = await open(store, { busy: () => ++asked < 5 }).run()
    expect(asked).toBeGreaterThanOrEqual(5)
    expect(done).toMatchObject({ requests: 1 })
    await store.close()
  })

  test('only one replica is at it', async () => {
    const store = await fresh()
    if (store.db.kind === 'postgres') {
      await sample(store, id(T0 - 8 * DAY))
      await store.db.transaction(async tx => {
        await tx.query(`select pg_advisory_xact_lock(hashtextextended('postern retention', 0))`)
        expect(await open(store).run()).toEqual({})
      })
      expect(await open(store).run()).toMatchObject({ requests: 1 })
    }
    await store.close()
  })
})

async function sample(store: Opened, own: string) {
  await store.rows(
    `insert into requests (id, webhook, received_at, method, path, query, headers, body, encoded, size, ip, outcome, status, steps, slots, duration)
     values ($1, 'w', now(), 'POST', '/', '', '{}', '', false, 0, '', 'accepted', 201, '[]', '{}', 1)`,
    [own],
  )
}
