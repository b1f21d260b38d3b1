/** The admin API of a gateway on Deno: its own document, and what Bun would have bounded. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { Validator } from '@seriousme/openapi-schema-validator'
import { type Gateway, gateway } from '../support/process.ts'
import { TOKEN } from './world.ts'

setDefaultTimeout(60_000)
let running: Gateway
const ask = (path: string, init: RequestInit = {}) =>
  fetch(running.adminUrl + path, { ...init, headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' } })

beforeAll(async () => {
  const config = `version: 1
server: { port: "\${PORT}", host: 127.0.0.1, drainDelay: 0s }
store: { url: "pglite://memory" }
admin: { port: "\${ADMIN_PORT}", token: "${TOKEN}" }
webhooks:
  form: { path: "/in/{token}", chain: [auth-url-token, { upsert: { entity: contact } }] }
`
  running = await gateway({ runtime: 'deno', config })
})
afterAll(async () => {
  running.kill()
  await running.exited
})

test('the document is valid and its routes answer', async () => {
  expect(await new Validator().validate((await (await ask('/admin/openapi.json')).json()) as Record<string, unknown>)).toEqual({
    valid: true,
  })
  const made = await ask('/admin/v1/webhooks/form/tokens', { method: 'POST', body: '{"label":"x"}' })
  expect(made.status).toBe(201)
  const { data } = (await (await ask('/admin/v1/audit')).json()) as any
  expect(data.map((row: any) => [row.action, row.ip])).toEqual([['token.create', '127.0.0.1']])
})

test.each([
  ['GET', '/admin/v1/events/%00', 404],
  ['GET', '/admin/v1/events/%ff', 404],
  ['GET', '/admin/v1/events?limt=1', 400],
  ['PUT', '/admin/v1/webhooks', 405],
])('%s %s is %i', async (method, path, status) => {
  expect((await ask(path, { method })).status).toBe(status)
})

test('a body of more than 64 KiB is 413, also one without a length', async () => {
  const big = `{"label":"${'x'.repeat(100_000)}"}`
  const chunked = new Response(big).body as ReadableStream
  for (const body of [big, chunked])
    expect((await ask('/admin/v1/webhooks/form/tokens', { method: 'POST', body, duplex: 'half' } as RequestInit)).status).toBe(413)
})
