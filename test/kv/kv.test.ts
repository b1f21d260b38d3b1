/** Counters in a Redis that goes away in different ways. */
import { beforeAll, expect, test } from 'bun:test'
import { openKv } from '#core/kv/kv.ts'
import type { Limiter } from '#core/plugin.ts'
import { available } from '../support/available.ts'
import { type RedisServer, redisServer } from '../support/redis.ts'

const onRedis = await available('Redis', redisServer)

async function take(limiter: Limiter): Promise<{ taken: boolean; ms: number }> {
  const start = performance.now()
  const taken = await limiter.take('key').then(
    () => true,
    () => false,
  )
  return { taken, ms: performance.now() - start }
}

async function until(holds: () => Promise<boolean>, most = 10_000): Promise<number> {
  const start = performance.now()
  while (!(await holds())) {
    if (performance.now() - start > most) throw new Error('never')
    await Bun.sleep(20)
  }
  return performance.now() - start
}

onRedis('Redis', (server: RedisServer) => {
  const warnings: string[] = []
  const kv = openKv(server.url, message => warnings.push(message))
  const limiter = kv.limiter({ name: 'kv-test', limit: 1_000_000, window: 60_000 })
  beforeAll(() => until(async () => (await take(limiter)).taken))

  test('frozen, it costs a few requests its timeout and the others nothing, and is found again', async () => {
    server.kill('SIGSTOP')
    for (let i = 0; i < 3; i++) expect(await take(limiter)).toEqual({ taken: false, ms: expect.any(Number) })
    const all = await Promise.all(Array.from({ length: 50 }, () => take(limiter)))
    expect(all.filter(one => one.taken || one.ms > 150)).toEqual([])
    // One tries from time to time, and nobody waits for it.
    let slow = 0
    for (const end = performance.now() + 4000; performance.now() < end; await Bun.sleep(5)) {
      const pair = await Promise.all([take(limiter), take(limiter)])
      expect(pair.filter(one => one.taken)).toEqual([])
      slow += pair.filter(one => one.ms > 150).length
    }
    expect(slow).toBe(1)
    expect(warnings).toEqual(['Redis does not answer in time'])
    server.kill('SIGCONT')
    expect(await until(async () => (await take(limiter)).taken)).toBeLessThan(5000)
  }, 30_000)

  test('a limit that is reached is no failure', async () => {
    const full = kv.limiter({ name: 'kv-full', limit: 1, window: 60_000 })
    const seen = []
    for (let i = 0; i < 6; i++) seen.push((await full.take('key')).allowed)
    expect(seen).toEqual([true, false, false, false, false, false])
  })

  test('gone, it is found again at once', async () => {
    await server.stop()
    await until(async () => !(await take(limiter)).taken)
    for (let i = 0; i < 20; i++) expect((await take(limiter)).taken).toBe(false)
    await server.restart()
    expect(await until(async () => (await take(limiter)).taken)).toBeLessThan(2500)
    await kv.close()
  }, 30_000)
})
