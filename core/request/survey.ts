/** What must be known of a JSON text besides its value: how deep it goes, and what JSON.parse changes without a word. */
import { decimal } from '../numeral.ts'

export const MAX_DEPTH = 64

/** Fewer digits than these are below 2^53. */
const SAFE_DIGITS = 15

const QUOTE = 34
const COMMA = 44
const MINUS = 45
const DOT = 46
const ZERO = 48
const NINE = 57
const UPPER_E = 69
const OPEN_LIST = 91
const BACKSLASH = 92
const CLOSE_LIST = 93
const LOWER_E = 101
const LOWER_U = 117
const OPEN_OBJECT = 123
const CLOSE_OBJECT = 125

/** Hints from one pass over the bytes, before JSON.parse: each may be true for nothing, none is false for something. */
export interface Survey {
  /** Nested deeper than `MAX_DEPTH`. */
  deep: boolean
  /** A string has a `\u` escape. */
  escapes: boolean
  /** A number has an exponent or 16 digits before the point. */
  bigNumbers: boolean
}

/** Looks over UTF-8 text that claims to be JSON; never throws, whatever it is. */
export function survey(raw: Uint8Array): Survey {
  const seen = { deep: false, escapes: false, bigNumbers: false }
  const end = raw.length
  let depth = 0
  for (let i = 0; i < end; i++) {
    const c = raw[i]!
    if (c === QUOTE) {
      for (i++; i < end && raw[i] !== QUOTE; i++) if (raw[i] === BACKSLASH && raw[++i] === LOWER_U) seen.escapes = true
    } else if (c === OPEN_OBJECT || c === OPEN_LIST) {
      if (++depth > MAX_DEPTH) {
        seen.deep = true
        return seen
      }
    } else if (c === CLOSE_OBJECT || c === CLOSE_LIST) depth--
    else if (c >= ZERO && c <= NINE) {
      const start = i
      while (raw[i + 1]! >= ZERO && raw[i + 1]! <= NINE) i++
      const next = raw[i + 1]
      if (next === LOWER_E || next === UPPER_E || (i - start >= SAFE_DIGITS && raw[start - 1] !== DOT)) seen.bigNumbers = true
    }
  }
  return seen
}

/** Dotted path of the first number of a JSON text that JSON.parse gives another value; the text must be valid. */
export function lossyNumber(text: string): string | undefined {
  /** Of each open object the present key, as written, and of each open list the present index. */
  const path: (string | number)[] = []
  let isKey = false
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (c === QUOTE) {
      const start = i
      for (i++; text.charCodeAt(i) !== QUOTE; i++) if (text.charCodeAt(i) === BACKSLASH) i++
      if (isKey) path[path.length - 1] = text.slice(start, i + 1)
      isKey = false
    } else if (c === OPEN_OBJECT || c === OPEN_LIST) {
      isKey = c === OPEN_OBJECT
      path.push(isKey ? '' : 0)
    } else if (c === CLOSE_OBJECT || c === CLOSE_LIST) {
      isKey = false
      path.pop()
    } else if (c === COMMA) {
      const at = path.at(-1)
      if (typeof at === 'number') path[path.length - 1] = at + 1
      else isKey = true
    } else if (c === MINUS || (c >= ZERO && c <= NINE)) {
      const start = i
      while (/[\d.eE+-]/.test(text.charAt(i + 1))) i++
      if (isLossy(text.slice(start, i + 1))) return path.map(key => (typeof key === 'number' ? key : JSON.parse(key))).join('.')
    }
  }
  return undefined
}

/** Below 2^53, rounding to the nearest double is what a number means (RFC 8259 section 6); above, digits go missing. */
function isLossy(literal: string): boolean {
  const value = Number(literal)
  if (Math.abs(value) < 2 ** 53) return false
  return !Number.isFinite(value) || decimal(literal) !== decimal(String(value))
}
