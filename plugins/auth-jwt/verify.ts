/** Judges one token. */
import { errors, type JWTPayload, type JWTVerifyOptions, jwtVerify } from 'jose'
import { Unavailable } from '#core/plugin.ts'
import type { KeySource, Keys } from './keys.ts'
import type { Resolved } from './settings.ts'

/** The claims of a good token, or why it is none. */
export type Verdict = { claims: JWTPayload } | { reason: string }

/** Keys that are tried for a token that names none. */
const MOST_TRIED = 8

/** Rejects with `Unavailable` when the issuer's keys cannot be had, and with nothing else. */
export function compileVerify(config: Resolved, keys: KeySource): (token: string, now: number) => Promise<Verdict> {
  const { algorithms, issuer, audience, clockTolerance, maxAge, claims: wanted } = config
  return async (token, now) => {
    const tolerance = Math.floor(clockTolerance / 1000)
    const options: JWTVerifyOptions = {
      algorithms: [...algorithms],
      issuer: [...issuer],
      audience: [...audience],
      clockTolerance: tolerance,
      currentDate: new Date(now),
      requiredClaims: ['exp', 'iss', 'aud'],
      ...(maxAge !== undefined && { maxTokenAge: Math.floor(maxAge / 1000) }),
    }
    let claims: JWTPayload
    try {
      try {
        claims = await verified(token, await keys.get(), options)
      } catch (error) {
        if (!(error instanceof errors.JWKSNoMatchingKey)) throw error
        claims = await verified(token, await keys.renewed(), options)
      }
    } catch (error) {
      if (error instanceof Unavailable) throw error
      return { reason: reasonOf(error) }
    }
    if (claims.iat !== undefined && typeof claims.iat !== 'number') return { reason: 'claim-malformed: iat' }
    if (claims.iat !== undefined && claims.iat > now / 1000 + tolerance) return { reason: 'issued-in-future' }
    for (const [name, value] of Object.entries(wanted))
      if (!Object.hasOwn(claims, name) || claims[name] !== value) return { reason: `claim-mismatch: ${name}` }
    return { claims }
  }
}

async function verified(token: string, keys: Keys, options: JWTVerifyOptions): Promise<JWTPayload> {
  try {
    return (await jwtVerify(token, keys, options)).payload
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error
    let tried = 0
    for await (const key of error) {
      if (++tried > MOST_TRIED) break
      try {
        return (await jwtVerify(token, key, options)).payload
      } catch (inner) {
        if (!(inner instanceof errors.JWSSignatureVerificationFailed)) throw inner
      }
    }
    throw new errors.JWSSignatureVerificationFailed()
  }
}

const CLAIMS: Record<string, string> = { iss: 'wrong-issuer', aud: 'wrong-audience', nbf: 'not-yet-valid', iat: 'issued-in-future' }

function reasonOf(error: unknown): string {
  if (error instanceof errors.JWTExpired) return error.claim === 'iat' ? 'older-than-max-age' : 'expired'
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.reason === 'missing') return `claim-missing: ${error.claim}`
    return error.reason === 'invalid' ? `claim-malformed: ${error.claim}` : (CLAIMS[error.claim] ?? `claim-mismatch: ${error.claim}`)
  }
  if (error instanceof errors.JOSEAlgNotAllowed) return 'algorithm-not-allowed'
  if (error instanceof errors.JWKSNoMatchingKey) return 'unknown-key'
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'signature-mismatch'
  if (error instanceof errors.JWSInvalid || error instanceof errors.JWTInvalid) return 'malformed-token'
  // A key that the runtime cannot use, or a critical header that nobody knows.
  return error instanceof errors.JOSEError ? `unusable: ${error.code}` : 'unusable-key'
}
