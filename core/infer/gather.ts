/** Gathers what samples tell: their payloads, their headers, and which of their fields could be an id. */
import { MASK } from '../request/mask.ts'
import { addValue, emptySummary, type Summary } from './summary.ts'

/** One request as it was seen. */
export interface Sample {
  payload: Record<string, unknown>
  /** Lower-case names. */
  headers?: Readonly<Record<string, string>>
  /** When it came, or where it stands. */
  at?: string
}

/** Values within one payload, and places in all of them, that are looked at. */
const MOST_VALUES = 500_000
const MOST_PLACES = 100_000
const MOST_HEADERS = 200
const MOST_FIELDS = 200
/** Names of fields that may be the id of a record, the likeliest first. */
const ID_NAMES = [/^id$/i, /^(uuid|guid|uid|key)$/i, /([_-]id|[a-z]Id|ID|[_-](uuid|guid|key))$/]

export class Gathering {
  readonly summary: Summary = emptySummary()
  used = 0
  readonly headers = new Map<string, { count: number; values: Set<string> }>()
  readonly agents = new Set<string>()
  readonly #skipped = new Map<string, number>()
  readonly #ids = new Map<string, { count: number; values: Set<string> }>()
  #places = 0

  /** False: it was too large, and is left out. */
  add({ payload, headers = {} }: Sample): boolean {
    if (this.#places > MOST_PLACES) return this.skip('has keys that no earlier one has, of which there are too many already')
    if (isLarge(payload)) return this.skip(`holds more than ${MOST_VALUES} values`)
    this.#places += addValue(this.summary, payload)
    this.used++
    for (const [name, value] of Object.entries(headers)) {
      const key = name.toLowerCase()
      if (key === 'user-agent' && this.agents.size < 20) this.agents.add(value)
      note(this.headers, key, value, MOST_HEADERS)
    }
    for (const [name, value] of Object.entries(payload)) {
      if (!ID_NAMES.some(pattern => pattern.test(name)) || value === MASK) continue
      const good = (typeof value === 'string' && value !== '' && value.length <= 255) || Number.isSafeInteger(value)
      if (good) note(this.#ids, name, String(value), MOST_FIELDS)
    }
    return true
  }

  skip(reason: string): false {
    this.#skipped.set(reason, (this.#skipped.get(reason) ?? 0) + 1)
    return false
  }

  get skipped(): { reason: string; count: number }[] {
    return [...this.#skipped].map(([reason, count]) => ({ reason, count }))
  }

  /** The likeliest id: a field that each sample has, and no two have alike. */
  get idField(): string | undefined {
    const fit = [...this.#ids].filter(([, { count, values }]) => count === this.used && values.size === this.used).map(([name]) => name)
    // One sample proves nothing of a name that is not `id` itself.
    const names = this.used > 1 ? ID_NAMES : ID_NAMES.slice(0, 1)
    return names.map(pattern => fit.find(name => pattern.test(name))).find(Boolean)
  }
}

function note(all: Map<string, { count: number; values: Set<string> }>, name: string, value: string, most: number): void {
  const own = all.get(name) ?? { count: 0, values: new Set() }
  if (!all.has(name) && all.size >= most) return
  all.set(name, own)
  own.count++
  own.values.add(value.slice(0, 255))
}

function isLarge(payload: unknown): boolean {
  const rest: unknown[] = [payload]
  let count = 0
  while (rest.length > 0) {
    const value = rest.pop()
    if (++count > MOST_VALUES) return true
    if (typeof value !== 'object' || value === null) continue
    const inner = Array.isArray(value) ? value : Object.values(value)
    if (count + rest.length + inner.length > MOST_VALUES) return true
    for (const one of inner) rest.push(one)
  }
  return false
}
