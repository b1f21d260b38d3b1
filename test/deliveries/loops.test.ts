/** Deliveries of our own that come back. */
import { expect, test } from 'bun:test'
import { available } from '../support/available.ts'
import { postgres } from '../support/postgres.ts'
import { type Running, running } from './fixture.ts'
import { sink } from './sink.ts'

const onPostgres = await available('Postgres', postgres)
const sections = `
subscriptions:
  all: { webhooks: [things, guarded, trusting], to: [d] }
destinations: { d: { url: "SINK/d", allowPrivate: true } }
`
const events = async (at: Running) => (await at.rows('select count(*)::int as n from events'))[0]?.n

onPostgres('a request with the header of our deliveries', () => {
  test('raises no event when it names one of ours, and does when it is forged', async () => {
    const seen = sink()
    const at = await running(sections, { sink: seen })
    await at.send('things', { id: 'x1' })
    await seen.until(() => seen.at('d').length === 1)
    const id = seen.at('d')[0]?.headers.get('x-postern-webhook-id') as string
    const rows: [string, string, string, number][] = [
      ['guarded', id, 'known', 1],
      ['guarded', 'evt_01JD0000000000000000000000', 'made up', 2],
      ['guarded', 'anything', 'no id at all', 3],
      ['guarded', `${id}, ${id}`, 'twice', 4],
      ['things', id, 'no loop guard', 5],
      ['trusting', 'anything', 'trust: any', 5],
    ]
    for (const [webhook, value, why, total] of rows) {
      await at.send(webhook, { id: `r-${why}` }, { 'x-postern-webhook-id': value })
      expect([why, await events(at)]).toEqual([why, total])
    }
    expect((await at.rows('select count(*)::int as n from records'))[0]?.n).toBe(7)
  })

  test('an event that goes round in circles ends after five turns', async () => {
    // What a careless integration does: it posts every delivery back, headers and all.
    const seen = sink({
      async d(_, { headers }) {
        const back = Object.fromEntries([...headers].filter(([name]) => name.startsWith('x-postern')))
        void running_.send('things', { id: 'x1' }, back)
        return 200
      },
    })
    const running_ = await running(sections, { sink: seen })
    await running_.send('things', { id: 'x1' })
    await running_.becomes(`select count(*) from deliveries where status = 'delivered'`, 5)
    await new Promise(done => setTimeout(done, 500))
    expect(await events(running_)).toBe(5)
    expect(seen.at('d').map(r => r.headers.get('x-postern-hops')?.split(';')[0])).toEqual(['1', '2', '3', '4', '5'])
    // A count that we did not sign silences nothing.
    const id = seen.at('d')[4]?.headers.get('x-postern-webhook-id') as string
    await running_.send('notes', {}, { 'x-postern-webhook-id': id, 'x-postern-hops': `9;${'0'.repeat(64)}` })
    expect(await events(running_)).toBe(6)
  })
})
