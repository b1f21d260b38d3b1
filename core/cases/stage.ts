/** One embedded store for all cases of a run, emptied before each, and what a gateway works with beside it: a clock that stands still. */
import { randomBytes } from 'node:crypto'
import type { Kv } from '../kv/kv.ts'
import type { Log } from '../log.ts'
import type { LimiterRule } from '../plugin.ts'
import { openEdge } from '../request/edge.ts'
import type { Gateway, GatewayServices } from '../request/gateway.ts'
import { earlierOutcome } from '../store/batch.ts'
import { groupCommit } from '../store/commit.ts'
import type { Database } from '../store/database.ts'
import { foresee } from '../store/foresee.ts'
import { sentBook } from '../store/sent.ts'
import { migrateDatabase, openDatabase } from '../store/store.ts'
import { createToken, tokenBook } from '../store/tokens.ts'
import type { Outcome, Unit } from '../store/unit.ts'

/** A line of the gateway's log. */
export interface Line {
  readonly level: keyof Log
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

/** What lies around the gateway of one case. */
export interface Scene {
  readonly db: Database
  readonly services: GatewayServices
  /** Epoch milliseconds; set it to move the clock. */
  readonly clock: { now: number }
  /** What was logged, and what was committed last, since the last request began. */
  readonly seen: { lines: Line[]; unit?: Unit | undefined; outcome?: Outcome | undefined }
  /** Hands a request to a gateway, through the edge; `peer` is the address of the connection's other end. */
  fetch(gateway: Gateway, request: Request, peer: string): Promise<Response>
  token(webhook: string): Promise<string>
  close(): Promise<void>
}

export interface Stage {
  /** The scene of the next case: nothing of the earlier ones is left. */
  set(now: number): Promise<Scene>
  close(): Promise<void>
}

const OURS = `select quote_ident(schemaname) || '.' || quote_ident(tablename) as name from pg_tables
  where schemaname not in ('pg_catalog', 'information_schema', 'drizzle')`

/** Its first start takes some seconds. */
export async function openStage(): Promise<Stage> {
  const db = await openDatabase('pglite://memory')
  await migrateDatabase(db, 0)
  const door = openDoor()
  // What a plugin would fetch is not there: a case must not depend on what somebody else's server says today.
  const online = globalThis.fetch
  globalThis.fetch = Object.assign(() => Promise.reject(new Error('there is no network in postern test')), online)
  const hopKey = randomBytes(32).toString('base64')
  return {
    async set(now) {
      // Asked each time: an effect of a plugin may have made a table of its own. Thirty times as quick as truncate on tables this small.
      const tables = await db.query<{ name: string }>(OURS)
      // Whatever refers to whatever: no order would be right for the tables of a plugin.
      const empty = tables.map(({ name }) => `delete from ${name};`).join('\n')
      await db.script(`set session_replication_role = replica;\n${empty}\nset session_replication_role = default;`)
      return sceneOn(db, door, hopKey, now)
    },
    async close() {
      globalThis.fetch = online
      await db.close()
    },
  }
}

/** The edge, which takes longer to make than all the rest of a case: one for all, and the gateway behind it is each case's own. */
function openDoor() {
  let behind: { gateway: Gateway; log: Log } | undefined
  const gateway: Gateway = {
    handle: (target, peer) => (behind as { gateway: Gateway }).gateway.handle(target, peer),
    replay: (captured, options) => (behind as { gateway: Gateway }).gateway.replay(captured, options),
    close: async () => {},
  }
  const failed = (error: unknown) => behind?.log.error({ error: String(error) }, 'the edge failed')
  const edge = openEdge({ gateway, ready: async () => true, failed })
  return {
    fetch(to: { gateway: Gateway; log: Log }, request: Request, peer: string): Promise<Response> {
      behind = to
      return edge.fetch(request, peer)
    },
  }
}

/** Books and queues are the case's own, too: they remember tokens, quotas and batches. */
function sceneOn(db: Database, door: ReturnType<typeof openDoor>, hopKey: string, start: number): Scene {
  const clock = { now: start }
  const now = () => clock.now
  const seen: Scene['seen'] = { lines: [] }
  const log = noting(seen.lines)
  const warn = (message: string, fields?: Record<string, unknown>) => log.warn(fields ?? {}, message)
  const { commit, drained } = groupCommit(db, { now, warn })
  const tokens = tokenBook(db, now)
  const note = <O>(unit: Unit, outcome: O): O => {
    seen.unit = unit
    if (outcome && !('kind' in (outcome as object))) seen.outcome = outcome as unknown as Outcome
    return outcome
  }
  const made = new Map<string, Promise<string>>()
  return {
    db,
    clock,
    seen,
    fetch(gateway, request, peer) {
      seen.lines.length = 0
      seen.unit = undefined
      seen.outcome = undefined
      return door.fetch({ gateway, log }, request, peer)
    },
    services: {
      tokens,
      now,
      log,
      kv: countersOf(now),
      hopKey: () => hopKey,
      sent: sentBook(db),
      commit: async (unit, left) => note(unit, await commit(unit, left)),
      earlier: async unit => note(unit, await earlierOutcome(db, unit, now())),
      foresee: unit => foresee(db, unit, now()),
      relay() {},
      noteSecretUse() {},
    },
    token(webhook) {
      const token = made.get(webhook) ?? createToken(db, webhook, { now: start }).then(({ token }) => token)
      made.set(webhook, token)
      return token
    },
    close: drained,
  }
}

function noting(lines: Line[]): Log {
  const at =
    (level: keyof Log) =>
    (fields: Record<string, unknown>, message = '') =>
      void lines.push({ level, fields, message })
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), fatal: at('fatal') } as unknown as Log
}

/** Counters by the clock of the case: those of a gateway go by the time of the machine. */
function countersOf(now: () => number): Kv {
  const counters = new Map<string, { used: number; until: number }>()
  return {
    kind: 'memory',
    limiter: ({ name, limit, window }: LimiterRule) => ({
      async take(key) {
        const id = `${name}\0${key}`
        const present = counters.get(id)
        const counter = present && present.until > now() ? present : { used: 0, until: now() + window }
        counters.set(id, counter)
        counter.used++
        const remaining = Math.max(0, limit - counter.used)
        return { allowed: counter.used <= limit, remaining, resetAfter: counter.until - now() }
      },
    }),
    close: async () => {},
  }
}
