/** The names in subscriptions: all declared, each webhook able to raise what is taken of it, and no event sent twice. */
import type { EventType, Subscription } from './config.ts'
import { keyOf, type Node, namesIn, positionOf, quoted, reach } from './node.ts'
import type { Payload } from './payload.ts'
import { didYouMean, formatPosition, type Path, type Problems } from './problem.ts'

/** Tells each webhook and destination that is not declared. */
export function checkNames(root: Node, subscription: Subscription, problems: Problems): void {
  for (const [list, section, kind] of [
    ['webhooks', 'webhooks', 'webhook'],
    ['to', 'destinations', 'destination'],
  ] as const) {
    const known = namesIn(root, section)
    for (const name of subscription[list]) {
      if (name === undefined || known.includes(name)) continue
      const path = itemPath(root, subscription, list, name)
      const { node } = reach(root, path)
      const fault = `subscription '${subscription.name}' names the ${kind} ${quoted(node, name)}, which is not declared`
      problems.error(node.at, path, `${fault}${didYouMean(name, known)}`)
    }
  }
}

/** Tells each webhook that raises no event at all, and each listed kind of event that none raises. */
export function checkSources(root: Node, subscription: Subscription, payloads: ReadonlyMap<string, Payload>, problems: Problems): void {
  const known = subscription.webhooks.map(name => payloads.get(name))
  for (const payload of known) {
    if (!payload || payload.raises.length) continue
    const path = itemPath(root, subscription, 'webhooks', payload.webhook)
    problems.error(positionOf(root, path), path, `'${payload.webhook}' raises no events: add dispatch to the end of its chain`)
  }
  const events = ['subscriptions', subscription.name, 'events']
  if (!reach(root, events).whole || !known.length || known.some(payload => !payload?.raises.length)) return
  const raised = new Set(known.flatMap(payload => payload?.raises ?? []))
  for (const [i, event] of (subscription.events ?? []).entries()) {
    if (event === undefined || raised.has(event)) continue
    const from = subscription.webhooks.map(name => `'${name}'`).join(', ')
    problems.warn(positionOf(root, [...events, i]), [...events, i], `never happens: ${from} can only raise ${[...raised].join(' and ')}`)
  }
}

/** Two subscriptions that take an event of one webhook to one destination: it goes there once, as the first that matches says. */
export function warnTwins(
  root: Node,
  subscriptions: readonly Subscription[],
  payloads: ReadonlyMap<string, Payload>,
  problems: Problems,
): void {
  const raises = (name: string, event: EventType) => payloads.get(name)?.raises.includes(event) ?? true
  for (const [i, later] of subscriptions.entries()) {
    for (const to of later.to) {
      const alike = (earlier: Subscription) => later.webhooks.find(name => earlier.webhooks.includes(name) && shared(earlier, later, name))
      const shared = (a: Subscription, b: Subscription, name: string) =>
        a.events?.some(event => b.events?.includes(event) && raises(name, event))
      // One with a condition of its own takes its part, and leaves the rest to those behind it.
      const earlier = subscriptions
        .slice(0, i)
        .find(other => other.to.includes(to) && (!other.when || other.when === later.when) && alike(other))
      if (!earlier) continue
      const path = itemPath(root, later, 'to', to)
      const first = `'${earlier.name}' at ${formatPosition(keyOf(root, ['subscriptions', earlier.name]))}`
      problems.warn(
        positionOf(root, path),
        path,
        `'${to}' already gets these events of '${alike(earlier)}' by ${first}: an event goes to a destination once, as the first subscription says`,
      )
    }
  }
}

/** The path of a name within `webhooks` or `to`, which may be a list or the name alone. */
export function itemPath(root: Node, subscription: Subscription, list: 'webhooks' | 'to', name: string): Path {
  const path = ['subscriptions', subscription.name, list]
  return reach(root, path).node.kind === 'list' ? [...path, subscription[list].indexOf(name)] : path
}
