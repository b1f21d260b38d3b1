/** Whether one subscription can take the data of two webhooks: their JSON Schemas side by side. */
import { resolve, typeName } from './fields.ts'

type Schema = Record<string, unknown>

/** One of the two. */
export interface Side {
  /** For the reason: a webhook's name. */
  readonly name: string
  readonly schema: Schema
  /** Keys that the schema does not name are dropped or refused. */
  readonly closed: boolean
}

export type Verdict =
  | { kind: 'compatible' }
  /** `property` is a path such as `customer.age`, or empty for the whole. */
  | { kind: 'breaking'; property: string; reason: string }
  | { kind: 'unknown'; reason: string }

const COMPATIBLE: Verdict = { kind: 'compatible' }
const TYPES = ['null', 'boolean', 'number', 'string', 'array', 'object']
/** Keywords that say nothing about types, or are compared. */
const KNOWN = new Set(
  (
    '$schema $id $comment $defs definitions $ref title description default examples deprecated readOnly writeOnly type enum const ' +
    'properties required additionalProperties items anyOf oneOf minimum maximum exclusiveMinimum exclusiveMaximum multipleOf ' +
    'minLength maxLength pattern format contentEncoding contentMediaType minItems maxItems uniqueItems minProperties maxProperties'
  ).split(' '),
)

/** Keywords that may stand beside a reference and change nothing. */
const BESIDE = new Set('$ref $defs definitions $schema $id $comment title description default examples'.split(' '))

/**
 * Two schemas are compatible when each property that both name can have a value that both accept: of one type (an integer is a number),
 * of one of the values that both list, and so on inside objects and lists. A property that one requires and the other cannot have counts
 * only when it is among the `used` paths.
 */
export function compatible(a: Side, b: Side, used: readonly (readonly string[])[] = []): Verdict {
  if (JSON.stringify(a.schema) === JSON.stringify(b.schema)) return COMPATIBLE
  return new Comparison(a, b, used).compare(a.schema, b.schema, [])
}

class Comparison {
  readonly #a: Side
  readonly #b: Side
  readonly #used: readonly (readonly string[])[]
  /** Pairs that are being compared: schemas may refer to themselves. */
  readonly #open = new Map<Schema, Set<Schema>>()

  constructor(a: Side, b: Side, used: readonly (readonly string[])[]) {
    this.#a = a
    this.#b = b
    this.#used = used
  }

  compare(a: unknown, b: unknown, path: readonly string[]): Verdict {
    if (a === false || b === false) return this.#breaking(path, `is not allowed in '${(a === false ? this.#a : this.#b).name}'`)
    if (!isObject(a) || !isObject(b)) return COMPATIBLE
    const [left, right] = [follow(a, this.#a.schema), follow(b, this.#b.schema)]
    const partners = this.#open.get(left) ?? new Set()
    if (partners.has(right)) return COMPATIBLE
    this.#open.set(left, partners.add(right))
    try {
      return this.#pair(left, right, path)
    } finally {
      partners.delete(right)
    }
  }

  #pair(a: Schema, b: Schema, path: readonly string[]): Verdict {
    const [typesA, typesB] = [typesOf(a), typesOf(b)]
    const common = TYPES.filter(type => typesA.includes(type) && typesB.includes(type))
    // That both may be null is no use when either is meant to be something.
    if (!common.length || (common.join() === 'null' && typesA.length > 1 && typesB.length > 1))
      return this.#breaking(path, `is ${told(a, typesA)} in '${this.#a.name}' and ${told(b, typesB)} in '${this.#b.name}'`)
    const [valuesA, valuesB] = [valuesOf(a), valuesOf(b)]
    if (valuesA && valuesB && !valuesA.some(value => valuesB.includes(value)))
      return this.#breaking(path, `can only be ${listed(valuesA)} in '${this.#a.name}' and ${listed(valuesB)} in '${this.#b.name}'`)
    const foreign = this.#foreign(a, b, path)
    const branches = this.#branches(a, b, path)
    // Of two listed values that are the same, nothing is left to compare.
    const plain = valuesA && valuesB ? COMPATIBLE : best(common.map(type => this.#ofType(type, a, b, path)))
    return worst([plain, ...(branches ? [branches] : []), ...(foreign ? [foreign] : [])])
  }

  #ofType(type: string, a: Schema, b: Schema, path: readonly string[]): Verdict {
    if (type === 'object') return this.#objects(a, b, path)
    return type === 'array' ? this.compare(a.items, b.items, [...path, '[]']) : COMPATIBLE
  }

  #objects(a: Schema, b: Schema, path: readonly string[]): Verdict {
    const [inA, inB] = [properties(a), properties(b)]
    const shared = Object.keys(inA).filter(name => Object.hasOwn(inB, name))
    const verdicts = shared.map(name => this.compare(inA[name], inB[name], [...path, name]))
    for (const [one, other, mine, theirs] of [
      [a, b, this.#a, this.#b],
      [b, a, this.#b, this.#a],
    ] as const) {
      for (const name of Array.isArray(one.required) ? (one.required as string[]) : []) {
        if (Object.hasOwn(properties(other), name) || !isClosed(other, theirs.closed)) continue
        const here = [...path, name]
        if (this.#used.some(way => here.every((key, i) => way[i] === key)))
          verdicts.push(
            this.#breaking(here, `is required in '${mine.name}', and '${theirs.name}' cannot have it, yet the subscription uses it`),
          )
      }
    }
    return worst(verdicts)
  }

  /** `anyOf` and `oneOf`: some branch of one has to go with some branch of the other. */
  #branches(a: Schema, b: Schema, path: readonly string[]): Verdict | undefined {
    const [left, right] = [branchesOf(a), branchesOf(b)]
    if (!left && !right) return undefined
    const [ones, others] = [left ?? [bare(a)], right ?? [bare(b)]]
    // As with types: null does not count when either is meant to be something.
    const both = [ones, others].every(list => list.some(one => !isNull(one)))
    const pairs = ones.flatMap(one => others.map(other => [one, other] as const))
    return best(pairs.filter(pair => !both || !pair.every(isNull)).map(([one, other]) => this.compare(one, other, path)))
  }

  #foreign(a: Schema, b: Schema, path: readonly string[]): Verdict | undefined {
    for (const [schema, side] of [[a, this.#a] as const, [b, this.#b] as const]) {
      const keyword = Object.keys(schema).find(key => !KNOWN.has(key)) ?? ('$ref' in schema ? '$ref' : undefined)
      const place = path.length ? ` of ${pathName(path)}` : ''
      if (keyword) return { kind: 'unknown', reason: `the schema${place} in '${side.name}' has ${keyword}, which is not compared` }
    }
    return undefined
  }

  #breaking(path: readonly string[], fault: string): Verdict {
    const property = pathName(path)
    return { kind: 'breaking', property, reason: `${property || 'the data'} ${fault}` }
  }
}

/** What is wrong counts most, then what is not known. */
function worst(verdicts: readonly Verdict[]): Verdict {
  const of = (kind: Verdict['kind']) => verdicts.find(verdict => verdict.kind === kind)
  return of('breaking') ?? of('unknown') ?? COMPATIBLE
}

/** One way that goes is enough. */
function best(verdicts: readonly Verdict[]): Verdict {
  const of = (kind: Verdict['kind']) => verdicts.find(verdict => verdict.kind === kind)
  return of('compatible') ?? of('unknown') ?? of('breaking') ?? COMPATIBLE
}

/** The schema that a reference alone stands for; with others beside it, or none to be found, it stays. */
function follow(schema: Schema, root: Schema): Schema {
  let at = schema
  for (let i = 0; i < 16 && typeof at.$ref === 'string'; i++) {
    const target = resolve(root, at.$ref)
    if (!target || Object.keys(at).some(key => !BESIDE.has(key))) return at
    at = target
  }
  return at
}

function typesOf(schema: Schema): string[] {
  const said = typeof schema.type === 'string' ? [schema.type] : Array.isArray(schema.type) ? (schema.type as string[]) : TYPES
  const types = said.map(type => (type === 'integer' ? 'number' : type))
  const values = given(schema)
  return values ? [...new Set(values.map(typeName))].filter(type => types.includes(type)) : types
}

/** The values that are listed, each as its JSON. */
function valuesOf(schema: Schema): string[] | undefined {
  return given(schema)?.map(value => JSON.stringify(value))
}

function given(schema: Schema): unknown[] | undefined {
  if ('const' in schema) return [schema.const]
  return Array.isArray(schema.enum) ? schema.enum : undefined
}

function branchesOf({ anyOf, oneOf }: Schema): unknown[] | undefined {
  return Array.isArray(anyOf) ? anyOf : Array.isArray(oneOf) ? oneOf : undefined
}

const isNull = (schema: unknown): boolean => isObject(schema) && typesOf(schema).join() === 'null'

const bare = ({ anyOf: _, oneOf: __, ...rest }: Schema): Schema => rest

function isClosed(schema: Schema, closed: boolean): boolean {
  if (schema.additionalProperties !== undefined) return schema.additionalProperties === false
  return closed && schema.properties !== undefined
}

const properties = (schema: Schema): Schema => (isObject(schema.properties) ? schema.properties : {})

function told(schema: Schema, types: readonly string[]): string {
  const exact = [schema.type].flat().includes('integer') && !given(schema)
  return types.map(type => (type === 'number' && exact ? 'an integer' : WORDS[type])).join(' or ') || 'nothing at all'
}

const WORDS: Record<string, string> = {
  null: 'null',
  boolean: 'a boolean',
  number: 'a number',
  string: 'a string',
  array: 'a list',
  object: 'an object',
}

function listed(values: readonly string[]): string {
  return values.length > 5 ? `${values.slice(0, 5).join(', ')} and ${values.length - 5} more` : values.join(' or ')
}

/** `customer.lines[].sku` */
const pathName = (path: readonly string[]): string => path.join('.').replaceAll('.[]', '[]')

function isObject(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
