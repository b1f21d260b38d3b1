/**
 * Stands before Elysia, which looks for the path from a fixed offset of the URL and so, with an odd Host or over TLS, finds another one
 * than the sender's. https://github.com/elysiajs/elysia/issues/748
 */

/** Where a request really goes. */
export interface Target {
  /** Lower case, without port and final dot. */
  readonly host: string
  /** Still percent-encoded; begins with a slash. */
  readonly path: string
  /** What stands behind the question mark, still percent-encoded. */
  readonly query: string
  /** The request, changed only where Elysia (with `standardHostname: false`) would misread its URL. */
  readonly request: Request
}

// No nested repetition: with one, a Host of 40 letters and a `!` takes seconds to refuse.
const HOST = /^([a-z0-9_][a-z0-9_.-]*|\[[0-9a-f:.]{2,45}\])(?::\d{1,5})?$/i

/** Characters and segments that Bun has encoded or resolved before we see the URL (as a browser would), and Deno has not. */
const UNSETTLED = /[^\x21\x24-\x3b\x3d\x40-\x5b\x5d\x5f\x61-\x7a|~]|\/(?:\.|%2e)/i

/**
 * The host and path of a request; undefined for one to answer with 400. The scheme of the URL says nothing: a sender may write
 * `GET https://…` over plain HTTP, and Deno believes it.
 */
export function guard(request: Request): Target | undefined {
  const header = request.headers.get('host')
  if (header === null || header.length > 255) return undefined
  const host = HOST.exec(header)?.[1]
  if (host === undefined) return undefined

  const { url } = request
  const plain = url.startsWith('http://')
  if (!plain && !url.startsWith('https://')) return undefined
  const start = url.indexOf('/', 8)
  const mark = url.indexOf('?', 8)
  if (start < 0 || (mark >= 0 && mark < start) || url.includes('#')) return undefined

  const raw = mark < 0 ? url.slice(start) : url.slice(start, mark)
  const query = mark < 0 ? '' : url.slice(mark + 1)
  const path = UNSETTLED.test(raw) ? new URL(`http://postern.invalid${raw}`).pathname : raw
  return {
    host: host.endsWith('.') ? host.slice(0, -1).toLowerCase() : host.toLowerCase(),
    path,
    query,
    request: plain && path === raw ? request : moved(request, `http://postern.invalid${path}${query && '?'}${query}`),
  }
}

function moved(request: Request, url: string): Request {
  const { method, headers, body } = request
  // `new Request(url, request)` would make Deno write a warning about request.signal to stderr.
  return new Request(url, { method, headers, body, duplex: 'half' })
}
