/**
 * The commit statement: claims, records, quotas and events of a batch in one round trip, which is its own transaction.
 *
 * It reads no table that it does not write: joining the keys made it four times slower, because the planner knows nothing
 * of a batch. Each insert sorts what it locks, so that two batches cannot deadlock, and the sort also makes each stage wait
 * for the one before it. What is not the common case comes back as rows; no row means created, or nothing to report.
 */
import type { Tx } from '../plugin.ts'
import type { Outcome, Unit } from './unit.ts'

export const STATEMENT = `
with input as materialized (
  select * from jsonb_to_recordset($1::jsonb) as t(
    n int, exchange text, webhook text, at float8,
    key text, fingerprint text, expires float8, shown jsonb, fields int,
    entity text, id text, data jsonb, whole boolean,
    scope text, cap bigint, event boolean, relay text, hops int, trace text, payload jsonb, variables jsonb)
), fresh as (
  insert into idempotency_keys as k (webhook, key, fingerprint, exchange, entity, record_id, fields_updated, shown, expires_at)
  select webhook, key, fingerprint, exchange, entity, id, fields, shown, to_timestamp(expires)
  from input where key is not null order by webhook, key
  on conflict (webhook, key) do update set fingerprint = excluded.fingerprint, exchange = excluded.exchange, entity = excluded.entity,
    record_id = excluded.record_id, fields_updated = excluded.fields_updated, shown = excluded.shown, expires_at = excluded.expires_at
    where k.expires_at <= to_timestamp($2)
  returning exchange
), won as materialized (
  select * from input where key is null
  union all
  select input.* from fresh join input using (exchange)
), written as (
  insert into records as r (entity, id, data, replaced, webhook, origin, exchange, created_at, updated_at)
  select entity, id, data, whole, webhook, exchange, exchange, to_timestamp(at), to_timestamp(at)
  from won where entity is not null order by entity, id
  on conflict (entity, id) do update set
    data = case when excluded.replaced then excluded.data else r.data || excluded.data end,
    previous = r.data, replaced = excluded.replaced, exchange = excluded.exchange, updated_at = excluded.updated_at
  returning exchange, origin = exchange as created, data, previous
), counted as (
  insert into quotas as q (scope, used, cap)
  select scope, count(*), min(cap) from won join written using (exchange)
  where created and scope is not null group by scope order by scope
  on conflict (scope) do update set used = q.used + excluded.used, cap = excluded.cap
), posted as (
  insert into events (id, type, webhook, entity, record_id, data, previous, variables, hops, trace, created_at)
  select 'evt_' || exchange,
    case when entity is null then 'webhook.received' when w.created then 'record.created' else 'record.updated' end,
    webhook, entity, id, coalesce(w.data, payload), w.previous, variables, hops, trace, to_timestamp(at)
  from won left join written w using (exchange) where event order by exchange
  returning id
), handed as (
  insert into outbox (event, plan) select p.id, relay from posted p join won on p.id = 'evt_' || won.exchange where relay is not null order by p.id
)
select n, false as held from won join written using (exchange) where not created
union all
select n, true from input where key is not null and exchange not in (select exchange from fresh)`

/** A row that is not the common case: the key was held before, or the record was updated. */
export interface Uncommon {
  n: number
  held: boolean
}

/** The batch as the statement's first parameter; `ids` holds the record ids that matching found. */
export function rowsOf(units: readonly Unit[], ids: ReadonlyMap<Unit, string>): string {
  const rows = new Array(units.length)
  for (let n = 0; n < units.length; n++) {
    const unit = units[n] as Unit
    const { exchange: x, key, quota, record, event } = unit
    const at = x.receivedAt / 1000
    // What is undefined does not reach the JSON, and is null in the statement. Spreads would cost as much as the stringify.
    rows[n] = {
      n,
      exchange: x.id,
      webhook: x.webhook,
      at,
      key: key?.key,
      fingerprint: key?.fingerprint,
      expires: key && at + key.ttl / 1000,
      shown: key?.shown,
      fields: fieldsOf(unit),
      entity: record?.entity,
      id: record && (ids.get(unit) ?? record.id),
      data: record?.data,
      whole: record && record.mode === 'replace',
      scope: quota?.scope,
      cap: quota?.limit,
      event: event !== undefined,
      relay: unit.relay,
      hops: event?.hops ?? 0,
      trace: event && x.trace,
      payload: event && !record ? x.data : undefined,
      variables: event ? x.variables : undefined,
    }
  }
  return JSON.stringify(rows)
}

export function fieldsOf(unit: Unit): number {
  return unit.record ? Object.keys(unit.record.data).length : 0
}

/** What was stored with a key by the exchange that holds it. */
export interface Held {
  webhook: string
  key: string
  fingerprint: string
  exchange: string
  record_id: string | null
  fields_updated: number
  shown: Outcome['shown'] | null
  expires_at: Date
  created: boolean
}

/** The outcomes behind held keys. It runs after the statement, whose own snapshot may be older than the commit it lost to. */
export async function heldOutcomes(tx: Tx, units: readonly Unit[]): Promise<Held[]> {
  return tx.query<Held>(
    `select k.webhook, k.key, k.fingerprint, k.exchange, k.record_id, k.fields_updated, k.shown, k.expires_at, coalesce(r.origin = k.exchange, true) as created
     from unnest($1::text[], $2::text[]) as t(webhook, key) join idempotency_keys k using (webhook, key)
     left join records r on r.entity = k.entity and r.id = k.record_id`,
    [units.map(u => u.exchange.webhook), units.map(u => u.key?.key)],
  )
}

/** The outcomes of units whose event is in the outbox: they were committed before, and nobody heard of it. */
export async function writtenOutcomes(tx: Tx, units: readonly Unit[]): Promise<Map<Unit, Outcome>> {
  const byEvent = new Map(units.map(unit => [`evt_${unit.exchange.id}`, unit]))
  const rows = await tx.query<{ id: string; type: string; record_id: string | null }>(
    'select id, type, record_id from events where id = any($1::text[])',
    [[...byEvent.keys()]],
  )
  const outcomes = new Map<Unit, Outcome>()
  for (const { id, type, record_id } of rows) {
    const unit = byEvent.get(id)
    const record =
      record_id === null || !unit ? undefined : { id: record_id, created: type === 'record.created', fieldsUpdated: fieldsOf(unit) }
    if (unit) outcomes.set(unit, { ...(record && { record }), replayed: false, shown: unit.key?.shown ?? [] })
  }
  return outcomes
}
