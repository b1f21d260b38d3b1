/** Many texts looked for at once: ten thousand secrets in a line of the log cost no more than one. */
import { openPace } from './pace.ts'
import { spellings } from './spellings.ts'

export interface Needles {
  /** Characters of the longest. */
  readonly longest: number
  /** Whether one of them is in a text. */
  within(text: string): boolean
  /** The text with `instead` in the place of each; of two that begin at one place the longer counts. With `end`, only what begins before it is kept. */
  replace(text: string, instead: string, end?: number): string
}

/** Characters that are hashed first: a shorter text is passed over. */
const SHORTEST = 6
/** Shorter values would blank harmless text. */
const SHORTEST_SECRET = 6

const FACTOR = 0x01000193
/** Of the character that leaves the hash. */
const OLDEST = power(FACTOR, SHORTEST - 1)

const bySecrets = new WeakMap<readonly string[], Needles | undefined>()

/** Those of a list of secrets, in every spelling; compiled once for a list. */
export function secretNeedles(secrets: readonly string[]): Needles | undefined {
  if (!bySecrets.has(secrets)) bySecrets.set(secrets, needles(worthwhile(secrets).flatMap(spellings)))
  return bySecrets.get(secrets)
}

/** The same beforehand and in pieces: the spellings of ten thousand secrets take some tenths of a second. */
export async function prepareNeedles(secrets: readonly string[]): Promise<void> {
  if (bySecrets.has(secrets)) return
  const pace = openPace()
  const gathered = new Gathered()
  for (const secret of worthwhile(secrets)) {
    await pace()
    for (const text of spellings(secret)) gathered.add(text)
  }
  bySecrets.set(secrets, compiled(gathered))
}

const worthwhile = (secrets: readonly string[]) => secrets.filter(value => value.length >= SHORTEST_SECRET)

/** Compiles them; `and` are further ones, compiled before. Undefined when there is none. */
export function needles(texts: Iterable<string>, and?: Needles): Needles | undefined {
  const gathered = new Gathered()
  for (const text of texts) gathered.add(text)
  return compiled(gathered, and)
}

function compiled(gathered: Gathered, and?: Needles): Needles | undefined {
  const tables = [...(gathered.size > 0 ? [new Table(gathered)] : []), ...(and instanceof Compiled ? and.tables : [])]
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
    return this.#next(new Rolled(text), 0, text.length) !== undefined
  }

  replace(text: string, instead: string, end = text.length): string {
    const rolled = new Rolled(text)
    let out = ''
    let from = 0
    for (;;) {
      const found = this.#next(rolled, from, end)
      if (!found) break
      out += text.slice(from, found.at) + instead
      from = found.at + found.length
    }
    return from >= end ? out : out + text.slice(from, end)
  }

  /** The first that begins before `end`. */
  #next(rolled: Rolled, from: number, end: number): { at: number; length: number } | undefined {
    const { tables } = this
    const { text } = rolled
    const last = Math.min(text.length - SHORTEST, end - 1)
    let hash = from > last ? 0 : hashAt(text, from)
    for (let at = from; at <= last; at++) {
      for (let i = 0; i < tables.length; i++) {
        if (!(tables[i] as Table).mayBegin(hash)) continue
        const length = Math.max(...tables.map(table => table.longestAt(rolled, at, hash)))
        if (length > 0) return { at, length }
      }
      hash = (Math.imul(hash - Math.imul(text.charCodeAt(at), OLDEST), FACTOR) + text.charCodeAt(at + SHORTEST)) | 0
    }
    return undefined
  }
}

/** Texts as numbers: of each the hash of its beginning, its length, and the hash of the whole. */
class Gathered {
  readonly begins: number[] = []
  readonly lengths: number[] = []
  readonly wholes: number[] = []

  get size(): number {
    return this.begins.length
  }

  add(text: string): void {
    if (text.length < SHORTEST) return
    this.begins.push(hashAt(text, 0))
    this.lengths.push(text.length)
    this.wholes.push(new Rolled(text).wholeAt(0, text.length))
  }
}

/**
 * Keeps none of the texts: the spellings of ten thousand secrets would take tens of megabytes. A text whose 53 bits are those of
 * another is taken for it, which blanks too much once in the life of a universe, and never too little.
 */
class Table {
  readonly longest: number
  /** By the low bits of the hash: whether any may begin so. */
  readonly #marks: Uint8Array
  /** Places by the hash of the beginning, each with the number of a list of lengths; 0 is a free place. */
  readonly #begins: Int32Array
  readonly #listed: Uint32Array
  /** The longest first. Many secrets begin with one prefix of their provider. */
  readonly #lists: (readonly number[])[] = [[]]
  /** Hashes of whole texts; 0 is a free place. */
  readonly #wholes: Float64Array

  constructor({ size, begins, lengths, wholes }: Gathered) {
    const places = 2 ** Math.ceil(Math.log2(size * 2 + 1))
    this.longest = lengths.reduce((most, length) => Math.max(most, length), 0)
    this.#marks = new Uint8Array(2 ** Math.min(22, Math.max(8, Math.ceil(Math.log2(size)) + 3)))
    this.#begins = new Int32Array(places)
    this.#listed = new Uint32Array(places)
    this.#wholes = new Float64Array(places)
    const longer = new Map<string, number>()
    for (let i = 0; i < size; i++) {
      const [begin, length, whole] = [begins[i], lengths[i], wholes[i]] as [number, number, number]
      this.#marks[begin & (this.#marks.length - 1)] = 1
      const place = this.#placeOf(begin)
      this.#begins[place] = begin
      this.#listed[place] = this.#with(this.#listed[place] as number, length, longer)
      this.#wholes[this.#placeOfWhole(whole)] = whole
    }
  }

  mayBegin(hash: number): boolean {
    return this.#marks[hash & (this.#marks.length - 1)] !== 0
  }

  /** Characters of the longest text that stands there; 0: none does. */
  longestAt(rolled: Rolled, at: number, hash: number): number {
    for (const length of this.#lists[this.#listed[this.#placeOf(hash)] as number] as readonly number[]) {
      if (at + length > rolled.text.length) continue
      const whole = rolled.wholeAt(at, length)
      if (this.#wholes[this.#placeOfWhole(whole)] === whole) return length
    }
    return 0
  }

  /** Number of the list that has one more length than another. One list for all beginnings with the same lengths. */
  #with(list: number, length: number, known: Map<string, number>): number {
    const present = this.#lists[list] as readonly number[]
    if (present.includes(length)) return list
    const name = `${list} ${length}`
    const found = known.get(name)
    if (found !== undefined) return found
    known.set(name, this.#lists.length)
    return this.#lists.push([...present, length].sort((a, b) => b - a)) - 1
  }

  #placeOf(begin: number): number {
    const last = this.#begins.length - 1
    let place = spread(begin) & last
    while (this.#listed[place] !== 0 && this.#begins[place] !== begin) place = (place + 1) & last
    return place
  }

  #placeOfWhole(whole: number): number {
    const last = this.#wholes.length - 1
    let place = spread(whole | 0) & last
    while (this.#wholes[place] !== 0 && this.#wholes[place] !== whole) place = (place + 1) & last
    return place
  }
}

function hashAt(text: string, at: number): number {
  let hash = 0
  for (let i = at; i < at + SHORTEST; i++) hash = (Math.imul(hash, FACTOR) + text.charCodeAt(i)) | 0
  return hash
}

/** Factors of the two hashes of a whole text. */
const ONE = 0x01000193
const OTHER = 0x85ebca6b

/** Their powers, as far as they were needed. */
let ofOne = Int32Array.of(1)
let ofOther = Int32Array.of(1)

function powersUpTo(length: number): void {
  ofOne = powersOf(ONE, length)
  ofOther = powersOf(OTHER, length)
}

function powersOf(factor: number, length: number): Int32Array<ArrayBuffer> {
  const made = new Int32Array(2 ** Math.ceil(Math.log2(length + 1)))
  made[0] = 1
  for (let i = 1; i < made.length; i++) made[i] = Math.imul(made[i - 1] as number, factor)
  return made
}

const NONE = new Int32Array()

/**
 * A text of which the hash of any part takes the same time, however long the part is: whoever chooses both a credential and the text
 * in which it is looked for could otherwise hold up everybody, by letters that all look like its beginning.
 */
class Rolled {
  readonly text: string
  /** Hashes of all beginnings, by each factor; made when a part is first asked for. */
  #one = NONE
  #other = NONE

  constructor(text: string) {
    this.text = text
  }

  /** 53 bits, never 0. */
  wholeAt(at: number, length: number): number {
    if (this.#one === NONE) {
      this.#one = sumsOf(this.text, ONE)
      this.#other = sumsOf(this.text, OTHER)
    }
    if (ofOne.length <= length) powersUpTo(length)
    const one = ((this.#one[at + length] as number) - Math.imul(this.#one[at] as number, ofOne[length] as number)) | 0
    const other = ((this.#other[at + length] as number) - Math.imul(this.#other[at] as number, ofOther[length] as number)) | 0
    return (spread(other ^ length) & 0x1fffff) * 0x100000000 + (spread(one) >>> 0) || 1
  }
}

function sumsOf(text: string, factor: number): Int32Array<ArrayBuffer> {
  const sums = new Int32Array(text.length + 1)
  // One more than the unit: a text that begins with U+0000 is not the same without it.
  for (let i = 0; i < text.length; i++) sums[i + 1] = (Math.imul(sums[i] as number, factor) + text.charCodeAt(i) + 1) | 0
  return sums
}

/** Lets each bit count for the low ones, by which the place is chosen. */
function spread(hash: number): number {
  let h = hash
  h = Math.imul(h ^ (h >>> 16), 0x7feb352d)
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b)
  return h ^ (h >>> 16)
}

function power(factor: number, times: number): number {
  let value = 1
  for (let i = 0; i < times; i++) value = Math.imul(value, factor)
  return value
}
