/** A dotted path such as `customer.address.city` or `items[0].sku`, compiled once. */

export interface Path {
  /** A key, or a position in a list. */
  readonly parts: readonly (string | number)[]
  /** The value there; undefined when there is none. An own top-level key that is the whole text comes first, dots and all. */
  read(data: Record<string, unknown>): unknown
  /** Puts the value there. Containers on the way are copied before they are changed, so that only `data` itself is. */
  write(data: Record<string, unknown>, value: unknown): void
}

/** Walking or writing through one of these reaches what all objects share. */
const SHARED = new Set(['__proto__', 'constructor', 'prototype'])
const DEEPEST = 32
const HIGHEST = 999

/** Throws a sentence that says what is wrong with the text. */
export function compilePath(text: string): Path {
  const parts = partsOf(text)
  const last = parts.length - 1
  if (last === 0) {
    return {
      parts,
      read: data => (Object.hasOwn(data, text) ? data[text] : undefined),
      write(data, value) {
        data[text] = value
      },
    }
  }
  return {
    parts,
    read(data) {
      if (Object.hasOwn(data, text)) return data[text]
      let value: unknown = data
      for (let i = 0; i <= last; i++) {
        const part = parts[i]!
        // A list has only its positions, and an object only its own keys: never `length`, never what is inherited.
        if (typeof value !== 'object' || value === null) return undefined
        if (Array.isArray(value) !== (typeof part === 'number') || !Object.hasOwn(value, part)) return undefined
        value = (value as Record<string | number, unknown>)[part]
      }
      return value
    },
    write(data, value) {
      let container: Record<string | number, unknown> = data
      for (let i = 0; i < last; i++) {
        const part = parts[i]!
        const below = Object.hasOwn(container, part) ? container[part] : undefined
        container = container[part] = open(below, typeof parts[i + 1] === 'number') as Record<string | number, unknown>
        if (Array.isArray(container)) fill(container, parts[i + 1] as number)
      }
      container[parts[last]!] = value
    },
  }
}

function partsOf(text: string): (string | number)[] {
  const parts: (string | number)[] = []
  for (const segment of text.split('.')) {
    const [, key, positions] = /^([^[\]]+)((?:\[\d{1,9}\])*)$/.exec(segment) ?? []
    if (key === undefined || positions === undefined)
      throw new Error(`'${text}' is not a path; write one like customer.address.city or items[0].sku`)
    if (SHARED.has(key)) throw new Error(`'${key}' cannot be part of a path: it reaches what all objects share`)
    parts.push(key)
    for (const [, position] of positions.matchAll(/\[(\d+)\]/g)) parts.push(Number(position))
  }
  if (parts.length > DEEPEST) throw new Error(`'${text}' is deeper than ${DEEPEST}`)
  if (parts.some(part => typeof part === 'number' && part > HIGHEST)) throw new Error(`'${text}' goes beyond position ${HIGHEST} of a list`)
  return parts
}

/** A copy to write into; what is no such container makes room for an empty one. */
function open(value: unknown, list: boolean): object {
  if (list) return Array.isArray(value) ? [...value] : []
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {}
}

/** Positions that nobody wrote are null, as JSON would have them. */
function fill(list: unknown[], upTo: number): void {
  while (list.length <= upTo) list.push(null)
}
