\set id random(1, 9000000000000000000)
with claimed as (
  insert into keys (key, record_id) values ('key-' || :id, ':id') on conflict do nothing returning record_id
), written as (
  insert into records (id, data) select record_id, '{"id": ":id", "region": "North", "sales": 142000, "target": 130000, "updated": "2026-04-09T10:30:00Z", "note": "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}'::jsonb from claimed
  on conflict (id) do update set data = records.data || excluded.data returning id, data
)
insert into outbox (type, record_id, data) select 'record.created', id, data from written;
