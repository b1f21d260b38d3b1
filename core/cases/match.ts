/** Compares what came with what was expected: maps in part, lists item by item. */
import { pathText } from '../config/problem.ts'

type Path = readonly (string | number)[]

const LONGEST = 300

/** A value as a failure shows it. */
export function shown(value: unknown): string {
  if (value === undefined) return 'nothing'
  const text = JSON.stringify(value) ?? String(value)
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}… (${text.length} characters)` : text
}

/** One line of a failure: `body.code: expected "A", got "B"`. */
export function difference(path: Path, expected: unknown, actual: unknown): string {
  const pattern = patternOf(expected)
  return `${pathText(path)}: expected ${pattern === undefined ? shown(expected) : `text that matches ${pattern}`}, got ${shown(actual)}`
}

/**
 * Every place at which the two differ; empty when they match. Of a map only the expected keys are looked at, a list must have as many
 * items, `null` also stands for what is not there, and `{ $match: REGEX }` takes any text that the pattern is found in.
 */
export function differences(expected: unknown, actual: unknown, path: Path): string[] {
  if (expected === null) return actual === null || actual === undefined ? [] : [difference(path, null, actual)]
  const pattern = patternOf(expected)
  if (pattern !== undefined) return matches(pattern, actual) ? [] : [difference(path, expected, actual)]
  if (Array.isArray(expected)) {
    if (!Array.isArray(actual)) return [difference(path, expected, actual)]
    if (actual.length !== expected.length)
      return [`${pathText(path)}: expected ${items(expected.length)}, got ${items(actual.length)}: ${shown(actual)}`]
    return expected.flatMap((item, i) => differences(item, actual[i], [...path, i]))
  }
  if (typeof expected === 'object') {
    if (typeof actual !== 'object' || actual === null || Array.isArray(actual)) return [difference(path, expected, actual)]
    return Object.entries(expected).flatMap(([key, value]) =>
      differences(value, Object.hasOwn(actual, key) ? (actual as Record<string, unknown>)[key] : undefined, [...path, key]),
    )
  }
  return Object.is(expected, actual) || expected === actual ? [] : [difference(path, expected, actual)]
}

/** Pairs each expected item with one that came, whatever their order; the pairs that are left differ. */
export function inAnyOrder<Actual>(
  expected: readonly unknown[],
  actual: readonly Actual[],
  compare: (expected: unknown, actual: Actual, i: number) => string[],
): string[] {
  const fits = expected.map((item, i) => actual.map(came => compare(item, came, i).length === 0))
  /** Which expected item has each that came. */
  const taken = new Map<number, number>()
  const place = (i: number, tried: Set<number>): boolean =>
    actual.some((_, j) => {
      if (!fits[i]?.[j] || tried.has(j)) return false
      tried.add(j)
      const holder = taken.get(j)
      if (holder !== undefined && !place(holder, tried)) return false
      taken.set(j, i)
      return true
    })
  const left = expected.map((_, i) => i).filter(i => !place(i, new Set()))
  const free = actual.map((_, j) => j).filter(j => !taken.has(j))
  return left.flatMap((i, n) => compare(expected[i], actual[free[n] as number] as Actual, i))
}

/** The pattern of `{ $match: REGEX }`. */
function patternOf(expected: unknown): string | undefined {
  if (typeof expected !== 'object' || expected === null || Array.isArray(expected)) return undefined
  const { $match: pattern, ...rest } = expected as Record<string, unknown>
  return typeof pattern === 'string' && Object.keys(rest).length === 0 ? pattern : undefined
}

function matches(pattern: string, actual: unknown): boolean {
  if (actual === null || actual === undefined || typeof actual === 'object') return false
  try {
    return new RegExp(pattern, 'u').test(String(actual))
  } catch {
    return false
  }
}

const items = (n: number) => `${n} item${n === 1 ? '' : 's'}`
