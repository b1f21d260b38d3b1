/** The data of events, read in portions: a batch of large ones is more than a statement has time for, and more than there is memory. */
import type { Tx } from '../plugin.ts'
import { PORTION, weightOf } from '../store/weight.ts'

export interface Body {
  data: Record<string, unknown>
  previous: Record<string, unknown> | null
  variables: Record<string, unknown>
  /** Bytes of its text, about. */
  size: number
}

/** The data of these events could not be read; see `cause`. */
export class Unread extends Error {
  readonly events: readonly string[]
  constructor(events: readonly string[], cause: unknown) {
    super(`the data of events cannot be read: ${cause instanceof Error ? cause.message : cause}`, { cause })
    this.events = events
  }
}

/**
 * The data of these events, in their order and from the first on, up to the one with which it is a portion or more: so at least one, however
 * large it is. Undefined stands for an event that is no longer kept. Throws `Unread`.
 */
export async function readBodies(tx: Tx, events: readonly string[]): Promise<(Body | undefined)[]> {
  if (events.length === 0) return []
  try {
    const rows = await tx.query<Body & { id: string | null }>(READ, [events, PORTION])
    return rows.map(({ id, ...body }) => (id === null ? undefined : body))
  } catch (error) {
    throw new Unread(events, error)
  }
}

const READ = `
with recursive portion as (
  select 0 as n, 0 as size, 0::bigint as total
  union all
  select n + 1, e.size, total + coalesce(e.size, 0)
  from portion left join lateral (
    select ${weightOf('data', 'previous', 'variables')} as size from events where id = ($1::text[])[portion.n + 1] offset 0 -- or it would be weighed twice
  ) e on true
  where n < cardinality($1::text[]) and total < $2::bigint
)
select e.id, e.data, e.previous, e.variables, size from portion left join events e on e.id = ($1::text[])[n] where n > 0 order by n`
