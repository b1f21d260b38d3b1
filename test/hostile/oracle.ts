/** Load with a memory: what the gateway said of each request, compared with what its tables hold. */

/** One request, with the body that must be found in the tables and its idempotency key. */
export interface Sent {
  key: string
  /** Undefined: the connection broke before an answer. */
  answers: { status: number | undefined; body: string; ms: number; retryAfter: string | null; replayed: boolean }[]
}

export interface Load {
  readonly sent: ReadonlyMap<string, Sent>
  /** Requests answered with 2xx so far. */
  acknowledged(): number
  /** Lets the requests under way end, and sends no more. */
  stop(): Promise<void>
}

export interface LoadOptions {
  /** Asked before each request: a gateway that restarts may have another port. */
  url(): string
  headers: Record<string, string>
  senders?: number
  /** Of each sender's keys, the share that is sent again until it is acknowledged; the others are given up after one answer. */
  stubborn?: number
}

/** Waits until `done` says so; fails after `patience` milliseconds. */
export async function until(what: string, done: () => boolean | Promise<boolean>, patience = 10_000): Promise<void> {
  const deadline = performance.now() + patience
  while (!(await done())) {
    if (performance.now() > deadline) throw new Error(`${what}: not within ${patience} ms`)
    await new Promise(next => setTimeout(next, 10))
  }
}

let runs = 0

/** Starts senders that send one request after the other. */
export function load({ url, headers, senders = 24, stubborn = 0.5 }: LoadOptions): Load {
  const sent = new Map<string, Sent>()
  const run = ++runs
  let going = true
  let acknowledged = 0

  async function sender(n: number) {
    for (let i = 0; going; i++) {
      const key = `run${run}-sender${n}-${i}`
      const record: Sent = { key, answers: [] }
      sent.set(key, record)
      const persistent = i % 100 < stubborn * 100
      do {
        const answer = await send(url(), headers, key)
        record.answers.push(answer)
        if (isGood(answer.status)) {
          acknowledged++
          break
        }
        await new Promise(done => setTimeout(done, 20))
      } while (persistent && going)
      // Some come again at once, as senders do that have missed the answer.
      if (i % 10 === 0 && going && isGood(record.answers.at(-1)?.status)) record.answers.push(await send(url(), headers, key))
    }
  }

  const all = Promise.all(Array.from({ length: senders }, (_, n) => sender(n)))
  return {
    sent,
    acknowledged: () => acknowledged,
    async stop() {
      going = false
      await all
    },
  }
}

async function send(url: string, headers: Record<string, string>, key: string): Promise<Sent['answers'][number]> {
  const start = performance.now()
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json', 'x-idempotency-key': key },
      body: JSON.stringify({ key }),
      signal: AbortSignal.timeout(30_000),
    })
    const body = await response.text()
    const ms = performance.now() - start
    const retryAfter = response.headers.get('retry-after')
    return { status: response.status, body, ms, retryAfter, replayed: response.headers.get('x-idempotent-replayed') === 'true' }
  } catch {
    return { status: undefined, body: '', ms: performance.now() - start, retryAfter: null, replayed: false }
  }
}

const isGood = (status: number | undefined) => status !== undefined && status < 300

type Rows = (text: string, values?: unknown[]) => Promise<Record<string, any>[]>

/** Everything that is wrong between acknowledgements and tables, by kind; all empty when the promise holds. */
export interface Verdict {
  /** Acknowledged, and the record is not there. */
  lost: string[]
  /** Acknowledged with an id that is not the record's. */
  wrong: string[]
  /** Two records of one key. */
  duplicates: string[]
  /** A record of a request that was never sent. */
  phantoms: string[]
  /** Refused, never acknowledged and never broken off, and still there. */
  refusedButKept: string[]
  recordsWithoutEvent: string[]
  eventsWithoutRecord: string[]
  recordsWithTwoEvents: string[]
  recordsWithoutKey: string[]
  /** Answers of one key that are not the same bytes. */
  unequalReplays: string[]
  /** The webhook's quota is not one row that counts its records. */
  miscounted: string[]
}

/** Nothing is wrong. */
export const clean: Verdict = {
  lost: [],
  wrong: [],
  duplicates: [],
  phantoms: [],
  refusedButKept: [],
  recordsWithoutEvent: [],
  eventsWithoutRecord: [],
  recordsWithTwoEvents: [],
  recordsWithoutKey: [],
  unequalReplays: [],
  miscounted: [],
}

/** Compares what senders saw with what the tables of `webhook` hold: one that has a quota of records. */
export async function judge(loads: readonly Load[], rows: Rows, webhook: string): Promise<Verdict> {
  const sent = new Map(loads.flatMap(l => [...l.sent]))
  const records = await rows(`select id, data->>'key' as key from records where webhook = $1`, [webhook])
  const events = await rows(`select record_id, count(*)::int as n from events where webhook = $1 group by record_id`, [webhook])
  const keys = new Map(
    (await rows('select key, record_id from idempotency_keys where webhook = $1', [webhook])).map(k => [k.key, k.record_id]),
  )
  const counts = (await rows('select used::int from quotas where scope = $1', [webhook])).map(row => row.used)
  // A count that was never begun is as wrong as a false one; with no record there need not be any.
  const counted = counts.length === 1 ? counts[0] === records.length : counts.length === 0 && records.length === 0

  const idsOf = Map.groupBy(records, r => r.key as string)
  const eventsOf = new Map(events.map(e => [e.record_id, e.n]))
  const ids = new Set(records.map(r => r.id))
  const verdict: Verdict = {
    lost: [],
    wrong: [],
    duplicates: [],
    phantoms: [...idsOf.keys()].filter(key => !sent.has(key)).map(String),
    refusedButKept: [],
    recordsWithoutEvent: records.filter(r => !eventsOf.has(r.id)).map(r => String(r.key)),
    eventsWithoutRecord: events.filter(e => !ids.has(e.record_id)).map(e => String(e.record_id)),
    recordsWithTwoEvents: events.filter(e => e.n > 1).map(e => String(e.record_id)),
    recordsWithoutKey: records.filter(r => keys.get(r.key) !== r.id).map(r => String(r.key)),
    unequalReplays: [],
    miscounted: counted ? [] : [`${counts.length > 0 ? counts.join(' and ') : 'no row'} of ${records.length}`],
  }
  for (const { key, answers } of sent.values()) {
    const kept = idsOf.get(key) ?? []
    if (kept.length > 1) verdict.duplicates.push(key)
    const good = answers.filter(a => isGood(a.status))
    if (good.length === 0) {
      if (kept.length > 0 && answers.every(a => a.status !== undefined)) verdict.refusedButKept.push(`${key} ${answers[0]?.body}`)
      continue
    }
    const { id } = JSON.parse(good[0]?.body ?? '')
    if (kept.length === 0) verdict.lost.push(key)
    else if (kept[0]?.id !== id) verdict.wrong.push(key)
    if (good.some(a => a.body !== good[0]?.body || a.status !== good[0]?.status)) verdict.unequalReplays.push(key)
  }
  return verdict
}
