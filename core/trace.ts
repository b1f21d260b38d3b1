/** The trace that a request belongs to: W3C Trace Context, https://www.w3.org/TR/trace-context/ */
import { randomBytes } from 'node:crypto'

const TRACEPARENT = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/

/** The `traceparent` of a request, in the form of version 00; undefined when it has none, or one that is not valid. */
export function readTrace(headers: Headers): string | undefined {
  const text = headers.get('traceparent')
  if (text === null) return undefined
  const [, version, trace, parent, flags, more] = TRACEPARENT.exec(text) ?? []
  // Only a version that we do not know may say more.
  if (trace === undefined || (version === '00' && more !== undefined)) return undefined
  return `00-${trace}-${parent}-${flags}`
}

/** The headers of a call that belongs to the same trace, under a parent of its own. */
export function traceHeaders(trace: string | null | undefined): Record<string, string> {
  if (!trace) return {}
  const [version, id, , flags] = trace.split('-')
  return { traceparent: `${version}-${id}-${randomBytes(8).toString('hex')}-${flags}` }
}

/** The id by which a trace is found. */
export const traceId = (trace: string | undefined): string | undefined => trace?.split('-')[1]
