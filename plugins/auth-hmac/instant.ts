/** An instant as schemes write it. */
import type { Scheme } from './scheme.ts'

const RFC3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/

/** Epoch milliseconds, or undefined when the text is not exactly of the format: lenient parsers read `123abc` as a time. */
export function instant(text: string, format: NonNullable<Scheme['timestamp']>['format']): number | undefined {
  if (format === 'rfc3339') {
    const time = RFC3339.test(text) ? Date.parse(text) : Number.NaN
    return Number.isNaN(time) ? undefined : time
  }
  if (!/^\d{1,16}$/.test(text)) return undefined
  return Number(text) * (format === 'unix' ? 1000 : 1)
}
