/** Which replica sends for which destination. */
import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { assign } from '#core/outbox/lease.ts'
import { openPace } from '#core/outbox/pace.ts'

const names = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 12 }), { maxLength: 40 })
const replicas = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 26 }), { minLength: 1, maxLength: 8 })

test('each destination has one replica, and none has more than its share, in whatever order they are told', () => {
  fc.assert(
    fc.property(names, replicas, fc.infiniteStream(fc.nat()), (destinations, ids, chance) => {
      const declared = (of: string[]) => new Map(of.map(id => [id, destinations] as const))
      const all = assign(declared(ids))
      expect([...all.values()].flat().sort()).toEqual([...destinations].sort())
      for (const own of all.values()) expect(own.length).toBeLessThanOrEqual(Math.ceil(destinations.length / ids.length))
      const mixed = [...ids].sort(() => ((chance.next().value as number) % 3) - 1)
      for (const id of ids) expect(assign(declared(mixed)).get(id)).toEqual(all.get(id) as string[])
    }),
  )
})

test('at most so many begin within any window of their rate', () => {
  const gaps = fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 200 })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 1000 }), gaps, (limit, per, waits) => {
      const pace = openPace({ limit, per })
      const begun: number[] = []
      let now = 0
      for (const wait of waits) {
        now += wait
        if (pace.wait(now) > 0) continue
        pace.begin(now)
        begun.push(now)
      }
      for (const [i, time] of begun.entries()) if (i >= limit) expect(time - (begun[i - limit] as number)).toBeGreaterThanOrEqual(per)
    }),
  )
})
