/** `postern serve`: runs the gateway until it is told to stop. */
import { readFileSync } from 'node:fs'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { openAdmin } from '../admin/admin.ts'
import type { Config } from '../config/config.ts'
import { type LoadOptions, load } from '../config/load.ts'
import { formatProblem } from '../config/problem.ts'
import { openDocs } from '../docs/docs.ts'
import type { Presets } from '../infer/provider.ts'
import { openKv } from '../kv/kv.ts'
import { type Log, openLog } from '../log.ts'
import { kept } from '../metrics/kept.ts'
import { openMetrics } from '../metrics/meter.ts'
import { prepareNeedles } from '../needles.ts'
import { installQueue } from '../outbox/queue.ts'
import { openEdge } from '../request/edge.ts'
import { openGateway } from '../request/gateway.ts'
import { NotCompiled } from '../request/notCompiled.ts'
import { collect, serve as listen, runtimeName, type Server } from '../runtime.ts'
import { backlog } from '../store/backlog.ts'
import { foresee } from '../store/foresee.ts'
import { outboxAge } from '../store/outboxAge.ts'
import { openSamples } from '../store/requests.ts'
import { openRetention } from '../store/retention.ts'
import { migrateDatabase, openBackground, openDatabase, openStore } from '../store/store.ts'
import type { Unit } from '../store/unit.ts'
import { banner } from './banner.ts'
import { openDelivery } from './deliver.ts'
import { ended } from './ended.ts'
import { liveSecrets } from './liveSecrets.ts'
import { findMasterKey } from './masterKey.ts'
import { CommandFailure, EXIT, openConfig, type Print } from './open.ts'
import { watchFiles } from './watch.ts'
import { foreman, serveWorkers, WORKER, workersOf } from './workers.ts'

export interface ServeOptions extends LoadOptions {
  /** Of Postern, for `postern_build_info`. */
  version: string
  config: string
  watch: boolean
  /** Processes on one port; a number. */
  workers?: string | undefined
  /** Apply migrations first. */
  migrate: boolean
  /** Schemes of providers, to be known by their headers. */
  presets?: Presets
}

/** Milliseconds for which a store that is away at the start is waited for. */
const PATIENCE = 10_000
/** Requests that wait for their commit, from which on samples wait for theirs. */
const BUSY = 16
/** What plugins may take to let go of what they hold, milliseconds. */
const PLUGINS_END = 3000
/** Webhooks from which on a load leaves more behind than it keeps. */
const MANY = 1000
/** For which a worker that is replaced goes on answering at least: senders who keep their connections must hear that theirs ends. */
const REPLACED = 1000
/** What a request may take beyond its deadline: the answer's way out. */
const GRACE = 1000

const BAD_RELOAD = 'the new configuration is bad; the old one stays'

export async function serve(options: ServeOptions, out: Print): Promise<number> {
  const secrets = new Set<string>()
  const lists: (readonly string[])[] = []
  const log = openLog(() => lists)
  /** They only ever become more: what is gone may still be on its way. */
  const know = (values: readonly string[]) => {
    const fresh = values.filter(value => !secrets.has(value))
    if (fresh.length > 0) lists.push(fresh.length === values.length ? values : fresh)
    for (const value of fresh) secrets.add(value)
  }
  /** The same of a whole configuration; what is looked for is compiled here, and not under the first line of the log. */
  const learn = async (values: readonly string[]) => {
    know(values)
    for (const list of [...lists, values]) await prepareNeedles(list)
  }
  const told = new Set<string>()
  const tell = (line: string) => {
    // A worker's parent has told all of it before.
    if (!told.has(line) && process.env[WORKER] === undefined) log.warn({}, line)
    told.add(line)
  }
  const workers = process.env[WORKER] === undefined ? workersOf(options.workers, runtimeName()) : 1
  // Before anything is loaded: what it asks of Bun to begin with takes as long as the heap is large.
  const metrics = openMetrics(
    { version: options.version, runtime: runtimeName() },
    {
      commitQueue: () => store.depth(),
      outboxAge: () => outboxAge(background),
      backlog: () => backlog(background, [...config.destinations.keys()]),
    },
  )
  // Where the store is must be known before the stored secrets are, and these before the whole configuration.
  const early = await openConfig(options.config, options, tell)
  if (workers > 1) {
    refuseWorkers(early, log)
    return serveWorkers(workers)
  }
  const masterKey = findMasterKey(early, options.env)
  await learn(early.secretValues)
  if (masterKey) know([Buffer.from(masterKey.bytes).toString('base64')])
  const warn = (message: string, fields?: Record<string, unknown>) => log.warn(fields ?? {}, message)

  // The first start of an embedded store takes some seconds.
  if (early.store.url.startsWith('pglite:')) log.info({ store: early.store.url }, 'opening the embedded store')
  const db = await openDatabase(early.store.url)
  if (options.migrate) {
    await migrateDatabase(db, PATIENCE)
    await installQueue(db)
  }
  const store = openStore(db, { now: Date.now, warn, written: metrics.batch })
  const live = liveSecrets(store, masterKey, log, { now: Date.now, blank: value => know([value]) })
  let config = early
  try {
    const stored = await live.read()
    if (early.secretNames.length > 0) config = await openConfig(options.config, { ...options, secrets: stored }, tell)
  } catch (error) {
    await store.close()
    throw error
  }
  await learn(config.secretValues)
  warnOfClosed(config)
  const kv = openKv(config.redis.url, warn)
  const background = openBackground(early.store.url, db)
  const delivery = openDelivery({
    config,
    db: background,
    now: Date.now,
    warn,
    load: store.load,
    usedSecrets: store.secrets.used,
    attempted: metrics.attempt,
  })
  await delivery.opened(options.migrate ? PATIENCE : 0)
  const samples = openSamples(background, { busy: () => store.depth() >= BUSY, warn })
  const retention = openRetention(background, { keep: () => config.retention, now: Date.now, busy: () => store.depth() > 0, warn })
  const services = {
    sent: store.sent,
    hopKey: delivery.hopKey,
    relay: () => delivery.engine()?.wake(),
    tokens: store.tokens,
    commit: store.commit,
    earlier: store.earlier,
    foresee: (unit: Unit) => foresee(db, unit, Date.now()),
    samples,
    kv,
    log,
    now: Date.now,
    noteSecretUse: store.secrets.used,
    meter: metrics,
  }
  collectAfter(config)
  const edge = openEdge({
    gateway: await openGateway(config, services),
    documents: openDocs(config),
    ready: store.ready,
    failed: error => log.error({ error: String(error) }, 'the edge failed'),
  })
  let reloading: Promise<unknown> | undefined
  /** Why to reload once more, when the present one has ended: what was asked for meanwhile is one reload, however often. */
  let again: string | undefined
  // Before it can be found ready: whoever sees that may send a signal at once.
  const end = ended(log, () => reload('SIGHUP'))
  let leaving = false
  const boss = foreman(
    () => (leaving ? metrics.last() : metrics.json()),
    () => process.kill(process.pid, 'SIGTERM'),
  )
  const { port, host, tls } = config.server
  const server = await listen({
    port,
    host,
    ...(tls && { tls: { cert: readFileSync(tls.cert, 'utf8'), key: readFileSync(tls.key, 'utf8') } }),
    // None: our reader stops at each webhook's own limit and answers in its dialect, and a reload may raise that limit. Bun throws
    // away unread what still comes: 1 GB after the answer took no memory.
    maxBody: Number.MAX_SAFE_INTEGER,
    fetch: edge.fetch,
    reusePort: boss !== undefined,
  })
  metrics.destinations(config.destinations.keys())
  metrics.reloaded(true, Date.now())
  const admin = await openAdmin({
    config: () => config,
    store,
    log,
    now: Date.now,
    control: delivery.engine,
    replay: edge.replay,
    metrics: boss ? { ...metrics, text: kept(boss.metrics, 0) } : metrics,
    reusePort: boss !== undefined,
    ready: edge.readiness,
    presets: options.presets,
  })
  const url = `${tls ? 'https' : 'http'}://${host === '0.0.0.0' || host === '::' ? 'localhost' : host}:${server.port}`
  log.info({ url, webhooks: config.webhooks.size, store: db.kind, counters: kv.kind, runtime: runtimeName() }, 'listening')
  if (process.env[WORKER] === undefined || process.env[WORKER] === '1') for (const line of banner(config, url)) out(line)
  boss?.ready()
  setTimeout(() => collectAfter(config), 1000)

  const secretWatcher = live.watch(() => reload('stored secrets changed'))
  const watcher = options.watch ? watchFiles(options.config, config.files, () => reload('files changed')) : undefined

  function reload(why: string) {
    if (reloading) {
      again = why
      return
    }
    reloading = loadAnew(why)
      .catch(error => {
        if (error instanceof NotCompiled) log.error({ why, problems: [error.message] }, BAD_RELOAD)
        else log.error({ error: String(error) }, 'reload failed; the old configuration stays')
        metrics.reloaded(false, Date.now())
      })
      .finally(() => {
        reloading = undefined
        const next = again
        again = undefined
        if (next !== undefined) reload(next)
      })
  }

  /** Builds the complete new gateway beside the old one; whatever fails leaves the old one running. */
  async function loadAnew(why: string) {
    const { config: next, problems } = await load(options.config, { ...options, secrets: await live.read(config.secretNames) })
    if (!next) {
      log.error({ why, problems: problems.map(formatProblem) }, BAD_RELOAD)
      metrics.reloaded(false, Date.now())
      return
    }
    await learn(next.secretValues)
    const gateway = await openGateway(next, services)
    const fixed = ['server', 'store', 'redis', 'admin', 'secrets'] as const
    const changed = fixed.filter(section => JSON.stringify(next[section]) !== JSON.stringify(config[section]))
    if (changed.length > 0) log.warn({ sections: changed }, 'these sections take effect at the next start')
    config = next
    // Before the first event of the new subscriptions: other replicas must know by then that somebody has them.
    await delivery.swap(next)
    edge.swap(gateway, openDocs(next))
    watcher?.follow(next.files)
    live.warnOfEnded(next.secretNames)
    warnOfClosed(next)
    metrics.destinations(next.destinations.keys())
    metrics.reloaded(true, Date.now())
    log.info({ why, webhooks: next.webhooks.size }, 'reloaded')
    setTimeout(() => collectAfter(next), 1000)
  }

  function warnOfClosed(of: Config) {
    for (const { name, closed } of of.webhooks.values())
      if (closed) log.error({ webhook: name, reason: closed }, 'this webhook is closed: it answers 503')
  }

  const { signal, crashed } = await end
  log.info({ signal }, 'draining')
  edge.drain()
  watcher?.close()
  secretWatcher.close()
  if (!crashed) await sleep(Math.max(config.server.drainDelay, boss?.replaced() ? REPLACED : 0))
  await Promise.all([stopWithin(server, config.server.requestTimeout + GRACE), admin && stopWithin(admin, GRACE)])
  // What plugins gather, spans say, goes out now or never; one that hangs must not keep the process.
  await Promise.race([edge.close(), sleep(PLUGINS_END)])
  await delivery.close()
  await retention.close()
  await samples.close()
  await background.close()
  await store.close()
  await kv.close()
  leaving = true
  await boss?.leaving()
  log.info({}, 'stopped')
  return crashed ? EXIT.crash : EXIT.good
}

/** A small configuration leaves nothing behind that would be worth a pause; of a large one the chains then lie where the files lay. */
function collectAfter({ webhooks }: Config) {
  if (webhooks.size >= MANY) collect()
}

/** What several processes cannot share. */
function refuseWorkers({ store, server, admin, redis }: Config, log: Log) {
  const fault = store.url.startsWith('pglite:')
    ? 'the embedded store belongs to one process: set store.url to a Postgres'
    : server.port === 0 || admin.port === 0
      ? 'with port 0 each of them would take a port of its own: choose server.port and admin.port'
      : undefined
  if (fault) throw new CommandFailure(EXIT.config, `--workers: ${fault}`)
  if (!redis.url) log.warn({}, '--workers without redis.url: each worker counts rate limits for itself')
}

/** A sender that stalls must not hold up the end; by then its request has had its answer. */
async function stopWithin(server: Server, ms: number) {
  const late = setTimeout(() => server.kill(), ms)
  await server.stop()
  clearTimeout(late)
}
