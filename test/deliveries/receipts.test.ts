/** What a destination makes of an attempt, when it is not what was hoped for: receipts of a plugin that are none, and redirects. */
import { expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { available } from '../support/available.ts'
import { folder } from '../support/child.ts'
import { postgres } from '../support/postgres.ts'
import { running, webhooks } from './fixture.ts'
import { sink } from './sink.ts'

const onPostgres = await available('Postgres', postgres)

/** A kind of destination that ends each attempt as its setting says. */
const odd = `export default ({ defineDestination, Type }) => defineDestination({
  name: 'odd',
  summary: 'Ends attempts in odd ways.',
  config: Type.Object({ way: Type.String({ description: 'How.' }) }, { additionalProperties: false }),
  open: ({ way }) => ({
    send: {
      nothing: async () => undefined,
      'no promise': () => undefined,
      text: async () => 'ok',
      empty: async () => ({}),
      'nearly ok': async () => ({ ok: 'true', status: 200 }),
      'no code': async () => ({ ok: false, message: 'went wrong' }),
      'a code of any length': async () => ({ ok: false, code: 'x'.repeat(1000), message: 'y'.repeat(100000) }),
      'other types': async () => ({ ok: false, code: 7, message: { a: 1 }, status: '500', response: 5, retryAfter: 'soon', gone: 'yes', hopeless: 1 }),
      'a wait of no length': async () => ({ ok: false, code: 'BUSY', message: 'busy', retryAfter: -1e12 }),
      'a status of no size': async () => ({ ok: false, code: 'BUSY', message: 'busy', status: 1e300 }),
      'a trap': async () => ({ ok: false, code: 'BUSY', get message() { throw new Error('trap') } }),
      'text that cannot be kept': async () => ({ ok: false, code: 'BUSY', message: 'a\\u0000b\\ud800', response: '\\u0000' }),
      throws: () => { throw new Error('at once') },
      rejects: async () => { throw new Error('later') },
      'rejects with nothing': () => Promise.reject(),
      never: () => new Promise(() => {}),
    }[way],
  }),
})`

interface Attempt {
  status: number | null
  error: string
  message: string
}
const failed = (error: string, message: string | RegExp, status: number | null = null) => ({
  status,
  error,
  message: expect.stringMatching(message),
})

onPostgres('a receipt of a plugin that is none', () => {
  const rows: [way: string, attempt: ReturnType<typeof failed>][] = [
    ['nothing', failed('SENDER_FAILED', 'send returned no receipt')],
    ['no promise', failed('SENDER_FAILED', 'send returned no receipt')],
    ['text', failed('SENDER_FAILED', 'send returned no receipt')],
    ['empty', failed('SENDER_FAILED', 'neither true nor false')],
    ['nearly ok', failed('SENDER_FAILED', 'neither true nor false', 200)],
    ['no code', failed('SENDER_FAILED', /^went wrong$/)],
    ['a code of any length', failed('SENDER_FAILED', /^y{4096}$/)],
    ['other types', failed('SENDER_FAILED', 'send gave no reason')],
    ['a wait of no length', failed('BUSY', 'busy')],
    ['a status of no size', failed('BUSY', 'busy')],
    ['a trap', failed('SENDER_FAILED', 'trap')],
    ['text that cannot be kept', failed('BUSY', /^a\ufffdb\ufffd$/)],
    ['throws', failed('SENDER_FAILED', 'at once')],
    ['rejects', failed('SENDER_FAILED', 'later')],
    ['rejects with nothing', failed('SENDER_FAILED', 'the kind of destination failed')],
    ['never', failed('TIMEOUT', 'did not end')],
  ]
  const name = (way: string) => way.replaceAll(' ', '-')

  test('is a failure that is tried again, and holds up no other destination', async () => {
    const seen = sink()
    const home = folder()
    writeFileSync(join(home, 'odd.ts'), odd)
    const settings = rows.map(([way]) => `  ${name(way)}: { type: odd, way: "${way}", timeout: 200ms, retry: { schedule: [0s, 50ms] } }`)
    const file = join(home, 'postern.yaml')
    writeFileSync(
      file,
      `${webhooks}
plugins: [./odd.ts]
subscriptions: { s: { webhooks: [things], to: [${rows.map(([way]) => name(way))}, good] } }
destinations:
  good: { url: "${seen.url}/good", allowPrivate: true }
${settings.join('\n')}\n`,
    )
    const at = await running('', { file })
    await at.send('things', { id: 'x1' })
    await seen.until(() => seen.at('good').length === 1, 4000)
    await at.becomes(`select count(*) from deliveries where status = 'dead'`, rows.length, 25_000)
    const all = await at.rows<Attempt & { destination: string; attempt: number }>(
      'select destination, attempt, a.status, error, message from attempts a join deliveries d on d.id = a.delivery',
    )
    const told = Object.fromEntries(
      rows.map(([way]) => [
        way,
        all
          .filter(one => one.destination === name(way))
          .sort((a, b) => a.attempt - b.attempt)
          .map(({ status, error, message }) => ({ status, error, message })),
      ]),
    )
    expect(told).toEqual(Object.fromEntries(rows.map(([way, attempt]) => [way, [attempt, attempt]])))
    expect(await at.rows('select * from postern_queue.job')).toEqual([])
  })
})

onPostgres('a redirect to a private address', () => {
  test.each([301, 302, 303, 307, 308])('%i is a failure, and nobody goes there', async status => {
    const inside = sink()
    const seen = sink({ d: () => new Response(null, { status, headers: { location: `${inside.url}/secret` } }) })
    const file = join(folder(), 'postern.yaml')
    // The guard lets both addresses pass: that nobody goes there is not its doing.
    writeFileSync(
      file,
      `${webhooks.replace('drainDelay: 0s', 'drainDelay: 0s, allowedCidrs: [127.0.0.1/32]')}
subscriptions: { s: { webhooks: [things], to: [d] } }
destinations: { d: { url: "${seen.url}/d", retry: { schedule: [0s, 50ms] } } }\n`,
    )
    const at = await running('', { file })
    await at.send('things', { id: 'x1' })
    await at.becomes('select status from deliveries', 'dead')
    const attempt = { status, error: `HTTP_${status}`, message: `answered ${status}: a redirect is not followed` }
    expect(await at.rows('select status, error, message from attempts')).toEqual([attempt, attempt])
    expect(inside.received).toEqual([])
  })
})
