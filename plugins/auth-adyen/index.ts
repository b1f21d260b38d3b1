/** `auth-adyen`: each item of a payments notification carries its own signature (https://docs.adyen.com/development-resources/webhooks/verify-hmac-signatures). */
import { definePlugin, deliveryId, Secret, Type } from '#core/plugin.ts'
import { diagnose } from './diagnose.ts'
import { type Item, itemsOf, MAX_ITEMS, macOf, own, same, signedFields } from './items.ts'

const HEX = /^(?:[0-9a-f]{2})+$/i
/** Base64 of the 32 bytes of a SHA-256. */
const SHAPE = /^[A-Za-z0-9+/]{43}=$/
const LONGEST_ID = 255

export default definePlugin({
  name: 'auth-adyen',
  phase: 'verify',
  summary: 'Lets in payments notifications of Adyen, each item of which is signed.',
  config: Type.Object(
    {
      keys: Type.Array(Secret({ description: 'One HMAC key in hex, as the Customer Area shows it.' }), {
        minItems: 1,
        maxItems: 16,
        description: 'HMAC keys of the webhook. Several are live at once, so that one can be changed without a gap.',
      }),
    },
    { additionalProperties: false },
  ),
  refusals: { UNAUTHORIZED: { status: 401, summary: 'The credential, signature or timestamp is missing or wrong.' } },
  gives: [deliveryId],
  check: ({ keys }, { methods }) => [
    ...keys.flatMap((key, i) =>
      key === '' || HEX.test(key)
        ? []
        : [
            {
              path: `/keys/${i}`,
              message: 'this key is not hex: copy the HMAC key as the Customer Area shows it, 64 letters of 0 to 9 and A to F',
            },
          ],
    ),
    ...(methods.includes('GET')
      ? [{ path: '', message: 'the webhook takes GET, whose payload is the query, and that is not signed: take GET out of `methods`' }]
      : []),
  ],
  lint: (_, { chain }) =>
    chain.some(({ plugin }) => plugin.name === 'idempotency')
      ? []
      : [
          {
            rule: 'replayable',
            path: '',
            message:
              'Adyen signs no time, so that whoever gets hold of one notification can send it again for ever: add `idempotency: { from: preset, required: true }`',
          },
        ],
  sender: () => ({
    body: {
      type: 'object',
      required: ['notificationItems'],
      properties: {
        notificationItems: {
          type: 'array',
          minItems: 1,
          maxItems: MAX_ITEMS,
          items: {
            type: 'object',
            required: ['NotificationRequestItem'],
            properties: {
              NotificationRequestItem: {
                type: 'object',
                required: ['additionalData'],
                properties: {
                  additionalData: {
                    type: 'object',
                    required: ['hmacSignature'],
                    properties: {
                      hmacSignature: { type: 'string', description: 'HMAC-SHA-256 over eight fields of the item, in base64.' },
                    },
                  },
                },
              },
            },
          },
        },
      },
    },
  }),
  sign({ keys }, draft) {
    const key = keys.find(Boolean)
    if (!key) return 'none of the keys of auth-adyen has a value: set the variable that one of them names'
    let payload: unknown
    try {
      payload = JSON.parse(new TextDecoder().decode(draft.body))
    } catch {
      return 'the body is not JSON'
    }
    const list = own(payload, 'notificationItems')
    if (!Array.isArray(list) || list.length === 0) return 'the body has no list `notificationItems` with at least one item'
    for (const entry of list) {
      const item = own(entry, 'NotificationRequestItem')
      const fields = typeof item === 'object' && item !== null ? signedFields(item as Record<string, unknown>) : undefined
      if (!fields) return 'an item has no `NotificationRequestItem`, or one with a field that cannot be signed'
      const data = own(item, 'additionalData')
      Object.assign(item as object, {
        additionalData: {
          ...(typeof data === 'object' ? data : {}),
          hmacSignature: macOf(Buffer.from(key, 'hex'), fields.join(':')),
        },
      })
    }
    draft.body = new TextEncoder().encode(JSON.stringify(payload))
    draft.headers.set('content-type', 'application/json')
    return undefined
  },
  diagnose: ({ keys }, x) =>
    diagnose(
      keys.filter(key => HEX.test(key)),
      x,
    ),

  compile({ keys }, host) {
    // Buffer.from stops at what is no hex; a key of the bytes before it, or of none, is not the one that was meant.
    const known = keys.filter(key => HEX.test(key)).map(text => ({ text, bytes: Buffer.from(text, 'hex') }))
    const refuse = (reason: string) => host.refuse('UNAUTHORIZED', undefined, { reason })
    const matchOf = ({ signature, signed }: Item) =>
      SHAPE.test(signature) ? known.find(key => same(macOf(key.bytes, signed), signature)) : undefined
    return x => {
      // `peek` reads the same bytes in the same way as the steps that follow: what they see is what was judged here.
      const items = itemsOf(x.peek())
      if (typeof items === 'string') return refuse(items)
      const used = new Set<string>()
      for (const [i, item] of items.entries()) {
        const match = matchOf(item)
        if (!match) return refuse(`signature-mismatch in item ${i}`)
        used.add(match.text)
      }
      for (const text of used) host.used(text)
      const [only] = items
      if (only && items.length === 1 && only.pspReference) {
        const id = `${only.pspReference}:${only.eventCode}:${only.success}`
        if (id.length <= LONGEST_ID) x.set(deliveryId, id)
      }
      return undefined
    }
  },
})
