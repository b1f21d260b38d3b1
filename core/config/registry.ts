/** The plugins that a chain may name: the built-in ones and those that `plugins:` lists. */
import type { AnyPlugin } from '../plugin.ts'
import type { LoadOptions } from './load.ts'
import { type Node, plain, quoted } from './node.ts'
import { PHASES } from './order.ts'
import { formatPosition, type Problems } from './problem.ts'

export interface Registry {
  plugins: ReadonlyMap<string, AnyPlugin>
  /** False when a listed plugin could not be had: an unknown name may be its own. */
  complete: boolean
}

/** Imports what `plugins:` lists; each fault is told at the line of its item. */
export async function gather(
  listed: Node | undefined,
  builtins: readonly AnyPlugin[],
  importPlugin: LoadOptions['importPlugin'],
  problems: Problems,
): Promise<Registry> {
  const plugins = new Map(builtins.map(plugin => [plugin.name, plugin]))
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
      const plugin = await importPlugin(specifier, item.at.file)
      const fault = faultOf(plugin, plugins, origins)
      if (fault) throw new Error(fault)
      plugins.set(plugin.name, plugin)
      origins.set(plugin.name, formatPosition(item.at))
    } catch (error) {
      const message = (error instanceof Error ? error.message : String(error)).split('\n')[0]!
      const safe = message.replaceAll(specifier, () => quoted(item, specifier).replaceAll("'", ''))
      problems.error(item.at, ['plugins', i], `cannot be used: ${safe}`)
      complete = false
    }
  }
  return { plugins, complete }
}

function faultOf(
  found: AnyPlugin | undefined,
  plugins: ReadonlyMap<string, AnyPlugin>,
  origins: ReadonlyMap<string, string>,
): string | undefined {
  const plugin: Partial<AnyPlugin> = found ?? {}
  const wrong = [
    typeof plugin.name === 'string' && /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(plugin.name) ? '' : 'name',
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
