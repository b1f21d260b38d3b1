/** What a failed statement means for the exchanges in it. */

/**
 * - `again`: a deadlock or a serialization failure; the same batch will do.
 * - `data`: one of the exchanges cannot be stored; the others can.
 * - `quota`: a record too many.
 * - `locked`: another session holds a row of it, and for long.
 * - `lost`: the connection went while the batch was under way: it may have been committed.
 * - `away`: the store cannot be used now, and nothing was written.
 */
export type Failure = 'again' | 'data' | 'quota' | 'locked' | 'lost' | 'away'

/** An effect of a plugin failed by itself: nobody else's batch is to suffer from it. */
export class EffectFailed extends Error {
  constructor(effect: string, cause: unknown) {
    super(`the effect '${effect}' failed: ${cause instanceof Error ? cause.message : cause}`, { cause })
  }
}

export function classify(error: unknown): Failure {
  if (error instanceof EffectFailed) return 'data'
  const { code, constraint } = error as { code?: unknown; constraint?: unknown }
  if (typeof code !== 'string') {
    if (LOST.test(String(error))) return 'lost'
    // Data that is no JSON (a bigint, a circle) throws one of these before anything is sent.
    return error instanceof TypeError || error instanceof RangeError ? 'data' : 'away'
  }
  if (code === '40001' || code === '40P01') return 'again'
  if (code === '23514' && constraint === 'quota_reached') return 'quota'
  if (code === '55P03') return 'locked'
  // 57P01 and 57P02: the server ends our backend, perhaps between the commit and its answer.
  if (/^(08...|57P0[12]|ECONNRESET|EPIPE)$/.test(code)) return 'lost'
  // 22 data, 23 constraint, 21 one row twice in a statement, 54 limit of the server, 25P02 an effect went on after a failed query.
  return /^(21...|22...|23...|54...|25P02)$/.test(code) ? 'data' : 'away'
}

/** What `pg` says of a connection that ended, or did not answer, after a statement had been sent. */
const LOST = /Connection terminated(?! due to connection timeout)|Query read timeout/

/** Of what an effect threw: the store's own failure, or else the effect's. */
export function isStores(error: unknown): boolean {
  const { code } = error as { code?: unknown }
  if (typeof code !== 'string') return classify(error) === 'lost'
  return !/^(0A|25|42)...$/.test(code)
}

/** A record that has grown too large: see `record_size`. */
export function isTooLarge(error: unknown): boolean {
  return (error as { constraint?: unknown }).constraint === 'record_size'
}

/** Postgres cannot keep this value (a NUL, a lone surrogate, a number out of range): the sender's fault, not ours. */
export function isUnstorable(error: unknown): boolean {
  const { code } = error as { code?: unknown }
  return typeof code === 'string' && /^(22|54)...$/.test(code)
}
