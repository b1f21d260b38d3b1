/** Runs captured requests again, through the present chain of their webhook, at the time when they came. */
import type { ChainItem, Config } from '../config/config.ts'
import type { Kv } from '../kv/kv.ts'
import type { Refusal } from '../plugin.ts'
import type { Forecast } from '../store/foresee.ts'
import type { Captured, StepSeen } from '../store/requests.ts'
import type { Earlier, Unit } from '../store/unit.ts'
import { ulid } from '../ulid.ts'
import { stepsOf } from './capture.ts'
import { compileChain, type Stop } from './chain.ts'
import { CODES, type CoreCode } from './codes.ts'
import { type Ending, outcomeOf, stopped, written } from './ending.ts'
import { Exchange } from './exchange.ts'
import type { Served } from './gateway.ts'
import type { Services } from './host.ts'
import { MASK } from './mask.ts'

/** Why a captured request cannot be run again, in a sentence. */
export class NotReplayable extends Error {}

export interface Replayed extends Ending {
  /** Of the new exchange; undefined when none was made. */
  exchange?: string
  steps: StepSeen[]
  /** What was written, or would be. */
  wrote?: { entity: string; id: string; created: boolean; data?: Record<string, unknown> }
  /** What was raised, or would be; its data only when it was not raised. */
  event?: { id: string; type: 'record.created' | 'record.updated' | 'webhook.received'; whole?: Raised }
  /** Writes of plugins, which a dry run cannot try. */
  effects: string[]
  /** What a dry run took for granted, in sentences. */
  notes: string[]
}

/** An event as the store would have it. */
export interface Raised {
  id: string
  type: 'record.created' | 'record.updated' | 'webhook.received'
  webhook: string
  entity: string | null
  record_id: string | null
  data: Record<string, unknown>
  previous: Record<string, unknown> | null
  variables: Record<string, unknown>
  hops: number
  trace: string | null
  created_at: Date
}

/** `dry` writes and spends nothing. */
export type Replay = (captured: Captured, options: { dry: boolean }) => Promise<Replayed>

export interface ReplayServices {
  readonly earlier: Earlier
  /** What a commit would do, without writing anything. */
  foresee(unit: Unit): Promise<Forecast>
}

interface Around {
  served(webhook: string): Served | undefined
  /** Commits and answers, for real. */
  finish(to: Served, x: Exchange, stop: Stop | undefined, since: number): Promise<Ending>
}

export function openReplay(config: Config, services: Services & ReplayServices, { served, finish }: Around): Replay {
  return async (captured, { dry }) => {
    const to = servedNow(served(captured.webhook), captured.webhook)
    const judged = verdictsOf(to.webhook.chain, captured)
    const failed = judged.find(step => step.verdict !== 'passed')
    if (failed) return refusedBefore(to, captured, judged, failed, dry)
    const raw = Buffer.from(captured.body, captured.encoded ? 'base64' : 'utf8')
    const masked = captured.body.includes(MASK) || (captured.method === 'GET' && captured.query.includes(MASK))
    if (captured.size > raw.length && !masked)
      throw new NotReplayable(`Only ${raw.length} of its body's ${captured.size} bytes are kept: raise capture.body of the webhook.`)
    if (masked && !dry)
      throw new NotReplayable('Parts of its payload are masked, and would be written so: ask the sender to send it again.')

    const since = services.now()
    const notes = new Set<string>()
    const kv = dry
      ? unspent(services.kv, limit => notes.add(`a rate limit of ${limit} was taken as open: a dry run counts nothing`))
      : services.kv
    const lent = { ...services, kv, now: () => captured.at, ...(dry && { noteSecretUse: () => {} }) }
    const chain = await compileChain(config, to.webhook, lent, { judged: true })
    try {
      const x = exchangeOf(captured, to, ulid(since), raw)
      const stop = await chain.run(x)
      settleKey(x, captured, since)
      const { forecast, ...end } = dry ? await foretold(to, x, stop) : { ...(await finish(to, x, stop, since)), forecast: undefined }
      return {
        ...end,
        ...(!dry && { exchange: x.id }),
        ...(end.outcome === 'accepted' && !stop && leftBy(x, end, forecast)),
        steps: [...judged, ...stepsOf(chain, stop, end, x.marks, performance.now())],
        effects: stop ? [] : x.unit.custom.map(({ effect }) => effect.name),
        notes: [...notes],
      }
    } finally {
      await chain.close()
    }
  }

  /** The end that a commit would bring. */
  async function foretold(to: Served, x: Exchange, stop: Stop | undefined): Promise<Ending & { forecast?: Forecast }> {
    const { unit } = x
    if (stop) {
      const asks = unit.key && stop.error === undefined && stop.reply.kind !== 'answer'
      const held = asks && !(stop.reply.kind === 'refusal' && stop.reply.retryAfter) ? await services.earlier(unit) : undefined
      if (!held) return stopped(to.dialect, x, stop)
      return 'kind' in held ? stopped(to.dialect, x, { reply: held, plugin: 'commit' }) : written(to.dialect, x, held, [])
    }
    const shown = to.dialect.shown(x)
    const kept = unit.key && to.dialect.kept(shown)
    if (unit.key && kept) unit.key.shown = kept
    const forecast = await services.foresee(unit)
    const { verdict } = forecast
    if ('kind' in verdict) return { ...stopped(to.dialect, x, { reply: verdict, plugin: 'commit' }), forecast }
    return { ...written(to.dialect, x, verdict, shown), forecast }
  }
}

function servedNow(to: Served | undefined, name: string): Served {
  if (!to) throw new NotReplayable(`The webhook '${name}' is not in the configuration any more.`)
  if (!to.webhook.active) throw new NotReplayable(`The webhook '${name}' is not active: set active: true.`)
  if (to.webhook.closed) throw new NotReplayable(`The webhook '${name}' is closed: ${to.webhook.closed}.`)
  return to
}

/** What the present `verify` steps said when it came: their credentials are masked, so that nobody can ask them again. */
function verdictsOf(chain: readonly ChainItem[], captured: Captured): StepSeen[] {
  const left = [...captured.steps]
  return chain
    .filter(item => item.plugin.phase === 'verify')
    .map(({ plugin }) => {
      const at = left.findIndex(step => step.plugin === plugin.name)
      return at < 0 ? { plugin: plugin.name, verdict: 'not-run', ms: null } : (left.splice(at, 1)[0] as StepSeen)
    })
}

/** Nobody may be let in afterwards: dry, it ends as it did. */
function refusedBefore(to: Served, captured: Captured, judged: StepSeen[], { plugin, verdict }: StepSeen, dry: boolean): Replayed {
  if (verdict === 'accepted') throw new NotReplayable(`The step '${plugin}' answered it by itself: there is nothing to run again.`)
  const { code, steps } = captured
  if (!code || !steps.some(step => step.plugin === plugin))
    throw new NotReplayable(`The step '${plugin}', which the chain has now, has never judged it: ask the sender to send it again.`)
  const known = to.webhook.chain.find(item => item.plugin.name === captured.plugin)?.plugin.refusals
  if (!dry) {
    const why = verdict === 'not-run' ? `It was refused with ${code} before` : `It was refused with ${code} by`
    throw new NotReplayable(`${why} the step '${plugin}', which decides who is let in: it cannot be run for real.`)
  }
  const { status, summary } = known?.[code] ?? CODES[code as CoreCode] ?? { status: captured.status, summary: '' }
  const refusal: Refusal = {
    kind: 'refusal',
    code,
    status,
    summary: Object.hasOwn(CODES, code) ? CODES[code as CoreCode].summary : summary,
    ...(captured.reason && { reason: captured.reason }),
  }
  const others = to.webhook.chain.filter(item => item.plugin.phase !== 'verify')
  return {
    response: to.dialect.refusal(refusal),
    outcome: outcomeOf(refusal),
    refusal,
    ...(captured.plugin && { plugin: captured.plugin }),
    steps: [...judged, ...others.map(item => ({ plugin: item.plugin.name, verdict: 'not-run' as const, ms: null }))],
    effects: [],
    notes: [],
  }
}

function exchangeOf(captured: Captured, to: Served, id: string, raw: Uint8Array): Exchange {
  const { webhook, method, path, query: search, ip, at: receivedAt } = captured
  const headers = new Headers(captured.headers)
  const params = paramsOf(to.webhook.path, path)
  const x = new Exchange({ id, webhook, method, path, search, params, headers, ip, receivedAt, raw, reading: to.reading })
  for (const [name, value] of Object.entries(captured.slots)) x.set({ name }, value)
  x.marks = [performance.now()]
  return x
}

function paramsOf(pattern: string, path: string): Record<string, string> {
  const values = path.split('/')
  const params: Record<string, string> = {}
  for (const [i, segment] of pattern.split('/').entries()) {
    const name = /^\{(\w+)\}$/.exec(segment)?.[1]
    const value = values[i]
    if (name === undefined || value === undefined) continue
    try {
      params[name] = decodeURIComponent(value)
    } catch {
      params[name] = value
    }
  }
  return params
}

/** The key is remembered from now on, not from then; and with a masked address its fingerprint is another one than the request's own. */
function settleKey({ unit, path, search }: Exchange, captured: Captured, since: number): void {
  if (!unit.key) return
  const { mismatch, ...key } = unit.key
  const differs = path.includes(MASK) || search.includes(MASK) || captured.body.includes(MASK)
  unit.key = { ...key, ttl: key.ttl + Math.max(0, since - captured.at), ...(mismatch && !differs && { mismatch }) }
}

/** The record and the event of an exchange that went through. */
function leftBy(x: Exchange, end: Ending, forecast: Forecast | undefined): Pick<Replayed, 'wrote' | 'event'> {
  const { record: staged, event } = x.unit
  const made = end.record
  const wrote = staged && made && { entity: staged.entity, id: made.id, created: made.created }
  const type = !made ? 'webhook.received' : made.created ? 'record.created' : 'record.updated'
  const raised: Raised | undefined = forecast && {
    id: `evt_${x.id}`,
    type,
    webhook: x.webhook,
    entity: wrote?.entity ?? null,
    record_id: wrote?.id ?? null,
    data: forecast.record?.data ?? x.data,
    previous: forecast.record?.previous ?? null,
    variables: x.variables,
    hops: event?.hops ?? 0,
    trace: x.trace ?? null,
    created_at: new Date(x.receivedAt),
  }
  return {
    ...(wrote && { wrote: { ...wrote, ...(forecast?.record && { data: forecast.record.data }) } }),
    ...(event && { event: { id: `evt_${x.id}`, type, ...(raised && { whole: raised }) } }),
  }
}

/** Counters that let everything through and count nothing; `asked` hears of each that is asked. */
function unspent({ kind }: Kv, asked: (limit: number) => void): Kv {
  const take = async (limit: number, window: number) => {
    asked(limit)
    return { allowed: true, remaining: limit, resetAfter: window }
  }
  return { kind, limiter: ({ limit, window }) => ({ take: () => take(limit, window) }), close: async () => {} }
}
