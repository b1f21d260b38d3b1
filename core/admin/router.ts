/** The routes behind Elysia: checks what came, calls the handler, and turns what it gives into an answer. */
import { Elysia } from 'elysia'
import type { Target } from '../request/guard.ts'
import { openapi } from './openapi.ts'
import { problem, Refused, refusalOf } from './problem.ts'
import { readJson, readQuery } from './read.ts'
import { closed, type Route, type World } from './route.ts'
import { routes } from './routes.ts'

const PREFIX = '/admin/v1'
const nothing = closed({})

/** Answers requests that the gate has let in; never rejects. */
export function openRouter(world: World): (target: Target, ip: string) => Promise<Response> {
  /** Elysia hands on the request alone. */
  const arrived = new WeakMap<Request, { target: Target; ip: string }>()
  const app = new Elysia({ handler: { standardHostname: false } }).onError(({ error, code }) =>
    code === 'NOT_FOUND' ? problem(new Refused(404, 'NOT_FOUND', 'There is no such page.')) : failed(error),
  )
  app.all('/admin/openapi.json', ({ request }) =>
    request.method === 'GET' ? Response.json(openapi(routes), { headers: UNCACHED }) : wrongMethod('GET'),
  )
  for (const [path, methods] of byPath(routes)) {
    const pattern = PREFIX + path.replace(/\{(\w+)\}/g, ':$1')
    // Elysia must not touch the body: on Deno nothing else bounds it.
    app.all(pattern, ({ request, params }) => pass(request, params ?? {}, methods), { parse: 'none' })
  }

  async function pass(request: Request, params: Record<string, string | null>, methods: ReadonlyMap<string, Route>): Promise<Response> {
    try {
      const route = methods.get(request.method)
      if (!route) return wrongMethod([...methods.keys()].join(', '))
      const { target, ip } = arrived.get(request)!
      const named = decoded(params)
      const query = readQuery(target.query, route.query ?? nothing)
      const body = route.method === 'GET' ? {} : await readJson(request, route.body ?? nothing)
      const path = route.path.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(named[name] as string))
      const answer = await route.handler({ params: named, query, body, path, ip }, world)
      return route.status === 204
        ? new Response(null, { status: 204, headers: UNCACHED })
        : Response.json(answer, { status: route.status, headers: UNCACHED })
    } catch (error) {
      return failed(error)
    }
  }

  function failed(error: unknown): Response {
    const refusal = refusalOf(error)
    if (refusal !== error)
      world.log.error({ error: refusal.status === 500 ? (error as Error).stack : String(error) }, 'the admin API failed')
    return problem(refusal)
  }

  return async (target, ip) => {
    arrived.set(target.request, { target, ip })
    try {
      return await app.fetch(target.request)
    } catch (error) {
      return failed(error)
    }
  }
}

/** Answers hold records and, once, tokens. */
const UNCACHED = { 'cache-control': 'no-store' }

/** Elysia gives null for what is not UTF-8, and Postgres has no U+0000 in a text: nothing has such a name. */
function decoded(params: Record<string, string | null>): Record<string, string> {
  for (const value of Object.values(params))
    if (value === null || value.includes('\0')) throw new Refused(404, 'NOT_FOUND', 'Nothing has such a name.')
  return params as Record<string, string>
}

function wrongMethod(allow: string): Response {
  return problem(new Refused(405, 'METHOD_NOT_ALLOWED', `This page takes ${allow}.`, { headers: { allow } }))
}

function byPath(all: readonly Route[]): Map<string, Map<string, Route>> {
  const paths = new Map<string, Map<string, Route>>()
  for (const route of all) paths.set(route.path, (paths.get(route.path) ?? new Map()).set(route.method, route))
  return paths
}
