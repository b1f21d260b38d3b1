/** Why a notification of Adyen did not verify. */
import type { Exchange, Finding } from '#core/plugin.ts'
import { itemsOf, macOf, own, same } from './items.ts'

const FORM = 'application/x-www-form-urlencoded'

/** What would have let it pass; `keys` are as the settings have them. */
export function diagnose(keys: readonly string[], x: Exchange): Finding[] {
  const payload = x.peek()
  const items = itemsOf(payload)
  if (items === 'no-items' && x.headers.has('hmacsignature'))
    return [
      {
        code: 'platform-webhook',
        message: 'The signature is in the HmacSignature header, as that of platform, banking and management webhooks is.',
        cure: 'Put `auth-hmac: { preset: adyen-platform }` into the chain of this webhook.',
      },
    ]
  if (x.headers.get('content-type')?.toLowerCase().startsWith(FORM) || x.method === 'GET')
    return [
      {
        code: 'not-json',
        message: 'The notification came as a form or a query.',
        cure: "Choose JSON as the webhook's method in Adyen's Customer Area.",
      },
    ]
  if (items === 'no-items')
    return [
      {
        code: 'no-items',
        message: 'The body has no list `notificationItems` with at least one item.',
        cure: 'Send what Adyen sends for payments; SOAP and other kinds of notification are not read.',
      },
    ]
  if (typeof items === 'string') return [refused(items)]
  const wrong = items.filter(({ signed, signature }) => !keys.some(key => same(mac(key, 'hex', signed), signature)))
  const all = (make: (key: string, signed: string) => string) =>
    wrong.length > 0 && wrong.every(({ signed, signature }) => keys.some(key => same(make(key, signed), signature)))
  if (all((key, signed) => mac(key, 'utf8', signed)))
    return [
      { code: 'key-as-text', message: 'It was signed with the key as text.', cure: 'Decode the key from hex to its bytes before signing.' },
    ]
  if (all((key, signed) => mac(key, 'hex', signed, 'hex')))
    return [{ code: 'hex-for-base64', message: 'The signature is in hex.', cure: 'Write it in base64.' }]
  if (wrong.length < items.length)
    return [
      {
        code: 'some-items',
        message: `${wrong.length} of ${items.length} items have a signature that does not fit.`,
        cure: 'Sign every item; one that is not right refuses all of them.',
      },
    ]
  if (typeof own(payload, 'live') === 'string')
    return [
      {
        code: 'other-key',
        message: 'The signature fits none of the keys, or a signed field was changed on the way.',
        cure: 'Compare `keys` with the HMAC key of this webhook in the Customer Area: test and live have different ones, and a new one counts at once.',
      },
    ]
  return [{ code: 'other-key', message: 'The signature fits none of the keys.', cure: 'Sign the eight fields with one of `keys`.' }]
}

function refused(reason: string): Finding {
  if (reason.startsWith('missing-signature'))
    return {
      code: 'signature-missing',
      message: `There is no additionalData.hmacSignature${reason.slice('missing-signature'.length)}.`,
      cure: "Generate an HMAC key for this webhook in Adyen's Customer Area and save it; without one Adyen does not sign.",
    }
  if (reason.startsWith('too-many'))
    return { code: 'too-many-items', message: 'There are more than 100 items.', cure: 'Send them in several notifications.' }
  return {
    code: 'malformed-item',
    message: `A signed field is no text or whole number, is too long, or has a colon${reason.slice('malformed-item'.length)}.`,
    cure: 'Send the fields as Adyen does; only merchantReference may have a colon in it.',
  }
}

const mac = (key: string, encoding: 'hex' | 'utf8', signed: string, as?: 'base64' | 'hex') => macOf(Buffer.from(key, encoding), signed, as)
