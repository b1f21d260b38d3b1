/** Commits one batch of units, all at once, and gives each its outcome. */
import type { Refusal, Tx } from '../plugin.ts'
import { type Database, STATEMENT_TIMEOUT } from './database.ts'
import { EffectFailed, isStores } from './failure.ts'
import { findMatches, lockMatches, matchTokens } from './match.ts'
import { fieldsOf, type Held, heldOutcomes, rowsOf, STATEMENT, type Uncommon } from './statement.ts'
import type { Outcome, Unit } from './unit.ts'

/** `again`: nothing is decided, and nothing written; another exchange held the key and then did not commit, say. */
export type Verdict = Outcome | Refusal | 'again'

/** Some units were refused after something of them had been written: the batch is rolled back, and they go alone. */
export class MustGoAlone extends Error {
  readonly units: readonly Unit[]
  constructor(units: readonly Unit[]) {
    super()
    this.units = units
  }
}

/** Alone, such a unit is rolled back and answered. */
class RolledBack extends Error {
  readonly verdict: Verdict
  constructor(verdict: Verdict) {
    super()
    this.verdict = verdict
  }
}

/** Milliseconds for which further waves may begin: all of a transaction waits for its last one, and other gateways for its locks. */
const WAVES_FOR = 500
/** Milliseconds: of several statements together, each of which has this time. */
const TRANSACTION_TIMEOUT = STATEMENT_TIMEOUT

export async function commitBatch(db: Database, units: readonly Unit[], now: number): Promise<Map<Unit, Verdict>> {
  const waves = inWaves(units)
  const plain = waves.length === 1 && units.every(u => u.custom.length === 0 && !u.record?.match?.length)
  if (plain) {
    const run = (rows: string) => db.prepared<Uncommon>('commit', STATEMENT, [rows, now / 1000])
    // What is fresh has been committed by now, so that a failure of this further question must not reach it.
    const ask = (held: readonly Unit[]) => heldOutcomes(db, held).catch(() => [])
    return (await write(run, ask, units, new Map())).verdicts
  }
  const start = performance.now()
  try {
    return await db.transaction(async tx => {
      const verdicts = new Map<Unit, Verdict>()
      await lockMatches(tx, units)
      for (const wave of waves) {
        if (performance.now() - start > TRANSACTION_TIMEOUT) throw new Error('the transaction took too long')
        const late = verdicts.size > 0 && performance.now() - start > WAVES_FOR
        const settled = late ? wave.map(unit => [unit, 'again'] as const) : await commitWave(tx, wave, now, units.length === 1)
        for (const [unit, verdict] of settled) verdicts.set(unit, verdict)
      }
      // Rolled back, it is a refusal that is true; committed, it would be an answer that comes too late.
      if (performance.now() - start > TRANSACTION_TIMEOUT) throw new Error('the transaction took too long')
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
export function tokensOf(unit: Unit): readonly string[] {
  unit.tokens ??= tokensFor(unit)
  return unit.tokens
}

function tokensFor(unit: Unit): string[] {
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
  const ask = (held: readonly Unit[]) => heldOutcomes(tx, held)
  const { verdicts, held } = left.length ? await write(run, ask, left, await findMatches(tx, left)) : nothing()
  const accepted = left.filter(u => !held.has(u))
  const late = [...(await applyCustom(tx, accepted, 'write')), ...(await applyCustom(tx, accepted, 'seal'))]
  for (const [unit, refusal] of [...refused, ...late]) verdicts.set(unit, refusal)
  const lateRefused = new Set(late.map(([unit]) => unit))
  const halfDone = units.filter(unit => {
    const claims = unit.custom.filter(c => c.effect.stage === 'claim').length
    if (refused.has(unit)) return claims > 1
    return lateRefused.has(unit) || (held.has(unit) && claims > 0)
  })
  const soleRefusal = halfDone.length > 0 && verdicts.get(halfDone[0] as Unit)
  if (soleRefusal && alone) throw new RolledBack(soleRefusal)
  if (soleRefusal) throw new MustGoAlone(halfDone)
  return verdicts
}

/** What a statement did: `held` units wrote nothing, because their key had a holder. */
interface Written {
  verdicts: Map<Unit, Verdict>
  held: Set<Unit>
}

const nothing = (): Written => ({ verdicts: new Map(), held: new Set() })

async function applyCustom(tx: Tx, units: readonly Unit[], stage: 'claim' | 'write' | 'seal'): Promise<Map<Unit, Refusal>> {
  const refused = new Map<Unit, Refusal>()
  // A name alone does not make one effect: two webhooks may each have compiled their own, with other settings.
  const groups: { effect: Custom['effect']; items: { unit: Unit; arg: unknown }[] }[] = []
  const found = new Map<unknown, (typeof groups)[number]>()
  for (const unit of units) {
    for (const { effect, arg } of unit.custom) {
      if (effect.stage !== stage) continue
      const nameHere = `${effect.name}\0${unit.exchange.webhook}`
      const present = found.get(effect) ?? found.get(nameHere)
      const group = present ?? { effect, items: [] }
      if (!present) groups.push(group)
      found.set(effect, group).set(nameHere, group)
      group.items.push({ unit, arg })
    }
  }
  groups.sort(({ effect: a }, { effect: b }) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
  for (const { effect, items } of groups) for (const [unit, refusal] of await applyOne(tx, effect, items)) refused.set(unit, refusal)
  return refused
}

type Custom = Unit['custom'][number]

async function applyOne(tx: Tx, effect: Custom['effect'], items: readonly { unit: Unit; arg: unknown }[]): Promise<[Unit, Refusal][]> {
  let over: Error | undefined
  let failed: unknown
  /** What the effect may use, and only until it has answered: afterwards the connection is somebody else's. */
  const own: Tx = {
    async query(text, values) {
      if (over) throw over
      try {
        return await tx.query(text, values)
      } catch (error) {
        failed ??= error
        throw error
      }
    },
  }
  let timer: ReturnType<typeof setTimeout> | undefined
  const tooLong = new Promise<never>((_, fail) => {
    timer = setTimeout(() => fail(new Error(`no answer within ${STATEMENT_TIMEOUT} ms`)), STATEMENT_TIMEOUT)
  })
  try {
    const keyed = items.map(item => ({ ...item, key: effect.key(item.arg) })).sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    const applied = effect.apply(
      own,
      keyed.map(k => ({ x: k.unit.exchange, arg: k.arg })),
    )
    const results = await Promise.race([applied, tooLong])
    if (results?.length !== keyed.length) throw new Error(`${results?.length} results for ${keyed.length} items`)
    return keyed.flatMap(({ unit }, i) => (isRefusal(results[i]) ? [[unit, results[i]] as [Unit, Refusal]] : []))
  } catch (error) {
    if (failed !== undefined && isStores(failed)) throw failed
    throw new EffectFailed(effect.name, error)
  } finally {
    clearTimeout(timer)
    over = new Error(`the effect '${effect.name}' has answered: its transaction is over`)
  }
}

function isRefusal(result: unknown): result is Refusal {
  return typeof result === 'object' && result !== null && (result as Refusal).kind === 'refusal'
}

async function write(
  run: (rows: string) => Promise<Uncommon[]>,
  ask: (held: readonly Unit[]) => Promise<Held[]>,
  units: readonly Unit[],
  ids: ReadonlyMap<Unit, string>,
): Promise<Written> {
  const { verdicts, held } = nothing()
  const updated = new Set<Unit>()
  for (const row of await run(rowsOf(units, ids))) {
    const unit = units[row.n] as Unit
    if (row.held) held.add(unit)
    else updated.add(unit)
  }
  for (const unit of units) verdicts.set(unit, outcomeOf(unit, ids, !updated.has(unit)))
  if (held.size > 0) {
    const outcomes = new Map((await ask([...held])).map(h => [`${h.webhook}\0${h.key}`, h]))
    for (const unit of held) verdicts.set(unit, replayOf(unit, outcomes.get(`${unit.exchange.webhook}\0${unit.key?.key}`)))
  }
  return { verdicts, held }
}

/** Looks a key up without claiming it. */
export async function earlierOutcome(tx: Tx, unit: Unit, now: number): Promise<Outcome | Refusal | undefined> {
  const [held] = await heldOutcomes(tx, [unit])
  if (!held || held.expires_at.getTime() <= now) return undefined
  const verdict = replayOf(unit, held)
  return verdict === 'again' ? undefined : verdict
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
    // The holder may be this very exchange: its first commit went through, and nobody heard of it.
    replayed: held.exchange !== unit.exchange.id,
    shown: held.shown ?? [],
  }
}
