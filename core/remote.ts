/** What is fetched from elsewhere, a key set say: small, over HTTPS, in little time, and kept so that strangers cannot make us ask often. */

/** What a service of the host rejects with when it cannot answer. A step may let it through: the sender gets 503 and may try again. */
export class Unavailable extends Error {}

/** One question to somebody else's server. */
export interface Ask {
  /** Of https alone, and never taken from a request as it is: a stranger would choose whom we call. */
  url: string
  method?: 'GET' | 'POST'
  headers?: Readonly<Record<string, string>>
  body?: string
  /** Milliseconds for everything; 2000 unless told. */
  timeout?: number
  /** Bytes of the answer, decompressed; 64 KiB unless told. */
  most?: number
}

/** What carries a question: `fetch`, or what a test puts in its place. */
export type Send = (url: string, init: RequestInit) => Promise<Response>

const utf8 = new TextDecoder()

/** Asks, and follows no redirect: that is an answer as any other. Rejects with `Unavailable` when there is no whole answer in time. */
export async function fetchText(ask: Ask, send: Send = fetch): Promise<{ status: number; text: string }> {
  const { url, method = 'GET', headers = {}, body, timeout = 2000, most = 65_536 } = ask
  const { protocol, username, password, host } = new URL(url)
  if (protocol !== 'https:' || username || password) throw new Unavailable(`${host} is not asked: only https URLs without a user are`)
  const cut = new AbortController()
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, fail) => {
    timer = setTimeout(() => fail(new Unavailable(`${host} did not answer within ${timeout} ms`)), timeout)
  })
  const answer = async () => {
    const init: RequestInit = { method, headers, redirect: 'manual', signal: cut.signal, ...(body !== undefined && { body }) }
    const response = await send(url, init)
    return { status: response.status, text: await textOf(response, most, host) }
  }
  try {
    return await Promise.race([answer(), late])
  } catch (error) {
    if (error instanceof Unavailable) throw error
    // Some runtimes quote the URL, and its query may be a token.
    const why = String(error instanceof Error ? error.message : error)
      .replaceAll(url, host)
      .replaceAll(new URL(url).href, host)
    throw new Unavailable(`${host} could not be asked: ${why}`)
  } finally {
    clearTimeout(timer)
    // Whatever is still under way: a lookup, or an answer that comes byte by byte.
    cut.abort()
  }
}

async function textOf(response: Response, most: number, host: string): Promise<string> {
  const reader = response.body?.getReader()
  if (!reader) return ''
  const chunks: Uint8Array[] = []
  let length = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return utf8.decode(Buffer.concat(chunks))
    length += value.length
    if (length > most) throw new Unavailable(`${host} answered with more than ${most} bytes`)
    chunks.push(value)
  }
}

/** How long fetched things are good, and how often they may be fetched; all times in milliseconds. */
export interface Keeping {
  /** Epoch milliseconds. */
  now(): number
  /** How long a value is used without asking again. */
  fresh: number
  /** How long it is used while asking again fails; `fresh` unless told. */
  stale?: number
  /** How long a failure, or that there is no such thing, is remembered. */
  pause: number
  /** Entries that are kept. */
  most: number
  /**
   * Loads of keys without a value that may begin within one `pause`: those that a stranger makes up cannot turn us against somebody
   * else's server. What has a value is loaded again all the same, or a stranger who spends them all would keep it from being renewed.
   */
  loads: number
}

/** Values that are loaded when they are wanted; at most one load of a key is under way. */
export interface Kept<T> {
  /** Undefined when there is none. Rejects with what the load rejected with, `Unavailable` say. */
  get(key: string): Promise<T | undefined>
  /** As `get`, but asks again unless the value was loaded within so many milliseconds. */
  renewed(key: string, within: number): Promise<T | undefined>
}

interface Entry<T> {
  value?: T | undefined
  /** When it was loaded. */
  at?: number
  failure?: { at: number; error: unknown }
  pending?: Promise<T | undefined> | undefined
}

/** Keeps what `load` finds; it returns undefined for what does not exist. */
export function keep<T>(load: (key: string) => Promise<T | undefined>, rules: Keeping): Kept<T> {
  const { now, fresh, stale = fresh, pause, most, loads } = rules
  const entries = new Map<string, Entry<T>>()
  let begun: number[] = []
  // A clock that was set back makes everything old: asking once too often does no harm.
  const young = (at: number | undefined, span: number) => at !== undefined && now() - at >= 0 && now() - at < span

  async function run(key: string, entry: Entry<T>): Promise<T | undefined> {
    try {
      const value = await load(key)
      entry.value = value
      entry.at = now()
      delete entry.failure
      return value
    } catch (error) {
      entry.failure = { at: now(), error }
      throw error
    } finally {
      entry.pending = undefined
    }
  }

  function ask(key: string): Promise<T | undefined> {
    const known = entries.get(key)
    if (known?.pending) return known.pending
    if (known?.failure && young(known.failure.at, pause)) return Promise.reject(known.failure.error)
    if (known?.value === undefined) {
      begun = begun.filter(at => young(at, pause))
      if (begun.length >= loads) return Promise.reject(new Unavailable('too many things that are not known were asked for at once'))
      begun.push(now())
    }
    const entry = known ?? {}
    if (!known) {
      if (entries.size >= most) entries.delete(leastUseful())
      entries.set(key, entry)
    }
    entry.pending = run(key, entry)
    return entry.pending
  }

  /** One without a value, so that made-up keys push out each other; else the one that has not been used for longest. */
  function leastUseful(): string {
    for (const [key, { value, pending }] of entries) if (value === undefined && !pending) return key
    return entries.keys().next().value as string
  }

  return {
    async get(key) {
      const entry = entries.get(key)
      if (entry?.value !== undefined) {
        entries.delete(key)
        entries.set(key, entry)
      }
      if (entry && young(entry.at, entry.value === undefined ? pause : fresh)) return entry.value
      try {
        return await ask(key)
      } catch (error) {
        if (entry?.value !== undefined && young(entry.at, stale)) return entry.value
        throw error
      }
    },
    async renewed(key, within) {
      const entry = entries.get(key)
      return entry && young(entry.at, within) ? entry.value : ask(key)
    },
  }
}
