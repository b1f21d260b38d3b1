/** Settings by their schema: defaults filled at every level, marked texts turned into numbers, one problem for each fault. */
import type { TObject, TSchema } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import type { Position } from './config.ts'
import { choices, mismatch, wanted } from './expected.ts'
import { FORBIDDEN, type MapNode, type Node, nodeOf, plain, positionOf } from './node.ts'
import { didYouMean, nearest, type Path, pointer, pointerPath } from './problem.ts'
import { scalar, typed } from './scalar.ts'
import { LEAST_BYTES } from './secrets.ts'

export interface Fault {
  path: Path
  at: Position
  message: string
}

export interface FoundSecret {
  path: Path
  at: Position
  value: string
  /** Parts of it that came from outside of the file: `Bearer ${TOKEN}` has one, which may show up alone. */
  parts?: readonly string[] | undefined
  /** What may show in its place: `${NAME}`, or `$SECRET` when the file itself has the secret. */
  shown: string
  /** `${NAME:-default}` as the file says it, when the default is what counts. */
  preset?: string | undefined
}

export interface Decoded {
  /** What could be read; whole only when there are no faults. */
  value: unknown
  faults: Fault[]
  secrets: FoundSecret[]
}

/** Decodes plain data, as a plugin's tests have it; paths are JSON Pointers such as `/fields/a`. */
export function decodeSettings(
  schema: TObject,
  raw: unknown,
  readStep?: ReadStep,
): { value: Record<string, unknown>; problems: { path: string; message: string }[] } {
  const { value, faults } = decode(schema, nodeOf(raw ?? {}, { file: '', line: 0, column: 0 }), [], readStep)
  const problems = faults.map(({ path, message }) => ({ path: pointer(path), message }))
  return { value: (value ?? {}) as Record<string, unknown>, problems }
}

/** Reads a step that stands within settings: a `NestedStep`. */
export type ReadStep = (item: Node, path: Path) => Decoded

/** Decodes a tree; the schema may be of TypeBox or plain JSON Schema of the same keywords. */
export function decode(schema: TSchema, node: Node, path: Path = [], readStep?: ReadStep): Decoded {
  const decoder = new Decoder(new Map(), readStep)
  const value = decoder.read(schema, node, path)
  return { value, faults: decoder.faults, secrets: decoder.secrets }
}

/** Texts, numbers and answers that schemas have as their defaults, decoded: each of ten thousand webhooks leaves out a dozen settings. */
const defaults = new WeakMap<TSchema, string | number | boolean>()

class Decoder {
  readonly faults: Fault[] = []
  readonly secrets: FoundSecret[] = []
  /** Schemas that a recursive one refers to. */
  readonly #named: Map<string, TSchema>
  readonly #readStep: ReadStep | undefined

  constructor(named: Map<string, TSchema>, readStep: ReadStep | undefined) {
    this.#named = named
    this.#readStep = readStep
  }

  read(schema: TSchema, node: Node, path: Path): unknown {
    if (node.kind === 'faulty') return undefined
    if (schema['x-postern'] === 'node') return node
    if (schema.$id) this.#named.set(schema.$id, schema)
    if (schema.$ref && this.#named.has(schema.$ref)) return this.read(this.#named.get(schema.$ref)!, node, path)
    if (choices(schema)) return this.#scalar(schema, node, path)
    if (schema.anyOf) return this.#union(schema, schema.anyOf, node, path)
    if (schema.allOf || schema.not || schema.$ref || Array.isArray(schema.items) || schema.contains)
      return this.#foreign(schema, node, path)
    if (schema.type === undefined) return plain(node)
    if (schema.type === 'object') return this.#map(schema, node, path)
    if (schema.type === 'array') return this.#list(schema, node, path)
    if (SCALARS.has(schema.type)) return this.#scalar(schema, node, path)
    return this.#foreign(schema, node, path)
  }

  #fault(at: Position, path: Path, message: string): undefined {
    this.faults.push({ at, path, message })
  }

  #map(schema: TSchema, node: Node, path: Path): unknown {
    if (node.kind === 'scalar' && node.value === null) node = { ...node, kind: 'map', entries: new Map() }
    if (node.kind !== 'map') return this.#fault(node.at, path, mismatch(schema, node))
    const known: Record<string, TSchema> = schema.properties ?? {}
    const out: Record<string, unknown> = {}
    const put = (key: string, value: unknown) => {
      if (value !== undefined) out[key] = value
    }
    // A name with a typing error is one fault, not an unknown setting and a missing one.
    let meant: Set<string | undefined> | undefined
    for (const [key, inner] of node.entries) {
      const setting = this.#settingOf(schema, key)
      if (typeof setting === 'object') put(key, this.read(setting, inner, [...path, key]))
      else this.#fault(inner.key ?? inner.at, [...path, key], setting)
      if (typeof setting !== 'string') continue
      meant ??= new Set()
      meant.add(nearest(key, Object.keys(known)))
    }
    for (const [key, inner] of Object.entries(known)) {
      if (node.entries.has(key)) continue
      const usual = defaults.get(inner)
      if (usual !== undefined) {
        put(key, usual)
        continue
      }
      const required = schema.required?.includes(key) && !meant?.has(key)
      put(key, this.#absent(inner, required, node, [...path, key]))
    }
    const size = node.entries.size
    if (size < (schema.minProperties ?? 0))
      this.#fault(node.key ?? node.at, path, `must have at least ${count(schema.minProperties, 'entry')}`)
    if (size > (schema.maxProperties ?? size)) this.#fault(node.at, path, `must have at most ${count(schema.maxProperties, 'entry')}`)
    return out
  }

  /** The schema of one key, or what is wrong with the key. */
  #settingOf(schema: TSchema, key: string): TSchema | string {
    if (FORBIDDEN.has(key)) return `the key '${key}' is not allowed anywhere: choose another name`
    const known: Record<string, TSchema> = schema.properties ?? {}
    if (Object.hasOwn(known, key)) return known[key]!
    const patterns = Object.entries<TSchema>(schema.patternProperties ?? {})
    const match = patterns.find(([pattern]) => new RegExp(pattern).test(key))?.[1]
    if (match) return match
    if (typeof schema.additionalProperties === 'object') return schema.additionalProperties
    if (patterns.length) return `the name '${key}' must match ${patterns.map(([pattern]) => pattern).join(' or ')}`
    const names = Object.keys(known)
    return `unknown setting '${key}'${didYouMean(key, names) || (names.length ? `; known are ${names.join(', ')}` : '; there are no settings here')}`
  }

  #absent(schema: TSchema, required: boolean, parent: MapNode, path: Path): unknown {
    const at = parent.key ?? parent.at
    if (schema.default !== undefined) {
      const told = this.faults.length + this.secrets.length
      const value = this.read(schema, nodeOf(schema.default, at), path)
      const isOne = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
      if (isOne && this.faults.length + this.secrets.length === told) defaults.set(schema, value)
      return value
    }
    if (!required) return undefined
    if (schema.type === 'object' && schema.properties) {
      const filled = this.#attempt(schema, { kind: 'map', at, entries: new Map() }, path)
      if (!filled.faults.length) return filled.value
    }
    return this.#fault(at, path, `is missing: expected ${wanted(schema)}`)
  }

  #list(schema: TSchema, node: Node, path: Path): unknown {
    if (node.kind !== 'list') return this.#fault(node.at, path, mismatch(schema, node))
    const { length } = node.items
    const at = node.key ?? node.at
    if (length < (schema.minItems ?? 0)) this.#fault(at, path, `must have at least ${count(schema.minItems, 'item')}`)
    if (length > (schema.maxItems ?? length)) this.#fault(at, path, `must have at most ${count(schema.maxItems, 'item')}`)
    const seen = new Map<string, number>()
    for (const [i, item] of schema.uniqueItems ? node.items.entries() : []) {
      const text = JSON.stringify(plain(item))
      const first = seen.get(text)
      if (first === undefined) seen.set(text, i)
      else this.#fault(item.at, [...path, i], `is the same as item [${first}]: remove one`)
    }
    return node.items.map((item, i) => {
      const inside = [...path, i]
      return schema['x-postern'] === 'steps' ? this.#step(item, inside) : this.read(schema.items ?? {}, item, inside)
    })
  }

  #step(item: Node, path: Path): unknown {
    if (!this.#readStep) throw new Error('steps cannot stand within this kind of settings')
    const { value, faults, secrets } = this.#readStep(item, path)
    this.faults.push(...faults)
    this.secrets.push(...secrets)
    return value
  }

  #scalar(schema: TSchema, node: Node, path: Path): unknown {
    const found = scalar(schema, node)
    if ('fault' in found) return this.#fault(node.at, path, found.fault)
    const open = schema['x-plain'] && node.kind === 'scalar' && !node.origin && Buffer.byteLength(String(node.value)) < LEAST_BYTES
    if (schema['x-postern'] === 'secret' && !open) {
      const value = found.value as string
      const whole = node.kind === 'scalar' && node.origin?.whole ? node : undefined
      const isPreset = value !== '' && whole?.text.endsWith(`:-${value}}`)
      this.secrets.push({
        path,
        at: node.at,
        value,
        parts: node.kind === 'scalar' ? node.origin?.parts : undefined,
        shown: whole ? `\${${whole.origin?.names}}` : '$SECRET',
        ...(isPreset && { preset: whole?.text }),
      })
    }
    return found.value
  }

  /** The first branch without a fault; else the faults of the branch that was most likely meant. */
  #union(schema: TSchema, branches: TSchema[], node: Node, path: Path): unknown {
    const tries = branches.map(branch => this.#attempt(branch, node, path))
    const good = tries.find(attempt => !attempt.faults.length)
    if (good) {
      this.secrets.push(...good.secrets)
      return good.value
    }
    const alike = tries.filter((_, i) => isAlike(branches[i]!, node))
    const meant = alike.sort((a, b) => a.faults.length - b.faults.length)[0]
    if (!meant) return this.#fault(node.at, path, mismatch(schema, node))
    this.faults.push(...meant.faults)
    return undefined
  }

  #attempt(schema: TSchema, node: Node, path: Path): Decoded {
    const decoder = new Decoder(this.#named, this.#readStep)
    const value = decoder.read(schema, node, path)
    return { value, faults: decoder.faults, secrets: decoder.secrets }
  }

  /** A kind of schema that only TypeBox itself can judge: marks and defaults within it do nothing. */
  #foreign(schema: TSchema, node: Node, path: Path): unknown {
    if (JSON.stringify(schema).includes('"x-postern"'))
      throw new Error('a Duration, Size or Secret cannot stand within this kind of schema')
    const value = plain(node)
    const errors = new Map<string, string>()
    for (const { path: at, message } of Value.Errors(schema, [...this.#named.values()], value)) if (!errors.has(at)) errors.set(at, message)
    for (const [at, message] of errors) {
      // Around the value at fault, everything else is told to be wrong too.
      if ([...errors.keys()].some(other => other.startsWith(`${at}/`))) continue
      const inner = pointerPath(at)
      this.#fault(
        positionOf(node, inner),
        [...path, ...inner],
        message.replace(/^./, c => c.toLowerCase()),
      )
    }
    return value
  }
}

const SCALARS: ReadonlySet<unknown> = new Set(['string', 'number', 'integer', 'boolean'])

/** True when a branch of a union is of the same make as what stands there. */
function isAlike(schema: TSchema, node: Node): boolean {
  if (node.kind === 'map') return schema.type === 'object'
  return node.kind === 'list' ? schema.type === 'array' : typed(schema, node) !== undefined
}

function count(n: number, thing: string): string {
  return n === 1 ? `one ${thing}` : `${n} ${thing.replace(/y$/, 'ie')}s`
}
