/** Subscriptions, as the configuration has them. */
import { Type } from '@sinclair/typebox'
import type { Subscription } from '../config/config.ts'
import { pageOf, whole } from './page.ts'
import { route, text } from './route.ts'

const names = (description: string) => Type.Array(Type.String(), { description })

export const Subscribed = Type.Object({
  name: Type.String(),
  webhooks: names('Whose events it takes.'),
  events: names('Kinds of events.'),
  when: Type.Optional(text('CEL; it is taken when this is true.')),
  to: names('Destinations that get it.'),
  body: Type.Optional(Type.Unknown({ description: 'Template of what is sent.' })),
})

export function viewSubscription({ name, webhooks, events, when, to, body }: Subscription) {
  return { name, webhooks, events, ...(when !== undefined && { when }), to, ...(body !== undefined && { body }) }
}

export const subscriptions = [
  route({
    method: 'GET',
    path: '/subscriptions',
    summary: 'Which events of which webhooks go where',
    answer: pageOf(Subscribed),
    handler: (_ask, { config }) => whole([...config().subscriptions.values()].map(viewSubscription)),
  }),
]
