/** Who sent a request, and how, when proxies stand between: their headers are believed only as far as the proxies are trusted. */
import ipaddr from 'ipaddr.js'

type Address = ipaddr.IPv4 | ipaddr.IPv6

/** Tells whether an address is a trusted proxy; undefined when there are none, which costs nothing for each request. */
export type Trusted = ((address: Address) => boolean) | undefined

/** Compiles CIDRs (`10.0.0.0/8`, `fd00::/8`) and single addresses; throws with a sentence for the first that is neither. */
export function trustedProxies(ranges: readonly string[]): Trusted {
  if (ranges.length === 0) return undefined
  const compiled = ranges.map(range => {
    const [text = '', bits, ...rest] = range.split('/')
    const address = parse(text)
    const width = address?.kind() === 'ipv4' ? 32 : 128
    const prefix = bits === undefined ? width : /^\d{1,3}$/.test(bits) ? Number(bits) : Number.NaN
    if (!address || !(prefix <= width) || rest.length > 0) throw new Error(`'${range}' is not an address or a CIDR such as 10.0.0.0/8`)
    return { address, prefix, kind: address.kind() }
  })
  return address => compiled.some(range => range.kind === address.kind() && address.match(range.address as never, range.prefix))
}

/**
 * Address of the sender. X-Forwarded-For is read from the right, where the nearest proxy wrote, past the trusted ones; what an untrusted
 * one claims counts for nothing, and a malformed entry ends the walk at the proxy that passed it on.
 */
export function clientAddress(peer: string, headers: Headers, trusted: Trusted): string {
  let at = trusted && parse(peer)
  if (!trusted || !at) return peer
  const entries = (headers.get('x-forwarded-for') ?? '').split(',')
  while (trusted(at)) {
    const next = parse(withoutPort(entries.pop()?.trim() ?? ''))
    if (!next) break
    at = next
  }
  return at.toString()
}

/**
 * Whether the sender came by HTTPS: behind a trusted proxy its X-Forwarded-Proto decides (all values, when several proxies wrote one),
 * otherwise whether this server itself speaks TLS.
 */
export function isHttps(peer: string, headers: Headers, trusted: Trusted, tls: boolean): boolean {
  const claimed = trusted && headers.get('x-forwarded-proto')
  const at = claimed ? parse(peer) : undefined
  if (!claimed || !at || !trusted(at)) return tls
  return claimed.split(',').every(scheme => scheme.trim().toLowerCase() === 'https')
}

/** Without the forms that only old C libraries know, such as `127.1`; `::ffff:192.0.2.1` becomes IPv4. */
function parse(text: string): Address | undefined {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text)
  return ipaddr.IPv6.isValid(text) && !text.includes('%') ? ipaddr.process(text) : undefined
}

/** Some load balancers write `192.0.2.1:1234` and `[2001:db8::1]:1234`. */
function withoutPort(entry: string): string {
  const port = /^(?:\[([^\]]+)\]|([\d.]+))(?::\d{1,5})?$/.exec(entry)
  return port?.[1] ?? port?.[2] ?? entry
}
