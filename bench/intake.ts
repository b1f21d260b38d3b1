/** The intake against its rivals, in turn. After each run the tables are counted and must equal the acknowledgements. */
import { join } from 'node:path'
import pg from 'pg'
import { beside, binary } from '../test/support/binary.ts'
import { debianFolders } from '../test/support/postgres.ts'
import { costed, count, database, equal, gateway, here, load, median, type Result, run, server, whileRunning } from './ground.ts'
import { cpuOfTree } from './proc.ts'

let seconds = 8
/** Requests that are signed beforehand: more would not fit into memory, and what is missing is signed on the way. */
const MOST_PREPARED = 400_000

const node = process.env.npm_node_execpath ?? 'node'

async function fastify(connections: number): Promise<Result> {
  const url = await database('rival')
  return whileRunning(node, [join(here, 'rivals/fastify.mjs'), url], {}, undefined, async (port, pid) => {
    const result = await costed(pid, () => load(port, '/hook', connections, seconds, Math.min(MOST_PREPARED, 6000 * seconds)))
    equal(await count(url, ['keys', 'records', 'outbox']), result.acknowledged)
    return result
  })
}

async function postern(connections: number, path: string): Promise<Result> {
  const url = await database('postern')
  return gateway('postern.yaml', url, {}, async (port, pid) => {
    const prepared = Math.min(MOST_PREPARED, connections === 1 ? 3000 * seconds : 40_000 * seconds)
    const result = await costed(pid, () => load(port, path, connections, seconds, prepared))
    if (path === '/hook') equal(await count(url, ['idempotency_keys', 'records', 'events']), result.acknowledged)
    return result
  })
}

async function pgbench(connections: number): Promise<Result> {
  const url = await database('statement')
  const client = new pg.Client(url)
  await client.connect()
  await client.query(`create table keys (key text primary key, record_id text not null, created_at timestamptz not null default now());
    create table records (id text primary key, data jsonb not null, updated_at timestamptz not null default now());
    create table outbox (id bigserial primary key, type text not null, record_id text not null, data jsonb not null)`)
  await client.end()
  const program = beside(await binary(['postgres'], debianFolders, 'postgresql'), 'pgbench')
  const args = [
    '-n',
    '-M',
    'prepared',
    '-f',
    join(here, 'rivals/statement.sql'),
    '-c',
    String(connections),
    '-j',
    '1',
    '-T',
    String(seconds),
    '-l',
  ]
  const logs = `${server.dataDir}/../pgbench`
  const before = cpuOfTree(server.pid)
  const { stdout } = await run(program, [...args, `--log-prefix=${logs}`, url])
  const used = cpuOfTree(server.pid) - before
  const perSecond = Number(/tps = ([\d.]+)/.exec(stdout)?.[1])
  const acknowledged = Number(/actually processed: (\d+)/.exec(stdout)?.[1])
  const { stdout: lines } = await run('sh', ['-c', `cat ${logs}.* | awk '{print $3}' | sort -n; rm -f ${logs}.*`], { maxBuffer: 1e9 })
  const times = lines
    .trimEnd()
    .split('\n')
    .map(us => Number(us) / 1000)
  const at = (p: number) => times[Math.floor((times.length - 1) * p)] ?? 0
  return { acknowledged, refused: 0, perSecond, p50: at(0.5), p99: at(0.99), postgres: (used * 1e6) / acknowledged }
}

const contenders: Record<string, (connections: number) => Promise<Result>> = {
  fastify,
  pgbench,
  postern: connections => postern(connections, '/hook'),
  'chain-alone': connections => postern(connections, '/chain-alone'),
}

/** A minute and more at the knee, with what each request costs; the first and the last third show whether it lasts. */
export async function sustained(options: { seconds: number; rounds: number }): Promise<void> {
  seconds = options.seconds
  console.log('| contender | requests/s | first third | last third | p99, ms | gateway, µs CPU | Postgres, µs CPU | load, µs CPU |')
  console.log('|---|---|---|---|---|---|---|---|')
  for (const [name, measure] of Object.entries(contenders)) {
    const results: Result[] = []
    for (let round = 0; round < options.rounds; round++) results.push(await measure(64))
    const middle = (of: (result: Result) => number | undefined) => median(results.map(of).filter(value => value !== undefined))
    const part = (from: number, to: number) => (result: Result) => {
      const { eachSecond = [] } = result
      const some = eachSecond.slice(Math.floor(seconds * from), Math.floor(seconds * to))
      return some.length > 0 ? some.reduce((sum, n) => sum + (n ?? 0), 0) / some.length : undefined
    }
    const shown = (value: number, digits = 0) => (Number.isNaN(value) ? '' : value.toFixed(digits))
    const cells = [
      shown(middle(r => r.perSecond)),
      shown(middle(part(0, 1 / 3))),
      shown(middle(part(2 / 3, 1))),
      shown(
        middle(r => r.p99),
        1,
      ),
      ...(['own', 'postgres', 'cost'] as const).map(key => shown(middle(r => r[key]))),
    ]
    console.log(`| ${name} | ${cells.join(' | ')} |`)
  }
}

/** Prints a table, and the ratios. */
export async function intake(options: { seconds: number; rounds: number; only: string }): Promise<void> {
  const results = new Map<string, Result[]>()
  seconds = options.seconds
  for (let round = 1; round <= options.rounds; round++) {
    for (const connections of [1, 64, 256]) {
      for (const [name, measure] of Object.entries(contenders)) {
        if (!name.includes(options.only) || (connections === 1 && name === 'pgbench')) continue
        const result = await measure(connections)
        if (result.refused > 0) throw new Error(`${name} refused ${result.refused} requests`)
        const key = `${name} ${connections}`
        results.set(key, [...(results.get(key) ?? []), result])
        process.stderr.write(
          `round ${round}  ${key.padEnd(18)} ${Math.round(result.perSecond)}/s  p50 ${result.p50.toFixed(2)} ms  p99 ${result.p99.toFixed(1)} ms\n`,
        )
      }
    }
  }

  const middle = (key: string, of: 'perSecond' | 'p50' | 'p99') => median((results.get(key) ?? []).map(r => r[of]))
  console.log('| contender | connections | requests/s | p50, ms | p99, ms |\n|---|---|---|---|---|')
  for (const key of results.keys()) {
    const [name, connections] = key.split(' ')
    console.log(
      `| ${name} | ${connections} | ${Math.round(middle(key, 'perSecond'))} | ${middle(key, 'p50').toFixed(2)} | ${middle(key, 'p99').toFixed(1)} |`,
    )
  }
  const ratio = (a: string, b: string, of: 'perSecond' | 'p50') => (middle(a, of) / middle(b, of)).toFixed(2)
  console.log(
    `\nat 256 connections: ${ratio('postern 256', 'fastify 256', 'perSecond')} times fastify, ${ratio('postern 256', 'pgbench 256', 'perSecond')} times pgbench`,
  )
  console.log(`one idle request: ${ratio('postern 1', 'fastify 1', 'p50')} times fastify's p50`)
}
