/** The settings of `auth-plaid`. */
import { createPublicKey } from 'node:crypto'
import type { JWK } from 'jose'
import { Secret, type Static, Type } from '#core/plugin.ts'

export const settings = Type.Object(
  {
    clientId: Type.Optional(Type.String({ minLength: 1, maxLength: 128, description: 'Your `client_id` at Plaid, to ask for keys with.' })),
    secret: Type.Optional(Secret({ description: 'Your secret at Plaid for this environment, to ask for keys with.' })),
    environment: Type.Union([Type.Literal('production'), Type.Literal('sandbox')], {
      default: 'production',
      description: 'Which Plaid sends here, and is asked.',
    }),
    keys: Type.Optional(
      Type.Array(Type.Record(Type.String(), Type.Unknown(), { description: 'A public key as JSON Web Key, with its `kid`.' }), {
        minItems: 1,
        maxItems: 16,
        description: 'The keys themselves, so that nothing is fetched. Plaid changes its keys: for tests.',
      }),
    ),
  },
  { additionalProperties: false },
)

export type Settings = Static<typeof settings>

export function faults({ clientId, secret, keys }: Settings): { path: string; message: string }[] {
  const found: { path: string; message: string }[] = []
  if (!keys && (clientId === undefined || secret === undefined))
    found.push({ path: '', message: 'the keys of Plaid are asked for with `clientId` and `secret`: give both, or `keys`' })
  for (const [i, key] of (keys ?? []).entries()) {
    const fault = keyFault(key)
    if (fault) found.push({ path: `/keys/${i}`, message: fault })
  }
  return found
}

/** What is wrong with a key of Plaid, which all are on the curve P-256. */
export function keyFault(key: Record<string, unknown>): string | undefined {
  if ('d' in key) return 'is a private key: leave out everything but its public half, and make a new one'
  if (typeof key.kid !== 'string') return 'has no `kid`, by which a webhook names it'
  if (key.kty !== 'EC' || key.crv !== 'P-256') return 'is no key on the curve P-256 (kty EC, crv P-256)'
  try {
    createPublicKey({ key: key as JWK, format: 'jwk' })
    return undefined
  } catch {
    return 'cannot be read: expected the members x and y'
  }
}
