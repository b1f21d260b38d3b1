/** Numbers as they are written, where that says more than the double which JSON.parse makes of them. */
import { Buffer } from 'node:buffer'

const DOT = 46
/** Digits and points: with fewer, and an exponent of at most two digits, no two numbers are one double. */
const SHORT = 16
const SHORT_EXPONENT = 2

/** Whether a number that stands at this path of the data was written with just the digits it has. */
export type IsExact = (value: number, path: readonly string[]) => boolean

/**
 * Tells numbers that can name something from those that other numbers would be one with: `1.00000000000000000001` is 1 once it is
 * parsed, and `1e-400` is 0. The request is looked over at the first question; a step that has made the number of a text, or has moved
 * it, is no way around.
 */
export function exactNumbers(x: { readonly raw: Uint8Array; readonly search: string }): IsExact {
  let rounded: Set<number> | undefined
  return (value, path) => {
    rounded ??= roundedIn(x.raw, x.search === '' ? new Set() : roundedIn(Buffer.from(x.search, 'latin1'), new Set()))
    return !rounded.has(Math.abs(value)) || isExactAt(x.raw, value, path)
  }
}

/** Adds the absolute values of all numbers of a text that have lost digits, be they in strings or not. */
function roundedIn(bytes: Uint8Array, found: Set<number>): Set<number> {
  const end = bytes.length
  for (let i = 0; i < end; i++) {
    if (!isDigit(bytes[i]) && bytes[i] !== DOT) continue
    const start = i
    while (isDigit(bytes[i + 1]) || bytes[i + 1] === DOT) i++
    const length = i + 1 - start
    const exponent = exponentAt(bytes, i + 1)
    i += exponent.length
    if (length < SHORT && exponent.digits <= SHORT_EXPONENT) continue
    // A piece of a hexadecimal id may look like a number.
    if (isWord(bytes[start - 1]) || isWord(bytes[i + 1]) || isSign(bytes[i + 1])) continue
    const literal = Buffer.from(bytes.buffer, bytes.byteOffset + start, i + 1 - start).toString('latin1')
    const value = Number(literal)
    if (Number.isFinite(value) && decimal(literal) !== decimal(String(value))) found.add(value)
  }
  return found
}

function exponentAt(bytes: Uint8Array, at: number): { length: number; digits: number } {
  if (((bytes[at] ?? 0) | 32) !== 101) return { length: 0, digits: 0 }
  const first = isSign(bytes[at + 1]) ? at + 2 : at + 1
  let end = first
  while (isDigit(bytes[end])) end++
  return end === first ? { length: 0, digits: 0 } : { length: end - at, digits: end - first }
}

const isDigit = (c = 0) => c >= 48 && c <= 57
const isSign = (c = 0) => c === 43 || c === 45
const isWord = (c = 0) => isDigit(c) || c === DOT || c === 95 || ((c | 32) >= 97 && (c | 32) <= 122)

/** Another number of the request may be the one that lost digits: this asks for the very place, at three times the cost of JSON.parse. */
function isExactAt(raw: Uint8Array, value: number, path: readonly string[]): boolean {
  const name = path.at(-1)
  const sources = new Map<unknown, string>()
  function note(this: unknown, key: string, inner: unknown, context?: { source?: string }) {
    if (key === name && context?.source !== undefined) sources.set(this, context.source)
    return inner
  }
  try {
    let holder: unknown = JSON.parse(new TextDecoder().decode(raw), note as Parameters<typeof JSON.parse>[1])
    for (const key of path.slice(0, -1)) holder = (holder as Record<string, unknown> | undefined)?.[key]
    const literal = sources.get(holder)
    return literal !== undefined && Number(literal) === value && decimal(literal) === decimal(String(value))
  } catch {
    return false // a form, or a query
  }
}

/** One form for all ways to write a number, but for its sign: digits without zeros at the ends, and the power of ten of the last. */
export function decimal(literal: string): string {
  const [, whole = '', fraction = '', exponent = '0'] = /^-?(\d*)\.?(\d*)(?:e([+-]?\d+))?$/i.exec(literal) ?? []
  const digits = whole + fraction
  let first = 0
  let last = digits.length
  while (digits[first] === '0') first++
  if (first === last) return '0'
  while (digits[last - 1] === '0') last--
  return `${digits.slice(first, last)}e${Number(exponent) - fraction.length + digits.length - last}`
}
