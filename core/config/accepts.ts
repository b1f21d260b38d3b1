/** Whether a changed JSON Schema still lets in everything that the one before it let in. */
import type { Verdict } from './compatible.ts'
import { type Atom, atomsOf, Conjunction, elementOf, fits, listOf, objectOf, type Part, partOf } from './conjunction.ts'
import { resolve } from './fields.ts'
import { canonical, holds, isObject, type Schema } from './holds.ts'
import { changedKeywords } from './keywords.ts'
import { type Narrowed, narrowedNumber, narrowedSize, narrowedText } from './narrowed.ts'
import { knownWhole } from './wholeSchema.ts'

const COMPATIBLE: Verdict = { kind: 'compatible' }
/** Comparisons, and alternatives of one place, after which nothing is said any more. */
const MOST_STEPS = 20_000
const MOST_CASES = 64
const DEEPEST = 100

/**
 * `compatible` when every payload that is valid under the older schema is valid under the newer one, so that no sender notices;
 * `breaking` names the first property where one is not; `unknown` when that cannot be told. It is never `compatible` when it is not.
 * A payload is an object. Both schemas must be good JSON Schemas 2020-12. Keys that a rule outside of them refuses (`unknown: reject`) are not looked at.
 */
export function accepts(older: Schema, newer: Schema): Verdict {
  if (canonical(older) === canonical(newer)) return COMPATIBLE
  const fault = knownWhole(older) ?? knownWhole(newer)
  if (fault) return { kind: 'unknown', reason: fault }
  return new Inclusion().within(new Conjunction([{ schema: older, root: older }, ONLY.object!]), partOf(newer, newer), [])
}

type Path = readonly string[]

class Inclusion {
  #steps = 0
  readonly #ids = new Map<Schema, number>()
  /** Pairs that are being compared: schemas may refer to themselves. Each lies one level of the data below the one before. */
  readonly #open = new Set<string>()

  /** One place in the data. */
  within(older: Conjunction, newer: Part | boolean, path: Path): Verdict {
    if (newer === true || older.isEmpty()) return COMPATIBLE
    if (newer === false) return this.#breaking(older, path, 'is not allowed any more')
    const key = `${[newer, ...older.parts].map(({ schema }) => this.#idOf(schema)).join()}`
    if (this.#open.has(key)) return COMPATIBLE
    this.#open.add(key)
    try {
      return this.#cases(older, 0, 1, newer, path, 0)
    } finally {
      this.#open.delete(key)
    }
  }

  /** What holds for each of the older schema's alternatives holds for it. */
  #cases(older: Conjunction, from: number, cases: number, newer: Part, path: Path, depth: number): Verdict {
    const choice = older.choices[from]
    const many = cases * (choice?.branches.length ?? 1)
    if (!choice || many > MOST_CASES) return this.#judge(older, newer, path, depth)
    // A branch puts its own choices at the end of the list.
    return worst(choice.branches.map(branch => this.#cases(older.with(partOf(branch, choice.root)), from + 1, many, newer, path, depth)))
  }

  #judge(older: Conjunction, newer: Part, path: Path, depth: number): Verdict {
    if (++this.#steps > MOST_STEPS || depth > DEEPEST || path.length > DEEPEST)
      return { kind: 'unknown', reason: `the schemas are too large to compare${at(path)}` }
    if (older.isEmpty()) return COMPATIBLE
    const { schema, root } = newer
    const kinds = kindsOf(older.atoms)
    if (kinds.length > 1) return worst(kinds.map(type => this.#judge(older.with(ONLY[type]!), newer, path, depth + 1)))
    const [kind] = kinds
    if (kind === undefined) return COMPATIBLE
    const typed = this.#types(older, schema, path)
    if (typed) return typed
    const values = older.values
    if (values) return worst(values.map(value => this.#value(value, older, newer, path)))
    const next = (inner: unknown): Verdict => {
      const part = partOf(inner, root)
      if (part === true) return COMPATIBLE
      return part === false ? this.#breaking(older, path, 'is not allowed any more') : this.#judge(older, part, path, depth + 1)
    }
    const verdicts: Verdict[] = []
    if ('const' in schema || schema.enum !== undefined)
      verdicts.push(this.#breaking(older, path, `can be ${WORDS[kind]}, and must now be one of a list`))
    if (schema.$ref !== undefined) {
      const target = typeof schema.$ref === 'string' ? resolve(root, schema.$ref) : undefined
      verdicts.push(target ? next(target) : this.#unknown('$ref', path))
    }
    for (const part of listOf(schema.allOf)) verdicts.push(next(part))
    if (Array.isArray(schema.anyOf)) verdicts.push(this.#oneIsEnough(older, schema.anyOf, root, next, path))
    if (Array.isArray(schema.oneOf)) verdicts.push(this.#exactlyOne(older, schema.oneOf, root, next, path))
    if (schema.not !== undefined && !older.with(partOf(schema.not, root)).isEmpty()) verdicts.push(this.#unknown('not', path))
    verdicts.push(...changedKeywords(older, schema).map(keyword => this.#unknown(keyword, path)))
    if (kind === 'integer' || kind === 'number')
      verdicts.push(...this.#told(older, narrowedNumber(older, schema, kind === 'integer'), path))
    if (kind === 'string') verdicts.push(...this.#told(older, narrowedText(older, schema), path))
    if (kind === 'array') verdicts.push(...this.#lists(older, newer, path))
    if (kind === 'object') verdicts.push(...this.#objects(older, newer, path))
    return worst(verdicts)
  }

  #value(value: unknown, older: Conjunction, { schema, root }: Part, path: Path): Verdict {
    const verdict = ++this.#steps > MOST_STEPS ? undefined : holds(value, schema, root)
    if (verdict) return COMPATIBLE
    const shown = JSON.stringify(value)
    const told = shown.length > 40 ? `${shown.slice(0, 40)}…` : shown
    if (verdict === undefined) return { kind: 'unknown', reason: `whether ${told} is still good${at(path)} cannot be told` }
    return this.#breaking(older, path, `can be ${told}, which is not good any more`)
  }

  #types(older: Conjunction, schema: Schema, path: Path): Verdict | undefined {
    const said = atomsOf({ ...(schema.type !== undefined && { type: schema.type }) })
    const lost = [...older.atoms].filter(atom => !said.has(atom))
    if (!lost.length) return undefined
    const now = kindsOf(said).map(kind => WORDS[kind])
    return this.#breaking(older, path, `can be ${WORDS[kindsOf(new Set(lost))[0]!]}, and must now be ${now.join(' or ') || 'nothing'}`)
  }

  #oneIsEnough(older: Conjunction, branches: readonly unknown[], root: Schema, next: (inner: unknown) => Verdict, path: Path): Verdict {
    const possible = branches.filter(branch => !isApart(older, branch, root))
    if (!possible.length) return this.#nearest(older, branches, root, next, path)
    const verdicts = possible.map(next)
    const good = verdicts.find(verdict => verdict.kind === 'compatible')
    // Where only one can be meant, its verdict is that of the whole.
    return good ?? (verdicts.length === 1 ? verdicts[0]! : this.#unclear(verdicts, path))
  }

  #exactlyOne(older: Conjunction, branches: readonly unknown[], root: Schema, next: (inner: unknown) => Verdict, path: Path): Verdict {
    const possible = branches.filter(branch => !isApart(older, branch, root))
    if (!possible.length) return this.#nearest(older, branches, root, next, path)
    return possible.length === 1 ? next(possible[0]) : this.#unclear(possible.map(next), path)
  }

  /** Of alternatives that all fail, the only one that its fixed values allow is meant. */
  #nearest(older: Conjunction, branches: readonly unknown[], root: Schema, next: (inner: unknown) => Verdict, path: Path): Verdict {
    const fixed = (branch: unknown): [string, unknown][] =>
      Object.entries(objectOf(objectOf(branch).properties)).filter(([, inner]) => isObject(inner) && ('const' in inner || 'enum' in inner))
    const meant = branches.filter(branch => fixed(branch).every(([name, inner]) => !isApart(older.at(name), inner, root)))
    const [only] = meant.length === 1 ? meant.map(next) : []
    return only?.kind === 'breaking' ? only : this.#breaking(older, path, 'fits no alternative any more')
  }

  #unclear(verdicts: readonly Verdict[], path: Path): Verdict {
    const near = verdicts.find(verdict => verdict.kind !== 'compatible')
    return {
      kind: 'unknown',
      reason: `which of several alternatives is meant${at(path)} cannot be told${near ? `: ${reasonOf(near)}` : ''}`,
    }
  }

  #lists(older: Conjunction, { schema, root }: Part, path: Path): Verdict[] {
    const most = older.most('maxItems')
    const verdicts = this.#told(older, narrowedSize(schema, ['minItems', 'maxItems'], older.least('minItems'), most, 'items'), path)
    if (schema.uniqueItems === true && most > 1 && !older.parts.some(part => part.schema.uniqueItems === true))
      verdicts.push(this.#breaking(older, path, 'must now hold no item twice'))
    const first = Math.max(0, ...[schema, ...older.parts.map(part => part.schema)].map(({ prefixItems }) => listOf(prefixItems).length))
    for (let i = 0; i <= first && i < most; i++)
      verdicts.push(this.within(older.element(i), partOf(elementOf(schema, i), root), [...path, i < first ? String(i) : '[]']))
    return verdicts
  }

  #objects(older: Conjunction, { schema, root }: Part, path: Path): Verdict[] {
    const needed = older.required
    const least = Math.max(older.least('minProperties'), needed.size)
    const verdicts = this.#told(older, narrowedSize(schema, ['minProperties', 'maxProperties'], least, older.mostKeys, 'keys'), path)
    const named = objectOf(schema.properties)
    for (const name of listOf(schema.required) as string[]) {
      if (needed.has(name)) continue
      const inner = Object.hasOwn(named, name) ? named[name] : undefined
      const filled =
        (isObject(inner) && inner.default !== undefined) ||
        older.parts.some(part => (listOf(part.schema.required) as string[]).includes(name))
      verdicts.push(
        filled
          ? { kind: 'unknown', reason: `${pathName([...path, name])} is required, and its default is filled in at some places only` }
          : this.#breaking(older, [...path, name], 'is required now'),
      )
    }
    for (const name of Object.keys(named)) {
      // The validator would find what every object inherits.
      if (name in Object.prototype && !older.names.has(name)) verdicts.push(this.#unknown(name, path))
      verdicts.push(this.within(older.at(name), partOf(named[name], root), [...path, name]))
      const inner = named[name]
      if (isObject(inner) && inner.default !== undefined && !needed.has(name) && !holds(inner.default, inner, root))
        verdicts.push({ kind: 'unknown', reason: `the default of ${pathName([...path, name])} may not be good itself` })
    }
    return [...verdicts, ...this.#unnamed(older, { schema, root }, path)]
  }

  /** Keys that the newer schema knows by a pattern, or not at all. */
  #unnamed(older: Conjunction, { schema, root }: Part, path: Path): Verdict[] {
    const patterns = objectOf(schema.patternProperties)
    const named = objectOf(schema.properties)
    const known = [...older.names]
    const verdicts: Verdict[] = []
    const other = (found: Conjunction, newer: Part | boolean): Verdict => {
      const verdict = this.within(found, newer, [...path, '*'])
      // Some keys of that kind may be ruled out by another pattern.
      return verdict.kind === 'breaking' && (older.patterns.size > 0 || Object.keys(patterns).length > 0)
        ? { kind: 'unknown', reason: verdict.reason }
        : verdict
    }
    for (const [pattern, inner] of Object.entries(patterns)) {
      for (const name of known) if (fits(pattern, name)) verdicts.push(this.within(older.at(name), partOf(inner, root), [...path, name]))
      verdicts.push(other(older.matching(pattern), partOf(inner, root)))
    }
    const rest = partOf(schema.additionalProperties, root)
    if (rest === true) return verdicts
    for (const name of known)
      if (!Object.hasOwn(named, name) && !Object.keys(patterns).some(pattern => fits(pattern, name)))
        verdicts.push(this.within(older.at(name), rest, [...path, name]))
    for (const pattern of older.patterns) if (!Object.hasOwn(patterns, pattern)) verdicts.push(other(older.matching(pattern), rest))
    verdicts.push(other(older.others, rest))
    return verdicts
  }

  #told(older: Conjunction, narrowed: readonly Narrowed[], path: Path): Verdict[] {
    return narrowed.map(one => ('must' in one ? this.#breaking(older, path, `must now ${one.must}`) : this.#unknown(one.unknown, path)))
  }

  /** What was not looked into may rule out the very value that would break. */
  #breaking(older: Conjunction, path: Path, fault: string): Verdict {
    const property = pathName(path)
    const reason = `${property || 'the data'} ${fault}`
    if (older.foreign) return { kind: 'unknown', reason: `${reason}, unless ${older.foreign} of the older schema rules that out` }
    return { kind: 'breaking', property, reason }
  }

  #unknown(keyword: string, path: Path): Verdict {
    return { kind: 'unknown', reason: `${keyword}${at(path)} has changed, and is not compared` }
  }

  #idOf(schema: Schema): number {
    const id = this.#ids.get(schema) ?? this.#ids.size
    this.#ids.set(schema, id)
    return id
  }
}

/** No value fits both. */
function isApart(older: Conjunction, branch: unknown, root: Schema): boolean {
  return older.with(partOf(branch, root)).isEmpty()
}

/** What is wrong counts most, then what is not known. */
function worst(verdicts: readonly Verdict[]): Verdict {
  const of = (kind: Verdict['kind']) => verdicts.find(verdict => verdict.kind === kind)
  return of('breaking') ?? of('unknown') ?? COMPATIBLE
}

const reasonOf = (verdict: Verdict): string => (verdict.kind === 'compatible' ? '' : verdict.reason)

/** Types, with the two kinds of numbers as one where both are possible. */
function kindsOf(atoms: ReadonlySet<Atom>): string[] {
  const number = atoms.has('fraction') ? 'number' : 'integer'
  return [...new Set([...atoms].map(atom => (atom === 'integer' || atom === 'fraction' ? number : atom)))]
}

const WORDS: Record<string, string> = {
  null: 'null',
  boolean: 'a boolean',
  integer: 'an integer',
  number: 'a number',
  string: 'a string',
  array: 'a list',
  object: 'an object',
}

const ONLY: Record<string, Part> = Object.fromEntries(
  Object.keys(WORDS).map(type => {
    const schema = { type }
    return [type, { schema, root: schema }]
  }),
)

const at = (path: Path): string => (path.length ? ` at ${pathName(path)}` : '')

/** `customer.lines[].sku` */
const pathName = (path: Path): string => path.join('.').replaceAll('.[]', '[]')
