/** How much text a row is when it is read, which what it takes in the store does not tell: 12 KB of numbers may be 14 MB. */

/** Bytes of text after which a portion of rows ends. */
export const PORTION = 4 * 1024 * 1024

/** Bytes up to which a value that is not compressed is taken as it is: written out, it may have 26 times as many, and has a fifth more as a rule. */
const LIGHT = 4000

/**
 * SQL for the bytes of some `jsonb` columns as text. To know it, large ones are written out, and again when they are read: so it is asked row
 * by row, and of no row beyond the portion.
 */
export function weightOf(...columns: string[]): string {
  const bytes = (column: string) =>
    `coalesce(case when pg_column_compression(${column}) is null and pg_column_size(${column}) <= ${LIGHT} then pg_column_size(${column}) else octet_length(${column}::text) end, 0)`
  return `(${columns.map(bytes).join(' + ')})`
}
