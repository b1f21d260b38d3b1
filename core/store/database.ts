/** The seam between the store and its two drivers. */
import type { Tx } from '../plugin.ts'

export interface Database extends Tx {
  readonly kind: 'postgres' | 'pglite'
  /** Flushes that may be in flight at once: 2 was best over `pg` at 256 connections, and PGlite has one connection. */
  readonly lanes: number
  /** Runs a statement of its own transaction, prepared once per connection under `name`. */
  prepared<Row = Record<string, unknown>>(name: string, text: string, values: readonly unknown[]): Promise<Row[]>
  /** Runs statements without parameters, several in one text. */
  script(text: string): Promise<unknown[]>
  transaction<T>(body: (tx: Tx) => Promise<T>): Promise<T>
  /** Runs on a connection of its own without a statement deadline; of all processes on this database, one at a time for a name. */
  exclusively(name: string, body: (tx: Tx) => Promise<void>): Promise<void>
  /** Applies the migrations of this version; safe to run from many processes at once. */
  migrate(): Promise<void>
  close(): Promise<void>
}

/** Milliseconds; see DESIGN on deadlines. */
export const CONNECT_TIMEOUT = 2000
export const STATEMENT_TIMEOUT = 5000
/** For a row that another session holds; gateways hold theirs for less than this. */
export const LOCK_TIMEOUT = 1000

/** The store cannot be had at all: the folder is locked, the server does not answer. */
export class StoreUnavailable extends Error {}
