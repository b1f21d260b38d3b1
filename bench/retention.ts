/** What the deletion of old rows costs the requests that come meanwhile, and what a round costs that finds nothing to delete. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import pg from 'pg'
import { openRetention, type Retention } from '#core/store/retention.ts'
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
/** Seconds for which it is deleted, and for which it is not, in turn: what else the machine does meets both alike. */
const TURN = 4

export async function retention({ seconds, rounds }: { seconds: number; rounds: number }): Promise<void> {
  const rate = await knee()
  const p99: Record<'quiet' | 'deleting', number[]> = { quiet: [], deleting: [] }
  let gone = 0
  let time = 0
  for (let round = 0; round < rounds; round++) {
    const url = await prepared()
    await sql(url, OLD, 'vacuum analyze', 'checkpoint')
    if ((await count(url, TABLES)).some(n => n !== ROWS)) throw new Error('the old rows are not there')
    const told = await inTurn(url, rate, Math.max(5 * TURN * 2, seconds))
    p99.quiet.push(...told.quiet)
    p99.deleting.push(...told.deleting)
    gone += ROWS * TABLES.length - (await remaining(url))
    time += (told.deleting.length * TURN) / (TURN - 1)
  }
  const [quiet, deleting] = [median(p99.quiet), median(p99.deleting)]
  console.log('\n| retention | measured |\n|---|---|')
  console.log(`| p99 at ${rate}/s, the middle of the seconds without deletion | ${quiet.toFixed(1)} ms |`)
  console.log(`| p99 in the seconds with it | ${deleting.toFixed(1)} ms: ${(deleting / quiet).toFixed(2)} times |`)
  console.log(`| old rows that went meanwhile | ${gone.toLocaleString('en')}, ${Math.round(gone / time).toLocaleString('en')}/s |`)
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

/** The p99 of each second of a steady load, by what the retention did in it; of a turn's first second nothing is said. */
function inTurn(url: string, rate: number, seconds: number): Promise<Record<'quiet' | 'deleting', number[]>> {
  return gateway('postern.yaml', url, {}, async port => {
    const background = openBackground(url, await openDatabase(url))
    const sender = spawn(process.execPath, [`${here}/steady.ts`, `${port}`, '/hook', `${rate}`, `${seconds + TURN}`], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const times: Record<'quiet' | 'deleting', number[]> = { quiet: [], deleting: [] }
    let wrong = 0
    let second = 0
    let running: Retention | undefined
    let ended: Promise<unknown> = Promise.resolve()
    createInterface({ input: sender.stdout }).on('line', line => {
      const told = JSON.parse(line) as { p99: number; other: number }
      wrong += told.other
      const turn = Math.floor(second / TURN)
      // The first turn is for the compiler.
      if (turn > 0 && second % TURN > 0) times[turn % 2 === 1 ? 'quiet' : 'deleting'].push(told.p99)
      second++
      if (second % TURN > 0) return
      const old = running
      running = undefined
      ended = Promise.all([ended, old?.close()])
      if (Math.floor(second / TURN) % 2 === 1 || Math.floor(second / TURN) === 0) return
      // As if requests always waited for their commit: it then stands back for as long as it ever does.
      running = openRetention(background, { keep: () => KEEP, now: Date.now, busy: () => true, warn: message => console.error(message) })
      ended = Promise.all([ended, running.run()])
    })
    await once(sender, 'close')
    await running?.close()
    await ended
    await background.close()
    if (wrong > 0) throw new Error(`${wrong} requests were answered as they should not have been`)
    return times
  })
}

const KEEP = { events: 30 * DAY, deliveries: 30 * DAY, requests: 7 * DAY, idempotency: 0 }
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
    keep: () => ({ events: age, deliveries: age, requests: age, idempotency: 0 }),
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
