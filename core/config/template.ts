/** `{{path}}` in dialects and subscription bodies: every name must be in reach. */
import type { Node, ScalarNode } from './node.ts'
import { didYouMean, type Path, type Problems } from './problem.ts'

const EVENT = ['record.id', 'record.created', 'record.fieldsUpdated', 'data.*', 'custom_variables.*', 'event.id', 'event.type', 'webhook']

/** Names that a success has. */
export const SUCCESS_NAMES: readonly string[] = EVENT

/** Names that a delivered event has. */
export const EVENT_NAMES: readonly string[] = [...EVENT, 'event.*', 'previous.*', 'record.entity']

/** Names that a refusal has. */
export const ERROR_NAMES: readonly string[] = ['code', 'message', 'details', 'status', 'webhook']

const NAME = /\{\{\s*(.*?)\s*\}\}/gs
const PATH = /^[^\s{}.]+(\.[^\s{}.]+)*$/

/** Tells each `{{name}}` that is not in reach, or of which `judge` knows a fault, at the text in which it stands. */
export function checkTemplate(
  node: Node | undefined,
  names: readonly string[],
  path: Path,
  problems: Problems,
  judge: (path: readonly string[], node: ScalarNode) => string | undefined = () => undefined,
): void {
  if (node?.kind === 'map') for (const [key, inner] of node.entries) checkTemplate(inner, names, [...path, key], problems, judge)
  if (node?.kind === 'list') for (const [i, inner] of node.items.entries()) checkTemplate(inner, names, [...path, i], problems, judge)
  if (node?.kind !== 'scalar' || typeof node.value !== 'string') return
  const rest = node.value.replace(NAME, (_, name: string) => {
    const fault = inReach(name, names) ? judge(name.split('.'), node) : unknown(node.origin ? '…' : name, names)
    if (fault) problems.error(node.at, path, fault)
    return ''
  })
  if (rest.includes('{{')) problems.error(node.at, path, "'{{' has no '}}' after it: close it")
}

/** The paths of every `{{path}}` in plain data. */
export function templatePaths(value: unknown): string[][] {
  if (typeof value === 'string') return [...value.matchAll(NAME)].map(([, name]) => (name as string).split('.'))
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(templatePaths) : []
}

function inReach(name: string, names: readonly string[]): boolean {
  const open = names.filter(known => known.endsWith('.*')).map(known => known.slice(0, -2))
  return names.includes(name) || open.some(prefix => name === prefix || (name.startsWith(`${prefix}.`) && PATH.test(name)))
}

function unknown(name: string, names: readonly string[]): string {
  // Nearest to `custom_variable.plan` is `custom_variables.plan`.
  const tail = name.split('.').slice(1)
  const likely = names.map(known => (known.endsWith('.*') ? [known.slice(0, -2), ...tail].join('.') : known))
  return `{{${name}}} is not in reach here${(PATH.test(name) && didYouMean(name, likely)) || `; known are ${names.join(', ')}`}`
}
