/** Where the key of a request is, and what of it serves as one. */
import { createHash } from 'node:crypto'
import { deliveryId, type Exchange, exactNumbers } from '#core/plugin.ts'

/** The key; undefined when the request has none, and false when it is unusable. */
export type KeyOf = (x: Exchange) => string | undefined | false

/** A header's name (RFC 9110, 5.6.2). */
export const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
const STEP = '[^.[\\]]+(?:\\[\\])?'

/** What `from` may be: at most 16 steps of a path. */
export const FROM = `^(preset|header:${TOKEN}|json:(?:\\[\\]|${STEP})(?:\\.${STEP}){0,15})$`

/** A key that the sender made up for us: what cannot be one is the sender's to mend, and so it is refused. */
export function compileHeader(header: string, maxLength: number): KeyOf {
  return x => {
    const value = x.headers.get(header)
    if (value === null) return undefined
    const key = unquote(value)
    return key !== undefined && key !== '' && key.length <= maxLength && !hasControl(key) && key
  }
}

/** An id that a provider gives its deliveries, who will never know of a refusal: what is too long or cannot be stored is known by its hash. */
export function compileFrom(from: string, maxLength: number): KeyOf {
  const read = sourceOf(from)
  return x => {
    const id = read(x)
    if (!id) return undefined
    if (id.length <= maxLength && !hasControl(id) && id.isWellFormed()) return id
    return `sha256:${createHash('sha256').update(Buffer.from(id, 'utf16le')).digest('base64url')}`
  }
}

function sourceOf(from: string): (x: Exchange) => string | undefined {
  if (from === 'preset') return x => x.get(deliveryId)
  if (from.startsWith('header:')) {
    const name = from.slice('header:'.length)
    return x => x.headers.get(name) ?? undefined
  }
  const path = from
    .slice('json:'.length)
    .split('.')
    .flatMap((part): (string | typeof ONLY)[] => (part.endsWith('[]') ? [...(part.length > 2 ? [part.slice(0, -2)] : []), ONLY] : [part]))
  return x => textAt(x, path)
}

/** Stands for `[]`: the one element of a list. Were it the first of several, the others would be lost when that one comes again. */
const ONLY = Symbol('[]')

/** A text, or a number that has lost no digits; whatever else two deliveries may have in common is no id. */
function textAt(x: Exchange, path: readonly (string | typeof ONLY)[]): string | undefined {
  let value = x.peek()
  for (const step of path) {
    if (typeof step !== 'string') {
      if (!Array.isArray(value) || value.length !== 1) return undefined
      value = value[0]
      continue
    }
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined
    value = (value as Record<string, unknown>)[step]
  }
  // Bun puts this in the place of whatever is no UTF-8 in a query.
  if (typeof value === 'string') return x.method === 'GET' && value.includes('\ufffd') ? undefined : value
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) return undefined
  const place = path.map(step => (step === ONLY ? '0' : step))
  return exactNumbers(x)(value, place) ? String(value) : undefined
}

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
