/** Ordered destinations: the events of one record, one after the other. */
import { expect, test } from 'bun:test'
import { available } from '../support/available.ts'
import { postgres } from '../support/postgres.ts'
import { cli } from '../support/process.ts'
import { ADMIN, running } from './fixture.ts'
import { sink } from './sink.ts'

const onPostgres = await available('Postgres', postgres)
const sections = (more = '') => `subscriptions: { s: { webhooks: [things], to: [d] } }
destinations: { d: { url: "SINK/d", allowPrivate: true, ordered: true, retry: { schedule: [0s, 50ms, 50ms] }${more} } }\n`

onPostgres('an ordered destination', () => {
  test('gets the events of each record in their order, also over failures, one at a time', async () => {
    const open = new Map<string, number>()
    let most = 0
    const tried = new Set<string>()
    const seen = sink({
      async d(_, { body }) {
        const { record_id, record } = body.data
        open.set(record_id, (open.get(record_id) ?? 0) + 1)
        most = Math.max(most, open.get(record_id) as number)
        await new Promise(done => setTimeout(done, 5))
        open.set(record_id, (open.get(record_id) as number) - 1)
        // Each of these fails once: by the count of requests, one might by chance fail at every attempt.
        const again = tried.has(body.id)
        tried.add(body.id)
        return record.n % 5 === 3 && !again ? 500 : 200
      },
    })
    const at = await running(sections(), { sink: seen })
    for (let n = 0; n < 20; n++) await Promise.all(['a', 'b', 'c'].map(id => at.send('things', { id, n })))
    await at.becomes(`select count(*) from deliveries where status = 'delivered'`, 60)
    expect(most).toBe(1)
    for (const id of ['a', 'b', 'c']) {
      const order = seen
        .at('d')
        .filter(r => r.body.data.record_id === id)
        .map(r => r.body.data.record.n)
      expect(order).toEqual([...order].sort((x, y) => x - y))
      expect(new Set(order).size).toBe(20)
    }
  })

  test('a dead letter holds up its record alone, until it is given a new schedule or cancelled', async () => {
    let down = true
    const seen = sink({ d: (_, { body }) => (down && body.data.record_id === 'bad' ? 500 : 200) })
    const at = await running(sections(), { sink: seen })
    for (const id of ['bad', 'good']) for (let n = 0; n < 3; n++) await at.send('things', { id, n })
    await at.becomes(`select count(*) from deliveries where status = 'delivered'`, 3)
    await at.becomes(`select count(*) from deliveries where status = 'dead'`, 1)
    expect(await at.rows(`select count(*)::int as n from deliveries where status = 'waiting'`)).toEqual([{ n: 2 }])
    const [waits] = await at.rows(`select id from deliveries where status = 'waiting' order by seq limit 1`)
    const [dead] = await at.rows(`select id from deliveries where status = 'dead'`)
    const env = { POSTERN_ADMIN_URL: at.adminUrl, POSTERN_ADMIN_TOKEN: ADMIN }
    const { stdout } = await cli(['deliveries', 'show', waits?.id], { env })
    expect(stdout).toMatch(new RegExp(`\\nwaits_for +${dead?.id} \\(dead\\)\\n`))
    expect(stdout).toContain(`postern deliveries retry ${dead?.id}`)
    expect((await at.admin('destinations')).data).toMatchObject([{ name: 'd', waiting: 2, dead: 1, pending: 0 }])
    down = false
    await at.admin('deliveries/retry', { method: 'POST', body: { status: 'dead', limit: 10 } })
    await at.becomes(`select count(*) from deliveries where status = 'delivered'`, 6)
    const order = seen
      .at('d')
      .filter(r => r.body.data.record_id === 'bad')
      .map(r => r.body.data.record.n)
    expect(order).toEqual([0, 0, 0, 0, 1, 2])
  })

  test('cancelling a dead letter lets the next go', async () => {
    const seen = sink({ d: (_, { body }) => (body.data.record.n === 0 ? 500 : 200) })
    const at = await running(sections(), { sink: seen })
    for (let n = 0; n < 3; n++) await at.send('things', { id: 'x', n })
    await at.becomes(`select count(*) from deliveries where status = 'dead'`, 1)
    const [{ id }] = (await at.rows(`select id from deliveries where status = 'dead'`)) as [{ id: string }]
    await at.admin(`deliveries/${id}/cancel`, { method: 'POST' })
    await at.becomes(`select count(*) from deliveries where status = 'delivered'`, 2)
    expect(seen.at('d').map(r => r.body.data.record.n)).toEqual([0, 0, 0, 1, 2])
  })
})
