/** The gateway of one configuration: a request in, a committed record out, a response back. */
import type { Config, Webhook } from '../config/config.ts'
import { planOf } from '../config/plan.ts'
import { problemDialect } from '../config/problemDialect.ts'
import { type Meter, silent } from '../metrics/meter.ts'
import { openPace } from '../pace.ts'
import type { Refusal } from '../plugin.ts'
import type { Samples } from '../store/requests.ts'
import type { Commit, Earlier, Outcome } from '../store/unit.ts'
import { ulid } from '../ulid.ts'
import { type Account, openAccount } from './account.ts'
import { clientAddress, isHttps, trustedProxies } from './address.ts'
import { readBody } from './body.ts'
import { type Capture, openCapture } from './capture.ts'
import { type Chain, type Commons, compileChain, patience, type Stop, within } from './chain.ts'
import { type CoreCode, refuse } from './codes.ts'
import { type CompiledDialect, compileDialect } from './dialect.ts'
import { type Ending, outcomeOf, stopped, written } from './ending.ts'
import { type Arrival, Exchange } from './exchange.ts'
import { type Gates, openGates } from './gate.ts'
import type { Target } from './guard.ts'
import type { Services } from './host.ts'
import type { Reading } from './payload.ts'
import { readingOf } from './reading.ts'
import { openReplay, type Replay, type ReplayServices } from './replay.ts'
import { openTakers } from './takers.ts'

export interface Gateway {
  /** Answers a request that has passed the guard; `peer` is the address of the connection's other end. */
  handle(target: Target, peer: string): Promise<Response>
  /** Runs a captured request through the present chain of its webhook; rejects with `NotReplayable` when it cannot be. */
  replay: Replay
  /** Counts and logs what was answered without it; left out, nobody hears of that. */
  account?: Account
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

/** What became of a request, and whose it was. */
interface Handled {
  end: Ending
  to?: Served
  exchange?: string
  /** When a chain was run. */
  x?: Exchange
  /** The sender only asked whether it would be let in. */
  asked?: boolean
}

const NOTHING: Uint8Array = new Uint8Array()
const NO_METHODS: ReadonlySet<string> = new Set()
/** Methods whose body is never read. */
const BODILESS: ReadonlySet<string> = new Set(['GET', 'OPTIONS'])

/** Compiles every chain; rejects, with everything released again, when one of them cannot be. */
export async function openGateway(config: Config, services: GatewayServices): Promise<Gateway> {
  const { log, now, commit, tokens, meter = silent } = services
  const served: Served[] = []
  const gates = openGates()
  const commons: Commons = new Map()
  const pace = openPace()
  const close = async () => void (await Promise.all(served.map(s => s.chain.close())))
  try {
    for (const webhook of config.webhooks.values()) {
      await pace()
      served.push(await serve(config, webhook, services, { gates, commons }))
    }
  } catch (error) {
    await close()
    throw error
  }
  commons.clear()
  const taker = openTakers(served, tokens, error => log.warn({ error: String(error) }, 'a token could not be looked up'))
  /** Webhooks whose events somebody subscribes to. */
  const covered = new Set([...config.subscriptions.values()].flatMap(s => s.webhooks))
  const plan = planOf(config)
  const proxies = trustedProxies(config.server.trustedProxies)
  const problem = compileDialect(problemDialect, '')
  const account = openAccount(config, services)

  async function handle(target: Target, peer: string): Promise<Response> {
    const began = performance.now()
    const { end, to, exchange, x, asked } = await answer(target, peer)
    // To plugins and samples a question is as any other; to whoever counts what comes in, it is no delivery.
    const outcome = asked && end.outcome === 'accepted' ? 'asked' : end.outcome
    account(target.request, peer, began, { outcome, status: end.response.status, code: end.refusal?.code, to, exchange, x })
    return end.response
  }

  async function answer({ request, host, path, query }: Target, peer: string): Promise<Handled> {
    const { method, headers } = request
    if (config.server.requireHttps && !isHttps(peer, headers, proxies, config.server.tls !== undefined)) {
      return { end: plain(problem, 'HTTPS_REQUIRED') }
    }
    const receivedAt = now()
    const found = taker(host, path, method)
    // Awaiting only what is a promise: it is one where a token must be looked up.
    const taken = found instanceof Promise ? await found : found
    const id = ulid(receivedAt)
    if ('code' in taken) {
      const { dialect = problem, code, allow, reason } = taken
      if (reason !== undefined) return { end: refused({ dialect }, id, code, reason), exchange: id }
      return { end: plain(dialect, code, allow === undefined ? undefined : { allow }) }
    }
    const { asked, params } = taken
    const to = asked ? { ...taken.to, capture: undefined } : taken.to
    const { name: webhook, chain, reading, capture } = to
    const marks = capture?.watch(receivedAt)
    const ip = clientAddress(peer, headers, proxies)
    // What is signed is the webhook's own address, not that of the question.
    const came = { id, webhook, method, path: taken.path, search: query, params, headers, ip, receivedAt, raw: NOTHING, reading }
    const about = { to, exchange: id }
    if (to.webhook.closed) return { end: unread(to, came, 'UNAVAILABLE', to.webhook.closed), ...about }
    const raw = BODILESS.has(method) ? NOTHING : await readBody(request, to.webhook.bodyLimit, config.server.bodyTimeout)
    if (raw === 'too-large') return { end: unread(to, came, 'PAYLOAD_TOO_LARGE', 'over bodyLimit'), ...about }
    if (typeof raw === 'string') return { end: unread(to, came, 'REQUEST_TIMEOUT', `the body's reading ended: ${raw}`), ...about }
    came.raw = raw
    const x = new Exchange(came)
    x.marks = marks
    const greeted = !to.methods.includes(method)
    const stop = await (asked ? chain.ask(x) : greeted ? chain.ask(x, method) : chain.run(x))
    let end: Ending
    if (stop) end = asked || greeted ? ended(to, x, stop) : ((await replayed(to, x, stop)) ?? ended(to, x, stop))
    else if (asked) end = { response: Response.json({ verified: true }), outcome: 'accepted' }
    else if (greeted) return { end: plain(to.dialect, 'METHOD_NOT_ALLOWED', { allow: taken.allow() }), ...about, x }
    else end = await committed(to, x, receivedAt)
    if (marks) timed(chain.steps, marks, meter)
    capture?.take(x, end, stop)
    tell(x, end)
    return { end, ...about, x, asked }
  }

  function tell(x: Exchange, { response, outcome, refusal }: Ending): void {
    try {
      x.ended({ outcome, status: response.status, ...(refusal && { code: refusal.code }) }, response)
    } catch (error) {
      log.error({ exchange: x.id, webhook: x.webhook, error: describe(error) }, 'a step failed after the answer was made')
    }
  }

  /** A refusal that nobody needs to hear of. */
  function plain(dialect: CompiledDialect, code: CoreCode, headers?: Record<string, string>): Ending {
    const refusal = refuse(code)
    return { response: dialect.refusal(refusal, headers), outcome: outcomeOf(refusal), refusal }
  }

  /** Refuses, and keeps a sample without its body. */
  function unread(to: Served, came: Arrival, code: CoreCode, reason: string): Ending {
    const end = refused(to, came.id, code, reason)
    const least = code === 'PAYLOAD_TOO_LARGE' ? to.webhook.bodyLimit + 1 : 0
    const size = Number(came.headers.get('content-length')) || least
    to.capture?.take(new Exchange(came), end, { reply: refuse(code, { reason }), plugin: '', step: -1 }, size)
    return end
  }

  function refused(to: { name?: string; dialect: CompiledDialect }, exchange: string, code: CoreCode, reason: string): Ending {
    const refusal = refuse(code, { reason })
    // What is left of a slow body may still come, byte by byte: the connection must not wait for it.
    const response = to.dialect.refusal(refusal, code === 'REQUEST_TIMEOUT' ? { connection: 'close' } : undefined)
    log.info({ exchange, ...(to.name !== undefined && { webhook: to.name }), status: response.status, code, reason }, 'refused')
    return { response, outcome: outcomeOf(refusal), refusal }
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
      const earlier = await within(services.earlier(x.unit), x.receivedAt + patience(config) - now(), 'idempotency')
      return earlier && settled(to, x, earlier)
    } catch (cause) {
      return ended(to, x, { reply: refuse('UNAVAILABLE', { reason: String(cause) }), plugin: 'commit' })
    }
  }

  /** `since`: when its time began. */
  async function committed(to: Served, x: Exchange, since: number): Promise<Ending> {
    const { unit } = x
    const shown = to.dialect.shown(x)
    const kept = unit.key && to.dialect.kept(shown)
    if (unit.key && kept) unit.key.shown = kept
    const writes = unit.key || unit.record || unit.event || unit.custom.length > 0
    if (!writes) return { response: to.dialect.success({ replayed: false, shown }, shown), outcome: 'accepted' }
    if (unit.event && covered.has(to.name)) unit.relay = plan
    let outcome: Awaited<ReturnType<Commit>>
    try {
      outcome = await commit(unit, since + patience(config) - now())
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
  return { handle, replay, account, close }
}

/** What webhooks have in common while they are made. */
interface Common {
  gates: Gates
  commons: Commons
}

async function serve(config: Config, webhook: Webhook, services: GatewayServices, { gates, commons }: Common): Promise<Served> {
  const dialect = webhook.dialect === problemDialect.name ? problemDialect : config.dialects.get(webhook.dialect)
  if (!dialect) throw new Error(`the webhook '${webhook.name}' names the dialect '${webhook.dialect}', which is not there`)
  // A closed webhook is never compiled: a step without its secret must not exist.
  const chain = webhook.closed ? closed(webhook) : await compileChain(config, webhook, services, { commons })
  const { name, path, host, methods } = webhook
  const { samples, log, now } = services
  const warn = (message: string, fields: Record<string, unknown>) => log.warn(fields, message)
  const capture = samples && openCapture(config, webhook, chain, { add: samples.add, warn, now, gates })
  const answered = webhook.chain.flatMap(({ plugin, settings }) => plugin.methods?.(settings) ?? [])
  const greets = answered.length > 0 ? new Set(answered) : NO_METHODS
  const reading = readingOf(webhook)
  return { name, path, host, methods, greets, reading, webhook, chain, capture, dialect: compileDialect(dialect, name) }
}

const closed = ({ chain }: Webhook): Chain => ({
  steps: chain.map(item => item.plugin.name),
  run: async () => undefined,
  ask: async () => undefined,
  close: async () => {},
})

/** `marks`: when it began, when each step began, and when the last of them ended. */
function timed(steps: readonly string[], marks: readonly number[], meter: Meter): void {
  for (let i = 0; i + 2 < marks.length && i < steps.length; i++)
    meter.step(steps[i] as string, ((marks[i + 2] as number) - (marks[i + 1] as number)) / 1000)
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
