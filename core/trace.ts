/** The trace that a request belongs to: W3C Trace Context, https://www.w3.org/TR/trace-context/ */
import { randomBytes } from 'node:crypto'

const TRACEPARENT = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/
/** Sampled, and (level 2) random; the other bits have no meaning yet and are sent as zeros. */
const FLAGS = 0b11

/** A `traceparent` in the form of version 00; undefined when it is not valid. */
export function parseTrace(text: string): string | undefined {
  const [, version, trace, parent, flags, more] = TRACEPARENT.exec(text) ?? []
  // Only a version that we do not know may say more.
  if (trace === undefined || (version === '00' && more !== undefined)) return undefined
  return `00-${trace}-${parent}-0${Number.parseInt(flags as string, 16) & FLAGS}`
}

/** The `traceparent` of a request; undefined when it has none, or one that is not valid. */
export function readTrace(headers: Headers): string | undefined {
  const text = headers.get('traceparent')
  return text === null ? undefined : parseTrace(text)
}

/** The same trace under a parent id of our own, made at random: for what the gateway does where no tracer has given it a span. */
export function ownTrace(trace: string): string {
  const [version, id, , flags] = trace.split('-')
  return `${version}-${id}-${randomBytes(8).toString('hex')}-${flags}`
}

/** The headers of a call that follows from an event; its parent is the span that raised the event, for each attempt the same. */
export function traceHeaders(trace: string | null | undefined): Record<string, string> {
  const traceparent = trace ? parseTrace(trace) : undefined
  return traceparent === undefined ? {} : { traceparent }
}

/** The id by which a trace is found. */
export const traceId = (trace: string | undefined): string | undefined => trace?.split('-')[1]
