/** Entities: their JSON Schemas, inline or in a file, compiled once so that a fault shows at load. */
import { dirname, resolve } from 'node:path'
import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js'
import ajvFormats from 'ajv-formats'
import type { Entity } from '../plugin.ts'
import type { Sources } from './interpolate.ts'
import { type Node, namesIn, plain, positionOf, quoted } from './node.ts'
import { parse } from './parse.ts'
import { didYouMean, type Path, type Problems, pointerPath } from './problem.ts'
import type { Sections } from './schema.ts'
import { readText } from './source.ts'

/** Every declared entity, also one with a fault: a chain that names it is right to. */
export function readEntities(root: Node, decoded: Sections['entities'], { problems, files }: Sources): Map<string, Entity> {
  const all = new Map<string, Entity>()
  const ajv = new Ajv2020({ strict: true, strictTypes: false, strictTuples: false, strictRequired: false, allErrors: true, logger: false })
  ajvFormats.default(ajv)
  for (const name of namesIn(root, 'entities')) {
    const path = ['entities', name, 'schema']
    let node = decoded?.[name]?.schema
    if (node?.kind === 'scalar' && typeof node.value === 'string' && node.value) {
      const file = resolve(dirname(node.at.file), node.value)
      files.add(file)
      node = readSchema(file, node, path, problems)
    }
    if (node && node.kind !== 'map' && node.kind !== 'faulty')
      problems.error(node.at, path, 'expected a JSON Schema as a map, or the path of a file that holds one')
    const schema = node?.kind === 'map' ? (plain(node) as Record<string, unknown>) : {}
    if (node?.kind === 'map') compile(ajv, schema, node, path, problems)
    all.set(name, { name, schema, unknown: decoded?.[name]?.unknown ?? 'drop' })
  }
  return all
}

function readSchema(file: string, named: Node, path: Path, problems: Problems): Node | undefined {
  const read = readText(file)
  if ('text' in read) return parse(file, read.text, problems)
  problems.error(named.at, path, `the file ${quoted(named, String(plain(named)))} ${read.fault}`)
  return undefined
}

function compile(ajv: Ajv2020, schema: Record<string, unknown>, node: Node, path: Path, problems: Problems): void {
  try {
    ajv.compile(schema)
  } catch (error) {
    const { message } = error as Error
    const faults = message.startsWith('schema is invalid') ? invalid(ajv.errors ?? []) : [strict(ajv, node, message)]
    for (const fault of faults) problems.error(positionOf(node, fault.path), [...path, ...fault.path], fault.message)
  } finally {
    // Two entities may use one $id.
    ajv.removeSchema(schema)
  }
}

/** What JSON Schema's own schema refuses; of several errors on one way only the first of the deepest place counts. */
function invalid(errors: readonly ErrorObject[]): { path: Path; message: string }[] {
  const paths = [...new Set(errors.map(e => e.instancePath))]
  const deepest = paths.filter(path => !paths.some(other => other.startsWith(`${path}/`)))
  return deepest.map(path => {
    const { message, params } = errors.find(e => e.instancePath === path)!
    const allowed = params.allowedValues ? `: ${params.allowedValues.join(', ')}` : ''
    return { path: pointerPath(path), message: `${message}${allowed}` }
  })
}

/** What ajv's strict mode refuses: its message names the culprit, and seldom the place. */
function strict(ajv: Ajv2020, node: Node, message: string): { path: Path; message: string } {
  const keyword = /unknown keyword: "(.+)"/.exec(message)?.[1]
  if (keyword)
    return {
      path: find(node, key => key === keyword),
      message: `unknown keyword '${keyword}'${didYouMean(keyword, Object.keys(ajv.RULES.keywords))}`,
    }
  const [, format, at] = /unknown format "(.*)" ignored in schema at path "#(.*)"/.exec(message) ?? []
  if (format && at !== undefined)
    return { path: [...pointerPath(at), 'format'], message: `unknown format '${format}'${didYouMean(format, Object.keys(ajv.formats))}` }
  const reference = /can't resolve reference (.*) from id/.exec(message)?.[1]
  if (reference)
    return { path: find(node, (key, value) => key === '$ref' && value === reference), message: `there is nothing at '${reference}'` }
  if (/no schema with key or ref/.test(message))
    return {
      path: ['$schema'],
      message: 'only JSON Schema 2020-12 is known: remove this line, or write https://json-schema.org/draft/2020-12/schema',
    }
  const pattern = (key: string, value: unknown) => key === 'pattern' && typeof value === 'string' && !isRegExp(value)
  if (/regular expression/.test(message)) return { path: find(node, pattern), message: `is no regular expression: ${message}` }
  return { path: [], message: `is no good JSON Schema: ${message}` }
}

/** The way to the first key that fits; empty when none does. */
function find(node: Node, fits: (key: string, value: unknown) => boolean): Path {
  const inner: [string | number, Node][] = node.kind === 'map' ? [...node.entries] : node.kind === 'list' ? [...node.items.entries()] : []
  for (const [key, value] of inner) {
    if (fits(String(key), plain(value))) return [key]
    const below = find(value, fits)
    if (below.length) return [key, ...below]
  }
  return []
}

function isRegExp(text: string): boolean {
  try {
    new RegExp(text, 'u')
    return true
  } catch {
    return false
  }
}
