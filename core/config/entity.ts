/** Entities: kinds of records with a JSON Schema, inline or in a file of its own. */
import { dirname, resolve } from 'node:path'
import type { Pace } from '../pace.ts'
import type { Entity } from '../plugin.ts'
import type { Sources } from './interpolate.ts'
import { type Node, namesIn, plain, quoted } from './node.ts'
import { parse } from './parse.ts'
import type { Path } from './problem.ts'
import type { Sections } from './schema.ts'
import { readText } from './source.ts'
import { schemaFaults } from './userSchema.ts'

/** Every declared entity, also one with a fault: a chain that names it is right to. */
export async function readEntities(root: Node, decoded: Sections['entities'], sources: Sources, pace: Pace): Promise<Map<string, Entity>> {
  const all = new Map<string, Entity>()
  for (const name of namesIn(root, 'entities')) {
    await pace()
    const { schema, unknown = 'drop' } = decoded?.[name] ?? {}
    all.set(name, { name, schema: schema ? readSchema(schema, ['entities', name, 'schema'], sources) : {}, unknown })
  }
  return all
}

/** The schema itself; an empty one after a fault. */
function readSchema(node: Node, path: Path, sources: Sources): Record<string, unknown> {
  const { problems, files } = sources
  if (node.kind === 'scalar' && typeof node.value === 'string' && node.value) {
    const file = resolve(dirname(node.at.file), node.value)
    files.add(file)
    const read = readText(file)
    if ('text' in read) node = parse(file, read.text, problems, path)
    else {
      problems.error(node.at, path, `the file ${quoted(node, node.value)} ${read.fault}`)
      return {}
    }
  }
  if (node.kind === 'faulty') return {}
  if (node.kind !== 'map') {
    problems.error(node.at, path, 'expected a JSON Schema as a map, or the path of a file that holds one')
    return {}
  }
  for (const fault of schemaFaults(node)) problems.error(fault.at, [...path, ...fault.path], fault.message)
  return plain(node) as Record<string, unknown>
}
