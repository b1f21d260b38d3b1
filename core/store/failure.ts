/** What a failed statement means for the exchanges in it. */

/**
 * - `again`: a deadlock or a serialization failure; the same batch will do.
 * - `data`: one of the rows cannot be stored; the others can.
 * - `quota`: a record too many.
 * - `away`: the store cannot be used now.
 */
export type Failure = 'again' | 'data' | 'quota' | 'away'

export function classify(error: unknown): Failure {
  const { code, constraint } = error as { code?: unknown; constraint?: unknown }
  if (typeof code !== 'string') return 'away'
  if (code === '40001' || code === '40P01') return 'again'
  if (code === '23514' && constraint === 'quota_reached') return 'quota'
  // 22 data, 23 constraint, 21 one row twice in a statement, 54 limit of the server.
  return /^(21|22|23|54)...$/.test(code) ? 'data' : 'away'
}

/** Postgres cannot keep this value (a NUL, a lone surrogate, a number out of range): the sender's fault, not ours. */
export function isUnstorable(error: unknown): boolean {
  const { code } = error as { code?: unknown }
  return typeof code === 'string' && /^(22|54)...$/.test(code)
}
