/** YAML text to a tree with positions. Anchors and `<<` merges are resolved; what is ambiguous or doubtful is an error. */
import { type Alias, isAlias, isMap, isScalar, isSeq, LineCounter, type Pair, parseDocument, type Scalar, type YAMLMap } from 'yaml'
import type { Position } from './config.ts'
import { FORBIDDEN, type Node } from './node.ts'
import { parsePlain } from './plain.ts'
import { formatPosition, type Path, type Problems } from './problem.ts'

const MAX_DEPTH = 100
/** Parts that all aliases of a file may stand for: an alias bomb stands for thousands of times more. */
const MAX_ALIASED = 100_000

/** The tree of one YAML (or JSON) file; faulty when it is no YAML at all. `path` is where the file's content belongs. */
export function parse(file: string, text: string, problems: Problems, path: Path = []): Node {
  return parsePlain(file, text) ?? parseWhole(file, text, problems, path)
}

/** By the library alone, which takes whatever is YAML. */
export function parseWhole(file: string, text: string, problems: Problems, path: Path = []): Node {
  const lines = new LineCounter()
  const at = (offset: number): Position => {
    const { line, col } = lines.linePos(offset)
    return { file, line, column: col }
  }
  // The library's own search for duplicate keys takes seconds on a large file, and it does not tell the first place.
  const options = { lineCounter: lines, prettyErrors: false, uniqueKeys: false, schema: 'core', resolveKnownTags: false } as const
  const document = parseDocument(text, options)
  if (document.directives?.yaml.version !== '1.2') problems.error(at(0), path, 'only YAML 1.2 is read: remove the %YAML line')
  // One fault often makes several messages: further ones on its line, and complaints of the tokens that are left over.
  const told = new Set<number>()
  for (const { code, message, pos } of document.errors) {
    const place = at(pos[0])
    if (told.has(place.line) || (told.size && message.includes('in YAML stream'))) continue
    problems.error(place, path, syntax(code, message, text.split('\n')[place.line - 1] ?? ''))
    told.add(place.line)
  }
  if (told.size) return { kind: 'faulty', at: at(0) }
  const unknownTags = new Set<string>()
  for (const { message, pos } of document.warnings) {
    const tag = /^Unresolved tag: (.*)/.exec(message)?.[1]
    if (tag) unknownTags.add(tag)
    problems.error(at(pos[0]), path, tag ? UNKNOWN_TAG : message)
  }
  return new Builder(at, unknownTags, problems).build(document.contents, path, at(0))
}

// biome-ignore lint/suspicious/noTemplateCurlyInString: this is the syntax itself
const UNKNOWN_TAG = 'has an unknown tag: quote a text that begins with !, and write values from outside as ${NAME} or ${file:PATH}'

function syntax(code: string, message: string, line: string): string {
  if (code === 'MULTIPLE_DOCS') return 'only one document may stand in a file: put what follows into a file of its own'
  // Some messages end in the text at fault, which may be a credential.
  const reason = message.replace(/: ".*"$/s, '')
  if (/[[{,]\s*(?:[\w-]+:\s+)?\$\{/.test(line)) return `no valid YAML: within { } and [ ], put \${…} in quotes (${reason})`
  return `no valid YAML: ${reason}`
}

/** Makes each YAML node into a part of the tree; an alias shares the part of its anchor. */
class Builder {
  readonly #at: (offset: number) => Position
  readonly #unknownTags: ReadonlySet<string>
  readonly #problems: Problems
  readonly #anchors = new Map<string, Node>()
  /** How many parts a part comes to, each alias within it counted in full. */
  readonly #sizes = new Map<Node, number>()
  #aliased = 0

  constructor(at: (offset: number) => Position, unknownTags: ReadonlySet<string>, problems: Problems) {
    this.#at = at
    this.#unknownTags = unknownTags
    this.#problems = problems
  }

  build(from: unknown, path: Path, key?: Position): Node {
    const at = this.#place(from) ?? key!
    if (isAlias(from)) return this.#alias(from, path, at, key)
    const where = key ? { at, key } : { at }
    const { tag, anchor } = (from ?? {}) as { tag?: string; anchor?: string }
    let node: Node
    if (path.length > MAX_DEPTH) node = this.#fault(at, [], `nested more than ${MAX_DEPTH} levels deep`, key)
    else if (tag && this.#unknownTags.has(tag)) node = { kind: 'faulty', ...where }
    else if (isMap(from)) node = { kind: 'map', ...where, entries: this.#entries(from, path) }
    else if (isSeq(from)) node = { kind: 'list', ...where, items: from.items.map((item, i) => this.build(item, [...path, i])) }
    else node = this.#scalar(from as Scalar | null, path, at, key)
    const inner = node.kind === 'map' ? [...node.entries.values()] : node.kind === 'list' ? node.items : []
    const size = inner.reduce((sum, part) => sum + (this.#sizes.get(part) ?? 1), 1)
    this.#sizes.set(node, size)
    if (anchor) this.#anchors.set(anchor, node)
    return node
  }

  #alias({ source }: Alias, path: Path, at: Position, key?: Position): Node {
    const target = this.#anchors.get(source)
    if (!target) return this.#fault(at, path, 'no anchor of this name stands above: quote a text that begins with *', key)
    const size = this.#sizes.get(target)!
    const before = this.#aliased
    this.#aliased += size
    if (before > MAX_ALIASED) return { kind: 'faulty', at }
    if (this.#aliased > MAX_ALIASED) return this.#fault(at, path, 'the aliases of this file stand for too much: write some of it out', key)
    const node: Node = { ...target, ...(key && { key }) }
    this.#sizes.set(node, size)
    return node
  }

  #entries(map: YAMLMap, path: Path): Map<string, Node> {
    const entries = new Map<string, Node>()
    const merged: Node[] = []
    const keys = new Map<string, Position>()
    for (const pair of map.items as Pair[]) {
      const at = this.#place(pair.key) ?? this.#place(pair.value) ?? this.#place(map)!
      const name = keyText(pair.key)
      const first = keys.get(name ?? '')
      const here = name === undefined ? path : [...path, name]
      if (name === undefined) this.#problems.error(at, here, 'a key must be text: quote a {{…}}, and remove ? and a lone :')
      else if (FORBIDDEN.has(name)) this.#problems.error(at, here, `the key '${name}' is not allowed anywhere: choose another name`)
      else if (first) this.#problems.error(at, here, `stands twice, first at ${formatPosition(first)}: remove one`)
      else {
        keys.set(name, at)
        const node = this.build(pair.value, here, at)
        if (name === '<<' && (pair.key as Scalar).type === 'PLAIN') merged.push(node)
        else entries.set(name, node)
      }
    }
    for (const node of merged.flatMap(m => (m.kind === 'list' ? m.items : [m]))) {
      if (node.kind === 'map') for (const [name, inner] of node.entries) if (!entries.has(name)) entries.set(name, inner)
      if (node.kind === 'scalar') this.#problems.error(node.at, path, '<< merges maps: write an alias such as *defaults after it')
    }
    return entries
  }

  #scalar(from: Scalar | null, path: Path, at: Position, key?: Position): Node {
    const value = (from?.value ?? null) as string | number | boolean | null
    const text = from?.source ?? ''
    if (typeof value === 'number' && !Number.isFinite(value)) return this.#fault(at, path, 'is no finite number', key)
    // 12345678901234567890 would silently become another number; it may be a credential, so it is not shown.
    if (typeof value === 'number' && /^[-+]?(\d+|0[xo]\w+)$/.test(text) && !Number.isSafeInteger(value))
      return this.#fault(at, path, 'is a number too large to be kept exactly: put it in quotes', key)
    return { kind: 'scalar', at, ...(key && { key }), value, text }
  }

  #fault(at: Position, path: Path, message: string, key?: Position): Node {
    this.#problems.error(at, path, message)
    return { kind: 'faulty', at, ...(key && { key }) }
  }

  #place(node: unknown): Position | undefined {
    const range = (node as { range?: [number, number, number] | null } | null)?.range
    return range ? this.#at(range[0]) : undefined
  }
}

function keyText(key: unknown): string | undefined {
  if (!isScalar(key)) return undefined
  return typeof key.value === 'string' ? key.value : key.source || undefined
}
