/** A receiver of deliveries, a process of its own: prints its port, and tells at `/stats` what came when. Paths that begin with `/hang` never answer. */
const arrived = new Map<string, { n: number; first: number; last: number; at: [string, number][] }>()
const clock = () => performance.timeOrigin + performance.now()

const server = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  idleTimeout: 0,
  async fetch(request) {
    const { pathname } = new URL(request.url)
    if (pathname === '/stats') return Response.json(Object.fromEntries(arrived))
    await request.arrayBuffer()
    const now = clock()
    const of = arrived.get(pathname) ?? { n: 0, first: now, last: now, at: [] }
    of.n++
    of.last = now
    if (of.at.length < 100_000) of.at.push([request.headers.get('webhook-id') ?? '', now])
    arrived.set(pathname, of)
    if (pathname.startsWith('/hang')) await new Promise(() => {})
    return new Response()
  },
})
console.log(server.port)
