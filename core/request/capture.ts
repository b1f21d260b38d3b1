/** Takes samples of the requests of one webhook, at most so many a second. */
import type { Config, Webhook } from '../config/config.ts'
import type { Details } from '../plugin.ts'
import type { Sample, StepSeen } from '../store/requests.ts'
import type { Chain, Stop } from './chain.ts'
import type { Ending } from './ending.ts'
import type { Exchange } from './exchange.ts'
import { compileKeep } from './keep.ts'
import { compileMask } from './mask.ts'

export interface Capture {
  /** A watch for an exchange that will probably be taken: the times of its beginning, of each step's, and of the last step's end. */
  watch(at: number): number[] | undefined
  /** Takes it, if it is its turn. `size` is the body's, where that was not read. Never throws. */
  take(x: Exchange, end: Ending, stop: Stop | undefined, size?: number): void
}

/** Samples a second of one webhook and kind, and of all webhooks of a gateway. */
const MOST = 20
const MOST_OF_ALL = 200
const SECOND = 1000
/** Of an answer's details, kept as the reason: sentences, and characters. */
const MOST_FAULTS = 10
const LONGEST_REASON = 1000
/** Of a Postgres integer. */
const LARGEST = 2_147_483_647

interface Gate {
  /** Whether one that begins now will probably pass; of those, no more than may pass: watching costs, and many begin before one ends. */
  watch(at: number): boolean
  pass(at: number): boolean
}

/** Of all webhooks together, by kind: ten thousand of them must not make a sample of each request. */
export interface Gates {
  accepted: Gate
  refused: Gate
}

export function openGates(): Gates {
  return { accepted: openGate(MOST_OF_ALL), refused: openGate(MOST_OF_ALL) }
}

/** Lets through 20 a second, or another number: the first ones, and evenly spread after a second in which there were more. */
export function openGate(most = MOST): Gate {
  let start = Number.NEGATIVE_INFINITY
  let seen = 0
  let taken = 0
  let watched = 0
  let crowded = false
  /** How many may have passed by then; a new second begins the counts anew, so it is asked before they are. */
  const allowed = (at: number) => {
    // A request that began in the second before may end in this one; a clock that was set back begins anew.
    if (at - start >= SECOND || start - at > 60 * SECOND) {
      crowded = seen > most && at - start < 2 * SECOND
      start = at
      seen = 0
      taken = 0
      watched = 0
    }
    return crowded ? Math.min(Math.floor(((at - start) * most) / SECOND) + 1, most) : most
  }
  return {
    watch(at) {
      const upTo = allowed(at)
      if (watched >= upTo) return false
      watched++
      return true
    },
    pass(at) {
      const upTo = allowed(at)
      const free = taken < upTo
      seen++
      if (free) taken++
      return free
    },
  }
}

interface Sink {
  add(sample: Sample, last: number): void
  warn(message: string, fields: Record<string, unknown>): void
  now(): number
  /** Shared by all webhooks. */
  gates: Gates
}

/** Compiles, at the first request, what is taken of a webhook's requests; undefined when it keeps none. */
export function openCapture(config: Config, webhook: Webhook, chain: Chain, sink: Sink): Capture | undefined {
  if (webhook.capture.last === 0) return undefined
  let made: Capture | undefined
  const present = () => {
    made ??= compileCapture(config, webhook, chain, sink)
    return made
  }
  return { watch: at => present().watch(at), take: (x, end, stop, size) => present().take(x, end, stop, size) }
}

function compileCapture(config: Config, webhook: Webhook, chain: Chain, sink: Sink): Capture {
  const { last, body: limit, mask: paths } = webhook.capture
  const own: Gates = { accepted: openGate(), refused: openGate() }
  /** Of the latest request: in a flood of one kind, those of the other come without times. */
  let usual: keyof Gates = 'accepted'
  const maskOf = compileMask(config, webhook, paths)
  const keep = compileKeep(paths, limit)
  const given = webhook.chain.flatMap(({ plugin, settings }) => {
    if (plugin.phase !== 'verify') return []
    return (typeof plugin.gives === 'function' ? plugin.gives(settings) : (plugin.gives ?? [])).map(slot => slot.name)
  })
  let failed = false

  function sampleOf(x: Exchange, end: Ending, stop: Stop | undefined, size: number): Sample {
    const mask = maskOf(x)
    const text = (value: string | undefined) => value && mask.text(value).replaceAll('\0', '').toWellFormed()
    const ended = performance.now()
    const { key, record } = x.unit
    return {
      id: x.id,
      webhook: x.webhook,
      at: x.receivedAt,
      method: x.method,
      path: mask.path,
      query: mask.query,
      headers: mask.headers,
      ...keep(x.raw, x.headers.get('content-type'), mask),
      size: Math.min(size, LARGEST),
      ip: x.ip,
      outcome: end.outcome,
      status: end.response.status,
      code: end.refusal?.code,
      reason: text(end.refusal?.reason ?? faultsOf(end.refusal?.details)),
      plugin: end.plugin,
      steps: stepsOf(chain, stop, end, x.marks, ended),
      slots: JSON.parse(text(JSON.stringify(x.slots(given))) ?? '{}'),
      duration: x.marks ? ended - (x.marks[0] as number) : Math.max(0, sink.now() - x.receivedAt),
      key: text(key?.key),
      entity: end.record && record?.entity,
      record: text(end.record?.id),
    }
  }

  return {
    watch: at => (own[usual].watch(at) && sink.gates[usual].watch(at) ? [performance.now()] : undefined),
    take(x, end, stop, size = x.raw.length) {
      usual = end.outcome === 'accepted' || end.outcome === 'replayed' ? 'accepted' : 'refused'
      if (!own[usual].pass(x.receivedAt) || !sink.gates[usual].pass(x.receivedAt)) return
      try {
        sink.add(sampleOf(x, end, stop, size), last)
      } catch (error) {
        if (!failed) sink.warn('a request could not be sampled', { webhook: webhook.name, error: String(error) })
        failed = true
      }
    },
  }
}

/** The sentences of the sender's answer about its fields, the first of them: they tell no value. */
function faultsOf(details: Details = {}): string | undefined {
  const all = Object.values(details).flat()
  if (all.length === 0) return undefined
  const told = all.slice(0, MOST_FAULTS).join(' ').slice(0, LONGEST_REASON)
  return all.length > MOST_FAULTS ? `${told} And ${all.length - MOST_FAULTS} more.` : told
}

/** What each step said: those before the stop agreed, those after it never ran. */
export function stepsOf(
  chain: Pick<Chain, 'steps'>,
  stop: Stop | undefined,
  end: Pick<Ending, 'outcome' | 'plugin'>,
  marks: readonly number[] | undefined,
  ended: number,
): StepSeen[] {
  const at = stop ? stop.step : chain.steps.length
  const ms = (from: number | undefined, to: number | undefined) =>
    from === undefined || to === undefined ? null : Math.round((to - from) * 1000) / 1000
  const steps: StepSeen[] = chain.steps.map((plugin, i) => ({
    plugin,
    verdict: i < at ? 'passed' : i === at && stop ? verdictOf(stop) : 'not-run',
    ms: i <= at ? ms(marks?.[i + 1], marks?.[i + 2]) : null,
  }))
  if (!stop && chain.steps.length > 0) {
    const verdict = end.plugin !== 'commit' ? 'passed' : end.outcome === 'failed' ? 'failed' : 'refused'
    steps.push({ plugin: 'commit', verdict, ms: ms(marks?.at(-1), ended) })
  }
  return steps
}

function verdictOf({ reply, error }: Stop): StepSeen['verdict'] {
  if (reply.kind !== 'refusal') return 'accepted'
  return error !== undefined || reply.status >= 500 ? 'failed' : 'refused'
}
