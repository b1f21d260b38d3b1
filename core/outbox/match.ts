/** Which destinations an event goes to. */
import type { Config, Subscription } from '../config/config.ts'
import { SUBSCRIPTION_NAMES } from '../config/subscription.ts'
import { compileExpression } from '../plugin.ts'
import type { EventHead, StoredEvent } from './delivery.ts'

export interface Match {
  subscription: string
  destination: string
}

/** Finds each destination of an event once: the first subscription that wants it there is the one whose body is sent. */
export interface Matcher {
  match(event: StoredEvent): Match[]
  /** As if every `when` held: of an event whose data is not at hand. */
  possible(event: EventHead): Match[]
  /** Whether a `when` looks at events of this webhook; without one, `possible` is all that matters. */
  asks(webhook: string): boolean
}

type Warn = (message: string, fields: Record<string, unknown>) => void

/** Compiles the subscriptions of a configuration. A filter that cannot judge an event counts as not matching, and is told once. */
export function compileMatcher(config: Pick<Config, 'subscriptions'>, warn: Warn, failed: (subscription: string) => void): Matcher {
  const byWebhook = new Map<string, { subscription: Subscription; wants(event: StoredEvent): boolean }[]>()
  for (const subscription of config.subscriptions.values()) {
    const wants = compileWhen(subscription, warn, failed)
    for (const webhook of subscription.webhooks) byWebhook.set(webhook, [...(byWebhook.get(webhook) ?? []), { subscription, wants }])
  }
  const asking = new Set([...config.subscriptions.values()].flatMap(({ when, webhooks }) => (when === undefined ? [] : webhooks)))

  function find<Event extends EventHead>(event: Event, holds: (wants: (event: StoredEvent) => boolean, event: Event) => boolean): Match[] {
    const found = new Map<string, Match>()
    for (const { subscription, wants } of byWebhook.get(event.webhook) ?? []) {
      if (!subscription.events.includes(event.type) || subscription.to.every(name => found.has(name)) || !holds(wants, event)) continue
      for (const destination of subscription.to)
        if (!found.has(destination)) found.set(destination, { subscription: subscription.name, destination })
    }
    return [...found.values()]
  }

  return {
    match: event => find(event, (wants, whole) => wants(whole)),
    possible: event => find(event, () => true),
    asks: webhook => asking.has(webhook),
  }
}

function compileWhen({ name, when }: Subscription, warn: Warn, failed: (subscription: string) => void): (event: StoredEvent) => boolean {
  if (when === undefined) return () => true
  const expression = compileExpression(when, SUBSCRIPTION_NAMES)
  let warned = false
  return event => {
    try {
      return expression.holds(namesOf(event))
    } catch (error) {
      failed(name)
      // The code alone: the library's messages quote values.
      const code = (error as { code?: string }).code ?? (error as Error).name
      if (!warned)
        warn('a subscription met an event that its `when` cannot judge; this counts as not matching', { subscription: name, code })
      warned = true
      return false
    }
  }
}

function namesOf(e: StoredEvent): Record<string, unknown> {
  return {
    event: { id: e.id, type: e.type, timestamp: e.created_at.toISOString(), webhook: e.webhook, entity: e.entity, record_id: e.record_id },
    data: e.data,
    previous: e.previous ?? {},
    custom_variables: e.variables,
    webhook: e.webhook,
  }
}
