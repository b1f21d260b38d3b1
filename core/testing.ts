/**
 * The author's harness: runs one plugin without a gateway, and checks that it keeps the contract. No core file imports it.
 *
 * `harness` compiles a plugin against settings as YAML would give them and sends it requests. `conformance` runs a list of
 * examples and returns what is wrong, also what no test of one answer would notice: an undeclared header, a secret in a refusal.
 */
import { decodeSettings } from './config/decode.ts'
import type { AnyPlugin, Effect, Entity, Exchange, Host, LimiterRule, Refusal, Reply, SenderPart, Slot, Step } from './plugin.ts'
import { CODES, type CoreCode } from './request/codes.ts'

/** What lies around the plugin. */
export interface Surroundings {
  /** Epoch milliseconds at the start; set `now` of the harness to move the clock. */
  now?: number
  publicUrl?: string
  entities?: Record<string, Partial<Entity>>
  /** Live tokens and the webhook that each belongs to. */
  tokens?: Record<string, string>
  /** Name of the webhook that the plugin stands in; `test` when not given. */
  webhook?: string
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
}

export interface Harness {
  /** Epoch milliseconds; settable. */
  now: number
  /** Settable, as in `Surroundings`. */
  limiterDown: boolean
  readonly warnings: { message: string; fields?: Record<string, unknown> }[]
  /** What the plugin tells senders, with each secret as `${SECRET_1}`. */
  readonly sender: SenderPart
  send(request?: Sent): Promise<Seen>
  /** Runs what the plugin left with `onClose`, last first. */
  close(): Promise<void>
}

/** Notes what a plugin does; `conformance` judges by it. */
interface Notes {
  headers: Set<string>
  query: Set<string>
  refused: Set<string>
  set: Set<string>
}

/** Compiles a plugin and lends it a whole world. Rejects when the settings are refused, with every problem in the message. */
export async function harness(plugin: AnyPlugin, settings: unknown = {}, around: Surroundings = {}): Promise<Harness> {
  return build(plugin, settings, around, { headers: new Set(), query: new Set(), refused: new Set(), set: new Set() })
}

async function build(plugin: AnyPlugin, raw: unknown, around: Surroundings, notes: Notes): Promise<Harness> {
  const { value, problems } = decodeSettings(plugin.config, raw)
  if (problems.length) throw new Error(problems.map(p => `${p.path} ${p.message}`).join('\n'))
  const releases: (() => void | Promise<void>)[] = []
  const close = async () => {
    for (const release of releases.splice(0).reverse()) await release()
  }
  const bench: Harness = {
    now: around.now ?? Date.UTC(2026, 0, 15, 12),
    limiterDown: around.limiterDown ?? false,
    warnings: [],
    sender: {},
    send: async request => {
      const staged: Seen['staged'] = []
      const exchange = exchangeOf(plugin, request ?? {}, bench.now, host.webhook, notes, staged)
      return { reply: (await step(exchange)) ?? undefined, exchange, staged }
    },
    close,
  }
  const host = hostOf(plugin, around, bench, notes, releases)
  const faults = plugin.check?.(value, host) ?? []
  if (faults.length) throw new Error(faults.map(f => `${f.path} ${f.message}`).join('\n'))
  const shown = decodeSettings(plugin.config, showSecrets(plugin.config, raw, []))
  Object.assign(bench, { sender: plugin.sender?.(shown.value, host) ?? {} })
  let step: Step
  try {
    step = await plugin.compile(value, host)
  } catch (error) {
    await close()
    throw error
  }
  return bench
}

function hostOf(plugin: AnyPlugin, around: Surroundings, bench: Harness, notes: Notes, releases: (() => void | Promise<void>)[]): Host {
  const counters = new Map<string, { count: number; until: number }>()
  const take = async (rule: LimiterRule, key: string) => {
    if (bench.limiterDown) throw new Error('the counters cannot be reached')
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
    tokens: { webhookOf: token => (around.tokens && Object.hasOwn(around.tokens, token) ? around.tokens[token] : undefined) },
    warn: (message, fields) => void bench.warnings.push({ message, ...(fields && { fields }) }),
    onClose: release => void releases.push(release),
  }
}

let sent = 0

function exchangeOf(plugin: AnyPlugin, r: Sent, now: number, webhook: string, notes: Notes, staged: Seen['staged']): Exchange {
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
    if (plugin.phase === 'verify') throw new Error('a verify step cannot read the payload, nobody has vouched for it yet: use peek()')
  }
  return {
    id: `01J${String(++sent).padStart(23, '0')}`,
    webhook,
    method,
    path: r.path ?? '/webhooks/test',
    params: r.params ?? {},
    query: noting(query, notes.query),
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

/** One request and what must become of it. */
export interface Example extends Surroundings {
  settings?: Record<string, unknown>
  /** Requests that came first; their answers do not count. */
  before?: readonly Sent[]
  request?: Sent
  /** The code of the refusal, `pass` when the chain goes on, `accepted`, or `answer`. */
  expect: string
}

/** Runs the examples and returns every way in which the plugin breaks the contract; empty is good. */
export async function conformance(plugin: AnyPlugin, examples: readonly Example[]): Promise<string[]> {
  const faults = [...declaration(plugin)]
  const reached = new Set<string>()
  for (const [i, example] of examples.entries()) {
    const found = await run(plugin, example, reached).catch(error => [error instanceof Error ? error.message : String(error)])
    faults.push(...found.map(fault => `example ${i}: ${fault}`))
  }
  for (const code of Object.keys(plugin.refusals)) if (!reached.has(code)) faults.push(`no example is refused with ${code}`)
  return faults
}

const HUSHED = ['UNAUTHORIZED', 'NOT_FOUND']

function* declaration(plugin: AnyPlugin): Generator<string> {
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(plugin.name)) yield `the name '${plugin.name}' is not lower case words with hyphens`
  if (!plugin.summary?.trim()) yield 'there is no summary'
  for (const [code, { status, summary }] of Object.entries<{ status: number; summary: string }>(plugin.refusals)) {
    if (!/^[A-Z][A-Z0-9_]*$/.test(code)) yield `the code '${code}' is not in capitals`
    if (!summary?.trim()) yield `${code} has no summary`
    if (!(status >= 400 && status < 600)) yield `${code} has the status ${status}, which is no refusal`
    const ours = Object.hasOwn(CODES, code) ? CODES[code as CoreCode] : undefined
    if (ours && status !== ours.status) yield `${code} is ${ours.status} everywhere`
    // Another sentence would tell a stranger which of several checks has failed, or that there is a webhook here.
    if (ours && HUSHED.includes(code) && summary !== ours.summary) yield `${code} has one summary everywhere: '${ours.summary}'`
  }
  yield* settings(plugin.config, '')
}

function* settings(schema: any, path: string): Generator<string> {
  if (schema.type === 'object' && !schema.patternProperties && (schema.additionalProperties ?? true) === true)
    yield `the settings at '${path}/' are open: add { additionalProperties: false }`
  for (const [name, setting] of Object.entries<any>(schema.properties ?? {})) {
    if (!setting.description?.trim()) yield `the setting '${path}/${name}' has no description`
    yield* settings(setting, `${path}/${name}`)
  }
  for (const inner of below(schema)) yield* settings(inner, `${path}/*`)
}

const below = (schema: any): any[] => [
  ...(schema.items ? [schema.items].flat() : []),
  ...Object.values(schema.patternProperties ?? {}),
  ...(typeof schema.additionalProperties === 'object' ? [schema.additionalProperties] : []),
  ...(schema.anyOf ?? []),
]

async function run(plugin: AnyPlugin, example: Example, reached: Set<string>): Promise<string[]> {
  const faults: string[] = []
  const notes: Notes = { headers: new Set(), query: new Set(), refused: new Set(), set: new Set() }
  const secrets: string[] = []
  showSecrets(plugin.config, example.settings ?? {}, secrets)
  const bench = await build(plugin, example.settings ?? {}, example, notes)
  try {
    for (const request of example.before ?? []) await bench.send(request)
    const { reply, staged } = await bench.send(example.request)
    const got = !reply ? 'pass' : reply.kind === 'refusal' ? reply.code : reply.kind === 'accepted' ? 'accepted' : 'answer'
    if (got !== example.expect) faults.push(`expected ${example.expect}, got ${got}${isRefusal(reply) ? ` (${reply.reason ?? ''})` : ''}`)

    // A refusal may also travel inside an effect, for the commit to use.
    const refusals = [reply, ...staged.flatMap(s => Object.values(s.arg ?? {}))].filter(isRefusal)
    for (const refusal of refusals) reached.add(refusal.code)
    for (const code of new Set([...notes.refused, ...refusals.map(r => r.code)]))
      if (!Object.hasOwn(plugin.refusals, code)) faults.push(`refuses with ${code}, which refusals does not declare`)
    for (const { code, details, reason } of refusals)
      if (code === 'UNAUTHORIZED' && (details || !reason)) faults.push('UNAUTHORIZED takes a reason for the operator, and no details')

    const settings = decodeSettings(plugin.config, example.settings).value
    const gives = (typeof plugin.gives === 'function' ? plugin.gives(settings) : (plugin.gives ?? [])).map(slot => slot.name)
    for (const name of notes.set) if (!gives.includes(name)) faults.push(`sets the slot '${name}', which gives does not name`)
    faults.push(...undeclared(notes, bench.sender), ...leaks(plugin, bench, reply, secrets))
  } finally {
    await bench.close().catch(error => faults.push(`onClose: ${error instanceof Error ? error.message : error}`))
  }
  return faults
}

const isRefusal = (value: unknown): value is Refusal => (value as Refusal | undefined)?.kind === 'refusal'

/** What the step read and senders are not told of. A security scheme tells them too. */
function* undeclared({ headers, query }: Notes, { security = {}, ...sender }: SenderPart): Generator<string> {
  const schemes = Object.values(security)
  const named = (where: string) => schemes.filter(s => s.type === 'apiKey' && s.in === where).map(s => String(s.name))
  const told = [...Object.keys(sender.headers ?? {}), ...named('header'), ...schemes.map(s => (s.type === 'http' ? 'authorization' : ''))]
  const known = new Set(told.map(name => name.toLowerCase()))
  for (const name of headers) if (!known.has(name.toLowerCase())) yield `reads the header '${name}', which sender() does not declare`
  const parameters = [...Object.keys(sender.query ?? {}), ...named('query')]
  for (const name of query) if (!parameters.includes(name)) yield `reads the query parameter '${name}', which sender() does not declare`
}

/** A secret may show in an example of `sender()`, by its name; nowhere else at all. */
function leaks(plugin: AnyPlugin, bench: Harness, reply: Reply | undefined, secrets: readonly string[]): string[] {
  const told = JSON.stringify(bench.sender, (key, value) => (key === 'example' ? undefined : value))
  const places: Record<string, string> = {
    'the summary': plugin.summary,
    'sender()': JSON.stringify(bench.sender),
    'the reply': JSON.stringify(reply ?? null),
    'a warning': JSON.stringify(bench.warnings),
  }
  const faults = /\$\{SECRET_\d+\}/.test(told) ? ['sender() shows a secret outside of an example'] : []
  for (const [place, text] of Object.entries(places))
    if (secrets.some(s => s && text.includes(JSON.stringify(s).slice(1, -1)))) faults.push(`a secret shows in ${place}`)
  return faults
}

/** The settings with each secret as `${SECRET_1}`, as the core shows it by the name that the YAML gives it. */
function showSecrets(schema: any, value: any, found: string[]): any {
  if (schema['x-postern'] === 'secret' && typeof value === 'string') return `\${SECRET_${found.push(value)}}`
  if (schema.anyOf) return schema.anyOf.reduce((shown: any, branch: any) => showSecrets(branch, shown, found), value)
  if (Array.isArray(value)) return value.map(item => showSecrets(schema.items ?? {}, item, found))
  if (!value || typeof value !== 'object') return value
  const inner = (name: string) => schema.properties?.[name] ?? Object.values(schema.patternProperties ?? {})[0] ?? {}
  return Object.fromEntries(Object.entries(value).map(([name, v]) => [name, showSecrets(inner(name), v, found)]))
}
