/** The admin API's listener, on a port of its own. Off without a token. */
import { clientAddress, trustedProxies } from '../request/address.ts'
import { guard } from '../request/guard.ts'
import { type Server, serve } from '../runtime.ts'
import { openGate } from './gate.ts'
import { problem, Refused } from './problem.ts'
import type { World } from './route.ts'
import { openRouter } from './router.ts'

/** Opens the listener; undefined when `admin.token` is empty. */
export async function openAdmin(world: World): Promise<Server | undefined> {
  const { config, log, now } = world
  const { port, host, token } = config().admin
  if (token === '') return undefined
  const trusted = trustedProxies(config().server.trustedProxies)
  const answer = openRouter(world)
  const judge = openGate({
    token: () => config().admin.token,
    now,
    refused: ip => log.warn({ ip }, 'this address sends wrong admin tokens; for a minute they are answered 429'),
  })
  const server = await serve({
    port,
    host,
    // Our reader has the limit; Bun's own answers with a bare 413.
    maxBody: Number.MAX_SAFE_INTEGER,
    fetch: async (request, peer) => {
      const target = guard(request)
      if (!target) return problem(new Refused(400, 'INVALID_REQUEST', 'The request line or the Host header is not valid.'))
      const ip = clientAddress(peer, request.headers, trusted)
      const refusal = judge(ip, request.headers.get('authorization'))
      return refusal ? problem(refusal) : answer(target, ip)
    },
  })
  log.info({ url: `http://${host}:${server.port}/admin/v1` }, 'the admin API listens')
  return server
}
