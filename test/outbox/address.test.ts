import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import ipaddr from 'ipaddr.js'
import { compileReach } from '#core/address.ts'

const reachable = compileReach({})

describe('the public internet', () => {
  test.each([
    '1.1.1.1',
    '8.8.8.8',
    '172.15.255.255',
    '172.32.0.0',
    '192.167.1.1',
    '223.255.255.255',
    '2606:4700::1111',
    '2a00:1450::1',
    '::ffff:8.8.8.8',
  ])('%s is reached', address => {
    expect(reachable(address)).toBe(true)
  })
})

describe('every other range', () => {
  // First and last address of each.
  test.each([
    ['this network', '0.0.0.0', '0.255.255.255'],
    ['private', '10.0.0.0', '10.255.255.255'],
    ['private', '172.16.0.0', '172.31.255.255'],
    ['private', '192.168.0.0', '192.168.255.255'],
    ['shared by a carrier', '100.64.0.0', '100.127.255.255'],
    ['loopback', '127.0.0.0', '127.255.255.255'],
    ['metadata of Azure', '168.63.129.16', '::ffff:168.63.129.16'],
    ['link-local, and metadata', '169.254.0.0', '169.254.255.255'],
    ['IETF', '192.0.0.0', '192.0.0.255'],
    ['documentation', '192.0.2.0', '192.0.2.255'],
    ['6to4 relays', '192.88.99.0', '192.88.99.255'],
    ['benchmarking', '198.18.0.0', '198.19.255.255'],
    ['documentation', '198.51.100.0', '198.51.100.255'],
    ['documentation', '203.0.113.0', '203.0.113.255'],
    ['multicast', '224.0.0.0', '239.255.255.255'],
    ['reserved, and broadcast', '240.0.0.0', '255.255.255.255'],
    ['unspecified and loopback', '::', '::1'],
    ['the deprecated form of IPv4', '::2', '::ffff:ffff'],
    ['the deprecated form of IPv4, as ever', '::8.8.8.8', '::255.255.255.255'],
    ['IPv4 as IPv6', '::ffff:127.0.0.1', '::ffff:a00:1'],
    ['IPv4 translated', '::ffff:0:0:0', '::ffff:0:255.255.255.255'],
    ['NAT64', '64:ff9b::', '64:ff9b::255.255.255.255'],
    ['NAT64 of a network', '64:ff9b:1::', '64:ff9b:1:ffff:ffff:ffff:ffff:ffff'],
    ['discard', '100::', '100::ffff:ffff:ffff:ffff'],
    ['Teredo', '2001::', '2001:0:ffff:ffff:ffff:ffff:ffff:ffff'],
    ['IETF', '2001:1::', '2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff'],
    ['documentation', '2001:db8::', '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff'],
    ['6to4', '2002::', '2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
    ['documentation', '3fff::', '3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff'],
    ['segment routing', '5f00::', '5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
    ['beyond 2000::/3', '4000::', 'fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
    ['below 2000::/3', '200::', '1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
    ['unique local, and metadata', 'fc00::', 'fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
    ['link-local', 'fe80::', 'febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
    ['site-local', 'fec0::', 'feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
    ['multicast', 'ff00::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ])('%s, %s to %s, is refused', (_, first, last) => {
    expect([reachable(first), reachable(last)]).toEqual([false, false])
  })

  test.each([
    '',
    'localhost',
    '127.1',
    '0x7f.1',
    '0177.0.0.1',
    '2130706433',
    '8.8.8',
    '8.8.8.8/32',
    ' 8.8.8.8',
    'fe80::1%lo',
    '2606:4700::1111%eth0',
    '[::1]',
  ])("'%s' is no address, whatever is allowed", text => {
    expect([reachable(text), compileReach({ allowPrivate: true })(text)]).toEqual([false, false])
  })
})

describe('what is allowed besides', () => {
  const all = { allowPrivate: true }
  const list = (...allowed: string[]) => ({ allowed })
  test.each([
    ['everything', all, '127.0.0.1', true],
    ['everything', all, '169.254.169.254', true],
    ['everything', all, 'fd00::1', true],
    ['a range', list('10.0.0.0/8'), '10.1.2.3', true],
    ['a range', list('10.0.0.0/8'), '11.0.0.1', true],
    ['a range', list('10.0.0.0/8'), '127.0.0.1', false],
    ['a range, written as IPv6', list('10.0.0.0/8'), '::ffff:10.1.2.3', true],
    ['an address', list('127.0.0.2'), '127.0.0.2', true],
    ['an address', list('127.0.0.2'), '127.0.0.1', false],
    ['a range of IPv6', list('fd00::/8'), 'fd12::1', true],
    ['a range of IPv6', list('fd00::/8'), 'fc00::1', false],
    ['all of IPv4', list('0.0.0.0/0'), '::1', false],
    ['several', list('fd00::/8', '10.0.0.0/8'), '10.0.0.1', true],
    ['a range does not open its tunnels', list('10.0.0.0/8'), '64:ff9b::10.0.0.1', false],
    ['NAT64 to the internet', list('64:ff9b::/96'), '64:ff9b::8.8.8.8', true],
    ['NAT64 to this machine', list('64:ff9b::/96'), '64:ff9b::127.0.0.1', false],
    ['NAT64 to what is allowed', list('64:ff9b::/96', '10.0.0.0/8'), '64:ff9b::10.0.0.1', true],
    ['NAT64 of a network', list('64:ff9b:1::/48'), '64:ff9b:1::169.254.169.254', false],
    ['6to4 to the internet', list('2002::/16'), '2002:808:808::1', true],
    ['6to4 to this machine', list('2002::/16'), '2002:7f00:1::1', false],
    ['Teredo by a private server', list('2001::/32'), '2001:0:a00:1::f7f7:f7f7', false],
    ['Teredo to a private client', list('2001::/32'), '2001:0:808:808::f5ff:fffe', false],
    ['Teredo to the internet', list('2001::/32'), '2001:0:808:808::f7f7:f7f7', true],
    ['the deprecated form', list('::/96'), '::127.0.0.1', false],
  ])('%s: %o, %s', (_, reach, address, want) => {
    expect(compileReach(reach)(address)).toBe(want)
  })

  test.each(['10.0.0.0/33', 'fd00::/129', '10.0.0.0/', '10.0.0.0/-1', '10.0.0.0/8/8', '10.1', 'example.com', '', 'fe80::1%lo'])(
    "'%s' is refused",
    text => {
      expect(() => compileReach({ allowed: ['10.0.0.0/8', text] })).toThrow(
        `'${text}' is not an address or a CIDR such as 10.0.0.0/8 or fd00::/8`,
      )
    },
  )
})

test('no spelling of an IPv4 address in IPv6 is reached if the address is not', () => {
  fc.assert(
    fc.property(fc.ipV4(), address => {
      const [a, b] = ipaddr.IPv4.parse(address)
        .toIPv4MappedAddress()
        .parts.slice(6)
        .map(part => part.toString(16))
      expect(reachable(`::ffff:${address}`)).toBe(reachable(address))
      for (const form of [`::${address}`, `::${a}:${b}`, `64:ff9b::${address}`, `2002:${a}:${b}::`, `::ffff:0:${address}`])
        expect(reachable(form)).toBe(false)
    }),
  )
})
