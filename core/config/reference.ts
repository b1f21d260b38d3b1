/** The configuration reference: a Markdown page of every setting, made from the schemas. */
import type { TSchema } from '@sinclair/typebox'
import type { AnyDestinationKind, AnyPlugin } from '../plugin.ts'
import { common } from './destinationSchema.ts'
import { choices, wanted } from './expected.ts'
import { isFilled, standIn } from './jsonSchema.ts'
import { PHASES } from './order.ts'
import { type Extension, kindsOf, stepsOf } from './registry.ts'
import { File } from './schema.ts'

/** The whole page; plugins stand in the order of their phases. */
export function configReference(builtins: readonly Extension[]): string {
  const plugins = stepsOf(builtins)
  const kinds = kindsOf(builtins)
  const sections = Object.entries<TSchema>(File.properties).filter(([, schema]) => body(schema))
  const single = Object.fromEntries(
    Object.entries<TSchema>(File.properties).filter(([name, schema]) => !body(schema) && name !== 'destinations'),
  )
  const ordered = PHASES.flatMap(phase => plugins.filter(plugin => plugin.phase === phase))
  return [
    '# Configuration reference',
    'Made by `postern schema --format markdown`; do not edit.',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: this is the syntax itself
    'Durations are written `300ms`, `30s`, `5m`, `24h`, `7d`; sizes `64B`, `1KB`, `256KiB`, `1MB`, `1MiB`. In any value, `${NAME}`, `${NAME:-default}`, `${file:PATH}` and `${secret:NAME}` are replaced; `$${` stands for `${`.',
    '## Top level',
    table(single, File.required),
    ...sections.flatMap(([name, schema]) => [`## ${name}`, schema.description, table(body(schema)!.properties, body(schema)!.required)]),
    '## destinations',
    `Outgoing endpoints, by name. Each has these settings and those of its kind: ${kinds.map(({ name }) => `[${name}](#type-${name})`).join(', ')}.`,
    table(common),
    ...kinds.flatMap(kindPage),
    '## Plugins',
    'A chain runs its steps as they are written: first `verify`, then `admit` and `shape` in any order, then `write`, then `emit`.',
    ...ordered.flatMap(pluginPage),
    '',
  ].join('\n\n')
}

function pluginPage(plugin: AnyPlugin): string[] {
  const refusals = Object.entries<{ status: number; summary: string }>(plugin.refusals)
  const rows = refusals.map(([code, { status, summary }]) => row(`\`${code}\``, String(status), summary))
  return [
    `### ${plugin.name}`,
    `Phase \`${plugin.phase}\`. ${plugin.summary}${plugin.single ? ' It may stand only once in a chain.' : ''}`,
    Object.keys(plugin.config.properties).length ? table(plugin.config.properties, plugin.config.required) : 'It has no settings.',
    ...(rows.length ? [[row('refusal', 'status', 'when'), row('---', '---', '---'), ...rows].join('\n')] : []),
  ]
}

function kindPage(kind: AnyDestinationKind): string[] {
  return [`### type: ${kind.name}`, kind.summary, table(kind.config.properties, kind.config.required)]
}

/** The object of a section: its own, or that of each name in it. */
function body(schema: TSchema): TSchema | undefined {
  const inner = schema.patternProperties ? Object.values<TSchema>(schema.patternProperties)[0] : schema
  return inner?.properties ? inner : undefined
}

function table(properties: Record<string, TSchema>, required: readonly string[] = []): string {
  return [row('setting', 'type', 'default', 'what it does'), row('---', '---', '---', '---'), ...rows(properties, required, '')].join('\n')
}

function rows(properties: Record<string, TSchema>, required: readonly string[], prefix: string): string[] {
  return settingsOf(properties, required, prefix).map(({ name, type, required, preset, description }) =>
    row(`\`${name}\``, type, preset === undefined ? (required ? 'required' : '') : `\`${preset}\``, description),
  )
}

/** One setting as the reference tells it. */
export interface Setting {
  /** `rate.per`, `steps[].name`, `headers.NAME.value` */
  name: string
  type: string
  required: boolean
  /** Its default, as JSON. */
  preset?: string
  description: string
}

/** Every setting, those within another one behind it. */
export function settingsOf(properties: Record<string, TSchema>, required: readonly string[] = [], prefix = ''): Setting[] {
  return Object.entries(properties).flatMap(([key, schema]) => {
    const name = `${prefix}${key}`
    const preset = schema.default === undefined ? undefined : JSON.stringify(schema.default)
    const needed = preset === undefined && required.includes(key) && !isFilled(schema)
    const each = body(schema) ?? (schema.items && body(schema.items))
    const below = each
      ? settingsOf(each.properties, each.required ?? [], `${name}${schema.items ? '[]' : schema.patternProperties ? '.NAME' : ''}.`)
      : []
    const setting = { name, type: type(schema), required: needed, ...(preset !== undefined && { preset }), description: described(schema) }
    return [setting, ...below]
  })
}

function type(schema: TSchema): string {
  if (schema['x-postern'] === 'duration') return 'duration'
  if (schema['x-postern'] === 'size') return 'size'
  if (schema['x-postern'] === 'secret') return 'secret'
  if (schema.type === 'array' && schema.items) return `list of ${type(schema.items)}`
  if (schema.anyOf && !choices(schema)) return [...new Set((schema.anyOf as TSchema[]).map(type))].join(' or ')
  return wanted(schema).replace(/^an? /, '')
}

function described(schema: TSchema): string {
  const [least, most] = [schema.min ?? schema.minimum, schema.max ?? schema.maximum]
  const example = schema.examples?.[0] === undefined ? '' : `Such as \`${JSON.stringify(schema.examples[0])}\`.`
  const bounds = [least !== undefined && `At least ${least}.`, most !== undefined && `At most ${most}.`]
  return [schema.description, schema['x-env'] && standIn(schema['x-env']), ...bounds, example].filter(Boolean).join(' ')
}

function row(...cells: string[]): string {
  return `| ${cells.map(cell => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`
}
