/** Subscriptions and destinations: the names in them must be declared. Their events wait in the outbox. */
import { keyOf, type Node, namesIn, positionOf } from './node.ts'
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
        const at = positionOf(root, [...path, list, i])
        problems.error(
          at,
          [...path, list, i],
          `subscription '${name}' names the ${kind} '${other}', which is not declared${didYouMean(other, known[list])}`,
        )
      }
    }
    checkTemplate(subscription?.body, SUCCESS_NAMES, [...path, 'body'], problems)
  }
  for (const section of ['subscriptions', 'destinations']) {
    if (namesIn(root, section).length)
      problems.warn(keyOf(root, [section]), [section], 'events wait in the outbox: this version does not deliver them yet')
  }
}
