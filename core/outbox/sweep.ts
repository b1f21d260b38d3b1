/** What a destination's deliveries may have been left in by a sender that is gone, or by other settings. */
import type { Database } from '../store/database.ts'
import { lockOrder } from './delivery.ts'
import type { Queue } from './queue.ts'
import { releaseWaiting } from './result.ts'

/** Deliveries of one transaction: a backlog may have millions, and a statement has five seconds. */
const BATCH = 1000

/** Makes due what waits for nothing: nothing is open before it, or the destination is not ordered any more. */
export async function sweep(db: Database, queue: Queue, { name, ordered }: { name: string; ordered: boolean }): Promise<void> {
  if (ordered) return lineUp(db, queue, name)
  for (let full = true; full; ) {
    full = await db.transaction(async tx => {
      await lockOrder(tx, [name])
      const free = await tx.query<{ id: string; attempts: number }>(FREE, [name, BATCH])
      const due = free.map(d => ({ delivery: d.id, attempts: d.attempts, after: 0 }))
      await queue.add(tx, name, due)
      return free.length === BATCH
    })
  }
}

/** Puts what was sent side by side in line, whose jobs then find nothing to do, and lets the first of each record go. */
async function lineUp(db: Database, queue: Queue, name: string): Promise<void> {
  let after: Looked | undefined = { entity: '', record_id: '', seq: -1, head: false }
  while (after) {
    const { entity, record_id, seq }: Looked = after
    after = await db.transaction(async (tx): Promise<Looked | undefined> => {
      await lockOrder(tx, [name])
      const looked = await tx.query<Looked>(LINE_UP, [name, entity, record_id, seq, BATCH])
      const heads = looked.filter(row => row.head).map(row => ({ ...row, destination: name }))
      await releaseWaiting(tx, queue, heads)
      return looked.length === BATCH ? looked.at(-1) : undefined
    })
  }
}

/** An open delivery: `head` when it waits, and no other one of its record is open before it. */
interface Looked {
  entity: string
  record_id: string
  seq: number
  head: boolean
}

const FREE = `
update deliveries set status = 'pending', next_at = now(), updated_at = now()
where id in (select id from deliveries where destination = $1 and status = 'waiting' limit $2) returning id, attempts`

/** Goes along the index \`deliveries_order\`, from where the batch before has ended. */
const LINE_UP = `
with looked as materialized (
  select id, entity, record_id, seq, status, exists (
    select from deliveries e where e.destination = d.destination and e.entity = d.entity and e.record_id = d.record_id
      and e.status in ('pending', 'waiting', 'dead') and e.seq < d.seq) as behind
  from deliveries d
  where destination = $1 and status in ('pending', 'waiting', 'dead') and (entity, record_id, seq) > ($2, $3, $4::bigint)
  order by entity, record_id, seq limit $5
), lined as (
  update deliveries d set status = 'waiting', next_at = null, updated_at = now() from looked
  where d.id = looked.id and looked.status = 'pending' and looked.behind
)
select entity, record_id, seq, status = 'waiting' and not behind as head from looked order by entity, record_id, seq`
