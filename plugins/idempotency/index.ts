/** Answers a repeated idempotency key with the first outcome and writes nothing more. */
import { createHash } from 'node:crypto'
import { claimKey, Duration, definePlugin, type Exchange, Type } from '#core/plugin.ts'

/** A header's name (RFC 9110, 5.6.2). */
const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"

export default definePlugin({
  name: 'idempotency',
  phase: 'admit',
  summary: 'Answers a repeated idempotency key with the first outcome and writes nothing more.',
  config: Type.Object(
    {
      header: Type.String({ default: 'X-Idempotency-Key', pattern: `^${TOKEN}$`, description: 'Header that carries the key.' }),
      maxLength: Type.Integer({ default: 255, minimum: 1, maximum: 255, description: 'Longest key, in characters.' }),
      ttl: Duration({ default: '24h', description: 'How long a key is remembered.' }),
      onMismatch: Type.Union([Type.Literal('refuse'), Type.Literal('replay')], {
        default: 'refuse',
        description: 'What a key gets that comes again with another request: IDEMPOTENCY_KEY_REUSED, or the first outcome all the same.',
      }),
      required: Type.Boolean({ default: false, description: 'Refuses requests without a key; otherwise each of them counts as new.' }),
      replayedHeader: Type.String({
        default: 'X-Idempotent-Replayed',
        pattern: `^(${TOKEN})?$`,
        description: 'Header that says `true` on a replayed answer; empty: none.',
      }),
    },
    { additionalProperties: false },
  ),
  refusals: {
    IDEMPOTENCY_KEY_INVALID: { status: 400, summary: 'The idempotency key is missing or unusable.' },
    IDEMPOTENCY_KEY_REUSED: { status: 422, summary: 'The idempotency key was used before with another request.' },
  },
  single: true,
  check: c => (c.ttl > 0 ? [] : [{ path: '/ttl', message: 'must be longer than 0; write 24h, say' }]),
  sender: c => ({
    headers: {
      [c.header]: {
        description: 'Names this request: sent again with the same key, it gets the first answer and makes no second record.',
        required: c.required,
        example: 'order-2026-000123',
        maxLength: c.maxLength,
      },
    },
  }),
  compile(c, host) {
    const missing = host.refuse('IDEMPOTENCY_KEY_INVALID', { _general: [`The ${c.header} header is required.`] })
    const unusable = host.refuse('IDEMPOTENCY_KEY_INVALID', {
      _general: [`The ${c.header} header must have 1 to ${c.maxLength} characters, none of them a control character.`],
    })
    const fixed = {
      ttl: c.ttl,
      ...(c.onMismatch === 'refuse' && { mismatch: host.refuse('IDEMPOTENCY_KEY_REUSED') }),
      ...(c.replayedHeader && { replayedHeader: c.replayedHeader }),
    }
    return x => {
      const value = x.headers.get(c.header)
      if (value === null) return c.required ? missing : undefined
      const key = unquote(value)
      if (key === undefined || key === '' || key.length > c.maxLength || hasControl(key)) return unusable
      x.stage(claimKey, { key, fingerprint: fingerprint(x), ...fixed })
    }
  },
})

/** Senders of the IETF draft quote the key as a structured-field string (RFC 9651, 3.3.3), all others send it bare: both name one key. */
function unquote(value: string): string | undefined {
  if (value[0] !== '"') return value
  return /^"(?:[^"\\]|\\["\\])*"$/.test(value) ? value.slice(1, -1).replace(/\\(.)/g, '$1') : undefined
}

function hasControl(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 0x20 || code === 0x7f) return true
  }
  return false
}

/** A line feed can stand in none of method, path and query, so that no two requests run into the same text. */
function fingerprint(x: Exchange): string {
  return createHash('sha256').update(`${x.method}\n${x.path}\n${x.search}\n`).update(x.raw).digest('base64url')
}
