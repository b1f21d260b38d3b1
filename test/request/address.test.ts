import { describe, expect, test } from 'bun:test'
import { clientAddress, isHttps, trustedProxies } from '#core/request/address.ts'

const trusted = trustedProxies(['10.0.0.0/8', '192.0.2.7', 'fd00::/8', '::1'])
const headers = (values: Record<string, string>) => new Headers(values)

describe('the address of the sender', () => {
  test.each<[peer: string, forwarded: string | undefined, expected: string]>([
    ['203.0.113.9', undefined, '203.0.113.9'],
    ['203.0.113.9', '198.51.100.1', '203.0.113.9'], // not from a proxy of ours: a claim
    ['10.0.0.1', undefined, '10.0.0.1'],
    ['10.0.0.1', '', '10.0.0.1'],
    ['10.0.0.1', '198.51.100.1', '198.51.100.1'],
    ['192.0.2.7', '198.51.100.1', '198.51.100.1'],
    ['192.0.2.8', '198.51.100.1', '192.0.2.8'],
    ['10.0.0.1', '1.2.3.4, 198.51.100.1', '198.51.100.1'], // what stands left of the first stranger is a claim
    ['10.0.0.1', '198.51.100.1, 10.0.0.2', '198.51.100.1'],
    ['10.0.0.1', '198.51.100.1,10.9.9.9 ,  10.0.0.2', '198.51.100.1'],
    ['10.0.0.1', '10.0.0.3, 10.0.0.2', '10.0.0.3'],
    ['10.0.0.1', '198.51.100.1, nonsense, 10.0.0.2', '10.0.0.2'],
    ['10.0.0.1', '198.51.100.1, unknown', '10.0.0.1'],
    ['10.0.0.1', '198.51.100.1,', '10.0.0.1'],
    ['10.0.0.1', '127.1', '10.0.0.1'],
    ['10.0.0.1', '0x7f000001', '10.0.0.1'],
    ['10.0.0.1', '198.51.100.01', '10.0.0.1'],
    ['10.0.0.1', '198.51.100.1:4711', '198.51.100.1'],
    ['10.0.0.1', '[2001:db8::1]:4711', '2001:db8::1'],
    ['10.0.0.1', '[2001:db8::1]', '2001:db8::1'],
    ['10.0.0.1', '2001:DB8:0::1', '2001:db8::1'],
    ['10.0.0.1', 'fe80::1%eth0', '10.0.0.1'],
    ['10.0.0.1', '::ffff:198.51.100.1', '198.51.100.1'],
    ['10.0.0.1', '198.51.100.1, ::ffff:10.0.0.2', '198.51.100.1'],
    ['::ffff:10.0.0.1', '198.51.100.1', '198.51.100.1'],
    ['fd12::1', '2001:db8::1', '2001:db8::1'],
    ['::1', '198.51.100.1', '198.51.100.1'],
    ['', '198.51.100.1', ''],
  ])('from %s with %j: %s', (peer, forwarded, expected) => {
    expect(clientAddress(peer, headers(forwarded === undefined ? {} : { 'x-forwarded-for': forwarded }), trusted)).toBe(expected)
  })

  test('without trusted proxies nothing is read', () => {
    expect(trustedProxies([])).toBeUndefined()
    expect(clientAddress('10.0.0.1', undefined as never, trustedProxies([]))).toBe('10.0.0.1')
    expect(isHttps('10.0.0.1', undefined as never, trustedProxies([]), true)).toBe(true)
  })
})

describe('whether it came by HTTPS', () => {
  test.each<[peer: string, proto: string | undefined, tls: boolean, expected: boolean]>([
    ['203.0.113.9', undefined, false, false],
    ['203.0.113.9', undefined, true, true],
    ['203.0.113.9', 'https', false, false],
    ['203.0.113.9', 'http', true, true],
    ['10.0.0.1', undefined, false, false],
    ['10.0.0.1', undefined, true, true],
    ['10.0.0.1', 'https', false, true],
    ['10.0.0.1', 'HTTPS', false, true],
    ['10.0.0.1', 'http', true, false],
    ['10.0.0.1', 'https, https', false, true],
    ['10.0.0.1', 'https, http', false, false],
    ['10.0.0.1', 'http, https', false, false],
    ['10.0.0.1', 'wss', false, false],
  ])('from %s with %j, tls %p: %p', (peer, proto, tls, expected) => {
    expect(isHttps(peer, headers(proto === undefined ? {} : { 'x-forwarded-proto': proto }), trusted, tls)).toBe(expected)
  })
})

test.each([
  '10.0.0.0/33',
  'fd00::/129',
  '10.0.0',
  '10.0.0.0/8/8',
  '10.0.0.0/',
  '10.0.0.0/-1',
  '10.0.0.0/x',
  'proxy.test',
  '',
  '127.1',
  '010.0.0.0/8',
])('%j is no range', range => {
  expect(() => trustedProxies(['10.0.0.0/8', range])).toThrow(`'${range}' is not an address or a CIDR`)
})
