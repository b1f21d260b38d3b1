/** Formats of JSON Schema that a text may be found to have: those that the validation judges the same way. */
import { faultOf } from '../config/format.ts'

/** One bit for each format. */
export type Formats = number

/** A longer text has none: judging it would take time. */
const LONGEST = 512

/** What a text must look like at least, before the validator itself is asked: `a:b` is a URI, but seldom meant as one. */
const CANDIDATES: readonly [format: string, looks: RegExp][] = [
  ['date-time', /^\d{4}-\d\d-\d\d[Tt]\d/],
  ['date', /^\d{4}-\d\d-\d\d$/],
  ['email', /^[^\s@]+@[^\s@]+$/],
  ['uri', /^https?:\/\//i],
  ['uuid', /^[0-9a-f]{8}-/i],
  ['ipv4', /^\d{1,3}\./],
  ['ipv6', /^[0-9a-f:.]*:[0-9a-f:.]*$/i],
]

export const NO_FORMATS: Formats = 0

/** Those of the possible ones that a text has; undefined: all are possible. */
export function formatsOf(text: string, possible: Formats | undefined): Formats {
  if (text.length > LONGEST || possible === NO_FORMATS) return NO_FORMATS
  let found = 0
  for (const [i, [format, looks]] of CANDIDATES.entries()) {
    const bit = 1 << i
    if ((possible === undefined || possible & bit) && looks.test(text) && faultOf(format, text) === undefined) found |= bit
  }
  return found
}

/** The name of the first. */
export function formatName(formats: Formats): string | undefined {
  return CANDIDATES.find((_, i) => formats & (1 << i))?.[0]
}
