/** What `postern check --dependents` prints: what depends on each webhook, entity, destination and subscription. */
import type { Config } from '../config/config.ts'
import { about, type Dependents, dependents } from '../config/dependents.ts'
import { didYouMean } from '../config/problem.ts'

const SECTIONS = ['entities', 'webhooks', 'subscriptions', 'destinations'] as const
const ONE: Record<(typeof SECTIONS)[number], string> = {
  entities: 'entity',
  webhooks: 'webhook',
  subscriptions: 'subscription',
  destinations: 'destination',
}

/** All of it, or the part about one name; a sentence when nothing bears the name. */
export function findDependents(config: Config, name: string | undefined): Dependents | string {
  const all = dependents(config)
  const names = SECTIONS.flatMap(section => Object.keys(all[section]))
  if (name === undefined) return all
  if (!names.includes(name)) return `nothing is named '${name}'${didYouMean(name, names)}`
  return about(name, all)
}

/** One paragraph for each name, with what it leads to and what leads to it. */
export function dependentLines(found: Dependents): string[] {
  return SECTIONS.flatMap(section =>
    Object.entries<Record<string, string | string[]>>(found[section]).flatMap(([name, parts]) => [
      `${ONE[section]} ${name}`,
      ...Object.entries(parts).map(([part, value]) => `  ${part}: ${Array.isArray(value) ? value.join(', ') || 'none' : value}`),
    ]),
  )
}
