/** What commands are made of. */
import process from 'node:process'
import { type ArgsDef, type CommandDef, defineCommand } from 'citty'
import type { LoadOptions } from '../config/load.ts'
import type { Presets } from '../infer/provider.ts'
import type { Print } from './open.ts'
import type { PresetOptions } from './presets.ts'

/** What lies around every command. */
export interface Around {
  loading: LoadOptions
  /** Of Postern. */
  version: string
  /** Schemes of providers, by name. */
  schemes: Presets
  /** The same, for people. */
  cards: PresetOptions['presets']
  out: Print
}

export const config = {
  type: 'string',
  description: 'The YAML file, or a folder of them',
  valueHint: 'PATH',
  default: process.env.POSTERN_CONFIG || 'config/postern.yaml',
} as const
export const json = { type: 'boolean', description: 'Print JSON, for machines', default: false } as const
export const overlap = { type: 'string', description: 'How long what is old stays good', valueHint: 'TIME', default: '24h' } as const

/** What the commands that ask a running gateway have in common. */
export const asking = {
  url: { type: 'string', description: 'Where its admin API is; left out, POSTERN_ADMIN_URL or the configuration says', valueHint: 'URL' },
  config,
  json,
} as const
export const option = (description: string, valueHint: string) => ({ type: 'string', description, valueHint }) as const
export const about = {
  webhook: option('Webhook that raised the event', 'NAME'),
  entity: option('Entity of the record', 'NAME'),
  record: option('Id of the record', 'ID'),
  since: option('Not before: a time, or how long ago, such as 2h', 'TIME'),
  until: option('Before: a time, or how long ago', 'TIME'),
} as const
export const rows = {
  limit: option('Most rows; 50 if left out', 'N'),
  cursor: option('Where to go on: `next` of what --json printed', 'TEXT'),
} as const

/** The last lines of a command's help. */
export const examples = new WeakMap<CommandDef<any>, string>()

/** A command that ends with an exit code. Its code is loaded when it runs: help need not wait for a gateway. */
export function command<A extends ArgsDef>(
  name: string,
  description: string,
  example: string,
  args: A,
  run: (args: any, words: readonly string[]) => Promise<number>,
): CommandDef<A> {
  const made = defineCommand({ meta: { name: `postern ${name}`, description }, args, run: ({ args, rawArgs }) => run(args, rawArgs) })
  examples.set(made, example)
  return made
}

/** A command of commands. */
export function group(
  name: string,
  description: string,
  example: string,
  subCommands: Record<string, CommandDef<any>>,
  version?: string,
): CommandDef<any> {
  const made = defineCommand({ meta: { name, description, ...(version && { version }) }, subCommands })
  examples.set(made, example)
  return made
}
