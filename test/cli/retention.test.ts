/** A gateway at work that ends what is old: in small steps, with rests, and without its senders noticing. */
import { expect, setDefaultTimeout, test } from 'bun:test'
import { join } from 'node:path'
import { borrowDatabase, migrateDatabase, openDatabase } from '#core/store/store.ts'
import { encodeTime } from '#core/ulid.ts'
import { available } from '../support/available.ts'
import { folder } from '../support/child.ts'
import { freshDatabase, postgres } from '../support/postgres.ts'
import { type Gateway, gateway, type Runtime, runtimes } from '../support/process.ts'
import { until } from './running.ts'

setDefaultTimeout(90_000)

const config = `version: 1
server: { port: "\${PORT}", host: 127.0.0.1, drainDelay: 0s }
store: { url: "\${DATABASE_URL}" }
admin: { port: "\${ADMIN_PORT}" }
retention: { events: 5m, deliveries: 5m, requests: 5m }
webhooks:
  orders:
    path: /orders
    capture: { last: 0 }
    chain: [{ auth-none: { reason: for the test } }, idempotency, { upsert: { entity: order } }, dispatch]
`

const HOUR = 3_600_000
const YEAR = 365 * 24 * HOUR
/** Rows that are due in each table; a few beside them are not. */
const DUE = { requests: 4000, deliveries: 3000, attempts: 3000, events: 5000, idempotency_keys: 5000, audit: 1000 }
const YOUNG = 10
/** Rows that one statement may take of a table. */
const SMALL = 500
/** Milliseconds that a statement takes at least, as on a slow disk: so many of them fit in a stretch of work. */
const SLOW = 20
const LONGEST_STRETCH = 400
/** Milliseconds that a rest is, at least; the gateway rests for 1,000. */
const REST = 900
/** Milliseconds between two requests, and for the slowest: a sender notices nothing, and a busy machine may. */
const PACE = 20
const SLOWEST = 1500

type Rows = (text: string, values?: unknown[]) => Promise<Record<string, any>[]>

/** Each makes so many rows of an age: the ids of most begin with their time. */
const inserts: Record<keyof typeof DUE, string> = {
  requests: `insert into requests (id, webhook, received_at, method, path, query, headers, body, encoded, size, ip, outcome, status, steps, slots, duration)
    select $2 || lpad(n::text, 16, '0'), 'w', $3, 'POST', '/', '', '{}', '', false, 0, '', 'accepted', 201, '[]', '{}', 1 from generate_series(1, $1::int) n`,
  deliveries: `insert into deliveries (id, event, destination, subscription, type, webhook, entity, record_id, seq, status, created_at, updated_at)
    select 'dlv_' || $2 || lpad(n::text, 16, '0'), 'evt_' || n, 'd', 's', 'record.created', 'w', 'e', n::text, n, 'delivered', $3, $3 from generate_series(1, $1::int) n`,
  attempts: `insert into attempts (delivery, attempt, at, duration)
    select 'dlv_' || $2 || lpad(n::text, 16, '0'), 1, $3, 1 from generate_series(1, $1::int) n`,
  events: `insert into events (id, type, webhook, data, variables, created_at)
    select 'evt_' || $2 || lpad(n::text, 16, '0'), 'record.created', 'w', '{}', '{}', $3 from generate_series(1, $1::int) n`,
  idempotency_keys: `insert into idempotency_keys (webhook, key, fingerprint, exchange, fields_updated, expires_at)
    select 'w', $2 || n, 'f', 'x', 0, $3 from generate_series(1, $1::int) n`,
  audit: `insert into audit (id, at, actor, action, target, details)
    select $2 || lpad(n::text, 16, '0'), $3, 'cli', 'a', 't', '{}' from generate_series(1, $1::int) n`,
}
const tables = Object.keys(inserts) as (keyof typeof DUE)[]

/** What is due, and some of each that is not. */
async function fill(rows: Rows): Promise<void> {
  const now = Date.now()
  for (const table of tables) {
    const old = now - (table === 'audit' ? YEAR + HOUR : HOUR)
    const young = table === 'idempotency_keys' ? now + HOUR : now
    for (const [n, at] of [
      [DUE[table], old],
      [YOUNG, young],
    ] as const)
      await rows(inserts[table], [n, encodeTime(at), new Date(at).toISOString()])
  }
}

/** Each statement that deletes from one of the tables leaves a note, and takes its time. */
async function watch(rows: Rows): Promise<void> {
  await rows(`create table notes (at double precision, tx text, source text, n int)`)
  await rows(`create function note() returns trigger language plpgsql as $$ begin
    if exists (select from gone) then
      insert into notes select extract(epoch from clock_timestamp()) * 1000, txid_current()::text, tg_table_name, count(*) from gone;
      perform pg_sleep(${SLOW / 1000});
    end if;
    return null;
  end $$`)
  for (const table of tables)
    await rows(`create trigger noted after delete on ${table} referencing old table as gone for each statement execute function note()`)
}

/** Sends at an even pace until it is told to stop; gives what was answered. */
function steadily(running: Gateway) {
  const answers: Promise<{ status: number; ms: number }>[] = []
  const one = async (n: number) => {
    const began = performance.now()
    const headers = { 'content-type': 'application/json', 'x-idempotency-key': `steady-${n}` }
    const response = await fetch(`${running.url}/orders`, { method: 'POST', headers, body: JSON.stringify({ n }) })
    await response.arrayBuffer()
    return { status: response.status, ms: performance.now() - began }
  }
  const timer = setInterval(() => answers.push(one(answers.length)), PACE)
  return async () => {
    clearInterval(timer)
    return Promise.all(answers)
  }
}

interface Note {
  at: number
  tx: string
  source: keyof typeof DUE
  n: number
}

/** The transactions of each stretch of work, between two rests. */
function stretches(notes: readonly Note[]): string[][] {
  const all: Set<string>[] = []
  for (const [i, { at, tx }] of notes.entries()) {
    const before = notes[i - 1]
    if (!before || at - before.at >= REST) all.push(new Set())
    all.at(-1)?.add(tx)
  }
  return all.map(stretch => [...stretch])
}

async function ends(runtime: Runtime, url: string): Promise<void> {
  const prepared = await openDatabase(url)
  await migrateDatabase(prepared, 10_000)
  await watch((text, values) => prepared.query(text, values))
  await fill((text, values) => prepared.query(text, values))
  await prepared.close()

  const running = await gateway({ runtime, config, env: { DATABASE_URL: url }, preload: join(import.meta.dirname, 'hurried.ts') })
  // The embedded store is asked through the gateway.
  const db = await borrowDatabase(url)
  const stop = steadily(running)
  try {
    const gone = async () =>
      Object.fromEntries((await db.query('select source, sum(n)::int as n from notes group by 1')).map(row => [row.source, row.n]))
    const all = (seen: Record<string, number>, times: number) => tables.every(table => (seen[table] ?? 0) >= DUE[table] * times)
    expect(await until(gone, seen => all(seen, 1), 40_000)).toEqual(DUE)
    const notes = await db.query<Note>('select at, tx, source, n from notes order by at')
    expect(Math.max(...notes.map(({ n }) => n))).toBeLessThanOrEqual(SMALL)
    const work = stretches(notes)
    expect(Math.max(...work.map(({ length }) => length * SLOW))).toBeLessThanOrEqual(LONGEST_STRETCH)
    expect(work.length).toBeGreaterThanOrEqual(3)

    // The round after it is as good.
    await db.query(inserts.requests, [YOUNG, encodeTime(Date.now() - HOUR), new Date().toISOString()])
    const requests = async () => (await gone()).requests
    expect(await until(requests, n => n === DUE.requests + YOUNG, 20_000)).toBe(DUE.requests + YOUNG)

    const answers = await stop()
    expect(answers.filter(({ status }) => status !== 201)).toEqual([])
    expect(Math.max(...answers.map(({ ms }) => ms))).toBeLessThan(SLOWEST)
    // What is young is there still, and what came meanwhile.
    const [left] = await db.query(
      `select ${tables.map(table => `(select count(*)::int from ${table}) as ${table}`).join()}, (select count(*)::int from records) as records`,
    )
    const came = { events: answers.length, idempotency_keys: answers.length }
    const kept = Object.fromEntries(tables.map(table => [table, YOUNG + (came[table as keyof typeof came] ?? 0)]))
    expect(left).toEqual({ ...kept, records: answers.length })
  } finally {
    await stop()
    await db.close()
    running.kill()
    await running.exited
  }
}

const onPostgres = await available('Postgres', postgres)

onPostgres('what is old is deleted beside a steady load', () => {
  test.each(runtimes)('from Postgres, on %s', async runtime => ends(runtime, (await freshDatabase()).url))
})

test('what is old is deleted beside a steady load from the embedded store', () => ends('bun', `pglite://${join(folder(), 'data')}`))
