/** Kills, and the test of the test: the oracle finds nothing in our commit, and something in each broken one. */
import { describe, expect, test } from 'bun:test'
import { clean } from '../hostile/oracle.ts'
import { available } from '../support/available.ts'
import { postgres } from '../support/postgres.ts'
import { redis } from '../support/redis.ts'
import { broken } from './broken.ts'
import { type CrashOptions, crash } from './crash.ts'

const KILLS = 20
const rows: [CrashOptions['runtime'], CrashOptions['store']][] = [
  ['bun', 'postgres'],
  ['deno', 'postgres'],
  ['bun', 'pglite'],
]

const onPostgres = await available('Postgres', postgres)
const onRedis = await available('Redis', redis)

for (const [runtime, store] of rows) {
  const suite = store === 'postgres' ? onPostgres : describe
  suite(`${KILLS} kills on ${runtime} with ${store}`, () => {
    test('nothing is lost, doubled, left alone or miscounted', async () => {
      const { verdict, acknowledged } = await crash({ runtime, store, kills: KILLS })
      expect(verdict).toEqual(clean)
      // Otherwise the kills fell on an idle gateway.
      expect(acknowledged).toBeGreaterThan(KILLS * 5)
    }, 180_000)
  })
}

/** In which of the oracle's counts each of them shows; one of these is enough. */
const symptoms: Record<string, readonly (keyof typeof clean)[]> = {
  'answer before commit': ['lost', 'unequalReplays'],
  'two transactions': ['duplicates', 'recordsWithoutEvent', 'recordsWithoutKey'],
  'forgets the quota': ['miscounted'],
  'claim in Redis first': ['lost'],
}

onPostgres('a commit that is broken', () => {
  onRedis('is found out', url => {
    for (const name of Object.keys(broken)) {
      test(name, async () => {
        // Whether one kill falls between two writes is chance; that none of so many does is not.
        let found: string[] = []
        for (let round = 0; round < 10 && found.length === 0; round++) {
          const { verdict } = await crash({ runtime: 'bun', store: 'postgres', kills: 5, broken: { name, redis: url } })
          found = (symptoms[name] ?? []).filter(count => verdict[count].length > 0)
        }
        expect(found).not.toEqual([])
      }, 120_000)
    }
  })
})
