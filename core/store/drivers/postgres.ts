/** Postgres 14 or newer through `pg`. */
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { drizzle } from 'drizzle-orm/node-postgres'
import { migrate } from 'drizzle-orm/node-postgres/migrator'
import pg from 'pg'
import type { Tx } from '../../plugin.ts'
import { CONNECT_TIMEOUT, type Database, LOCK_TIMEOUT, STATEMENT_TIMEOUT } from '../database.ts'

/** Milliseconds between two attempts at a lock that another process holds. */
const LOCK_PAUSE = 50
/** Milliseconds. */
const ROLLBACK_TIMEOUT = 250
/** Milliseconds between two renewals of the pool: a server that is frozen times everything out. */
const RENEWAL = 5000
const MIGRATIONS = fileURLToPath(new URL('../migrations', import.meta.url))

// int8 counts fit a double; without this they come as text.
pg.types.setTypeParser(pg.types.builtins.INT8, Number)

export interface PostgresOptions {
  /** Connections; 8 unless told. */
  max?: number
  /** Commits do not wait for the disk: for work that a crash may undo and that is then done again. */
  relaxed?: boolean
}

export function openPostgres(url: string, { max = 8, relaxed = false }: PostgresOptions = {}): Database {
  const options = {
    connectionString: url,
    max,
    ...(relaxed && { options: '-c synchronous_commit=off' }),
    application_name: 'postern',
    connectionTimeoutMillis: CONNECT_TIMEOUT,
    statement_timeout: STATEMENT_TIMEOUT,
    lock_timeout: LOCK_TIMEOUT,
    // Above the server's own limit: it only matters when the server does not answer at all.
    query_timeout: STATEMENT_TIMEOUT + 500,
    keepAlive: true,
  }
  const connect = () => {
    const pool = new pg.Pool(options)
    // A backend that dies emits 'error' on its client, idle or not; without a listener for its whole life the process dies with it.
    pool.on('error', () => {})
    pool.on('connect', client => void client.on('error', () => {}))
    return pool
  }
  let pool = connect()
  let renewed = performance.now()

  /**
   * A connection that was silently forgotten on the way answers nothing any more, and then its neighbours in the pool are gone, too:
   * each would cost a batch its whole time in turn.
   */
  function mind(error: unknown): never {
    if (/Query read timeout/.test(String(error)) && performance.now() - renewed > RENEWAL) {
      renewed = performance.now()
      const old = pool
      pool = connect()
      old.end().catch(() => {})
    }
    throw error
  }

  return {
    kind: 'postgres',
    lanes: 2,
    query: async (text, values) => (await pool.query(text, values as unknown[]).catch(mind)).rows,
    prepared: async (name, text, values) => (await pool.query({ name, text, values: values as unknown[] }).catch(mind)).rows,
    script: async text => [(await pool.query(text)) as unknown].flat().flatMap(result => (result as pg.QueryResult).rows),
    async transaction(body) {
      const client = await pool.connect()
      let failure: Error | undefined
      const tx: Tx = { query: async (text, values) => (await client.query(text, values as unknown[])).rows as never }
      try {
        await client.query('begin')
        const result = await body(tx)
        await client.query('commit')
        return result
      } catch (error) {
        failure = error as Error
        // Not for long: on a connection that does not answer it would wait behind the statement that got no answer either.
        await client.query({ text: 'rollback', query_timeout: ROLLBACK_TIMEOUT } as pg.QueryConfig).then(
          () => (failure = undefined),
          () => {},
        )
        mind(error)
      } finally {
        // A connection whose rollback failed is closed; the server rolls back with it.
        client.release(failure)
      }
    },
    exclusively: (name, body) =>
      locked(url, name, client => body({ query: async (text, values) => (await client.query(text, values as unknown[])).rows as never })),
    // drizzle's migrator takes no lock of its own: of 40 concurrent starts 30 failed without one.
    migrate: () => locked(url, 'migrations', client => migrate(drizzle(client), { migrationsFolder: MIGRATIONS })),
    close: () => pool.end(),
  }
}

async function locked(url: string, name: string, body: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: CONNECT_TIMEOUT, application_name: 'postern' })
  client.on('error', () => {})
  await client.connect()
  try {
    // Asking again instead of waiting: a waiting statement holds a snapshot, which `create index concurrently` would wait for in turn.
    for (;;) {
      const { rows } = await client.query('select pg_try_advisory_lock(hashtextextended($1, 0)) as mine', [`postern ${name}`])
      if (rows[0].mine) break
      await sleep(LOCK_PAUSE)
    }
    await body(client)
  } finally {
    await client.end() // and with the session its lock
  }
}
