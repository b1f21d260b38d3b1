/** The client, on both runtimes: each table of cases is run by a process of its own. */
import { beforeAll, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { available } from '../support/available.ts'
import { runtimes } from '../support/process.ts'
import * as answers from './cases/answers.ts'
import * as connections from './cases/connections.ts'
import * as guard from './cases/guard.ts'
import * as time from './cases/time.ts'
import * as tls from './cases/tls.ts'
import { certificates } from './certificates.ts'
import { type Case, runOn } from './program.ts'

const onOpenssl = await available('openssl', certificates)

function table(name: string, cases: readonly Case[], env: Record<string, string> = {}): void {
  describe.each([...runtimes])(`${name}, on %s`, runtime => {
    let results: Record<string, unknown> = {}
    beforeAll(async () => {
      results = await runOn(runtime, join(import.meta.dirname, `cases/${name}.ts`), env)
    }, 60_000)

    test.each(cases.map(([title, , want]) => [title, want] as const))('%s', (title, want) => {
      expect(results[title]).toEqual(want)
    })

    test('nothing goes uncaught', () => {
      expect(results.uncaught).toEqual([])
    })
  })
}

// Nobody listens there.
const proxy = { NODE_USE_ENV_PROXY: '1', HTTP_PROXY: 'http://127.0.0.1:9', HTTPS_PROXY: 'http://127.0.0.1:9' }
table('guard', guard.cases, proxy)
table('answers', answers.cases)
table('time', time.cases)
table('connections', connections.cases)
onOpenssl('with certificates', CERTIFICATES => table('tls', tls.cases, { CERTIFICATES, NODE_TLS_REJECT_UNAUTHORIZED: '0', ...proxy }))
