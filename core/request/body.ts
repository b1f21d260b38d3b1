/** Reads the body of a request once, with a cap and a deadline of its own: Deno has neither, and Bun's cap answers past our dialects. */

const EMPTY = new Uint8Array()

/**
 * The bytes of the body, or why there are none: more than `limit` bytes, not whole after `timeout` milliseconds, or broken off by the
 * sender. Answer `timeout` with `Connection: close`: the rest may still come, byte by byte.
 */
export async function readBody(
  request: Request,
  limit: number,
  timeout: number,
): Promise<Uint8Array | 'too-large' | 'timeout' | 'aborted'> {
  const declared = Number(request.headers.get('content-length') ?? Number.NaN)
  if (declared > limit) {
    // Unread, it would be thrown away as it comes on Bun, but on Deno the connection would go before the sender has seen the answer.
    request.body?.cancel().catch(() => {})
    return 'too-large'
  }
  if (declared === 0) return EMPTY
  // Both servers end a body at its declared length, so this cannot grow past the limit; it saves a third of the time of a stream on Bun.
  if (declared > 0) return whole(request.bytes(), limit, timeout)
  return request.body ? whole(collect(request.body, limit), limit, timeout) : EMPTY
}

function whole(
  body: Promise<Uint8Array | 'too-large'>,
  limit: number,
  timeout: number,
): Promise<Uint8Array | 'too-large' | 'timeout' | 'aborted'> {
  return new Promise(resolve => {
    const timer = setTimeout(resolve, timeout, 'timeout' as const)
    body.then(
      bytes => {
        clearTimeout(timer)
        resolve(bytes.length > limit && bytes !== 'too-large' ? 'too-large' : bytes)
      },
      () => {
        clearTimeout(timer)
        resolve('aborted')
      },
    )
  })
}

async function collect(body: ReadableStream<Uint8Array>, limit: number): Promise<Uint8Array | 'too-large'> {
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
