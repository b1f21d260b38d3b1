/** Webhooks, as the configuration has them. */
import { Type } from '@sinclair/typebox'
import type { Config, Webhook } from '../config/config.ts'
import { dependents } from '../config/dependents.ts'
import { pageOf, paging, sliced } from './page.ts'
import { missing } from './problem.ts'
import { closed, one, route, text, type World } from './route.ts'

const View = Type.Object({
  name: text('Its name in the files.'),
  summary: Type.Optional(text('For people.')),
  path: text('Of the endpoint.'),
  host: Type.Array(Type.String(), { description: 'Host names under which it answers; none: any.' }),
  methods: Type.Array(Type.String()),
  active: Type.Boolean(),
  dialect: text('Shape of its answers.'),
  body_limit: Type.Integer({ description: 'Bytes.' }),
  chain: Type.Array(Type.String(), { description: 'Names of its plugins, in order.' }),
  closed: Type.Optional(text('Why it answers 503 to everything.')),
})

const names = (description: string) => Type.Array(Type.String(), { description })
const Dependents = Type.Object({
  entities: names('Entities that it writes or is checked against.'),
  subscriptions: names('Subscriptions that name it.'),
  destinations: names('Destinations that get its events.'),
})

/** Of the present configuration; throws 404. */
export function webhookOf({ config }: World, name: string): Webhook {
  const { webhooks } = config()
  const webhook = webhooks.get(name)
  if (!webhook) throw missing('webhook', name, webhooks.keys())
  return webhook
}

/** Names only: no setting of a chain, and no secret. */
function view({ name, summary, path, host, methods, active, dialect, bodyLimit, chain, closed }: Webhook) {
  return {
    name,
    ...(summary !== undefined && { summary }),
    path,
    host,
    methods,
    active,
    dialect,
    body_limit: bodyLimit,
    chain: chain.map(item => item.plugin.name),
    ...(closed && { closed }),
  }
}

/** Names of the entities that a webhook's steps name. */
export const entitiesOf = (webhook: Webhook): string[] => [
  ...new Set(webhook.chain.map(item => item.settings.entity).filter(name => typeof name === 'string')),
]

/** Names of the webhooks that have a step of an entity. */
export const webhooksOf = (config: Config, entity: string): string[] =>
  [...config.webhooks.values()].filter(webhook => entitiesOf(webhook).includes(entity)).map(webhook => webhook.name)

export const webhooks = [
  route({
    method: 'GET',
    path: '/webhooks',
    summary: 'The webhooks of the configuration',
    query: closed(paging),
    answer: pageOf(View),
    handler: (ask, { config }) => sliced(ask, [...config().webhooks.values()].map(view), webhook => webhook.name),
  }),
  route({
    method: 'GET',
    path: '/webhooks/{name}',
    summary: 'One webhook',
    params: { name: 'Name of the webhook.' },
    answer: one(View),
    handler: ({ params }, world) => ({ data: view(webhookOf(world, params.name)) }),
  }),
  route({
    method: 'GET',
    path: '/webhooks/{name}/dependents',
    summary: 'What a webhook writes, and what depends on it',
    params: { name: 'Name of the webhook.' },
    answer: one(Dependents),
    handler({ params }, world) {
      const { name } = webhookOf(world, params.name)
      return { data: dependents(world.config()).webhooks[name] }
    },
  }),
]
