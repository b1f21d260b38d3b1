/** How fast attempts may begin: at most `limit` within any window of `per` milliseconds. */

export interface Pace {
  /** Milliseconds until the next attempt may begin; 0: now. */
  wait(now: number): number
  /** An attempt begins. */
  begin(now: number): void
}

/** No rate at all when none is given. Times are of a clock that never goes back. */
export function openPace(rate: { limit: number; per: number } | undefined): Pace {
  if (!rate) return { wait: () => 0, begin: () => {} }
  /** When the last `limit` attempts began, as a ring. */
  const begun = new Float64Array(rate.limit).fill(Number.NEGATIVE_INFINITY)
  let oldest = 0
  return {
    wait: now => Math.max(0, (begun[oldest] as number) + rate.per - now),
    begin(now) {
      begun[oldest] = now
      oldest = (oldest + 1) % rate.limit
    },
  }
}
