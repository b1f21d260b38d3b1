/** Subscriptions, as the configuration has them. */
import { Type } from '@sinclair/typebox'
import type { Subscription } from '../config/config.ts'
import { pageOf, paging, sliced } from './page.ts'
import { closed, route, text } from './route.ts'

const names = (description: string) => Type.Array(Type.String(), { description })

const Subscribed = Type.Object({
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
    query: closed(paging),
    answer: pageOf(Subscribed),
    handler: (ask, { config }) =>
      sliced(ask, [...config().subscriptions.values()].map(viewSubscription), subscription => subscription.name),
  }),
]
