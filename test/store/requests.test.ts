/** Samples of requests in the store: batches, bounds, and what is read back. */
import { expect, test } from 'bun:test'
import { openSamples, readCaptured, type Sample } from '#core/store/requests.ts'
import { ulid } from '#core/ulid.ts'
import { onEveryStore, T0 } from './open.ts'

const sample = (more: Partial<Sample> = {}): Sample => ({
  id: ulid(T0),
  webhook: 'hook',
  at: T0,
  method: 'POST',
  path: '/hook',
  query: 'a=1',
  headers: { 'content-type': 'application/json' },
  body: '{"n":1}',
  encoded: false,
  size: 7,
  ip: '192.0.2.1',
  outcome: 'accepted',
  status: 201,
  steps: [{ plugin: 'auth-none', verdict: 'passed', ms: 0.25 }],
  slots: { 'signed-at': { time: T0 } },
  duration: 1.5,
  ...more,
})
const never = () => false

onEveryStore('samples', fresh => {
  test('a sample is read back as it was', async () => {
    const store = await fresh()
    const samples = openSamples(store.db, { busy: never, warn: () => {} })
    const own = sample({ code: 'X', reason: 'r', plugin: 'p', key: 'k', entity: 'e', record: 'r1' })
    samples.add(own, 100)
    await samples.close()
    expect(await readCaptured(store.db, own.id)).toMatchObject({ ...own })
    expect(await readCaptured(store.db, ulid(T0))).toBeUndefined()
    await store.close()
  })

  test('of each webhook the newest stay', async () => {
    const store = await fresh()
    for (let round = 0; round < 3; round++) {
      const samples = openSamples(store.db, { busy: never, warn: () => {} })
      for (let n = 0; n < 4; n++) {
        samples.add(sample({ path: `/${round}-${n}` }), 5)
        if (n < 2) samples.add(sample({ webhook: 'other', path: `/${round}-${n}` }), 1)
      }
      await samples.close()
    }
    const rows = await store.rows('select webhook, path from requests order by webhook, id')
    expect(rows.map(r => `${r.webhook} ${r.path}`)).toEqual(['hook /1-3', 'hook /2-0', 'hook /2-1', 'hook /2-2', 'hook /2-3', 'other /2-1'])
    await store.close()
  })

  test('beyond the buffer the oldest are dropped, and counted', async () => {
    const store = await fresh()
    const warnings: string[] = []
    const samples = openSamples(store.db, { busy: never, warn: message => void warnings.push(message) })
    for (let n = 0; n < 1010; n++) samples.add(sample({ path: `/${n}` }), 10_000)
    expect(samples.dropped()).toBe(10)
    await samples.close()
    expect(warnings).toHaveLength(1)
    const [row] = await store.rows('select count(*)::int n, min(id) as first from requests')
    expect(row?.n).toBe(1000)
    expect((await readCaptured(store.db, row?.first))?.path).toBe('/10')
    await store.close()
  })

  test('one that the store cannot keep does not sink the others', async () => {
    const store = await fresh()
    const samples = openSamples(store.db, { busy: never, warn: () => {} })
    for (const path of ['/a', '/\0', '/b']) samples.add(sample({ path }), 100)
    await samples.close()
    expect((await store.rows('select path from requests order by id')).map(r => r.path)).toEqual(['/a', '/b'])
    expect(samples.dropped()).toBe(1)
    await store.close()
  })

  test('a busy store is left alone', async () => {
    const store = await fresh()
    let busy = true
    const samples = openSamples(store.db, { busy: () => busy, warn: () => {}, every: 1 })
    let asked = 0
    const seen = async () => (await store.rows('select 1 from requests')).length
    samples.add(sample(), 100)
    for (; asked < 20; asked++) await new Promise(done => setTimeout(done, 10))
    expect(await seen()).toBe(0)
    busy = false
    const deadline = Date.now() + 5000
    while ((await seen()) === 0 && Date.now() < deadline) await new Promise(done => setTimeout(done, 20))
    expect(await seen()).toBe(1)
    await samples.close()
    await store.close()
  })
})
