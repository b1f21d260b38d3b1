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
  compile: () => () => undefined,
})
