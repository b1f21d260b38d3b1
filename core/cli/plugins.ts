/** `postern plugins`: what may stand in a chain, and the settings of each. */
import { existsSync } from 'node:fs'
import type { TObject } from '@sinclair/typebox'
import { type LoadOptions, load } from '../config/load.ts'
import { PHASES } from '../config/order.ts'
import { didYouMean, formatProblem } from '../config/problem.ts'
import { type Setting, settingsOf } from '../config/reference.ts'
import { kindsOf, stepsOf } from '../config/registry.ts'
import type { AnyDestinationKind, AnyPlugin } from '../plugin.ts'
import { CommandFailure, EXIT, type Print } from './open.ts'
import { table } from './table.ts'

export interface PluginsOptions extends LoadOptions {
  /** Left out: the file that every command reads, when there is one. */
  config?: string
  json: boolean
}

const USUAL = 'config/postern.yaml'

/** Prints every plugin and every kind of destination, in the order of a chain. */
export async function pluginsList(options: PluginsOptions, out: Print): Promise<number> {
  const { plugins, kinds } = await known(options)
  if (options.json) out(JSON.stringify({ plugins: plugins.map(page), destinations: kinds.map(kindPage) }))
  else {
    const rows = [
      ...plugins.map(plugin => [plugin.phase, plugin.name, plugin.summary]),
      ...kinds.map(kind => ['destination', kind.name, kind.summary]),
    ]
    for (const line of table(['PHASE', 'NAME', 'WHAT IT DOES'], rows)) out(line)
  }
  return EXIT.good
}

/** Prints one of them with its settings and its refusals; a kind of destination where no plugin bears the name. */
export async function pluginsShow(options: PluginsOptions & { name: string }, out: Print): Promise<number> {
  const { plugins, kinds } = await known(options)
  const plugin = plugins.find(({ name }) => name === options.name)
  const kind = kinds.find(({ name }) => name === options.name)
  if (!plugin && !kind) {
    const names = [...plugins, ...kinds].map(({ name }) => name)
    const help = didYouMean(options.name, names) || `; known are ${names.join(', ')}`
    throw new CommandFailure(EXIT.usage, `there is no plugin '${options.name}'${help}`)
  }
  const found = plugin ? page(plugin) : kindPage(kind!)
  if (options.json) out(JSON.stringify(found))
  else for (const line of lines(found)) out(line)
  return EXIT.good
}

interface Page {
  name: string
  phase?: string
  summary: string
  single?: true
  settings: Setting[]
  refusals?: { code: string; status: number; summary: string }[]
}

function page({ name, phase, summary, single, config, refusals }: AnyPlugin): Page {
  const list = Object.entries<{ status: number; summary: string }>(refusals)
  const told = list.map(([code, { status, summary }]) => ({ code, status, summary }))
  return { name, phase, summary, ...(single && { single }), settings: settings(config), refusals: told }
}

const kindPage = ({ name, summary, config }: AnyDestinationKind): Page => ({ name, summary, settings: settings(config) })
const settings = ({ properties, required }: TObject) => settingsOf(properties, required)

function* lines({ name, phase, summary, single, settings, refusals = [] }: Page): Generator<string> {
  yield `${name}  (${phase ?? 'kind of destination'}${single ? ', once in a chain' : ''})`
  yield summary
  yield ''
  if (!settings.length) yield 'It has no settings.'
  else {
    const rows = settings.map(({ name, type, preset, required, description }) => [
      name,
      type,
      preset ?? (required ? 'required' : ''),
      description,
    ])
    yield* table(['SETTING', 'TYPE', 'DEFAULT', 'WHAT IT DOES'], rows)
  }
  if (!refusals.length) return
  yield ''
  yield* table(
    ['REFUSAL', 'STATUS', 'WHEN'],
    refusals.map(({ code, status, summary }) => [code, status, summary]),
  )
}

/** The built-in ones, and those that the configuration lists: its other faults do not matter here, nor what is not set. */
async function known(options: PluginsOptions): Promise<{ plugins: AnyPlugin[]; kinds: AnyDestinationKind[] }> {
  const { builtins, env } = options
  const path = options.config ?? (env.POSTERN_CONFIG || (existsSync(USUAL) ? USUAL : undefined))
  if (path === undefined) return inOrder(stepsOf(builtins), kindsOf(builtins))
  const { registry, problems } = await load(path, { ...options, unsetStays: true })
  const faults = problems.filter(({ severity, path }) => severity === 'error' && (!registry || path.startsWith('plugins')))
  if (!registry || faults.length) throw new CommandFailure(EXIT.config, faults.map(formatProblem).join('\n'))
  return inOrder([...registry.plugins.values()], [...registry.kinds.values()])
}

function inOrder(plugins: readonly AnyPlugin[], kinds: readonly AnyDestinationKind[]) {
  return { plugins: PHASES.flatMap(phase => plugins.filter(plugin => plugin.phase === phase)), kinds: [...kinds] }
}
