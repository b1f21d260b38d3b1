/** What a destination's deliveries may have been left in by a sender that is gone, or by other settings. */
import type { Database } from '../store/database.ts'
import { lockOrder } from './delivery.ts'
import type { Queue } from './queue.ts'
import { type OrderKey, releaseWaiting } from './result.ts'

const BATCH = 1000

/** Makes due what waits for nothing: nothing is open before it, or the destination is not ordered any more. */
export async function sweep(db: Database, queue: Queue, { name, ordered }: { name: string; ordered: boolean }): Promise<void> {
  for (let after = ''; ; ) {
    const keys = await db.transaction(async tx => {
      await lockOrder(tx, [name])
      if (!ordered) {
        const free = await tx.query<{ id: string; attempts: number }>(FREE, [name, BATCH])
        await queue.add(
          tx,
          name,
          free.map(d => ({ delivery: d.id, attempts: d.attempts, after: 0 })),
        )
        return free.length === BATCH ? [] : undefined
      }
      // What was sent side by side stands in line from now on; its jobs find nothing to do.
      if (after === '') await tx.query(LINE_UP, [name])
      const waiting = await tx.query<OrderKey & { key: string }>(WAITING, [name, after, BATCH])
      await releaseWaiting(tx, queue, waiting)
      after = waiting.at(-1)?.key ?? after
      return waiting.length === BATCH ? waiting : undefined
    })
    if (!keys) return
  }
}

const FREE = `
update deliveries set status = 'pending', next_at = now(), updated_at = now()
where id in (select id from deliveries where destination = $1 and status = 'waiting' limit $2) returning id, attempts`

const LINE_UP = `
update deliveries d set status = 'waiting', next_at = null, updated_at = now()
where destination = $1 and status = 'pending' and entity is not null and exists (
  select from deliveries e where e.destination = d.destination and e.entity = d.entity and e.record_id = d.record_id
    and e.status in ('pending', 'waiting', 'dead') and e.seq < d.seq)`

const WAITING = `
select distinct destination, entity, record_id, entity || '/' || record_id as key from deliveries
where destination = $1 and status = 'waiting' and entity || '/' || record_id > $2 order by key limit $3`
