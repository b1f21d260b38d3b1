/** Commits one batch of units, all at once, and gives each its outcome. */
import type { Refusal, Tx } from '../plugin.ts'
import type { Database } from './database.ts'
import { findMatches, matchTokens } from './match.ts'
import { fieldsOf, type Held, heldOutcomes, rowsOf, STATEMENT, type Uncommon } from './statement.ts'
import type { Outcome, Unit } from './unit.ts'

/** `again`: another exchange held the key and then did not commit, or its row is gone by now. */
export type Verdict = Outcome | Refusal | 'again'

/** A unit was refused after something of it had been written: the batch is rolled back and its units go alone. */
export class MustGoAlone extends Error {}

/** Alone, such a unit is rolled back and answered. */
class RolledBack extends Error {
  readonly verdict: Verdict
  constructor(verdict: Verdict) {
    super()
    this.verdict = verdict
  }
}

export async function commitBatch(db: Database, units: readonly Unit[], now: number): Promise<Map<Unit, Verdict>> {
  const waves = inWaves(units)
  const plain = waves.length === 1 && units.every(u => u.custom.length === 0 && !u.record?.match?.length)
  if (plain) {
    const run = (rows: string) => db.prepared<Uncommon>('commit', STATEMENT, [rows, now / 1000])
    return write(run, db, units, new Map())
  }
  try {
    return await db.transaction(async tx => {
      const verdicts = new Map<Unit, Verdict>()
      for (const wave of waves)
        for (const [unit, verdict] of await commitWave(tx, wave, now, units.length === 1)) verdicts.set(unit, verdict)
      return verdicts
    })
  } catch (error) {
    if (error instanceof RolledBack && units[0]) return new Map([[units[0], error.verdict]])
    throw error
  }
}

/**
 * The batch cut so that no two units of a wave touch the same key, record or matched value: within the transaction the later
 * one sees what the earlier one did, as if it had come in its own commit.
 */
export function inWaves(units: readonly Unit[]): Unit[][] {
  if (units.length === 1) return [[units[0] as Unit]]
  const waves: Unit[][] = []
  const last = new Map<string, number>()
  for (const unit of units) {
    const tokens = tokensOf(unit)
    let wave = 0
    for (const token of tokens) wave = Math.max(wave, (last.get(token) ?? -1) + 1)
    for (const token of tokens) last.set(token, wave)
    const members = waves[wave]
    if (members) members.push(unit)
    else waves[wave] = [unit]
  }
  return waves
}

/** Names of all that the unit locks. */
export function tokensOf(unit: Unit): string[] {
  const tokens: string[] = []
  if (unit.key) tokens.push(`k\0${unit.exchange.webhook}\0${unit.key.key}`)
  if (unit.record) tokens.push(`r\0${unit.record.entity}\0${unit.record.id}`)
  if (unit.record?.match) tokens.push(...matchTokens(unit))
  return tokens
}

async function commitWave(tx: Tx, units: readonly Unit[], now: number, alone: boolean): Promise<Map<Unit, Verdict>> {
  const refused = await applyCustom(tx, units, 'claim')
  const left = units.filter(u => !refused.has(u))
  const run = (rows: string) => tx.query<Uncommon>(STATEMENT, [rows, now / 1000])
  const verdicts = left.length ? await write(run, tx, left, await findMatches(tx, left)) : new Map<Unit, Verdict>()
  const accepted = left.filter(u => isFresh(verdicts.get(u)))
  const firstVerdicts = new Map(verdicts)
  const late = [...(await applyCustom(tx, accepted, 'write')), ...(await applyCustom(tx, accepted, 'seal'))]
  for (const [unit, refusal] of [...refused, ...late]) verdicts.set(unit, refusal)
  const halfDone = units.filter(unit => {
    const claims = unit.custom.filter(c => c.effect.stage === 'claim').length
    if (refused.has(unit)) return claims > 1
    return !isFresh(verdicts.get(unit)) && (claims > 0 || isFresh(firstVerdicts.get(unit)))
  })
  const soleRefusal = halfDone.length > 0 && verdicts.get(halfDone[0] as Unit)
  if (soleRefusal && alone) throw new RolledBack(soleRefusal)
  if (soleRefusal) throw new MustGoAlone()
  return verdicts
}

const isFresh = (v: Verdict | undefined) => typeof v === 'object' && !('kind' in v) && !v.replayed

async function applyCustom(tx: Tx, units: readonly Unit[], stage: 'claim' | 'write' | 'seal'): Promise<Map<Unit, Refusal>> {
  const refused = new Map<Unit, Refusal>()
  const byName = new Map<string, { unit: Unit; arg: unknown; effect: Unit['custom'][number]['effect'] }[]>()
  for (const unit of units) {
    for (const { effect, arg } of unit.custom) {
      if (effect.stage !== stage) continue
      const list = byName.get(effect.name) ?? []
      byName.set(effect.name, list)
      list.push({ unit, arg, effect })
    }
  }
  for (const name of [...byName.keys()].sort()) {
    const items = byName.get(name) as NonNullable<ReturnType<typeof byName.get>>
    const keyed = items
      .map(item => ({ ...item, key: item.effect.key(item.arg) }))
      .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    const effect = items[0]?.effect
    const results = await effect?.apply(
      tx,
      keyed.map(k => ({ x: k.unit.exchange, arg: k.arg })),
    )
    if (results?.length !== keyed.length) throw new Error(`the effect '${name}' gave ${results?.length} results for ${keyed.length} items`)
    keyed.forEach(({ unit }, i) => {
      if (isRefusal(results[i])) refused.set(unit, results[i])
    })
  }
  return refused
}

function isRefusal(result: unknown): result is Refusal {
  return typeof result === 'object' && result !== null && (result as Refusal).kind === 'refusal'
}

async function write(run: (rows: string) => Promise<Uncommon[]>, tx: Tx, units: readonly Unit[], ids: ReadonlyMap<Unit, string>) {
  const verdicts = new Map<Unit, Verdict>()
  const held: Unit[] = []
  const updated = new Set<Unit>()
  for (const row of await run(rowsOf(units, ids))) {
    const unit = units[row.n] as Unit
    if (row.held) held.push(unit)
    else updated.add(unit)
  }
  for (const unit of units) verdicts.set(unit, outcomeOf(unit, ids, !updated.has(unit)))
  if (held.length > 0) {
    const outcomes = new Map((await heldOutcomes(tx, held)).map(h => [`${h.webhook}\0${h.key}`, h]))
    for (const unit of held) verdicts.set(unit, replayOf(unit, outcomes.get(`${unit.exchange.webhook}\0${unit.key?.key}`)))
  }
  return verdicts
}

function outcomeOf(unit: Unit, ids: ReadonlyMap<Unit, string>, created: boolean): Outcome {
  const { record, key } = unit
  return {
    ...(record && { record: { id: ids.get(unit) ?? record.id, created, fieldsUpdated: fieldsOf(unit) } }),
    replayed: false,
    shown: key?.shown ?? [],
  }
}

function replayOf(unit: Unit, held: Held | undefined): Verdict {
  if (!held) return 'again'
  if (unit.key?.mismatch && held.fingerprint !== unit.key.fingerprint) return unit.key.mismatch
  return {
    ...(held.record_id !== null && { record: { id: held.record_id, created: held.created, fieldsUpdated: held.fields_updated } }),
    replayed: true,
    shown: held.shown ?? [],
  }
}
