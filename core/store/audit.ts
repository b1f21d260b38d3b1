/** What operators changed, and from where. */
import type { Tx } from '../plugin.ts'
import { encodeTime, ulid } from '../ulid.ts'
import { Conditions, type Page, type Place, searchPage } from './search.ts'

/** One change. Details never hold a credential. */
export interface Change {
  /** `admin` for the admin API, `cli` for the command line. */
  actor: 'admin' | 'cli'
  ip?: string
  /** `token.create`, `delivery.retry`, `destination.pause` and so on. */
  action: string
  target: string
  details?: Record<string, unknown>
  /** Epoch milliseconds. */
  now: number
}

export interface AuditView {
  id: string
  at: string
  actor: string
  ip: string | null
  action: string
  target: string
  details: unknown
}

export async function writeAudit(db: Tx, { actor, ip, action, target, details = {}, now }: Change): Promise<void> {
  await db.query(
    'insert into audit (id, at, actor, ip, action, target, details) values ($1, to_timestamp($2), $3, $4, $5, $6, $7::jsonb)',
    [ulid(now), now / 1000, actor, ip ?? null, action, target, JSON.stringify(details)],
  )
}

export function listAudit(
  db: Tx,
  filter: { action?: string | undefined; target?: string | undefined; actor?: string | undefined; since?: number; until?: number },
  place: Place,
): Promise<Page<AuditView>> {
  const conditions = new Conditions()
    .within('id >= $', filter.since === undefined ? undefined : encodeTime(filter.since))
    .within('id < $', filter.until === undefined ? undefined : encodeTime(filter.until))
    .filter('action = $', filter.action)
    .filter('target = $', filter.target)
    .filter('actor = $', filter.actor)
  return searchPage<AuditView>(
    db,
    { table: 'audit', seen: ['action', 'target', 'actor'], shown: 'id, at, actor, ip, action, target, details' },
    conditions,
    place,
  )
}
