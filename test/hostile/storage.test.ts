/** A Postgres that answers and takes nothing: a full disk, read-only, no connection left. Nothing acknowledged is lost, `/readyz` tells it, and it ends by itself. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { chownSync, closeSync, mkdirSync, openSync, rmSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { available } from '../support/available.ts'
import { Unavailable } from '../support/binary.ts'
import { atEnd, folder } from '../support/child.ts'
import { type PostgresServer, postgresServer } from '../support/postgres.ts'
import { runtimes } from '../support/process.ts'
import { ask, authorization, type Opened, open } from './fixture.ts'
import { clean, judge, type Load, load, until } from './oracle.ts'

/** Milliseconds: the request's eight seconds, and what a busy machine adds. */
const LONGEST = 8700
/** Milliseconds from the end of a fault, within which all is well again. */
const RECOVERY = 5000
/** Megabytes of the small disk: what two gateways write in some seconds fits in well. */
const DISK = 96

/** A disk that can be full without anybody else's being so: only root may make one. */
async function smallDisk(): Promise<{ path: string; fill(): void; free(): void }> {
  const path = folder()
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK}m`, 'tmpfs', path], { stdio: 'ignore' })
  } catch {
    throw new Unavailable('a file system may not be mounted here')
  }
  atEnd(async () => void execFileSync('umount', ['-l', path]))
  const filler = join(path, 'filler')
  return {
    path,
    fill() {
      const file = openSync(filler, 'w')
      try {
        for (const block = Buffer.alloc(8192); ; ) writeSync(file, block)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
      } finally {
        closeSync(file)
      }
    },
    free: () => rmSync(filler),
  }
}

interface Stage {
  server: PostgresServer
  root: ReturnType<typeof ask>
  /** Databases of two gateways that run under load at the same time. */
  gateways: Opened[]
  databases: ReturnType<typeof ask>[]
  loads: Load[][]
}

/** One gateway of each runtime, as a role that has no privileges; `tablespace` is where they keep their tables. */
async function stage(server: PostgresServer, name: string, tablespace?: string): Promise<Stage> {
  const root = ask(server.url)
  const urls: URL[] = []
  await root.rows(`create role ${name} login`)
  for (const runtime of runtimes) {
    await root.rows(`create database ${name}_${runtime} owner ${name}${tablespace ? ` tablespace ${tablespace}` : ''}`)
    urls.push(Object.assign(new URL(server.url), { username: name, pathname: `/${name}_${runtime}` }))
  }
  const gateways = await Promise.all(runtimes.map((runtime, i) => open(runtime, { database: (urls[i] as URL).href })))
  const databases = urls.map(url => ask(Object.assign(new URL(url), { username: 'postgres' }).href))
  return { server, root, gateways, databases, loads: gateways.map(() => []) }
}

const close = async ({ root, gateways, databases }: Stage) => {
  await Promise.all(gateways.map(g => g.close()))
  await Promise.all([root, ...databases].map(d => d.end()))
}

/** The fault and its end under load on both gateways; `broken`: of a commit in flight nobody can tell what became of it. */
async function outlast({ gateways, databases, loads }: Stage, begin: () => unknown, end: () => unknown, broken = false): Promise<void> {
  const running = gateways.map((gateway, i) => {
    const started = load({ url: () => `${gateway.url}/bearer`, headers: authorization, senders: 12 })
    loads[i]?.push(started)
    return started
  })
  const more = (n: number, patience?: number) => {
    const wanted = running.map(r => r.acknowledged() + n)
    return until(`${n} more everywhere`, () => running.every((r, i) => r.acknowledged() >= (wanted[i] as number)), patience)
  }
  const ready = (status: number) =>
    until(
      `/readyz says ${status}`,
      async () => (await Promise.all(gateways.map(g => fetch(`${g.url}/readyz`)))).every(r => r.status === status),
      RECOVERY,
    )
  await more(50)
  await begin()
  await ready(503)
  for (const gateway of gateways) expect((await fetch(`${gateway.url}/livez`)).status).toBe(200)
  const refused = (one: Load) => [...one.sent.values()].some(s => s.answers.some(a => a.status === 503))
  await until('each has refused somebody', () => running.every(refused), LONGEST)
  // Until the last page is full, there is room for some.
  let seen = -1
  while (running.reduce((n, r) => n + r.acknowledged(), 0) > seen) {
    seen = running.reduce((n, r) => n + r.acknowledged(), 0)
    await Bun.sleep(500)
  }
  await ready(503)
  await end()
  await more(50, RECOVERY)
  await ready(200)
  await Promise.all(running.map(r => r.stop()))
  for (const [i, one] of running.entries()) {
    const answers = [...one.sent.values()].flatMap(s => s.answers)
    expect(answers.filter(a => a.status !== 201 && !(a.status === 503 && a.retryAfter === '1'))).toEqual([])
    expect(answers.filter(a => a.status === 503).length).toBeGreaterThan(0)
    expect(Math.max(...answers.map(a => a.ms))).toBeLessThan(LONGEST)
    const { refusedButKept, ...rest } = await judge(loads[i] as Load[], (databases[i] as ReturnType<typeof ask>).rows, 'bearer')
    expect(rest).toEqual({ ...clean, refusedButKept: undefined } as never)
    if (!broken) expect(refusedButKept).toEqual([])
  }
  for (const gateway of gateways) expect(gateway.log()).toContain('a commit failed')
}

const onPostgres = await available('Postgres', () => postgresServer({ settings: { autovacuum: 'off' } }))

onPostgres('a Postgres that takes nothing', server => {
  let here: Stage
  beforeAll(async () => {
    here = await stage(server, 'app')
  }, 40_000)
  afterAll(() => close(here))

  test('it is made read-only', async () => {
    const set = async (to: string) => {
      await here.root.rows(`alter system set default_transaction_read_only = ${to}`)
      await here.root.rows('select pg_reload_conf()')
    }
    await outlast(
      here,
      () => set('on'),
      () => set('off'),
    )
  }, 40_000)

  test('it has no connection left', async () => {
    const backends = `select pg_terminate_backend(pid) from pg_stat_activity where usename = 'app'`
    await outlast(
      here,
      async () => {
        await here.root.rows('alter role app connection limit 0')
        await here.root.rows(backends)
      },
      () => here.root.rows('alter role app connection limit -1'),
      true,
    )
  }, 40_000)
})

const onDisk = await available('right to mount a file system', smallDisk)

onDisk('a Postgres without disk', disk => {
  onPostgres('is full', server => {
    let here: Stage
    beforeAll(async () => {
      const place = join(disk.path, 'tables')
      mkdirSync(place)
      const { uid, gid } = statSync(server.dataDir)
      for (const path of [disk.path, place]) chownSync(path, uid, gid)
      const root = ask(server.url)
      await root.rows(`create tablespace small location '${place}'`)
      await root.end()
      here = await stage(server, 'full', 'small')
    }, 40_000)
    afterAll(() => close(here))

    test('and has room again', async () => {
      await outlast(here, disk.fill, disk.free)
      // It was the disk, and nothing else.
      for (const gateway of here.gateways) expect(gateway.log()).toContain('No space left on device')
    }, 40_000)
  })
})
