/** Answers a repeated idempotency key with the first outcome and writes nothing more. */
import { createHash, randomBytes } from 'node:crypto'
import { claimKey, Duration, definePlugin, deliveryId, type Exchange, type SenderField, type Static, Type } from '#core/plugin.ts'
import { compileFrom, compileHeader, FROM, TOKEN } from './key.ts'

const config = Type.Object(
  {
    header: Type.Optional(
      Type.String({ pattern: `^${TOKEN}$`, description: 'Header that carries the key; `X-Idempotency-Key` when there is no `from`.' }),
    ),
    from: Type.Optional(
      Type.String({
        pattern: FROM,
        maxLength: 255,
        description:
          "In place of `header`, an id that a provider gives its deliveries: `preset` goes by what `auth-hmac` knows of it, `header:<name>` and `json:<path.in.the.body>` say where it is, `list[]` being a list's only element.",
        examples: ['preset', 'json:message.messageId'],
      }),
    ),
    maxLength: Type.Integer({
      default: 255,
      minimum: 1,
      maximum: 255,
      description: 'Longest key, in characters; a longer id of `from` is known by its hash.',
    }),
    ttl: Duration({ default: '24h', description: 'How long a key is remembered.' }),
    onMismatch: Type.Optional(
      Type.Union([Type.Literal('refuse'), Type.Literal('replay')], {
        description:
          'What a key gets that comes again with another request: IDEMPOTENCY_KEY_REUSED, or the first outcome all the same. Without it `refuse`, and `replay` with `from`: a provider that tries again may have changed what it says.',
      }),
    ),
    required: Type.Boolean({ default: false, description: 'Refuses requests without a key; otherwise each of them counts as new.' }),
    replayedHeader: Type.String({
      default: 'X-Idempotent-Replayed',
      pattern: `^(${TOKEN})?$`,
      description: 'Header that says `true` on a replayed answer; empty: none.',
    }),
  },
  { additionalProperties: false },
)

export default definePlugin({
  name: 'idempotency',
  phase: 'admit',
  summary: 'Answers a repeated idempotency key with the first outcome and writes nothing more.',
  config,
  refusals: {
    IDEMPOTENCY_KEY_INVALID: { status: 400, summary: 'The idempotency key is missing or unusable.' },
    IDEMPOTENCY_KEY_REUSED: { status: 422, summary: 'The idempotency key was used before with another request.' },
  },
  single: true,
  shared: true,
  needs: c => (c.from === 'preset' ? [deliveryId] : []),
  check: c => [
    ...(c.ttl > 0 ? [] : [{ path: '/ttl', message: 'must be longer than 0; write 24h, say' }]),
    ...(c.header !== undefined && c.from !== undefined
      ? [{ path: '/from', message: '`from` and `header` are two places of one key: remove one of them' }]
      : []),
  ],
  lint: c =>
    c.onMismatch === 'replay' && c.from === undefined
      ? [
          {
            rule: 'mismatch-replayed',
            path: '/onMismatch',
            message:
              'another request under a used key is dropped, and its sender told of success: write `refuse`; where senders count on it, say so in a comment: # allow mismatch-replayed: why',
          },
        ]
      : [],
  sender: c => ({
    headers: fieldsOf(c),
    refusals: [
      'IDEMPOTENCY_KEY_INVALID',
      ...((c.onMismatch ?? (c.from === undefined ? 'refuse' : 'replay')) === 'refuse' ? ['IDEMPOTENCY_KEY_REUSED'] : []),
    ],
    repeats: `${sameOf(c)}: if the first request was kept after all, you get its answer and no second record is made.`,
    ...(c.replayedHeader && {
      answers: { [c.replayedHeader]: { description: 'The key was used before: this is the first answer again.', example: 'true' } },
    }),
  }),
  sign(c, { headers }, signer) {
    const header = headerOf(c)
    if (header !== undefined && !headers.has(header)) headers.set(header, fresh(signer.now()).slice(0, c.maxLength))
    return undefined
  },
  compile(c, host) {
    const header = c.header ?? DEFAULT
    const invalid = (sentence: string) => host.refuse('IDEMPOTENCY_KEY_INVALID', { _general: [sentence] })
    const missing = invalid(c.from === undefined ? `The ${header} header is required.` : `The delivery has no id (${c.from}).`)
    const unusable = invalid(`The ${header} header must have 1 to ${c.maxLength} characters, none of them a control character.`)
    const keyOf = c.from === undefined ? compileHeader(header, c.maxLength) : compileFrom(c.from, c.maxLength)
    const onMismatch = c.onMismatch ?? (c.from === undefined ? 'refuse' : 'replay')
    const fixed = {
      ttl: c.ttl,
      ...(onMismatch === 'refuse' && { mismatch: host.refuse('IDEMPOTENCY_KEY_REUSED') }),
      ...(c.replayedHeader && { replayedHeader: c.replayedHeader }),
    }
    return x => {
      const key = keyOf(x)
      if (key === false) return unusable
      if (key === undefined) return c.required ? missing : undefined
      x.stage(claimKey, { key, fingerprint: fingerprint(x), ...fixed })
    }
  },
})

const DEFAULT = 'X-Idempotency-Key'

/** The header of which this step tells senders; that of a preset its own step tells. */
function headerOf({ header, from }: Static<typeof config>): string | undefined {
  if (from === undefined) return header ?? DEFAULT
  return from.startsWith('header:') ? from.slice('header:'.length) : undefined
}

function fieldsOf(c: Static<typeof config>): Record<string, SenderField> {
  const header = headerOf(c)
  if (header === undefined) return {}
  const { required, maxLength } = c
  const description = 'Names this request: sent again with the same key, it gets the first answer and makes no second record.'
  return { [header]: { description, required, example: 'order-2026-000123', ...(c.from === undefined && { maxLength }), perRequest: true } }
}

/** What a sender keeps the same. */
function sameOf({ header, from }: Static<typeof config>): string {
  const [, kind, name] = /^(header|json):(.+)$/.exec(from ?? `header:${header ?? DEFAULT}`) ?? []
  if (kind === 'header') return `Send the same \`${name}\` each time`
  return kind === 'json' ? `Leave \`${name}\` in the body as it is` : 'Give the delivery the same id each time'
}

/** A key that no other request has: the time and 80 bits of chance, in the letters of a ULID, the latter first where a key must be short. */
function fresh(now: number): string {
  const digits = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
  const chance = Array.from(randomBytes(16), byte => digits[byte & 31]).join('')
  return `${chance}${now.toString(32).toUpperCase()}`
}

/** A line feed can stand in none of method, path and query, so that no two requests run into the same text. */
function fingerprint(x: Exchange): string {
  return createHash('sha256').update(`${x.method}\n${x.path}\n${x.search}\n`).update(x.raw).digest('base64url')
}
