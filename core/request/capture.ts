/** Takes samples of the requests of one webhook, at most so many a second. */
import type { Config, Webhook } from '../config/config.ts'
import type { Details } from '../plugin.ts'
import type { Sample, StepSeen } from '../store/requests.ts'
import type { Chain, Stop } from './chain.ts'
import type { Ending } from './ending.ts'
import type { Exchange } from './exchange.ts'
import { Gate, type Gates } from './gate.ts'
import { compileKeep } from './keep.ts'
import { compileMask } from './mask.ts'

export interface Capture {
  /** A watch for an exchange that will probably be taken: the times of its beginning, of each step's, and of the last step's end. */
  watch(at: number): number[] | undefined
  /** Takes it, if it is its turn. `size` is the body's, where that was not read. Never throws. */
  take(x: Exchange, end: Ending, stop: Stop | undefined, size?: number): void
}

/** Of an answer's details, kept as the reason: sentences, and characters. */
const MOST_FAULTS = 10
const LONGEST_REASON = 1000
/** Of a Postgres integer. */
const LARGEST = 2_147_483_647

interface Sink {
  add(sample: Sample, last: number): void
  warn(message: string, fields: Record<string, unknown>): void
  now(): number
  /** Shared by all webhooks. */
  gates: Gates
}

/** Undefined for a webhook that keeps none. */
export function openCapture(config: Config, webhook: Webhook, chain: Chain, sink: Sink): Capture | undefined {
  return webhook.capture.last === 0 ? undefined : new Sampler(config, webhook, chain, sink)
}

class Sampler implements Capture {
  readonly #config: Config
  readonly #webhook: Webhook
  readonly #chain: Chain
  readonly #sink: Sink
  #gates: Gates | undefined
  /** Of the latest request: in a flood of one kind, those of the other come without times. */
  #usual: keyof Gates = 'accepted'
  /** Compiled for the first that is taken: of ten thousand webhooks few have one in a given second. */
  #sample: MakeSample | undefined
  #failed = false

  constructor(config: Config, webhook: Webhook, chain: Chain, sink: Sink) {
    this.#config = config
    this.#webhook = webhook
    this.#chain = chain
    this.#sink = sink
  }

  get #own(): Gates {
    this.#gates ??= { accepted: new Gate(), refused: new Gate() }
    return this.#gates
  }

  watch(at: number): number[] | undefined {
    return this.#own[this.#usual].watch(at) && this.#sink.gates[this.#usual].watch(at) ? [performance.now()] : undefined
  }

  take(x: Exchange, end: Ending, stop: Stop | undefined, size = x.raw.length): void {
    this.#usual = end.outcome === 'accepted' || end.outcome === 'replayed' ? 'accepted' : 'refused'
    if (!this.#own[this.#usual].pass(x.receivedAt) || !this.#sink.gates[this.#usual].pass(x.receivedAt)) return
    try {
      this.#sample ??= compileSample(this.#config, this.#webhook, this.#chain, this.#sink.now)
      this.#sink.add(this.#sample(x, end, stop, size), this.#webhook.capture.last)
    } catch (error) {
      if (!this.#failed) this.#sink.warn('a request could not be sampled', { webhook: this.#webhook.name, error: String(error) })
      this.#failed = true
    }
  }
}

type MakeSample = (x: Exchange, end: Ending, stop: Stop | undefined, size: number) => Sample

function compileSample(config: Config, webhook: Webhook, chain: Chain, now: () => number): MakeSample {
  const { body: limit, mask: paths } = webhook.capture
  const maskOf = compileMask(config, webhook, paths)
  const keep = compileKeep(paths, limit)
  const given = webhook.chain.flatMap(({ plugin, settings }) => {
    if (plugin.phase !== 'verify') return []
    return (typeof plugin.gives === 'function' ? plugin.gives(settings) : (plugin.gives ?? [])).map(slot => slot.name)
  })
  return (x, end, stop, size) => {
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
      duration: x.marks ? ended - (x.marks[0] as number) : Math.max(0, now() - x.receivedAt),
      key: text(key?.key),
      entity: end.record && record?.entity,
      record: text(end.record?.id),
    }
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
