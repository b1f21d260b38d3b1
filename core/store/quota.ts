/**
 * Keeps full quotas from spoiling batches. The commit statement counts exactly, and a record too many fails it as a whole; so
 * once a quota is known to be full, its units are asked about first, with one read.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Refusal } from '../plugin.ts'
import type { Database } from './database.ts'
import type { Unit } from './unit.ts'

export function quotaGate(db: Database) {
  const seen = new Set<string>()
  /** New quotas whose count is under way, each with the time until which a batch waits for it. */
  const counting = new Map<string, { done: Promise<void>; until: number }>()
  const full = new Set<string>()

  return {
    /** Remembers the quotas of a batch that failed on one of them. */
    full(units: readonly Unit[]) {
      for (const { quota } of units) if (quota) full.add(quota.scope)
    },

    /** Refuses what would certainly be a record too many; the statement decides on the rest. */
    async before(units: readonly Unit[]): Promise<{ refused: Map<Unit, Refusal>; left: readonly Unit[] }> {
      const refused = new Map<Unit, Refusal>()
      for (const unit of units) {
        if (!unit.quota || seen.has(unit.quota.scope)) continue
        await seed(unit.quota, unit.exchange.webhook)
        if (!seen.has(unit.quota.scope)) refused.set(unit, notCounted(unit.quota.scope))
      }
      const doubtful = units.filter(u => u.quota && full.has(u.quota.scope) && !refused.has(u))
      if (doubtful.length > 0) {
        const rows = await db.query<{ n: number | null; scope: string; used: number }>(CERTAIN, [JSON.stringify(doubtful.map(asked))])
        for (const { n } of rows) {
          const unit = n === null ? undefined : doubtful[n]
          if (unit?.quota) refused.set(unit, unit.quota.exceeded)
        }
        const still = new Set(rows.map(r => r.scope))
        for (const { quota } of doubtful) if (quota && !still.has(quota.scope)) full.delete(quota.scope)
      }
      return { refused, left: refused.size === 0 ? units : units.filter(u => !refused.has(u)) }
    },
  }

  /** A quota that is new counts what its webhook has made before: over many records that takes long, and only its own webhook may wait for it. */
  async function seed(quota: NonNullable<Unit['quota']>, webhook: string): Promise<void> {
    const { scope } = quota
    let count = counting.get(scope)
    if (!count) {
      const [known] = await db.query('select 1 from quotas where scope = $1', [scope])
      if (known) return void seen.add(scope)
      count = counting.get(scope) ?? { done: countAnew(quota, webhook), until: performance.now() + PATIENCE }
      counting.set(scope, count)
    }
    const left = count.until - performance.now()
    if (left > 0) await Promise.race([count.done, sleep(left)])
  }

  async function countAnew({ scope, limit }: NonNullable<Unit['quota']>, webhook: string): Promise<void> {
    try {
      await db.exclusively(`quota ${scope}`, async tx => {
        await tx.query(
          `insert into quotas (scope, used, cap) select $1, n, greatest(n, $3) from (select count(*) n from records where webhook = $2) made
           on conflict do nothing`,
          [scope, webhook, limit],
        )
      })
      seen.add(scope)
    } catch {
      // The next exchange of the quota begins anew.
    } finally {
      counting.delete(scope)
    }
  }
}

/** Milliseconds. */
const PATIENCE = 500

const notCounted = (scope: string): Refusal => ({
  kind: 'refusal',
  code: 'UNAVAILABLE',
  status: 503,
  summary: 'The gateway cannot store anything now.',
  reason: `the records of the quota '${scope}' are being counted`,
  retryAfter: 1,
})

function asked(unit: Unit, n: number) {
  const { exchange, key, quota, record } = unit
  // A match may find a record that exists: only the statement can tell.
  return {
    n,
    scope: quota?.scope,
    cap: quota?.limit,
    webhook: exchange.webhook,
    key: key?.key,
    entity: record?.entity,
    id: record?.match?.length ? null : record?.id,
  }
}

/** Units that claim no held key and would make a new record in a full quota; a row without `n` tells that the quota is full still. */
const CERTAIN = `
with input as (select * from json_to_recordset($1::json) as t(n int, scope text, cap bigint, webhook text, key text, entity text, id text))
select case when i.id is not null
    and not exists (select from idempotency_keys k where k.webhook = i.webhook and k.key = i.key)
    and not exists (select from records r where r.entity = i.entity and r.id = i.id) then i.n end as n, q.scope, q.used
from input i join quotas q on q.scope = i.scope where q.used >= i.cap`
