/** Ends, after the last test file, what the tests started. When the process dies earlier, the keeper in child.ts does it. */
import { afterAll } from 'bun:test'
import { stopAll } from './child.ts'

afterAll(stopAll, 60_000)
