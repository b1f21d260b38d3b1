/** What has been seen of many values at one place: small whatever their number, and two of them add up to one. */
import { MASK } from '../request/mask.ts'
import { type Formats, formatsOf, NO_FORMATS } from './formats.ts'

/** Levels that are looked into. */
export const DEEPEST = 16
/** Different keys of objects at one place, beyond which their names are forgotten. */
const MOST_KEYS = 200
/** Different texts at one place that are counted one by one, and how long they may be. */
const MOST_TEXTS = 16
const LONGEST_TEXT = 48

export interface Summary {
  /** Values seen. */
  count: number
  /** Of them: masked ones, and those that were not looked into. */
  masked: number
  opaque: number
  nulls: number
  booleans: number
  integers: number
  fractions: number
  strings: number
  /** Formats that every text has. */
  formats: Formats
  /** Each different text; undefined when they are too many or too long. */
  texts: Map<string, number> | undefined
  objects: number
  /** By name; undefined when there are too many names, and then `rest` is about all of them. */
  keys: Map<string, Summary> | undefined
  rest: Summary | undefined
  lists: number
  items: Summary | undefined
}

export function emptySummary(): Summary {
  return {
    count: 0,
    masked: 0,
    opaque: 0,
    nulls: 0,
    booleans: 0,
    integers: 0,
    fractions: 0,
    strings: 0,
    formats: NO_FORMATS,
    texts: new Map(),
    objects: 0,
    keys: new Map(),
    rest: undefined,
    lists: 0,
    items: undefined,
  }
}

interface Open {
  into: Summary
  value: unknown
  depth: number
}

/** Adds one value, of any depth; returns how many places were new. */
export function addValue(summary: Summary, whole: unknown): number {
  let made = 0
  const fresh = () => {
    made++
    return emptySummary()
  }
  // The last one first: all below a value is done before the next one at its place.
  const rest: Open[] = [{ into: summary, value: whole, depth: 0 }]
  while (rest.length > 0) {
    const { into, value, depth } = rest.pop()!
    into.count++
    if (typeof value !== 'object' || value === null) addScalar(into, value)
    else if (depth >= DEEPEST) into.opaque++
    else if (Array.isArray(value)) {
      into.lists++
      if (value.length === 0) continue
      into.items ??= fresh()
      for (let i = value.length - 1; i >= 0; i--) rest.push({ into: into.items, value: value[i], depth: depth + 1 })
    } else {
      into.objects++
      const names = Object.keys(value)
      if (into.keys) {
        const keys = into.keys
        let size = keys.size
        for (const name of names) if (!keys.has(name)) size++
        if (size > MOST_KEYS) forgetNames(into)
      }
      for (const name of names) {
        let below = into.keys ? into.keys.get(name) : into.rest
        if (!below) {
          below = fresh()
          if (into.keys) into.keys.set(name, below)
          else into.rest = below
        }
        rest.push({ into: below, value: (value as Record<string, unknown>)[name], depth: depth + 1 })
      }
    }
  }
  return made
}

function addScalar(into: Summary, value: unknown): void {
  if (value === null) into.nulls++
  else if (typeof value === 'boolean') into.booleans++
  else if (typeof value === 'number') {
    // 1e400 is no number to a validator.
    if (!Number.isFinite(value)) into.opaque++
    else if (Number.isInteger(value)) into.integers++
    else into.fractions++
  } else if (typeof value !== 'string') into.opaque++
  else if (value.includes(MASK)) into.masked++
  else {
    into.formats = into.strings === 0 ? formatsOf(value, undefined) : formatsOf(value, into.formats)
    into.strings++
    if (value.length > LONGEST_TEXT) into.texts = undefined
    if (!into.texts) return
    into.texts.set(value, (into.texts.get(value) ?? 0) + 1)
    if (into.texts.size > MOST_TEXTS) into.texts = undefined
  }
}

function forgetNames(into: Summary): void {
  for (const below of into.keys?.values() ?? []) into.rest = into.rest ? merged(into.rest, below) : below
  into.keys = undefined
}

/** One summary of what two have seen; neither is changed. */
export function merged(a: Summary, b: Summary): Summary {
  const sum: Summary = {
    count: a.count + b.count,
    masked: a.masked + b.masked,
    opaque: a.opaque + b.opaque,
    nulls: a.nulls + b.nulls,
    booleans: a.booleans + b.booleans,
    integers: a.integers + b.integers,
    fractions: a.fractions + b.fractions,
    strings: a.strings + b.strings,
    formats: a.strings === 0 ? b.formats : b.strings === 0 ? a.formats : a.formats & b.formats,
    texts: mergedTexts(a.texts, b.texts),
    objects: a.objects + b.objects,
    keys: new Map(),
    rest: both(a.rest, b.rest),
    lists: a.lists + b.lists,
    items: both(a.items, b.items),
  }
  const keys = new Map(a.keys ?? [])
  for (const [name, below] of b.keys ?? []) {
    const own = keys.get(name)
    keys.set(name, own ? merged(own, below) : below)
  }
  sum.keys = keys
  if (!a.keys || !b.keys || keys.size > MOST_KEYS) forgetNames(sum)
  return sum
}

const both = (a: Summary | undefined, b: Summary | undefined) => (a && b ? merged(a, b) : (a ?? b))

function mergedTexts(a: Summary['texts'], b: Summary['texts']): Summary['texts'] {
  if (!a || !b) return undefined
  const sum = new Map(a)
  for (const [text, count] of b) sum.set(text, (sum.get(text) ?? 0) + count)
  return sum.size > MOST_TEXTS ? undefined : sum
}
