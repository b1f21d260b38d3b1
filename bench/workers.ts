/** Several processes on one port: whether a second core helps, with and without a store. */
import { cpus } from 'node:os'
import { costed, count, database, equal, gateway, load, median, type Result } from './ground.ts'

const NUMBERS = [1, 2, 4]

export async function workers({ seconds, rounds }: { seconds: number; rounds: number }): Promise<void> {
  const results = new Map<string, Result[]>()
  for (let round = 0; round < rounds; round++)
    for (const n of NUMBERS)
      for (const path of ['/hook', '/chain-alone']) {
        const url = await database('workers')
        const words = ['--workers', String(n)]
        const measure = async (port: number, pid: number) => {
          await ready(port)
          const result = await costed(pid, () => load(port, path, 256, seconds, Math.min(400_000, 40_000 * seconds)))
          if (result.refused > 0) throw new Error(`${n} workers refused ${result.refused} requests`)
          if (path === '/hook') equal(await count(url, ['idempotency_keys', 'records', 'events']), result.acknowledged)
          return result
        }
        const key = `${path} ${n}`
        results.set(key, [...(results.get(key) ?? []), await gateway('postern.yaml', url, {}, measure, words)])
      }
  console.log(`\n${cpus().length} cores, which the load and Postgres share\n`)
  console.log('| chain | workers | requests/s | of one | p99, ms | gateway, µs CPU |\n|---|---|---|---|---|---|')
  const middle = (key: string, of: (result: Result) => number) => median((results.get(key) ?? []).map(of))
  for (const path of ['/hook', '/chain-alone'])
    for (const n of NUMBERS) {
      const rate = middle(`${path} ${n}`, r => r.perSecond)
      const share = rate / middle(`${path} 1`, r => r.perSecond)
      const cells = [rate.toFixed(0), `${share.toFixed(2)} times`, middle(`${path} ${n}`, r => r.p99).toFixed(1)]
      console.log(`| ${path} | ${n} | ${cells.join(' | ')} | ${middle(`${path} ${n}`, r => r.own ?? 0).toFixed(0)} |`)
    }
}

/** The first worker says that it listens before the others do: connections must find all of them. */
async function ready(port: number): Promise<void> {
  for (let good = 0; good < 40; ) {
    const response = await fetch(`http://127.0.0.1:${port}/readyz`, { headers: { connection: 'close' } }).catch(() => undefined)
    await response?.text()
    good = response?.ok ? good + 1 : 0
    await new Promise(done => setTimeout(done, 25))
  }
}
