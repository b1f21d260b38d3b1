/** Everything that differs between two configurations, told for those whom it concerns. */
import { type Path, pathText } from '../config/problem.ts'
import { answers } from './answers.ts'
import { capture } from './capture.ts'
import { chain } from './chain.ts'
import type { Change, Comparer, Found, Pair, Section, Severity } from './change.ts'
import { demands } from './demands.ts'
import { destinations } from './destinations.ts'
import { endpoint } from './endpoint.ts'
import { gateway } from './gateway.ts'
import { heirs } from './heirs.ts'
import { schema } from './schema.ts'
import { settings } from './settings.ts'
import { subscriptions } from './subscriptions.ts'
import { verification } from './verification.ts'
import { webhooks } from './webhooks.ts'

const COMPARERS: readonly Comparer[] = [
  webhooks,
  endpoint,
  verification,
  chain,
  settings,
  demands,
  schema,
  answers,
  capture,
  subscriptions,
  destinations,
  gateway,
]

const SECTIONS: readonly Section[] = ['webhooks', 'subscriptions', 'destinations', 'gateway']
const SEVERITIES: readonly Severity[] = ['breaking', 'security', 'notice']

/** All changes: of the webhooks first, each by its name, what is worst before the rest. */
export function compare(pair: Pair): Change[] {
  const changes = COMPARERS.flatMap(comparer => [...comparer(pair)].map(found => placed(found, pair)))
  const rank = ({ section, name = '', severity }: Change): [number, string, number] => [
    SECTIONS.indexOf(section),
    name,
    SEVERITIES.indexOf(severity),
  ]
  return changes
    .map(change => ({ change, rank: rank(change) }))
    .sort((a, b) => a.rank[0] - b.rank[0] || (a.rank[1] < b.rank[1] ? -1 : a.rank[1] > b.rank[1] ? 1 : 0) || a.rank[2] - b.rank[2])
    .map(({ change }) => change)
}

function placed(found: Found, pair: Pair): Change {
  const { severity, rule, path, message, from, to, cure, gone = false } = found
  return {
    severity,
    rule,
    ...subject(path, found.webhook, pair),
    path: pathText(path),
    message,
    ...(from !== undefined && { from }),
    ...(to !== undefined && { to }),
    cure,
    at: (gone ? pair.old : pair.new).at(path),
    in: gone ? 'old' : 'new',
  }
}

/** Whose change it is. */
function subject([section, name]: Path, webhook: string | undefined, pair: Pair): { section: Section; name?: string } {
  if (webhook !== undefined) return { section: 'webhooks', name: webhook }
  // A step that is gone stands under the old name.
  if (section === 'webhooks') return { section, name: heirs(pair).get(String(name)) ?? String(name) }
  const own = SECTIONS.find(one => one === section)
  return own && name !== undefined ? { section: own, name: String(name) } : { section: 'gateway' }
}
