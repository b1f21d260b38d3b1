/** Values in words, as a change tells them. */
import type { TSchema } from '@sinclair/typebox'

/** The longest that is told of one value. */
const LONGEST = 160

/** A value as YAML would have it, on one line; nothing for one that is left out. */
export function said(value: unknown, schema?: TSchema): string | undefined {
  if (value === undefined) return undefined
  const text = inYaml(value, schema)
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text
}

function inYaml(value: unknown, schema?: TSchema): string {
  if (schema?.['x-postern'] === 'duration' && typeof value === 'number') return duration(value)
  if (schema?.['x-postern'] === 'size' && typeof value === 'number') return size(value)
  if (typeof value === 'string') return value === '' ? '""' : isUrl(value) ? address(value) : value
  if (typeof value !== 'object' || value === null) return String(value)
  if (Array.isArray(value)) return `[${value.map(item => inYaml(item, schema?.items)).join(', ')}]`
  // A step within a step knows how it may be shown.
  const shown = 'toJSON' in value ? (JSON.parse(JSON.stringify(value)) as object) : value
  const entries = Object.entries(shown).map(([key, inner]) => `${key}: ${inYaml(inner, schema?.properties?.[key])}`)
  return entries.length ? `{ ${entries.join(', ')} }` : '{}'
}

const UNITS = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'm'],
  [1000, 's'],
] as const

/** `90m`, `24h`: in the largest unit that leaves no rest. */
export function duration(ms: number): string {
  const [length, unit] = UNITS.find(([length]) => ms >= length && ms % length === 0) ?? [1, 'ms']
  return ms === 0 ? '0s' : `${ms / length}${unit}`
}

const SIZES = [
  [1_048_576, 'MiB'],
  [1_000_000, 'MB'],
  [1024, 'KiB'],
  [1000, 'KB'],
] as const

export function size(bytes: number): string {
  const [length, unit] = SIZES.find(([length]) => bytes >= length && bytes % length === 0) ?? [1, 'B']
  return `${bytes / length}${unit}`
}

const isUrl = (text: string) => /^[a-z][a-z0-9+.-]*:\/\//i.test(text) && URL.canParse(text)

/** A URL without what may be a credential in it: the password, and the values of its query. */
function address(text: string): string {
  const url = new URL(text)
  if (!url.username && !url.password && !url.search) return text
  if (url.username) url.username = '…'
  if (url.password) url.password = '…'
  const names = [...url.searchParams.keys()]
  url.search = ''
  const query = names.length ? `?${names.map(name => `${name}=…`).join('&')}` : ''
  return `${decodeURI(url.href)}${query}`
}

/** Two values that say the same, whatever the order of their keys. */
export function same(a: unknown, b: unknown): boolean {
  return canonical(a) === canonical(b)
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}

/** What of a list is in no other. */
export const without = <T>(list: readonly T[], other: readonly T[]): T[] => list.filter(item => !other.includes(item))
