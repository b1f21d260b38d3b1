/** What a commit would do to one unit now, found out by reading alone. */
import type { Refusal, Tx } from '../plugin.ts'
import { earlierOutcome } from './batch.ts'
import { findMatches } from './match.ts'
import { readRecord } from './read.ts'
import { fieldsOf } from './statement.ts'
import type { Outcome, Unit } from './unit.ts'

export interface Forecast {
  verdict: Outcome | Refusal
  /** As it would be afterwards, and the data before; undefined when none would be written. */
  record?: { entity: string; id: string; created: boolean; data: Record<string, unknown>; previous: Record<string, unknown> | null }
}

/** Effects of plugins are not asked: they can only be tried by writing. */
export async function foresee(db: Tx, unit: Unit, now: number): Promise<Forecast> {
  const { key, record, quota, exchange } = unit
  const earlier = key && (await earlierOutcome(db, unit, now))
  if (earlier) return { verdict: earlier }
  const shown = key?.shown ?? []
  if (!record) return { verdict: { replayed: false, shown } }
  const { entity } = record
  const id = (await findMatches(db, [unit])).get(unit) ?? record.id
  const present = await readRecord(db, entity, id)
  const created = !present
  if (created && quota && (await used(db, quota.scope, exchange.webhook, quota.limit)) >= quota.limit) return { verdict: quota.exceeded }
  const data = present && record.mode === 'merge' ? { ...present.data, ...record.data } : record.data
  return {
    verdict: { record: { id, created, fieldsUpdated: fieldsOf(unit) }, replayed: false, shown },
    record: { entity, id, created, data, previous: present?.data ?? null },
  }
}

/** What a quota has counted; a new one counts what its webhook has made before. */
async function used(db: Tx, scope: string, webhook: string, limit: number): Promise<number> {
  const [row] = await db.query<{ used: number }>(
    `select coalesce((select used from quotas where scope = $1),
       (select count(*) from (select from records where webhook = $2 limit $3) made)) as used`,
    [scope, webhook, limit],
  )
  return row?.used ?? 0
}
