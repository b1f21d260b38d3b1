/** Addresses and ranges of them, parsed once and looked up by number. */
import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'

type Address = ipaddr.IPv4 | ipaddr.IPv6

export interface Range {
  kind: 'ipv4' | 'ipv6'
  start: bigint
  /** Bits that an address must have in common with the start. */
  bits: number
}

/** Tells whether an address is in one of the ranges. */
export type Within = (address: Parsed) => boolean

/** An address as a number. */
export interface Parsed {
  kind: 'ipv4' | 'ipv6'
  value: bigint
}

const WIDTH = { ipv4: 32, ipv6: 128 } as const

/**
 * `::ffff:192.0.2.1` becomes IPv4, which is how a socket for both shows such a sender. An address with a zone is none, and neither are
 * `127.1`, `010.0.0.1` and the deprecated `::192.0.2.1`.
 */
export function parseAddress(text: string): Parsed | undefined {
  if (isIP(text) === 0 || /%|^::\d+\./.test(text)) return undefined
  const address: Address = ipaddr.process(text)
  return { kind: address.kind(), value: numberOf(address) }
}

function numberOf(address: Address): bigint {
  let value = 0n
  for (const byte of address.toByteArray()) value = (value << 8n) | BigInt(byte)
  return value
}

/** The range of `10.0.0.0/8`, or of one address; a text says what is wrong with it and what to write. */
export function parseRange(text: string): Range | string {
  const [start = '', bits, ...rest] = text.split('/')
  const address = rest.length > 0 ? undefined : parseAddress(start)
  if (!address) return 'is no address and no range: write 192.0.2.1, 192.0.2.0/24, 2001:db8::1 or 2001:db8::/32'
  const { kind, value } = address
  const width = WIDTH[kind]
  if (bits === undefined) return { kind, start: value, bits: width }
  if (kind === 'ipv4' && start.includes(':'))
    return `is a range of IPv4 in the form of IPv6: write it as IPv4, such as ${textOf(kind, value)}/24`
  if (!/^(?:0|[1-9]\d{0,2})$/.test(bits) || Number(bits) > width)
    return `has no number of bits from 0 to ${width} behind the slash: write ${textOf(kind, value)} for the one address`
  const shift = BigInt(width - Number(bits))
  const first = (value >> shift) << shift
  // 10.1.2.3/8 lets in sixteen million addresses, and whoever wrote it may have meant one.
  if (first !== value)
    return `has bits set behind the first ${bits}: write ${textOf(kind, first)}/${bits}, or ${textOf(kind, value)} for the one address`
  return { kind, start: value, bits: Number(bits) }
}

function textOf(kind: Range['kind'], value: bigint): string {
  const bytes = Array.from({ length: WIDTH[kind] / 8 }, (_, i) => Number((value >> BigInt(WIDTH[kind] - 8 * (i + 1))) & 255n))
  return ipaddr.fromByteArray(bytes).toString()
}

/** Compiles ranges to one look-up for each length that stands among them, however many there are of it. */
export function compileWithin(ranges: readonly Range[]): Within {
  const starts = { ipv4: new Map<bigint, Set<bigint>>(), ipv6: new Map<bigint, Set<bigint>>() }
  for (const { kind, start, bits } of ranges) {
    const shift = BigInt(WIDTH[kind] - bits)
    const known = starts[kind].get(shift)
    if (known) known.add(start >> shift)
    else starts[kind].set(shift, new Set([start >> shift]))
  }
  return ({ kind, value }) => {
    for (const [shift, known] of starts[kind]) if (known.has(value >> shift)) return true
    return false
  }
}
