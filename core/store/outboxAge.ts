/** How long the oldest event has waited for a relay. */
import type { Tx } from '../plugin.ts'

/** Seconds, 0 when none waits; undefined when the store does not answer. */
export async function outboxAge(db: Tx): Promise<number | undefined> {
  try {
    const [row] = await db.query<{ age: number }>(
      'select extract(epoch from now() - e.created_at)::float8 as age from outbox o join events e on e.id = o.event order by o.seq limit 1',
    )
    return Math.max(0, row?.age ?? 0)
  } catch {
    return undefined
  }
}
