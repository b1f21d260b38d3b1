/** `loop-guard`: a record that our own event brought back must not raise the next one. */
import { definePlugin, echo, Type } from '#core/plugin.ts'

export default definePlugin({
  name: 'loop-guard',
  phase: 'admit',
  summary: 'Keeps deliveries of our own that come back from raising further events.',
  config: Type.Object(
    {
      header: Type.String({
        pattern: '^[A-Za-z0-9_.-]+$',
        description: 'The header that outgoing deliveries carry. A request that has it writes its record, and no event.',
        examples: ['X-Postern-Webhook-Id'],
      }),
      trust: Type.Union([Type.Literal('known'), Type.Literal('any')], {
        default: 'known',
        description:
          'Whether the header must name an event that was raised here (known), or any value of it counts, which a sender can forge (any).',
      }),
    },
    { additionalProperties: false },
  ),
  refusals: {},
  gives: [echo],
  sender: ({ header }) => ({
    headers: {
      [header]: { description: 'Present on deliveries of ours. The record is written, and no event is raised for it.', required: false },
    },
  }),

  compile:
    ({ header, trust }, host) =>
    x => {
      const event = x.headers.get(header)
      if (event === null) return
      if (trust === 'any') x.set(echo, true)
      else
        return host.outgoing.knows(event).then(known => {
          if (known) x.set(echo, true)
          return undefined
        })
    },
})
