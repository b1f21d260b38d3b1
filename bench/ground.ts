/** What the benchmarks stand on: one throwaway Postgres with fsync on, a database for each run, and processes that are measured. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import pg from 'pg'
import { postgresServer } from '../test/support/postgres.ts'
import { cpuOfTree } from './proc.ts'
import { BEARER, SIGNING_KEY } from './request.ts'

export const here = import.meta.dirname
export const root = join(here, '..')
export const run = promisify(execFile)
export const environment = { ...process.env, BEARER, SIGNING_KEY }

export interface Result {
  acknowledged: number
  refused: number
  perSecond: number
  p50: number
  p99: number
  /** What the load itself took, microseconds of CPU a request. */
  cost?: number
  /** What the contender and Postgres took of it. */
  own?: number
  postgres?: number
  /** Acknowledged in each second. */
  eachSecond?: number[]
}

/** Segments of its log that Postgres keeps for reuse: those of half a minute at full load. */
const SEGMENTS = 64
export const server = await postgresServer({ settings: { max_connections: 400, min_wal_size: `${SEGMENTS * 16}MB` } })
const admin = new pg.Client(server.url)
await admin.connect()
// A server that has run for a while writes into used segments of its log; a new one makes each of them first, and whoever commits
// meanwhile waits 60 ms.
for (let i = 0; i < SEGMENTS; i++) await admin.query("select pg_logical_emit_message(true, 'bench', ''), pg_switch_wal()")
await admin.query('checkpoint')
let rounds = 0

/** A database of its own for each contender and run, so that none inherits another's tables. */
export async function database(name: string): Promise<string> {
  await admin.query(`drop database if exists ${name} with (force)`)
  await admin.query(`create database ${name}`)
  const url = new URL(server.url)
  url.pathname = `/${name}`
  return url.href
}

export async function count(url: string, tables: readonly string[]): Promise<number[]> {
  const client = new pg.Client(url)
  await client.connect()
  const rows = []
  for (const table of tables) rows.push(await client.query(`select count(*)::int as n from ${table}`))
  await client.end()
  return rows.map(r => r.rows[0].n)
}

export async function load(port: number, path: string, connections: number, time: number, prepared: number): Promise<Result> {
  const args = [join(here, 'load.ts'), port, path, connections, time, `r${++rounds}`, prepared].map(String)
  const { stdout } = await run(process.execPath, args, { maxBuffer: 1e7 })
  return JSON.parse(stdout)
}

/** The same, with the CPU that a contender and Postgres took meanwhile. */
export async function costed(pid: number, work: () => Promise<Result>): Promise<Result> {
  const before = [cpuOfTree(pid), cpuOfTree(server.pid)] as const
  const result = await work()
  const of = (now: number, then: number) => ((now - then) * 1e6) / (result.acknowledged + result.refused)
  return { ...result, own: of(cpuOfTree(pid), before[0]), postgres: of(cpuOfTree(server.pid), before[1]) }
}

/** Starts a contender, which prints its port or answers on the one it was given, and stops it afterwards. */
export async function whileRunning<T>(
  command: string,
  args: string[],
  more: NodeJS.ProcessEnv,
  port: number | undefined,
  work: (port: number, pid: number) => Promise<T>,
): Promise<T> {
  const child = spawn(command, args, { env: { ...environment, ...more }, cwd: root, stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    const [line] = await once(createInterface({ input: child.stdout }), 'line')
    return await work(port ?? Number(line), child.pid as number)
  } finally {
    child.kill('SIGTERM')
    if (child.exitCode === null) await once(child, 'exit')
  }
}

export function freePort(): Promise<number> {
  return new Promise(done => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number }
      probe.close(() => done(port))
    })
  })
}

/** Throws when a table does not hold what it must. */
export function equal(counts: readonly number[], acknowledged: number) {
  if (counts.some(n => n !== acknowledged)) throw new Error(`acknowledged ${acknowledged}, but the tables hold ${counts.join(', ')}`)
}

/** The middle one. */
export function median(values: readonly number[]): number {
  const all = [...values].sort((x, y) => x - y)
  return all[Math.floor((all.length - 1) / 2)] ?? Number.NaN
}

/** Runs a gateway on a configuration of this folder. */
export async function gateway<T>(
  config: string,
  url: string,
  more: NodeJS.ProcessEnv,
  work: (port: number, pid: number, adminPort: number) => Promise<T>,
  words: readonly string[] = [],
): Promise<T> {
  const port = await freePort()
  const adminPort = await freePort()
  const args = ['main.ts', 'serve', '--config', resolve(here, config), ...words]
  const env = { PORT: String(port), ADMIN_PORT: String(adminPort), DATABASE_URL: url, LOG_LEVEL: 'warn', ...more }
  return whileRunning(process.execPath, args, env, port, (port, pid) => work(port, pid, adminPort))
}

/** What the receiver tells, by path. */
export type Stats = Record<string, { n: number; first: number; last: number; at: [string, number][] }>

/** Runs a receiver. */
export async function withSink<T>(work: (url: string, stats: () => Promise<Stats>) => Promise<T>): Promise<T> {
  return whileRunning(process.execPath, [join(here, 'sink.ts')], {}, undefined, port => {
    const url = `http://127.0.0.1:${port}`
    return work(url, async () => (await (await fetch(`${url}/stats`)).json()) as Stats)
  })
}

export async function end(): Promise<void> {
  await admin.end()
  await server.stop()
}
