/** Records that another session holds locked: an operator's open transaction, say. */
import type { Tx } from '../plugin.ts'
import type { Unit } from './unit.ts'

/** The units whose record, by its id, cannot be written now; asked without waiting. Another gateway's short locks count as well. */
export async function lockedUnits(tx: Tx, units: readonly Unit[]): Promise<Set<Unit>> {
  const writing = units.filter(u => u.record)
  if (writing.length === 0) return new Set()
  const rows = await tx.query<{ n: number }>(LOCKED, [
    writing.map((_, n) => n),
    writing.map(u => u.record?.entity),
    writing.map(u => u.record?.id),
  ])
  return new Set(rows.map(r => writing[r.n] as Unit))
}

const LOCKED = `
with wanted as (select * from unnest($1::int[], $2::text[], $3::text[]) as t(n, entity, id)
), free as (
  select entity, id from records where (entity, id) in (select entity, id from wanted) for no key update skip locked
)
select n from wanted join records using (entity, id) where not exists (select from free where free.entity = wanted.entity and free.id = wanted.id)`
