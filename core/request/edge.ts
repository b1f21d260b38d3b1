/** The HTTP edge: Elysia with one wildcard route, health, and a gateway that reload can swap. */
import { Elysia } from 'elysia'
import { problemDialect } from '../config/problemDialect.ts'
import { refuse } from './codes.ts'
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
  /** Requests in flight. */
  inFlight(): number
}

export interface EdgeOptions {
  gateway: Gateway
  /** Left out, there are none. */
  documents?: Documents | undefined
  /** Asked by `/readyz`. */
  ready(): Promise<boolean>
  failed(error: unknown): void
}

export function openEdge(options: EdgeOptions): Edge {
  const problem = compileDialect(problemDialect, '')
  /** Elysia hands on the request alone; this carries what the guard found out. */
  const targets = new WeakMap<Request, { target: Target; peer: string }>()
  let current = { gateway: options.gateway, running: 0, retired: false }
  let documents = options.documents
  let draining = false
  let running = 0

  const app = new Elysia({ handler: { standardHostname: false } })
    .onError(({ error, code }) => {
      if (code === 'NOT_FOUND') return problem.refusal(refuse('NOT_FOUND'))
      options.failed(error)
      return problem.refusal(refuse('INTERNAL'))
    })
    .get('/livez', () => health.live())
    .get('/readyz', async () => health.ready(await readiness()))
    // Elysia must not touch the body: signatures are over its exact bytes.
    .all('/*', ({ request }) => pass(request), { parse: 'none' })

  async function pass(request: Request): Promise<Response> {
    const arrived = targets.get(request)
    if (!arrived) return problem.refusal(refuse('INTERNAL'))
    const read = documents?.(arrived.target, arrived.peer)
    if (read) return read
    const mine = current
    mine.running++
    try {
      return await mine.gateway.handle(arrived.target, arrived.peer)
    } finally {
      leave(mine)
    }
  }

  const readiness = async (): Promise<Readiness> => (draining ? 'draining' : (await options.ready()) ? 'ready' : 'away')

  function leave(mine: typeof current) {
    mine.running--
    if (mine.retired && mine.running === 0) void mine.gateway.close()
  }

  return {
    async fetch(request, peer) {
      const target = guard(request)
      if (!target) return problem.refusal(refuse('INVALID_REQUEST'))
      targets.set(target.request, { target, peer })
      running++
      try {
        const response = await app.fetch(target.request)
        // Kept open, the connection would be cut at the stop, perhaps under a request that is just coming.
        if (draining) response.headers.set('connection', 'close')
        return response
      } catch (error) {
        options.failed(error)
        return problem.refusal(refuse('INTERNAL'))
      } finally {
        running--
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
    inFlight: () => running,
  }
}
