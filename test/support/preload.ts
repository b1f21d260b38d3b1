/** Ends, after the last test file, what the tests started. When the process dies earlier, the keeper in child.ts does it. */
import { afterAll, setDefaultTimeout } from 'bun:test'
import { stopAll } from './child.ts'

setDefaultTimeout(30_000) // bunfig.toml cannot: `timeout` is not read there
afterAll(stopAll)
