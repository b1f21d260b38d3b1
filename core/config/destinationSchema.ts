/** The settings that every destination has, whatever its kind. */
import { Type } from '@sinclair/typebox'
import { Duration } from '../settings.ts'
import { closed } from './section.ts'

/** What a destination is that says no `type`. */
export const DEFAULT_KIND = 'http'
/** Milliseconds; of a retry that says none. */
export const DEFAULT_BACKOFF = 5000

const retry = closed(
  {
    schedule: Type.Optional(
      Type.Array(Duration({ description: 'Wait before the attempt.', max: '30d' }), {
        minItems: 1,
        maxItems: 100,
        examples: [['0s', '5s', '5m', '1h']],
        description: 'The wait before each attempt, the first included. Instead of `attempts`, `backoff` and `max`.',
      }),
    ),
    attempts: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, description: 'Attempts in all; 10 when left out.' })),
    backoff: Type.Optional(
      Duration({
        min: '1ms',
        max: '30d',
        description: 'Wait before the second attempt, twice as long before each further one; 5s when left out.',
      }),
    ),
    max: Type.Optional(Duration({ min: '1ms', max: '30d', description: 'Longest wait; 24h when left out.' })),
  },
  'When a failed delivery is tried again. Left out: the ten attempts over 75 hours that Standard Webhooks proposes.',
)

/** Beside these stand the settings of the kind. */
export const common = {
  type: Type.String({ default: DEFAULT_KIND, description: 'Its kind.' }),
  timeout: Duration({ default: '15s', min: '100ms', max: '60s', description: 'Time for one attempt, the whole answer included.' }),
  concurrency: Type.Integer({
    minimum: 1,
    maximum: 1000,
    default: 20,
    description: 'Attempts at a time, of all replicas together.',
  }),
  rate: Type.Optional(
    closed(
      {
        limit: Type.Integer({ minimum: 1, maximum: 100_000, description: 'Attempts allowed within `per`.' }),
        per: Duration({ default: '1s', min: '100ms', max: '1d', description: 'Length of the window.' }),
      },
      'How many attempts may begin within a time, of all replicas together.',
    ),
  ),
  retry: Type.Optional(retry),
  ordered: Type.Boolean({
    default: false,
    description: 'Events of one record one after the other, in their order; a dead letter holds up those behind it.',
  }),
  disableAfter: Duration({
    default: '5d',
    description: 'Time of nothing but failures after which the destination is disabled, until it is resumed; 0s: never.',
  }),
  cloudEvents: Type.Optional(
    Type.Union([Type.Literal('structured'), Type.Literal('binary')], {
      description:
        'Send CloudEvents 1.0: the whole event as JSON, or its attributes as headers. Left out: `{ id, type, timestamp, data }`.',
    }),
  ),
}
