/** `postern serve --workers N`: several processes on one port, of which the kernel hands each connection to one. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { openLog } from '../log.ts'
import { merged, remains } from '../metrics/merge.ts'
import { CommandFailure, EXIT } from './open.ts'

/** Set for a worker: its number, from 1. */
export const WORKER = 'POSTERN_WORKER'

/** Milliseconds: between two starts of a worker that ends by itself, and within which one must be ready. */
const PAUSE = { least: 500, most: 30_000 }
const PATIENCE = 60_000
/** Milliseconds within which a worker must tell its metrics. */
const COLLECT = 1000

interface Worker {
  number: number
  child: ChildProcess
  ready: Promise<boolean>
  /** It is told to end. */
  leaving: boolean
  /** Reloads asked for before it was started. */
  reloads: number
}

/** Runs this same command in so many processes, starts anew whichever falls, and ends when all have. */
export async function serveWorkers(count: number): Promise<number> {
  const log = openLog(() => [])
  const workers = new Map<number, Worker>()
  const done = Promise.withResolvers<number>()
  let ending = false
  let rolling = Promise.resolve()
  let reloads = 0
  let starting: Worker | undefined
  /** Replaced, and not done with what they had accepted. */
  const leavers = new Set<ChildProcess>()
  /** What those have counted that are gone: a counter that falls is taken for one that began anew, and counted twice. */
  let gone: object[][] = []
  /** What each has told of itself when it was asked last: all that anybody knows of one that is killed. */
  const latest = new Map<ChildProcess, object[]>()
  /** Whose counts are among those. */
  const departed = new WeakSet<ChildProcess>()
  let folding = Promise.resolve()

  function start(number: number): Worker {
    // The same program, words and runtime; `--workers` of a worker is not read.
    const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
      env: { ...process.env, [WORKER]: String(number) },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    const ready = Promise.withResolvers<boolean>()
    const worker: Worker = { number, child, ready: ready.promise, leaving: false, reloads }
    child.on('message', message => {
      const { kind, id } = message as { kind: string; id: number }
      if (kind === 'ready') ready.resolve(true)
      if (kind === 'last') leave(child, (message as { json: object[] }).json)
      if (kind === 'metrics') void collect().then(text => child.connected && child.send({ kind: 'metrics', id, text }))
    })
    child.once('exit', (code, signal) => {
      ready.resolve(false)
      const known = latest.get(child)
      if (known) leave(child, known)
      ended(worker, code ?? 1, signal)
    })
    return worker
  }

  function ended(worker: Worker, code: number, signal: NodeJS.Signals | null) {
    if (workers.get(worker.number) === worker) workers.delete(worker.number)
    if (ending && workers.size === 0) return done.resolve(EXIT.good)
    if (ending || worker.leaving) return
    log.error({ worker: worker.number, code, signal }, 'a worker has ended; another one is started')
    void again(worker.number)
  }

  function leave(child: ChildProcess, json: object[]) {
    leavers.delete(child)
    latest.delete(child)
    departed.add(child)
    gone.push(json)
    folding = folding.then(async () => {
      const those = gone.slice()
      const sum = await remains(those)
      gone = [sum, ...gone.slice(those.length)]
    })
  }

  /** It is ready, and from now on one of them. */
  function join(worker: Worker) {
    worker.leaving = false
    workers.set(worker.number, worker)
    // It may have read the files before they changed, and could not hear of it yet.
    if (worker.reloads < reloads) worker.child.kill('SIGHUP')
  }

  async function again(number: number) {
    for (let pause = PAUSE.least; !ending; pause = Math.min(pause * 2, PAUSE.most)) {
      await sleep(pause)
      if (ending || workers.has(number)) return
      const worker = start(number)
      // Not among the workers until it is ready: one that cannot start is tried here, not by `ended`.
      worker.leaving = true
      if (await worker.ready) return join(worker)
    }
  }

  /** One after the other: the new one listens before the old one stops. */
  async function roll() {
    if (!migrates())
      log.warn(
        { sysctl: 'net.ipv4.tcp_migrate_req=1' },
        'without this sysctl, connections that are just being made when a worker goes are reset',
      )
    for (const old of [...workers.values()]) {
      const next = start(old.number)
      next.leaving = true
      const ready = await Promise.race([next.ready, sleep(PATIENCE, false, { ref: false })])
      if (!ready) {
        next.child.kill('SIGTERM')
        log.error({ worker: old.number }, 'its successor does not start; the old one stays')
        return
      }
      leavers.add(old.child)
      join(next)
      old.leaving = true
      // Heard before the signal: it is read first in the turn that both fall into.
      if (old.child.connected) await new Promise(sent => old.child.send({ kind: 'replaced' }, sent))
      old.child.kill('SIGTERM')
      await once(old.child, 'exit')
      leavers.delete(old.child)
    }
    log.info({ workers: workers.size }, 'every worker is new')
  }

  /** The metrics of all workers as those of one. */
  async function collect(): Promise<string> {
    await folding
    const asked = new Set([...leavers, ...[...workers.values()].map(({ child }) => child)])
    await Promise.all(
      [...asked].map(async child => {
        const json = await metricsOf(child)
        if (json && !departed.has(child)) latest.set(child, json)
      }),
    )
    await folding
    // One that does not answer now counts with what it told before, and one that went meanwhile is among the gone.
    return merged([...gone, ...[...latest.values()]])
  }

  const stop = () => {
    if (ending) for (const { child } of workers.values()) child.kill('SIGKILL')
    ending = true
    for (const { child } of workers.values()) child.kill('SIGTERM')
    starting?.child.kill('SIGTERM')
    if (workers.size === 0) done.resolve(EXIT.good)
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  process.on('SIGHUP', () => {
    reloads++
    for (const { child } of workers.values()) child.kill('SIGHUP')
  })
  process.on('SIGUSR2', () => {
    rolling = rolling.then(roll).catch(error => log.error({ error: String(error) }, 'the workers could not be replaced'))
  })

  // One after the other: what is wrong with the configuration or the store is told once.
  for (let number = 1; number <= count && !ending; number++) {
    const worker = start(number)
    worker.leaving = true
    starting = worker
    if (await worker.ready) join(worker)
    else if (number === 1) return worker.child.exitCode ?? EXIT.failure
    else if (!ending) void again(number)
  }
  starting = undefined
  if (ending && workers.size === 0) return EXIT.good
  return done.promise
}

/** Whether the kernel hands what waits at a closing listener to another one of its port: Linux 5.14 and newer can, and do not by default. */
function migrates(): boolean {
  try {
    return readFileSync('/proc/sys/net/ipv4/tcp_migrate_req', 'utf8').trim() !== '0'
  } catch {
    return false
  }
}

let asked = 0

async function metricsOf(child: ChildProcess): Promise<object[] | undefined> {
  if (!child.connected) return undefined
  const id = ++asked
  const answer = new Promise<object[]>(tell => {
    const hear = (message: unknown) => {
      const { kind, id: of, json } = message as { kind: string; id: number; json: object[] }
      if (kind !== 'collected' || of !== id) return
      child.off('message', hear)
      tell(json)
    }
    child.on('message', hear)
  })
  child.send({ kind: 'collect', id })
  return Promise.race([answer, sleep(COLLECT, undefined, { ref: false })])
}

/** What a worker says to the process that started it. */
export interface Foreman {
  /** It listens. */
  ready(): void
  /** The metrics of all workers, in Prometheus' text format. */
  metrics(): Promise<string>
  /** Another one has taken its place. */
  replaced(): boolean
  /** It has done its last request. */
  leaving(): Promise<void>
}

/** Undefined when this process is no worker. `own` gives its metrics; `orphaned` is called when the foreman is gone. */
export function foreman(own: () => Promise<object[]>, orphaned: () => void): Foreman | undefined {
  if (process.env[WORKER] === undefined || !process.send) return undefined
  const waiting = new Map<number, (text: string) => void>()
  let question = 0
  let replaced = false
  process.on('message', message => {
    const { kind, id, text } = message as { kind: string; id: number; text: string }
    if (kind === 'collect') void own().then(json => process.send?.({ kind: 'collected', id, json }))
    if (kind === 'replaced') replaced = true
    if (kind !== 'metrics') return
    waiting.get(id)?.(text)
    waiting.delete(id)
  })
  process.on('disconnect', orphaned)
  return {
    ready: () => void process.send?.({ kind: 'ready' }),
    replaced: () => replaced,
    async leaving() {
      const json = await own()
      if (process.connected) await new Promise<void>(sent => process.send?.({ kind: 'last', json }, () => sent()))
    },
    metrics: () =>
      new Promise(tell => {
        waiting.set(++question, tell)
        process.send?.({ kind: 'metrics', id: question })
      }),
  }
}

/** The number of workers; fails for what cannot have several. */
export function workersOf(text: string | undefined, runtime: string): number {
  if (text === undefined) return 1
  const count = Number(text)
  if (!Number.isInteger(count) || count < 1 || count > 64)
    throw new CommandFailure(EXIT.usage, '--workers wants a whole number from 1 to 64')
  if (count > 1 && !runtime.startsWith('bun'))
    throw new CommandFailure(
      EXIT.usage,
      '--workers shares one port between processes, which needs Bun: on Deno, run several gateways behind a proxy',
    )
  return count
}
