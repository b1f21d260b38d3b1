/** A parsed file, or plain data, as a tree in which every part knows where it stands. */
import type { Position } from './config.ts'
import { type Path, pathText } from './problem.ts'

interface Part {
  readonly at: Position
  /** Where its key stands, when it is the value of one. */
  readonly key?: Position
}

export interface MapNode extends Part {
  readonly kind: 'map'
  readonly entries: ReadonlyMap<string, Node>
}

export interface ListNode extends Part {
  readonly kind: 'list'
  readonly items: readonly Node[]
}

export interface ScalarNode extends Part {
  readonly kind: 'scalar'
  readonly value: string | number | boolean | null
  /** What the file says, before any interpolation. */
  readonly text: string
  /** Set when the value came from outside of the file; it must then never show in a message. */
  readonly origin?: Origin
}

export interface Origin {
  /** `PORT`, `file:key.pem`; several are joined by `, `. */
  readonly names: string
  /** True: the scalar is exactly one interpolation, and takes the type that its setting wants. */
  readonly whole: boolean
  /** The values that came from outside, when they are only parts of it. */
  readonly parts?: readonly string[]
  /** Name of the stored secret that is in it: the first, when there are several. */
  readonly secret?: string
  /** True: what stands here is a placeholder, since the store of the secrets is not at hand. */
  readonly placeholder?: boolean
}

/** A part about which a problem has been told already: there is nothing more to say of it. */
export interface FaultyNode extends Part {
  readonly kind: 'faulty'
}

export type Node = MapNode | ListNode | ScalarNode | FaultyNode

/** Keys that would reach a prototype; refused wherever a key may stand. */
export const FORBIDDEN: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])

/** A tree of plain data, all of it at one place. Throws at what YAML could not have said. */
export function nodeOf(value: unknown, at: Position, path: Path = []): Node {
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
    return { kind: 'scalar', at, value, text: String(value) }
  if (Array.isArray(value)) return { kind: 'list', at, items: value.map((item, i) => nodeOf(item, at, [...path, i])) }
  if (typeof value !== 'object') throw new TypeError(`${pathText(path)}: a ${typeof value} cannot be written in YAML`)
  const present = Object.entries(value).filter(([, inner]) => inner !== undefined)
  return { kind: 'map', at, entries: new Map(present.map(([key, inner]) => [key, nodeOf(inner, at, [...path, key])])) }
}

/** The plain data of a tree. */
export function plain(node: Node): unknown {
  if (node.kind === 'map') return Object.fromEntries([...node.entries].map(([key, inner]) => [key, plain(inner)]))
  if (node.kind === 'list') return node.items.map(plain)
  return node.kind === 'scalar' ? node.value : undefined
}

/** A text as a message may have it: one from outside of the file is named, never shown. */
export function quoted(node: Node, text: string): string {
  return node.kind === 'scalar' && node.origin ? `\${${node.origin.names}}` : `'${text}'`
}

/** The deepest part on the way along a path, and whether the way ends there. */
export function reach(node: Node, path: Path): { node: Node; whole: boolean } {
  for (const key of path) {
    const next = node.kind === 'map' ? node.entries.get(String(key)) : node.kind === 'list' ? node.items[Number(key)] : undefined
    if (!next) return { node, whole: false }
    node = next
  }
  return { node, whole: true }
}

/** Where the value at a path stands; when it is left out, the nearest thing around it. */
export function positionOf(node: Node, path: Path): Position {
  const found = reach(node, path)
  return found.whole ? found.node.at : (found.node.key ?? found.node.at)
}

/** Whether a placeholder stands at a path: it cannot be judged. */
export function isPlaceholder(node: Node, path: Path): boolean {
  const { node: found, whole } = reach(node, path)
  return whole && found.kind === 'scalar' && found.origin?.placeholder === true
}

/** Where the key of a value stands. */
export function keyOf(node: Node, path: Path): Position {
  const found = reach(node, path).node
  return found.key ?? found.at
}

/** The names that a section has. */
export function namesIn(root: Node, section: string): string[] {
  const found = reach(root, [section])
  return found.whole && found.node.kind === 'map' ? [...found.node.entries.keys()] : []
}
