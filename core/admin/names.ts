/** Names in filters: one that neither the configuration nor any row has is a slip of the pen, and an empty list would not say so. */
import { didYouMean } from '../config/problem.ts'
import { type Faults, Refused } from './problem.ts'
import { entityNames } from './records.ts'
import type { World } from './route.ts'

/** The filters that name something of the configuration. */
interface Named {
  destination?: string | undefined
  subscription?: string | undefined
  webhook?: string | undefined
  entity?: string | undefined
}

const KINDS = ['destination', 'subscription', 'webhook', 'entity'] as const
const ONE = { deliveries: 'delivery', events: 'event' }

/** Throws for names that nothing has: 400 for a query, 422 for a body. What is no longer in the configuration is found as long as a row names it. */
export async function checkNames(
  world: World,
  table: 'deliveries' | 'events',
  named: Named,
  of: 'query' | 'body' = 'query',
): Promise<void> {
  const config = world.config()
  const known = {
    destination: () => config.destinations.keys(),
    subscription: () => config.subscriptions.keys(),
    webhook: () => config.webhooks.keys(),
    entity: () => entityNames(config),
  }
  const faults: Faults = Object.create(null)
  for (const kind of KINDS) {
    const name = named[kind]
    if (name === undefined) continue
    const names = [...known[kind]()]
    if (names.includes(name) || (await isStored(world, table, kind, name))) continue
    const help = didYouMean(name, names) || (names.length > 0 ? `; there are ${listed(names)}` : '')
    faults[kind] = [`there is no ${kind} '${name}', neither in the configuration nor in any ${ONE[table]}${help}`]
  }
  const all = Object.values(faults).flat()
  if (all.length === 0) return
  const title = all.map(fault => `T${fault.slice(1)}${fault.endsWith('?') ? '' : '.'}`).join(' ')
  throw of === 'query'
    ? new Refused(400, 'INVALID_QUERY', title, { details: faults })
    : new Refused(422, 'VALIDATION_FAILED', title, { details: faults })
}

const MOST = 20
const listed = (names: readonly string[]) => `${names.slice(0, MOST).join(', ')}${names.length > MOST ? ' and more' : ''}`

/** Without an index it may look at every row; the store gives up after some seconds, and then the name counts as one that is there. */
async function isStored({ store }: World, table: 'deliveries' | 'events', kind: (typeof KINDS)[number], name: string): Promise<boolean> {
  const text =
    kind === 'destination'
      ? 'select exists(select from destinations where name = $1) or exists(select from deliveries where destination = $1) as found'
      : `select exists(select from ${table} where ${kind} = $1) as found`
  try {
    const [row] = await store.db.query<{ found: boolean }>(text, [name])
    return row?.found === true
  } catch (error) {
    if ((error as { code?: unknown }).code === '57014') return true
    throw error
  }
}
