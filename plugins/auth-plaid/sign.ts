/** Signs as Plaid would, for `postern send` and for tests: with a private key whose public half is among `keys`. */
import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { type JWK, SignJWT } from 'jose'
import type { Draft, Signer } from '#core/plugin.ts'
import type { Settings } from './settings.ts'

export async function sign({ keys }: Settings, draft: Draft, { privateKey, now }: Signer): Promise<string | undefined> {
  if (!privateKey || !keys)
    return 'only Plaid can sign its webhooks; for tests, give `keys` and the private key (PKCS#8 PEM) of one of them'
  let key: KeyObject
  try {
    key = createPrivateKey(privateKey)
  } catch {
    return 'the private key cannot be read: expected PKCS#8 in PEM'
  }
  const own = createPublicKey(key)
  const jwk = keys.find(candidate => createPublicKey({ key: candidate as JWK, format: 'jwk' }).equals(own))
  if (!jwk) return 'the private key is that of none of `keys`'
  const hash = createHash('sha256').update(draft.body).digest('hex')
  const token = await new SignJWT({ iat: Math.floor(now() / 1000), request_body_sha256: hash })
    .setProtectedHeader({ alg: 'ES256', kid: jwk.kid as string, typ: 'JWT' })
    .sign(key)
  draft.headers.set('Plaid-Verification', token)
  return undefined
}
