/**
 * `npm run bench`: Postern against its rivals, in turn, on one throwaway Postgres with fsync on. After each run the tables are
 * counted and must equal the acknowledgements.
 *
 *   npm run bench -- [--seconds 8] [--rounds 3] [--only postern]
 */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs, promisify } from 'node:util'
import pg from 'pg'
import { beside, binary } from '../test/support/binary.ts'
import { postgresServer } from '../test/support/postgres.ts'
import { BEARER, SIGNING_KEY } from './request.ts'

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '8' }, rounds: { type: 'string', default: '3' }, only: { type: 'string', default: '' } },
})
const seconds = Number(values.seconds)
const here = import.meta.dirname
const root = join(here, '..')
const run = promisify(execFile)
const env = { ...process.env, BEARER, SIGNING_KEY }

interface Result {
  acknowledged: number
  refused: number
  perSecond: number
  p50: number
  p99: number
}

const server = await postgresServer({ settings: { max_connections: 400 } })
const admin = new pg.Client(server.url)
await admin.connect()
const results = new Map<string, Result[]>()
let rounds = 0

/** A database of its own for each contender and run, so that none inherits another's tables. */
async function database(name: string): Promise<string> {
  await admin.query(`drop database if exists ${name} with (force)`)
  await admin.query(`create database ${name}`)
  const url = new URL(server.url)
  url.pathname = `/${name}`
  return url.href
}

async function count(url: string, tables: readonly string[]): Promise<number[]> {
  const client = new pg.Client(url)
  await client.connect()
  const rows = await Promise.all(tables.map(table => client.query(`select count(*)::int as n from ${table}`)))
  await client.end()
  return rows.map(r => r.rows[0].n)
}

async function load(port: number, path: string, connections: number, time: number, prepared: number): Promise<Result> {
  const args = [join(here, 'load.ts'), port, path, connections, time, `r${++rounds}`, prepared].map(String)
  const { stdout } = await run(process.execPath, args, { maxBuffer: 1e7 })
  return JSON.parse(stdout)
}

/** Starts a contender, which prints its port or answers on the one it was given, and stops it afterwards. */
async function whileRunning<T>(
  command: string,
  args: string[],
  more: NodeJS.ProcessEnv,
  port: number | undefined,
  work: (port: number) => Promise<T>,
): Promise<T> {
  const child = spawn(command, args, { env: { ...env, ...more }, cwd: root, stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    const [line] = await once(createInterface({ input: child.stdout }), 'line')
    return await work(port ?? Number(line))
  } finally {
    child.kill('SIGTERM')
    if (child.exitCode === null) await once(child, 'exit')
  }
}

function freePort(): Promise<number> {
  return new Promise(done => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number }
      probe.close(() => done(port))
    })
  })
}

const node = process.env.npm_node_execpath ?? 'node'

async function fastify(connections: number): Promise<Result> {
  const url = await database('rival')
  return whileRunning(node, [join(here, 'rivals/fastify.mjs'), url], {}, undefined, async port => {
    const result = await load(port, '/hook', connections, seconds, 6000 * seconds)
    equal(await count(url, ['keys', 'records', 'outbox']), result.acknowledged)
    return result
  })
}

async function postern(connections: number, path: string): Promise<Result> {
  const url = await database('postern')
  const port = await freePort()
  const args = ['main.ts', 'serve', '--config', join(here, 'postern.yaml')]
  return whileRunning(process.execPath, args, { PORT: String(port), DATABASE_URL: url, LOG_LEVEL: 'warn' }, port, async () => {
    const result = await load(port, path, connections, seconds, connections === 1 ? 3000 * seconds : 40_000 * seconds)
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
  const program = beside(await binary(['postgres'], () => [], 'postgresql'), 'pgbench')
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
  const { stdout } = await run(program, [...args, `--log-prefix=${logs}`, url])
  const perSecond = Number(/tps = ([\d.]+)/.exec(stdout)?.[1])
  const acknowledged = Number(/actually processed: (\d+)/.exec(stdout)?.[1])
  const { stdout: lines } = await run('sh', ['-c', `cat ${logs}.* | awk '{print $3}' | sort -n; rm -f ${logs}.*`], { maxBuffer: 1e9 })
  const times = lines
    .trimEnd()
    .split('\n')
    .map(us => Number(us) / 1000)
  const at = (p: number) => times[Math.floor((times.length - 1) * p)] ?? 0
  return { acknowledged, refused: 0, perSecond, p50: at(0.5), p99: at(0.99) }
}

function equal(counts: readonly number[], acknowledged: number) {
  if (counts.some(n => n !== acknowledged)) throw new Error(`acknowledged ${acknowledged}, but the tables hold ${counts.join(', ')}`)
}

const contenders: Record<string, (connections: number) => Promise<Result>> = {
  fastify,
  pgbench,
  postern: connections => postern(connections, '/hook'),
  'chain-alone': connections => postern(connections, '/chain-alone'),
}
for (let round = 1; round <= Number(values.rounds); round++) {
  for (const connections of [1, 64, 256]) {
    for (const [name, measure] of Object.entries(contenders)) {
      if (!name.includes(values.only) || (connections === 1 && name === 'pgbench')) continue
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
await admin.end()
await server.stop()

const median = (key: string, of: keyof Result) => {
  const all = (results.get(key) ?? []).map(r => r[of]).sort((a, b) => a - b)
  return all[Math.floor((all.length - 1) / 2)] ?? Number.NaN
}
console.log(`\n${cpus().length} cores, ${cpus()[0]?.model}; ${seconds} s a run, median of ${values.rounds}\n`)
console.log('| contender | connections | requests/s | p50, ms | p99, ms |\n|---|---|---|---|---|')
for (const key of results.keys()) {
  const [name, connections] = key.split(' ')
  console.log(
    `| ${name} | ${connections} | ${Math.round(median(key, 'perSecond'))} | ${median(key, 'p50').toFixed(2)} | ${median(key, 'p99').toFixed(1)} |`,
  )
}
const ratio = (a: string, b: string, of: keyof Result) => (median(a, of) / median(b, of)).toFixed(2)
console.log(
  `\nat 256 connections: ${ratio('postern 256', 'fastify 256', 'perSecond')} times fastify, ${ratio('postern 256', 'pgbench 256', 'perSecond')} times pgbench`,
)
console.log(`one idle request: ${ratio('postern 1', 'fastify 1', 'p50')} times fastify's p50`)
process.exit()
