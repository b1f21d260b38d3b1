/** The settings of `auth-jwt`. A preset is the same fields, written down for one issuer. */
import { createPublicKey } from 'node:crypto'
import type { JWK } from 'jose'
import { Duration, type Static, Type } from '#core/plugin.ts'

/** All of them with a public key: with a secret, or with none, whoever knows the public one could sign. */
export const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'] as const

const one = (description: string) => Type.String({ minLength: 1, maxLength: 512, description })
const oneOrMore = (description: string) =>
  Type.Union([one('One value.'), Type.Array(one('One of several values.'), { minItems: 1, maxItems: 16, description })], { description })

export const settings = Type.Object(
  {
    audience: oneOrMore('For whom the token must be: the value that was agreed on with the sender, often the URL of this webhook.'),
    preset: Type.Optional(
      Type.Union([Type.Literal('google-pubsub')], {
        description: 'An issuer that is built in. Every other field overrides what it says.',
      }),
    ),
    issuer: Type.Optional(oneOrMore('Who must have issued the token: its `iss`, letter by letter.')),
    jwks: Type.Optional(
      Type.String({
        maxLength: 2048,
        description: "Where the issuer publishes its keys; an https URL. Without it and `keys`, the issuer's OpenID configuration says it.",
        examples: ['https://issuer.example.com/.well-known/jwks.json'],
      }),
    ),
    keys: Type.Optional(
      Type.Array(Type.Record(Type.String(), Type.Unknown(), { description: 'A public key as JSON Web Key (RFC 7517).' }), {
        minItems: 1,
        maxItems: 64,
        description: 'The keys themselves, so that nothing is fetched.',
      }),
    ),
    algorithms: Type.Array(
      Type.Union(
        ALGORITHMS.map(name => Type.Literal(name)),
        { description: 'One algorithm.' },
      ),
      {
        default: ['RS256', 'ES256'],
        minItems: 1,
        uniqueItems: true,
        description: 'What the token may be signed with. It is never taken from the token.',
      },
    ),
    claims: Type.Optional(
      Type.Record(Type.String({ maxLength: 200 }), Type.Union([Type.String(), Type.Number(), Type.Boolean()]), {
        description: 'What else the token must say, each exactly so.',
        examples: [{ email: 'pusher@project.iam.gserviceaccount.com', email_verified: true }],
      }),
    ),
    maxAge: Type.Optional(
      Duration({ description: 'How long ago the token may have been issued, whatever lifetime it claims.', min: '1s', max: '30d' }),
    ),
    clockTolerance: Duration({ default: '60s', max: '10m', description: "How far the issuer's clock may differ from ours." }),
  },
  { additionalProperties: false },
)

export type Settings = Static<typeof settings>

type Preset = Partial<Pick<Settings, 'issuer' | 'jwks' | 'claims'>>

const presets: Record<NonNullable<Settings['preset']>, Preset> = {
  // https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions
  'google-pubsub': {
    issuer: ['https://accounts.google.com', 'accounts.google.com'],
    jwks: 'https://www.googleapis.com/oauth2/v3/certs',
    claims: { email_verified: true },
  },
}

/** The settings with what the preset says; `issuer` and `audience` as lists. */
export function resolve(config: Settings) {
  const preset = config.preset ? presets[config.preset] : {}
  const issuer = config.issuer ?? preset.issuer ?? []
  return {
    ...config,
    audience: [config.audience].flat(),
    issuer: [issuer].flat(),
    // Keys of an own issuer are no more Google's.
    jwks: config.jwks ?? (config.issuer === undefined ? preset.jwks : undefined),
    claims: { ...preset.claims, ...config.claims } as Record<string, string | number | boolean>,
  }
}

export type Resolved = ReturnType<typeof resolve>

/** Faults of settings that are each well-formed but make no sense together. */
export function faults(config: Settings): { path: string; message: string }[] {
  const { issuer, jwks, keys, claims, preset } = resolve(config)
  const found: { path: string; message: string }[] = []
  const add = (path: string, message: string) => void found.push({ path, message })
  if (issuer.length === 0) add('', 'nothing says who issues the tokens: name the `issuer`, or a `preset`')
  if (keys && config.jwks !== undefined) add('/jwks', 'there are `keys` already: keep one of the two')
  if (jwks !== undefined && !keys) {
    const fault = urlFault(jwks)
    if (fault) add('/jwks', fault)
  }
  if (jwks === undefined && !keys && issuer.length > 0) {
    if (issuer.length > 1) add('/issuer', 'of several issuers, the place of the keys must be told: give `jwks` or `keys`')
    else if (urlFault(issuer[0] as string))
      add('/issuer', 'its keys can be discovered only if it is an https URL: write it so, or give `jwks` or `keys`')
  }
  for (const [i, key] of (keys ?? []).entries()) {
    const fault = keyFault(key)
    if (fault) add(`/keys/${i}`, fault)
  }
  if (preset === 'google-pubsub' && typeof claims.email !== 'string')
    add('/claims', 'name the service account as `email`: Google signs such tokens for everybody, with any audience that they ask for')
  return found
}

function urlFault(text: string): string | undefined {
  const url = URL.parse(text)
  if (url?.protocol !== 'https:') return 'is not an https URL: write it as https://host/path'
  if (url.username || url.password) return 'contains a user name or a password: leave it out'
  return undefined
}

function keyFault(key: Record<string, unknown>): string | undefined {
  if (key.kty === 'oct' || 'k' in key) return 'is a shared secret: only public keys verify tokens here'
  if ('d' in key) return 'is a private key: leave out everything but its public half, and make a new one'
  try {
    const { asymmetricKeyDetails } = createPublicKey({ key: key as JWK, format: 'jwk' })
    const bits = asymmetricKeyDetails?.modulusLength
    return bits !== undefined && bits < 2048 ? `is an RSA key of ${bits} bits: at least 2048 are wanted` : undefined
  } catch {
    return 'is not a JSON Web Key that can be read: expected kty RSA, EC or OKP with their members'
  }
}
