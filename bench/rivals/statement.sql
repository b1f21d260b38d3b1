\set id random(1, 9000000000000000000)
with input as (
  select (:id)::bigint::text as id
), claimed as (
  insert into keys (key, record_id) select 'key-' || id, id from input on conflict do nothing returning record_id
), written as (
  insert into records (id, data) select record_id, ('{"id": "' || record_id || '", "region": "North", "sales": 142000, "target": 130000, "updated": "2026-04-09T10:30:00Z", "note": "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}')::jsonb from claimed
  on conflict (id) do update set data = records.data || excluded.data returning id, data
)
insert into outbox (type, record_id, data) select 'record.created', id, data from written;
