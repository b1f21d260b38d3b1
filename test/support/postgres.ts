/** Postgres servers for tests: one that all tests of a process share, and throwaway ones for faults and benchmarks. */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, closeSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { beside, binary } from './binary.ts'
import { atEnd, child, folder, freePort } from './child.ts'

const run = promisify(execFile)

/** How a server stops: `smart` waits for its clients, `fast` ends them, `immediate` is a crash of all processes, `kill` one of the first. */
export type StopMode = 'smart' | 'fast' | 'immediate' | 'kill'

const signals = { smart: 'SIGTERM', fast: 'SIGINT', immediate: 'SIGQUIT', kill: 'SIGKILL' } as const

/** A server of one's own. */
export interface PostgresServer {
  readonly url: string
  readonly dataDir: string
  /** Of the present postmaster. */
  readonly pid: number
  /** Resolves when the server is gone. */
  stop(mode?: StopMode): Promise<void>
  /** Stops the server if it runs, and resolves when it is ready again, on the same port. */
  restart(mode?: StopMode): Promise<void>
}

let shared: Promise<string> | undefined

/** URL of a running server: `DATABASE_URL`, or one that is started at the first call and ends with this process. */
export function postgres(): Promise<string> {
  shared ??= process.env.DATABASE_URL ? Promise.resolve(process.env.DATABASE_URL) : postgresServer().then(server => server.url)
  return shared
}

let count = 0

/** A new, empty database on the shared server. */
export async function freshDatabase(): Promise<{ url: string; drop(): Promise<void> }> {
  const server = await postgres()
  const name = `postern_test_${process.pid}_${Date.now().toString(36)}_${++count}`
  await query(server, `create database ${name}`)
  const url = new URL(server)
  url.pathname = `/${name}`
  const drop = () => query(server, `drop database if exists ${name} with (force)`)
  if (process.env.DATABASE_URL) atEnd(drop) // a server of our own goes as a whole
  return { url: url.href, drop }
}

async function query(url: string, text: string): Promise<void> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    await client.query(text)
  } finally {
    await client.end()
  }
}

/** Starts a throwaway server, durable as in production; `settings` are those of postgresql.conf. */
export async function postgresServer({ settings = {} }: { settings?: Record<string, string | number> } = {}): Promise<PostgresServer> {
  const program = await binary(['postgres'], debianFolders, 'postgresql')
  const home = folder()
  const dataDir = join(home, 'data')
  const user = await unprivileged()
  if (user) chownSync(home, user.uid, user.gid)

  const locale = { LC_ALL: 'C', PATH: process.env.PATH }
  const initdb = ['-D', dataDir, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-sync']
  await run(beside(program, 'initdb'), initdb, { ...user, env: locale })

  const port = await freePort()
  const all = { port, listen_addresses: '127.0.0.1', unix_socket_directories: home, max_connections: 200, ...settings }
  const args = ['-D', dataDir, ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])]
  const log = join(home, 'log')

  const start = async () => {
    const out = openSync(log, 'a')
    const server = child(program, args, { ...user, env: locale, stdio: ['ignore', out, out], orphaned: 'QUIT' })
    server.unref()
    closeSync(out)
    const deadline = Date.now() + 20_000
    while (!ready(dataDir, server.pid)) {
      if (server.exitCode !== null || Date.now() > deadline) {
        server.kill('SIGQUIT')
        throw new Error(`Postgres did not start:\n${readFileSync(log, 'utf8')}`)
      }
      await new Promise(done => setTimeout(done, 10))
    }
    return server
  }

  let server = await start()
  const stop = async (mode: StopMode = 'fast') => {
    if (server.exitCode !== null || server.signalCode !== null) return
    const gone = once(server, 'exit')
    server.kill(signals[mode])
    await gone
  }
  return {
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    dataDir,
    get pid() {
      return server.pid as number
    },
    stop,
    async restart(mode) {
      await stop(mode)
      // After `kill`, the processes left behind hold the shared memory for a moment more.
      server = await start().catch(() => new Promise(done => setTimeout(done, 500)).then(start))
    },
  }
}

/** The last line of the lock file tells the state; after a crash it is still there, with the former process. */
function ready(dataDir: string, pid: number | undefined): boolean {
  try {
    const lines = readFileSync(join(dataDir, 'postmaster.pid'), 'utf8').split('\n')
    return Number(lines[0]) === pid && lines[7]?.trim() === 'ready'
  } catch {
    return false
  }
}

/** Postgres refuses to run as root. */
async function unprivileged(): Promise<{ uid: number; gid: number } | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const id = async (flag: string, name: string) => Number((await run('id', [flag, name])).stdout)
  const name = await run('id', ['postgres']).then(
    () => 'postgres',
    () => 'nobody',
  )
  return { uid: await id('-u', name), gid: await id('-g', name) }
}

/** Debian keeps the programs off the PATH; the newest first. */
export function debianFolders(): string[] {
  try {
    const versions = readdirSync('/usr/lib/postgresql').sort((a, b) => Number(b) - Number(a))
    return versions.map(version => `/usr/lib/postgresql/${version}/bin`)
  } catch {
    return []
  }
}
