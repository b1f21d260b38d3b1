/** Writes the event of this request into the outbox, from where subscriptions carry it on. */
import { definePlugin, echo, emitEvent, Type } from '#core/plugin.ts'

export default definePlugin({
  name: 'dispatch',
  phase: 'emit',
  summary: 'Tells subscriptions: record.created, record.updated, or webhook.received when the chain writes no record.',
  config: Type.Object({}, { additionalProperties: false }),
  refusals: {},
  single: true,
  compile: () => x => {
    // An echo of an event of our own: telling it on would send it round for ever.
    if (!x.get(echo)) x.stage(emitEvent, {})
  },
})
