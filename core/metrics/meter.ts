/** What the gateway counts and measures, for Prometheus. Every label's values come from the configuration or the code, so their number is bounded. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, type Metric, Registry } from 'prom-client'
import { Durations } from './durations.ts'
import { kept } from './kept.ts'

export interface Meter {
  /** One request that was answered; `webhook` is empty when none took it, `reason` the code of a refusal or empty. */
  request(about: { webhook: string; outcome: string; reason: string }, seconds: number): void
  /** One step of a sampled request. */
  step(plugin: string, seconds: number): void
  /** One transaction of the group commit. */
  batch(units: number, seconds: number): void
  /** A webhook has a limit: its counter begins at 0, for a rise from nothing at all is no rise to Prometheus. */
  limited(webhook: string): void
  /** A limit could not be checked. */
  limiterAway(webhook: string): void
  /** These are the destinations from now on: their counters begin at 0. */
  destinations(names: Iterable<string>): void
  /** One attempt of a delivery that ended. */
  attempt(destination: string, outcome: (typeof ATTEMPTED)[number], seconds: number): void
  reloaded(success: boolean, now: number): void
}

/** What is asked when somebody looks; undefined: it cannot be told now. */
export interface Gauges {
  /** Units that wait for a batch, or are being written. */
  commitQueue(): number
  /** Seconds since the oldest event that no relay has seen yet. */
  outboxAge(): Promise<number | undefined>
  /** Of the destinations that the configuration has. */
  backlog(): Promise<readonly { destination: string; paused: boolean; pending: number }[] | undefined>
}

export interface Metrics extends Meter {
  /** In the text format of Prometheus, 0.0.4; made once for all who ask within a second, since anybody may ask. */
  text(): Promise<string>
  /** The same, to be merged with those of other processes. */
  json(): Promise<object[]>
  /** The same as it is at this moment, for the last word of a process. */
  last(): Promise<object[]>
  readonly contentType: string
}

/** Milliseconds for which what the store has told is good. */
const STORED = 250
const REQUEST_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 8]
const STEP_SECONDS = [0.00001, 0.00005, 0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1]
const BATCH_UNITS = [1, 2, 4, 8, 16, 32, 64, 128, 256]
const ATTEMPTED = ['delivered', 'failed', 'dead'] as const
const ATTEMPT_SECONDS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30]

/** Counts nothing. */
export const silent: Meter = {
  request() {},
  step() {},
  batch() {},
  limited() {},
  limiterAway() {},
  destinations() {},
  attempt() {},
  reloaded() {},
}

/** `now` is monotonic, in milliseconds. */
export function openMetrics(build: { version: string; runtime: string }, gauges: Gauges, now = () => performance.now()): Metrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  // Bun walks its whole heap to tell them, 150 ms for two million objects, in which no request is answered.
  for (const which of ['total', 'used', 'available']) registry.removeSingleMetric(`nodejs_heap_space_size_${which}_bytes`)
  const requests = new Counter({
    name: 'postern_requests_total',
    help: 'Requests answered, by webhook, outcome (accepted, replayed, asked, read, refused, failed) and the code of a refusal.',
    labelNames: ['webhook', 'outcome', 'reason'] as const,
    registers,
    collect: () => hand(),
  })
  /** Not yet handed to the counter, which looks its labels up anew each time: by webhook, outcome and reason. */
  const fresh = new Map<string, Map<string, Map<string, number>>>()
  const requestSeconds = new Durations({
    name: 'postern_request_duration_seconds',
    help: 'Time from the request line to the answer, by outcome.',
    label: 'outcome',
    bounds: REQUEST_SECONDS,
  })
  registry.registerMetric(requestSeconds as unknown as Metric)
  const stepSeconds = new Histogram({
    name: 'postern_plugin_duration_seconds',
    help: 'Time that one step took, of the requests that are sampled.',
    labelNames: ['plugin'] as const,
    buckets: STEP_SECONDS,
    registers,
  })
  const batchUnits = new Histogram({
    name: 'postern_commit_batch_size',
    help: 'Requests written in one transaction.',
    buckets: BATCH_UNITS,
    registers,
  })
  const batchSeconds = new Histogram({
    name: 'postern_commit_duration_seconds',
    help: 'Time that one transaction of the group commit took.',
    buckets: REQUEST_SECONDS,
    registers,
  })
  const limiterAway = new Counter({
    name: 'postern_limiter_unavailable_total',
    help: 'Limits that could not be checked, because the counters did not answer.',
    labelNames: ['webhook'] as const,
    registers,
  })
  const attempts = new Counter({
    name: 'postern_delivery_attempts_total',
    help: 'Attempts of deliveries: delivered, failed and tried again, or dead.',
    labelNames: ['destination', 'outcome'] as const,
    registers,
  })
  const attemptSeconds = new Histogram({
    name: 'postern_delivery_attempt_duration_seconds',
    help: 'Time that one attempt took.',
    labelNames: ['destination'] as const,
    buckets: ATTEMPT_SECONDS,
    registers,
  })
  const reloadSuccess = gauge('postern_config_last_reload_successful', 'Whether the last reload of the configuration took effect.', 'min')
  const reloadTime = gauge('postern_config_last_reload_success_timestamp_seconds', 'When the configuration in effect was loaded.', 'min')
  const info = new Gauge({
    name: 'postern_build_info',
    help: 'Always 1; its labels tell what runs.',
    labelNames: ['version', 'runtime'] as const,
    registers,
    aggregator: 'first',
  })
  info.set(build, 1)
  const depth = gauge('postern_commit_queue_depth', 'Requests that wait for their transaction, or are in it.', 'sum')
  const age = gauge(
    'postern_outbox_oldest_age_seconds',
    'Age of the oldest event that is not handed to its destinations yet; 0: none waits.',
    'max',
  )

  const paused = perDestination(
    'postern_destination_paused',
    '1 while nothing is sent there: an operator, a 410 or disableAfter paused it.',
  )
  const pending = perDestination('postern_deliveries_pending', 'Deliveries that are to be sent, or sent again; counted up to 10,000.')

  /** Every process looks at the same store. */
  function perDestination(name: string, help: string): Gauge<'destination'> {
    return new Gauge({ name, help, labelNames: ['destination'] as const, registers, aggregator: 'max' })
  }

  function gauge(name: string, help: string, aggregator: 'sum' | 'min' | 'max'): Gauge {
    return new Gauge({ name, help, registers, aggregator })
  }

  function hand() {
    for (const [webhook, outcomes] of fresh)
      for (const [outcome, reasons] of outcomes) for (const [reason, n] of reasons) requests.inc({ webhook, outcome, reason }, n)
    fresh.clear()
  }

  // Statements, which whoever asks all the time must not take from the deliveries; counts are always those of now.
  const stored = kept(() => Promise.all([gauges.outboxAge(), gauges.backlog()]), STORED, now)

  async function ask() {
    depth.set(gauges.commitQueue())
    const [oldest, waiting = []] = await stored()
    // A figure of before would say that all is well while nobody knows.
    if (oldest === undefined) age.remove()
    else age.set(oldest)
    paused.reset()
    pending.reset()
    for (const of of waiting) {
      paused.set({ destination: of.destination }, of.paused ? 1 : 0)
      pending.set({ destination: of.destination }, of.pending)
    }
  }

  async function last(): Promise<object[]> {
    await ask()
    return registry.getMetricsAsJSON()
  }

  return {
    request({ webhook, outcome, reason }, seconds) {
      const reasons = within(within(fresh, webhook), outcome)
      reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
      requestSeconds.observe(outcome, seconds)
    },
    step: (plugin, seconds) => stepSeconds.observe({ plugin }, seconds),
    batch(units, seconds) {
      batchUnits.observe(units)
      batchSeconds.observe(seconds)
    },
    limited: webhook => limiterAway.inc({ webhook }, 0),
    limiterAway: webhook => limiterAway.inc({ webhook }),
    destinations(names) {
      for (const destination of names) for (const outcome of ATTEMPTED) attempts.inc({ destination, outcome }, 0)
    },
    attempt(destination, outcome, seconds) {
      attempts.inc({ destination, outcome })
      attemptSeconds.observe({ destination }, seconds)
    },
    reloaded(success, now) {
      reloadSuccess.set(success ? 1 : 0)
      if (success) reloadTime.set(now / 1000)
    },
    text: kept(async () => {
      await ask()
      return registry.metrics()
    }, 0),
    json: kept(last, 0),
    last,
    contentType: registry.contentType,
  }
}

function within<V>(all: Map<string, Map<string, V>>, key: string): Map<string, V> {
  const inner = all.get(key) ?? new Map<string, V>()
  if (inner.size === 0) all.set(key, inner)
  return inner
}
