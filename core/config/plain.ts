/**
 * The YAML that most configurations are written in, read a tenth as long as the library takes: maps and lists by indentation, flow
 * collections, texts and numbers, each on one line. It knows no error: whatever is not surely what the library would make the same
 * of is left to it. A folder of ten thousand webhooks loads by this within seconds.
 */
import type { Position } from './config.ts'
import { FORBIDDEN, type MapNode, type Node, type ScalarNode } from './node.ts'

/** Deeper than anybody indents. */
const MAX_DEPTH = 40

/** Control characters, tabs and foreign line breaks. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it looks for
const STRANGE = /[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff]/
const KEY = /[A-Za-z_$][\w.$/-]*(?=:(?: |$))/y
const QUOTED = /"([^"\\]*)"|'([^']*)'(?!')/y
/** What begins like no other thing, up to what would end it: a comment, the next key, or in a flow collection its own signs. */
const FLOW_TEXT = /[A-Za-z0-9_./$+-](?:[^\s,[\]{}:#]|:(?=[^\s,[\]{}])|(?<=\S)#| (?! *(?:[#,[\]{}]|$)))*/y
const BLOCK_TEXT = /[A-Za-z0-9_./$+-](?:[^\s:#]|:(?=\S)|(?<=\S)#| (?! *(?:#|$)))*/y
const END = / *(?: #.*)?$/y
const NUMBER = /^[-+]?[0-9]{1,15}(?:\.[0-9]{1,10})?$/
/** Whatever else the core schema takes for no text. */
const DOUBTFUL =
  /^(?:[-+]?[0-9]+|0[xo][0-9a-fA-F]+|[-+]?(?:\.[0-9]+|[0-9]+\.?[0-9]*)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)|null|Null|NULL|~|\.\.\.|---)$/
const BOOLEANS: Record<string, boolean> = { true: true, True: true, TRUE: true, false: false, False: false, FALSE: false }

/** Thrown, and caught: this text is for the library. */
const OTHER = new Error('not plain')

/** The tree of a text; undefined when the library must read it. */
export function parsePlain(file: string, text: string): MapNode | undefined {
  if (STRANGE.test(text)) return undefined
  try {
    return new Reader(file, text).read()
  } catch (error) {
    if (error === OTHER) return undefined
    throw error
  }
}

class Reader {
  readonly #file: string
  readonly #lines: readonly string[]
  /** Of the line that is read, counted from 0, and where its content begins. */
  #line = -1
  #indent = 0
  /** The present line; undefined at the end. */
  #text: string | undefined

  constructor(file: string, text: string) {
    this.#file = file
    this.#lines = text.split('\n')
  }

  read(): MapNode {
    this.#next()
    if (this.#text === undefined || this.#indent !== 0) throw OTHER
    const root = this.#map({ file: this.#file, line: 1, column: 1 }, 0)
    if (this.#text !== undefined) throw OTHER
    return root
  }

  /** Goes to the next line that says something. */
  #next(): void {
    for (this.#line++; this.#line < this.#lines.length; this.#line++) {
      const text = this.#lines[this.#line] as string
      let indent = 0
      while (text.charCodeAt(indent) === 32) indent++
      if (indent === text.length || text[indent] === '#') continue
      this.#text = text
      this.#indent = indent
      return
    }
    this.#text = undefined
    this.#indent = -1
  }

  #at(column: number): Position {
    return { file: this.#file, line: this.#line + 1, column: column + 1 }
  }

  /** A map whose first key is where the present line begins. */
  #map(key: Position | undefined, depth: number): MapNode {
    if (depth > MAX_DEPTH) throw OTHER
    const indent = this.#indent
    const at = this.#at(indent)
    const entries = new Map<string, Node>()
    while (this.#text !== undefined && this.#indent === indent) {
      const name = this.#match(KEY, indent)
      if (name === undefined || entries.has(name) || FORBIDDEN.has(name)) throw OTHER
      const place = this.#at(indent)
      const from = skip(this.#text, indent + name.length + 1)
      entries.set(name, this.#value(from, indent, place, depth))
    }
    if (this.#indent > indent) throw OTHER
    return key ? { kind: 'map', at, key, entries } : { kind: 'map', at, entries }
  }

  /** A list whose first dash is where the present line begins. */
  #list(key: Position | undefined, depth: number): Node {
    if (depth > MAX_DEPTH) throw OTHER
    const indent = this.#indent
    const at = this.#at(indent)
    const items: Node[] = []
    while (this.#text !== undefined && this.#indent === indent && isDash(this.#text, indent)) {
      const from = skip(this.#text, indent + 1)
      if (this.#match(KEY, from) === undefined) items.push(this.#value(from, indent, undefined, depth))
      else {
        // The map of an item begins in the line of its dash.
        this.#indent = from
        items.push(this.#map(undefined, depth + 1))
      }
    }
    if (this.#indent > indent) throw OTHER
    return key ? { kind: 'list', at, key, items } : { kind: 'list', at, items }
  }

  /** What stands behind a key or a dash, and the end of its line; or what is indented below a key. */
  #value(from: number, indent: number, key: Position | undefined, depth: number): Node {
    const text = this.#text as string
    END.lastIndex = Math.max(0, from - 1)
    if (from === text.length || END.test(text)) {
      this.#next()
      // A dash alone in its line, and a key without a value, are for the library.
      if (!key || this.#text === undefined || this.#indent <= indent) throw OTHER
      return isDash(this.#text, this.#indent) ? this.#list(key, depth + 1) : this.#map(key, depth + 1)
    }
    const { node, end } = this.#inline(from, key, BLOCK_TEXT, depth + 1)
    END.lastIndex = end
    if (!END.test(text)) throw OTHER
    this.#next()
    if (this.#indent > indent) throw OTHER
    return node
  }

  /** A scalar or a flow collection, and where it ends. */
  #inline(from: number, key: Position | undefined, plain: RegExp, depth: number): { node: Node; end: number } {
    const text = this.#text as string
    const first = text[from]
    if (first === '{' || first === '[') return this.#flow(from, key, depth)
    const at = this.#at(from)
    if (first === '"' || first === "'") {
      QUOTED.lastIndex = from
      const found = QUOTED.exec(text)
      const value = found?.[1] ?? found?.[2]
      if (!found || value === undefined) throw OTHER
      return { node: scalar(at, key, value, value), end: from + found[0].length }
    }
    const found = this.#match(plain, from)
    if (found === undefined || isDash(text, from)) throw OTHER
    return { node: scalar(at, key, plainValue(found), found), end: from + found.length }
  }

  #flow(from: number, key: Position | undefined, depth: number): { node: Node; end: number } {
    if (depth > MAX_DEPTH) throw OTHER
    const text = this.#text as string
    const at = this.#at(from)
    const isMap = text[from] === '{'
    const close = isMap ? '}' : ']'
    const entries = new Map<string, Node>()
    const items: Node[] = []
    let here = skip(text, from + 1)
    while (text[here] !== close) {
      let place: Position | undefined
      let name: string | undefined
      if (isMap) {
        place = this.#at(here)
        name = this.#match(KEY, here)
        if (name === undefined || entries.has(name) || FORBIDDEN.has(name)) throw OTHER
        here = skip(text, here + name.length + 1)
      }
      const { node, end } = this.#inline(here, place, FLOW_TEXT, depth + 1)
      if (name === undefined) items.push(node)
      else entries.set(name, node)
      here = skip(text, end)
      if (text[here] === ',') {
        here = skip(text, here + 1)
        if (text[here] === close) throw OTHER
      } else if (text[here] !== close) throw OTHER
    }
    const where = key ? { at, key } : { at }
    return { node: isMap ? { kind: 'map', ...where, entries } : { kind: 'list', ...where, items }, end: here + 1 }
  }

  #match(pattern: RegExp, from: number): string | undefined {
    pattern.lastIndex = from
    return pattern.exec(this.#text as string)?.[0]
  }
}

function scalar(at: Position, key: Position | undefined, value: ScalarNode['value'], text: string): Node {
  return key ? { kind: 'scalar', at, key, value, text } : { kind: 'scalar', at, value, text }
}

/** What the core schema makes of a plain scalar. */
function plainValue(text: string): ScalarNode['value'] {
  if (NUMBER.test(text)) return Number(text)
  if (text === 'null') return null
  if (DOUBTFUL.test(text)) throw OTHER
  return Object.hasOwn(BOOLEANS, text) ? (BOOLEANS[text] as boolean) : text
}

function skip(text: string, from: number): number {
  let at = from
  while (text.charCodeAt(at) === 32) at++
  return at
}

function isDash(text: string, at: number): boolean {
  return text[at] === '-' && (at + 1 === text.length || text[at + 1] === ' ')
}
