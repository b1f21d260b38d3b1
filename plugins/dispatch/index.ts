/** Writes the event of this request into the outbox, from where subscriptions carry it on. */
import { definePlugin, echo, emitEvent, Type } from '#core/plugin.ts'

export default definePlugin({
  name: 'dispatch',
  phase: 'emit',
  summary: 'Tells subscriptions: record.created, record.updated, or webhook.received when the chain writes no record.',
  config: Type.Object(
    {
      maxHops: Type.Integer({
        minimum: 1,
        maximum: 100,
        default: 5,
        description: 'How often an event may go round: a delivery of ours that comes back raises an event only so many times.',
      }),
    },
    { additionalProperties: false },
  ),
  refusals: {},
  single: true,
  shared: true,
  compile({ maxHops }, host) {
    /** By webhook: it is told once of each. */
    const warned = new Set<string>()
    return x => {
      // An echo of an event of our own: telling it on would send it round for ever.
      if (x.get(echo)) return
      const hops = host.outgoing.hops(x.headers)
      if (hops < maxHops) return void x.stage(emitEvent, hops > 0 ? { hops } : {})
      const { webhook } = x
      if (!warned.has(webhook))
        host.warn('an event has gone round too often and is not told on: look for a loop between webhooks and destinations', {
          webhook,
          hops,
        })
      warned.add(webhook)
    }
  },
})
