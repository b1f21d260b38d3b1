/** Keeps deliveries from slowing the intake: while requests queue up for their commit, the background works at a fraction of their rate. */

export interface Load {
  /** Requests that wait for their commit or are in it. */
  waiting: number
  /** Committed since the start. */
  committed: number
}

export interface Governor {
  busy(): boolean
  /** Resolves when this much work may begin: 1 is one attempt at a delivery. First come, first served. */
  turn(work: number): Promise<void>
}

/** Requests that wait, from which on the machine counts as busy. */
const BUSY = 24
/** Milliseconds for which a busy moment counts: between two batches hardly anything waits. */
const LINGERS = 100
/** Attempts for each request that is committed: an attempt costs a few times what a request does. */
const SHARE = 0.01
/** Attempts a second that are made whatever the load. */
const LEAST = 50

export function openGovernor(load: () => Load): Governor {
  let busyAt = Number.NEGATIVE_INFINITY
  /** When the work that was let through so far will have been paid for. */
  let paidAt = 0
  let measured = { at: performance.now(), committed: load().committed }
  let rate = 0
  let tail = Promise.resolve()

  function isBusy(now: number): boolean {
    const { waiting, committed } = load()
    if (waiting >= BUSY) busyAt = now
    if (now - measured.at >= LINGERS) {
      rate = ((committed - measured.committed) / (now - measured.at)) * 1000
      measured = { at: now, committed }
    }
    return now - busyAt < LINGERS
  }

  async function wait(work: number): Promise<void> {
    for (;;) {
      const now = performance.now()
      if (!isBusy(now)) {
        paidAt = now
        return
      }
      if (paidAt <= now) {
        paidAt = Math.max(paidAt, now - LINGERS) + (work / Math.max(LEAST, rate * SHARE)) * 1000
        return
      }
      await new Promise(done => setTimeout(done, Math.min(paidAt - now, 20)))
    }
  }

  return {
    busy: () => isBusy(performance.now()),
    turn(work) {
      tail = tail.then(() => wait(work))
      return tail
    },
  }
}
