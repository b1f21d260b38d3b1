/**
 * Regular expressions whose time grows with the text alone. The engine of the runtime tries one way after the other: `(a+)+$` takes it
 * for ever, `a+$` minutes for 256 KiB, and meanwhile the gateway answers nobody. Here all ways are gone at once, by an automaton that is
 * made as texts ask for it. Only back-references cannot be had so, and are refused.
 */
import { type Assertion, type Look, type Part, parse } from './regex.ts'

export interface Matcher {
  /** Throws `TooHard` when a text would take too long. */
  test(text: string): boolean
  toString(): string
}

/** A pattern that would need as many states as a text has letters met such a text. */
export class TooHard extends Error {}

/** Instructions of one pattern, with its counted repetitions written out. */
const LARGEST = 50_000
/** Lookarounds of one pattern. */
const MOST_LOOKS = 8
/** What may be remembered of one pattern: states, and instructions in all of them. */
const MOST_STATES = 5000
const MOST_KEPT = 500_000
/** Code points whose kind is remembered. */
const MOST_POINTS = 70_000
/** Instructions that may be visited for each letter, beyond what is remembered, and for each text. */
const PER_LETTER = 6
const PER_TEXT = 20_000

/** Throws when the pattern is none, or has what takes for ever. */
export function linear(pattern: string, flags = 'u'): Matcher {
  new RegExp(pattern, flags) // its sentence on bad syntax is the best
  const { root, looks, atoms } = parse(pattern, flags.includes('u'))
  const name = `the pattern '${pattern.length > 80 ? `${pattern.slice(0, 80)}…` : pattern}'`
  if (looks.length > MOST_LOOKS) throw new Error(`${name} has more than ${MOST_LOOKS} lookarounds: write fewer`)
  const alphabet = new Alphabet(atoms, flags)
  const build = (part: Part, backwards: boolean) => {
    try {
      return new Automaton(part, alphabet, backwards)
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      throw new Error(`${name} is too large: repeat fewer things, or less often`)
    }
  }
  // What is ahead of a place is found from the end of the text, what is behind it from its beginning.
  const sides = looks.map(look => ({ look, automaton: build(look.part, look.ahead) }))
  const main = build(root, false)
  return {
    test(text) {
      const symbols = alphabet.read(text)
      const budget = { left: PER_TEXT + PER_LETTER * symbols.length }
      const facts = looks.length > 0 ? new Uint8Array(symbols.length + 1) : undefined
      // A lookaround within another stands before it in the list.
      for (const [i, { look, automaton }] of sides.entries()) {
        automaton.run(symbols, facts, budget, place => {
          if (facts) facts[place] = (facts[place] as number) | (1 << i)
          return false
        })
        if (look.negative && facts) for (let place = 0; place < facts.length; place++) facts[place] = (facts[place] as number) ^ (1 << i)
      }
      return main.run(symbols, facts, budget, () => true)
    },
    toString: () => `/${pattern}/${flags}`,
  }
}

/** Kinds of letters: two that all parts of the pattern take alike are one symbol. */
class Alphabet {
  /** By symbol: which atoms take it. */
  readonly kinds: boolean[][] = [[]]
  readonly #byKind = new Map<string, number>()
  readonly #byPoint = new Map<number, number>()
  readonly #tests: RegExp[]
  readonly #points: boolean

  constructor(atoms: readonly string[], flags: string) {
    this.#points = flags.includes('u')
    // One letter at a time, the engine of the runtime is quick, and knows all classes.
    this.#tests = ['\\w', ...atoms].map(atom => new RegExp(`^${atom}$`, flags))
  }

  isWord = (symbol: number): boolean => this.kinds[symbol]?.[0] === true
  takes = (atom: number, symbol: number): boolean => this.kinds[symbol]?.[atom + 1] === true

  read(text: string): Int32Array {
    const symbols = new Int32Array(text.length)
    let n = 0
    for (let i = 0; i < text.length; i++) {
      const point = this.#points ? (text.codePointAt(i) as number) : text.charCodeAt(i)
      if (point > 0xffff) i++
      symbols[n++] = this.#byPoint.get(point) ?? this.#learn(point)
    }
    return symbols.subarray(0, n)
  }

  #learn(point: number): number {
    const letter = this.#points ? String.fromCodePoint(point) : String.fromCharCode(point)
    const kind = this.#tests.map(test => test.test(letter))
    const key = kind.map(Number).join('')
    let symbol = this.#byKind.get(key)
    if (symbol === undefined) {
      symbol = this.kinds.push(kind) - 1
      this.#byKind.set(key, symbol)
    }
    if (this.#byPoint.size >= MOST_POINTS) this.#byPoint.clear()
    this.#byPoint.set(point, symbol)
    return symbol
  }
}

type Instruction =
  | { kind: 'take'; atom: number; next: number }
  | { kind: 'fork'; next: number; other: number }
  | { kind: 'check'; what: Assertion | Look; next: number }
  | { kind: 'done' }

/** What lies on the way side of a place. */
const EDGE = 0
const OTHER = 1
const WORD = 2

interface State {
  /** Instructions at which the next letter is met, before anything that depends on it. */
  at: readonly number[]
  passed: number
  /** By symbol and facts: the next state, and whether something ended here. */
  next: Map<number, { state: State; matched: boolean }>
}

/** The end of the text; symbols of letters begin with 1. */
const END = 0

/** Goes over a text in one direction, and finds the places where its part ends. */
class Automaton {
  readonly #code: Instruction[] = []
  readonly #start: number
  readonly #alphabet: Alphabet
  readonly #backwards: boolean
  #states = new Map<string, State>()
  #kept = 0

  constructor(part: Part, alphabet: Alphabet, backwards: boolean) {
    this.#alphabet = alphabet
    this.#backwards = backwards
    this.#start = this.#write(part, this.#add({ kind: 'done' }))
  }

  #add(instruction: Instruction): number {
    if (this.#code.length >= LARGEST) throw new RangeError()
    return this.#code.push(instruction) - 1
  }

  /** Writes a part before `next`, and gives where it begins. */
  #write(part: Part, next: number): number {
    switch (part.kind) {
      case 'letter':
        return this.#add({ kind: 'take', atom: part.atom, next })
      case 'check':
        return this.#add({ kind: 'check', what: part.what, next })
      case 'sequence':
        return (this.#backwards ? part.parts : part.parts.toReversed()).reduce((after, each) => this.#write(each, after), next)
      case 'choice':
        return part.parts
          .map(each => this.#write(each, next))
          .reduceRight((other, first) => this.#add({ kind: 'fork', next: first, other }))
      case 'repeat': {
        const { least, most } = part
        if (least > LARGEST || (most !== Number.POSITIVE_INFINITY && most > LARGEST)) throw new RangeError()
        let at = next
        if (most === Number.POSITIVE_INFINITY) {
          const loop = this.#add({ kind: 'fork', next, other: next })
          this.#code[loop] = { kind: 'fork', next: this.#write(part.part, loop), other: next }
          at = loop
        } else for (let i = least; i < most; i++) at = this.#add({ kind: 'fork', next: this.#write(part.part, at), other: next })
        for (let i = 0; i < least; i++) at = this.#write(part.part, at)
        return at
      }
    }
  }

  /** Calls `ended` at each place where the part ends, wherever it began, until it says true; gives whether it did. */
  run(symbols: Int32Array, facts: Uint8Array | undefined, budget: { left: number }, ended: (place: number) => boolean): boolean {
    const { length } = symbols
    let state = this.#state([this.#start], EDGE)
    for (let i = 0; i <= length; i++) {
      const place = this.#backwards ? length - i : i
      const symbol = i === length ? END : (symbols[this.#backwards ? place - 1 : place] as number)
      const known = facts ? (facts[place] as number) : 0
      const key = symbol * 256 + known
      let step = state.next.get(key)
      if (!step) {
        step = this.#step(state, symbol, known, budget)
        state.next.set(key, step)
      }
      if (step.matched && ended(place)) return true
      state = step.state
    }
    return false
  }

  #step({ at, passed }: State, symbol: number, facts: number, budget: { left: number }) {
    const seen = new Set<number>()
    const open = [...at]
    const next = new Set<number>([this.#start])
    let matched = false
    while (open.length > 0) {
      const here = open.pop() as number
      if (seen.has(here)) continue
      seen.add(here)
      const instruction = this.#code[here] as Instruction
      if (instruction.kind === 'done') matched = true
      else if (instruction.kind === 'fork') open.push(instruction.other, instruction.next)
      else if (instruction.kind === 'check') {
        if (this.#holds(instruction.what, passed, symbol, facts)) open.push(instruction.next)
      } else if (symbol !== END && this.#alphabet.takes(instruction.atom, symbol)) next.add(instruction.next)
    }
    budget.left -= seen.size
    if (budget.left < 0) throw new TooHard()
    const state = this.#state(
      [...next].sort((a, b) => a - b),
      this.#alphabet.isWord(symbol) ? WORD : OTHER,
    )
    return { state, matched }
  }

  #holds(what: Assertion | Look, passed: number, symbol: number, facts: number): boolean {
    if (typeof what === 'object') return (facts & (1 << what.index)) !== 0
    if (what === 'start') return this.#backwards ? symbol === END : passed === EDGE
    if (what === 'end') return this.#backwards ? passed === EDGE : symbol === END
    const border = (passed === WORD) !== (symbol !== END && this.#alphabet.isWord(symbol))
    return what === 'border' ? border : !border
  }

  #state(at: readonly number[], passed: number): State {
    const key = `${passed} ${at.join(' ')}`
    const known = this.#states.get(key)
    if (known) return known
    // States that are forgotten here may still lead to each other; whoever comes from the start meets new ones.
    if (this.#states.size >= MOST_STATES || this.#kept >= MOST_KEPT) {
      for (const state of this.#states.values()) state.next.clear()
      this.#states = new Map()
      this.#kept = 0
    }
    const state: State = { at, passed, next: new Map() }
    this.#states.set(key, state)
    this.#kept += at.length
    return state
  }
}
