/** `replay-window`: a captured request must not be good for ever. */
import { Duration, definePlugin, signedAt, Type } from '#core/plugin.ts'
import { skew } from './skew.ts'

const FIVE_MINUTES = 5 * 60_000
/** No clock is that wrong. */
const WIDE = 60 * 60_000

export default definePlugin({
  name: 'replay-window',
  phase: 'verify',
  summary: 'Refuses requests that were signed too long ago, or too far ahead of our clock.',
  config: Type.Object(
    {
      tolerance: Type.Optional(
        Duration({
          description: 'How far the time of signing may be off, both ways. Without it: what the scheme says, else `5m`.',
          examples: ['5m'],
        }),
      ),
      future: Type.Optional(
        Duration({ description: 'How far ahead of our clock it may be, where that is not `tolerance`.', examples: ['30s'] }),
      ),
    },
    { additionalProperties: false },
  ),
  refusals: { UNAUTHORIZED: { status: 401, summary: 'The credential, signature or timestamp is missing or wrong.' } },
  single: true,
  shared: true,
  // It judges a time that another step has verified.
  verifies: false,
  needs: [signedAt],
  lint: ({ tolerance = 0, future = 0 }) =>
    Math.max(tolerance, future) > WIDE
      ? [
          {
            rule: 'wide-replay-window',
            path: tolerance > WIDE ? '/tolerance' : '/future',
            message: 'whoever gets hold of one signed request can send it again for more than an hour: write 5m, and put the clocks right',
          },
        ]
      : [],
  diagnose: (_, x, host) => skew(x.get(signedAt)?.time, host.now()),

  compile(config, host) {
    const refuse = (reason: string) => host.refuse('UNAUTHORIZED', undefined, { reason })
    return x => {
      const signed = x.get(signedAt)
      if (!signed) return refuse('timestamp-missing')
      const past = config.tolerance ?? signed.tolerance ?? FIVE_MINUTES
      const future = config.future ?? config.tolerance ?? signed.future ?? past
      const age = host.now() - signed.time
      // Asked this way round, a time that is no number is refused.
      if (age >= -future && age <= past) return undefined
      return refuse(age > 0 ? `timestamp-too-old: by ${age - past} ms` : `timestamp-in-future: by ${-age - future} ms`)
    }
  },
})
