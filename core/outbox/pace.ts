/** How fast attempts may begin: at most `limit` within any window of `per` milliseconds. */
import type { Destination } from '../config/config.ts'
import type { Tx } from '../plugin.ts'

export interface Pace {
  /** Milliseconds until the next attempt may begin; 0: now. */
  wait(now: number): number
  /** An attempt begins. */
  begin(now: number): void
}

interface Around {
  /** Epoch milliseconds. */
  now(): number
  warn(message: string, fields?: Record<string, unknown>): void
}

/** No rate at all when none is given. Times are of a clock that never goes back; `before` are those of attempts that were begun already, oldest first. */
export function openPace(rate: { limit: number; per: number } | undefined, before: readonly number[] = []): Pace {
  if (!rate) return { wait: () => 0, begin: () => {} }
  /** When the last `limit` attempts began, as a ring. */
  const begun = new Float64Array(rate.limit).fill(Number.NEGATIVE_INFINITY)
  let oldest = 0
  const begin = (now: number) => {
    begun[oldest] = now
    oldest = (oldest + 1) % rate.limit
  }
  for (const time of before) begin(time)
  return { wait: now => Math.max(0, (begun[oldest] as number) + rate.per - now), begin }
}

/** The pace of a destination, by `performance.now()`, from where whoever had it before has left it. */
export async function resumePace(db: Tx, { name, rate }: Destination, { now, warn }: Around): Promise<Pace> {
  if (!rate) return openPace(rate)
  const [present, time] = [performance.now(), now()]
  const rows = await db.query<{ at: number }>(BEGUN, [name, rate.limit, (time - rate.per) / 1000]).catch(error => {
    warn('the attempts made so far cannot be read: the rate begins anew', { destination: name, error: String(error) })
    return []
  })
  const begun = rows.map(({ at }) => present - Math.max(0, time - at * 1000))
  return openPace(
    rate,
    begun.sort((a, b) => a - b),
  )
}

/** A delivery changes after each of its attempts began. */
const BEGUN = `
select extract(epoch from a.at)::float8 as at from deliveries d join attempts a on a.delivery = d.id
where d.destination = $1 and d.updated_at > to_timestamp($3) - interval '1 minute' and a.at > to_timestamp($3)
order by a.at desc limit $2`
