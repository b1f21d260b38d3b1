/** Tables of cases that run in a process of their own, on each runtime. */
import { once } from 'node:events'
import { join } from 'node:path'
import { child } from '../support/child.ts'
import type { Runtime } from '../support/process.ts'

/** A name, what to do, and what must come of it, as JSON. */
export type Case = readonly [name: string, run: () => Promise<unknown>, want: unknown]

const root = join(import.meta.dirname, '../..')

/** Runs a program that ends with `report(cases)` and gives what came of each case by its name. */
export async function runOn(runtime: Runtime, file: string, env: Record<string, string> = {}): Promise<Record<string, unknown>> {
  const args = runtime === 'bun' ? [file] : ['run', '-A', file]
  const started = child(join(root, 'node_modules/.bin', runtime), args, { env: { ...process.env, ...env, CASES: 'run' }, stdio: 'pipe' })
  let stdout = ''
  let stderr = ''
  started.stdout?.setEncoding('utf8').on('data', part => {
    stdout += part
  })
  started.stderr?.setEncoding('utf8').on('data', part => {
    stderr += part
  })
  await once(started, 'close')
  const line = stdout.split('\n').find(text => text.startsWith('{'))
  if (!line) throw new Error(`${file} on ${runtime} said nothing:\n${stdout}\n${stderr}`)
  return JSON.parse(line)
}

/** Runs the cases, a few at a time, when this process is the one for it. */
export async function report(cases: readonly Case[]): Promise<void> {
  if (process.env.CASES !== 'run') return
  const results: Record<string, unknown> = {}
  const uncaught: string[] = []
  process.on('uncaughtException', error => uncaught.push(String(error?.stack ?? error)))
  process.on('unhandledRejection', error => uncaught.push(String((error as Error)?.stack ?? error)))
  const rest = [...cases]
  const lane = async () => {
    for (let next = rest.shift(); next; next = rest.shift()) {
      const [name, run] = next
      results[name] = await run().catch(error => `threw ${error?.stack ?? error}`)
    }
  }
  await Promise.all([lane(), lane(), lane()])
  console.log(JSON.stringify({ ...results, uncaught }))
  process.exit(0)
}

export const sleep = (ms: number) => new Promise<void>(done => setTimeout(done, ms))

/** Waits until something holds, two seconds unless told, and tells whether it did. */
export async function until(holds: () => boolean, most = 2000): Promise<boolean> {
  for (const end = Date.now() + most; Date.now() < end && !holds(); ) await sleep(10)
  return holds()
}
