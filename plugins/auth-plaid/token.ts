/** What a token of Plaid says. */
import { decodeProtectedHeader } from 'jose'

/** Characters; Plaid's have some 300. */
const LONGEST = 4096

/** The token of a header with the id of its key, or why there is none: nothing of it is verified. */
export function headOf(header: string | null): { token: string; kid: string } | { fault: string } {
  if (!header) return { fault: 'missing-token' }
  if (header.includes(',')) return { fault: 'several-tokens' }
  if (header.length > LONGEST) return { fault: 'token-too-long' }
  if (!/^[\w-]+\.[\w-]+\.[\w-]+$/.test(header)) return { fault: 'malformed-token' }
  try {
    const { alg, kid } = decodeProtectedHeader(header)
    // Pinned before a key is looked for: with HS256, the public key would be the secret.
    if (alg !== 'ES256') return { fault: 'algorithm-not-allowed' }
    return typeof kid === 'string' && /^[\w-]{1,64}$/.test(kid) ? { token: header, kid } : { fault: 'malformed-key-id' }
  } catch {
    return { fault: 'malformed-token' }
  }
}

/** When it was signed, in epoch milliseconds. */
export function timeOf(payload: Uint8Array): number | undefined {
  const { iat } = claimsOf(payload)
  return typeof iat === 'number' && Number.isFinite(iat) ? iat * 1000 : undefined
}

/** The SHA-256 of the body that it was signed for: 32 bytes. */
export function hashOf(payload: Uint8Array): Uint8Array | undefined {
  const hash = claimsOf(payload).request_body_sha256
  return typeof hash === 'string' && /^[0-9a-f]{64}$/i.test(hash) ? Buffer.from(hash, 'hex') : undefined
}

function claimsOf(payload: Uint8Array): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(payload))
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
