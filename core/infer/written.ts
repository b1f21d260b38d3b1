/** Settings as a file would say them: times and sizes as text, and nothing that is so by default. */
import type { Webhook } from '../config/config.ts'
import { File } from '../config/schema.ts'
import type { NestedStep } from '../plugin.ts'
import { parseDuration, parseSize } from '../settings.ts'

type Json = Record<string, unknown>

const TIMES = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
] as const
const SIZES = [
  ['MiB', 1_048_576],
  ['KiB', 1024],
  ['B', 1],
] as const

/** One step: its plugin's name, or a map of it to what its settings say beyond the defaults. */
export function writtenStep({ plugin, shown }: NestedStep): string | Json {
  const settings = written(plugin.config, shown) as Json
  return Object.keys(settings).length > 0 ? { [plugin.name]: settings } : plugin.name
}

/** The settings of a webhook, but for its chain. */
export function writtenWebhook(webhook: Webhook): Json {
  const { name: _, at: __, chain: ___, closed: ____, host, ...rest } = webhook
  const { webhooks } = File.properties as Record<string, any>
  const schema = Object.values<any>(webhooks.patternProperties ?? {})[0] ?? webhooks.additionalProperties
  return written(schema, { ...rest, ...(host.length > 0 && { host }) }) as Json
}

/** Shorter values would blank harmless text. */
const SHORTEST = 6

/** A copy without secrets that came along in other settings, as a part of a URL say. */
export function withoutSecrets<T>(value: T, secrets: readonly string[]): T {
  const long = secrets.filter(secret => secret.length >= SHORTEST)
  const walk = (value: unknown): unknown => {
    if (typeof value === 'string') return long.reduce((text, secret) => text.replaceAll(secret, '[secret]'), value)
    if (Array.isArray(value)) return value.map(walk)
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, walk(inner)]))
  }
  return walk(value) as T
}

/** A value by the schema of its setting. */
function written(schema: any, value: unknown): unknown {
  const mark = schema?.['x-postern']
  if (mark === 'duration' && typeof value === 'number') return unit(value, TIMES)
  if (mark === 'size' && typeof value === 'number') return unit(value, SIZES)
  if (mark === 'steps' && Array.isArray(value)) return (value as NestedStep[]).map(writtenStep)
  // A secret that stands in the file itself: pasted as it shows, it would be another secret, that anybody could read here.
  if (mark === 'secret') return value === '$SECRET' ? '${' + 'SECRET}' : value
  if (typeof value === 'string') return /^\$\{[^{}]*\}$/.test(value) ? value : value.replaceAll('${', '$$$${')
  if (Array.isArray(value)) return value.map(item => written(schema?.items, item))
  if (typeof value !== 'object' || value === null) return value
  if ('plugin' in value && 'shown' in value) return writtenStep(value as NestedStep)
  const variants: any[] = schema?.anyOf ?? []
  const own = schema?.properties ? schema : variants.find(one => one.properties)
  const other = Object.values<any>(schema?.patternProperties ?? {})[0] ?? (schema?.additionalProperties || undefined)
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, inner]) => {
      const setting = own?.properties?.[name] ?? other
      return inner === undefined || isDefault(setting, inner) ? [] : [[name, written(setting, inner)]]
    }),
  )
}

function isDefault(setting: any, value: unknown): boolean {
  if (setting?.default === undefined) {
    // A section of which nothing differs.
    return (
      Boolean(setting?.properties) &&
      typeof value === 'object' &&
      value !== null &&
      Object.keys(written(setting, value) as Json).length === 0
    )
  }
  const said =
    setting['x-postern'] === 'duration'
      ? parseDuration(setting.default)
      : setting['x-postern'] === 'size'
        ? parseSize(setting.default)
        : setting.default
  return JSON.stringify(said) === JSON.stringify(value)
}

function unit(value: number, units: readonly (readonly [string, number])[]): string {
  const [name, size] = units.find(([, size]) => value !== 0 && value % size === 0) ?? units.at(-1)!
  return `${value / size}${name}`
}
