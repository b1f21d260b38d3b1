import { expect, test } from 'bun:test'
import { conformance, harness } from '#core/testing.ts'
import quota from './index.ts'

const rate = (limit: number, more = {}) => ({ rate: { limit, per: '10s', ...more } })

test('keeps the contract', async () => {
  const faults = await conformance(quota, [
    { settings: { records: 1 }, expect: 'pass' },
    { settings: rate(1, { by: 'ip' }), expect: 'pass' },
  ])
  // An example is one request: it finds no full window, and no counters that are away. The tests below do.
  expect(faults.filter(fault => !fault.startsWith('no example is refused with'))).toEqual([])
})

test('counts records in the commit, with the words of the seeds for the one too many', async () => {
  const { reply, staged } = await (await harness(quota, { records: 10_000 }, { webhook: 'contact-form' })).send()
  expect(reply).toBeUndefined()
  expect(staged).toMatchObject([
    {
      effect: 'quota',
      arg: {
        scope: 'contact-form',
        limit: 10_000,
        exceeded: { code: 'QUOTA_EXCEEDED', status: 429, details: { _general: ['Record count quota exceeded.'] } },
      },
    },
  ])
})

test('webhooks with one scope count together', async () => {
  const { staged } = await (await harness(quota, { records: 0, scope: 'tenant-7' })).send()
  expect(staged[0]?.arg).toMatchObject({ scope: 'tenant-7', limit: 0 })
})

test('a full window refuses with whole seconds to wait, at least one, and stages nothing', async () => {
  const bench = await harness(quota, { ...rate(2), records: 5 })
  const codes: unknown[] = []
  for (let i = 0; i < 3; i++) codes.push((await bench.send()).reply)
  expect(codes).toMatchObject([undefined, undefined, { code: 'RATE_LIMITED', status: 429, retryAfter: 10 }] as any)
  bench.now += 9_999
  const { reply, staged } = await bench.send()
  expect(reply).toMatchObject({ retryAfter: 1 })
  expect(staged).toEqual([])
  bench.now += 1
  expect((await bench.send()).staged).toHaveLength(1)
})

test('closed, nothing goes through while the counters are away', async () => {
  const bench = await harness(quota, rate(1))
  bench.limiterDown = true
  expect((await bench.send()).reply).toMatchObject({ code: 'UNAVAILABLE', status: 503, retryAfter: 1, reason: expect.any(String) })
  expect(bench.warnings).toEqual([])
})

test('by ip, each address has a window of its own', async () => {
  const bench = await harness(quota, rate(1, { by: 'ip' }))
  const from = async (ip: string) => (await bench.send({ ip })).reply
  expect(await from('192.0.2.1')).toBeUndefined()
  expect(await from('192.0.2.2')).toBeUndefined()
  expect(await from('192.0.2.1')).toMatchObject({ code: 'RATE_LIMITED' })
})

test.each([
  ['2001:db8:0:1::1', '2001:db8:0:1:ffff:ffff:ffff:ffff', true],
  ['2001:db8:0:1::1', '2001:DB8::1:0:0:0:2', true],
  ['2001:db8:0:1::1', '2001:db8:0:2::1', false],
  ['fe80::1%eth0', 'fe80::2%eth0', true],
  ['192.0.2.1', '::ffff:192.0.2.1', true],
  ['192.0.2.1', '::ffff:192.0.2.2', false],
  ['2001:db8::1', 'no address', false],
])('by ip, %s and %s count together: %p', async (first, second, together) => {
  const bench = await harness(quota, rate(1, { by: 'ip' }))
  expect((await bench.send({ ip: first })).reply).toBeUndefined()
  expect((await bench.send({ ip: second })).reply?.kind === 'refusal').toBe(together)
})

test('open, requests go through while the counters are away, with one warning a minute', async () => {
  const bench = await harness(quota, { ...rate(1), records: 5, onUnavailable: 'open' })
  bench.limiterDown = true
  for (const pause of [0, 1000, 58_999, 1]) {
    bench.now += pause
    const { reply, staged } = await bench.send()
    expect(reply).toBeUndefined()
    expect(staged).toHaveLength(1)
  }
  expect(bench.warnings.map(w => w.message)).toEqual(Array(2).fill(expect.stringContaining('go through uncounted')))
})

test.each([
  {},
  { scope: 'a' },
  { records: -1 },
  { records: 1.5 },
  rate(0),
  { rate: { limit: 1, per: '0s' } },
  { rate: { limit: 1, per: '1500ms' } },
  { rate: { limit: 1 } },
])('refuses the settings %p', settings => expect(harness(quota, settings)).rejects.toThrow())

/** draft-ietf-httpapi-ratelimit-headers: the policy's name is a string, the numbers are integers. */
test('the answer tells what is left of the window, also when it is a refusal', async () => {
  const bench = await harness(quota, rate(2))
  const told = async () => [...(await bench.send()).told].map(([name, value]) => `${name}: ${value}`)
  const policy = 'ratelimit-policy: "webhook";q=2;w=10'
  expect(await told()).toEqual(['ratelimit: "webhook";r=1;t=10', policy])
  bench.now += 4_500
  expect(await told()).toEqual(['ratelimit: "webhook";r=0;t=6', policy])
  expect(await told()).toEqual(['ratelimit: "webhook";r=0;t=6', policy])
})

const silent: [string, Record<string, unknown>, boolean, string[]][] = [
  ['not when told not to', rate(1, { headers: false }), false, []],
  ['not when the counters are away', { ...rate(1), onUnavailable: 'open' }, true, []],
  ['not of records alone', { records: 1 }, false, []],
]
test.each(silent)('%s', async (_, settings, limiterDown, fields) => {
  const { told } = await (await harness(quota, settings, { limiterDown })).send()
  expect([...told.values()]).toEqual(fields)
})
