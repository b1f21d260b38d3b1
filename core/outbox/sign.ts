/** Signs deliveries as Standard Webhooks 1.0.0 (https://www.standardwebhooks.com). */
import { Webhook } from 'standardwebhooks'
import { signingKey } from '../outgoing.ts'

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
 * `signingKey` says what bytes a secret stands for.
 *
 * Throws with a sentence, which never shows a secret, when there is none, or one is empty or misspelt.
 */
export function compileSign(secrets: readonly string[]): Sign {
  if (secrets.length === 0) throw new Error('there is no secret to sign with')
  const keys = secrets.map((secret, i) => {
    const key = signingKey(secret)
    if ('fault' in key) throw new Error(`secret ${i + 1} of ${secrets.length} ${key.fault}`)
    return new Webhook(key.base64)
  })
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
