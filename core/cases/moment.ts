/** Points in time as a case file writes them. */

/** What a case's clock shows when nothing sets it. */
export const DEFAULT_NOW = Date.UTC(2026, 0, 15, 12)

/** How to write a time, for a message. */
export const MOMENT = 'an RFC 3339 time such as 2026-01-15T12:00:00Z, or unix seconds or milliseconds'

const RFC3339 = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/

/** Past this number of seconds (the year 5138) a number is one of milliseconds. */
const MOST_SECONDS = 100_000_000_000
/** Years with more than four digits are none that a store or a signature knows. */
const MOST = Date.UTC(9999, 11, 31)

/** Epoch milliseconds, or undefined when it is no time. */
export function parseMoment(written: string | number): number | undefined {
  const number = typeof written === 'number' ? written : /^\d+(\.\d+)?$/.test(written) ? Number(written) : undefined
  const ms =
    number !== undefined
      ? Math.round(number < MOST_SECONDS ? number * 1000 : number)
      : RFC3339.test(written as string)
        ? Date.parse((written as string).toUpperCase().replace(' ', 'T'))
        : Number.NaN
  return ms >= 0 && ms <= MOST ? ms : undefined
}
