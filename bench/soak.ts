/**
 * The soak: a steady load for minutes, with new, repeated and refused requests and deliveries to a receiver, while the gateway is
 * looked at from outside. It fails when descriptors or memory grow after the warm-up, or when the tables do not add up at the end.
 *
 *   npm run soak -- [--minutes 10] [--share 0.4] [--every 5] [--slope 60] [--config FILE]
 */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import pg from 'pg'
import { count, database, end, equal, gateway, here, load, withSink } from './ground.ts'
import { cpuOf, descriptorsOf, rssOf } from './proc.ts'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    /** Of what the gateway does at its knee. */
    share: { type: 'string', default: '0.4' },
    every: { type: 'string', default: '5' },
    /** MB an hour that memory may grow. */
    slope: { type: 'string', default: '60' },
  },
})
const seconds = Number(values.minutes) * 60
const every = Number(values.every)

interface Row {
  at: number
  rss: number
  heap: number
  descriptors: number
  /** Milliseconds that a request waits which asks for nothing. */
  lag: number
  p99: number
  cpu: number
}

interface Told {
  p99: number
  all: { new: number; again: number; wrong: number; other: number }
}

const MB = 1e6
/** Nobody's memory is level from the first second: the compiler, pools and caches come first. */
const WARM = Math.min(Math.max(60, seconds / 4), seconds / 2)

const url = await database('soak')
const failures: string[] = []
await withSink((sink, stats) =>
  gateway('deliveries.yaml', url, { SINK: sink }, async (port, pid, adminPort) => {
    // What it does at most beside its deliveries; the seconds of it are part of the warm-up.
    const knee = await load(port, '/hook', 64, 5, 50_000)
    const rate = Math.round(knee.perSecond * Number(values.share))
    console.log(`${Math.round(knee.perSecond)}/s at 64 connections; ${rate}/s for ${values.minutes} minutes\n`)
    console.log('| s | RSS, MB | heap, MB | descriptors | lag, ms | p99, ms | CPU, % |\n|---|---|---|---|---|---|---|')
    const sender = spawn(process.execPath, [`${here}/steady.ts`, `${port}`, '/hook', `${rate}`, `${seconds}`], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let told: Told | undefined
    let worst = 0
    createInterface({ input: sender.stdout }).on('line', line => {
      told = JSON.parse(line) as Told
      worst = Math.max(worst, told.p99)
    })
    let over = false
    const gone = new Promise<void>(done => sender.once('close', () => done())).then(() => (over = true))
    const rows: Row[] = []
    const began = performance.now()
    let cpu = cpuOf(pid)
    while (!over) {
      await Promise.race([sleep(every * 1000), gone])
      const used = cpuOf(pid)
      const row: Row = {
        at: (performance.now() - began) / 1000,
        rss: rssOf(pid) / MB,
        heap: (await metric(adminPort, 'nodejs_heap_size_used_bytes')) / MB,
        descriptors: descriptorsOf(pid),
        lag: await lag(port),
        p99: worst,
        cpu: ((used - cpu) / every) * 100,
      }
      cpu = used
      worst = 0
      if (over) break
      rows.push(row)
      const cells = [
        row.at.toFixed(0),
        row.rss.toFixed(1),
        row.heap.toFixed(1),
        row.descriptors,
        row.lag.toFixed(1),
        row.p99.toFixed(1),
        row.cpu.toFixed(0),
      ]
      console.log(`| ${cells.join(' | ')} |`)
    }
    const warm = rows.filter(({ at }) => at >= WARM)
    const perHour = (of: (row: Row) => number) => slope(warm.map(row => [row.at, of(row)])) * 3600
    const grown = perHour(row => row.rss)
    console.log(
      `\nafter ${WARM.toFixed(0)} s: RSS ${grown.toFixed(1)} MB/h, heap ${perHour(row => row.heap).toFixed(1)} MB/h, descriptors ${perHour(row => row.descriptors).toFixed(1)}/h`,
    )
    // A slope over two minutes says little by itself: the first and the last third must differ by more than a collection does.
    const [first, last] = [third(warm, 0), third(warm, 2)]
    if (grown > Number(values.slope) && last.rss - first.rss > 15)
      failures.push(`memory grew from ${first.rss.toFixed(0)} to ${last.rss.toFixed(0)} MB, ${grown.toFixed(0)} MB/h`)
    if (last.descriptors - first.descriptors > 4) failures.push(`descriptors grew from ${first.descriptors} to ${last.descriptors}`)

    const { all } = told as Told
    console.log(`${all.new} accepted, ${all.again} replayed, ${all.wrong} refused, ${all.other} otherwise`)
    if (all.other > 0) failures.push(`${all.other} requests were answered as they should not have been`)
    const committed = knee.acknowledged + all.new
    equal(await count(url, ['idempotency_keys', 'records', 'events']), committed)
    await drained()
    const delivered = (await stats())['/sink']?.n ?? 0
    console.log(`${delivered} delivered of ${committed} events`)
    if (delivered < committed) failures.push(`only ${delivered} of ${committed} events were delivered`)
    console.log(`descriptors at rest: ${descriptorsOf(pid)}; RSS at rest: ${(rssOf(pid) / MB).toFixed(1)} MB`)
  }),
)
for (const failure of failures) console.log(`FAILED: ${failure}`)
await end()
process.exit(failures.length > 0 ? 1 : 0)

/** Waits until no event is left to be sent. */
async function drained(): Promise<void> {
  const client = new pg.Client(url)
  await client.connect()
  const open = `select (select count(*) from outbox) + (select count(*) from deliveries where status <> 'delivered') as n`
  while (Number((await client.query(open)).rows[0].n) > 0) await sleep(500)
  await client.end()
}

/** The second longest of ten questions that need no more than the event loop. */
async function lag(port: number): Promise<number> {
  const times: number[] = []
  for (let i = 0; i < 10; i++) {
    const sent = performance.now()
    await (await fetch(`http://127.0.0.1:${port}/livez`)).text()
    times.push(performance.now() - sent)
  }
  return times.sort((a, b) => a - b)[8] as number
}

async function metric(port: number, name: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1])
}

function third(rows: readonly Row[], which: 0 | 2): { rss: number; descriptors: number } {
  const size = Math.ceil(rows.length / 3)
  const part = which === 0 ? rows.slice(0, size) : rows.slice(-size)
  const middle = (of: (row: Row) => number) => part.map(of).sort((a, b) => a - b)[Math.floor((part.length - 1) / 2)] ?? 0
  return { rss: middle(row => row.rss), descriptors: middle(row => row.descriptors) }
}

/** The middle of the slopes between any two points: one collection of garbage more or less does not turn it. */
function slope(points: readonly (readonly [number, number])[]): number {
  const all = points.flatMap(([x, y], i) => points.slice(i + 1).map(([later, then]) => (then - y) / (later - x)))
  return all.sort((a, b) => a - b)[Math.floor(all.length / 2)] ?? Number.NaN
}
