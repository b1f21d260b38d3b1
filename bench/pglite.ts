/** The embedded store beside Postgres, in the same run. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDatabase } from '#core/store/store.ts'
import { costed, database, equal, gateway, load, median, type Result } from './ground.ts'

const TABLES = ['idempotency_keys', 'records', 'events']

export async function pglite({ seconds, rounds }: { seconds: number; rounds: number }): Promise<void> {
  const results = new Map<string, Result[]>()
  for (let round = 0; round < rounds; round++)
    for (const connections of [1, 64])
      for (const store of ['postgres', 'pglite']) {
        const home = mkdtempSync(join(tmpdir(), 'postern-bench-'))
        const url = store === 'pglite' ? `pglite://${join(home, 'data')}` : await database('beside')
        const result = await gateway('postern.yaml', url, {}, (port, pid) =>
          costed(pid, () => load(port, '/hook', connections, seconds, (connections === 1 ? 3000 : 20_000) * seconds)),
        )
        if (result.refused > 0) throw new Error(`${store} refused ${result.refused} requests`)
        // The folder belongs to one process: the gateway has let go of it by now.
        const db = await openDatabase(url)
        const counts: number[] = []
        for (const table of TABLES) counts.push(Number((await db.query<{ n: number }>(`select count(*)::int as n from ${table}`))[0]?.n))
        await db.close()
        equal(counts, result.acknowledged)
        rmSync(home, { recursive: true })
        const key = `${store} ${connections}`
        results.set(key, [...(results.get(key) ?? []), result])
      }
  const middle = (key: string, of: (result: Result) => number) => median((results.get(key) ?? []).map(of))
  console.log('\n| store | connections | requests/s | of Postgres | p50, ms | p99, ms | gateway, µs CPU |\n|---|---|---|---|---|---|---|')
  for (const key of results.keys()) {
    const [store, connections] = key.split(' ')
    const rate = middle(key, r => r.perSecond)
    const share = rate / middle(`postgres ${connections}`, r => r.perSecond)
    const times = [middle(key, r => r.p50).toFixed(2), middle(key, r => r.p99).toFixed(1), middle(key, r => r.own ?? 0).toFixed(0)]
    console.log(`| ${store} | ${connections} | ${rate.toFixed(0)} | ${(100 * share).toFixed(0)}% | ${times.join(' | ')} |`)
  }
}
