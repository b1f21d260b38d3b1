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

const Watched = Type.Composite([
  Subscribed,
  Type.Object({
    unjudged: Type.Integer({ description: 'Events that `when` could not judge since this replica started; they counted as not matching.' }),
  }),
])

export function viewSubscription({ name, webhooks, events, when, to, body }: Subscription) {
  return { name, webhooks, events, ...(when !== undefined && { when }), to, ...(body !== undefined && { body }) }
}

export const subscriptions = [
  route({
    method: 'GET',
    path: '/subscriptions',
    summary: 'Which events of which webhooks go where',
    query: closed(paging),
    answer: pageOf(Watched),
    handler: (ask, { config, control }) => {
      const all = [...config().subscriptions.values()]
      const watched = all.map(one => ({ ...viewSubscription(one), unjudged: control?.()?.unjudged(one.name) ?? 0 }))
      return sliced(ask, watched, subscription => subscription.name)
    },
  }),
]
