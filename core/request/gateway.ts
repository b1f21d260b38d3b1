/** The gateway of one configuration: a request in, a committed record out, a response back. */
import type { Config, Webhook } from '../config/config.ts'
import { flattened } from '../config/nested.ts'
import { planOf } from '../config/plan.ts'
import { problemDialect } from '../config/problemDialect.ts'
import type { Refusal } from '../plugin.ts'
import type { Samples } from '../store/requests.ts'
import type { Commit, Earlier, Outcome } from '../store/unit.ts'
import { ulid } from '../ulid.ts'
import { clientAddress, isHttps, trustedProxies } from './address.ts'
import { readBody } from './body.ts'
import { type Capture, openCapture } from './capture.ts'
import { type Chain, compileChain, type Stop } from './chain.ts'
import { type CoreCode, refuse } from './codes.ts'
import { type CompiledDialect, compileDialect } from './dialect.ts'
import { type Ending, outcomeOf, stopped, written } from './ending.ts'
import { type Arrival, Exchange } from './exchange.ts'
import type { Target } from './guard.ts'
import type { Services } from './host.ts'
import type { Reading } from './payload.ts'
import { openReplay, type Replay, type ReplayServices } from './replay.ts'
import { routes } from './route.ts'

export interface Gateway {
  /** Answers a request that has passed the guard; `peer` is the address of the connection's other end. */
  handle(target: Target, peer: string): Promise<Response>
  /** Runs a captured request through the present chain of its webhook; rejects with `NotReplayable` when it cannot be. */
  replay: Replay
  /** Releases what the chains hold; call it when no request is in flight any more. */
  close(): Promise<void>
}

/** A webhook as the routes know it. */
export interface Served {
  name: string
  path: string
  host: readonly string[]
  methods: readonly string[]
  /** Methods that some step answers by itself. */
  greets: ReadonlySet<string>
  reading: Reading | undefined
  webhook: Webhook
  chain: Chain
  dialect: CompiledDialect
  /** Undefined when none of its requests are kept. */
  capture: Capture | undefined
}

/** What a gateway works with. */
export interface GatewayServices extends Services, ReplayServices {
  commit: Commit
  earlier: Earlier
  /** Something was left in the outbox. */
  relay(): void
  /** Left out, no samples are taken. */
  samples?: Pick<Samples, 'add'>
}

const NOTHING: Uint8Array = new Uint8Array()
/** Methods whose body is never read. */
const BODILESS: ReadonlySet<string> = new Set(['GET', 'OPTIONS'])
/** Behind a webhook's path: tells whether a request would be let in. */
const ASK = '/verify'

/** Compiles every chain; rejects, with everything released again, when one of them cannot be. */
export async function openGateway(config: Config, services: GatewayServices): Promise<Gateway> {
  const { log, now, commit, tokens } = services
  const served: Served[] = []
  const close = async () => void (await Promise.all(served.map(s => s.chain.close())))
  try {
    for (const webhook of config.webhooks.values()) served.push(await serve(config, webhook, services))
  } catch (error) {
    await close()
    throw error
  }
  const table = routes(served.filter(s => s.webhook.active))
  /** Where a sender may ask whether it would be let in. */
  const asking = routes(
    served.filter(s => s.webhook.active && s.webhook.verify).map(s => ({ ...s, path: s.path + ASK, methods: ['POST'] })),
  )
  /** Inactive webhooks are as good as absent, but for the language in which that is said. */
  const absent = routes(served.filter(s => !s.webhook.active))
  /** Webhooks whose events somebody subscribes to. */
  const covered = new Set([...config.subscriptions.values()].flatMap(s => s.webhooks))
  const plan = planOf(config)
  const proxies = trustedProxies(config.server.trustedProxies)
  const problem = compileDialect(problemDialect, '')

  async function handle({ request, host, path, query }: Target, peer: string): Promise<Response> {
    const { method, headers } = request
    if (config.server.requireHttps && !isHttps(peer, headers, proxies, config.server.tls !== undefined)) {
      return problem.refusal(refuse('HTTPS_REQUIRED'))
    }
    const found = table(host, path) ?? asking(host, path)
    if (!found) return (absent(host, path)?.webhooks[0]?.dialect ?? problem).refusal(refuse('NOT_FOUND'))
    const first = found.webhooks[0] as Served
    const asked = first.path !== first.webhook.path
    const takers = found.webhooks.filter(w => w.methods.includes(method) || (!asked && w.greets.has(method)))
    const allow = () => [...new Set(found.webhooks.flatMap(w => (asked ? w.methods : [...w.methods, ...w.greets])))].join(', ')
    if (takers.length === 0) return first.dialect.refusal(refuse('METHOD_NOT_ALLOWED'), { allow: allow() })
    const receivedAt = now()
    const id = ulid(receivedAt)
    let chosen = takers[0] as Served
    if (takers.length > 1) {
      const owner = await ownerOf(found.params.token ?? '')
      const own = takers.find(w => w.name === owner)
      // Whose it is nobody knows; only the language of the answer is that of the first.
      const nobody = { dialect: chosen.dialect }
      if (!own) return refused(nobody, id, owner === null ? 'UNAVAILABLE' : 'NOT_FOUND', 'no live token of a webhook on this path')
      chosen = own
    }
    const { name: webhook, chain, reading } = chosen
    const capture = asked ? undefined : chosen.capture
    const marks = capture?.watch(receivedAt)
    const ip = clientAddress(peer, headers, proxies)
    // What is signed is the webhook's own address, not that of the question.
    const own = asked ? path.slice(0, -ASK.length) : path
    const came = { id, webhook, method, path: own, search: query, params: found.params, headers, ip, receivedAt, raw: NOTHING, reading }
    const to = { ...chosen, capture }
    if (chosen.webhook.closed) return unread(to, came, 'UNAVAILABLE', chosen.webhook.closed)
    const raw = BODILESS.has(method) ? NOTHING : await readBody(request, chosen.webhook.bodyLimit, config.server.bodyTimeout)
    if (raw === 'too-large') return unread(to, came, 'PAYLOAD_TOO_LARGE', 'over bodyLimit')
    if (raw === 'timeout' || raw === 'aborted') return unread(to, came, 'REQUEST_TIMEOUT', `the body's reading ended: ${raw}`)
    came.raw = raw
    const x = new Exchange(came)
    x.marks = marks
    if (asked) {
      const stop = await chain.ask(x)
      return stop ? ended(chosen, x, stop).response : Response.json({ verified: true })
    }
    if (!chosen.methods.includes(method)) {
      const stop = await chain.ask(x, method)
      if (!stop) return chosen.dialect.refusal(refuse('METHOD_NOT_ALLOWED'), { allow: allow() })
      const end = ended(chosen, x, stop)
      capture?.take(x, end, stop)
      return end.response
    }
    const stop = await chain.run(x)
    const end = stop ? ((await replayed(chosen, x, stop)) ?? ended(chosen, x, stop)) : await committed(chosen, x, receivedAt)
    capture?.take(x, end, stop)
    return x.answered(end.response)
  }

  /** Refuses, and keeps a sample without its body. */
  function unread(to: Served, came: Arrival, code: CoreCode, reason: string): Response {
    const response = refused(to, came.id, code, reason)
    const refusal = refuse(code, { reason })
    const least = code === 'PAYLOAD_TOO_LARGE' ? to.webhook.bodyLimit + 1 : 0
    const size = Number(came.headers.get('content-length')) || least
    const end: Ending = { response, refusal, outcome: outcomeOf(refusal) }
    to.capture?.take(new Exchange(came), end, { reply: refusal, plugin: '', step: -1 }, size)
    return response
  }

  /** The webhook of a token; null when the store cannot say. */
  async function ownerOf(token: string): Promise<string | undefined | null> {
    try {
      return await tokens.webhookOf(token)
    } catch (error) {
      log.warn({ error: String(error) }, 'a token could not be looked up')
      return null
    }
  }

  function refused(to: { name?: string; dialect: CompiledDialect }, exchange: string, code: CoreCode, reason: string): Response {
    // What is left of a slow body may still come, byte by byte: the connection must not wait for it.
    const response = to.dialect.refusal(refuse(code, { reason }), code === 'REQUEST_TIMEOUT' ? { connection: 'close' } : undefined)
    log.info({ exchange, ...(to.name !== undefined && { webhook: to.name }), status: response.status, code, reason }, 'refused')
    return response
  }

  function ended(to: Served, x: Exchange, stop: Omit<Stop, 'step'>): Ending {
    const end = stopped(to.dialect, x, stop)
    if (!end.refusal) return end
    const { plugin, error } = stop
    const { code, reason } = end.refusal
    const line = { exchange: x.id, webhook: x.webhook, plugin, status: end.response.status, code, ip: x.ip, ...(reason && { reason }) }
    if (error === undefined) log.info(line, 'refused')
    else log.error({ ...line, error: describe(error) }, 'a step failed')
    return end
  }

  /** The first outcome of a held key, whatever a later step says of this request: it may have stopped long before the commit. */
  async function replayed(to: Served, x: Exchange, { reply, error }: Stop): Promise<Ending | undefined> {
    // What only asks to come again later does not need an answer now, and would cost a look-up each time.
    if (!x.unit.key || error !== undefined || reply.kind === 'answer' || (reply.kind === 'refusal' && reply.retryAfter)) return undefined
    try {
      const earlier = await services.earlier(x.unit)
      return earlier && settled(to, x, earlier)
    } catch (cause) {
      return ended(to, x, { reply: refuse('UNAVAILABLE', { reason: String(cause) }), plugin: 'commit' })
    }
  }

  /** `since`: when its time began. */
  async function committed(to: Served, x: Exchange, since: number): Promise<Ending> {
    const { unit } = x
    const shown = to.dialect.shown(x)
    if (unit.key && shown.length > 0) unit.key.shown = shown
    const writes = unit.key || unit.record || unit.event || unit.custom.length > 0
    if (!writes) return { response: to.dialect.success({ replayed: false, shown }, shown), outcome: 'accepted' }
    if (unit.event && covered.has(to.name)) unit.relay = plan
    let outcome: Awaited<ReturnType<Commit>>
    try {
      outcome = await commit(unit, since + config.server.requestTimeout - now())
    } catch (error) {
      return ended(to, x, { reply: refuse('INTERNAL'), plugin: 'commit', error })
    }
    if (unit.relay) services.relay()
    return settled(to, x, outcome, shown)
  }

  function settled(to: Served, x: Exchange, outcome: Outcome | Refusal, shown: readonly unknown[] = []): Ending {
    if ('kind' in outcome) return ended(to, x, { reply: outcome, plugin: 'commit' })
    return written(to.dialect, x, outcome, shown)
  }

  const replay = openReplay(config, services, {
    served: name => served.find(s => s.name === name),
    finish: async (to, x, stop, since) => (stop ? ((await replayed(to, x, stop)) ?? ended(to, x, stop)) : committed(to, x, since)),
  })
  return { handle, replay, close }
}

async function serve(config: Config, webhook: Webhook, services: GatewayServices): Promise<Served> {
  const dialect = webhook.dialect === problemDialect.name ? problemDialect : config.dialects.get(webhook.dialect)
  if (!dialect) throw new Error(`the webhook '${webhook.name}' names the dialect '${webhook.dialect}', which is not there`)
  // A closed webhook is never compiled: a step without its secret must not exist.
  const chain = webhook.closed ? closed(webhook) : await compileChain(config, webhook, services)
  const { name, path, host, methods } = webhook
  const { samples, log, now } = services
  const warn = (message: string, fields: Record<string, unknown>) => log.warn(fields, message)
  const capture = samples && openCapture(config, webhook, chain, { add: samples.add, warn, now })
  const greets = new Set(webhook.chain.flatMap(({ plugin, settings }) => plugin.methods?.(settings) ?? []))
  const reading = readingOf(webhook)
  return { name, path, host, methods, greets, reading, webhook, chain, capture, dialect: compileDialect(dialect, name) }
}

/** Undefined when its bodies are read as usual. */
function readingOf({ listAs, chain }: Webhook): Reading | undefined {
  const accepts = new Set(chain.flatMap(flattened).flatMap(({ plugin }) => plugin.accepts ?? []))
  return listAs !== undefined || accepts.size > 0 ? { ...(listAs !== undefined && { listAs }), accepts } : undefined
}

const closed = ({ chain }: Webhook): Chain => ({
  steps: chain.map(item => item.plugin.name),
  run: async () => undefined,
  ask: async () => undefined,
  close: async () => {},
})

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
