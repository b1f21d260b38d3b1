/** Reads the body of a request once, with a cap and a deadline of its own: Deno has neither, and Bun's cap answers past our dialects. */

/** The bytes, or why there are none: `aborted` when the sender broke off or sent a malformed body. */
export type Body = Uint8Array | 'too-large' | 'timeout' | 'aborted'

const EMPTY = Promise.resolve(new Uint8Array())
const TOO_LARGE = Promise.resolve('too-large' as const)

/**
 * Reads at most `limit` bytes within about `timeout` milliseconds. Answer a `timeout` with `Connection: close`: the rest may still come,
 * byte by byte.
 */
export function readBody(request: Request, limit: number, timeout: number): Promise<Body> {
  const declared = Number(request.headers.get('content-length') ?? Number.NaN)
  if (declared > limit) {
    // Unread, it would be thrown away as it comes on Bun, but on Deno the connection would go before the sender has seen the answer.
    request.body?.cancel().catch(() => {})
    return TOO_LARGE
  }
  if (declared === 0) return EMPTY
  // Both servers end a body at its declared length, so this cannot grow past the limit; it saves a third of the time of a stream on Bun.
  if (declared > 0) return within(timeout, request.bytes())
  return request.body ? within(timeout, collect(request.body, limit)) : EMPTY
}

async function collect(body: ReadableStream<Uint8Array>, limit: number): Promise<Body> {
  const reader = body.getReader()
  const chunks: Uint8Array[] = []
  let length = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    length += value.length
    if (length > limit) {
      reader.cancel().catch(() => {})
      return 'too-large'
    }
    chunks.push(value)
  }
  if (chunks.length === 1) return chunks[0]!
  const bytes = new Uint8Array(length)
  let at = 0
  for (const chunk of chunks) {
    bytes.set(chunk, at)
    at += chunk.length
  }
  return bytes
}

interface Waiting {
  ticks: number
  give(body: Body): void
}

/** Milliseconds. One clock for all bodies under way: a timer for each would cost more than reading it. */
const TICK = 100
const waiting = new Set<Waiting>()
let ticking = false

function within(timeout: number, body: Promise<Body>): Promise<Body> {
  return new Promise(give => {
    const entry = { ticks: Math.ceil(timeout / TICK), give }
    waiting.add(entry)
    if (!ticking) setTimeout(tick, TICK)
    ticking = true
    const end = (result: Body) => {
      waiting.delete(entry)
      give(result)
    }
    body.then(end, () => end('aborted'))
  })
}

function tick(): void {
  for (const entry of waiting) {
    if (entry.ticks-- > 0) continue
    waiting.delete(entry)
    entry.give('timeout')
  }
  ticking = waiting.size > 0
  if (ticking) setTimeout(tick, TICK)
}
