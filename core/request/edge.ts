/** The HTTP edge: Elysia with one wildcard route, health, and a gateway that reload can swap. */
import { Elysia } from 'elysia'
import { problemDialect } from '../config/problemDialect.ts'
import { type CoreCode, refuse } from './codes.ts'
import { compileDialect } from './dialect.ts'
import type { Gateway } from './gateway.ts'
import { guard, type Target } from './guard.ts'
import { health, type Readiness } from './health.ts'
import type { Replay } from './replay.ts'

/** Answers what senders read; undefined for a request that is not about it. */
export type Documents = (target: Target, peer: string) => Promise<Response> | undefined

export interface Edge {
  /** Answers one request; never rejects. `peer` is the address of the connection's other end. */
  fetch(request: Request, peer: string): Promise<Response>
  /** Replays a captured request on the present gateway. */
  replay: Replay
  /** Puts another gateway in place, and its documents; requests in flight end on the old one, which is closed after them. */
  swap(next: Gateway, documents?: Documents): void
  /** What `/readyz` says. */
  readiness(): Promise<Readiness>
  /** From now on `/readyz` says 503. */
  drain(): void
  /** Releases what the plugins of the present gateway hold, when no request is in flight any more. */
  close(): Promise<void>
}

export interface EdgeOptions {
  gateway: Gateway
  /** Left out, there are none. */
  documents?: Documents | undefined
  /** Asked by `/readyz`. */
  ready(): Promise<boolean>
  failed(error: unknown): void
}

/** Elysia hands on the request alone; this carries what is known beside it. */
interface Arrived {
  readonly target: Target
  readonly peer: string
  /** By `performance.now()`. */
  readonly began: number
  /** It was counted and logged, or need not be. */
  told: boolean
}

/** What documents are refused with. */
const CODE_OF: Readonly<Record<number, CoreCode>> = { 403: 'HTTPS_REQUIRED', 404: 'NOT_FOUND' }

export function openEdge(options: EdgeOptions): Edge {
  const problem = compileDialect(problemDialect, '')
  const targets = new WeakMap<Request, Arrived>()
  let current = { gateway: options.gateway, running: 0, retired: false }
  let documents = options.documents
  let draining = false

  const app = new Elysia({ handler: { standardHostname: false } })
    .onError(({ error, code }) => {
      if (code === 'NOT_FOUND') return problem.refusal(refuse('NOT_FOUND'))
      options.failed(error)
      return problem.refusal(refuse('INTERNAL'))
    })
    .get('/livez', ({ request }) => untold(request) ?? health.live())
    .get('/readyz', async ({ request }) => untold(request) ?? health.ready(await readiness()))
    // Elysia must not touch the body: signatures are over its exact bytes.
    .all('/*', ({ request }) => pass(request), { parse: 'none' })

  async function pass(request: Request): Promise<Response> {
    const arrived = targets.get(request)
    if (!arrived) return problem.refusal(refuse('INTERNAL'))
    const read = documents?.(arrived.target, arrived.peer)
    if (read) return told(arrived, await read)
    const mine = current
    mine.running++
    try {
      const response = await mine.gateway.handle(arrived.target, arrived.peer)
      arrived.told = true
      return response
    } finally {
      leave(mine)
    }
  }

  /** Whoever asks for health does so all the time: nobody hears of it. */
  function untold(request: Request): undefined {
    const arrived = targets.get(request)
    if (arrived) arrived.told = true
  }

  /** Tells of a document. */
  function told(arrived: Arrived, response: Response): Response {
    const { target, peer, began } = arrived
    const { status } = response
    const code = CODE_OF[status]
    const route = target.path.startsWith('/docs/') ? '/docs/{page}' : target.path
    arrived.told = true
    current.gateway.account?.(target.request, peer, began, { outcome: code ? 'refused' : 'read', status, ...(code && { code }), route })
    return response
  }

  /** A request that never came to the gateway, or that it failed at. */
  function lost(request: Request, peer: string, began: number, code: CoreCode, response = problem.refusal(refuse(code))): Response {
    const { status } = response
    current.gateway.account?.(request, peer, began, { outcome: status >= 500 ? 'failed' : 'refused', status, code })
    return response
  }

  const readiness = async (): Promise<Readiness> => (draining ? 'draining' : (await options.ready()) ? 'ready' : 'away')

  function leave(mine: typeof current) {
    mine.running--
    if (mine.retired && mine.running === 0) void mine.gateway.close()
  }

  return {
    async fetch(request, peer) {
      const began = performance.now()
      const target = guard(request)
      if (!target) return lost(request, peer, began, 'INVALID_REQUEST')
      const arrived = { target, peer, began, told: false }
      targets.set(target.request, arrived)
      try {
        const response = await app.fetch(target.request)
        if (!arrived.told) lost(target.request, peer, began, response.status === 404 ? 'NOT_FOUND' : 'INTERNAL', response)
        // Kept open, the connection would be cut at the stop, perhaps under a request that is just coming.
        if (draining) response.headers.set('connection', 'close')
        return response
      } catch (error) {
        options.failed(error)
        return arrived.told ? problem.refusal(refuse('INTERNAL')) : lost(target.request, peer, began, 'INTERNAL')
      }
    },
    async replay(captured, options) {
      const mine = current
      mine.running++
      try {
        return await mine.gateway.replay(captured, options)
      } finally {
        leave(mine)
      }
    },
    swap(next, nextDocuments) {
      documents = nextDocuments
      const old = current
      current = { gateway: next, running: 0, retired: false }
      old.retired = true
      if (old.running === 0) void old.gateway.close()
    },
    readiness,
    drain() {
      draining = true
    },
    close: () => current.gateway.close(),
  }
}
