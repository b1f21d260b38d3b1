/** Long work in pieces: reading ten thousand webhooks takes seconds, and requests must be answered meanwhile. */

/** Milliseconds for which everything else waits. */
const PIECE = 10

/** Waits, when it is time, until what else is due has had its turn; otherwise undefined, and there is nothing to await. */
export type Pace = () => Promise<void> | undefined

export function openPace(): Pace {
  let since = performance.now()
  return () => {
    if (performance.now() - since < PIECE) return undefined
    return new Promise(go => {
      setImmediate(() => {
        since = performance.now()
        go()
      })
    })
  }
}
