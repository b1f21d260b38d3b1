/** The tables of the store. Migrations are generated from them: `npx drizzle-kit generate`. */
import { sql } from 'drizzle-orm'
import {
  bigint,
  bigserial,
  boolean,
  check,
  customType,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  real,
  smallint,
  timestamp,
} from 'drizzle-orm/pg-core'

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
  t => [
    primaryKey({ columns: [t.entity, t.id] }),
    // Each merge may bring new fields: without a bound, one record would in the end take seconds to write, and hold up the batch it is in.
    check('record_size', sql`pg_column_size(${t.data}) <= 33554432`),
  ],
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

/** What happened; kept for `retention.events`. */
export const events = pgTable('events', {
  id: text('id').primaryKey(),
  type: text('type').notNull(),
  webhook: text('webhook').notNull(),
  entity: text('entity'),
  recordId: text('record_id'),
  data: jsonb('data').notNull(),
  previous: jsonb('previous'),
  variables: jsonb('variables').notNull(),
  /** How often it has already gone round: one more than the event whose delivery raised it. */
  hops: smallint('hops').notNull().default(0),
  /** The `traceparent` that its deliveries carry. */
  trace: text('trace'),
  createdAt: time('created_at').notNull(),
})

/** Events that no relay has seen yet: narrow, because every row is deleted again soon. `seq` is in the order of the commits of a record. */
export const outbox = pgTable('outbox', {
  seq: bigserial('seq', { mode: 'number' }).primaryKey(),
  event: text('event').notNull(),
  /** Which subscriptions were in force: a replica with others leaves the event to one that has them. */
  plan: text('plan').notNull(),
})

/** One event for one destination. The queue holds a job for each that is pending; this row is what is true. */
export const deliveries = pgTable(
  'deliveries',
  {
    /** `dlv_`, the ULID of the event, and a digest of the destination: an event has one delivery for a destination, whoever relays it. */
    id: text('id').primaryKey(),
    event: text('event').notNull(),
    destination: text('destination').notNull(),
    subscription: text('subscription').notNull(),
    type: text('type').notNull(),
    webhook: text('webhook').notNull(),
    entity: text('entity'),
    recordId: text('record_id'),
    /** Of the outbox: the order in which an ordered destination gets the events of a record. */
    seq: bigint('seq', { mode: 'number' }).notNull(),
    /** pending | waiting (for an earlier one of its record) | delivered | dead | cancelled */
    status: text('status').notNull(),
    /** Made so far. */
    attempts: integer('attempts').notNull().default(0),
    /** Attempts before the last redrive: the schedule begins anew after them. */
    forgiven: integer('forgiven').notNull().default(0),
    nextAt: time('next_at'),
    /** Of the last attempt. */
    lastStatus: integer('last_status'),
    lastError: text('last_error'),
    createdAt: time('created_at').notNull(),
    updatedAt: time('updated_at').notNull(),
  },
  t => [
    index('deliveries_due').on(t.destination, t.nextAt).where(sql`${t.status} = 'pending'`),
    index('deliveries_order').on(t.destination, t.entity, t.recordId, t.seq).where(sql`${t.status} in ('pending', 'waiting', 'dead')`),
    index('deliveries_dead').on(t.destination, t.id).where(sql`${t.status} = 'dead'`),
    index('deliveries_event').on(t.event),
  ],
)

/** Every attempt at a delivery. */
export const attempts = pgTable(
  'attempts',
  {
    delivery: text('delivery').notNull(),
    /** Counted from 1. */
    attempt: integer('attempt').notNull(),
    at: time('at').notNull(),
    /** Milliseconds. */
    duration: integer('duration').notNull(),
    status: integer('status'),
    /** A code; null: it was delivered. */
    error: text('error'),
    message: text('message'),
    /** The first 4 KiB of the answer. */
    response: text('response'),
  },
  t => [primaryKey({ columns: [t.delivery, t.attempt] })],
)

/** What is known of a destination besides its settings. */
export const destinations = pgTable('destinations', {
  name: text('name').primaryKey(),
  pausedAt: time('paused_at'),
  /** operator | gone | failing */
  pauseReason: text('pause_reason'),
  /** Since when nothing but failures. */
  failingSince: time('failing_since'),
  /** Replica that sends for it: one at a time, so that its limits hold for all replicas together. */
  owner: text('owner'),
})

/** Gateways that run on this store. */
export const replicas = pgTable('replicas', {
  id: text('id').primaryKey(),
  seenAt: time('seen_at').notNull(),
  /** Its subscriptions, as `outbox.plan`. */
  plan: text('plan').notNull(),
  /** Names of the destinations that it knows. */
  destinations: jsonb('destinations').notNull(),
})

/** What the gateways of this store share and nobody needs to set: the key that signs hop counts. */
export const instance = pgTable('instance', {
  name: text('name').primaryKey(),
  value: text('value').notNull(),
})

/** Encrypted secrets, `${secret:NAME}`: AES-256-GCM with the name as associated data. */
export const secrets = pgTable(
  'secrets',
  {
    name: text('name').notNull(),
    /** Counted from 1; the highest is the newest. */
    version: integer('version').notNull(),
    /** Tells which master key it is encrypted with: the first 16 hex digits of that key's SHA-256. */
    keyId: text('key_id').notNull(),
    /** Nonce, ciphertext and tag, base64. */
    sealed: text('sealed').notNull(),
    createdAt: time('created_at').notNull(),
    notAfter: time('not_after'),
    lastUsedAt: time('last_used_at'),
  },
  t => [primaryKey({ columns: [t.name, t.version] })],
)

/** Samples of requests, accepted and refused; credentials are masked before they come here. */
export const requests = pgTable(
  'requests',
  {
    /** Of the exchange. */
    id: text('id').primaryKey(),
    webhook: text('webhook').notNull(),
    receivedAt: time('received_at').notNull(),
    method: text('method').notNull(),
    path: text('path').notNull(),
    query: text('query').notNull(),
    headers: jsonb('headers').notNull(),
    /** UTF-8 text, or base64 when `encoded`. */
    body: text('body').notNull(),
    encoded: boolean('encoded').notNull(),
    /** Bytes of the body as it came; more than what is kept when it was cut. */
    size: integer('size').notNull(),
    ip: text('ip').notNull(),
    /** accepted | replayed | refused | failed */
    outcome: text('outcome').notNull(),
    status: integer('status').notNull(),
    code: text('code'),
    /** For the operator alone. */
    reason: text('reason'),
    /** Plugin that refused. */
    plugin: text('plugin'),
    /** `[{ plugin, verdict, ms }]` */
    steps: jsonb('steps').notNull(),
    /** What `verify` steps gave, for a replay: `{ "signed-at": … }`. */
    slots: jsonb('slots').notNull(),
    /** Milliseconds. */
    duration: real('duration').notNull(),
    idempotencyKey: text('idempotency_key'),
    entity: text('entity'),
    recordId: text('record_id'),
  },
  t => [index('requests_webhook').on(t.webhook, t.id)],
)

/** Changes that operators made. */
export const audit = pgTable('audit', {
  id: text('id').primaryKey(),
  at: time('at').notNull(),
  /** `admin` for the admin API, `cli` for the command line. */
  actor: text('actor').notNull(),
  ip: text('ip'),
  /** `token.create`, `delivery.retry`, `destination.pause` and so on. */
  action: text('action').notNull(),
  target: text('target').notNull(),
  details: jsonb('details').notNull(),
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
