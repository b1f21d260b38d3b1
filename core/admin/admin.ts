/** The listener for operators, on a port of its own: metrics and health for everybody who reaches it, the admin API for those with its token. */
import type { Metrics } from '../metrics/meter.ts'
import { clientAddress, trustedProxies } from '../request/address.ts'
import { guard } from '../request/guard.ts'
import { health, type Readiness } from '../request/health.ts'
import { type Server, serve } from '../runtime.ts'
import { openGate } from './gate.ts'
import { problem, Refused } from './problem.ts'
import type { World } from './route.ts'
import { openRouter } from './router.ts'

export interface AdminOptions extends World {
  metrics: Pick<Metrics, 'text' | 'contentType'>
  /** Several processes share the port. */
  reusePort?: boolean
  /** Asked by `/readyz`. */
  ready(): Promise<Readiness>
}

/** Opens the listener. Without a token the API is off; a port that is taken then costs the metrics alone, and is told. */
export async function openAdmin(world: AdminOptions): Promise<Server | undefined> {
  const { config, log, now, metrics } = world
  const { port, host, token } = config().admin
  const trusted = trustedProxies(config().server.trustedProxies)
  const answer = openRouter(world)
  const judge = openGate({
    token: () => config().admin.token,
    now,
    refused: ip => log.warn({ ip }, 'this address sends wrong admin tokens; for a minute they are answered 429'),
  })
  const pages: Record<string, () => Response | Promise<Response>> = {
    '/livez': () => health.live(),
    '/readyz': async () => health.ready(await world.ready()),
    '/metrics': () =>
      metrics.text().then(
        text => new Response(text, { headers: { 'content-type': metrics.contentType, 'cache-control': 'no-store' } }),
        error => {
          log.error({ error: String(error) }, 'the metrics could not be gathered')
          return problem(new Refused(503, 'UNAVAILABLE', 'The metrics cannot be gathered now.', { headers: { 'retry-after': '1' } }))
        },
      ),
  }
  const options = {
    port,
    host,
    reusePort: world.reusePort ?? false,
    // Our reader has the limit; Bun's own answers with a bare 413.
    maxBody: Number.MAX_SAFE_INTEGER,
    fetch: async (request: Request, peer: string) => {
      const target = guard(request)
      if (!target) return problem(new Refused(400, 'INVALID_REQUEST', 'The request line or the Host header is not valid.'))
      const open = Object.hasOwn(pages, target.path) ? pages[target.path] : undefined
      if (open) {
        if (request.method === 'GET') return open()
        return problem(new Refused(405, 'METHOD_NOT_ALLOWED', 'This page takes GET.', { headers: { allow: 'GET' } }))
      }
      if (config().admin.token === '') return problem(new Refused(404, 'NOT_FOUND', 'The admin API is off: set admin.token.'))
      const ip = clientAddress(peer, request.headers, trusted)
      const refusal = judge(ip, request.headers.get('authorization'))
      return refusal ? problem(refusal) : answer(target, ip)
    },
  }
  try {
    const server = await serve(options)
    const url = `http://${host}:${server.port}`
    if (token === '') log.info({ url }, 'metrics and health listen; the admin API is off')
    else log.info({ url: `${url}/admin/v1` }, 'the admin API listens')
    return server
  } catch (error) {
    if (token !== '') throw error
    log.error({ host, port, error: String(error) }, 'nobody can ask for metrics: this address cannot be listened on; set admin.port')
    return undefined
  }
}
