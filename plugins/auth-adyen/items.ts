/** The items of a notification, and what of each of them is signed. */
import { createHmac, timingSafeEqual } from 'node:crypto'

/** More than so many are refused: each costs an HMAC for each key. Adyen puts one into a notification. */
export const MAX_ITEMS = 100

/** Characters of a signed text; Adyen's longest field has 80. */
const LONGEST = 4096

export interface Item {
  signature: string
  /** What the signature is over. */
  signed: string
  pspReference: string
  eventCode: string
  success: string
}

type Fields = Record<string, unknown>

/** The items of a payload, or why one of them cannot be judged. */
export function itemsOf(payload: unknown): Item[] | string {
  const list = own(payload, 'notificationItems')
  if (!Array.isArray(list) || list.length === 0) return 'no-items'
  if (list.length > MAX_ITEMS) return 'too-many-items'
  const items: Item[] = []
  for (const [i, entry] of list.entries()) {
    const item = itemOf(own(entry, 'NotificationRequestItem'))
    if (typeof item === 'string') return `${item} in item ${i}`
    items.push(item)
  }
  return items
}

function itemOf(item: unknown): Item | string {
  if (!isMap(item)) return 'malformed-item'
  const signature = own(own(item, 'additionalData'), 'hmacSignature')
  if (typeof signature !== 'string' || signature === '') return 'missing-signature'
  const fields = signedFields(item)
  if (!fields) return 'malformed-item'
  const [pspReference = '', , , , , , eventCode = '', success = ''] = fields
  return { signature, signed: fields.join(':'), pspReference, eventCode, success }
}

/** The merchant's own reference: the only field of the eight that may have a colon in it. */
const REFERENCE = 3

/** The eight fields in order, a missing one as empty text; undefined when they would not be one text alone. */
export function signedFields(item: Fields): string[] | undefined {
  const amount = own(item, 'amount')
  const values = [
    own(item, 'pspReference'),
    own(item, 'originalReference'),
    own(item, 'merchantAccountCode'),
    own(item, 'merchantReference'),
    own(amount, 'value'),
    own(amount, 'currency'),
    own(item, 'eventCode'),
    own(item, 'success'),
  ]
  if (amount !== undefined && amount !== null && !isMap(amount)) return undefined
  const fields = values.map(textOf)
  // Nothing escapes the colons: with two fields that may have one, a colon could be moved from the one to the other.
  if (!fields.every((field, i): field is string => field !== undefined && (i === REFERENCE || !field.includes(':')))) return undefined
  return fields.reduce((sum, field) => sum + field.length, 0) <= LONGEST ? fields : undefined
}

function textOf(value: unknown): string | undefined {
  if (value === undefined || value === null) return ''
  if (typeof value === 'string') return value.isWellFormed() ? value : undefined
  return typeof value === 'boolean' || Number.isSafeInteger(value) ? String(value) : undefined
}

const isMap = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)

/** A field of its own: never one of a prototype. */
export function own(value: unknown, name: string): unknown {
  return isMap(value) && Object.hasOwn(value, name) ? value[name] : undefined
}

/** The signature of a text. */
export function macOf(key: Uint8Array, signed: string, as: 'base64' | 'hex' = 'base64'): string {
  return createHmac('sha256', key).update(signed).digest(as)
}

/** Compares two texts of ASCII in constant time, but for their lengths, which are no secret. */
export function same(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)]
  return a.length === b.length && timingSafeEqual(a, b)
}
