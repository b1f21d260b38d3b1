/** What waits at each destination, for whoever asks often: cheap beside a million deliveries. */
import type { Database } from './database.ts'

export interface Backlog {
  destination: string
  /** By an operator, by a 410 or by `disableAfter`. */
  paused: boolean
  /** Deliveries that are pending, at most `COUNTED`. */
  pending: number
}

/** Pending deliveries that are counted of one destination; more show as this many. */
const COUNTED = 10_000

/** Of these destinations, in no order; undefined when the store does not answer. */
export async function backlog(db: Database, destinations: readonly string[]): Promise<Backlog[] | undefined> {
  if (destinations.length === 0) return []
  try {
    return await db.transaction(async tx => {
      // One plan serves all of them: where one has most of the rows, it would read the whole table for each of the others.
      await tx.query(
        `select set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true), set_config('jit', 'off', true)`,
      )
      return tx.query<Backlog>(BACKLOG, [destinations])
    })
  } catch {
    return undefined
  }
}

const BACKLOG = `
select t.name as destination,
  coalesce((select d.paused_at is not null from destinations d where d.name = t.name), false) as paused,
  (select count(*)::int from (select from deliveries where destination = t.name and status = 'pending' limit ${COUNTED}) p) as pending
from unnest($1::text[]) as t (name)`
