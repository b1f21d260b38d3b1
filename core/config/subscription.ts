/** Subscriptions and destinations: the names in them must be declared. Their events wait in the outbox. */
import { keyOf, type Node, namesIn, quoted, reach } from './node.ts'
import { didYouMean, type Problems } from './problem.ts'
import type { Sections } from './schema.ts'
import { checkTemplate, SUCCESS_NAMES } from './template.ts'

/** Checks the names and templates of subscriptions, and tells that nothing is delivered yet. */
export function checkSubscriptions(root: Node, decoded: Sections, complete: boolean, problems: Problems): void {
  const known = { webhooks: namesIn(root, 'webhooks'), to: namesIn(root, 'destinations') }
  for (const [name, subscription] of Object.entries(decoded.subscriptions ?? {})) {
    const path = ['subscriptions', name]
    for (const list of complete ? (['webhooks', 'to'] as const) : []) {
      for (const [i, other] of (subscription?.[list] ?? []).entries()) {
        if (other === undefined || known[list].includes(other)) continue
        const kind = list === 'to' ? 'destination' : 'webhook'
        const { node } = reach(root, [...path, list, i])
        const fault = `subscription '${name}' names the ${kind} ${quoted(node, other)}, which is not declared`
        problems.error(node.at, [...path, list, i], `${fault}${didYouMean(other, known[list])}`)
      }
    }
    checkTemplate(subscription?.body, SUCCESS_NAMES, [...path, 'body'], problems)
  }
  for (const section of ['subscriptions', 'destinations']) {
    if (namesIn(root, section).length)
      problems.warn(keyOf(root, [section]), [section], 'events wait in the outbox: this version does not deliver them yet')
  }
}
