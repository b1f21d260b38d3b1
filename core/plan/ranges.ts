/** Lists of addresses and CIDR ranges. */
import ipaddr from 'ipaddr.js'

/** What a list lets in that the one before it did not; a text that is no range counts as one of its own. */
export function widened(before: readonly string[], after: readonly string[]): string[] {
  return after.filter(range => !before.some(old => old === range || holds(old, range)))
}

function holds(outer: string, inner: string): boolean {
  const [a, b] = [parse(outer), parse(inner)]
  return a !== undefined && b !== undefined && a[0].kind() === b[0].kind() && a[1] <= b[1] && b[0].match(a as never)
}

function parse(text: string): [ipaddr.IPv4 | ipaddr.IPv6, number] | undefined {
  try {
    if (text.includes('/')) return ipaddr.parseCIDR(text)
    const address = ipaddr.parse(text)
    return [address, address.kind() === 'ipv4' ? 32 : 128]
  } catch {
    return undefined
  }
}
