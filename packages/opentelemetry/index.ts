/** A span for each request, for whatever OpenTelemetry SDK the process runs with; without one, it does nothing. */
import { context, propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'

const tracer = trace.getTracer('postern')
const HEADERS = { keys: (headers: Headers) => [...headers.keys()], get: (headers: Headers, name: string) => headers.get(name) ?? undefined }
const SAMPLED = 1

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
    compile:
      ({ trust }) =>
      x => {
        const parent = trust ? propagation.extract(ROOT_CONTEXT, x.headers, HEADERS) : ROOT_CONTEXT
        const attributes = { 'http.request.method': x.method, 'postern.webhook': x.webhook, 'postern.exchange': x.id }
        const options = { kind: SpanKind.SERVER, startTime: x.receivedAt, attributes }
        const span = tracer.startSpan(`webhook ${x.webhook}`, options, parent ?? context.active())
        const { traceId, spanId, traceFlags } = span.spanContext()
        // Without an SDK all ids are zeros, and what the sender said stays.
        if (trace.isSpanContextValid(span.spanContext()))
          x.belongTo(`00-${traceId}-${spanId}-${(traceFlags & SAMPLED).toString(16).padStart(2, '0')}`)
        x.atEnd(({ outcome, status, code }) => {
          span.setAttributes({ 'http.response.status_code': status, 'postern.outcome': outcome, ...(code && { 'error.type': code }) })
          // What the sender did wrong is no error of this service (semantic conventions for HTTP servers).
          if (outcome === 'failed') span.setStatus({ code: SpanStatusCode.ERROR })
          span.end()
        })
        return undefined
      },
  })
