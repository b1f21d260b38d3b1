/** Words for what a setting wants and what stands there instead. */
import type { TSchema } from '@sinclair/typebox'
import type { Node, Origin } from './node.ts'
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

/** `expected a list, got text`; a value from outside is named, never shown. */
export function mismatch(schema: TSchema, node: Node): string {
  const start = `expected ${wanted(schema)}`
  if (node.kind !== 'scalar') return `${start}, got a ${node.kind}`
  if (node.origin) return `${source(node.origin)}: ${start}`
  if (schema['x-postern'] === 'secret') return node.value === null ? `${start}, got nothing` : `${start}: put it in quotes`
  if (node.value === null) return `${start}, got nothing`
  const list = choices(schema)
  if (typeof node.value === 'string') {
    const texts = list?.filter(choice => typeof choice === 'string')
    if (texts || schema['x-postern']) return `${start}, got '${node.value}'${didYouMean(node.value, texts ?? [])}`
    const unquoted = SPELLED[schema.type as string]?.test(node.value)
    return `${start}, got text${unquoted ? ': remove the quotes' : ''}`
  }
  const number = typeof node.value === 'number'
  const got = `${start}, got ${number ? 'the number ' : ''}${node.text}`
  if (schema.type === 'string' && !schema['x-postern'] && !list) return `${got}: quote it: "${node.text}"`
  return number && schema['x-postern'] ? `${got}: add a unit` : got
}

const SPELLED: Record<string, RegExp> = { boolean: /^(true|false)$/, integer: /^-?\d+$/, number: /^-?\d+(\.\d+)?$/ }

/** What a value from outside is called in messages. */
export function source(origin: Origin): string {
  return `the value of \${${origin.names}}`
}

function either(words: string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
}
