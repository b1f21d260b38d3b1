/** The HTTP server of Bun and of Deno behind one shape: the only file that knows which of the two runs it. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** What to listen on, and who answers. */
export interface ServeOptions {
  /** 0 takes a free one. */
  port: number
  host: string
  /** PEM text. */
  tls?: { cert: string; key: string }
  /** Bytes; Bun cuts a longer body off with a bare 413. Deno has no such limit, so `fetch` needs one of its own. */
  maxBody: number
  /** `peer` is the other end of the connection: an IPv4 address, or an IPv6 address without zone. */
  fetch(request: Request, peer: string): Response | Promise<Response>
  /** Several processes share the port. On Deno it needs `--unstable-net`. */
  reusePort?: boolean
}

/** A listening server. */
export interface Server {
  readonly port: number
  /** Stops accepting and waits for the requests in flight, without a limit: a sender that stalls can hold it up until `kill`. */
  stop(): Promise<void>
  /** Ends every connection at once, and a `stop` under way. */
  kill(): void
}

interface BunServer {
  port: number
  requestIP(request: Request): { address: string } | null
  stop(closeActive: boolean): Promise<void>
}

interface DenoServer {
  addr: { port: number }
  finished: Promise<void>
  shutdown(): Promise<void>
}

const runtime = globalThis as unknown as {
  Bun?: { version: string; serve(options: object): BunServer; gc(whole: boolean): void }
  Deno?: {
    version: { deno: string }
    serve(
      options: object,
      handler: (request: Request, info: { remoteAddr: { hostname: string } }) => Response | Promise<Response>,
    ): DenoServer
  }
}

/**
 * Seconds after which Bun closes a quiet connection, be it idle, a dribbling sender or a slow answer. Longer than the 60 s for which
 * load balancers keep theirs: a request that they send into a connection we close is lost.
 */
const IDLE = 75

/** Milliseconds without a request that are waited for before a listener closes, and for how long: see `quiet`. */
const QUIET = 20
const QUIET_WITHIN = 1000
/** Turns of the event loop after that: while the process did not run, connections may have gathered that it has not heard of yet. */
const CALM = 4

/** Name and version, such as `bun 1.4.5`. */
export function runtimeName(): string {
  if (runtime.Bun) return `bun ${runtime.Bun.version}`
  if (runtime.Deno) return `deno ${runtime.Deno.version.deno}`
  return `node ${process.versions.node}`
}

/**
 * Gives back what is no longer used, at the cost of a pause of some 100 ms: reading ten thousand webhooks leaves 300 MB behind, which
 * the runtimes would keep for what may come.
 */
export function collect(): void {
  try {
    if (runtime.Bun) runtime.Bun.gc(true)
    else collectV8()
  } catch {
    // It would only have been nice.
  }
}

function collectV8() {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
}

/** Starts an HTTP server; rejects with a sentence for the operator when it cannot listen. */
export async function serve(options: ServeOptions): Promise<Server> {
  try {
    if (runtime.Bun) return onBun(runtime.Bun, options)
    if (runtime.Deno) return onDeno(runtime.Deno, options)
  } catch (e) {
    throw explained(e, options)
  }
  throw new Error('Postern runs on Bun or Deno.')
}

function onBun(bun: NonNullable<typeof runtime.Bun>, { port, host, tls, maxBody, fetch, reusePort }: ServeOptions): Server {
  let requests = 0
  const server = bun.serve({
    port,
    hostname: host,
    ...(tls && { tls }),
    reusePort: reusePort ?? false,
    maxRequestBodySize: maxBody,
    idleTimeout: IDLE,
    development: false,
    fetch: (request: Request, self: BunServer) => {
      requests++
      return fetch(request, plain(self.requestIP(request)?.address))
    },
    error: failed,
  })
  return {
    port: server.port,
    async stop() {
      if (reusePort) await quiet(() => requests)
      await server.stop(false)
    },
    kill: () => void server.stop(true),
  }
}

/**
 * Waits for a moment at which no request comes: with its listener, Bun closes the connections whose request has not arrived yet. Under
 * a load without pauses a shorter moment must do. What the kernel alone knows of by then it resets, unless `tcp_migrate_req` is on.
 */
async function quiet(count: () => number): Promise<void> {
  const start = performance.now()
  let last = start
  let seen = count()
  for (let calm = 0; calm < CALM && performance.now() - start < QUIET_WITHIN; ) {
    await new Promise(turn => setTimeout(turn, 1)) // not an immediate: between those, nothing is read
    const now = performance.now()
    if (count() !== seen) {
      seen = count()
      last = now
      calm = 0
    } else if (now - last >= QUIET * Math.max(0, 1 - (now - start) / QUIET_WITHIN) ** 2) calm++
  }
}

function onDeno(deno: NonNullable<typeof runtime.Deno>, { port, host, tls, fetch, reusePort }: ServeOptions): Server {
  const ending = new AbortController()
  let state = 'on' as 'on' | 'stopping' | 'ended'
  let inFlight = 0
  const quiet = Promise.withResolvers<void>()
  const settle = () => {
    if (inFlight === 0 && state === 'stopping') quiet.resolve()
  }
  const server = deno.serve(
    {
      port,
      hostname: host,
      ...tls,
      reusePort: reusePort ?? false,
      signal: ending.signal,
      onListen() {},
      onError: failed,
    },
    async (request, info) => {
      if (state === 'stopping') return new Response(null, { status: 503, headers: { connection: 'close', 'retry-after': '1' } })
      inFlight++
      try {
        return await fetch(tls ? named(request) : request, plain(info.remoteAddr.hostname))
      } finally {
        inFlight--
        settle()
      }
    },
  )
  const finished = server.finished.finally(() => {
    state = 'ended'
  })
  const killed = Promise.withResolvers<void>()
  return {
    port: server.addr.port,
    stop() {
      if (state === 'on') {
        state = 'stopping'
        settle()
        // Deno's shutdown breaks off the bodies that are being read, so it comes after the last of them.
        quiet.promise.then(() => server.shutdown()).catch(() => {})
      }
      return Promise.race([finished, killed.promise])
    },
    kill() {
      // Aborting throws, where nobody can catch it, once a stop has begun; what stalls then goes with the process.
      if (state === 'on') ending.abort()
      killed.resolve()
    },
  }
}

/** Over TLS, Deno speaks HTTP/2 with whoever can, which has no Host header: what stands for it is in the URL alone. */
function named(request: Request): Request {
  if (request.headers.has('host')) return request
  const { url, method, body } = request
  const headers = new Headers(request.headers)
  headers.set('host', url.slice(url.indexOf('://') + 3).split('/', 1)[0] ?? '')
  return new Request(url, { method, headers, body, duplex: 'half' })
}

/** Both runtimes would show the error to the sender, or close the connection. */
function failed(): Response {
  return new Response(null, { status: 500 })
}

/** An IPv4 sender on an IPv6 socket is `::ffff:192.0.2.1`; a link-local one has a zone, `fe80::1%eth0`. */
function plain(address = ''): string {
  if (address.startsWith('::ffff:') && address.includes('.')) return address.slice(7)
  const zone = address.indexOf('%')
  return zone < 0 ? address : address.slice(0, zone)
}

function explained(cause: unknown, { host, port }: ServeOptions): Error {
  const { name, message, code } = cause as { name: string; message: string; code?: string }
  const at = `${host.includes(':') ? `[${host}]` : host}:${port}`
  if (code === 'EADDRINUSE' || name === 'AddrInUse') {
    const inUse = `${at} is in use by another process (EADDRINUSE): stop that process, or choose another port.`
    return Object.assign(new Error(inUse, { cause }), { code: 'EADDRINUSE' })
  }
  return Object.assign(new Error(`Cannot listen on ${at}: ${message}`, { cause }), { code })
}
