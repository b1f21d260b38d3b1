/** Where samples are not what a JSON Schema says: each finding with its place and in how many samples it was seen. */
import { type Atom, Conjunction, listOf, partOf } from '../config/conjunction.ts'
import { holds, type Schema } from '../config/holds.ts'
import { MASK } from '../request/mask.ts'
import { DEEPEST } from './summary.ts'

export interface Drift {
  kind: 'new_key' | 'missing_key' | 'vanished_key' | 'type' | 'value' | 'format' | 'bound'
  /** JSONPath (RFC 9535): `$.customer.lines[*].sku`. */
  path: string
  /** In a sentence, without the place. */
  message: string
  /** Samples in which it was seen. */
  samples: number
  /** Samples in which it could have been seen. */
  of: number
  /** Of the earliest of them: when it came, or where it stands. */
  first_seen: string | null
}

/** Findings that are kept, and different values that one finding names. */
const MOST_FINDINGS = 500
const MOST_SHOWN = 5
const LONGEST_SHOWN = 40
/** Places below the payload that are remembered. */
const MOST_PLACES = 20_000

interface Place {
  path: string
  rules: Conjunction
  /** Keys that a schema names, sure or in an alternative. */
  names: Set<string>
  /** Keys that are always there. */
  required: Set<string>
  /** Other keys have a rule of their own. */
  open: boolean
  atoms: Set<Atom>
  keys: Map<string, Place>
  items: Place | undefined
  /** Samples that had an object here, and each of its keys. */
  objects: number
  seen: Map<string, number>
}

interface Found extends Drift {
  /** The sample that was counted last. */
  last: number
  shown: Set<string>
}

export class DriftWatch {
  readonly #root: Place
  readonly #found = new Map<string, Found>()
  #samples = 0
  #places = 0

  constructor(schema: Schema) {
    this.#root = this.#place('$', new Conjunction([{ schema, root: schema }]))
  }

  /** Compares one payload; `at` says when it came. Samples may come in any order. */
  add(payload: Record<string, unknown>, at: string | undefined): void {
    this.#samples++
    const counted = new Set<Place>()
    const present = new Map<Place, Set<string>>()
    const rest: { place: Place; value: unknown; depth: number }[] = [{ place: this.#root, value: payload, depth: 0 }]
    while (rest.length > 0) {
      const { place, value, depth } = rest.pop()!
      if (depth > DEEPEST || (typeof value === 'string' && value.includes(MASK))) continue
      if (!this.#fits(place, value, at)) continue
      if (Array.isArray(value)) {
        place.items ??= this.#below(`${place.path}[*]`, place.rules.element(Number.MAX_SAFE_INTEGER))
        for (let i = value.length - 1; i >= 0; i--) if (place.items) rest.push({ place: place.items, value: value[i], depth: depth + 1 })
        continue
      }
      if (typeof value !== 'object' || value === null) continue
      if (!counted.has(place)) place.objects++
      counted.add(place)
      const keys = present.get(place) ?? new Set()
      present.set(place, keys)
      for (const name of place.required)
        if (!Object.hasOwn(value, name)) this.#note('missing_key', `${place.path}${step(name)}`, 'is required, and was missing', at)
      for (const name of Object.keys(value)) {
        if (!keys.has(name) && place.names.has(name)) place.seen.set(name, (place.seen.get(name) ?? 0) + 1)
        keys.add(name)
        if (!place.names.has(name) && !place.open) {
          this.#note('new_key', `${place.path}${step(name)}`, 'is not in the schema', at)
          continue
        }
        let below = place.keys.get(name)
        if (!below) {
          below = this.#below(`${place.path}${place.names.has(name) ? step(name) : '[*]'}`, place.rules.at(name))
          if (below) place.keys.set(name, below)
        }
        if (below) rest.push({ place: below, value: (value as Record<string, unknown>)[name], depth: depth + 1 })
      }
    }
  }

  /** All findings, the most frequent first. */
  findings(): Drift[] {
    const all: Drift[] = [...this.#found.values()].map(({ last: _, shown, ...finding }) => ({
      ...finding,
      message: shown.size > 0 ? `${finding.message}: ${[...shown].join(', ')}` : finding.message,
      of: this.#samples,
    }))
    const rest = [this.#root]
    while (rest.length > 0 && all.length < MOST_FINDINGS) {
      const place = rest.pop()!
      for (const name of place.names) {
        if (place.objects === 0 || place.seen.has(name)) continue
        const path = `${place.path}${step(name)}`
        const missing = all.findIndex(finding => finding.kind === 'missing_key' && finding.path === path)
        if (missing >= 0) all.splice(missing, 1)
        const message = place.required.has(name) ? 'is required, and was never seen' : 'is in the schema, and was never seen'
        all.push({ kind: 'vanished_key', path, message, samples: 0, of: place.objects, first_seen: null })
      }
      rest.push(...place.keys.values(), ...(place.items ? [place.items] : []))
    }
    return all.sort((a, b) => b.samples - a.samples || (a.path < b.path ? -1 : 1)).slice(0, MOST_FINDINGS)
  }

  /** False: what is below need not be looked at. */
  #fits(place: Place, value: unknown, at: string | undefined): boolean {
    const atom = atomOf(value)
    const parts = place.rules.parts
    if (!place.atoms.has(atom)) {
      const fault = place.atoms.size > 0 ? `is ${WORDS[atom]}, and the schema says ${told(place.atoms)}` : 'is not allowed'
      this.#note('type', place.path, fault, at)
      return false
    }
    if (atom === 'object' || atom === 'array') return true
    for (const { schema, root } of parts) {
      const { enum: values, const: only, format, $ref: _, allOf: __, anyOf: ___, oneOf: ____, ...rest } = schema
      if (holds(value, { ...(values !== undefined && { enum: values }), ...('const' in schema && { const: only }) }, root) === false) {
        this.#note('value', place.path, 'has values that the schema does not list', at, value)
        return true
      }
      if (format !== undefined && holds(value, { format }, root) === false) this.#note('format', place.path, `is no ${format}`, at, value)
      else if (holds(value, rest, root) === false) this.#note('bound', place.path, 'is beyond the bounds of the schema', at, value)
    }
    return true
  }

  #note(kind: Drift['kind'], path: string, message: string, at: string | undefined, value?: unknown): void {
    const key = `${kind} ${path} ${message}`
    let found = this.#found.get(key)
    if (!found) {
      if (this.#found.size >= MOST_FINDINGS) return
      found = { kind, path, message, samples: 0, of: 0, first_seen: at ?? null, last: -1, shown: new Set() }
      this.#found.set(key, found)
    }
    if (found.last !== this.#samples) found.samples++
    found.last = this.#samples
    if (at !== undefined && (found.first_seen === null || (isTime(at) && at < found.first_seen))) found.first_seen = at
    if (value !== undefined && found.shown.size < MOST_SHOWN) {
      const text = JSON.stringify(value)
      found.shown.add(text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}…` : text)
    }
  }

  /** Undefined when there are too many already. */
  #below(path: string, rules: Conjunction): Place | undefined {
    return ++this.#places > MOST_PLACES ? undefined : this.#place(path, rules)
  }

  #place(path: string, rules: Conjunction): Place {
    const branches = rules.choices.map(({ branches, root }) => branches.map(branch => new Conjunction([partOf(branch, root)])))
    const all = [rules, ...branches.flat()]
    const names = new Set(all.flatMap(one => [...one.names]))
    for (const one of all) for (const { schema } of one.parts) for (const name of listOf(schema.required)) names.add(name as string)
    const open =
      names.size === 0 ||
      all.some(one => one.foreign !== undefined || one.parts.some(({ schema }) => OPENING.some(key => isRule(schema[key]))))
    const atoms = new Set([...rules.atoms].filter(atom => branches.every(choice => choice.some(branch => branch.atoms.has(atom)))))
    return { path, rules, names, required: rules.required, open, atoms, keys: new Map(), items: undefined, objects: 0, seen: new Map() }
  }
}

const OPENING = ['additionalProperties', 'patternProperties', 'unevaluatedProperties']

const isRule = (value: unknown) => typeof value === 'object' && value !== null

const isTime = (text: string) => /^\d{4}-\d\d-\d\dT/.test(text)

function atomOf(value: unknown): Atom {
  if (value === null) return 'null'
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'fraction'
  return Array.isArray(value) ? 'array' : (typeof value as Atom)
}

const WORDS: Record<Atom, string> = {
  null: 'null',
  boolean: 'a boolean',
  integer: 'an integer',
  fraction: 'a number',
  string: 'a string',
  array: 'a list',
  object: 'an object',
}

/** A fraction may always be an integer. */
function told(atoms: ReadonlySet<Atom>): string {
  return [...atoms]
    .filter(atom => atom !== 'integer' || !atoms.has('fraction'))
    .map(atom => WORDS[atom])
    .join(' or ')
}

/** `.name`, or `['odd name']`. */
function step(name: string): string {
  if (/^[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*$/.test(name)) return `.${name}`
  return `['${JSON.stringify(name.slice(0, 200)).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}']`
}
