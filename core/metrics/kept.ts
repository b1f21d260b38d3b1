/** Makes what many may ask for no more than once at a time, and not again for a moment. */

/** Milliseconds for which it is kept once it is made, and after which one that does not come is given up. */
const KEPT = 1000
const PATIENCE = 10_000

/** Everybody who asks meanwhile hears the same; a failure is told and not kept. */
export function kept<T>(make: () => Promise<T>, now: () => number = () => performance.now()): () => Promise<T> {
  let present: Promise<T> | undefined
  let until = Number.POSITIVE_INFINITY
  return () => {
    if (present && now() < until) return present
    until = Number.POSITIVE_INFINITY
    const made = withDeadline(make())
    present = made
    made.then(
      () => {
        until = now() + KEPT
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
