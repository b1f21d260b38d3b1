/** Whether a JSON Schema can be looked into as a whole. */

const MOST = 20_000
/** Keywords below which every key is a name and no keyword. */
const NAMING = new Set(['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas'])
/** Keywords whose values are data. */
const DATA = new Set(['enum', 'const', 'default', 'examples'])

/** Why not, in a sentence. */
export function knownWhole(root: Record<string, unknown>): string | undefined {
  const rest: { value: object; names: boolean; depth: number }[] = [{ value: root, names: false, depth: 0 }]
  for (let count = 0; rest.length; count++) {
    const { value, names, depth } = rest.pop()!
    if (count > MOST || depth > 300) return 'a schema this large or this deep is not compared'
    // References below another `$id` are counted from there, which is not followed here.
    if (!names && value !== root && Object.hasOwn(value, '$id'))
      return 'a schema within the schema has an $id of its own, which is not compared'
    for (const [key, inner] of Object.entries(value)) {
      if (typeof inner !== 'object' || inner === null || (!names && DATA.has(key))) continue
      rest.push({ value: inner, names: !names && !Array.isArray(value) && NAMING.has(key), depth: depth + 1 })
    }
  }
  return undefined
}
