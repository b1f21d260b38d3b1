/** Attempts: how often, when, and what becomes of a delivery. */
import { describe, expect, test } from 'bun:test'
import { hostname } from 'node:os'
import { available } from '../support/available.ts'
import { postgres } from '../support/postgres.ts'
import { running } from './fixture.ts'
import { hang, sink } from './sink.ts'

const onPostgres = await available('Postgres', postgres)
const retry = 'retry: { schedule: [0s, 100ms, 200ms] }'

/** One event for one destination of these settings. */
async function delivered(settings: string, behave: Parameters<typeof sink>[0]) {
  const seen = sink(behave)
  const at = await running(
    `subscriptions: { s: { webhooks: [things], to: [d] } }\ndestinations: { d: { url: "SINK/d", allowPrivate: true, ${settings} } }\n`,
    { sink: seen },
  )
  await at.send('things', { id: 'x1' })
  return { seen, at, all: () => seen.at('d') }
}

const ATTEMPTS = 'select attempt, status, error, response from attempts order by attempt'

onPostgres('an attempt that fails', () => {
  test('is made again with the same id, body and growing waits, and a timestamp of its own', async () => {
    const { seen, at, all } = await delivered(retry, { d: n => (n < 2 ? 503 : 200) })
    await seen.until(() => all().length === 3)
    await at.becomes('select status from deliveries', 'delivered')
    expect(new Set(all().map(r => r.headers.get('webhook-id'))).size).toBe(1)
    expect(new Set(all().map(r => r.text)).size).toBe(1)
    const [first, second, third] = all().map(r => r.from) as [number, number, number]
    expect(second - first).toBeGreaterThanOrEqual(95)
    expect(third - second).toBeGreaterThanOrEqual(195)
    expect(await at.rows(ATTEMPTS)).toEqual([
      { attempt: 1, status: 503, error: 'HTTP_503', response: 'answer 0' },
      { attempt: 2, status: 503, error: 'HTTP_503', response: 'answer 1' },
      { attempt: 3, status: 200, error: null, response: 'answer 2' },
    ])
  })

  const answers: [string, string, Parameters<typeof sink>[0], string, string | null][] = [
    ['the last one', retry, { d: () => 500 }, 'dead', 'HTTP_500'],
    [
      'a redirect, which is not followed',
      'retry: { attempts: 1 }',
      { d: () => Response.redirect('http://127.0.0.1:1/', 302) },
      'dead',
      'HTTP_302',
    ],
    ['a client error', 'retry: { attempts: 1 }', { d: () => 404 }, 'dead', 'HTTP_404'],
    ['no answer in time', 'timeout: 200ms, retry: { attempts: 1 }', { d: hang }, 'dead', 'TIMEOUT'],
    ['any 2xx', retry, { d: () => 204 }, 'delivered', null],
  ]
  test.each(answers)('%s', async (_, settings, behave, status, error) => {
    const { at, all } = await delivered(settings, behave)
    await at.becomes('select status from deliveries', status)
    const [row] = await at.rows('select last_error, attempts from deliveries')
    expect(row).toEqual({ last_error: error, attempts: all().length })
    expect(await at.rows('select * from postern_queue.job')).toEqual([])
  })

  test('Retry-After is honoured', async () => {
    const { seen, all } = await delivered(retry, {
      d: n => (n === 0 ? new Response('', { status: 429, headers: { 'retry-after': '1' } }) : 200),
    })
    await seen.until(() => all().length === 2)
    expect((all()[1]?.from ?? 0) - (all()[0]?.to ?? 0)).toBeGreaterThanOrEqual(990)
  })

  test('410 pauses the destination; resumed, it goes on', async () => {
    let gone = true
    const { seen, at, all } = await delivered(retry, { d: () => (gone ? 410 : 200) })
    await at.becomes(`select pause_reason from destinations`, 'gone')
    await at.send('things', { id: 'x2' })
    await at.becomes('select count(*) from deliveries', 2)
    expect(all().length).toBe(1)
    gone = false
    await at.admin('destinations/d/resume', { method: 'POST' })
    await seen.until(() => all().length === 3)
    await at.becomes(`select count(*) from deliveries where status = 'delivered'`, 2)
  })

  test('nothing but failures for disableAfter pauses it', async () => {
    const { at } = await delivered('disableAfter: 500ms, retry: { attempts: 50, backoff: 50ms, max: 50ms }', { d: () => 500 })
    await at.becomes(`select pause_reason from destinations`, 'failing')
    expect(await at.rows('select status from deliveries')).toEqual([{ status: 'pending' }])
  })

  test('an answer is kept to its first 4 KiB, and a NUL in it does no harm', async () => {
    const { at } = await delivered(retry, { d: () => new Response(`\0${'x'.repeat(100_000)}`) })
    await at.becomes('select status from deliveries', 'delivered')
    const [row] = await at.rows('select length(response) as n from attempts')
    expect(row?.n).toBe(4096)
  })
})

onPostgres('a name that resolves to a forbidden address', () => {
  test('is not connected to', async () => {
    const seen = sink()
    const at = await running(
      `subscriptions: { s: { webhooks: [things], to: [d] } }
destinations: { d: { url: "http://${hostname()}:${new URL(seen.url).port}/d", retry: { attempts: 1 } } }\n`,
    )
    await at.send('things', { id: 'x1' })
    await at.becomes('select last_error from deliveries', 'BLOCKED_ADDRESS')
    expect(seen.received).toEqual([])
    expect((await at.rows('select message from attempts'))[0]?.message).toContain('allowPrivate')
  })
})

onPostgres('an operator', () => {
  test('pauses and resumes a destination', async () => {
    const { seen, at, all } = await delivered(retry, {})
    await seen.until(() => all().length === 1)
    await at.admin('destinations/d/pause', { method: 'POST' })
    await at.send('things', { id: 'x2' })
    await at.becomes('select count(*) from deliveries', 2)
    await new Promise(done => setTimeout(done, 700))
    expect(all().length).toBe(1)
    await at.admin('destinations/d/resume', { method: 'POST' })
    await seen.until(() => all().length === 2)
  })

  test('gives a dead letter a new schedule, and it keeps its id', async () => {
    let down = true
    const { seen, at, all } = await delivered('retry: { schedule: [0s, 50ms] }', { d: () => (down ? 500 : 200) })
    await at.becomes('select status from deliveries', 'dead')
    const [{ id }] = (await at.rows('select id from deliveries')) as [{ id: string }]
    await at.admin(`deliveries/${id}/retry`, { method: 'POST' })
    await seen.until(() => all().length === 4)
    await at.becomes('select status from deliveries', 'dead')
    down = false
    expect(await at.admin('deliveries/retry', { method: 'POST', body: { destination: 'd', status: 'dead', limit: 100 } })).toEqual({
      data: { redriven: 1, left: 0 },
    })
    await at.becomes('select status from deliveries', 'delivered')
    expect(new Set(all().map(r => r.headers.get('webhook-id'))).size).toBe(1)
    expect((await at.rows('select attempt from attempts order by attempt')).map(r => r.attempt)).toEqual([1, 2, 3, 4, 5])
  })

  test('makes a waiting retry at once', async () => {
    const { seen, at, all } = await delivered('retry: { schedule: [0s, 1h] }', { d: n => (n === 0 ? 500 : 200) })
    await at.becomes('select attempts from deliveries', 1)
    const [{ id }] = (await at.rows('select id from deliveries')) as [{ id: string }]
    await at.admin(`deliveries/${id}/retry`, { method: 'POST' })
    await seen.until(() => all().length === 2)
  })

  test('cancels what is not wanted any more', async () => {
    const { at, all } = await delivered('retry: { schedule: [0s, 300ms] }', { d: () => 500 })
    await at.becomes('select attempts from deliveries', 1)
    const [{ id }] = (await at.rows('select id from deliveries')) as [{ id: string }]
    await at.admin(`deliveries/${id}/cancel`, { method: 'POST' })
    await new Promise(done => setTimeout(done, 600))
    expect(all().length).toBe(1)
    expect(await at.rows('select status from deliveries')).toEqual([{ status: 'cancelled' }])
    await at.becomes('select count(*) from postern_queue.job', 0)
  })
})

onPostgres('destinations share nothing', () => {
  test('one that hangs and one that is dead delay no other', async () => {
    const seen = sink({ hangs: hang, dead: () => 500 })
    const at = await running(
      `subscriptions: { s: { webhooks: [things], to: [hangs, dead, good] } }
destinations:
  hangs: { url: "SINK/hangs", allowPrivate: true, timeout: 60s, concurrency: 2 }
  dead: { url: "SINK/dead", allowPrivate: true, concurrency: 2 }
  good: { url: "SINK/good", allowPrivate: true, concurrency: 2 }\n`,
      { sink: seen },
    )
    for (let i = 0; i < 60; i++) await at.send('things', { id: `x${i}` })
    await seen.until(() => seen.at('good').length === 60)
    expect(seen.at('hangs').length).toBe(2)
    // Its end does not wait for what hangs longer than it has to.
    at.kill()
  })

  test('no more attempts at a time than the concurrency, and no faster than the rate', async () => {
    const slow = async () => {
      await new Promise(done => setTimeout(done, 20))
      return 200
    }
    const seen = sink({ few: slow, rated: () => 200 })
    const at = await running(
      `subscriptions: { s: { webhooks: [things], to: [few, rated] } }
destinations:
  few: { url: "SINK/few", allowPrivate: true, concurrency: 3 }
  rated: { url: "SINK/rated", allowPrivate: true, rate: { limit: 10, per: 500ms } }\n`,
      { sink: seen },
    )
    for (let i = 0; i < 30; i++) await at.send('things', { id: `x${i}` })
    await seen.until(() => seen.at('few').length === 30 && seen.at('rated').length === 30)
    expect(seen.most('few')).toBe(3)
    const times = seen.at('rated').map(r => r.from)
    for (let i = 10; i < 30; i++) expect((times[i] as number) - (times[i - 10] as number)).toBeGreaterThanOrEqual(480)
  })
})

describe('the embedded store', () => {
  test('makes attempts again, and keeps dead letters', async () => {
    const seen = sink({ d: n => (n < 2 ? 500 : 200), never: () => 500 })
    const at = await running(
      `subscriptions: { s: { webhooks: [things], to: [d, never] } }
destinations:
  d: { url: "SINK/d", allowPrivate: true, retry: { schedule: [0s, 50ms, 50ms] } }
  never: { url: "SINK/never", allowPrivate: true, retry: { schedule: [0s, 50ms] } }\n`,
      { sink: seen, database: 'pglite://memory' },
    )
    await at.send('things', { id: 'x1' })
    await seen.until(() => seen.at('d').length === 3 && seen.at('never').length === 2)
    expect(await at.stop()).toBe(0)
  })
})
