/** Whether one value is valid, told only when it is sure. */
import { resolve, typeName } from './fields.ts'
import { faultOf, isStandard } from './format.ts'

export type Schema = Record<string, unknown>

const DEEPEST = 64
/** Keywords that judge nothing. */
export const SILENT: ReadonlySet<string> = new Set(
  (
    '$schema $id $comment $defs definitions $anchor $dynamicAnchor $vocabulary title description default examples deprecated readOnly ' +
    'writeOnly contentEncoding contentMediaType contentSchema'
  ).split(' '),
)

/** Undefined when that cannot be told. */
export function holds(value: unknown, schema: unknown, root: Schema, depth = 0): boolean | undefined {
  if (typeof schema === 'boolean') return schema
  if (!isObject(schema)) return true
  if (depth > DEEPEST || (schema !== root && '$id' in schema && '$ref' in schema)) return undefined
  const verdicts = Object.entries(schema).map(([keyword, said]) => {
    if (SILENT.has(keyword)) return true
    const judge = JUDGES[keyword]
    return judge?.(said, value, schema, inner => (of: unknown) => holds(of, inner, root, depth + 1), root)
  })
  return all(verdicts)
}

type Judge = (
  said: any,
  value: any,
  schema: Schema,
  below: (inner: unknown) => (of: unknown) => boolean | undefined,
  root: Schema,
) => boolean | undefined

const ofNumber =
  (judge: (said: number, value: number) => boolean): Judge =>
  (said, value) =>
    typeof value !== 'number' || judge(said, value)
const ofText =
  (judge: (said: any, value: string) => boolean | undefined): Judge =>
  (said, value) =>
    typeof value !== 'string' || judge(said, value)
const ofList =
  (judge: (said: number, length: number) => boolean): Judge =>
  (said, value) =>
    !Array.isArray(value) || judge(said, value.length)
const ofMap =
  (judge: (said: number, size: number) => boolean): Judge =>
  (said, value) =>
    !isObject(value) || judge(said, Object.keys(value).length)
const notMore = (said: number, size: number) => size <= said
const notLess = (said: number, size: number) => size >= said

const JUDGES: Record<string, Judge> = {
  type: (said, value) => [said].flat().some((type: string) => type === typeName(value) || (type === 'integer' && Number.isInteger(value))),
  const: (said, value) => canonical(said) === canonical(value),
  enum: (said, value) => textsOf(said).has(canonical(value)),
  minimum: ofNumber((said, value) => value >= said),
  maximum: ofNumber((said, value) => value <= said),
  exclusiveMinimum: ofNumber((said, value) => value > said),
  exclusiveMaximum: ofNumber((said, value) => value < said),
  multipleOf: ofNumber((said, value) => Number.isInteger(value / said) && Math.abs(value / said) < 1e21),
  minLength: ofText((said, value) => [...value].length >= said),
  maxLength: ofText((said, value) => [...value].length <= said),
  pattern: ofText(said => (said === '' ? true : undefined)),
  // Formats of numbers are left undecided.
  format: (said, value) =>
    typeof value === 'string' ? (isStandard(said) ? !faultOf(said, value) : undefined) : typeof value === 'number' ? undefined : true,
  minItems: ofList(notLess),
  maxItems: ofList(notMore),
  uniqueItems: (said, value) => !said || !Array.isArray(value) || new Set(value.map(canonical)).size === value.length,
  prefixItems: (said, value, _, below) =>
    !Array.isArray(value) || all(said.map((inner: unknown, i: number) => i >= value.length || below(inner)(value[i]))),
  items: (said, value, schema, below) =>
    !Array.isArray(value) || all(value.slice(Array.isArray(schema.prefixItems) ? schema.prefixItems.length : 0).map(below(said))),
  minProperties: ofMap(notLess),
  maxProperties: ofMap(notMore),
  required: (said, value) => !isObject(value) || said.every((name: string) => Object.hasOwn(value, name)),
  properties: (said, value, _, below) =>
    !isObject(value) || all(Object.keys(said).map(name => !Object.hasOwn(value, name) || below(said[name])(value[name]))),
  additionalProperties: (said, value, schema, below) => {
    if (!isObject(value)) return true
    const rest = Object.keys(value).filter(name => !isObject(schema.properties) || !Object.hasOwn(schema.properties, name))
    return rest.length && 'patternProperties' in schema ? undefined : all(rest.map(name => below(said)(value[name])))
  },
  patternProperties: (said, value) => (isObject(value) && Object.keys(value).length && Object.keys(said).length ? undefined : true),
  allOf: (said, value, _, below) => all(said.map((inner: unknown) => below(inner)(value))),
  anyOf: (said, value, _, below) => {
    const found = said.map((inner: unknown) => below(inner)(value))
    return found.includes(true) ? true : found.includes(undefined) ? undefined : false
  },
  oneOf: (said, value, _, below) => {
    const found: (boolean | undefined)[] = said.map((inner: unknown) => below(inner)(value))
    const good = found.filter(verdict => verdict === true).length
    return good > 1 ? false : found.includes(undefined) ? undefined : good === 1
  },
  not: (said, value, _, below) => {
    const found = below(said)(value)
    return found === undefined ? undefined : !found
  },
  $ref: (said, value, _, below, root) => {
    const target = typeof said === 'string' ? resolve(root, said) : undefined
    return target && below(target)(value)
  },
}

const texts = new WeakMap<object, Set<string>>()
function textsOf(values: unknown[]): Set<string> {
  const made = texts.get(values) ?? new Set(values.map(canonical))
  texts.set(values, made)
  return made
}

/** One that is not settles it. */
function all(verdicts: readonly (boolean | undefined)[]): boolean | undefined {
  return verdicts.includes(false) ? false : verdicts.includes(undefined) ? undefined : true
}

/** The same text for equal values: the order of keys does not count. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`
  if (!isObject(value)) return JSON.stringify(value) ?? ''
  const keys = Object.keys(value).sort()
  return `{${keys.map(key => `${JSON.stringify(key)}:${canonical(value[key])}`).join()}}`
}

export function isObject(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
