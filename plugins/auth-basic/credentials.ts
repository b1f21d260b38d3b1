/** A user and a password as one text, and how a header says them. */

export interface Credential {
  user: string
  password: string
}

/** Characters of the whole header; the base64 of the longest that the settings may have is 5,464. */
const LONGEST_HEADER = 8192
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** One text of both, which tells them apart since no user has a colon; in NFC, as RFC 7617 wants it of senders. */
export function pairOf({ user, password }: Credential): string {
  return `${user}:${password}`.normalize('NFC')
}

/** The pair that a header offers, or why it offers none. */
export function read(header: string | null): { pair: string } | { reason: string } {
  if (!header) return { reason: 'missing-authorization' }
  // Two headers arrive as one with a comma; which of them a proxy before us has judged, nobody knows.
  if (header.includes(',')) return { reason: 'several-authorizations' }
  if (header.slice(0, 6).toLowerCase() !== 'basic ') return { reason: 'not-basic' }
  if (header.length > LONGEST_HEADER) return { reason: 'malformed-credential' }
  const written = header.slice(6)
  const bytes = Buffer.from(written, 'base64')
  // Buffer.from skips what it cannot read: only what it would write itself is base64.
  if (bytes.toString('base64') !== written) return { reason: 'malformed-credential' }
  try {
    const pair = utf8.decode(bytes)
    return pair.includes(':') ? { pair: pair.normalize('NFC') } : { reason: 'malformed-credential' }
  } catch {
    return { reason: 'malformed-credential' }
  }
}
