/** The package in a real gateway, with a tracer that writes its spans to stdout. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Running, running } from '../../test/deliveries/fixture.ts'
import { type Sink, sink } from '../../test/deliveries/sink.ts'
import { available } from '../../test/support/available.ts'
import { folder } from '../../test/support/child.ts'
import { postgres } from '../../test/support/postgres.ts'

const package_ = join(import.meta.dirname, 'index.ts')
const api = import.meta.resolve('@opentelemetry/api')
const TRACE = '0af7651916cd43dd8448eb211c80319c'
const PARENT = 'b7ad6b7169203331'

/** Registers a tracer and a propagator, as an SDK does; each span is a warning in the log. */
const tracing = `import { trace, propagation, ROOT_CONTEXT } from '${api}'
let spans = 0
class Provider {
  getTracer() {
    return {
      startSpan(name, { attributes }, parent) {
        const from = trace.getSpanContext(parent ?? ROOT_CONTEXT)
        const own = { traceId: from?.traceId ?? 'f'.repeat(32), spanId: String(++spans).padStart(16, '0'), traceFlags: 1 }
        const seen = { name, parent: from?.spanId, ...attributes }
        return {
          spanContext: () => own,
          setAttributes: more => Object.assign(seen, more),
          setStatus: status => Object.assign(seen, { status: status.code }),
          end: () => process.stderr.write('SPAN ' + JSON.stringify(seen) + '\\n'),
        }
      },
    }
  }
}
trace.setGlobalTracerProvider(new Provider())
propagation.setGlobalPropagator({
  fields: () => ['traceparent'],
  inject() {},
  extract(context, carrier, getter) {
    const [, traceId, spanId] = (getter.get(carrier, 'traceparent') ?? '').split('-')
    return spanId ? trace.setSpanContext(context, { traceId, spanId, traceFlags: 1, isRemote: true }) : context
  },
})
export default ({ definePlugin, Type }) => definePlugin({
  name: 'tracing', phase: 'shape', summary: 'For tests.', config: Type.Object({}, { additionalProperties: false }), refusals: {}, compile: () => () => undefined,
})
`

const onPostgres = await available('Postgres', postgres)

onPostgres('a span for each request', () => {
  let served: Running
  let seen: Sink
  beforeAll(async () => {
    seen = sink()
    const sdk = join(folder(), 'tracing.mjs')
    writeFileSync(sdk, tracing)
    served = await running('', {
      sink: seen,
      file: `version: 1
server: { port: "\${PORT}", host: 127.0.0.1, drainDelay: 0s }
store: { url: "\${DATABASE_URL}" }
plugins: ["${sdk}", "${package_}"]
webhooks:
  orders: { path: /orders, chain: [opentelemetry, { auth-bearer: { keys: [key-0123456789abcdef] } }, { upsert: { entity: order } }, dispatch] }
  strange: { path: /strange, chain: [{ opentelemetry: { trust: false } }, { auth-none: { reason: a test } }, { upsert: { entity: order } }, dispatch] }
subscriptions: { all: { webhooks: [orders], to: [crm] } }
destinations: { crm: { url: "${seen.url}/crm", allowPrivate: true } }
`,
    })
  })
  afterAll(() => served.stop())
  const spans = () =>
    served
      .log()
      .split('\n')
      .flatMap(line => (line.startsWith('SPAN ') ? [JSON.parse(line.slice(5))] : []))
  const post = (path: string, headers: Record<string, string> = {}) =>
    fetch(`${served.url}/${path}`, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: '{"id":"a"}' })

  test('goes on with the trace of the sender, and its deliveries with it', async () => {
    const traceparent = `00-${TRACE}-${PARENT}-01`
    expect((await post('orders', { traceparent, authorization: 'Bearer key-0123456789abcdef' })).status).toBe(201)
    expect((await post('orders')).status).toBe(401)
    expect((await post('strange', { traceparent })).status).toBeLessThan(300)
    await seen.until(() => seen.at('crm').length === 1)
    const about = { 'http.request.method': 'POST', 'postern.exchange': expect.stringMatching(/^[0-9A-Z]{26}$/) }
    expect(spans()).toEqual([
      {
        name: 'webhook orders',
        parent: PARENT,
        ...about,
        'postern.webhook': 'orders',
        'http.response.status_code': 201,
        'postern.outcome': 'accepted',
      },
      {
        name: 'webhook orders',
        ...about,
        'postern.webhook': 'orders',
        'http.response.status_code': 401,
        'postern.outcome': 'refused',
        'error.type': 'UNAUTHORIZED',
      },
      { name: 'webhook strange', ...about, 'postern.webhook': 'strange', 'http.response.status_code': 200, 'postern.outcome': 'accepted' },
    ])
    expect(seen.at('crm')[0]?.headers.get('traceparent')).toStartWith(`00-${TRACE}-`)
    expect((await served.rows('select trace from events where webhook = $1', ['orders']))[0]?.trace).toBe(`00-${TRACE}-0000000000000001-01`)
  })
})
