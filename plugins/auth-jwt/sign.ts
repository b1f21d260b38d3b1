/** Issues a token as the issuer would, for `postern send` and for tests: with a private key whose public half is among `keys`. */
import { createPrivateKey, createPublicKey, type KeyObject, randomUUID } from 'node:crypto'
import { type JWK, SignJWT } from 'jose'
import type { Draft, Signer } from '#core/plugin.ts'
import { resolve, type Settings } from './settings.ts'

/** Seconds. */
const LIFETIME = 300

export async function sign(config: Settings, draft: Draft, { privateKey, now }: Signer): Promise<string | undefined> {
  const { issuer, audience, algorithms, keys, claims } = resolve(config)
  if (!privateKey) return 'a token is signed by its issuer: give the private key (PKCS#8 PEM) of one of `keys`'
  let key: KeyObject
  try {
    key = createPrivateKey(privateKey)
  } catch {
    return 'the private key cannot be read: expected PKCS#8 in PEM'
  }
  const algorithm = algorithms.find(name => fits(name, key))
  if (!algorithm) return `the private key fits none of ${algorithms.join(', ')}`
  const same = (jwk: Record<string, unknown>) => createPublicKey({ key: jwk as JWK, format: 'jwk' }).equals(createPublicKey(key))
  const jwk = keys?.find(same)
  const kid = typeof jwk?.kid === 'string' ? { kid: jwk.kid } : {}
  const seconds = Math.floor(now() / 1000)
  const token = await new SignJWT({ ...claims })
    .setProtectedHeader({ alg: algorithm, typ: 'JWT', ...kid })
    .setIssuer(issuer[0] as string)
    .setAudience(audience[0] as string)
    .setIssuedAt(seconds)
    .setExpirationTime(seconds + LIFETIME)
    .setJti(randomUUID())
    .sign(key)
  draft.headers.set('Authorization', `Bearer ${token}`)
  return undefined
}

const CURVES: Record<string, string> = { ES256: 'prime256v1', ES384: 'secp384r1', ES512: 'secp521r1' }

function fits(algorithm: string, { asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): boolean {
  if (algorithm === 'EdDSA') return type === 'ed25519'
  const curve = CURVES[algorithm]
  return curve ? type === 'ec' && details?.namedCurve === curve : type === 'rsa'
}
