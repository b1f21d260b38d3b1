/** The checked configuration as JSON; of a secret only the name. */
import { Type } from '@sinclair/typebox'
import type { Config, Destination, Webhook } from '../config/config.ts'
import { one, route } from './route.ts'
import { viewSubscription } from './subscriptions.ts'

const settings = (description: string) => Type.Record(Type.String(), Type.Unknown(), { description })
const every = (description: string) => Type.Record(Type.String(), settings(description))

const View = Type.Object({
  server: settings('Where senders reach it.'),
  store: Type.Object({ url: Type.String({ description: 'Without user and password.' }) }),
  redis: Type.Object({ url: Type.String({ description: 'Without user and password; empty: none.' }) }),
  admin: settings('Where operators reach it.'),
  retention: settings('Milliseconds.'),
  entities: every('An entity.'),
  webhooks: every('A webhook; its chain is a list of maps of one plugin to its settings.'),
  subscriptions: every('A subscription.'),
  destinations: every('A destination.'),
  dialects: every('A dialect.'),
})

export const config = [
  route({
    method: 'GET',
    path: '/config',
    summary: 'The configuration that runs; secrets by name alone',
    answer: one(View),
    handler: (_ask, { config }) => ({ data: blanked(view(config()), config().secretValues) }),
  }),
]

function view({ server, store, redis, admin, retention, entities, webhooks, subscriptions, destinations, dialects }: Config) {
  return {
    server,
    store: { url: bare(store.url) },
    redis: { url: bare(redis.url) },
    admin: { port: admin.port, host: admin.host, token: admin.shownToken },
    retention,
    entities: each(entities, ({ name: _, ...entity }) => entity),
    webhooks: each(webhooks, viewWebhook),
    subscriptions: each(subscriptions, subscription => ({ ...viewSubscription(subscription), name: undefined })),
    destinations: each(destinations, viewDestination),
    dialects: each(dialects, ({ name: _, ...dialect }) => dialect),
  }
}

function viewWebhook({ name: _, at: __, chain, ...webhook }: Webhook) {
  return { ...webhook, chain: chain.map(({ plugin, shown }) => ({ [plugin.name]: shown })) }
}

function viewDestination({ name: _, at: __, kind, settings: ___, shown, ...common }: Destination) {
  return { type: kind.name, ...common, ...shown }
}

const each = <T, V>(all: ReadonlyMap<string, T>, view: (value: T) => V): Record<string, V> =>
  Object.fromEntries([...all].map(([name, value]) => [name, view(value)]))

/** An address without credentials, in the userinfo or in the query. */
function bare(text: string): string {
  const url = URL.parse(text)
  if (!url || url.protocol === 'pglite:') return text
  return `${url.protocol}//${url.host}${url.pathname}`
}

/** Shorter values would blank harmless text. */
const SHORTEST = 6

/** A secret that came along in another setting, as a part of a URL say, does not show either. */
function blanked(value: unknown, secrets: readonly string[]): unknown {
  const long = secrets.filter(secret => secret.length >= SHORTEST)
  const walk = (value: unknown): unknown => {
    if (typeof value === 'string') return long.reduce((text, secret) => text.replaceAll(secret, '[secret]'), value)
    if (Array.isArray(value)) return value.map(walk)
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, walk(inner)]))
  }
  return walk(value)
}
