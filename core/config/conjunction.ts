/** Schemas that all hold for one value: what they say together, as far as it is sure. */
import { resolve, typeName } from './fields.ts'
import { holds, isObject, type Schema } from './holds.ts'

/** A schema and the one that its references are counted from. */
export interface Part {
  readonly schema: Schema
  readonly root: Schema
}

/** A number is an integer or a fraction. */
export const ATOMS = ['null', 'boolean', 'integer', 'fraction', 'string', 'array', 'object'] as const
export type Atom = (typeof ATOMS)[number]

/** Keywords that bound a value and are not looked into. */
const FOREIGN = (
  'not if then else dependentSchemas dependentRequired propertyNames contains minContains maxContains unevaluatedItems ' +
  'unevaluatedProperties $dynamicRef $recursiveRef nullable discriminator'
).split(' ')
/** Whole numbers in bounds that are written out one by one. */
const MOST_INTEGERS = 64
const DEEPEST = 12

export class Conjunction {
  readonly parts: readonly Part[]
  /** Nothing can be valid. */
  readonly never: boolean
  /** A keyword that was not looked into: fewer values may be valid than it seems. */
  readonly foreign: string | undefined

  /** Takes in what `allOf` and references add. */
  constructor(given: readonly (Part | boolean)[]) {
    const found = new Map<Schema, Part>()
    let never = false
    let foreign: string | undefined
    const add = (schema: unknown, root: Schema): void => {
      if (schema === false) never = true
      if (!isObject(schema) || found.get(schema)?.root === root) return
      found.set(schema, { schema, root })
      foreign ??= FOREIGN.find(keyword => keyword in schema)
      if (typeof schema.$ref === 'string') {
        const target = resolve(root, schema.$ref)
        if (target) add(target, root)
        else foreign ??= '$ref'
      }
      for (const part of listOf(schema.allOf)) add(part, root)
    }
    for (const part of given) {
      if (part === false) never = true
      else if (part !== true) add(part.schema, part.root)
    }
    this.parts = [...found.values()]
    this.never = never
    this.foreign = foreign
  }

  /** These, and one more. */
  with(...more: readonly (Part | boolean)[]): Conjunction {
    return new Conjunction([...this.parts, ...more, ...(this.never ? [false] : [])])
  }

  /** The lists of alternatives. */
  get choices(): { branches: unknown[]; root: Schema }[] {
    return this.parts.flatMap(({ schema, root }) =>
      [schema.anyOf, schema.oneOf].filter(Array.isArray).map(branches => ({ branches: branches as unknown[], root })),
    )
  }

  get atoms(): Set<Atom> {
    const all = new Set<Atom>(this.never ? [] : ATOMS)
    for (const { schema } of this.parts) {
      const said = atomsOf(schema)
      for (const atom of all) if (!said.has(atom)) all.delete(atom)
    }
    return all
  }

  /** Every value, where there are few; some of them may not be valid after all. */
  get values(): unknown[] | undefined {
    const listed = this.parts.map(({ schema }) => givenIn(schema)).find(Boolean)
    const values = listed ?? this.#few()
    return values?.filter(value => this.parts.every(({ schema, root }) => holds(value, schema, root) !== false))
  }

  #few(): unknown[] | undefined {
    const atoms = this.atoms
    if (atoms.size === 1 && atoms.has('integer')) {
      const { low, high } = this.bounds(true)
      if (high - low >= MOST_INTEGERS || !Number.isSafeInteger(low) || !Number.isSafeInteger(high)) return undefined
      return Array.from({ length: Math.max(0, high - low + 1) }, (_, i) => low + i)
    }
    if (atoms.size === 0 || [...atoms].some(atom => atom !== 'null' && atom !== 'boolean')) return undefined
    return [...(atoms.has('null') ? [null] : []), ...(atoms.has('boolean') ? [true, false] : [])]
  }

  /** The bounds of a number; those of whole numbers are made whole. */
  bounds(whole: boolean): { low: number; high: number; lowOpen: boolean; highOpen: boolean } {
    const ends = { low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY, lowOpen: false, highOpen: false }
    for (const { schema } of this.parts) {
      const { minimum, exclusiveMinimum, maximum, exclusiveMaximum } = schema
      if (isNumber(minimum) && minimum > ends.low) [ends.low, ends.lowOpen] = [minimum, false]
      if (isNumber(exclusiveMinimum) && exclusiveMinimum >= ends.low) [ends.low, ends.lowOpen] = [exclusiveMinimum, true]
      if (isNumber(maximum) && maximum < ends.high) [ends.high, ends.highOpen] = [maximum, false]
      if (isNumber(exclusiveMaximum) && exclusiveMaximum <= ends.high) [ends.high, ends.highOpen] = [exclusiveMaximum, true]
    }
    if (!whole) return ends
    // Beyond 2^53 one more is not another number.
    if (Math.abs(ends.low) < 2 ** 53) [ends.low, ends.lowOpen] = [ends.lowOpen ? Math.floor(ends.low) + 1 : Math.ceil(ends.low), false]
    if (Math.abs(ends.high) < 2 ** 53)
      [ends.high, ends.highOpen] = [ends.highOpen ? Math.ceil(ends.high) - 1 : Math.floor(ends.high), false]
    return ends
  }

  /** The largest of a lower bound such as `minLength`, or 0. */
  least(keyword: string): number {
    return Math.max(0, ...this.parts.map(({ schema }) => schema[keyword]).filter(isNumber))
  }

  /** The smallest of an upper bound such as `maxLength`, or infinity. */
  most(keyword: string): number {
    return Math.min(Number.POSITIVE_INFINITY, ...this.parts.map(({ schema }) => schema[keyword]).filter(isNumber))
  }

  /** Keys that are always there. One with a default is filled in where that is done, so that it may be missing. */
  get required(): Set<string> {
    const names = this.parts.flatMap(({ schema }) => listOf(schema.required) as string[])
    return new Set(names.filter(name => !this.parts.some(({ schema }) => hasDefault(schema, name))))
  }

  get names(): Set<string> {
    return new Set(this.parts.flatMap(({ schema }) => Object.keys(objectOf(schema.properties))))
  }

  get patterns(): Set<string> {
    return new Set(this.parts.flatMap(({ schema }) => Object.keys(objectOf(schema.patternProperties))))
  }

  /** What holds for the value of a key. */
  at(name: string): Conjunction {
    return new Conjunction(this.parts.flatMap(part => ofKey(part, name)))
  }

  /** What holds at least for values whose keys match a pattern and have no name. */
  matching(pattern: string): Conjunction {
    return new Conjunction(
      this.parts.flatMap(({ schema, root }) => {
        const patterns = objectOf(schema.patternProperties)
        if (Object.hasOwn(patterns, pattern)) return [partOf(patterns[pattern], root)]
        return Object.keys(patterns).length === 0 ? [partOf(schema.additionalProperties, root)] : []
      }),
    )
  }

  /** What holds for values of keys that have no name and match no pattern. */
  get others(): Conjunction {
    return new Conjunction(this.parts.map(({ schema, root }) => partOf(schema.additionalProperties, root)))
  }

  /** What holds for an element of a list. */
  element(i: number): Conjunction {
    return new Conjunction(this.parts.map(({ schema, root }) => partOf(elementOf(schema, i), root)))
  }

  /** The most keys that an object can have. */
  get mostKeys(): number {
    const closed = this.parts
      .filter(({ schema }) => schema.additionalProperties === false && !schema.patternProperties)
      .map(({ schema }) => Object.keys(objectOf(schema.properties)).length)
    return Math.min(this.most('maxProperties'), ...closed)
  }

  /** Surely nothing is valid. */
  isEmpty(depth = 0): boolean {
    if (this.never) return true
    if (depth > DEEPEST) return false
    const atoms = this.atoms
    if (atoms.size === 0 || this.values?.length === 0) return true
    for (const { branches, root } of this.choices.slice(0, 4)) if (branches.every(branch => this.#without(branch, root, depth))) return true
    return [...atoms].every(atom => this.#lacks(atom, depth))
  }

  /** A branch leaves nothing; its siblings are not looked at again. */
  #without(branch: unknown, root: Schema, depth: number): boolean {
    return branch === false || (isObject(branch) && this.with({ schema: branch, root }).isEmpty(Math.max(depth + 1, DEEPEST - 3)))
  }

  #lacks(atom: Atom, depth: number): boolean {
    if (atom === 'integer' || atom === 'fraction') {
      const { low, high, lowOpen, highOpen } = this.bounds(atom === 'integer')
      return low > high || (low === high && (lowOpen || highOpen))
    }
    if (atom === 'string') return this.least('minLength') > this.most('maxLength')
    if (atom === 'array') return this.least('minItems') > this.most('maxItems')
    if (atom !== 'object') return false
    return this.least('minProperties') > this.mostKeys || [...this.required].some(name => this.at(name).isEmpty(depth + 1))
  }
}

/** The types that a schema's own `type`, `const` and `enum` let pass. */
export function atomsOf(schema: Schema): Set<Atom> {
  const types = [schema.type].flat()
  const said = schema.type === undefined ? ATOMS : types.flatMap(type => (type === 'number' ? NUMBERS : [type as Atom]))
  const values = givenIn(schema)
  if (values) return new Set(values.map(atomOf).filter(atom => said.includes(atom)))
  const whole = isNumber(schema.multipleOf) && Number.isSafeInteger(schema.multipleOf)
  return new Set(whole ? said.filter(atom => atom !== 'fraction') : said)
}

const NUMBERS: readonly Atom[] = ['integer', 'fraction']

function atomOf(value: unknown): Atom {
  const type = typeName(value)
  return type === 'number' ? (Number.isInteger(value) ? 'integer' : 'fraction') : (type as Atom)
}

function givenIn(schema: Schema): unknown[] | undefined {
  if ('const' in schema) return [schema.const]
  return Array.isArray(schema.enum) ? schema.enum : undefined
}

/** The schemas for one key: by its name, by each pattern that it matches, or else those for all others. */
export function ofKey({ schema, root }: Part, name: string): (Part | boolean)[] {
  const properties = objectOf(schema.properties)
  const named = Object.hasOwn(properties, name) ? [properties[name]] : []
  const matched = Object.entries(objectOf(schema.patternProperties)).flatMap(([pattern, inner]) => (fits(pattern, name) ? [inner] : []))
  const found = [...named, ...matched]
  return (found.length ? found : [schema.additionalProperties]).map(inner => partOf(inner, root))
}

/** The schema for one element of a list. */
export function elementOf(schema: Schema, i: number): unknown {
  const first = listOf(schema.prefixItems)
  return i < first.length ? first[i] : schema.items
}

/** A pattern matches a key; one that is no pattern matches nothing, and is refused elsewhere. */
export function fits(pattern: string, name: string): boolean {
  try {
    return new RegExp(pattern, 'u').test(name)
  } catch {
    return false
  }
}

/** A schema at its root; what is left out allows everything. */
export function partOf(schema: unknown, root: Schema): Part | boolean {
  return isObject(schema) ? { schema, root } : schema !== false
}

function hasDefault(schema: Schema, name: string): boolean {
  const properties = objectOf(schema.properties)
  const inner = Object.hasOwn(properties, name) ? properties[name] : undefined
  return isObject(inner) && inner.default !== undefined
}

export const objectOf = (value: unknown): Schema => (isObject(value) ? value : {})
export const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : [])
export const isNumber = (value: unknown): value is number => typeof value === 'number'
