/** `auth-none`: everybody is let in, and the file says why. */
import { definePlugin, Type } from '#core/plugin.ts'

export default definePlugin({
  name: 'auth-none',
  phase: 'verify',
  summary: 'Lets everybody in; says so where the next reader of the file will see it.',
  config: Type.Object(
    {
      reason: Type.String({
        pattern: '\\S',
        description: 'Why this webhook needs no authentication.',
        examples: ['reachable from the private network alone'],
      }),
    },
    { additionalProperties: false },
  ),
  refusals: {},
  shared: true,
  lint: (_, { production, chain }) =>
    production && !chain.some(({ plugin }) => plugin.phase === 'verify' && plugin.name !== 'auth-none' && plugin.verifies !== false)
      ? [
          {
            rule: 'open-to-all',
            path: '',
            message:
              'whoever finds the address can write records and raise events: put a verify step here; where the network keeps strangers out, say so in a comment: # allow open-to-all: why',
          },
        ]
      : [],
  compile: () => () => undefined,
})
