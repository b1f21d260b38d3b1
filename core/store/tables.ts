/** The tables of the store. Migrations are generated from them: `npx drizzle-kit generate`. */
import { sql } from 'drizzle-orm'
import { bigint, boolean, check, customType, index, integer, jsonb, pgTable, primaryKey, timestamp } from 'drizzle-orm/pg-core'

/** Text compared byte by byte: ids and keys are no words, and a locale's order would make each index probe dearer. */
const text = customType<{ data: string }>({ dataType: () => 'text COLLATE "C"' })
const time = (name: string) => timestamp(name, { withTimezone: true })

/** Present state of every record. */
export const records = pgTable(
  'records',
  {
    entity: text('entity').notNull(),
    id: text('id').notNull(),
    data: jsonb('data').notNull(),
    /** The data before the last update: what `record.updated` shows as previous. */
    previous: jsonb('previous'),
    /** The last write replaced the data instead of merging into it. */
    replaced: boolean('replaced').notNull().default(false),
    /** Webhook that created the record. */
    webhook: text('webhook').notNull(),
    /** Exchange that created it; a write created the record exactly when origin = exchange. */
    origin: text('origin').notNull(),
    /** Exchange that wrote it last. */
    exchange: text('exchange').notNull(),
    createdAt: time('created_at').notNull(),
    updatedAt: time('updated_at').notNull(),
  },
  t => [primaryKey({ columns: [t.entity, t.id] })],
)

/** Claimed idempotency keys, each with the outcome that a replay answers. */
export const idempotencyKeys = pgTable(
  'idempotency_keys',
  {
    webhook: text('webhook').notNull(),
    key: text('key').notNull(),
    fingerprint: text('fingerprint').notNull(),
    exchange: text('exchange').notNull(),
    entity: text('entity'),
    recordId: text('record_id'),
    fieldsUpdated: integer('fields_updated').notNull(),
    shown: jsonb('shown'),
    expiresAt: time('expires_at').notNull(),
  },
  t => [primaryKey({ columns: [t.webhook, t.key] })],
)

/** The outbox. */
export const events = pgTable('events', {
  id: text('id').primaryKey(),
  type: text('type').notNull(),
  webhook: text('webhook').notNull(),
  entity: text('entity'),
  recordId: text('record_id'),
  data: jsonb('data').notNull(),
  previous: jsonb('previous'),
  variables: jsonb('variables').notNull(),
  createdAt: time('created_at').notNull(),
})

/** Created records by quota; the check is what refuses the one too many. */
export const quotas = pgTable(
  'quotas',
  {
    scope: text('scope').primaryKey(),
    used: bigint('used', { mode: 'number' }).notNull(),
    cap: bigint('cap', { mode: 'number' }).notNull(),
  },
  t => [check('quota_reached', sql`${t.used} <= ${t.cap}`)],
)

/** URL tokens, as hashes. */
export const tokens = pgTable(
  'tokens',
  {
    id: text('id').primaryKey(),
    /** SHA-256 of the token, hex. */
    hash: text('hash').notNull().unique(),
    webhook: text('webhook').notNull(),
    label: text('label'),
    createdAt: time('created_at').notNull(),
    expiresAt: time('expires_at'),
    revokedAt: time('revoked_at'),
    lastUsedAt: time('last_used_at'),
  },
  t => [index('tokens_webhook').on(t.webhook)],
)
