/** Signs deliveries as Standard Webhooks 1.0.0 (https://www.standardwebhooks.com). */
import { Webhook } from 'standardwebhooks'

/** The headers of one attempt. */
export interface SignatureHeaders extends Record<string, string> {
  'webhook-id': string
  'webhook-timestamp': string
  'webhook-signature': string
}

/**
 * Signs one attempt: `id` is that of the event and the same on every attempt; `now` (epoch milliseconds) is that of this attempt; `body` is
 * what is sent as UTF-8, to the last byte.
 */
export type Sign = (id: string, now: number, body: string) => SignatureHeaders

/**
 * Compiles the live secrets of a destination, the newest first: each makes one signature, and they stand in this order with spaces between.
 *
 * The key that a secret stands for:
 * - `whsec_` and base64: the bytes of the base64. This is how Standard Webhooks writes secrets, and the only form that every receiver reads alike.
 * - base64 alone: the same bytes. Base64 is of the standard alphabet, with or without its padding, and without spare bits.
 * - any other text: its UTF-8 bytes. Receivers that use a Standard Webhooks library are given `whsec_` and the base64 of these bytes.
 *
 * A text that happens to be base64, as 64 hex digits are, is taken for base64: that is what the libraries do when they are given the same text.
 *
 * Throws with a sentence, which never shows a secret, when there is none, or one is empty or misspelt.
 */
export function compileSign(secrets: readonly string[]): Sign {
  if (secrets.length === 0) throw new Error('there is no secret to sign with')
  const keys = secrets.map((secret, i) => new Webhook(keyOf(secret, `secret ${i + 1} of ${secrets.length}`)))
  return (id, now, body) => {
    // The signature covers `id.timestamp.body`: with a dot in the id, one signature would stand for two messages.
    if (!/^[\w-]+$/.test(id)) throw new Error(`'${id}' cannot be a webhook-id: only letters, digits, '_' and '-'`)
    const time = new Date(now)
    return {
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(now / 1000)),
      'webhook-signature': keys.map(key => key.sign(id, time, body)).join(' '),
    }
  }
}

const PREFIX = 'whsec_'

/** As the library takes it: padded base64. It would take more than that, and drop letters from it without a word. */
function keyOf(secret: string, which: string): string {
  const prefixed = secret.startsWith(PREFIX)
  const text = prefixed ? secret.slice(PREFIX.length) : secret
  if (text === '') throw new Error(`${which} is empty`)
  const bytes = Buffer.from(text, 'base64')
  const canonical = bytes.toString('base64')
  if (text === canonical || text === canonical.replace(/=+$/, '')) return canonical
  if (prefixed) throw new Error(`${which} begins with ${PREFIX}, but what follows is not base64: it was cut off or misspelt`)
  return Buffer.from(text, 'utf8').toString('base64')
}
