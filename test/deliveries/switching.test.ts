/** What changes while deliveries wait and are under way: `ordered` by a reload, and deliveries sent again by an operator. */
import { expect, test } from 'bun:test'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { available } from '../support/available.ts'
import { postgres } from '../support/postgres.ts'
import { running, webhooks } from './fixture.ts'
import { type Received, type Sink, sink } from './sink.ts'

const onPostgres = await available('Postgres', postgres)
const DELIVERED = `select count(*) from deliveries where status = 'delivered'`

/** A receiver that holds what it gets until it is let go; from then on it answers 200 after a moment. */
function holding() {
  const held: { request: Received; answer(status: number): void }[] = []
  let open = false
  const good = new Map<string, number[]>()
  const name = ({ body }: Received) => `${body.data.record_id}${body.data.record.n}`
  const seen: Sink = sink({
    async d(n, request) {
      const pause = new Promise<number>(done => setTimeout(() => done(200), 20))
      const status = await (open ? pause : new Promise<number>(answer => held.push({ request, answer })))
      if (status === 200) good.set(name(request), [...(good.get(name(request)) ?? []), n])
      return status
    },
  })
  return {
    seen,
    names: (from = 0, record = '') =>
      seen
        .at('d')
        .slice(from)
        .map(name)
        .filter(one => one.startsWith(record)),
    /** Waits until exactly so many are held. */
    holds: (count: number) => seen.until(() => held.length === count),
    /** Answers the oldest that is held, and goes on holding. */
    answer: (status: number) => held.shift()?.answer(status),
    /** Answers what is held, each as told, and holds nothing any more. */
    release(of: (name: string) => number) {
      open = true
      for (const { request, answer } of held.splice(0)) answer(of(name(request)))
    },
    /** How often each was taken in with a 200. */
    taken: () => Object.fromEntries([...good].map(([of, all]) => [of, all.length])),
  }
}

/** A gateway whose one destination has these settings until others are written. */
async function switched(seen: Sink, settings: string) {
  const file = join(mkdtempSync(join(tmpdir(), 'postern-switching-')), 'postern.yaml')
  const write = (more: string) =>
    writeFileSync(
      file,
      `${webhooks}
subscriptions: { s: { webhooks: [things], to: [d] } }
destinations: { d: { url: "${seen.url}/d", allowPrivate: true, concurrency: 4, retry: { attempts: 5, backoff: 50ms }, ${more} } }\n`,
    )
  write(settings)
  const at = await running('', { file, sink: seen })
  return {
    ...at,
    async reload(settings: string) {
      write(settings)
      at.kill('SIGHUP')
      await seen.until(() => at.log().includes('reloaded'))
    },
  }
}

const once = (records: string[], count: number) =>
  Object.fromEntries(records.flatMap(id => Array.from({ length: count }, (_, n) => [`${id}${n}`, 1])))

onPostgres('`ordered` by a reload, with a backlog', () => {
  test('switched on: from then on each record has its order, and nothing is lost or sent twice', async () => {
    const receiver = holding()
    const at = await switched(receiver.seen, 'ordered: false')
    for (let n = 0; n < 10; n++) for (const id of ['a', 'b']) await at.send('things', { id, n })
    await receiver.holds(4)
    expect(receiver.names().sort()).toEqual(['a0', 'a1', 'b0', 'b1'])
    await at.reload('ordered: true')
    receiver.release(name => (name === 'a0' ? 500 : 200))
    await at.becomes(DELIVERED, 20)
    expect(receiver.names(4, 'a')).toEqual(['a0', 'a2', 'a3', 'a4', 'a5', 'a6', 'a7', 'a8', 'a9'])
    expect(receiver.names(4, 'b')).toEqual(['b2', 'b3', 'b4', 'b5', 'b6', 'b7', 'b8', 'b9'])
    expect(receiver.taken()).toEqual(once(['a', 'b'], 10))
    const times = receiver.seen.at('d').slice(4)
    for (const [i, one] of times.entries())
      for (const other of times.slice(i + 1))
        if (one.body.data.record_id === other.body.data.record_id) expect(other.from).toBeGreaterThanOrEqual(one.to)
  })

  test('switched off: what waited goes side by side, and nothing is lost or sent twice', async () => {
    const receiver = holding()
    const at = await switched(receiver.seen, 'ordered: true')
    for (let n = 0; n < 10; n++) for (const id of ['a', 'b']) await at.send('things', { id, n })
    await receiver.holds(2)
    expect(receiver.names().sort()).toEqual(['a0', 'b0'])
    await at.reload('ordered: false')
    receiver.release(name => (name === 'a0' ? 500 : 200))
    await at.becomes(DELIVERED, 20)
    expect(receiver.taken()).toEqual(once(['a', 'b'], 10))
    expect(receiver.names().length).toBe(21)
    expect(receiver.seen.most('d')).toBe(4)
    expect(await at.rows('select * from postern_queue.job')).toEqual([])
  })
})

onPostgres('sending again, beside a delivery of the same record that is under way', () => {
  const idOf = async (at: Awaited<ReturnType<typeof switched>>, n: number) =>
    (await at.rows(`select d.id from deliveries d join events e on e.id = d.event where (e.data->>'n')::int = $1`, [n]))[0]?.id as string

  const statuses = async (at: Awaited<ReturnType<typeof switched>>) =>
    (await at.rows('select status from deliveries order by seq')).map(row => row.status)

  /** The first is held by the receiver. */
  async function underWay() {
    const receiver = holding()
    const at = await switched(receiver.seen, 'ordered: true')
    await at.send('things', { id: 'a', n: 0 })
    await receiver.holds(1)
    return { receiver, at }
  }

  /** The first is delivered, the second is held by the receiver. */
  async function secondUnderWay() {
    const { receiver, at } = await underWay()
    await at.send('things', { id: 'a', n: 1 })
    receiver.answer(200)
    await receiver.holds(1)
    await at.becomes(DELIVERED, 1)
    return { receiver, at, ids: [await idOf(at, 0), await idOf(at, 1)] }
  }

  test('a later one waits until it has ended', async () => {
    const { receiver, at } = await underWay()
    await at.send('things', { id: 'a', n: 1 })
    await at.becomes(`select count(*) from deliveries where status = 'waiting'`, 1)
    const second = await idOf(at, 1)
    await at.admin(`deliveries/${second}/cancel`, { method: 'POST' })
    expect(await at.admin(`deliveries/${second}/retry`, { method: 'POST' })).toEqual({ data: { redriven: 1, left: 0 } })
    expect(await statuses(at)).toEqual(['pending', 'waiting'])
    receiver.release(() => 200)
    await at.becomes(DELIVERED, 2)
    expect(receiver.names()).toEqual(['a0', 'a1'])
    expect(receiver.seen.most('d')).toBe(1)
  })

  test('an earlier one waits until it has ended', async () => {
    const { receiver, at, ids } = await secondUnderWay()
    await at.admin(`deliveries/${ids[0]}/retry`, { method: 'POST' })
    expect(await statuses(at)).toEqual(['waiting', 'pending'])
    receiver.release(() => 200)
    await at.becomes(DELIVERED, 2)
    expect(receiver.names()).toEqual(['a0', 'a1', 'a0'])
    expect(receiver.seen.most('d')).toBe(1)
  })

  test('itself is not sent twice', async () => {
    const { receiver, at } = await underWay()
    await at.send('things', { id: 'a', n: 1 })
    await at.becomes(`select count(*) from deliveries where status = 'waiting'`, 1)
    expect(await at.admin(`deliveries/${await idOf(at, 0)}/retry`, { method: 'POST' })).toEqual({ data: { redriven: 1, left: 0 } })
    receiver.release(() => 200)
    await at.becomes(DELIVERED, 2)
    expect(receiver.names()).toEqual(['a0', 'a1'])
    expect(await at.rows('select * from postern_queue.job')).toEqual([])
  })

  test('an earlier one together with itself: the earlier one waits, and it is not sent twice', async () => {
    const { receiver, at, ids } = await secondUnderWay()
    expect(await at.admin('deliveries/retry', { method: 'POST', body: { ids, limit: 10 } })).toEqual({ data: { redriven: 2, left: 0 } })
    expect(await statuses(at)).toEqual(['waiting', 'pending'])
    receiver.release(() => 200)
    await at.becomes(DELIVERED, 2)
    expect(receiver.names()).toEqual(['a0', 'a1', 'a0'])
    expect(receiver.seen.most('d')).toBe(1)
    expect(await at.rows('select * from postern_queue.job')).toEqual([])
  })
})
