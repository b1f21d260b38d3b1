/** The package in a real gateway, with the SDK and the exporter of the README and a collector that remembers. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Sink, sink } from '../../test/deliveries/sink.ts'
import { available } from '../../test/support/available.ts'
import { folder } from '../../test/support/child.ts'
import { freshDatabase, postgres } from '../../test/support/postgres.ts'
import { type Env, type Gateway, gateway, type Runtime, runtimes } from '../../test/support/process.ts'

const root = join(import.meta.dirname, '../..')
const TRACE = '0af7651916cd43dd8448eb211c80319c'
const PARENT = 'b7ad6b7169203331'
const KEY = 'key-0123456789abcdef'
const WARNING = 'no OpenTelemetry SDK is in force'
const ERROR = 2

/** The README's tracing file, where it finds what the README installs. */
function tracing(): string {
  const [, text] = /```ts\n(.*?)```/s.exec(readFileSync(join(import.meta.dirname, 'README.md'), 'utf8')) ?? []
  const home = folder()
  mkdirSync(join(home, 'node_modules'))
  symlinkSync(join(root, 'node_modules/@opentelemetry'), join(home, 'node_modules/@opentelemetry'))
  writeFileSync(join(home, 'tracing.ts'), text as string)
  return join(home, 'tracing.ts')
}

/** A step that is broken, for a request that fails. */
const broken = `export default ({ definePlugin, Type }) => definePlugin({
  name: 'broken', phase: 'shape', summary: 'For tests.', config: Type.Object({}, { additionalProperties: false }), refusals: {},
  compile: () => () => { throw new Error('on purpose') },
})`

const config = (seen: Sink) => `version: 1
server: { port: "\${PORT}", host: 127.0.0.1, drainDelay: 0s }
store: { url: "\${DATABASE_URL}" }
plugins: [./broken.ts, "${join(import.meta.dirname, 'index.ts')}"]
webhooks:
  orders: { path: /orders, chain: [opentelemetry, { auth-bearer: { keys: [${KEY}] } }, { upsert: { entity: order } }, dispatch] }
  strange: { path: /strange, chain: [{ opentelemetry: { trust: false } }, { auth-none: { reason: a test } }, { upsert: { entity: order } }, dispatch] }
  broken: { path: /broken, chain: [opentelemetry, { auth-none: { reason: a test } }, broken, { upsert: { entity: order } }] }
subscriptions: { all: { webhooks: [orders, strange], to: [crm] } }
destinations: { crm: { url: "${seen.url}/crm", allowPrivate: true, retry: { schedule: [0s, 100ms] } } }
`

interface Span {
  name: string
  traceId: string
  spanId: string
  parentSpanId?: string
  status: { code: number }
  attributes: { key: string; value: { stringValue?: string; intValue?: number | string } }[]
}

/** What the collector has been sent. */
const spansOf = (seen: Sink): Span[] =>
  seen.at('v1/traces').flatMap(r => r.body.resourceSpans.flatMap((of: any) => of.scopeSpans.flatMap((s: any) => s.spans)))

const about = (span: Span | undefined) =>
  Object.fromEntries((span?.attributes ?? []).map(({ key, value }) => [key, value.stringValue ?? Number(value.intValue)]))

async function begin(runtime: Runtime, seen: Sink, more: { preload?: string; env?: Env } = {}): Promise<Gateway> {
  const env = { DATABASE_URL: (await freshDatabase()).url, OTEL_SERVICE_NAME: 'shop', OTEL_BSP_SCHEDULE_DELAY: '50', ...more.env }
  return gateway({ runtime, config: config(seen), files: { 'broken.ts': broken }, ...more, env })
}

const post = ({ url }: Gateway, path: string, headers: Record<string, string> = {}, id = 'a') =>
  fetch(`${url}/${path}`, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify({ id }) })

/** The `traceparent` of each delivery of a record. */
const carried = (seen: Sink, id: string) =>
  seen.at('crm').flatMap(r => (r.body.data.record_id === id ? [r.headers.get('traceparent')] : []))

const onPostgres = await available('Postgres', postgres)

onPostgres('a span for each request', () => {
  describe.each([...runtimes])('on %s', runtime => {
    const seen: Sink = sink({
      crm: (_, { body }) => (body.data.record_id === 'traced' && carried(seen, 'traced').length === 1 ? 503 : 200),
    })
    let served: Gateway
    beforeAll(async () => {
      served = await begin(runtime, seen, { preload: tracing(), env: { OTEL_EXPORTER_OTLP_ENDPOINT: seen.url } })
    })
    afterAll(() => served.stop())

    /** Sends a request and gives the one span that came of it. */
    async function span(path: string, headers?: Record<string, string>, id?: string): Promise<Span> {
      const known = spansOf(seen).length
      await post(served, path, headers, id)
      await seen.until(() => spansOf(seen).length > known)
      expect(spansOf(seen).length).toBe(known + 1)
      return spansOf(seen)[known] as Span
    }

    const authorization = `Bearer ${KEY}`
    const rows: [string, string, Record<string, string>, Record<string, unknown>, number][] = [
      ['accepted', 'orders', { authorization }, { 'http.response.status_code': 201, 'postern.outcome': 'accepted' }, 0],
      ['refused', 'orders', {}, { 'http.response.status_code': 401, 'postern.outcome': 'refused', 'error.type': 'UNAUTHORIZED' }, 0],
      ['failed', 'broken', {}, { 'http.response.status_code': 500, 'postern.outcome': 'failed', 'error.type': 'INTERNAL' }, ERROR],
    ]
    test.each(rows)('%s', async (_, webhook, headers, end, status) => {
      const one = await span(webhook, headers)
      const exchange = expect.stringMatching(/^[0-9A-Z]{26}$/)
      expect(about(one)).toEqual({ 'http.request.method': 'POST', 'postern.webhook': webhook, 'postern.exchange': exchange, ...end } as any)
      expect({ name: one.name, status: one.status.code, parent: one.parentSpanId }).toEqual({
        name: `webhook ${webhook}`,
        status,
        parent: undefined,
      })
    })

    test('goes on with the trace of the sender, and is the parent of its deliveries, whatever the attempt', async () => {
      const one = await span('orders', { authorization, traceparent: `00-${TRACE}-${PARENT}-ff` }, 'traced')
      expect([one.traceId, one.parentSpanId]).toEqual([TRACE, PARENT])
      await seen.until(() => carried(seen, 'traced').length === 2)
      const [first, second] = carried(seen, 'traced')
      expect(first).toMatch(new RegExp(`^00-${TRACE}-${one.spanId}-0[13]$`))
      expect(second).toBe(first as string)
    })

    test('begins a new trace for a stranger', async () => {
      const one = await span('strange', { traceparent: `00-${TRACE}-${PARENT}-01` })
      expect(one.traceId).not.toBe(TRACE)
      expect(one.parentSpanId).toBeUndefined()
    })

    test('tells the name of the service, and the gateway warns of nothing', () => {
      const [{ resource }] = seen.at('v1/traces')[0]?.body.resourceSpans ?? []
      expect(resource.attributes).toContainEqual({ key: 'service.name', value: { stringValue: 'shop' } })
      expect(served.log()).not.toContain(WARNING)
    })
  })

  describe('without an SDK in force', () => {
    const older = join(folder(), 'older.mjs')
    writeFileSync(older, "globalThis[Symbol.for('opentelemetry.js.api.1')] = { version: '1.8.0', trace: { getTracer() {} } }")
    const rows: [string, { preload?: string }, string | undefined][] = [
      ['nothing was loaded', {}, undefined],
      ['one that registered with an older API', { preload: older }, expect.stringContaining('@opentelemetry/api 1.8.0')],
    ]
    test.each(rows)('the gateway warns once, and passes on the trace of the sender: %s', async (_, more, registered) => {
      const seen = sink()
      const served = await begin('bun', seen, more)
      await post(served, 'strange', { traceparent: `00-${TRACE}-${PARENT}-01` })
      await seen.until(() => seen.at('crm').length === 1)
      await served.stop()
      const [line, ...others] = served
        .log()
        .split('\n')
        .filter(line => line.includes(WARNING))
      expect(others).toEqual([])
      const { level, webhook, plugin, registered: found } = JSON.parse(line ?? '{}')
      expect({ level, webhook, plugin, found }).toEqual({ level: 'warn', webhook: 'orders', plugin: 'opentelemetry', found: registered })
      expect(carried(seen, 'a')[0]).toMatch(new RegExp(`^00-${TRACE}-(?!${PARENT})[0-9a-f]{16}-01$`))
    })
  })
})
