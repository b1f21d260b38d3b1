/** Who is let into the admin API. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { openGate } from '#core/admin/gate.ts'
import { embedded, T0, TOKEN, type World } from './world.ts'

setDefaultTimeout(30_000)
let it: World
beforeAll(async () => {
  it = await embedded()
})
afterAll(() => it.close())

const wrong: [what: string, authorization: string | undefined][] = [
  ['none', undefined],
  ['empty', ''],
  ['the scheme alone', 'Bearer'],
  ['an empty one', 'Bearer '],
  ['another', 'Bearer admin-token'],
  ['one letter more', `Bearer ${TOKEN}x`],
  ['one letter less', `Bearer ${TOKEN.slice(0, -1)}`],
  ['other case', `Bearer ${TOKEN.toUpperCase()}`],
  ['no scheme', TOKEN],
  ['another scheme', `Basic ${TOKEN}`],
  ['twice', `Bearer ${TOKEN}, Bearer ${TOKEN}`],
  ['a word after it', `Bearer ${TOKEN} x`],
]

test('whatever is wrong with the token, the answer is the same', async () => {
  const seen = new Set<string>()
  for (const [, authorization] of wrong) {
    it.clock.now += 60_000
    for (const path of ['/admin/v1/webhooks', '/admin/v1/nothing', '/admin/openapi.json', '/']) {
      const response = await fetch(it.url + path, authorization === undefined ? {} : { headers: { authorization } })
      const { status, headers } = response
      seen.add(`${status} ${headers.get('www-authenticate')} ${headers.get('content-type')} ${await response.text()}`)
    }
  }
  expect([...seen]).toEqual([
    '401 Bearer realm="postern" application/problem+json {"type":"about:blank","title":"The admin API wants its token: Authorization: Bearer TOKEN.","status":401,"code":"UNAUTHORIZED"}',
  ])
})

test('the scheme is written in any case', async () => {
  expect((await it.ask('GET', '/webhooks', undefined, { authorization: `bearer ${TOKEN}` })).status).toBe(200)
})

test('after ten wrong ones in a minute more of them are 429, and the right one is let in all the same', async () => {
  it.clock.now += 60_000
  const guess = async () => (await it.ask('GET', '/webhooks', undefined, { authorization: 'Bearer guess' })).status
  const statuses = []
  for (let n = 0; n < 12; n++) statuses.push(await guess())
  expect(statuses).toEqual([...Array(10).fill(401), 429, 429])
  expect((await it.ask('GET', '/webhooks')).status).toBe(200)
  it.clock.now += 20_500
  const late = await it.ask('GET', '/webhooks', undefined, { authorization: '' })
  expect([late.status, late.headers.get('retry-after'), late.body.code]).toEqual([429, '40', 'RATE_LIMITED'])
  it.clock.now += 39_500
  expect(await guess()).toBe(401)
})

/** A gate with a clock of its own. */
function gate() {
  const clock = { now: T0 }
  const told: string[] = []
  const judge = openGate({ token: () => TOKEN, now: () => clock.now, refused: ip => told.push(ip) })
  return { clock, told, guess: (ip: string) => judge(ip, 'Bearer guess')?.status }
}

test.each([
  ['192.0.2.1', '192.0.2.2', false],
  ['2001:db8::1', '2001:db8::2', true],
  ['2001:db8:0:0:1::1', '2001:db8::2', true],
  ['2001:db8:0:1::1', '2001:db8:0:2::1', false],
  ['::1', '2001:db8::1', false],
])('%s and %s count together: %p', (one, other, together) => {
  const { guess } = gate()
  for (let n = 0; n < 10; n++) expect(guess(one)).toBe(401)
  expect(guess(one)).toBe(429)
  expect(guess(other)).toBe(together ? 429 : 401)
})

test('the log hears of an address once a minute', () => {
  const { guess, told, clock } = gate()
  for (let n = 0; n < 30; n++) guess('192.0.2.1')
  clock.now += 60_000
  for (let n = 0; n < 30; n++) guess('192.0.2.1')
  expect(told).toEqual(['192.0.2.1', '192.0.2.1'])
})

test('the table of addresses is bounded: the oldest is forgotten', () => {
  const { guess } = gate()
  for (let n = 0; n < 11; n++) guess('192.0.2.1')
  for (let n = 0; n < 10_000; n++) guess(`10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`)
  expect(guess('192.0.2.1')).toBe(401)
})

test('an empty token lets nobody in', () => {
  const judge = openGate({ token: () => '', now: () => T0, refused: () => {} })
  expect([judge('192.0.2.1', 'Bearer '), judge('192.0.2.1', null)].map(r => r?.status)).toEqual([401, 401])
})
