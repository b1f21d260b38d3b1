/** A store on a fresh database of either driver, and units to commit. */
import { describe } from 'bun:test'
import type { Exchange, Refusal } from '#core/plugin.ts'
import type { Database } from '#core/store/database.ts'
import { migrateDatabase, openDatabase, openStore, type Store } from '#core/store/store.ts'
import type { Unit } from '#core/store/unit.ts'
import { ulid } from '#core/ulid.ts'
import { available } from '../support/available.ts'
import { freshDatabase, postgres } from '../support/postgres.ts'

export const T0 = Date.UTC(2026, 0, 15, 12)

export interface Opened extends Store {
  /** The clock of the store and of its units. */
  clock: { now: number }
  warnings: string[]
  rows<Row = Record<string, any>>(text: string, values?: unknown[]): Promise<Row[]>
}

export async function open(db: Database): Promise<Opened> {
  await migrateDatabase(db, 5000)
  const clock = { now: T0 }
  const warnings: string[] = []
  const store = openStore(db, { now: () => clock.now, warn: message => void warnings.push(message) })
  return { ...store, clock, warnings, rows: (text, values) => db.query(text, values) as never }
}

export const onPostgres = await available('Postgres', postgres)

/** Runs a suite on a PGlite in memory and on a fresh Postgres database. */
export function onEveryStore(title: string, suite: (fresh: () => Promise<Opened>) => void) {
  describe(`${title} on pglite`, () => suite(async () => open(await openDatabase('pglite://memory'))))
  onPostgres(`${title} on postgres`, () => suite(async () => open(await openDatabase((await freshDatabase()).url))))
}

export function unit(more: Omit<Partial<Unit>, 'event'> & { event?: boolean; webhook?: string; at?: number } = {}): Unit {
  const { webhook = 'hook', at = T0, event = true, ...effects } = more
  const exchange = { id: ulid(at), webhook, receivedAt: at, variables: { plan: 'pro' }, data: { seen: true } } as unknown as Exchange
  return { exchange, custom: [], ...(event && { event: {} }), ...effects }
}

export const record = (
  id: string,
  data: Record<string, unknown>,
  more: Partial<NonNullable<Unit['record']>> = {},
): Pick<Unit, 'record'> => ({
  record: { entity: 'thing', id, data, mode: 'merge', ...more },
})

export const refusal = (code: string): Refusal => ({ kind: 'refusal', code, status: 429, summary: code })

export const key = (text: string, more: Partial<NonNullable<Unit['key']>> = {}): Pick<Unit, 'key'> => ({
  key: { key: text, fingerprint: 'f', ttl: 3_600_000, ...more },
})

export const quota = (limit: number, scope = 'hook'): Pick<Unit, 'quota'> => ({
  quota: { scope, limit, exceeded: refusal('QUOTA_EXCEEDED') },
})
