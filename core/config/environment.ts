/** Environment variables that stand in for settings which no file has: the examples say nothing of the process, so that a folder merges. */
import type { TSchema } from '@sinclair/typebox'
import { interpolate, type Sources } from './interpolate.ts'
import type { MapNode, Node } from './node.ts'
import { File } from './schema.ts'

/** The tree with `${NAME}` in the place of each setting that is left out and whose variable is set; an empty variable counts as none. */
export function withEnvironment(root: MapNode, sources: Sources): MapNode {
  const entries = new Map(root.entries)
  for (const [section, schema] of Object.entries<TSchema>(File.properties)) {
    for (const [key, setting] of Object.entries<TSchema>(schema.properties ?? {})) {
      const name: string | undefined = setting['x-env']
      const present = mapOf(entries.get(section), root)
      if (name === undefined || !sources.env[name] || !present || present.entries.has(key)) continue
      const text = `\${${name}}`
      const node = interpolate({ kind: 'scalar', at: present.key ?? present.at, value: text, text }, sources, [section, key])
      entries.set(section, { ...present, entries: new Map(present.entries).set(key, node) })
    }
  }
  return { ...root, entries }
}

/** A section as it may be added to; undefined when it is none, which is told elsewhere. */
function mapOf(section: Node | undefined, root: MapNode): MapNode | undefined {
  const nothing = section === undefined || (section.kind === 'scalar' && section.value === null)
  if (nothing) return { kind: 'map', at: section?.at ?? root.at, ...(section?.key && { key: section.key }), entries: new Map() }
  return section.kind === 'map' ? section : undefined
}
