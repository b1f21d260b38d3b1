/** `${NAME}`, `${NAME:-default}`, `${file:PATH}`, `${secret:NAME}` on parsed scalars, never on text: a value cannot become YAML. */
import { dirname, resolve } from 'node:path'
import type { Node, ScalarNode } from './node.ts'
import type { Path, Problems } from './problem.ts'
import { readText } from './source.ts'
import type { Vault } from './vault.ts'

/** `$${` stands for `${` itself; a missing brace at the end is caught as a fault. */
const PART = /\$\$\{|\$\{([^}]*)(\}?)/g
const NAME = /^([A-Za-z_][A-Za-z0-9_]*)(?::-([\s\S]*))?$/

export interface Sources {
  env: Record<string, string | undefined>
  problems: Problems
  /** Gathers the absolute names of the files that were read. */
  files: Set<string>
  vault: Vault
  /** What is not there stands for itself, `${NAME}`: for whoever compares two configurations away from where they run. */
  unsetStays?: boolean
}

/** The tree with the value of every interpolation, its parts without any shared; keys and JSON Schemas are left as they are. */
export function interpolate(node: Node, sources: Sources, path: Path = []): Node {
  if (node.kind === 'list') {
    if (!hasAny(node)) return node
    return { ...node, items: node.items.flatMap((item, i) => itemOf(item, sources, [...path, i])) }
  }
  if (node.kind === 'map') {
    if (isSchema(path) || !hasAny(node)) return node
    return { ...node, entries: new Map([...node.entries].map(([key, value]) => [key, interpolate(value, sources, [...path, key])])) }
  }
  return hasAny(node) ? fill(node as ScalarNode, sources, path) : node
}

/** Whether there is anything to fill in: most parts of most files have nothing, and are left as they are. */
function hasAny(node: Node): boolean {
  if (node.kind === 'map') for (const inner of node.entries.values()) if (hasAny(inner)) return true
  if (node.kind === 'list') return node.items.some(hasAny)
  return node.kind === 'scalar' && typeof node.value === 'string' && node.value.includes('${')
}

/** An item that is exactly one stored secret stands for all of its live versions, so that a chain takes the old and the new one. */
function itemOf(item: Node, sources: Sources, path: Path): Node[] {
  const one = interpolate(item, sources, path)
  if (one.kind !== 'scalar' || !one.origin?.secret || !one.origin.whole) return [one]
  return sources.vault.versions(one.origin.secret).map(value => ({ ...one, value }))
}

/** `entities.NAME.schema`, or a plugin's setting `schema`: a `pattern` in it may well hold `${`. */
function isSchema(path: Path): boolean {
  const [section, , third] = path
  if (path.at(-1) !== 'schema') return false
  return path.length === 3 ? section === 'entities' : path.length === 6 && section === 'webhooks' && third === 'chain'
}

function fill(node: ScalarNode, sources: Sources, path: Path): Node {
  const text = node.value as string
  const names: string[] = []
  const parts: string[] = []
  const faults: string[] = []
  let secret: string | undefined
  let unset = false
  const value = text.replace(PART, (part: string, body: string, end: string) => {
    if (part === '$${') return '${'
    const found = end
      ? lookUp(body, node.at.file, path, part === text, sources)
      : { fault: `'\${' has no '}' after it: close it, or write $\${ for the characters themselves` }
    if ('fault' in found) faults.push(found.fault)
    else {
      names.push(found.name)
      parts.push(found.value)
      secret ??= found.secret
      unset ||= found.unset === true
    }
    return 'fault' in found ? '' : found.value
  })
  for (const fault of faults) sources.problems.error(node.at, path, fault)
  if (faults.length) return { kind: 'faulty', at: node.at, ...(node.key && { key: node.key }) }
  if (!names.length) return { ...node, value }
  const whole = /^\$\{[^}]*\}$/.test(text)
  const origin = { names: names.join(', '), whole, ...(!whole && { parts }) }
  const placeholder = unset || (secret !== undefined && sources.vault.placeholders)
  return { ...node, text, value, origin: { ...origin, ...(secret && { secret }), ...(placeholder && { placeholder }) } }
}

type Found = { name: string; value: string; secret?: string; unset?: true } | { fault: string }

function lookUp(body: string, file: string, path: Path, whole: boolean, sources: Sources): Found {
  if (body.startsWith('file:')) return content(body.slice(5), resolve(dirname(file), body.slice(5)), sources)
  if (body.startsWith('secret:')) return sources.vault.find(body.slice(7), path, whole)
  const [, name, preset] = NAME.exec(body) ?? []
  if (name === undefined || preset?.includes('${'))
    return {
      fault: `'\${${body}}' is no interpolation: write \${NAME}, \${NAME:-default}, \${file:PATH} or \${secret:NAME}, or $\${ for the characters themselves`,
    }
  const set = sources.env[name]
  if (typeof set === 'string' && (set !== '' || preset === undefined)) return { name, value: set }
  if (preset !== undefined) return { name, value: preset }
  if (sources.unsetStays) return { name, value: `\${${name}}`, unset: true }
  return { fault: `the environment variable ${name} is not set: set it, or give a default: \${${name}:-…}` }
}

function content(name: string, file: string, sources: Sources): Found {
  sources.files.add(file)
  const read = readText(file)
  if ('fault' in read && sources.unsetStays) return { name: `file:${name}`, value: `\${file:${name}}`, unset: true }
  if ('fault' in read) return { fault: `the file ${name} ${read.fault}` }
  return { name: `file:${name}`, value: read.text.replace(/\r?\n$/, '') }
}
