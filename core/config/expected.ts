/** Words for what a setting wants and what stands there instead. */
import type { TSchema } from '@sinclair/typebox'
import type { Node, Origin, ScalarNode } from './node.ts'
import { didYouMean } from './problem.ts'

type Literal = string | number | boolean

/** The values of a setting that allows only certain ones. */
export function choices(schema: TSchema): Literal[] | undefined {
  if (schema.const !== undefined) return [schema.const]
  if (schema.enum) return schema.enum
  const inner = (schema.anyOf as TSchema[] | undefined)?.map(branch => branch.const)
  return inner?.every(value => value !== undefined) ? inner : undefined
}

/** What a setting wants: `a list`, `a duration such as 30s`, `'drop' or 'keep'`. */
export function wanted(schema: TSchema): string {
  const list = choices(schema)
  if (list) return either(list.map(value => (typeof value === 'string' ? `'${value}'` : String(value))))
  if (schema.anyOf) return either([...new Set((schema.anyOf as TSchema[]).map(wanted))])
  if (schema['x-postern'] === 'duration') return 'a duration such as 300ms, 30s, 5m, 24h or 7d'
  if (schema['x-postern'] === 'size') return 'a size such as 256KiB or 1MB'
  return WANTED[schema.type as string] ?? 'a value'
}

const WANTED: Record<string, string> = {
  string: 'text',
  number: 'a number',
  integer: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map',
  null: 'nothing',
}

/** `expected a list, got text`; what is or may be a credential, or came from outside, is never shown. */
export function mismatch(schema: TSchema, node: Node): string {
  const start = `expected ${wanted(schema)}`
  if (node.kind !== 'scalar') return `${start}, got a ${node.kind}`
  if (node.origin) return `${source(node.origin)}: ${start}${schema.type === 'array' ? bracketed(node) : ''}`
  if (node.value === null) return `${start}, got nothing`
  if (!isOpen(schema)) return schema['x-postern'] === 'secret' ? `${start}: put it in quotes` : `${start}, got ${make(node.value)}`
  const number = typeof node.value === 'number'
  const marked = schema['x-postern'] !== undefined
  if (typeof node.value !== 'string') {
    const got = `${start}, got ${number ? 'the number ' : ''}${node.text}`
    if (marked) return number ? `${got}: add a unit` : got
    return schema.type === 'string' && !choices(schema) ? `${got}: quote it: "${node.text}"` : got
  }
  const texts = [schema, ...(schema.anyOf ?? [])].flatMap(branch => choices(branch) ?? []).filter(choice => typeof choice === 'string')
  if (marked || texts.length) return `${start}, got '${node.value}'${didYouMean(node.value, texts)}`
  return `${start}, got text${SPELLED[schema.type as string]?.test(node.value) ? ': remove the quotes' : ''}`
}

/** How one value is written as a list; a default, which may be a credential, is not repeated. */
function bracketed({ text, origin }: ScalarNode): string {
  const alone = `\${${origin?.names}}`
  return text === alone ? `: write ["${alone}"]` : ': put it in [ ]'
}

/** True when a value of the wrong type may be shown: it stands where no secret does. */
function isOpen(schema: TSchema): boolean {
  if (schema.anyOf) return schema.anyOf.every(isOpen)
  return schema['x-postern'] !== 'secret' && schema.type !== 'array' && schema.type !== 'object'
}

const make = (value: unknown) => (typeof value === 'string' ? 'text' : typeof value === 'number' ? 'a number' : 'true or false')

const SPELLED: Record<string, RegExp> = { boolean: /^(true|false)$/, integer: /^-?\d+$/, number: /^-?\d+(\.\d+)?$/ }

/** What a value from outside is called in messages. */
export function source(origin: Origin): string {
  return `the value of \${${origin.names}}`
}

function either(words: string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
}
