import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import ipaddr from 'ipaddr.js'
import { conformance, harness, type Sent } from '#core/testing.ts'
import authBearer from '../auth-bearer/index.ts'
import authNone from '../auth-none/index.ts'
import ipAllow from './index.ts'
import { compileWithin, parseAddress, parseRange, type Range } from './range.ts'

const settings = {
  allow: ['192.0.2.0/24', '198.51.100.7', '10.0.0.0/8', '2001:db8::/32', '2001:db9::1', '::ffff:203.0.113.5'],
  deny: ['10.66.0.0/16', '2001:db8:bad::/48'],
}

async function verdict(ip: string, more: Record<string, unknown> = settings, request: Sent = {}) {
  const { reply } = await (await harness(ipAllow, more)).send({ ip, ...request })
  if (!reply) return 'pass'
  expect(reply).toMatchObject({ kind: 'refusal', code: 'UNAUTHORIZED', status: 401 })
  return reply.kind === 'refusal' ? reply.reason : 'no refusal'
}

describe('who is let in', () => {
  const rows: [string, string][] = [
    ['192.0.2.0', 'pass'],
    ['192.0.2.255', 'pass'],
    ['192.0.1.255', 'address-not-allowed'],
    ['192.0.3.0', 'address-not-allowed'],
    ['198.51.100.7', 'pass'],
    ['198.51.100.6', 'address-not-allowed'],
    ['10.65.255.255', 'pass'],
    ['10.66.0.0', 'address-denied'],
    ['10.66.255.255', 'address-denied'],
    ['10.67.0.0', 'pass'],
    ['::ffff:192.0.2.9', 'pass'],
    ['::FFFF:c000:0209', 'pass'],
    ['::ffff:10.66.0.1', 'address-denied'],
    ['::ffff:192.0.3.9', 'address-not-allowed'],
    ['203.0.113.5', 'pass'],
    ['::ffff:203.0.113.5', 'pass'],
    ['2001:db8::', 'pass'],
    ['2001:db8:ffff:ffff:ffff:ffff:ffff:ffff', 'pass'],
    ['2001:DB8:0:0::1', 'pass'],
    ['2001:db8:bad::1', 'address-denied'],
    ['2001:db9::1', 'pass'],
    ['2001:db9::2', 'address-not-allowed'],
    ['::192.0.2.9', 'address-unreadable'],
    ['64:ff9b::192.0.2.9', 'address-not-allowed'],
    ['2002:c000:0209::1', 'address-not-allowed'],
    ['::1', 'address-not-allowed'],
    ['127.0.0.1', 'address-not-allowed'],
    ['', 'address-unreadable'],
    ['unknown', 'address-unreadable'],
    ['192.0.2.9:1234', 'address-unreadable'],
    ['192.0.2', 'address-unreadable'],
    ['192.0.2.09', 'address-unreadable'],
    ['3221225993', 'address-unreadable'],
    ['0xc0000209', 'address-unreadable'],
    ['[2001:db8::1]', 'address-unreadable'],
    ['2001:db8::1%eth0', 'address-unreadable'],
    [' 192.0.2.9', 'address-unreadable'],
    ['192.0.2.9, 192.0.2.9', 'address-unreadable'],
    ['1'.repeat(10_000), 'address-unreadable'],
  ]
  test.each(rows)('%s: %s', async (ip, wanted) => {
    expect(await verdict(ip)).toBe(wanted)
  })

  test.each([
    ['0.0.0.0/0', '203.0.113.9', 'pass'],
    ['0.0.0.0/0', '2001:db8::1', 'address-not-allowed'],
    ['::/0', '2001:db8::1', 'pass'],
    ['::/0', '203.0.113.9', 'address-not-allowed'],
    ['::/0', '::ffff:203.0.113.9', 'address-not-allowed'],
    ['203.0.113.9/32', '203.0.113.9', 'pass'],
    ['203.0.113.8/31', '203.0.113.9', 'pass'],
    ['2001:db8::1/128', '2001:db8::1', 'pass'],
    ['2001:db8::/127', '2001:db8::2', 'address-not-allowed'],
  ])('%s and %s: %s', async (range, ip, wanted) => {
    expect(await verdict(ip, { allow: [range] })).toBe(wanted)
  })

  test('what the request says of its address counts for nothing', async () => {
    const claims = ['x-forwarded-for', 'x-real-ip', 'forwarded', 'true-client-ip', 'cf-connecting-ip', 'client-ip']
    const headers = Object.fromEntries(claims.map(name => [name, '192.0.2.9']))
    expect(await verdict('203.0.113.9', settings, { headers })).toBe('address-not-allowed')
    expect(await verdict('192.0.2.9', settings, { headers: { 'x-forwarded-for': '203.0.113.9' } })).toBe('pass')
  })

  test('one answer, whatever the reason', async () => {
    const bench = await harness(ipAllow, settings)
    const [one, other] = await Promise.all(['10.66.0.1', '203.0.113.9'].map(async ip => (await bench.send({ ip })).reply))
    expect({ ...one, reason: '' } as object).toEqual({ ...other, reason: '' })
  })

  test('body, method and type are all the same to it', async () => {
    const odd = { method: 'GET', headers: { 'content-type': 'x/y' }, body: new Uint8Array([0xff]) }
    expect([await verdict('192.0.2.9', settings, odd), await verdict('192.0.3.9', settings, odd)]).toEqual(['pass', 'address-not-allowed'])
  })
})

describe('settings that do not load', () => {
  const rows: [string, RegExp][] = [
    ['', /is no address and no range: write 192\.0\.2\.1/],
    ['example.com', /is no address/],
    ['10.0.0', /is no address/],
    ['010.0.0.1', /is no address/],
    ['10.0.0.0/8/8', /is no address/],
    ['/8', /is no address/],
    ['10.0.0.0-10.0.0.9', /is no address/],
    ['10.*', /is no address/],
    ['::192.0.2.1', /is no address/],
    ['fe80::1%eth0', /is no address/],
    ['10.0.0.0/33', /has no number of bits from 0 to 32 behind the slash: write 10\.0\.0\.0 for/],
    ['10.0.0.0/', /has no number of bits/],
    ['10.0.0.0/08', /has no number of bits/],
    ['10.0.0.0/-1', /has no number of bits/],
    ['10.0.0.0/255.0.0.0', /has no number of bits/],
    ['2001:db8::/129', /from 0 to 128 .* write 2001:db8:: for/],
    ['10.1.2.3/8', /has bits set behind the first 8: write 10\.0\.0\.0\/8, or 10\.1\.2\.3 for the one address/],
    ['2001:db8::1/32', /write 2001:db8::\/32, or 2001:db8::1 for/],
    ['::ffff:10.0.0.0/104', /write it as IPv4, such as 10\.0\.0\.0\/24/],
  ]
  test.each(rows)('%s', async (text, wanted) => {
    for (const name of ['allow', 'deny']) {
      const made = harness(ipAllow, { ...settings, [name]: ['192.0.2.1', text] })
      const message = await made.then(
        () => 'accepted',
        error => String(error.message),
      )
      expect(message).toStartWith(`/${name}/1 `)
      expect(message).toMatch(wanted)
    }
  })

  test.each([[{}], [{ allow: [] }], [{ deny: ['192.0.2.1'] }], [{ allow: Array.from({ length: 1001 }, () => '192.0.2.1') }]])(
    '%j',
    async config => {
      await expect(harness(ipAllow, config)).rejects.toThrow(/^\/allow /)
    },
  )
})

test('finds what ipaddr.js finds', () => {
  const ip = fc.oneof(
    fc.ipV4(),
    fc.ipV6().filter(text => parseAddress(text) !== undefined && !/^::\d+\./.test(text)),
    fc.constantFrom('10.1.2.3', '10.1.2.4', '2001:db8::5'),
  )
  const range = fc.tuple(ip, fc.nat(128)).map(([text, bits]): [string, number] => {
    const { kind } = parseAddress(text)!
    return [text, kind === 'ipv4' ? bits % 33 : bits]
  })
  const compile = ([text, bits]: [string, number]): Range => {
    const { kind, value } = parseAddress(text)!
    const shift = BigInt((kind === 'ipv4' ? 32 : 128) - bits)
    return { kind, start: (value >> shift) << shift, bits }
  }
  fc.assert(
    fc.property(fc.array(range, { maxLength: 8 }), ip, (ranges, text) => {
      const address = ipaddr.process(text)
      const wanted = ranges.some(([start, bits]) => {
        const other = ipaddr.process(start)
        return other.kind() === address.kind() && address.match(other as never, bits)
      })
      expect(compileWithin(ranges.map(compile))(parseAddress(text)!)).toBe(wanted)
    }),
    { numRuns: 500 },
  )
})

test('no text makes it throw, and none that is no address passes', async () => {
  const bench = await harness(ipAllow, { allow: ['0.0.0.0/0', '::/0'] })
  const text = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(...'0123456789abcdef:.%/[]') }))
  await fc.assert(
    fc.asyncProperty(text, async ip => {
      const { reply } = await bench.send({ ip })
      if (ipaddr.isValid(ip) && reply === undefined) return
      expect(reply).toMatchObject({ code: 'UNAUTHORIZED', reason: 'address-unreadable' })
      expect(typeof parseRange(ip)).toBe('string')
    }),
    { numRuns: 500 },
  )
})

describe('lint', () => {
  const step = (plugin: any) => ({ plugin, settings: {}, shown: {} })
  const lenient = { ...authBearer, name: 'auth-lenient', verifies: false }
  const rows: [string, any[], string[], string[]][] = [
    ['alone', [ipAllow], ['192.0.2.1'], ['']],
    ['with auth-none', [ipAllow, authNone], ['192.0.2.1'], ['']],
    ['with a step that lets everybody in', [lenient, ipAllow], ['192.0.2.1'], ['']],
    ['with itself', [ipAllow, ipAllow], ['192.0.2.1'], ['']],
    ['within a step that is the only other one', [{ ...authBearer, name: 'auth-any' }], ['192.0.2.1'], ['']],
    ['with a key', [ipAllow, authBearer], ['192.0.2.1'], []],
    ['with everybody', [ipAllow, authBearer], ['192.0.2.1', '::/0'], ['/allow/1']],
  ]
  test.each(rows)('%s', (_, plugins, allow, wanted) => {
    const chain = plugins.map(step)
    expect(ipAllow.lint?.({ allow }, { chain, index: 0 } as any).map(({ path }) => path)).toEqual(wanted)
  })
})

describe('diagnosis', () => {
  const rows: [string, Sent, string[]][] = [
    ['no address', { ip: 'unknown' }, ['address-unreadable']],
    ['a denied one', { ip: '10.66.0.1' }, ['address-denied']],
    ['a stranger', { ip: '203.0.113.9' }, ['address-not-allowed']],
    ['a proxy', { ip: '172.16.0.1', headers: { 'x-forwarded-for': '1.2.3.4, 192.0.2.9' } }, ['untrusted-proxy', 'address-not-allowed']],
    ['a proxy for a stranger', { ip: '172.16.0.1', headers: { 'x-forwarded-for': '1.2.3.4, x' } }, ['address-not-allowed']],
  ]
  test.each(rows)('%s', async (_, request, wanted) => {
    const { reply, exchange } = await (await harness(ipAllow, settings)).send(request)
    expect(reply).toMatchObject({ code: 'UNAUTHORIZED' })
    const findings = (await ipAllow.diagnose?.(settings, exchange, { now: () => 0, publicUrl: undefined, webhook: 'test' })) ?? []
    expect(findings.map(finding => finding.code)).toEqual(wanted)
  })
})

test('keeps the contract', async () => {
  const examples = [
    { settings, request: { ip: '192.0.2.9' }, expect: 'pass' },
    { settings, request: { ip: '203.0.113.9' }, expect: 'UNAUTHORIZED' },
  ]
  expect(await conformance(ipAllow, examples)).toEqual([])
})
