/** Finds the one existing record of an upsert that matches by any of several fields. */
import { createHash } from 'node:crypto'
import type { Tx } from '../plugin.ts'
import type { Database } from './database.ts'
import type { Unit } from './unit.ts'

interface Field {
  entity: string
  field: string
  ignoreCase: boolean
}

/** What a matching unit must hold alone: two of them with one value in common go one after the other. */
export function matchTokens(unit: Unit): string[] {
  const { entity, match = [] } = unit.record ?? {}
  return match.map(m => `m\u001f${entity}\u001f${m.field}\u001f${m.value.toLowerCase()}`)
}

/**
 * Locks every value that the units match by, until the transaction ends: without it two replicas would both find nothing and
 * make two records. All of a transaction's at once and in one order everywhere, or two transactions could wait for each other.
 */
export async function lockMatches(tx: Tx, units: readonly Unit[]): Promise<void> {
  const tokens = units.flatMap(matchTokens)
  if (tokens.length === 0) return
  await tx.query(
    `select pg_advisory_xact_lock(h) from (select distinct hashtextextended(v, 0) as h from unnest($1::text[]) v order by h) locks`,
    [tokens],
  )
}

/** The ids of the records that the units match, within the transaction that will write them. */
export async function findMatches(tx: Tx, units: readonly Unit[]): Promise<Map<Unit, string>> {
  const found = new Map<Unit, string>()
  const matching = units.filter(u => u.record?.match?.length)
  if (matching.length === 0) return found
  const ranks = new Map<Unit, number>()
  for (const { field, wanted } of byField(matching)) {
    const value = fieldValue(field)
    const rows = await tx.query<{ value: string; id: string }>(
      `select value, id from unnest($1::text[]) value cross join lateral (
         select id from records where entity = ${literal(field.entity)} and ${value} = ${field.ignoreCase ? 'lower(value)' : 'value'}
         order by created_at, id limit 1) found`,
      [[...new Set(wanted.map(w => w.value))]],
    )
    const ids = new Map(rows.map(r => [r.value, r.id]))
    for (const { unit, value, rank } of wanted) {
      const id = ids.get(value)
      // The first field of the unit's own order that found a record decides.
      if (id === undefined || rank >= (ranks.get(unit) ?? Number.POSITIVE_INFINITY)) continue
      ranks.set(unit, rank)
      found.set(unit, id)
    }
  }
  return found
}

/** Milliseconds until an index that could not be made is tried again. */
const TRY_AGAIN = 60_000

/** Indexes that the matching fields need, made on first use, one after the other and outside of any transaction. */
export function matchIndexes(db: Database, failed: (error: unknown, field: string) => void) {
  /** When the index of a field is due; never, once it is there or being made. */
  const due = new Map<string, number>()
  let last = Promise.resolve()
  return (units: readonly Unit[]) => {
    for (const { key, field } of byField(units.filter(u => u.record?.match))) {
      if (performance.now() < (due.get(key) ?? 0)) continue
      due.set(key, Number.POSITIVE_INFINITY)
      last = last
        .then(() => makeIndex(db, field))
        .catch(error => {
          due.set(key, performance.now() + TRY_AGAIN)
          failed(error, `${field.entity}.${field.field}`)
        })
    }
  }
}

async function makeIndex(db: Database, field: Field): Promise<void> {
  const name = nameOf(field)
  // One name for all: two concurrent builds on one table wait for each other.
  await db.exclusively('match index', async tx => {
    const [state] = await tx.query<{ valid: boolean }>(`select indisvalid as valid from pg_index where indexrelid = to_regclass($1)`, [
      name,
    ])
    if (state?.valid) return
    // A concurrent build that was broken off leaves an invalid index behind, which `if not exists` would take for a good one.
    if (state) await tx.query(`drop index if exists ${name}`)
    const how = db.kind === 'postgres' ? 'concurrently' : ''
    // A hash: an entry of a B-tree holds 2,704 bytes at most, so that one long value would keep its record, or the index, from being made.
    await tx.query(
      `create index ${how} if not exists ${name} on records using hash ((${fieldValue(field)})) where entity = ${literal(field.entity)}`,
    )
  })
}

interface Group {
  key: string
  field: Field
  wanted: { unit: Unit; value: string; rank: number }[]
}

function byField(units: readonly Unit[]): Iterable<Group> {
  const groups = new Map<string, Group>()
  for (const unit of units) {
    const { entity = '', match = [], ignoreCase = false } = unit.record ?? {}
    match.forEach(({ field, value }, rank) => {
      const key = `${entity}\0${field}\0${ignoreCase}`
      const group = groups.get(key) ?? { key, field: { entity, field, ignoreCase }, wanted: [] }
      groups.set(key, group)
      group.wanted.push({ unit, value, rank })
    })
  }
  return groups.values()
}

/** The expression must be the index's own to the letter, so the names stand in it as literals. */
const literal = (text: string) => `'${text.replaceAll("'", "''")}'`
const fieldValue = (f: Field) => (f.ignoreCase ? `lower(data->>${literal(f.field)})` : `(data->>${literal(f.field)})`)

/** A name of at most 63 bytes for any entity and field. */
function nameOf(f: Field): string {
  const hash = createHash('sha256')
    .update(JSON.stringify([f.entity, f.field, f.ignoreCase]))
    .digest('hex')
  return `records_match_${hash.slice(0, 16)}`
}
