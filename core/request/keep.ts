/** What is kept of a body: its beginning, without secrets and without the values that the configuration wants masked. */
import { MASK, type Mask } from './mask.ts'

export interface Kept {
  /** Text, or base64 when `encoded`; empty when it cannot be kept safely. */
  body: string
  encoded: boolean
}

const NOTHING: Kept = { body: '', encoded: false }
/** Bytes of a body that are parsed to find what is masked in it. */
const MOST_PARSED = 1_048_576
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Compiles the paths to mask, such as `card.number` and `people.*.ssn`. */
export function compileKeep(paths: readonly string[], limit: number): (raw: Uint8Array, type: string | null, mask: Mask) => Kept {
  const split = paths.map(path => path.split('.'))
  return (raw, type, mask) => {
    if (raw.length === 0 || limit === 0) return NOTHING
    if (split.length === 0) return begin(raw, limit, mask)
    if (raw.length > MOST_PARSED) return NOTHING
    const text = textOf(raw)
    if (text === undefined) return NOTHING
    const clean = type?.toLowerCase().startsWith('application/x-www-form-urlencoded') ? formWithout(text, paths) : jsonWithout(text, split)
    return clean === undefined ? NOTHING : begin(clean === text ? raw : Buffer.from(clean), limit, mask)
  }
}

/** At most `limit` bytes; the text beyond is looked at only for the end of a secret that begins before. */
function begin(raw: Uint8Array, limit: number, mask: Mask): Kept {
  const whole = textOf(raw.subarray(0, boundary(raw, limit + mask.margin * 4)))
  if (whole !== undefined) {
    const end = raw.length <= limit ? whole.length : utf8.decode(raw.subarray(0, boundary(raw, limit))).length
    return { body: mask.text(whole, end), encoded: false }
  }
  const bytes = Buffer.from(raw.buffer, raw.byteOffset, Math.min(raw.length, limit + mask.margin))
  const plain = bytes.toString('latin1')
  // Base64 would hide a secret from whoever looks for it, and not from whoever decodes it.
  return mask.text(plain) === plain ? { body: bytes.subarray(0, limit).toString('base64'), encoded: true } : NOTHING
}

/** Undefined for what is not UTF-8, or has a character that a database's text cannot hold. */
function textOf(bytes: Uint8Array): string | undefined {
  try {
    const text = utf8.decode(bytes)
    return text.includes('\0') ? undefined : text
  } catch {
    return undefined
  }
}

/** The last place up to `end` where a character of UTF-8 begins. */
function boundary(raw: Uint8Array, end: number): number {
  if (end >= raw.length) return raw.length
  let at = end
  while (at > 0 && at > end - 4 && ((raw[at] as number) & 0xc0) === 0x80) at--
  return at
}

function formWithout(text: string, paths: readonly string[]): string {
  return text
    .split('&')
    .map(pair => {
      const name = pair.split('=', 1)[0] as string
      return [...new URLSearchParams(name).keys()].some(key => paths.includes(key)) ? `${name}=${MASK}` : pair
    })
    .join('&')
}

/** Undefined when it is no JSON: what is to be masked cannot be found in it. */
function jsonWithout(text: string, paths: readonly (readonly string[])[]): string | undefined {
  try {
    // Of a key that stands twice, parsing sees the last alone: only a text without the key at all is sure to hold none.
    const may = text.includes('\\u') || paths.some(path => path.at(-1) === '*' || text.includes(JSON.stringify(path.at(-1)).slice(1, -1)))
    const value: unknown = JSON.parse(text)
    return may ? JSON.stringify(paths.reduce((whole, path) => without(whole, path, 0), value)) : text
  } catch {
    return undefined
  }
}

function without(value: unknown, path: readonly string[], from: number): unknown {
  const key = path[from]
  if (key === undefined) return MASK
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((item, i) => (key === '*' || key === String(i) ? without(item, path, from + 1) : item))
  const inner = Object.entries(value).map(([name, item]) => [name, key === '*' || key === name ? without(item, path, from + 1) : item])
  return Object.fromEntries(inner)
}
