/** The gate of tests that need a server. */
import { describe, test } from 'bun:test'
import { Unavailable } from './binary.ts'

/**
 * A `describe` for suites that need a server: `const onPostgres = await available('Postgres', postgres)`, then
 * `onPostgres('the store', url => …)`. Without the server the suite is skipped by name; when `CI` is true, it fails.
 */
export async function available<T>(name: string, get: () => Promise<T>): Promise<(title: string, suite: (server: T) => void) => void> {
  try {
    const server = await get()
    return (title, suite) => describe(title, () => suite(server))
  } catch (e) {
    if (!(e instanceof Unavailable)) throw e
    if (process.env.CI === 'true')
      return title =>
        test(title, () => {
          throw new Error(`needs ${name}: ${e.message}`)
        })
    return title => test.skip(`${title} (skipped: no ${name})`, () => {})
  }
}
