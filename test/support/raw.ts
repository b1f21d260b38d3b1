/** A request of exact bytes over TCP, for what no HTTP client would send. */
import { connect } from 'node:net'

export interface RawResponse {
  status: number
  /** Lower-case names; repeated ones joined by a comma and a space. */
  headers: Record<string, string>
  body: string
  /** Whether the body came whole. */
  whole: boolean
}

export interface RawAnswer {
  /** Final ones in order, without the 1xx ones. */
  responses: RawResponse[]
  /** The server ended the connection. */
  closed: boolean
  /** All that came, byte for character. */
  text: string
}

/**
 * Sends each part (text as UTF-8; a number is a pause in milliseconds) and reads until the server closes, until nothing more has come for
 * `quiet` milliseconds after a whole response, or until the deadline.
 */
export async function raw(
  port: number,
  parts: readonly (string | Uint8Array | number)[],
  { deadline = 5000, quiet = 150, host = '127.0.0.1' }: { deadline?: number; quiet?: number; host?: string } = {},
): Promise<RawAnswer> {
  const socket = connect(port, host)
  socket.setNoDelay(true)
  let text = ''
  let closed = false
  let sent = false
  let still: ReturnType<typeof setTimeout> | undefined
  const ended = new Promise<void>(resolve => {
    const timer = setTimeout(resolve, deadline)
    const watch = () => {
      clearTimeout(still)
      if (sent && parseResponses(text).at(-1)?.whole) still = setTimeout(resolve, quiet)
    }
    const close = () => {
      closed = true
      resolve()
    }
    socket.on('data', data => {
      text += data.toString('latin1')
      watch()
    })
    // A reset is one way to close.
    socket.on('error', close).on('end', close).on('close', close)
    send().then(() => {
      sent = true
      watch()
    })
    async function send() {
      for (const part of parts) {
        if (closed) return
        if (typeof part === 'number') await new Promise(done => setTimeout(done, part))
        else await new Promise<void>(done => socket.write(part, () => done()))
      }
    }
    socket.on('close', () => clearTimeout(timer))
  })
  await ended
  clearTimeout(still)
  socket.destroy()
  return { responses: parseResponses(text), closed, text }
}

/** The responses in the bytes of one connection; one that is cut off comes as far as it goes. */
export function parseResponses(text: string): RawResponse[] {
  const all: RawResponse[] = []
  let at = 0
  while (at < text.length) {
    const end = text.indexOf('\r\n\r\n', at)
    const head = text.slice(at, end < 0 ? undefined : end).split('\r\n')
    const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(head[0] ?? '')?.[1])
    if (end < 0 || Number.isNaN(status)) break
    const headers: Record<string, string> = {}
    for (const line of head.slice(1)) {
      const colon = line.indexOf(':')
      const name = line.slice(0, colon).toLowerCase()
      const value = line.slice(colon + 1).trim()
      headers[name] = name in headers ? `${headers[name]}, ${value}` : value
    }
    at = end + 4
    if (status < 200) continue
    const body = bodyAt(text, at, status, headers)
    at = body.end
    all.push({ status, headers, body: body.text, whole: body.whole })
  }
  return all
}

function bodyAt(text: string, start: number, status: number, headers: Record<string, string>) {
  if (status === 204 || status === 304) return { text: '', end: start, whole: true }
  if (headers['transfer-encoding'] === 'chunked') return chunksAt(text, start)
  const length = Number(headers['content-length'] ?? Number.NaN)
  if (Number.isNaN(length)) return { text: utf8(text.slice(start)), end: text.length, whole: false } // ends with the connection
  return { text: utf8(text.slice(start, start + length)), end: start + length, whole: text.length >= start + length }
}

function chunksAt(text: string, start: number) {
  let body = ''
  let at = start
  for (;;) {
    const line = text.indexOf('\r\n', at)
    const size = Number.parseInt(text.slice(at, line), 16)
    if (line < 0 || Number.isNaN(size) || text.length < line + 2 + size + 2) return { text: utf8(body), end: text.length, whole: false }
    body += text.slice(line + 2, line + 2 + size)
    at = line + 2 + size + 2
    if (size === 0) return { text: utf8(body), end: at, whole: true }
  }
}

function utf8(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString()
}
