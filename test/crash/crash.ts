/** A gateway killed with SIGKILL at random moments while senders insist on their answers, and what its tables say afterwards. */
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openDatabase } from '#core/store/store.ts'
import { judge, load, type Verdict } from '../hostile/oracle.ts'
import { child, folder, freePort } from '../support/child.ts'
import { freshDatabase } from '../support/postgres.ts'
import { gateway, type Runtime } from '../support/process.ts'

export interface CrashOptions {
  runtime: Runtime
  store: 'postgres' | 'pglite'
  kills: number
  senders?: number
  /** Name of a broken commit, with the Redis that it may use. */
  broken?: { name: string; redis: string }
  /** Called after each kill. */
  progress?(kill: number): void
}

export interface Crash {
  verdict: Verdict
  acknowledged: number
  kills: number
  seconds: number
  /** Milliseconds from the start of a gateway until it was ready: the middle one. */
  restart: number
}

const KEY = 'crash-key-0123456789abcdef'
const config = `version: 1
server: { port: "\${PORT}", host: 127.0.0.1, drainDelay: 0s }
store: { url: "\${DATABASE_URL}" }
webhooks:
  orders:
    path: /orders
    capture: { last: 0 }
    chain:
      - auth-bearer: { keys: [${KEY}] }
      - idempotency
      - quota: { records: 100000000 }
      - upsert: { entity: order }
      - dispatch
`

/** Milliseconds after it is ready, at which a gateway is killed. */
const LEAST = 75
const MOST = 425

export async function crash({ runtime, store, kills, senders = 16, broken, progress }: CrashOptions): Promise<Crash> {
  const began = performance.now()
  const home = folder()
  const url = store === 'postgres' ? (await freshDatabase()).url : `pglite://${join(home, 'data')}`
  const restarts: number[] = []
  let current = await start()
  const running = load({ url: () => `${current.url}/orders`, headers: { authorization: `Bearer ${KEY}` }, senders, stubborn: 1 })
  for (let kill = 1; kill <= kills; kill++) {
    await new Promise(done => setTimeout(done, LEAST + Math.random() * (MOST - LEAST)))
    await current.kill()
    current = await start()
    progress?.(kill)
  }
  await new Promise(done => setTimeout(done, MOST))
  await running.stop()
  await current.kill()
  const db = await openDatabase(url)
  const verdict = await judge([running], (text, values) => db.query(text, values), 'orders')
  await db.close()
  restarts.sort((a, b) => a - b)
  return {
    verdict,
    acknowledged: [...running.sent.values()].filter(s => s.answers.some(a => a.status === 201)).length,
    kills,
    seconds: (performance.now() - began) / 1000,
    restart: restarts[Math.floor(restarts.length / 2)] as number,
  }

  async function start(): Promise<{ url: string; kill(): Promise<unknown> }> {
    const since = performance.now()
    const opened = broken ? await startBroken(broken) : await startReal()
    restarts.push(performance.now() - since)
    return opened
  }

  async function startReal() {
    const served = await gateway({ runtime, config, env: { DATABASE_URL: url, LOG_LEVEL: 'error' } })
    return {
      url: served.url,
      kill() {
        served.kill('SIGKILL')
        return served.exited
      },
    }
  }

  async function startBroken({ name, redis }: NonNullable<CrashOptions['broken']>) {
    const file = join(home, 'postern.yaml')
    writeFileSync(file, config)
    const port = await freePort()
    const env = { ...process.env, CONFIG: file, PORT: String(port), DATABASE_URL: url, REDIS_URL: redis, BROKEN: name }
    const started = child(process.execPath, [join(import.meta.dirname, 'program.ts')], { env, stdio: ['ignore', 'ignore', 'inherit'] })
    const address = `http://127.0.0.1:${port}`
    for (const deadline = Date.now() + 20_000; !(await isReady(address)); ) {
      if (Date.now() > deadline || started.exitCode !== null) throw new Error(`the gateway of '${name}' did not start`)
      await new Promise(done => setTimeout(done, 10))
    }
    return {
      url: address,
      kill() {
        const gone = once(started, 'exit')
        started.kill('SIGKILL')
        return gone
      },
    }
  }
}

const isReady = (url: string) =>
  fetch(`${url}/readyz`).then(
    response => response.ok,
    () => false,
  )
