/** The durable side of a gateway: one database, its commit, its tokens. */
import { setTimeout as sleep } from 'node:timers/promises'
import { earlierOutcome } from './batch.ts'
import { type CommitOptions, groupCommit } from './commit.ts'
import { type Database, StoreUnavailable } from './database.ts'
import { knockAtDoor } from './drivers/door.ts'
import { openPglite } from './drivers/pglite.ts'
import { openPostgres } from './drivers/postgres.ts'
import { type SecretBook, secretBook } from './secretBook.ts'
import { sentBook } from './sent.ts'
import { type TokenBook, tokenBook } from './tokens.ts'
import type { Commit, Earlier } from './unit.ts'

export interface Store {
  readonly db: Database
  readonly commit: Commit
  readonly earlier: Earlier
  readonly tokens: TokenBook
  readonly secrets: SecretBook
  /** Whether an event of that id was raised here. */
  readonly sent: (event: string) => Promise<boolean>
  /** Units that wait for a batch, or are being written. */
  depth(): number
  /** The same, and how many have been committed since the start. */
  load(): { waiting: number; committed: number }
  /** True when a statement of the present schema runs, writing is allowed, and the last commit did not fail just now. */
  ready(): Promise<boolean>
  /** Writes what was accepted, then closes. */
  close(): Promise<void>
}

/** Milliseconds between the notes of which tokens and secrets were used. */
const NOTE_USE_EVERY = 10_000

/** Milliseconds for which an answer to `ready` holds: whoever may ask for health must not load the store with it. */
const READY_FOR = 500

/** Milliseconds for which a commit that failed says that the next one will: a full disk shows nowhere else. */
const FAILED_FOR = 3000

/** Tells whether writing is allowed, as it is not on a standby; fails when a table is missing. */
const READY = `select current_setting('transaction_read_only') = 'off' as writable,
  (select count(*) from (select 1 from records, idempotency_keys, events, outbox, quotas, tokens limit 0) as present) as present`

/** The database behind a `store.url`. Rejects with `StoreUnavailable` when it cannot be had. */
export async function openDatabase(url: string): Promise<Database> {
  if (url.startsWith('pglite://')) return openPglite(url)
  if (/^postgres(ql)?:\/\//.test(url)) return openPostgres(url)
  throw new StoreUnavailable(`store.url must begin with postgres:// or pglite://`)
}

/** Connections of their own for what goes on in the background, so that it never keeps a commit waiting; the embedded store has but one. */
export function openBackground(url: string, db: Database): Database {
  return db.kind === 'postgres' ? openPostgres(url, { max: 4, relaxed: true }) : { ...db, close: async () => {} }
}

/** For one command beside a running gateway: its own connection, or the gateway's door when that holds the folder. */
export async function borrowDatabase(url: string): Promise<Database> {
  return (url.startsWith('pglite://') ? await knockAtDoor(url) : undefined) ?? openDatabase(url)
}

/** Applies the migrations, trying for `patience` milliseconds until the database answers. */
export async function migrateDatabase(db: Database, patience: number): Promise<void> {
  for (const start = performance.now(); ; ) {
    try {
      return await db.migrate()
    } catch (error) {
      const { code } = ((error as { cause?: unknown }).cause ?? error) as { code?: string }
      // A refusal of the statement itself will not change; a server that is away may come.
      const lasting = typeof code === 'string' && /^(28|3D|42|0A)/.test(code)
      if (lasting || performance.now() - start > patience) throw new StoreUnavailable(`the store cannot be prepared: ${reasonOf(error)}`)
      await sleep(250)
    }
  }
}

export function openStore(db: Database, options: CommitOptions): Store {
  let failed = Number.NEGATIVE_INFINITY
  const took = (well: boolean) => {
    failed = well ? Number.NEGATIVE_INFINITY : performance.now()
  }
  const { commit, drained, depth, load } = groupCommit(db, { ...options, took })
  const tokens = tokenBook(db, options.now)
  const secrets = secretBook(db, options.now)
  const noteUse = () => Promise.all([tokens.noteUse().catch(() => {}), secrets.noteUse().catch(() => {})])
  let asked = Number.NEGATIVE_INFINITY
  let answer = Promise.resolve(false)
  const noting = setInterval(() => void noteUse(), NOTE_USE_EVERY)
  ;(noting as { unref?(): void }).unref?.()
  return {
    db,
    commit,
    earlier: unit => earlierOutcome(db, unit, options.now()),
    tokens,
    secrets,
    sent: sentBook(db),
    depth,
    load,
    ready() {
      // Whoever heeds this sends nothing more: after a while the next commit has to show how it is.
      if (performance.now() - failed < FAILED_FOR) return Promise.resolve(false)
      if (performance.now() - asked > READY_FOR) {
        asked = performance.now()
        answer = db.query<{ writable: boolean }>(READY).then(
          ([row]) => row?.writable === true,
          () => false,
        )
      }
      return answer
    },
    async close() {
      clearInterval(noting)
      await drained()
      await noteUse()
      await db.close()
    },
  }
}

function reasonOf(error: unknown): string {
  const { cause, message, errors } = error as Error & { cause?: unknown; errors?: unknown[] }
  if (cause) return reasonOf(cause)
  return message || (errors?.[0] ? reasonOf(errors[0]) : String(error))
}
