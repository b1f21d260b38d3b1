/** Which addresses a delivery may reach. */
import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'

type Address = ipaddr.IPv4 | ipaddr.IPv6
type Range = [Address, number]

/** What lets deliveries reach more than the public internet. */
export interface Reach {
  /** Every address: private ones, this machine, the metadata service of a cloud. */
  allowPrivate?: boolean
  /** CIDRs (`10.0.0.0/8`, `fd00::/8`) and single addresses that may be reached besides. */
  allowed?: readonly string[]
}

/** Tells whether an address, as a resolver or a URL gives it, may be reached. What is no address may not. */
export type Reachable = (address: string) => boolean

/**
 * Compiles a reach; throws with a sentence for the first of `allowed` that is neither a CIDR nor an address.
 *
 * Without one, only addresses of the public internet are reached: no private, loopback, link-local, shared, multicast, documentation,
 * benchmarking or reserved range (the IANA special-purpose registries, RFC 6890), and nothing that translates or tunnels to IPv4.
 */
export function compileReach({ allowPrivate = false, allowed = [] }: Reach): Reachable {
  const ranges = allowed.map(parseRange)
  if (allowPrivate) return text => parse(text) !== undefined
  const listed = (address: Address) =>
    ranges.some(([range, bits]) => range.kind() === address.kind() && address.match(range as never, bits))
  const may = (address: Address): boolean => {
    if (isPublic(address)) return true
    // Whoever lists 64:ff9b::/96 wants the internet behind the translator, not the loopback that it could spell just as well.
    return listed(address) && carried(address).every(may)
  }
  return text => {
    const address = parse(text)
    return address !== undefined && may(address)
  }
}

/** Of Azure: it answers each of their machines as if it were link-local, and it knows their secrets. */
const WIRE_SERVER = ipaddr.IPv4.parse('168.63.129.16')

/** Only 2000::/3 is global unicast; what ipaddr.js has no name for, `::7f00:1` say, it calls unicast too. */
function isPublic(address: Address): boolean {
  if (address.range() !== 'unicast') return false
  if (address.kind() === 'ipv4') return !address.match(WIRE_SERVER as never, 32)
  return ((address as ipaddr.IPv6).parts[0] as number) >> 13 === 1
}

/** The IPv4 addresses that packets for an IPv6 address end up at: NAT64 (RFC 6052, 8215, 6145), 6to4 (RFC 3056), Teredo (RFC 4380). */
function carried(address: Address): ipaddr.IPv4[] {
  if (address.kind() === 'ipv4') return []
  const { parts } = address as ipaddr.IPv6
  const v4 = (at: number, flip = 0) => {
    const [high, low] = [(parts[at] as number) ^ flip, (parts[at + 1] as number) ^ flip]
    return new ipaddr.IPv4([high >> 8, high & 255, low >> 8, low & 255])
  }
  switch (address.range()) {
    case 'rfc6052':
    case 'rfc6145':
      return [v4(6)]
    case '6to4':
      return [v4(1)]
    case 'teredo':
      return [v4(2), v4(6, 0xffff)]
    default:
      return []
  }
}

/**
 * `::ffff:192.0.2.1` becomes IPv4. An address with a zone is none, and neither are the forms of old C libraries, such as `127.1`, nor the
 * deprecated `::192.0.2.1`, which ipaddr.js takes for the IPv4 address.
 */
function parse(text: string): Address | undefined {
  return isIP(text) !== 0 && !/%|^::\d+\./.test(text) ? ipaddr.process(text) : undefined
}

function parseRange(text: string): Range {
  const [start = '', bits, ...rest] = text.split('/')
  const address = parse(start)
  const width = address?.kind() === 'ipv4' ? 32 : 128
  const prefix = bits === undefined ? width : /^\d{1,3}$/.test(bits) ? Number(bits) : Number.NaN
  if (!address || !(prefix <= width) || rest.length > 0)
    throw new Error(`'${text}' is not an address or a CIDR such as 10.0.0.0/8 or fd00::/8`)
  return [address, prefix]
}
