/** The settings of `auth-hmac`: how requests are signed. A preset is the same fields, written down for one provider. */
import { Duration, Secret, type Static, Type } from '#core/plugin.ts'

const choice = <const T extends string>(values: readonly T[], description: string) =>
  Type.Optional(
    Type.Union(
      values.map(value => Type.Literal(value)),
      { description },
    ),
  )

const FIELD =
  '`header:<name>`, `json:<path.in.the.body>`, where `list[]` is the only element of a list, or `sig:<name>` (a pair of the signature header)'
const SOURCE = '`header:<name>`, `json:<path.in.the.body>` or `sig:<name>` (a pair of the signature header)'
const text = (description: string) => Type.Optional(Type.String({ minLength: 1, description }))

export const settings = Type.Object(
  {
    secrets: Type.Array(Secret({ description: 'One signing secret, or public key.' }), {
      minItems: 1,
      maxItems: 16,
      description: 'What the sender signs with. Several are live at once, so that a secret can be changed without a gap.',
    }),
    preset: Type.Optional(
      Type.String({ description: 'Name of a provider whose scheme is built in. Every other field overrides what it says.' }),
    ),
    kind: choice(
      ['hmac', 'ed25519', 'ecdsa-p256', 'static'],
      'Kind of signature; `static` for a sender that signs nothing and sends a secret along, of which `from` tells. `hmac` without a preset.',
    ),
    from: text('Of the kind `static`: where the secret is, `header:<name>`.'),
    prefix: Type.Optional(Type.String({ description: 'Of the kind `static`: what stands before the secret, `Bearer ` say.' })),
    algorithm: choice(['sha1', 'sha256', 'sha512'], 'Hash of an HMAC, never taken from the request; `sha256` without a preset.'),
    encoding: choice(['hex', 'base64'], 'How the signature is written; `hex` without a preset.'),
    secret: Type.Optional(
      Type.Object(
        {
          encoding: choice(['utf8', 'base64', 'hex'], 'How the secret is written; `utf8` takes its text as it is.'),
          stripPrefix: Type.Optional(Type.String({ description: 'Cut from the secret before it is decoded, `whsec_` say.' })),
        },
        { additionalProperties: false, description: 'How the bytes of the key are written in each of `secrets`.' },
      ),
    ),
    require: Type.Optional(
      Type.Record(Type.String(), Type.String(), {
        description: 'Headers that must be there with exactly this value, the version of a scheme say.',
      }),
    ),
    signature: Type.Optional(
      Type.Object(
        {
          from: Type.Optional(
            Type.Union([Type.String(), Type.Array(Type.String(), { minItems: 1 })], {
              description: `Where the signature is: ${SOURCE}; or a list of such places. \`header:<name>{1..100}\` is a list of numbered headers.`,
            }),
          ),
          list: text('What separates several signatures in one value.'),
          kv: text('What separates the name from the value in a signature such as `v1=…`.'),
          key: text('With `kv`: the name whose values are signatures.'),
          prefix: Type.Optional(Type.String({ description: 'Without `kv`: what stands before the signature, `sha256=` say.' })),
        },
        {
          additionalProperties: false,
          description: 'Where the signature is found. Any one that is right passes; more than 32 are refused.',
        },
      ),
    ),
    timestamp: Type.Optional(
      Type.Object(
        {
          from: text(`Where the time of signing is: ${SOURCE}.`),
          format: choice(['unix', 'unix_ms', 'rfc3339'], 'Seconds or milliseconds since 1970, or RFC 3339; `unix` without a preset.'),
          tolerance: Type.Optional(Duration({ description: 'How old `replay-window` lets a request be; `5m` without a preset.' })),
          future: Type.Optional(Duration({ description: 'How far ahead of our clock it may be; without it, the tolerance.' })),
        },
        { additionalProperties: false, description: 'The time of signing, for schemes that have one.' },
      ),
    ),
    signed: text(
      'What is signed: text and `{body}` `{timestamp}` `{method}` `{url}` `{header:X}` `{json:p}` `{sig:k}` `{form:sorted}`; `{body}` without a preset.',
    ),
    bodyVariants: Type.Optional(
      Type.Array(Type.Union([Type.Literal('raw'), Type.Literal('escapedUnicode')]), {
        minItems: 1,
        uniqueItems: true,
        description:
          'Forms of the body that may have been signed: as it came, or with every letter from U+007F on written as in `\\u00e9`. Only `raw` without a preset.',
      }),
    ),
    url: choice(
      ['raw', 'decoded'],
      '`decoded` accepts a signature over the URL with `%3A %2F %3F %40 %21 %24 %27 %28 %29 %2A %2C %3B` decoded, too; `raw` without a preset.',
    ),
    id: text(`Where the id of the delivery is: ${FIELD}. \`idempotency: { from: preset }\` goes by it.`),
    jsonFormField: text('The body is a form, and this field of it holds the JSON that `json:` looks into.'),
  },
  { additionalProperties: false },
)

export type Settings = Static<typeof settings>

/** What a provider's page says, as data. */
export type Preset = Omit<Settings, 'secrets' | 'preset'> & {
  /** Where the provider describes it. */
  page: string
}
