/** The plugins that a chain may name, and the kinds of destinations: the built-in ones and those that `plugins:` lists. */
import type { AnyDestinationKind, AnyPlugin } from '../plugin.ts'
import { common } from './destinationSchema.ts'
import type { LoadOptions } from './load.ts'
import { type Node, plain, quoted } from './node.ts'
import { PHASES } from './order.ts'
import { formatPosition, type Problems } from './problem.ts'

/** What a plugin's file exports. */
export type Extension = AnyPlugin | AnyDestinationKind

export interface Registry {
  plugins: ReadonlyMap<string, AnyPlugin>
  kinds: ReadonlyMap<string, AnyDestinationKind>
  /** False when a listed plugin could not be had: an unknown name may be its own. */
  complete: boolean
}

/** Imports what `plugins:` lists; each fault is told at the line of its item. */
export async function gather(
  listed: Node | undefined,
  builtins: readonly Extension[],
  importPlugin: LoadOptions['importPlugin'],
  problems: Problems,
): Promise<Registry> {
  const plugins = new Map(stepsOf(builtins).map(plugin => [plugin.name, plugin]))
  const kinds = new Map(kindsOf(builtins).map(kind => [kind.name, kind]))
  const origins = new Map<string, string>()
  const items = listed?.kind === 'list' ? listed.items : []
  let complete = true
  for (const [i, item] of items.entries()) {
    const specifier = plain(item)
    if (typeof specifier !== 'string' || !specifier) {
      complete = false
      continue
    }
    try {
      const found = await importPlugin(specifier, item.at.file)
      const fault = isKind(found) ? faultOfKind(found, kinds, origins) : faultOf(found, plugins, origins)
      if (fault) throw new Error(fault)
      if (isKind(found)) kinds.set(found.name, found)
      else plugins.set(found.name, found)
      origins.set(keyOf(found), formatPosition(item.at))
    } catch (error) {
      const message = (error instanceof Error ? error.message : String(error)).split('\n')[0]!
      const safe = message.replaceAll(specifier, () => quoted(item, specifier).replaceAll("'", ''))
      problems.error(item.at, ['plugins', i], `cannot be used: ${safe}`)
      complete = false
    }
  }
  return { plugins, kinds, complete }
}

const isKind = (found: Extension | undefined): found is AnyDestinationKind =>
  (found as { kind?: unknown } | undefined)?.kind === 'destination'
/** A plugin and a kind of destination may have one name. */
const keyOf = (found: Extension) => (isKind(found) ? `destination ${found.name}` : found.name)

export const stepsOf = (all: readonly Extension[]): AnyPlugin[] => all.filter(found => !isKind(found)) as AnyPlugin[]
export const kindsOf = (all: readonly Extension[]): AnyDestinationKind[] => all.filter(isKind)

function faultOfKind(
  found: AnyDestinationKind,
  kinds: ReadonlyMap<string, AnyDestinationKind>,
  origins: ReadonlyMap<string, string>,
): string | undefined {
  const wrong = [
    typeof found.name === 'string' && NAME.test(found.name) ? '' : 'name',
    found.config?.type === 'object' ? '' : 'config',
    typeof found.open === 'function' ? '' : 'open',
  ].filter(Boolean)
  if (wrong.length) return `it is no kind of destination: its default export must be made by defineDestination; no good ${wrong.join(', ')}`
  const taken = Object.keys(found.config.properties).find(name => name in common)
  if (taken) return `its setting '${taken}' is one that every destination has: rename it`
  const known = kinds.get(found.name)
  if (!known || known === found) return undefined
  const origin = origins.get(keyOf(found))
  return origin
    ? `the kind of destination '${found.name}' is already at ${origin}: remove one`
    : `'${found.name}' is a built-in kind of destination: choose another name`
}

const NAME = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/

function faultOf(
  found: AnyPlugin | undefined,
  plugins: ReadonlyMap<string, AnyPlugin>,
  origins: ReadonlyMap<string, string>,
): string | undefined {
  const plugin: Partial<AnyPlugin> = found ?? {}
  const wrong = [
    typeof plugin.name === 'string' && NAME.test(plugin.name) ? '' : 'name',
    PHASES.includes(plugin.phase!) ? '' : 'phase',
    plugin.config?.type === 'object' ? '' : 'config',
    typeof plugin.refusals === 'object' && plugin.refusals ? '' : 'refusals',
    typeof plugin.compile === 'function' ? '' : 'compile',
  ].filter(Boolean)
  if (wrong.length) return `it is no plugin: its default export must be made by definePlugin; no good ${wrong.join(', ')}`
  const known = plugins.get(plugin.name!)
  if (!known || known === plugin) return undefined
  const origin = origins.get(plugin.name!)
  return origin
    ? `the plugin '${plugin.name}' is already at ${origin}: remove one`
    : `'${plugin.name}' is a built-in plugin: choose another name`
}
