/** Options of the commands that list things: counts and times. */
import { parseDuration } from '../settings.ts'
import { CommandFailure, EXIT } from './open.ts'

/** `--since` and `--until` as the admin API takes them: a time, or how long ago. */
export function timeOption(name: string, given: string | undefined, now = Date.now()): string | undefined {
  if (given === undefined) return undefined
  const ago = parseDuration(given)
  const time = ago === undefined ? (/^\d{4}-\d\d-\d\d/.test(given) ? Date.parse(given) : Number.NaN) : now - ago
  if (Number.isNaN(time))
    throw new CommandFailure(EXIT.usage, `--${name} takes a time such as 2026-01-15T12:00:00Z, or how long ago, such as 2h`)
  return new Date(Math.max(0, time)).toISOString()
}

/** `--limit`: a whole number from 1. */
export function countOption(name: string, given: string | undefined, most: number): number | undefined {
  if (given === undefined) return undefined
  const count = /^\d{1,9}$/.test(given) ? Number(given) : 0
  if (count < 1 || count > most) throw new CommandFailure(EXIT.usage, `--${name} takes a whole number from 1 to ${most}`)
  return count
}

/** The options of a command that are filters of the admin API, where they are given. */
export function filtersOf(options: object, names: readonly string[]): Record<string, string> {
  const given: Record<string, string> = {}
  for (const name of names) {
    const value = (options as Record<string, unknown>)[name]
    if (typeof value !== 'string') continue
    given[name] = name === 'since' || name === 'until' ? (timeOption(name, value) as string) : value
  }
  return given
}
