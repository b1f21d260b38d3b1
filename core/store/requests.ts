/** Samples of requests: taken down in batches, off the path of the requests, and read back for a replay. */
import type { Tx } from '../plugin.ts'
import { isUnstorable } from './failure.ts'

/** One request as it came and what became of it; credentials are masked before it is one. */
export interface Sample {
  /** Of the exchange. */
  readonly id: string
  readonly webhook: string
  /** When it came; epoch milliseconds. */
  readonly at: number
  readonly method: string
  readonly path: string
  /** Without the question mark. */
  readonly query: string
  readonly headers: Readonly<Record<string, string>>
  /** Text, or base64 when `encoded`. */
  readonly body: string
  readonly encoded: boolean
  /** Bytes of the body as it came. */
  readonly size: number
  readonly ip: string
  readonly outcome: SampleOutcome
  readonly status: number
  readonly code?: string | undefined
  readonly reason?: string | undefined
  readonly plugin?: string | undefined
  readonly steps: readonly StepSeen[]
  /** What `verify` steps gave, by the slot's name. */
  readonly slots: Readonly<Record<string, unknown>>
  /** Milliseconds. */
  readonly duration: number
  readonly key?: string | undefined
  readonly entity?: string | undefined
  readonly record?: string | undefined
}

export type SampleOutcome = 'accepted' | 'replayed' | 'refused' | 'failed'

/** What one step of a chain said; `ms` is null where nobody held the watch. */
export interface StepSeen {
  readonly plugin: string
  readonly verdict: 'passed' | 'refused' | 'accepted' | 'failed' | 'not-run'
  readonly ms: number | null
}

export interface Samples {
  /** Keeps it until the next batch; of its webhook the `last` newest stay. */
  add(sample: Sample, last: number): void
  /** How many were never written. */
  dropped(): number
  /** Writes what is left. */
  close(): Promise<void>
}

export interface SampleOptions {
  /** True while requests wait for their commit: samples wait then. */
  busy(): boolean
  /** For the operator. */
  warn(message: string, fields?: Record<string, unknown>): void
  /** Milliseconds between two batches. */
  every?: number
}

const ROWS = 200
const BATCH_BYTES = 4_194_304
/** What may wait; beyond it the oldest go. */
const LONGEST = 1000
const MOST_BYTES = 16_777_216
/** Milliseconds until a busy store is looked at again, and between two lines about what was dropped. */
const LOOK_AGAIN = 100
const TELL_EVERY = 60_000

interface Waiting {
  sample: Sample
  last: number
  bytes: number
}

/** Writes samples to a store. */
export function openSamples(db: Tx, { busy, warn, every = 1000 }: SampleOptions): Samples {
  let waiting: Waiting[] = []
  let bytes = 0
  let dropped = 0
  let told = 0
  let toldAt = Number.NEGATIVE_INFINITY
  let timer: ReturnType<typeof setTimeout> | undefined
  let writing: Promise<boolean> | undefined
  let closed = false

  function later(ms: number) {
    if (closed || timer !== undefined) return
    timer = setTimeout(tick, ms)
    ;(timer as { unref?(): void }).unref?.()
  }

  async function tick() {
    timer = undefined
    if (busy()) return later(LOOK_AGAIN)
    writing = writeBatch()
    await writing
    writing = undefined
    if (waiting.length > 0) later(every)
  }

  function bound() {
    let n = 0
    while (n < waiting.length && (waiting.length - n > LONGEST || bytes > MOST_BYTES)) bytes -= (waiting[n++] as Waiting).bytes
    if (n === 0) return
    waiting = waiting.slice(n)
    drop(n)
  }

  function drop(n: number) {
    dropped += n
    if (performance.now() - toldAt < TELL_EVERY) return
    toldAt = performance.now()
    warn('samples of requests were dropped: they come faster than the store takes them', { dropped: dropped - told })
    told = dropped
  }

  /** False: the store does not take any now. */
  async function writeBatch(): Promise<boolean> {
    const batch: Waiting[] = []
    let size = 0
    for (const w of waiting) {
      size += w.bytes
      if (batch.length === ROWS || (batch.length > 0 && size > BATCH_BYTES)) break
      batch.push(w)
    }
    if (batch.length === 0) return true
    waiting = waiting.slice(batch.length)
    for (const w of batch) bytes -= w.bytes
    try {
      await insert(db, batch)
      return true
    } catch (error) {
      if (isUnstorable(error)) return await oneByOne(batch)
      waiting = [...batch, ...waiting]
      for (const w of batch) bytes += w.bytes
      bound()
      return false
    }
  }

  /** One bad row must not sink the rest. */
  async function oneByOne(batch: readonly Waiting[]): Promise<boolean> {
    for (const w of batch) await insert(db, [w]).catch(() => drop(1))
    return true
  }

  return {
    add(sample, last) {
      const own = { sample, last, bytes: sample.body.length + sample.path.length + sample.query.length + 2000 }
      waiting.push(own)
      bytes += own.bytes
      bound()
      later(every)
    },
    dropped: () => dropped,
    async close() {
      closed = true
      clearTimeout(timer)
      await writing
      while (waiting.length > 0 && (await writeBatch()));
      dropped += waiting.length
    },
  }
}

/**
 * Rows of a batch, and in the same statement the end of those of their webhooks that are too many now. A statement does not see its own
 * rows, so that they are counted off beforehand; rows that another replica holds are left for the next time.
 */
const INSERT = `
with input as materialized (
  select * from jsonb_to_recordset($1::jsonb) as t(id text, webhook text, at float8, method text, path text, query text, headers jsonb,
    body text, encoded boolean, size int, ip text, outcome text, status int, code text, reason text, plugin text, steps jsonb, slots jsonb,
    duration real, key text, entity text, record text)
), added as (
  insert into requests (id, webhook, received_at, method, path, query, headers, body, encoded, size, ip, outcome, status, code, reason,
    plugin, steps, slots, duration, idempotency_key, entity, record_id)
  select id, webhook, to_timestamp(at), method, path, query, headers, body, encoded, size, ip, outcome, status, code, reason,
    plugin, steps, slots, duration, key, entity, record
  from input order by id on conflict (id) do nothing
)
delete from requests where id = any(array(
  select id from requests where id = any(array(
    select r.id from jsonb_to_recordset($2::jsonb) as k(webhook text, keep int) cross join lateral (
      select id from requests where webhook = k.webhook order by id desc offset k.keep limit 1000) r)) order by id for update skip locked))`

async function insert(db: Tx, batch: readonly Waiting[]): Promise<void> {
  const byWebhook = new Map<string, Waiting[]>()
  for (const w of batch) {
    const own = byWebhook.get(w.sample.webhook)
    if (own) own.push(w)
    else byWebhook.set(w.sample.webhook, [w])
  }
  const rows: Sample[] = []
  const kept: { webhook: string; keep: number }[] = []
  for (const [webhook, own] of byWebhook) {
    const { last } = own.at(-1) as Waiting
    const newest = own.slice(-last).map(w => ({ ...w.sample, at: w.sample.at / 1000 }))
    rows.push(...newest)
    kept.push({ webhook, keep: last - newest.length })
  }
  await db.query(INSERT, [JSON.stringify(rows), JSON.stringify(kept)])
}

/** A sample with all that its replay needs. */
export type Captured = Sample

/** Reads one sample for its replay. */
export async function readCaptured(db: Tx, id: string): Promise<Captured | undefined> {
  const [row] = await db.query<Captured & { received_at: Date }>(
    `select id, webhook, received_at, method, path, query, headers, body, encoded, size, ip, outcome, status, code, reason, plugin, steps,
       slots, duration, idempotency_key as key, entity, record_id as record from requests where id = $1`,
    [id],
  )
  return row && { ...row, at: row.received_at.getTime() }
}
