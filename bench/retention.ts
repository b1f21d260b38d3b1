/** What the deletion of old rows costs the requests that come meanwhile, and what a round costs that finds nothing to delete. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { openRetention } from '#core/store/retention.ts'
import { migrateDatabase, openBackground, openDatabase } from '#core/store/store.ts'
import { encodeTime } from '#core/ulid.ts'
import { count, database, gateway, here, load, median, server } from './ground.ts'
import { cpuOfTree } from './proc.ts'

const ROWS = 300_000
const KEYS = 1_000_000
const TABLES = ['requests', 'deliveries', 'attempts', 'events', 'idempotency_keys']
const DAY = 86_400_000
/** Of the knee: what a gateway does that is not at its end. */
const SHARE = 0.4
/** Seconds after its start at which a gateway deletes for the first time. */
const FIRST = 60

export async function retention({ seconds, rounds }: { seconds: number; rounds: number }): Promise<void> {
  const rate = await knee()
  const p99: Record<'clean' | 'full', number[]> = { clean: [], full: [] }
  let gone = 0
  for (let round = 0; round < rounds; round++) {
    for (const name of ['clean', 'full'] as const) {
      const url = await prepared()
      if (name === 'full') await sql(url, OLD)
      await sql(url, 'vacuum analyze')
      const before = await count(url, TABLES)
      p99[name].push(...(await beside(url, rate, Math.max(20, seconds))))
      // Those of the load are new, and the retention must not have touched them.
      if (name === 'full') gone = ROWS * TABLES.length - (await remaining(url))
      if (before.some(n => n !== (name === 'full' ? ROWS : 0))) throw new Error(`seeded ${before.join(', ')}`)
    }
  }
  const [clean, full] = [median(p99.clean), median(p99.full)]
  console.log('\n| retention | measured |\n|---|---|')
  console.log(`| p99 at ${rate}/s with nothing old | ${clean.toFixed(1)} ms |`)
  console.log(
    `| p99 while ${gone.toLocaleString('en')} of ${(ROWS * TABLES.length).toLocaleString('en')} old rows go | ${full.toFixed(1)} ms: ${(full / clean).toFixed(2)} times |`,
  )
  const { clock, postgres } = await sweep()
  console.log(
    `| a round over ${KEYS.toLocaleString('en')} keys that are all alive | ${clock.toFixed(0)} ms of statements, ${postgres.toFixed(0)} ms of Postgres' CPU |`,
  )
}

async function sql(url: string, ...texts: string[]): Promise<any[]> {
  const client = new pg.Client(url)
  await client.connect()
  let rows: any[] = []
  for (const text of texts) rows = (await client.query(text)).rows
  await client.end()
  return rows
}

async function prepared(): Promise<string> {
  const url = await database('retention')
  const db = await openDatabase(url)
  await migrateDatabase(db, 1000)
  await db.close()
  return url
}

/** Requests a second that the gateway takes at 64 connections, for a share of it. */
async function knee(): Promise<number> {
  const url = await database('retention')
  return gateway('postern.yaml', url, {}, async port => Math.round((await load(port, '/hook', 64, 4, 60_000)).perSecond * SHARE))
}

/** The p99 of each second of a steady load, from the moment at which the gateway begins to delete. */
function beside(url: string, rate: number, seconds: number): Promise<number[]> {
  return gateway('postern.yaml', url, {}, async port => {
    await sleep((FIRST - 4) * 1000)
    const words = [`${here}/steady.ts`, `${port}`, '/hook', `${rate}`, `${seconds + 4}`]
    const sender = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] })
    const times: number[] = []
    let wrong = 0
    createInterface({ input: sender.stdout }).on('line', line => {
      const told = JSON.parse(line) as { p99: number; other: number }
      times.push(told.p99)
      wrong += told.other
    })
    await once(sender, 'close')
    if (wrong > 0) throw new Error(`${wrong} requests were answered as they should not have been`)
    return times.slice(5, -1)
  })
}

const month = Date.now() - 40 * DAY
const idOf = (prefix: string) => `'${prefix}${encodeTime(month)}' || lpad(i::text, 16, '0')`
const OLD = `
insert into events (id, type, webhook, entity, record_id, data, variables, created_at)
select ${idOf('evt_')}, 'record.created', 'full', 'sale', i::text, jsonb_build_object('id', i, 'note', repeat('n', 200)), '{}', to_timestamp(${month / 1000})
from generate_series(1, ${ROWS}) i;
insert into deliveries (id, event, destination, subscription, type, webhook, entity, record_id, seq, status, attempts, created_at, updated_at)
select ${idOf('dlv_')}, ${idOf('evt_')}, 'd' || i % 10, 's', 'record.created', 'full', 'sale', i::text, i, 'delivered', 1, to_timestamp(${month / 1000}), to_timestamp(${month / 1000})
from generate_series(1, ${ROWS}) i;
insert into attempts (delivery, attempt, at, duration, status) select ${idOf('dlv_')}, 1, to_timestamp(${month / 1000}), 5, 200 from generate_series(1, ${ROWS}) i;
insert into requests (id, webhook, received_at, method, path, query, headers, body, encoded, size, ip, outcome, status, steps, slots, duration)
select ${idOf('')}, 'full', to_timestamp(${month / 1000}), 'POST', '/hook', '', '{}', repeat('b', 300), false, 300, '127.0.0.1', 'accepted', 201, '[]', '{}', 1
from generate_series(1, ${ROWS}) i;
insert into idempotency_keys (webhook, key, fingerprint, exchange, entity, record_id, fields_updated, expires_at)
select 'full', md5(i::text), repeat('f', 64), 'x' || i, 'sale', i::text, 4, now() - interval '2 hours' from generate_series(1, ${ROWS}) i;`

/** Old rows that are still there. */
async function remaining(url: string): Promise<number> {
  const [row] = await sql(
    url,
    `select (select count(*) from events where id < 'evt_${encodeTime(month + DAY)}') + (select count(*) from deliveries) + (select count(*) from attempts)
      + (select count(*) from requests where id < '${encodeTime(month + DAY)}') + (select count(*) from idempotency_keys where expires_at < now()) as n`,
  )
  return Number(row?.n)
}

/** A whole round over keys of which none has ended. */
async function sweep(): Promise<{ clock: number; postgres: number }> {
  const url = await prepared()
  await sql(
    url,
    `insert into idempotency_keys (webhook, key, fingerprint, exchange, entity, record_id, fields_updated, expires_at)
     select 'hook-' || i % 10, md5(i::text), repeat('f', 64), 'x' || i, 'sale', i::text, 4, now() + interval '24 hours' from generate_series(1, ${KEYS}) i`,
    'vacuum analyze idempotency_keys',
  )
  const db = await openDatabase(url)
  const background = openBackground(url, db)
  let clock = 0
  const timed: typeof background = {
    ...background,
    async transaction(work) {
      const began = performance.now()
      const result = await background.transaction(work)
      clock += performance.now() - began
      return result
    },
  }
  const age = 1000 * DAY
  const before = cpuOfTree(server.pid)
  const round = openRetention(timed, {
    keep: () => ({ events: age, deliveries: age, requests: age }),
    now: Date.now,
    busy: () => false,
    warn: message => process.stderr.write(`${message}\n`),
  })
  await round.run()
  await round.close()
  const postgres = (cpuOfTree(server.pid) - before) * 1000
  await background.close()
  await db.close()
  return { clock, postgres }
}
