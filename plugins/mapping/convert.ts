/** The fixed list of changes that a mapped value can take. */

/** What a value cannot become; the sentence goes on after "The age field ". */
export class Unfit {
  readonly expected: string
  constructor(expected: string) {
    this.expected = expected
  }
}

export type Change = keyof typeof CHANGES

/** Each change leaves null alone; the first three leave alone whatever is no text. */
const CHANGES = {
  trim: (value: unknown) => (typeof value === 'string' ? value.trim() : value),
  lower: (value: unknown) => (typeof value === 'string' ? value.toLowerCase() : value),
  upper: (value: unknown) => (typeof value === 'string' ? value.toUpperCase() : value),
  'to-number': toNumber,
  'to-text': (value: unknown) => (typeof value === 'string' || value === null ? value : JSON.stringify(value)),
  'to-boolean': toBoolean,
}

export const changes = Object.keys(CHANGES) as Change[]

/** One function for a list of changes; it stops at the first value that does not fit. */
export function compileChanges(names: readonly Change[]): (value: unknown) => unknown {
  const steps = names.map(name => CHANGES[name])
  return value => {
    for (const step of steps) {
      value = step(value)
      if (value instanceof Unfit) break
    }
    return value
  }
}

// Each digit can belong to one part alone: `\d+\.?\d*` took seconds for 64 KiB of them.
const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/i

function toNumber(value: unknown): unknown {
  if (typeof value === 'number' || value === null) return value
  const text = typeof value === 'string' ? value.trim() : ''
  const number = NUMBER.test(text) ? Number(text) : Number.NaN
  if (!Number.isFinite(number)) return new Unfit('must be a number.')
  // A whole number this big would come out as another one: card and order numbers end up here.
  if (/^[+-]?\d+$/.test(text) && !Number.isSafeInteger(number)) return new Unfit('must be a number of at most 15 digits.')
  return number
}

const BOOLEANS = new Map<unknown, boolean>([
  ['true', true],
  ['1', true],
  ['yes', true],
  ['on', true],
  [1, true],
  ['false', false],
  ['0', false],
  ['no', false],
  ['off', false],
  [0, false],
])

function toBoolean(value: unknown): unknown {
  if (typeof value === 'boolean' || value === null) return value
  return BOOLEANS.get(typeof value === 'string' ? value.trim().toLowerCase() : value) ?? new Unfit('must be true or false.')
}
