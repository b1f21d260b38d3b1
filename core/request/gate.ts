/** Lets so many a second through, and spreads them evenly where more come. */

/** Samples a second of one webhook and kind, and of all webhooks of a gateway. */
const MOST = 20
const MOST_OF_ALL = 200
const SECOND = 1000

/** Of all webhooks together, by kind: ten thousand of them must not make a sample of each request. */
export interface Gates {
  accepted: Gate
  refused: Gate
}

export function openGates(): Gates {
  return { accepted: new Gate(MOST_OF_ALL), refused: new Gate(MOST_OF_ALL) }
}

/** Lets through 20 a second, or another number: the first ones, and evenly spread after a second in which there were more. */
export class Gate {
  readonly #most: number
  #start = Number.NEGATIVE_INFINITY
  #seen = 0
  #taken = 0
  #watched = 0
  #crowded = false

  constructor(most = MOST) {
    this.#most = most
  }

  /** Whether one that begins now will probably pass; of those, no more than may pass: watching costs, and many begin before one ends. */
  watch(at: number): boolean {
    const upTo = this.#allowed(at)
    if (this.#watched >= upTo) return false
    this.#watched++
    return true
  }

  pass(at: number): boolean {
    const upTo = this.#allowed(at)
    const free = this.#taken < upTo
    this.#seen++
    if (free) this.#taken++
    return free
  }

  /** How many may have passed by then; a new second begins the counts anew, so it is asked before they are. */
  #allowed(at: number): number {
    // A request that began in the second before may end in this one; a clock that was set back begins anew.
    if (at - this.#start >= SECOND || this.#start - at > 60 * SECOND) {
      this.#crowded = this.#seen > this.#most && at - this.#start < 2 * SECOND
      this.#start = at
      this.#seen = 0
      this.#taken = 0
      this.#watched = 0
    }
    return this.#crowded ? Math.min(Math.floor(((at - this.#start) * this.#most) / SECOND) + 1, this.#most) : this.#most
  }
}
