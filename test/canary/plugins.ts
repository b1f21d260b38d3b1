/** A plugin that does what none should: it tells its secret. Loaded by the gateway of the canaries, with a tracer that keeps its spans. */
import { appendFileSync } from 'node:fs'
import process from 'node:process'
import { propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api'

let spans = 0

/** As an SDK does; each span is a line of the file that `SPANS` names. */
if (process.env.SPANS) {
  const file = process.env.SPANS
  trace.setGlobalTracerProvider({
    getTracer: () =>
      ({
        startSpan(name: string, options?: { attributes?: object }, parent?: Parameters<typeof trace.getSpanContext>[0]) {
          const from = trace.getSpanContext(parent ?? ROOT_CONTEXT)
          const own = { traceId: from?.traceId ?? 'f'.repeat(32), spanId: String(++spans).padStart(16, '0'), traceFlags: 1 }
          const seen = { name, from, own, ...options?.attributes }
          return {
            spanContext: () => own,
            setAttributes: (more: object) => Object.assign(seen, more),
            setStatus: (status: object) => Object.assign(seen, { status }),
            recordException: (exception: unknown) => Object.assign(seen, { exception: String(exception) }),
            end: () => appendFileSync(file, `${JSON.stringify(seen)}\n`),
          }
        },
      }) as never,
  })
  propagation.setGlobalPropagator({
    fields: () => ['traceparent'],
    inject() {},
    extract(context, carrier, getter) {
      const [, traceId, spanId] = String(getter.get(carrier, 'traceparent') ?? '').split('-')
      return traceId && spanId ? trace.setSpanContext(context, { traceId, spanId, traceFlags: 1, isRemote: true }) : context
    },
  })
}

/** A secret in each spelling in which a message might have it. */
export const spelled = (secret: string) => ({
  plain: `a message with ${secret} in it`,
  url: `https://u:${encodeURIComponent(secret)}@host.example/?key=${encodeURIComponent(secret)}`,
  form: new URLSearchParams({ key: secret }).toString(),
  json: JSON.stringify({ key: secret }),
  nested: JSON.stringify({ text: JSON.stringify({ key: secret }) }),
  basic: `Basic ${Buffer.from(`user:${secret}`).toString('base64')}`,
  url64: Buffer.from(`{"user":"${secret}"}`).toString('base64url'),
  hex: Buffer.from(secret).toString('hex'),
})

export default ({ definePlugin, Type, Secret }: typeof import('../../core/plugin.ts')) =>
  definePlugin({
    name: 'canary',
    phase: 'shape',
    summary: 'Tells its secret: in an error, or in a warning.',
    config: Type.Object(
      {
        secret: Secret({ description: 'A canary.' }),
        how: Type.Union([Type.Literal('throw'), Type.Literal('warn')], { description: 'How it tells.' }),
      },
      { additionalProperties: false },
    ),
    refusals: {},
    compile:
      ({ secret, how }, host) =>
      () => {
        const all = spelled(secret)
        if (how === 'throw') throw new Error(`the canary falls: ${JSON.stringify(all)}`, { cause: new Error(secret) })
        host.warn(`the canary sings: ${secret}`, { all, text: JSON.stringify(all) })
      },
  })
