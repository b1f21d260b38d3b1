/** Deliveries: how many, how soon, and what they cost the intake. */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { installQueue, openQueue } from '#core/outbox/queue.ts'
import { migrateDatabase, openBackground, openDatabase } from '#core/store/store.ts'
import { count, database, equal, gateway, here, load, median, type Stats, withSink } from './ground.ts'

const BACKLOG = 1_000_000
const CLAIM = 100

interface Options {
  seconds: number
  rounds: number
}

/** Prints each figure beside its aim. */
export async function deliveries(options: Options): Promise<void> {
  console.log('| deliveries | aim | measured |\n|---|---|---|')
  const line = (what: string, aim: string, measured: string) => console.log(`| ${what} | ${aim} | ${measured} |`)
  line('to a loopback sink', 'at least 3,000/s', `${Math.round(await rate(options))}/s`)
  const { without, listening, sent } = await intakeBeside(options)
  const share = `${Math.round((100 * listening) / without)}% (${Math.round(listening)}/s of ${Math.round(without)}/s, ${Math.round(sent)}/s delivered meanwhile)`
  line('intake with a subscriber, 64 connections', 'at least 85% of that without', share)
  const soon = await latency()
  line('from acknowledgement to delivery, idle', 'p50 below 20 ms', `p50 ${soon.p50.toFixed(1)} ms, p99 ${soon.p99.toFixed(1)} ms`)
  const { empty, full } = await claims()
  const claimed = `${full.toFixed(1)} ms against ${empty.toFixed(1)} ms: ${(full / empty).toFixed(2)} times`
  line(`claiming ${CLAIM} of ${BACKLOG.toLocaleString('en')} against ${CLAIM} of ${CLAIM}`, 'at most 2 times', claimed)
  const { calm, hanging } = await fairness()
  const delay = `p50 ${hanging.p50.toFixed(0)} against ${calm.p50.toFixed(0)} ms, p99 ${hanging.p99.toFixed(0)} against ${calm.p99.toFixed(0)} ms`
  line('90 destinations beside 10 that hang, against 100 that do not', 'no delay', delay)
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise(done => setTimeout(done, 100))
}

async function sql(url: string, ...texts: string[]): Promise<any[]> {
  const client = new pg.Client(url)
  await client.connect()
  let rows: any[] = []
  for (const text of texts) rows = (await client.query(text)).rows
  await client.end()
  return rows
}

async function prepared(name: string): Promise<string> {
  const url = await database(name)
  const db = await openDatabase(url)
  await migrateDatabase(db, 1000)
  await installQueue(db)
  await db.close()
  return url
}

/** Events that lie in the outbox at the start, sent as fast as it can. */
async function rate({ seconds, rounds }: Options): Promise<number> {
  const rates: number[] = []
  for (let round = 0; round < rounds; round++) {
    const url = await prepared('rate')
    const n = 4000 * seconds
    await sql(
      url,
      `insert into events (id, type, webhook, entity, record_id, data, variables, created_at)
       select 'evt_' || lpad(i::text, 26, '0'), 'record.created', 'plain', 'sale', i::text,
         '{"id":"x","region":"north","sales":12,"goal":14,"note":"${'n'.repeat(150)}"}', '{}', now() from generate_series(1, ${n}) i`,
      "insert into outbox (event, plan) select id, 'seeded' from events order by id",
      'analyze',
    )
    await withSink((sink, stats) =>
      gateway('deliveries.yaml', url, { SINK: sink }, async () => {
        await until(async () => (await stats())['/sink']?.n === n)
        const { first, last } = (await stats())['/sink'] as Stats[string]
        rates.push((n / (last - first)) * 1000)
        const written = [`deliveries where status = 'delivered'`, 'attempts', 'events']
        await until(async () => (await count(url, written)).every(k => k === n))
      }),
    )
  }
  return median(rates)
}

/** The same chain with and without somebody who listens, in turn. */
async function intakeBeside({ seconds, rounds }: Options) {
  const listening: number[] = []
  const without: number[] = []
  const sent: number[] = []
  for (let round = 0; round < rounds; round++) {
    for (const heard of round % 2 === 0 ? [true, false] : [false, true]) {
      const url = await database('beside')
      await withSink((sink, stats) =>
        gateway(heard ? 'deliveries.yaml' : unheard(), url, { SINK: sink }, async port => {
          const result = await load(port, '/hook', 64, seconds, 40_000 * seconds)
          if (heard) sent.push(((await stats())['/sink']?.n ?? 0) / seconds)
          equal(await count(url, ['idempotency_keys', 'records', 'events']), result.acknowledged)
          ;(heard ? listening : without).push(result.perSecond)
        }),
      )
    }
  }
  return { listening: median(listening), without: median(without), sent: median(sent) }
}

/** The same configuration without its subscription. */
function unheard(): string {
  const text = readFileSync(join(here, 'deliveries.yaml'), 'utf8')
  return written(text.slice(0, text.indexOf('subscriptions:')))
}

function written(text: string): string {
  const file = join(mkdtempSync(join(tmpdir(), 'postern-bench-')), 'postern.yaml')
  writeFileSync(file, text)
  return file
}

/** One request at a time, with a pause after each. */
async function latency(): Promise<{ p50: number; p99: number }> {
  const url = await database('latency')
  return withSink((sink, stats) =>
    gateway('deliveries.yaml', url, { SINK: sink }, async port => {
      const acknowledged = new Map<string, number>()
      for (let i = 0; i < 200; i++) {
        const response = await fetch(`http://127.0.0.1:${port}/plain`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ id: `x${i}` }),
        })
        await response.text()
        acknowledged.set(`x${i}`, performance.timeOrigin + performance.now())
        await new Promise(done => setTimeout(done, 25))
      }
      await until(async () => (await stats())['/sink']?.n === 200)
      const events = new Map((await sql(url, 'select id, record_id from events')).map(row => [row.id, row.record_id]))
      const times = ((await stats())['/sink']?.at ?? []).map(([id, at]) => at - (acknowledged.get(events.get(id)) ?? Number.NaN))
      return quantiles(times)
    }),
  )
}

function quantiles(times: readonly number[]): { p50: number; p99: number } {
  const all = [...times].sort((a, b) => a - b)
  return { p50: all[Math.floor(all.length / 2)] ?? Number.NaN, p99: all[Math.floor(all.length * 0.99)] ?? Number.NaN }
}

/** The claim of a batch, with nothing else in the queue and with a million. */
async function claims(): Promise<{ empty: number; full: number }> {
  const url = await prepared('claims')
  const db = await openDatabase(url)
  const background = openBackground(url, db)
  const queue = await openQueue(background, message => process.stderr.write(`${message}\n`))
  await queue.open('sink')
  const fill = (n: number) =>
    sql(
      url,
      `insert into postern_queue.job (name, data, state, retry_limit, keep_until, policy)
       select 'to/sink', jsonb_build_object('delivery', 'dlv_' || i), 'created', 1000000, now() + interval '1 year', 'standard'
       from generate_series(1, ${n}) i`,
    )
  const once = async () => {
    const start = performance.now()
    const jobs = await queue.claim('sink', CLAIM)
    const took = performance.now() - start
    if (jobs.length !== CLAIM) throw new Error(`claimed ${jobs.length}`)
    await background.transaction(tx => queue.remove(tx, 'sink', jobs))
    return took
  }
  const times = async (before: () => Promise<unknown>) => {
    const all: number[] = []
    for (let i = 0; i < 30; i++) {
      await before()
      all.push(await once())
    }
    return median(all)
  }
  const empty = await times(() => fill(CLAIM))
  await fill(BACKLOG)
  await sql(url, 'analyze')
  const full = await times(async () => {})
  await queue.close()
  await background.close()
  await db.close()
  return { empty, full }
}

/** A hundred destinations of one event, ten of which hang or none. */
async function fairness() {
  const measure = async (hanging: number) => {
    const url = await database('fairness')
    const names = Array.from({ length: 100 }, (_, i) => `d${i}`)
    const text = readFileSync(join(here, 'deliveries.yaml'), 'utf8')
    const config = `${text.slice(0, text.indexOf('subscriptions:'))}
subscriptions: { all: { webhooks: [plain], to: [${names}] } }
destinations:
${names.map((name, i) => `  ${name}: { url: "\${SINK}/${i < hanging ? 'hang' : 'd'}${i}", allowPrivate: true, timeout: 60s }`).join('\n')}\n`
    return withSink((sink, stats) =>
      gateway(written(config), url, { SINK: sink }, async port => {
        const sent: number[] = []
        for (let i = 0; i < 50; i++) {
          sent.push(performance.timeOrigin + performance.now())
          const body = JSON.stringify({ id: `x${i}` })
          await fetch(`http://127.0.0.1:${port}/plain`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
          await new Promise(done => setTimeout(done, 200))
        }
        const good = names.slice(10).map(name => `/${name}`)
        await until(async () => {
          const now = await stats()
          return good.every(path => now[path]?.n === 50)
        })
        const at = await stats()
        const order = (await sql(url, 'select id from events order by id')).map(row => row.id as string)
        return quantiles(good.flatMap(path => (at[path]?.at ?? []).map(([id, time]) => time - (sent[order.indexOf(id)] ?? Number.NaN))))
      }),
    )
  }
  return { calm: await measure(0), hanging: await measure(10) }
}
