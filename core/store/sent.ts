/** Which events this store has raised: what a loop guard knows its own deliveries by. */
import { type Tx, Unavailable } from '../plugin.ts'

/** As they are made: `evt_` and a ULID. */
const EVENT = /^evt_[0-7][0-9A-HJKMNP-TV-Z]{25}$/
/** Asked about by one statement. */
const BATCH = 500
/** Those that may wait to be asked about; more are told that the store cannot say. */
const LONGEST = 5000

/** Tells whether an event of that id is there. Rejects with `Unavailable` when the store does not answer. */
export function sentBook(db: Tx): (event: string) => Promise<boolean> {
  let waiting: { event: string; done(known: boolean): void; fail(error: unknown): void }[] = []
  let busy = false

  /** One statement at a time: a flood of made-up ids must leave the connections to the commits. */
  async function lookUp(): Promise<void> {
    busy = true
    while (waiting.length > 0) {
      const asked = waiting.slice(0, BATCH)
      waiting = waiting.slice(BATCH)
      try {
        const rows = await db.query<{ id: string }>('select id from events where id = any($1::text[])', [asked.map(a => a.event)])
        const known = new Set(rows.map(row => row.id))
        for (const { event, done } of asked) done(known.has(event))
      } catch (cause) {
        for (const { fail } of asked) fail(new Unavailable('the store cannot look up an event', { cause }))
      }
    }
    busy = false
  }

  return event => {
    if (!EVENT.test(event)) return Promise.resolve(false)
    if (waiting.length >= LONGEST) return Promise.reject(new Unavailable('too many events wait to be looked up'))
    return new Promise((done, fail) => {
      waiting.push({ event, done, fail })
      if (!busy) void lookUp()
    })
  }
}
