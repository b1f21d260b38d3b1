/** A span for each request, for whatever OpenTelemetry SDK the process runs with; without one it warns, and does nothing. */
import { propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'

const HEADERS = { keys: (headers: Headers) => [...headers.keys()], get: (headers: Headers, name: string) => headers.get(name) ?? undefined }
/** Where every copy of the API, whatever its version, looks for the SDK; a copy passes over one of an older API, and says nothing. */
const REGISTERED = Symbol.for('opentelemetry.js.api.1')

let tried = false

/** Whether spans go nowhere; asked once for the process, as no SDK comes later. */
function lost(tracer: ReturnType<typeof trace.getTracer>): boolean {
  if (tried) return false
  tried = true
  // Never ended, so no SDK exports it. Without an SDK all of its ids are zeros.
  return !trace.isSpanContextValid(tracer.startSpan('is anybody there').spanContext())
}

/** Made of the contract that the gateway hands over, so that this package needs none of its own. */
export default ({ definePlugin, Type }: typeof import('../../core/plugin.ts')) =>
  definePlugin({
    name: 'opentelemetry',
    phase: 'verify',
    summary: 'Makes a span of each request, and its deliveries part of the trace.',
    verifies: false,
    single: true,
    config: Type.Object(
      {
        trust: Type.Boolean({
          default: true,
          description: "Whether a span goes on with the sender's trace; false begins a new one, for senders that are strangers.",
        }),
      },
      { additionalProperties: false },
    ),
    refusals: {},
    compile({ trust }, host) {
      const tracer = trace.getTracer('postern')
      if (lost(tracer)) host.warn(NOWHERE, older())
      return x => {
        const parent = trust ? propagation.extract(ROOT_CONTEXT, x.headers, HEADERS) : ROOT_CONTEXT
        const attributes = { 'http.request.method': x.method, 'postern.webhook': x.webhook, 'postern.exchange': x.id }
        const options = { kind: SpanKind.SERVER, startTime: x.receivedAt, attributes }
        const span = tracer.startSpan(`webhook ${x.webhook}`, options, parent)
        const { traceId, spanId, traceFlags } = span.spanContext()
        // Without an SDK all ids are zeros, and what the sender said stays.
        if (trace.isSpanContextValid(span.spanContext())) x.belongTo(`00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`)
        x.atEnd(({ outcome, status, code }) => {
          span.setAttributes({ 'http.response.status_code': status, 'postern.outcome': outcome, ...(code && { 'error.type': code }) })
          // What the sender did wrong is no error of this service (semantic conventions for HTTP servers).
          if (outcome === 'failed' || status >= 500) span.setStatus({ code: SpanStatusCode.ERROR })
          span.end()
        })
        return undefined
      }
    },
  })

const NOWHERE =
  'no OpenTelemetry SDK is in force, so spans go nowhere: load one before the gateway (--preload ./tracing.ts, see the README of this plugin), or take the step out of the chain'

/** Says of an SDK that is there and yet is not in force what it was registered with. */
function older(): Record<string, unknown> {
  const found = (globalThis as Record<symbol, any>)[REGISTERED]
  return found?.trace ? { registered: `@opentelemetry/api ${found.version}, which is older than the one that this plugin found` } : {}
}
