/** Who may use the admin API: the bearer of the token, and for a while nobody who guesses at it. */
import { createHash, timingSafeEqual } from 'node:crypto'
import { Refused } from './problem.ts'

/** Wrong ones that an address may send in a window. */
const GUESSES = 10
/** Milliseconds. */
const WINDOW = 60_000
/** Addresses remembered; the oldest go first. */
const ADDRESSES = 10_000

/** One answer for a token that is missing, wrong, twice there or of another scheme. */
const UNAUTHORIZED = new Refused(401, 'UNAUTHORIZED', 'The admin API wants its token: Authorization: Bearer TOKEN.', {
  headers: { 'www-authenticate': 'Bearer realm="postern"' },
})

export interface GateOptions {
  token(): string
  now(): number
  /** Called once a window for an address that has used up its guesses. */
  refused(ip: string): void
}

/**
 * Judges an Authorization header; undefined lets it in. The right token is let in whatever came before it: behind one proxy
 * everybody has one address, and whoever guesses must not lock the operator out.
 */
export function openGate({ token, now, refused }: GateOptions): (ip: string, authorization: string | null) => Refused | undefined {
  const guesses = new Map<string, { count: number; until: number }>()
  return (ip, authorization) => {
    const [, given = ''] = /^bearer +(\S+)$/i.exec(authorization ?? '') ?? []
    if (isEqual(given, token())) return undefined
    const address = networkOf(ip)
    let entry = guesses.get(address)
    if (!entry || entry.until <= now()) {
      guesses.delete(address)
      entry = { count: 0, until: now() + WINDOW }
      guesses.set(address, entry)
      for (const oldest of guesses.keys()) {
        if (guesses.size <= ADDRESSES) break
        guesses.delete(oldest)
      }
    }
    if (entry.count++ < GUESSES) return UNAUTHORIZED
    if (entry.count === GUESSES + 1) refused(ip)
    const seconds = Math.max(1, Math.ceil((entry.until - now()) / 1000))
    return new Refused(429, 'RATE_LIMITED', 'Too many requests without the admin token came from this address.', {
      headers: { 'retry-after': String(seconds) },
    })
  }
}

/** Hashing first makes the lengths equal, which a comparison in constant time needs. */
function isEqual(given: string, wanted: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return wanted !== '' && timingSafeEqual(digest(given), digest(wanted))
}

/** One IPv6 sender has a /64 for itself. */
function networkOf(ip: string): string {
  if (!ip.includes(':')) return ip
  const [head = '', tail] = ip.split('::')
  const groups = head === '' ? [] : head.split(':')
  const missing = tail === undefined ? 0 : 8 - groups.length - (tail === '' ? 0 : tail.split(':').length)
  return [...groups, ...Array(Math.max(0, missing)).fill('0'), ...(tail ?? '').split(':')].slice(0, 4).join(':')
}
