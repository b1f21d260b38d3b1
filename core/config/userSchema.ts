/** Users' JSON Schemas: compiled at load, so that every fault shows, and at its place. */
import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js'
import ajvFormats from 'ajv-formats'
import type { Position } from './config.ts'
import { keyOf, type Node, plain, positionOf, reach } from './node.ts'
import { didYouMean, type Path, pointerPath } from './problem.ts'

interface SchemaFault {
  /** Within the schema. */
  path: Path
  at: Position
  message: string
}

const DRAFT = 'https://json-schema.org/draft/2020-12/schema'
/** Keywords below which every key is a name and no keyword. */
const NAMING: ReadonlySet<unknown> = new Set(['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas'])

const strict = { strict: true, strictTypes: false, strictTuples: false, strictRequired: false }
const ajv = new Ajv2020({ ...strict, validateSchema: false, allErrors: true, logger: false })
ajvFormats.default(ajv)

/** Everything that is wrong with a JSON Schema 2020-12. */
export function schemaFaults(node: Node): SchemaFault[] {
  const schema = plain(node) as Record<string, unknown>
  if (schema.$schema !== undefined && String(schema.$schema).replace(/#$/, '') !== DRAFT)
    return [fault(node, ['$schema'], `only JSON Schema 2020-12 is known: remove this line, or write ${DRAFT}`)]
  const faults = ajv.validateSchema(schema) ? [] : invalid(node, ajv.errors ?? [])
  const sound = !faults.length
  const keywords: Record<string, boolean | undefined> = ajv.RULES.keywords
  const undo: (() => void)[] = []
  try {
    for (;;) {
      const message = compile(schema)
      if (message === undefined) return faults
      const keyword = /unknown keyword: "(.+)"/.exec(message)?.[1]
      const format = /unknown format "(.+)" ignored/.exec(message)?.[1]
      // Strict mode stops at the first unknown word. It is told wherever it stands, and then let pass for the next round.
      if (keyword && !keywords[keyword]) {
        const help = didYouMean(keyword, Object.keys(keywords))
        for (const path of find(node, key => key === keyword))
          faults.push({ path, at: keyOf(node, path), message: `unknown keyword '${keyword}'${help}` })
        keywords[keyword] = true
        undo.push(() => delete keywords[keyword])
      } else if (format && !ajv.formats[format]) {
        const help = didYouMean(format, Object.keys(ajv.formats))
        const paths = find(node, (key, value) => key === 'format' && value === format)
        faults.push(...paths.map(path => fault(node, path, `unknown format '${format}'${help}`)))
        ajv.formats[format] = true
        undo.push(() => delete ajv.formats[format])
      } else return sound ? [...faults, other(node, message)] : faults
    }
  } finally {
    for (const forget of undo) forget()
  }
}

const fault = (node: Node, path: Path, message: string): SchemaFault => ({ path, at: positionOf(node, path), message })

/** Why a schema does not compile. */
function compile(schema: Record<string, unknown>): string | undefined {
  try {
    ajv.compile(schema)
    return undefined
  } catch (error) {
    return (error as Error).message
  } finally {
    // Two schemas may have one $id.
    ajv.removeSchema(schema)
  }
}

/** What the schema of schemas refuses; of several errors on one way only the first of the deepest place counts. */
function invalid(node: Node, errors: readonly ErrorObject[]): SchemaFault[] {
  const paths = [...new Set(errors.map(e => e.instancePath))]
  const deepest = paths.filter(path => !paths.some(other => other.startsWith(`${path}/`)))
  return deepest.map(pointer => {
    const { message = '', params } = errors.find(e => e.instancePath === pointer)!
    const path = pointerPath(pointer)
    const allowed: string[] | undefined = params.allowedValues
    const help = allowed && didYouMean(String(plain(reach(node, path).node)), allowed)
    return fault(node, path, allowed ? `must be one of ${allowed.join(', ')}${help}` : message)
  })
}

/** What else ajv refuses: its message names the culprit, and seldom the place. */
function other(node: Node, message: string): SchemaFault {
  const reference = /can't resolve reference (.*) from id/.exec(message)?.[1]
  const wrong = reference && find(node, (key, value) => key === '$ref' && value === reference)[0]
  if (wrong) return fault(node, wrong, `there is nothing at '${reference}'`)
  const broken = find(node, (key, value) => key === 'pattern' && typeof value === 'string' && !isRegExp(value))[0]
  if (broken) return fault(node, broken, `is no regular expression: ${message}`)
  return { path: [], at: node.key ?? node.at, message: `is no good JSON Schema: ${message}` }
}

/** The ways to all keywords that fit. */
function find(node: Node, fits: (key: string, value: unknown) => boolean, path: Path = []): Path[] {
  if (node.kind === 'list') return node.items.flatMap((item, i) => find(item, fits, [...path, i]))
  if (node.kind !== 'map') return []
  return [...node.entries].flatMap(([key, value]) => {
    const here = [...path, key]
    return !NAMING.has(path.at(-1)) && fits(key, plain(value)) ? [here] : find(value, fits, here)
  })
}

function isRegExp(text: string): boolean {
  try {
    new RegExp(text, 'u')
    return true
  } catch {
    return false
  }
}
