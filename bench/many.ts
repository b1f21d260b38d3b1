/** Ten thousand webhooks in one configuration: how long it takes to load, what it holds, and whether a request notices. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { writeMany } from './folder.ts'
import { costed, count, database, equal, freePort, load, median, root } from './ground.ts'
import { cpuOf, peakOf, rssOf } from './proc.ts'

const WEBHOOKS = 10_000
const MB = 1e6
const runtimes: Record<string, string[]> = {
  bun: [join(root, 'node_modules/.bin/bun')],
  deno: [join(root, 'node_modules/.bin/deno'), 'run', '-A'],
}

interface Started {
  child: ChildProcess
  port: number
  /** Milliseconds to readiness, of the clock and of CPU. */
  took: { clock: number; cpu: number }
}

export async function many({ seconds, rounds }: { seconds: number; rounds: number }): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), 'postern-many-'))
  const folders = { 1: join(home, 'one'), [WEBHOOKS]: join(home, 'many') }
  for (const [n, folder] of Object.entries(folders)) writeMany(folder, { webhooks: Number(n) })
  console.log(`\n| ${WEBHOOKS.toLocaleString('en')} webhooks | bun | deno | one webhook, bun |\n|---|---|---|---|`)
  const cells = new Map<string, string[]>()
  const cell = (row: string, text: string) => cells.set(row, [...(cells.get(row) ?? []), text])
  for (const [runtime, n] of [
    ['bun', WEBHOOKS],
    ['deno', WEBHOOKS],
    ['bun', 1],
  ] as const) {
    const checked = await check(runtime, folders[n] as string)
    cell('`postern check`, seconds (of CPU)', `${(checked.clock / 1000).toFixed(1)} (${(checked.cpu / 1000).toFixed(1)})`)
    const { child, took } = await start(runtime, folders[n] as string, await database('many'))
    const atOnce = rssOf(child.pid as number)
    cell('from start to ready, seconds (of CPU)', `${(took.clock / 1000).toFixed(1)} (${(took.cpu / 1000).toFixed(1)})`)
    cell('RSS when ready, MB', (atOnce / MB).toFixed(0))
    await sleep(10_000)
    cell('RSS 10 s later, MB', (rssOf(child.pid as number) / MB).toFixed(0))
    cell('RSS at most, MB', (peakOf(child.pid as number) / MB).toFixed(0))
    await stop(child)
  }
  for (const [row, texts] of cells) console.log(`| ${row} | ${texts.join(' | ')} |`)

  const rates = { one: [] as number[], same: [] as number[], spread: [] as number[] }
  const costs = { one: [] as number[], same: [] as number[], spread: [] as number[] }
  const contenders = [
    ['one', 1, 'many:1'],
    ['same', WEBHOOKS, 'many:1'],
    ['spread', WEBHOOKS, `many:${WEBHOOKS}`],
  ] as const
  for (let round = 0; round < rounds; round++)
    for (const [name, n, to] of round % 2 === 0 ? contenders : contenders.toReversed()) {
      const url = await database('many')
      const { child, port } = await start('bun', folders[n] as string, url)
      const result = await costed(child.pid as number, () => load(port, to, 64, seconds, 20_000 * seconds))
      if (result.refused > 0) throw new Error(`${name}: ${result.refused} requests were refused`)
      equal(await count(url, ['idempotency_keys', 'records', 'events']), result.acknowledged)
      await stop(child)
      rates[name].push(result.perSecond)
      costs[name].push(result.own ?? 0)
    }
  console.log('\n| 64 connections | requests/s | of one alone | gateway, µs CPU | of one alone |\n|---|---|---|---|---|')
  for (const [name, what] of [
    ['one', 'one webhook alone'],
    ['same', `one of ${WEBHOOKS}`],
    ['spread', `all ${WEBHOOKS} in turn`],
  ] as const) {
    const [rate, cost] = [median(rates[name]), median(costs[name])]
    const share = (value: number, of: number) => `${Math.round((100 * value) / of)}%`
    console.log(
      `| ${what} | ${Math.round(rate)} | ${share(rate, median(rates.one))} | ${cost.toFixed(0)} | ${share(cost, median(costs.one))} |`,
    )
  }
  rmSync(home, { recursive: true })
}

/** Milliseconds of the clock and of CPU that `check` takes. */
async function check(runtime: string, folder: string): Promise<{ clock: number; cpu: number }> {
  const [command = '', ...args] = runtimes[runtime] ?? []
  const env = { ...process.env, PORT: '1', ADMIN_PORT: '2', DATABASE_URL: 'postgres://none' }
  const began = performance.now()
  const child = spawn(command, [...args, 'main.ts', 'check', '--config', folder], { cwd: root, env, stdio: 'ignore' })
  let cpu = 0
  const watch = setInterval(() => {
    try {
      cpu = cpuOf(child.pid as number)
    } catch {}
  }, 20)
  const [code] = await once(child, 'exit')
  clearInterval(watch)
  if (code !== 0) throw new Error(`check on ${runtime} ended with ${code}`)
  return { clock: performance.now() - began, cpu: cpu * 1000 }
}

async function start(runtime: string, folder: string, url: string): Promise<Started> {
  const [command = '', ...args] = runtimes[runtime] ?? []
  const port = await freePort()
  const env = { ...process.env, PORT: `${port}`, ADMIN_PORT: `${await freePort()}`, DATABASE_URL: url, LOG_LEVEL: 'warn' }
  const began = performance.now()
  const child = spawn(command, [...args, 'main.ts', 'serve', '--config', folder], {
    cwd: root,
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  for (;;) {
    const ready = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined)
    await ready?.text()
    if (ready?.ok) break
    if (child.exitCode !== null) throw new Error(`serve on ${runtime} ended with ${child.exitCode}`)
    await sleep(20)
  }
  return { child, port, took: { clock: performance.now() - began, cpu: cpuOf(child.pid as number) * 1000 } }
}

async function stop(child: ChildProcess): Promise<void> {
  child.kill('SIGTERM')
  if (child.exitCode === null) await once(child, 'exit')
}
