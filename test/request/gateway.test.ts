/** What the gateway tells the operator and asks of the commit, with a clock and a store of the test's own. */
import { beforeEach, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { load } from '#core/config/load.ts'
import { openKv } from '#core/kv/kv.ts'
import { type Gateway, openGateway } from '#core/request/gateway.ts'
import { guard, type Target } from '#core/request/guard.ts'
import { builtins } from '#plugins/index.ts'
import { folder } from '../support/child.ts'

const config = `version: 1
server: { requestTimeout: 8s, bodyTimeout: 8s }
dialects:
  own:
    codes: { UNAUTHORIZED: { status: 403 }, PAYLOAD_TOO_LARGE: { status: 400 }, NOT_FOUND: { status: 410 }, UNAVAILABLE: { status: 500 } }
webhooks:
  one: { path: "/shared/{token}", dialect: own, chain: [auth-url-token, { upsert: { entity: thing } }] }
  two: { path: "/shared/{token}", chain: [auth-url-token, { upsert: { entity: thing } }] }
  key: { path: /key, dialect: own, bodyLimit: 10B, chain: [{ auth-bearer: { keys: [0123456789abcdef] } }, { upsert: { entity: thing } }] }
  open: { path: /open, chain: [{ auth-none: { reason: a test } }, { upsert: { entity: thing } }] }
  closed: { path: /closed, dialect: own, chain: [{ auth-bearer: { keys: [""] } }, { upsert: { entity: thing } }] }
`

let now = 0
let gateway: Gateway
let lines: Record<string, unknown>[] = []
let commits: (number | undefined)[] = []
let storeAway = false

beforeEach(async () => {
  now = Date.UTC(2026, 0, 15, 12)
  lines = []
  commits = []
  storeAway = false
  const file = join(folder(), 'postern.yaml')
  writeFileSync(file, config)
  const loaded = await load(file, { env: {}, builtins, importPlugin: () => Promise.reject(new Error('none')) })
  const tokens = { webhookOf: (token: string) => (storeAway ? Promise.reject(new Error('away')) : token === 'good' ? 'two' : undefined) }
  const log = { info: (line: object) => void lines.push({ ...line }), warn() {}, error() {}, debug() {}, fatal() {} }
  const commit = async (_: unknown, left?: number) => {
    commits.push(left)
    return { record: { id: 'a', created: true, fieldsUpdated: 1 }, replayed: false, shown: [] }
  }
  const services = { tokens, log, commit, kv: openKv('', () => {}), now: () => now, noteSecretUse() {}, relay() {} }
  gateway = await openGateway(loaded.config!, services as never)
})

async function post(path: string, body: string | ReadableStream = '{"a":1}') {
  const request = new Request(`http://localhost${path}`, {
    method: 'POST',
    headers: { host: 'localhost', 'content-type': 'application/json' },
    body,
  })
  return (await gateway.handle(guard(request) as Target, '127.0.0.1')).status
}

test.each([
  ['a step', '/key', '{"a":1}', 403, { webhook: 'key', code: 'UNAUTHORIZED' }],
  ['the body', '/key', '{"a":"too long"}', 400, { webhook: 'key', code: 'PAYLOAD_TOO_LARGE' }],
  ['a closed webhook', '/closed', '{}', 500, { webhook: 'closed', code: 'UNAVAILABLE' }],
])('the log has the status that was sent: %s', async (_, path, body, status, line) => {
  expect(await post(path, body)).toBe(status)
  expect(lines).toEqual([expect.objectContaining({ ...line, status })])
})

test.each([
  ['an unknown token', false, 410, 'NOT_FOUND'],
  ['a token that cannot be looked up', true, 500, 'UNAVAILABLE'],
])('%s on a shared path belongs to no webhook', async (_, away, status, code) => {
  storeAway = away
  expect(await post('/shared/bad')).toBe(status)
  expect(lines).toMatchObject([{ code, status }])
  expect(lines[0]).not.toHaveProperty('webhook')
})

test('a refusal of a webhook on a shared path has its name', async () => {
  expect(await post('/shared/good', '[')).toBe(400)
  expect(lines).toMatchObject([{ webhook: 'two', code: 'INVALID_JSON' }])
})

test.each([0, 3000, 7999, 8001])('a body that took %i ms leaves the commit the rest, but for what the answer takes', async took => {
  const body = new ReadableStream({
    pull(controller) {
      now += took
      controller.enqueue(new TextEncoder().encode('{"a":1}'))
      controller.close()
    },
  })
  expect(await post('/open', body)).toBe(201)
  expect(commits).toEqual([7760 - took])
})
