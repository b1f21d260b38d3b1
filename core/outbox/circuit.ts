/** A destination that fails again and again is left alone for a moment; then one attempt tells whether it is back. */
import { CircuitState, ConsecutiveBreaker, circuitBreaker, handleWhenResult } from 'cockatiel'
import type { Receipt } from '../plugin.ts'

export interface Circuit {
  /** Milliseconds until an attempt may begin; 0: now. While it is not closed, one at a time. */
  wait(): number
  /** Makes an attempt that may begin. */
  attempt(send: () => Promise<Receipt>): Promise<Receipt>
  state(): 'closed' | 'open' | 'half-open'
}

/** Failures in a row that open it. */
const BREAKS_AFTER = 20

/** It stays open for so many milliseconds at a time. */
export function openCircuit(openFor: number, opened: () => void): Circuit {
  const breaker = circuitBreaker(handleWhenResult(isOutage), { halfOpenAfter: openFor, breaker: new ConsecutiveBreaker(BREAKS_AFTER) })
  let openedAt = 0
  // Told once for a time of trouble, and not after every attempt that finds it lasting.
  let told = false
  breaker.onBreak(() => {
    openedAt = performance.now()
    if (!told) opened()
    told = true
  })
  breaker.onReset(() => {
    told = false
  })
  return {
    wait() {
      if (breaker.state === CircuitState.Closed) return 0
      return Math.max(0, openedAt + openFor - performance.now())
    },
    attempt: send => breaker.execute(send),
    state: () => (breaker.state === CircuitState.Closed ? 'closed' : breaker.state === CircuitState.HalfOpen ? 'half-open' : 'open'),
  }
}

/** The receiver cannot be reached or is in trouble: another message would fare no better. */
function isOutage(receipt: unknown): boolean {
  const { ok, status } = (receipt ?? {}) as Receipt
  return !ok && (status === undefined || status >= 500 || status === 429 || status === 408)
}
