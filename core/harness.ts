/** Runs one plugin without a gateway: settings as YAML would give them, requests, a clock to set. */
import { decodeSettings } from './config/decode.ts'
import { stepReader } from './config/nested.ts'
import * as contract from './plugin.ts'
import {
  type AnyPlugin,
  type Effect,
  type Entity,
  type Exchange,
  type Host,
  type LimiterRule,
  type Reply,
  type SenderPart,
  type Slot,
  type Step,
  Unavailable,
} from './plugin.ts'
import { ownNothing } from './request/host.ts'

/** What lies around the plugin. */
export interface Surroundings {
  /** Epoch milliseconds at the start; set `now` of the harness to move the clock. */
  now?: number
  publicUrl?: string
  entities?: Record<string, Partial<Entity>>
  /** Live tokens and the webhook that each belongs to. */
  tokens?: Record<string, string>
  /** Ids of events that were raised here. */
  sent?: readonly string[]
  /** Name of the webhook that the plugin stands in; `test` when not given. */
  webhook?: string
  /** Methods that the webhook takes; POST when not given. */
  methods?: readonly string[]
  /** False: no earlier step of the chain verifies the sender. */
  verified?: boolean
  /** Plugins that may stand within the settings of this one. */
  plugins?: readonly AnyPlugin[]
  /** True: the counters cannot be reached, and `take` rejects. */
  limiterDown?: boolean
}

/** One request; what is not given is a POST of nothing. */
export interface Sent {
  method?: string
  path?: string
  params?: Record<string, string>
  query?: string | Record<string, string> | URLSearchParams
  /** A list of pairs sends one header several times: it arrives as the runtimes join it. */
  headers?: Record<string, string> | [string, string][] | Headers
  /** Text or bytes as they are, anything else as JSON. */
  body?: unknown
  ip?: string
  /** What earlier `shape` steps made of the payload. */
  data?: Record<string, unknown>
  variables?: Record<string, unknown>
  /** What earlier steps gave, by the slot's name. */
  slots?: Record<string, unknown>
}

export interface Seen {
  /** Undefined: the step goes on. */
  reply: Reply | undefined
  exchange: Exchange
  staged: { effect: string; arg: any }[]
  /** Headers that it adds to the answer. */
  told: Headers
}

export interface Harness {
  /** Epoch milliseconds; settable. */
  now: number
  /** Settable, as in `Surroundings`. */
  limiterDown: boolean
  readonly warnings: { message: string; fields?: Record<string, unknown> }[]
  /** What the plugin told as `used`, in order. */
  readonly used: string[]
  /** What the plugin tells senders, with each secret as `${SECRET_1}`. */
  readonly sender: SenderPart
  send(request?: Sent): Promise<Seen>
  /** Runs what the plugin left with `onClose`, last first. */
  close(): Promise<void>
}

/** A plugin, or what a file exports that makes one of the contract. */
export type Given = AnyPlugin | ((given: typeof contract) => AnyPlugin)

export const madeOf = (given: Given): AnyPlugin => (typeof given === 'function' ? given(contract) : given)

/** Notes what a plugin does; `conformance` judges by it. */
export interface Notes {
  headers: Set<string>
  query: Set<string>
  refused: Set<string>
  set: Set<string>
}

/** Compiles a plugin and lends it a whole world. Rejects when the settings are refused, with every problem in the message. */
export async function harness(plugin: Given, settings: unknown = {}, around: Surroundings = {}): Promise<Harness> {
  return build(madeOf(plugin), settings, around, { headers: new Set(), query: new Set(), refused: new Set(), set: new Set() })
}

/** As `harness`, writing down what the plugin does. */
export async function build(plugin: AnyPlugin, raw: unknown, around: Surroundings, notes: Notes): Promise<Harness> {
  const readStep = stepReader(new Map(around.plugins?.map(inner => [inner.name, inner])))
  const { value, problems } = decodeSettings(plugin.config, raw, readStep)
  if (problems.length) throw new Error(problems.map(p => `${p.path} ${p.message}`).join('\n'))
  const releases: (() => void | Promise<void>)[] = []
  const close = async () => {
    for (const release of releases.splice(0).reverse()) await release()
  }
  const bench: Harness = {
    now: around.now ?? Date.UTC(2026, 0, 15, 12),
    limiterDown: around.limiterDown ?? false,
    warnings: [],
    used: [],
    sender: {},
    send: async request => {
      const staged: Seen['staged'] = []
      const told = new Headers()
      const exchange = exchangeOf(plugin, request ?? {}, bench.now, host.webhook, notes, staged, told)
      return { reply: (await step(exchange)) ?? undefined, exchange, staged, told }
    },
    close,
  }
  const host = hostOf(plugin, around, bench, notes, releases)
  const faults = plugin.check?.(value, { ...host, methods: around.methods ?? ['POST'], verified: around.verified ?? true }) ?? []
  if (faults.length) throw new Error(faults.map(f => `${f.path} ${f.message}`).join('\n'))
  const shown = decodeSettings(plugin.config, showSecrets(plugin.config, raw, []), readStep)
  Object.assign(bench, { sender: plugin.sender?.(shown.value, host) ?? {} })
  let step: Step
  try {
    step = await plugin.compile(value, plugin.shared ? common(plugin, host) : host)
  } catch (error) {
    await close()
    throw error
  }
  return bench
}

/** As a gateway's own: without what is of one webhook alone. */
function common(plugin: AnyPlugin, host: Host): Host {
  const own: (string | symbol)[] = ['webhook', 'limiter', 'within', 'onClose'] satisfies (keyof Host)[]
  return new Proxy(host, {
    get: (target, name) => (own.includes(name) ? ownNothing(plugin, name as keyof Host) : Reflect.get(target, name)),
  })
}

function hostOf(plugin: AnyPlugin, around: Surroundings, bench: Harness, notes: Notes, releases: (() => void | Promise<void>)[]): Host {
  const counters = new Map<string, { count: number; until: number }>()
  const take = async (rule: LimiterRule, key: string) => {
    if (bench.limiterDown) throw new Unavailable('the counters cannot be reached')
    const name = `${rule.name}/${key}`
    const running = counters.get(name)
    const counter = running && running.until > bench.now ? running : { count: 0, until: bench.now + rule.window }
    counters.set(name, counter)
    const allowed = counter.count < rule.limit
    if (allowed) counter.count++
    return { allowed, remaining: rule.limit - counter.count, resetAfter: counter.until - bench.now }
  }
  return {
    webhook: around.webhook ?? 'test',
    publicUrl: around.publicUrl,
    now: () => bench.now,
    refuse(code, details, more) {
      notes.refused.add(code)
      const declared = plugin.refusals[code] ?? { status: 500, summary: '' }
      return { kind: 'refusal', code, ...declared, ...(details && { details }), ...more }
    },
    accept: () => ({ kind: 'accepted' }),
    entity(name) {
      const entity = around.entities?.[name]
      return entity && { name, schema: {}, unknown: 'drop', ...entity }
    },
    limiter: rule => ({ take: key => take(rule, key) }),
    outgoing: {
      knows: event => Promise.resolve(around.sent?.includes(event) ?? false),
      hops(headers) {
        const hops = Number(headers.get('x-postern-hops') ?? 0)
        notes.headers.delete('x-postern-hops') // the core reads it, not the plugin
        return hops
      },
    },
    tokens: { webhookOf: token => (around.tokens && Object.hasOwn(around.tokens, token) ? around.tokens[token] : undefined) },
    used: value => void bench.used.push(value),
    warn: (message, fields) => void bench.warnings.push({ message, ...(fields && { fields }) }),
    within: step => hostOf(step.plugin, around, bench, notes, releases),
    onClose: release => void releases.push(release),
  }
}

let sent = 0

function exchangeOf(
  plugin: AnyPlugin,
  r: Sent,
  now: number,
  webhook: string,
  notes: Notes,
  staged: Seen['staged'],
  told: Headers,
): Exchange {
  const headers = new Headers(r.headers)
  const query = new URLSearchParams(r.query)
  const method = r.method ?? 'POST'
  const asIs = typeof r.body === 'string' || r.body instanceof Uint8Array || r.body === undefined
  if (!asIs && !headers.has('content-type')) headers.set('content-type', 'application/json')
  const body = (asIs ? r.body : JSON.stringify(r.body)) as string | Uint8Array | undefined
  const raw = typeof body === 'string' ? new TextEncoder().encode(body) : (body ?? new Uint8Array())
  const text = new TextDecoder().decode(raw)
  const isForm = headers.get('content-type')?.startsWith('application/x-www-form-urlencoded')
  const format = method === 'GET' ? 'query' : isForm ? 'form' : 'json'
  const parsed = format === 'json' ? jsonOf(text) : parametersOf(format === 'form' ? new URLSearchParams(text) : query)
  const payload = parsed ?? {}
  const slots = new Map(Object.entries(r.slots ?? {}))
  let data = r.data ?? payload
  const judged = () => {
    if (plugin.phase === 'verify' || plugin.phase === 'admit')
      throw new Error(`a step of the phase '${plugin.phase}' cannot read the payload, which is not parsed yet: use peek()`)
  }
  return {
    id: `01J${String(++sent).padStart(23, '0')}`,
    webhook,
    method,
    path: r.path ?? '/webhooks/test',
    params: r.params ?? {},
    query: noting(query, notes.query),
    search: typeof r.query === 'string' ? r.query.replace(/^\?/, '') : query.toString(),
    headers: noting(headers, notes.headers),
    ip: r.ip ?? '192.0.2.1',
    receivedAt: now,
    raw,
    peek: () => parsed,
    get payload() {
      judged()
      return payload
    },
    get format() {
      judged()
      return format
    },
    get data() {
      judged()
      return data
    },
    set data(value) {
      judged()
      data = value
    },
    variables: r.variables ?? {},
    get: <T>(slot: Slot<T>) => slots.get(slot.name) as T | undefined,
    set(slot, value) {
      notes.set.add(slot.name)
      slots.set(slot.name, value)
    },
    tell: (name, value) => told.append(name, value),
    belongTo() {},
    atEnd() {},
    stage: <Arg, Result>(effect: Effect<Arg, Result>, arg: Arg) => void staged.push({ effect: effect.name, arg }),
  }
}

function jsonOf(text: string): Record<string, unknown> | undefined {
  try {
    const value = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** A repeated parameter becomes a list. */
function parametersOf(parameters: URLSearchParams): Record<string, unknown> {
  const value = (key: string) => {
    const all = parameters.getAll(key)
    return all.length > 1 ? all : all[0]
  }
  return Object.fromEntries([...new Set(parameters.keys())].map(key => [key, value(key)]))
}

const ALL: unknown[] = ['entries', 'keys', 'values', 'forEach', Symbol.iterator]

/** Headers or a query that note who is asked for; `*` when somebody walks through all. */
function noting<T extends Headers | URLSearchParams>(target: T, read: Set<string>): T {
  const get = (_: T, member: string | symbol) => {
    const value = Reflect.get(target, member, target)
    if (typeof value !== 'function') return value
    return (...args: unknown[]) => {
      if (member === 'get' || member === 'getAll' || member === 'has') read.add(String(args[0]))
      else if (ALL.includes(member)) read.add('*')
      return value.apply(target, args)
    }
  }
  return new Proxy(target, { get })
}

/** The settings with each secret as `${SECRET_1}`, as the core shows it by the name that the YAML gives it. */
export function showSecrets(schema: any, value: any, found: string[]): any {
  if (schema['x-postern'] === 'secret' && typeof value === 'string') return `\${SECRET_${found.push(value)}}`
  if (schema.anyOf) return schema.anyOf.reduce((shown: any, branch: any) => showSecrets(branch, shown, found), value)
  if (Array.isArray(value)) return value.map(item => showSecrets(schema.items ?? {}, item, found))
  if (!value || typeof value !== 'object') return value
  const inner = (name: string) => schema.properties?.[name] ?? Object.values(schema.patternProperties ?? {})[0] ?? {}
  return Object.fromEntries(Object.entries(value).map(([name, v]) => [name, showSecrets(inner(name), v, found)]))
}
