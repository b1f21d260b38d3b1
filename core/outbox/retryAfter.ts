/** The Retry-After header (RFC 9110, sections 10.2.3 and 5.6.7). */

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const MONTH = `(?<month>${MONTHS.join('|')})`
const TIME = '(?<hour>\\d\\d):(?<minute>\\d\\d):(?<second>\\d\\d)'
/** The date of today and the two obsolete ones, which a recipient must read as well; `Date.parse` would read much that is no date of HTTP. */
const DATES = [
  new RegExp(`^[A-Z][a-z]{2}, (?<day>\\d\\d) ${MONTH} (?<year>\\d{4}) ${TIME} GMT$`),
  new RegExp(`^[A-Z][a-z]{5,8}, (?<day>\\d\\d)-${MONTH}-(?<year>\\d\\d) ${TIME} GMT$`),
  new RegExp(`^[A-Z][a-z]{2} ${MONTH} (?<day>[ \\d]\\d) ${TIME} (?<year>\\d{4})$`),
]

/** Milliseconds to wait, at least 0, from `now` (epoch milliseconds); undefined when the header is missing or malformed. */
export function retryAfter(header: string | undefined, now: number): number | undefined {
  const text = header?.trim()
  if (!text) return undefined
  if (/^\d+$/.test(text)) return Number(text) * 1000
  const parts = DATES.map(date => date.exec(text)?.groups).find(groups => groups !== undefined)
  if (!parts) return undefined
  const number = (name: string) => Number(parts[name])
  const month = MONTHS.indexOf(parts.month as string)
  const year = parts.year?.length === 2 ? century(number('year'), now) : number('year')
  const date = new Date(0)
  // Not `Date.UTC`, to which the year 26 is 1926.
  date.setUTCFullYear(year, month, number('day'))
  // A 31st of April would become the 1st of May. Second 60 is a leap second.
  if (date.getUTCMonth() !== month || number('hour') > 23 || number('minute') > 59 || number('second') > 60) return undefined
  return Math.max(0, date.setUTCHours(number('hour'), number('minute'), number('second')) - now)
}

/** A year of two digits is not more than 50 years ahead. */
function century(year: number, now: number): number {
  const today = new Date(now).getUTCFullYear()
  const full = today - (today % 100) + year
  return full > today + 50 ? full - 100 : full
}
