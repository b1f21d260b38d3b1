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
  lengths: Map<number, readonly number[]>
  all: Set<string>
  longest: number
}

/** A line of a key, say: long enough to be a secret by itself. */
const SHORTEST_PART = 12

/**
 * A secret as it may stand in a text: plain, in JSON of several writers and in JSON within JSON, percent-encoded in a URL or a form, the
 * words of it in a header, in hex, and in base64, also as a part of what was encoded, such as `user:password`.
 */
export function spellings(value: string): string[] {
  const json = inJson(value)
  const ascii = json.replace(/[^\x20-\x7e]/g, c => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
  const url = encodeURIComponent(value.toWellFormed())
  const parts = value.split(/[^!-~]+/).filter(part => part.length >= SHORTEST_PART)
  const written = [json, ascii, json.replaceAll('/', '\\/'), ascii.replaceAll('/', '\\/')].flatMap(nested)
  const bytes = [Buffer.from(value)]
  // `btoa` and older senders.
  if (/[\x80-\xff]/.test(value) && !/[^\0-\xff]/.test(value)) bytes.push(Buffer.from(value, 'latin1'))
  const encoded = bytes.flatMap(encodings)
  return [...new Set([...parts, value, ...written, url, lowerPercent(url), url.replaceAll('%20', '+'), ...encoded])]
}

const inJson = (text: string) => JSON.stringify(text).slice(1, -1)

/** What a receiver sends as JSON that holds JSON stands in an error, and that in a line of the log. */
const DEEPEST = 3

function nested(text: string): string[] {
  const all = [text]
  for (let i = 0; i < DEEPEST; i++) all.push(inJson(all.at(-1) as string))
  return all
}

/** Where the bytes begin within a group of base64: characters that hold others too. */
const MIXED = [0, 2, 3]

function encodings(bytes: Buffer): string[] {
  const hex = bytes.toString('hex')
  const whole = bytes.toString('base64')
  const inside = MIXED.map((from, before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64')
    return text.slice(from, Math.floor(((before + bytes.length) * 8) / 6))
  })
  const base64 = [whole, whole.replace(/=+$/, ''), ...inside]
  const ofUrls = base64.map(text => text.replaceAll('+', '-').replaceAll('/', '_'))
  const escaped = base64.map(encodeURIComponent)
  return [
    hex,
    hex.toUpperCase(),
    ...base64,
    ...ofUrls,
    ...escaped,
    ...escaped.map(lowerPercent),
    ...base64.map(text => text.replaceAll('/', '\\/')),
  ]
}

const lowerPercent = (text: string) => text.replace(/%[0-9A-F]{2}/g, c => c.toLowerCase())

/** Shorter values would blank harmless text. */
const SHORTEST_SECRET = 6

const bySecrets = new WeakMap<readonly string[], Needles | undefined>()

/** Those of a list of secrets, in every spelling; compiled once for a list. */
export function secretNeedles(secrets: readonly string[]): Needles | undefined {
  if (!bySecrets.has(secrets)) bySecrets.set(secrets, needles(secrets.filter(value => value.length >= SHORTEST_SECRET).flatMap(spellings)))
  return bySecrets.get(secrets)
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
  const marks = new Uint8Array(2 ** Math.min(22, Math.max(8, Math.ceil(Math.log2(all.size)) + 3)))
  const lengths = new Map<number, readonly number[]>()
  /** One list for all beginnings with the same lengths: a hundred thousand of their own would take more than the texts. */
  const lists = new Map<string, readonly number[]>()
  for (const text of all) {
    const hash = hashAt(text, 0)
    marks[hash & (marks.length - 1)] = 1
    const present = lengths.get(hash) ?? []
    if (present.includes(text.length)) continue
    const sizes = [...present, text.length].sort((a, b) => b - a)
    const list = lists.get(sizes.join()) ?? sizes
    lists.set(sizes.join(), list)
    lengths.set(hash, list)
  }
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
