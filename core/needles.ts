/** Many texts looked for at once: ten thousand secrets in a line of the log cost no more than one. */

export interface Needles {
  /** Characters of the longest. */
  readonly longest: number
  /** Whether one of them is in a text. */
  within(text: string): boolean
  /** The text with `instead` in the place of each; of two that begin at one place the longer counts. With `end`, only what begins before it is kept. */
  replace(text: string, instead: string, end?: number): string
}

/** Characters that are hashed: a shorter text is passed over. */
const SHORTEST = 6

const FACTOR = 0x01000193
/** Of the character that leaves the hash. */
const OLDEST = power(FACTOR, SHORTEST - 1)

interface Table {
  /** By the low bits of the hash: whether any may begin so. */
  marks: Uint8Array
  /** By the hash of the beginning: how long those are, the longest first. Many secrets begin with one prefix of their provider. */
  lengths: Map<number, number[]>
  all: Set<string>
  longest: number
}

/** Compiles them; `and` are further ones, compiled before. Undefined when there is none. */
export function needles(texts: Iterable<string>, and?: Needles): Needles | undefined {
  const own = tableOf(texts)
  const tables = [...(own ? [own] : []), ...(and instanceof Compiled ? and.tables : [])]
  return tables.length === 0 ? undefined : new Compiled(tables)
}

class Compiled implements Needles {
  readonly tables: readonly Table[]
  readonly longest: number

  constructor(tables: readonly Table[]) {
    this.tables = tables
    this.longest = Math.max(...tables.map(table => table.longest))
  }

  within(text: string): boolean {
    return this.#next(text, 0) !== undefined
  }

  replace(text: string, instead: string, end = text.length): string {
    let out = ''
    let from = 0
    for (;;) {
      const found = this.#next(text, from)
      if (!found || found.at >= end) break
      out += text.slice(from, found.at) + instead
      from = found.at + found.length
    }
    return from >= end ? out : out + text.slice(from, end)
  }

  #next(text: string, from: number): { at: number; length: number } | undefined {
    const { tables } = this
    const last = text.length - SHORTEST
    let hash = from > last ? 0 : hashAt(text, from)
    for (let at = from; at <= last; at++) {
      for (let i = 0; i < tables.length; i++) {
        const { marks } = tables[i] as Table
        if (marks[hash & (marks.length - 1)] === 0) continue
        const length = Math.max(...tables.map(table => longestAt(table, text, at, hash)))
        if (length > 0) return { at, length }
      }
      hash = (Math.imul(hash - Math.imul(text.charCodeAt(at), OLDEST), FACTOR) + text.charCodeAt(at + SHORTEST)) | 0
    }
    return undefined
  }
}

function longestAt({ lengths, all }: Table, text: string, at: number, hash: number): number {
  return lengths.get(hash)?.find(length => at + length <= text.length && all.has(text.slice(at, at + length))) ?? 0
}

function tableOf(texts: Iterable<string>): Table | undefined {
  const all = new Set<string>()
  for (const text of texts) if (text.length >= SHORTEST) all.add(text)
  if (all.size === 0) return undefined
  const marks = new Uint8Array(2 ** Math.min(20, Math.max(8, Math.ceil(Math.log2(all.size)) + 3)))
  const found = new Map<number, Set<number>>()
  for (const text of all) {
    const hash = hashAt(text, 0)
    marks[hash & (marks.length - 1)] = 1
    found.set(hash, (found.get(hash) ?? new Set()).add(text.length))
  }
  const lengths = new Map([...found].map(([hash, sizes]) => [hash, [...sizes].sort((a, b) => b - a)]))
  return { marks, lengths, all, longest: lengths.values().reduce((most, [length = 0]) => Math.max(most, length), 0) }
}

function hashAt(text: string, at: number): number {
  let hash = 0
  for (let i = at; i < at + SHORTEST; i++) hash = (Math.imul(hash, FACTOR) + text.charCodeAt(i)) | 0
  return hash
}

function power(factor: number, times: number): number {
  let value = 1
  for (let i = 0; i < times; i++) value = Math.imul(value, factor)
  return value
}
