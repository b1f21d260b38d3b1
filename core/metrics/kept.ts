/** Makes what many may ask for no more than once at a time, and not again for a moment. */

/** Milliseconds after which one that does not come is given up. */
const PATIENCE = 10_000

/** Everybody who asks while it is made, and for `ms` after, hears the same; a failure is told and not kept. */
export function kept<T>(make: () => Promise<T>, ms: number, now: () => number = () => performance.now()): () => Promise<T> {
  let present: Promise<T> | undefined
  let until = Number.POSITIVE_INFINITY
  return () => {
    if (present && now() < until) return present
    until = Number.POSITIVE_INFINITY
    const made = withDeadline(make())
    present = made
    made.then(
      () => {
        until = now() + ms
      },
      () => {
        present = undefined
      },
    )
    return made
  }
}

/** One that never came would be waited for by all who ask later. */
function withDeadline<T>(promise: Promise<T>): Promise<T> {
  return new Promise((done, fail) => {
    const timer = setTimeout(() => fail(new Error(`nothing came within ${PATIENCE / 1000} s`)), PATIENCE)
    promise.then(done, fail).finally(() => clearTimeout(timer))
  })
}
