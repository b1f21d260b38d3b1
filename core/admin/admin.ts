/** The admin API, on a port of its own: records and tokens for operators. Off without a token. */
import { createHash, timingSafeEqual } from 'node:crypto'
import { Elysia } from 'elysia'
import type { Config } from '../config/config.ts'
import type { Log } from '../log.ts'
import { guard } from '../request/guard.ts'
import { type Server, serve } from '../runtime.ts'
import { listRecords, readRecord } from '../store/read.ts'
import type { Store } from '../store/store.ts'
import { createToken, listTokens, revokeToken } from '../store/tokens.ts'

export interface AdminOptions {
  /** The present configuration. */
  config(): Config
  store: Store
  log: Log
  now(): number
}

/** A request of the admin API is small. */
const LARGEST_BODY = 65_536
const LONGEST_PAGE = 200

const problem = (status: number, code: string, title: string) =>
  new Response(JSON.stringify({ type: 'about:blank', title, status, code }), {
    status,
    headers: { 'content-type': 'application/problem+json' },
  })

/** Opens the listener; undefined when `admin.token` is empty. */
export async function openAdmin(options: AdminOptions): Promise<Server | undefined> {
  const { port, host, token } = options.config().admin
  if (token === '') return undefined
  const app = routesOf(options)
  const server = await serve({
    port,
    host,
    maxBody: LARGEST_BODY,
    fetch: async request => {
      const target = guard(request)
      if (!target) return problem(400, 'INVALID_REQUEST', 'The request line or the Host header is not valid.')
      const given = request.headers.get('authorization') ?? ''
      return isEqual(given, `Bearer ${options.config().admin.token}`)
        ? app.fetch(target.request)
        : problem(401, 'UNAUTHORIZED', 'The admin token is missing or wrong.')
    },
  })
  options.log.info({ url: `http://${host}:${server.port}/admin/v1` }, 'the admin API listens')
  return server
}

function routesOf({ config, store, log, now }: AdminOptions) {
  const missing = (what: string) => problem(404, 'NOT_FOUND', `There is no ${what}.`)
  return new Elysia({ prefix: '/admin/v1', handler: { standardHostname: false } })
    .onError(({ code, error }) => {
      if (code === 'NOT_FOUND') return missing('such page')
      if (code === 'PARSE') return problem(400, 'INVALID_JSON', 'The body is not JSON.')
      log.error({ error: String(error) }, 'the admin API failed')
      return problem(503, 'UNAVAILABLE', 'The store did not answer.')
    })
    .get('/webhooks', () => ({ data: [...config().webhooks.values()].map(describe), next: null }))
    .get('/webhooks/:name', ({ params }) => {
      const webhook = config().webhooks.get(params.name)
      return webhook ? { data: describe(webhook) } : missing(`webhook '${params.name}'`)
    })
    .get('/webhooks/:name/tokens', async ({ params }) => ({ data: await listTokens(store.db, params.name), next: null }))
    .post('/webhooks/:name/tokens', async ({ params, body }) => {
      if (!config().webhooks.has(params.name)) return missing(`webhook '${params.name}'`)
      const { label } = (body ?? {}) as { label?: unknown }
      const made = await createToken(store.db, params.name, {
        now: now(),
        ...(typeof label === 'string' && { label: label.slice(0, 200) }),
      })
      return Response.json({ data: made }, { status: 201 })
    })
    .delete('/webhooks/:name/tokens/:id', async ({ params }) =>
      (await revokeToken(store.db, params.id, now())) ? new Response(null, { status: 204 }) : missing(`live token '${params.id}'`),
    )
    .get('/entities/:entity/records', async ({ params, query }) => {
      const limit = Math.min(Math.max(1, Number(query.limit ?? 50) || 50), LONGEST_PAGE)
      return listRecords(store.db, params.entity, { limit, ...(query.cursor && { after: query.cursor }) })
    })
    .get('/entities/:entity/records/:id', async ({ params }) => {
      const record = await readRecord(store.db, params.entity, params.id)
      return record ? { data: record } : missing(`record '${params.id}' of '${params.entity}'`)
    })
}

/** Names only: no setting of a chain, and no secret. */
function describe({ name, path, host, methods, active, chain, closed }: NonNullable<ReturnType<Config['webhooks']['get']>>) {
  return { name, path, host, methods, active, chain: chain.map(item => item.plugin.name), ...(closed && { closed }) }
}

/** Hashing first makes the lengths equal, which a comparison in constant time needs. */
function isEqual(given: string, wanted: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(given), digest(wanted))
}
