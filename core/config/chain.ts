/** One webhook's chain: its items as plugins with decoded settings, each checked at its own place. */
import type { AnyPlugin, Entity } from '../plugin.ts'
import type { ChainItem, Position } from './config.ts'
import { type Decoded, decode, type FoundSecret, type ReadStep } from './decode.ts'
import { type Found, nameOf, stepReader } from './nested.ts'
import { isPlaceholder, type Node, positionOf, quoted } from './node.ts'
import { checkOrder, type Placed } from './order.ts'
import { Places } from './places.ts'
import { didYouMean, type Path, type Problems, pathText, pointerPath } from './problem.ts'
import type { Registry } from './registry.ts'
import { originOf } from './secrets.ts'
import { show } from './show.ts'

/** What a chain may look at while it is read. */
export interface Around {
  webhook: string
  methods: readonly string[]
  publicUrl: string | undefined
  entity(name: string): Entity | undefined
  registry: Registry
  /** False when a file could not be parsed: what is not found may well be in there. */
  complete: boolean
  problems: Problems
}

export interface Chain {
  items: ChainItem[]
  secrets: FoundSecret[]
  closed?: string
}

/** Reads the chain of a webhook. */
export function readChain(node: Node, around: Around): Chain {
  const { registry, problems, webhook } = around
  const path = ['webhooks', webhook, 'chain']
  const chain: Chain = { items: [], secrets: [] }
  const nothing = node.kind === 'scalar' && node.value === null
  if (node.kind !== 'list' && node.kind !== 'faulty' && !nothing)
    problems.error(node.at, path, 'expected a list of steps: begin each of them with "- "')
  if (node.kind !== 'list' && !nothing) return chain
  const at = node.key ?? node.at
  const placed = (node.kind === 'list' ? node.items : []).map((item, i) => readItem(item, [...path, i], chain, around))
  if (!placed.length) problems.error(at, path, 'is empty: add at least a step that verifies, and one that writes')
  else if (!placed.some(step => !step || verifies(step.plugin))) {
    const names = [...registry.plugins.values()].filter(plugin => verifies(plugin) && plugin.name !== 'auth-none')
    const one = names.length ? ` (${names.map(plugin => plugin.name).join(', ')})` : ''
    problems.error(at, path, `nothing verifies the sender: begin with a verify step${one}, or with auth-none: { reason: "…" }`)
  }
  checkOrder(placed, registry.plugins.values(), problems)
  return chain
}

/** A class, as ten thousand webhooks have some sixty thousand of them. */
class Item implements ChainItem {
  readonly plugin: AnyPlugin
  readonly settings: Record<string, unknown>
  readonly shown: Record<string, unknown>
  readonly #places: Places

  constructor(plugin: AnyPlugin, settings: Record<string, unknown>, shown: Record<string, unknown>, places: Places) {
    this.plugin = plugin
    this.settings = settings
    this.shown = shown
    this.#places = places
  }

  at(pointer?: string): Position {
    return this.#places.at(pointer)
  }
}

const verifies = (plugin: AnyPlugin) => plugin.phase === 'verify' && plugin.verifies !== false

/** Adds one item to the chain; undefined when its plugin is not known. */
function readItem(item: Node, path: Path, chain: Chain, around: Around): Placed | undefined {
  const { registry, problems } = around
  const named = nameOf(item)
  if (typeof named === 'string') {
    if (item.kind !== 'faulty') problems.error(item.at, path, named)
    return undefined
  }
  const { name, settings } = named
  const at = settings.key ?? item.at
  const plugin = registry.plugins.get(name)
  const inside = [...path, name]
  if (!plugin) {
    const help = didYouMean(name, registry.plugins.keys())
    const fault = `there is no plugin ${quoted(item, name)}${help || ': list it under plugins:, or correct its name'}`
    if (help || registry.complete) problems.error(at, path, fault)
    return undefined
  }
  const nested: Found[] = []
  const decoded = tryDecode(plugin, settings, stepReader(registry.plugins, nested))
  for (const fault of decoded.faults) problems.error(fault.at, [...inside, ...fault.path], fault.message)
  if (decoded.faults.length || hasFault(settings))
    return { plugin, at, path, gives: undefined, needs: typeof plugin.needs === 'function' ? [] : (plugin.needs ?? []) }

  const values = decoded.value as Record<string, unknown>
  chain.items.push(new Item(plugin, values, show(values, decoded.secrets), new Places(settings, at)))
  chain.secrets.push(...decoded.secrets.map(secret => ({ ...secret, path: [...inside, ...secret.path] })))
  // White space alone is what is left of a secret that was never written; whoever signs with a space would be let in.
  const empty = decoded.secrets.find(secret => secret.value.trim() === '')
  if (empty) {
    const fault = empty.value === '' ? 'is empty' : 'is white space alone'
    const closed = `${pathText([name, ...empty.path])} ${fault}`
    problems.warn(empty.at, [...inside, ...empty.path], `${originOf(empty)}${fault}: the webhook answers 503 to everything until it is set`)
    chain.closed ??= closed
  } else if (around.complete) {
    const verified = chain.items.slice(0, -1).some(earlier => verifies(earlier.plugin))
    checkSettings(plugin, values, settings, inside, { ...around, verified })
    for (const { step, node, path: deeper } of nested)
      checkSettings(step.plugin, step.settings, node, [...inside, ...deeper], { ...around, verified })
  }
  const told = (what: string, slots: Slots) => slotsOf(what, slots, plugin, values, at, path, problems)
  return { plugin, at, path, gives: told('gives', plugin.gives), needs: told('needs', plugin.needs) ?? [] }
}

function tryDecode(plugin: AnyPlugin, settings: Node, readStep: ReadStep): Decoded {
  try {
    return decode(plugin.config, settings, [], readStep)
  } catch (error) {
    return {
      value: undefined,
      secrets: [],
      faults: [{ path: [], at: settings.key ?? settings.at, message: thrown(`the settings of '${plugin.name}' cannot be read`, error) }],
    }
  }
}

function checkSettings(
  plugin: AnyPlugin,
  values: Record<string, unknown>,
  settings: Node,
  inside: Path,
  around: Around & { verified: boolean },
): void {
  const { webhook, methods, publicUrl, entity, verified, problems } = around
  try {
    for (const { path, message } of plugin.check?.(values, { webhook, methods, publicUrl, entity, verified }) ?? []) {
      const keys = pointerPath(path)
      if (!isPlaceholder(settings, keys)) problems.error(positionOf(settings, keys), [...inside, ...keys], message)
    }
  } catch (error) {
    problems.error(settings.key ?? settings.at, inside, thrown('its check failed', error))
  }
}

type Slots = AnyPlugin['gives'] | AnyPlugin['needs']

function slotsOf(
  what: string,
  slots: Slots,
  plugin: AnyPlugin,
  values: Record<string, unknown>,
  at: Position,
  path: Path,
  problems: Problems,
) {
  if (typeof slots !== 'function') return slots ?? []
  try {
    return slots.call(plugin, values) ?? []
  } catch (error) {
    problems.error(at, path, thrown(`what '${plugin.name}' ${what} cannot be told`, error))
    return undefined
  }
}

/** What a plugin's own code threw, as a problem. */
export function thrown(what: string, error: unknown): string {
  return `${what}, which is a fault of the plugin: ${error instanceof Error ? error.message : error}`
}

/** Something in there was told already. */
export function hasFault(node: Node): boolean {
  if (node.kind === 'map') return [...node.entries.values()].some(hasFault)
  return node.kind === 'list' ? node.items.some(hasFault) : node.kind === 'faulty'
}
