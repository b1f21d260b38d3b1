/** Steps within the settings of a step, such as those of `auth-any`. */
import type { AnyPlugin, NestedStep } from '../plugin.ts'
import { type Decoded, decode, type ReadStep } from './decode.ts'
import { type Node, quoted } from './node.ts'
import { didYouMean, type Path } from './problem.ts'
import { show } from './show.ts'

/** A step that was read within another, with what its own check needs. */
export interface Found {
  step: NestedStep
  node: Node
  path: Path
}

class Nested implements NestedStep {
  readonly plugin: AnyPlugin
  readonly settings: Record<string, unknown>
  readonly shown: Record<string, unknown>

  constructor(plugin: AnyPlugin, settings: Record<string, unknown>, shown: Record<string, unknown>) {
    this.plugin = plugin
    this.settings = settings
    this.shown = shown
  }

  /** As the YAML has it: whoever prints settings gets neither a plugin's code nor a secret. */
  toJSON() {
    return { [this.plugin.name]: this.shown }
  }
}

/** How steps are read by plugins of these names; every step read is added to `found`. */
export function stepReader(plugins: ReadonlyMap<string, AnyPlugin>, found: Found[] = []): ReadStep {
  const read: ReadStep = (item, path) => {
    const none = (message: string): Decoded => ({ value: undefined, secrets: [], faults: [{ path, at: item.at, message }] })
    if (item.kind === 'faulty') return { value: undefined, secrets: [], faults: [] }
    const named = nameOf(item)
    if (typeof named === 'string') return none(named)
    const { name, settings } = named
    const plugin = plugins.get(name)
    if (!plugin) return none(`there is no plugin ${quoted(item, name)}${didYouMean(name, plugins.keys()) || ': correct its name'}`)
    const inside = [...path, name]
    const { value, secrets, faults } = decode(plugin.config, settings, inside, read)
    if (faults.length) return { value: undefined, secrets, faults }
    const values = value as Record<string, unknown>
    const own = secrets.map(secret => ({ ...secret, path: secret.path.slice(inside.length) }))
    const step = new Nested(plugin, values, show(values, own))
    found.push({ step, node: settings, path: inside })
    return { value: step, secrets, faults }
  }
  return read
}

/** The plugin's name and settings; a text says why there are none. */
export function nameOf(item: Node): { name: string; settings: Node } | string {
  if (item.kind === 'scalar' && typeof item.value === 'string' && item.value)
    return { name: item.value, settings: { kind: 'map', at: item.at, key: item.at, entries: new Map() } }
  if (item.kind !== 'map') return "expected a plugin's name, or a map of one plugin to its settings"
  const [first, second] = item.entries
  if (!first) return 'expected a plugin here, and the map is empty'
  if (second)
    return `expected a map of one plugin, and there are ${item.entries.size} keys (${[...item.entries.keys()].join(', ')}): begin each step with "- ", and indent settings below their plugin`
  return { name: first[0], settings: first[1] }
}

/** A step and those that stand within its settings. */
export function flattened<Step extends NestedStep>(step: Step): (Step | NestedStep)[] {
  const all: (Step | NestedStep)[] = [step]
  for (const value of Object.values(step.settings))
    if (Array.isArray(value)) for (const item of value) if (item instanceof Nested) all.push(...flattened(item))
  return all
}
