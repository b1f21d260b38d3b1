/** Bytes of a token; those of the big issuers have less than two thousand. */
const LONGEST = 8192

/** The token of an Authorization header, or why there is none. */
export function bearer(header: string | null): { token: string } | { fault: string } {
  if (!header) return { fault: 'missing-authorization' }
  // Two headers arrive as one with a comma; which of them a proxy before us has judged, nobody knows.
  if (header.includes(',')) return { fault: 'several-authorizations' }
  if (header.slice(0, 7).toLowerCase() !== 'bearer ') return { fault: 'not-bearer' }
  if (header.length > LONGEST + 7) return { fault: 'token-too-long' }
  const token = header.slice(7)
  return /^[\w-]+\.[\w-]+\.[\w-]*$/.test(token) ? { token } : { fault: 'malformed-token' }
}
