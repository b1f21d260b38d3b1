/** Says what is wrong with a payload in sentences for the sender: the field and what is expected, never the value. */
import type { Details } from '#core/plugin.ts'
import type { ErrorObject } from './schema.ts'

/** Details never tell more; a payload of 100,000 faults would get an answer of megabytes. */
export const MOST = 100
const LONGEST_KEY = 100

type Path = readonly (string | number)[]

/** One entry for each field, under its dotted path; `_general` for the payload as a whole. */
export function detailsOf(errors: readonly ErrorObject[], unknown: readonly Path[]): Details {
  // Keys are the sender's: without a prototype none of them can hit one.
  const details: Details = Object.create(null)
  const say = (path: Path, sentence: string) => {
    const field = fieldOf(path)
    const whole = `${field ? `The ${field} field` : 'The payload'} ${sentence}`
    details[field || '_general'] = [...(details[field || '_general'] ?? []).filter(said => said !== whole), whole]
  }
  for (const path of unknown.slice(0, MOST)) say(path, 'is not allowed.')
  const shown = withoutEchoes(errors).slice(0, MOST - unknown.length)
  const choices = choicesIn(shown)
  for (const error of shown) {
    if (choices.some(c => isBranch(error, c.error))) continue
    const [path, sentence] = sentenceOf(error)
    const names = choices.find(c => c.error === error)?.names
    say(path, names ? `must have at least one of these fields: ${names.join(', ')}.` : sentence)
  }
  return details
}

function fieldOf(path: Path): string {
  return path.map(key => (String(key).length > LONGEST_KEY ? `${String(key).slice(0, LONGEST_KEY)}…` : key)).join('.')
}

/** Leaves out what another error says: why one name, or one element, is not the one that was looked for. */
function withoutEchoes(errors: readonly ErrorObject[]): ErrorObject[] {
  const inside = [...new Set(errors.filter(e => e.keyword === 'contains').map(e => `${e.schemaPath}/`))]
  return errors.filter(e => e.keyword !== 'if' && e.propertyName === undefined && !inside.some(path => e.schemaPath.startsWith(path)))
}

/** Where each branch fails for want of a field, the sender needs but one of these fields: to call each required would mislead. */
function choicesIn(errors: readonly ErrorObject[]): { error: ErrorObject; names: string[] }[] {
  return errors.flatMap(error => {
    if (error.keyword !== 'anyOf' && error.keyword !== 'oneOf') return []
    const branches = errors.filter(e => isBranch(e, error))
    const oneEach = new Set(branches.map(e => e.schemaPath)).size === branches.length
    if (branches.length === 0 || !oneEach || !branches.every(e => e.keyword === 'required')) return []
    return { error, names: branches.map(e => e.params.missingProperty as string) }
  })
}

function isBranch(error: ErrorObject, of: ErrorObject): boolean {
  return error.instancePath === of.instancePath && error.schemaPath.startsWith(`${of.schemaPath}/`)
}

function sentenceOf(error: ErrorObject): [Path, string] {
  const path = error.instancePath
    .split('/')
    .slice(1)
    .map(key => key.replaceAll('~1', '/').replaceAll('~0', '~'))
  const p = error.params
  switch (error.keyword) {
    case 'required':
      return [[...path, p.missingProperty], 'is required.']
    case 'dependentRequired':
      return [[...path, p.missingProperty], `is required when ${fieldOf([...path, p.property])} is present.`]
    case 'additionalProperties':
      return [[...path, p.additionalProperty], 'is not allowed.']
    case 'unevaluatedProperties':
      return [[...path, p.unevaluatedProperty], 'is not allowed.']
    case 'propertyNames':
      return [[...path, p.propertyName], 'has a name that is not allowed.']
    case 'false schema':
      return [path, 'is not allowed.']
    case 'anyOf':
    case 'oneOf':
      return [path, 'must match one of the allowed forms.']
    case 'not':
      return [path, 'has a value that is not allowed.']
    default:
      return [path, `must ${expected(error.keyword, p)}.`]
  }
}

function expected(keyword: string, p: Record<string, any>): string {
  switch (keyword) {
    case 'type':
      return `be ${[p.type]
        .flat()
        .map(type => TYPES[type] ?? type)
        .join(' or ')}`
    case 'enum':
      return `be one of: ${p.allowedValues.slice(0, 20).map(shown).join(', ')}${p.allowedValues.length > 20 ? ', …' : ''}`
    case 'const':
      return `be ${shown(p.allowedValue)}`
    case 'format':
      return FORMATS[p.format] ?? `have the format ${p.format}`
    case 'pattern':
      return `match the pattern ${p.pattern}`
    case 'minLength':
      return `have at least ${count(p.limit, 'character')}`
    case 'maxLength':
      return `have at most ${count(p.limit, 'character')}`
    case 'minItems':
      return `have at least ${count(p.limit, 'item')}`
    case 'maxItems':
    case 'items':
    case 'unevaluatedItems':
      return `have at most ${count(p.limit ?? p.len ?? 0, 'item')}`
    case 'minProperties':
      return `have at least ${count(p.limit, 'key')}`
    case 'maxProperties':
      return `have at most ${count(p.limit, 'key')}`
    case 'contains':
      return `have at least ${count(p.minContains, 'matching item')}${p.maxContains ? ` and at most ${p.maxContains}` : ''}`
    case 'uniqueItems':
      return 'not have the same item twice'
    case 'multipleOf':
      return `be a multiple of ${p.multipleOf}`
    case 'minimum':
    case 'maximum':
    case 'exclusiveMinimum':
    case 'exclusiveMaximum':
      return `be ${BOUNDS[keyword]} ${p.limit}`
    default:
      return `keep to the rule '${keyword}' of its schema`
  }
}

const BOUNDS = { minimum: 'at least', maximum: 'at most', exclusiveMinimum: 'more than', exclusiveMaximum: 'less than' }

const TYPES: Record<string, string> = {
  string: 'text',
  number: 'a number',
  integer: 'a whole number',
  boolean: 'true or false',
  object: 'an object',
  array: 'a list',
  null: 'null',
}

const FORMATS: Record<string, string> = {
  email: 'be an email address',
  'date-time': 'be a date and time such as 2026-01-15T12:00:00Z',
  date: 'be a date such as 2026-01-15',
  time: 'be a time such as 12:00:00Z',
  uri: 'be a URL',
  uuid: 'be a UUID',
  hostname: 'be a host name',
  ipv4: 'be an IPv4 address',
  ipv6: 'be an IPv6 address',
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
