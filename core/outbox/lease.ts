/**
 * Which replica sends for which destination. One at a time does, so that limits, rates and order hold for all replicas together; each
 * finds out for itself which that should be, and who is gone loses his destinations after four seconds.
 */
import { createHash } from 'node:crypto'
import type { Database } from '../store/database.ts'

export interface DestinationRow {
  name: string
  owner: string | null
  paused_at: Date | null
  pause_reason: string | null
  failing_since: Date | null
}

export interface Lease {
  /** Says that this replica lives, and takes, of these destinations, what is its own and free. Returns what is known of each. */
  renew(names: readonly string[], plan: string): Promise<Map<string, DestinationRow & { mine: boolean; shouldBe: boolean }>>
  /** Lets a destination go, for another replica. */
  release(names: readonly string[]): Promise<void>
  /** Milliseconds since the last renewal: after four seconds others may have taken over. */
  age(): number
  close(): Promise<void>
}

/** Milliseconds for which a silent replica keeps its destinations. */
export const LEASE = 4000

export function openLease(db: Database, self: string): Lease {
  let renewed = Number.NEGATIVE_INFINITY
  const known = new Set<string>()
  return {
    async renew(names, plan) {
      const began = performance.now()
      const fresh = names.filter(name => !known.has(name))
      if (fresh.length > 0) await db.query('insert into destinations (name) select unnest($1::text[]) on conflict do nothing', [fresh])
      for (const name of fresh) known.add(name)
      const live = await db.query<{ id: string; destinations: string[] }>(BEAT, [self, plan, JSON.stringify(names)])
      const wanted = assign(new Map(live.map(row => [row.id, row.destinations]))).get(self) ?? []
      const rows = await db.query<DestinationRow>(TAKE, [names, wanted, self])
      renewed = began
      return new Map(rows.map(row => [row.name, { ...row, mine: row.owner === self, shouldBe: wanted.includes(row.name) }]))
    },
    release: async names =>
      void (await db.query('update destinations set owner = null where name = any($1::text[]) and owner = $2', [names, self])),
    age: () => performance.now() - renewed,
    async close() {
      await db.query('update destinations set owner = null where owner = $1', [self])
      await db.query('delete from replicas where id = $1', [self])
    },
  }
}

/**
 * The destinations of each replica, of those that it declares: every replica finds the same, none has more than its share while another
 * could take it, and when one comes or goes, few others change hands (rendezvous hashing with bounded loads).
 */
export function assign(declared: ReadonlyMap<string, readonly string[]>): Map<string, string[]> {
  const all = new Map([...declared.keys()].map(id => [id, [] as string[]]))
  const destinations = [...new Set([...declared.values()].flat())].sort()
  const share = Math.ceil(destinations.length / declared.size)
  for (const destination of destinations) {
    const able = [...declared].filter(([, names]) => names.includes(destination))
    const scored = able.map(([id]) => ({ id, score: createHash('sha256').update(`${destination}\0${id}`).digest('hex') }))
    scored.sort((a, b) => (a.score > b.score ? -1 : 1))
    const best = scored.find(({ id }) => (all.get(id)?.length ?? 0) < share) ?? scored[0]
    if (best) all.get(best.id)?.push(destination)
  }
  return all
}

const LIVE = `seen_at > now() - interval '${LEASE} ms'`
const BEAT = `
with beat as (
  insert into replicas (id, seen_at, plan, destinations) values ($1, now(), $2, $3::jsonb)
  on conflict (id) do update set seen_at = now(), plan = excluded.plan, destinations = excluded.destinations returning id, destinations
), gone as (
  delete from replicas where seen_at < now() - interval '1 hour'
)
select id, destinations from beat union all select id, destinations from replicas where id <> $1 and ${LIVE}`

const TAKE = `
with taken as (
  update destinations set owner = $3 where name = any($2::text[]) and owner is distinct from $3
    and (owner is null or not exists (select from replicas where id = owner and ${LIVE})) returning name
)
select d.name, case when d.name in (select name from taken) then $3 else d.owner end as owner, d.paused_at, d.pause_reason, d.failing_since
from destinations d where d.name = any($1::text[])`
