/** What depends on what, in both directions: entities, webhooks, subscriptions, destinations. */
import { agreement, dataPaths } from './agreement.ts'
import type { Config } from './config.ts'
import { payloadOf } from './payload.ts'
import { pathsOf } from './subscription.ts'

/** Everything by its name; lists of names are sorted. */
export interface Dependents {
  webhooks: Record<string, { entities: string[]; subscriptions: string[]; destinations: string[] }>
  subscriptions: Record<
    string,
    {
      webhooks: string[]
      destinations: string[]
      /** Whether the payloads of its webhooks go together; those that do not are no configuration. */
      compatibility: 'compatible' | 'unknown'
      /** Why it is unknown. */
      reason?: string
    }
  >
  destinations: Record<string, { subscriptions: string[]; webhooks: string[] }>
  entities: Record<string, { webhooks: string[] }>
}

/** Follows every name of a configuration. */
export function dependents({ webhooks, subscriptions, destinations, entities }: Config): Dependents {
  const all = [...subscriptions.values()]
  const payloads = new Map([...webhooks.values()].map(webhook => [webhook.name, payloadOf(webhook, name => entities.get(name))]))
  return {
    webhooks: each(webhooks.keys(), name => {
      const of = all.filter(subscription => subscription.webhooks.includes(name))
      return {
        entities: sorted(payloads.get(name)?.entities ?? []),
        subscriptions: sorted(of.map(subscription => subscription.name)),
        destinations: sorted(of.flatMap(subscription => subscription.to)),
      }
    }),
    subscriptions: each(subscriptions.keys(), name => {
      const subscription = subscriptions.get(name)!
      const found = subscription.webhooks.map(other => payloads.get(other)).filter(payload => payload !== undefined)
      const verdict = agreement(found, dataPaths(pathsOf(subscription)))
      const lists = { webhooks: sorted(subscription.webhooks), destinations: sorted(subscription.to) }
      return verdict.kind === 'compatible'
        ? { ...lists, compatibility: 'compatible' as const }
        : { ...lists, compatibility: 'unknown' as const, reason: verdict.reason }
    }),
    destinations: each(destinations.keys(), name => {
      const of = all.filter(subscription => subscription.to.includes(name))
      return { subscriptions: sorted(of.map(({ name }) => name)), webhooks: sorted(of.flatMap(subscription => subscription.webhooks)) }
    }),
    entities: each(entities.keys(), name => ({
      webhooks: sorted([...payloads.values()].filter(payload => payload.entities.includes(name)).map(({ webhook }) => webhook)),
    })),
  }
}

/** The part that is about one name, whatever bears it; empty when nothing does. */
export function about(name: string, all: Dependents): Dependents {
  const only = <T>(section: Record<string, T>) => Object.fromEntries(Object.entries(section).filter(([key]) => key === name))
  const { webhooks, subscriptions, destinations, entities } = all
  return { webhooks: only(webhooks), subscriptions: only(subscriptions), destinations: only(destinations), entities: only(entities) }
}

const each = <T>(names: Iterable<string>, of: (name: string) => T): Record<string, T> =>
  Object.fromEntries([...names].map(name => [name, of(name)]))

const sorted = (names: readonly string[]): string[] => [...new Set(names)].sort()
