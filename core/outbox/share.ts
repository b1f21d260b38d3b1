/** How many rows to ask the store for at a time, when it fails on many of them, or on one. */
import { Unread } from './body.ts'

export interface Share {
  /** Of so many at most. */
  of(most: number): number
  /** Twice as many the next time. */
  succeeded(): void
  /** An eighth the next time, down to one. The event of which nothing else is left to think than that it cannot be read. */
  failed(error: unknown): string | undefined
}

/** A store in trouble fails on everything: what fails so often in a row, alone, while all around it can be read, is itself the trouble. */
const TRIES = 3
const LESS = 8

export function openShare(largest: number): Share {
  let size = largest
  let suspect: string | undefined
  let tries = 0
  return {
    of: most => Math.min(most, size),
    succeeded() {
      size = Math.min(largest, size * 2)
      suspect = undefined
    },
    failed(error) {
      size = Math.max(1, Math.floor(size / LESS))
      const alone = error instanceof Unread && error.events.length === 1 ? error.events[0] : undefined
      tries = alone === suspect ? tries + 1 : 1
      suspect = alone
      if (alone === undefined || tries < TRIES) return undefined
      suspect = undefined
      return alone
    },
  }
}
