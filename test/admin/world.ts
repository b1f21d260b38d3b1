/** The admin API over a store of its own, with an engine that only notes what it is asked; and the same as an API document sees it. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import ajvFormats from 'ajv-formats'
import { openAdmin } from '#core/admin/admin.ts'
import { load } from '#core/config/load.ts'
import { formatProblem } from '#core/config/problem.ts'
import { openLog } from '#core/log.ts'
import type { DeliveryControl, DestinationState } from '#core/outbox/control.ts'
import type { Replay } from '#core/request/replay.ts'
import { encodeTime } from '#core/ulid.ts'
import { builtins } from '#plugins/index.ts'
import { type Opened, open, T0 } from '../store/open.ts'
import { folder } from '../support/child.ts'

export { T0 }
export const TOKEN = 'admin-token-0123456789abcdef'
export const SECRET = 'signing-secret-0123456789'
const PASSWORD = 'redis-password-0123456789'

const yaml = `
version: 1
server: { port: 8080, publicUrl: https://hooks.example.com }
store: { url: "pglite://memory" }
redis: { url: "redis://user:${PASSWORD}@127.0.0.1:1" }
admin: { port: 0, token: "\${ADMIN_TOKEN}" }
entities:
  contact: { schema: { type: object, properties: { name: { type: string } } } }
webhooks:
  contact-form:
    summary: The form
    path: /in/{token}
    chain: [auth-url-token, { validation: { entity: contact } }, { upsert: { entity: contact } }, dispatch]
  sales:
    path: /sales
    chain:
      - auth-bearer: { keys: ["\${SIGNING}"] }
      - upsert: { entity: sale }
      - dispatch
subscriptions:
  new-contacts: { webhooks: [contact-form], events: [record.created], to: [crm], when: data.name != "", body: { text: "{{data.name}}" } }
destinations:
  crm: { url: "https://crm.example.com/hooks/\${SIGNING}", secrets: ["\${SIGNING}"], headers: { Authorization: "\${SIGNING}" } }
`

/** An engine that does nothing. */
export interface FakeControl extends DeliveryControl {
  calls: unknown[][]
}

export function fakeControl(): FakeControl {
  const calls: unknown[][] = []
  const state: DestinationState = {
    name: 'crm',
    declared: true,
    paused_at: null,
    pause_reason: null,
    failing_since: null,
    circuit: 'closed',
    pending: 1,
    waiting: 0,
    dead: 2,
  }
  const note = <T>(answer: T, ...call: unknown[]) => {
    calls.push(call)
    return Promise.resolve(answer)
  }
  return {
    calls,
    redrive: (filter, limit) => note({ redriven: 1, left: 0 }, 'redrive', filter, limit),
    cancel: (filter, limit) => note({ cancelled: filter.ids?.[0] === 'dlv_done' ? 0 : 1, left: 0 }, 'cancel', filter, limit),
    pause: name => note(name === 'crm', 'pause', name),
    resume: name => note(name === 'crm', 'resume', name),
    states: () => note([state], 'states'),
    unjudged: () => 0,
  }
}

/** A gateway that accepts whatever is run through it again. */
const replay: Replay = (_captured, { dry }) =>
  Promise.resolve({
    outcome: 'accepted',
    response: Response.json({ id: 'c1' }, { status: 201 }),
    steps: [{ plugin: 'validation', verdict: 'passed', ms: 0.1 }],
    effects: [],
    notes: [],
    ...(!dry && { exchange: idAt(T0, 9) }),
  })

export interface Answer {
  status: number
  headers: Headers
  text: string
  body: any
}

export interface World {
  url: string
  store: Opened
  control: FakeControl
  clock: { now: number }
  /** A request with the token, unless the headers say otherwise; the path is below `/admin/v1`. */
  ask(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>
  close(): Promise<void>
}

/** Without `control`, as a gateway whose engine does not run. */
export async function world(store: Opened, options: { control?: boolean } = {}): Promise<World> {
  const file = join(folder(), 'postern.yaml')
  writeFileSync(file, yaml)
  const env = { ADMIN_TOKEN: TOKEN, SIGNING: SECRET }
  const { config, problems } = await load(file, { env, builtins, importPlugin: () => Promise.reject(new Error('none')) })
  if (!config) throw new Error(problems.map(formatProblem).join('\n'))
  const control = fakeControl()
  const log = openLog(() => [], 'silent')
  const now = () => store.clock.now
  const server = await openAdmin({
    config: () => config,
    store,
    log,
    now,
    metrics: { text: async () => '', contentType: 'text/plain' },
    ready: async () => 'ready' as const,
    ...(options.control !== false && { control: () => control, replay }),
  })
  if (!server) throw new Error('the admin API is off')
  const url = `http://127.0.0.1:${server.port}`
  return {
    url,
    store,
    control,
    clock: store.clock,
    async ask(method, path, body, headers = {}) {
      const response = await fetch(path.startsWith('/admin/') ? url + path : `${url}/admin/v1${path}`, {
        method,
        headers: { authorization: `Bearer ${TOKEN}`, ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
        ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      })
      const text = await response.text()
      return { status: response.status, headers: response.headers, text, body: text === '' ? undefined : JSON.parse(text) }
    },
    async close() {
      server.kill()
      await store.close()
    },
  }
}

/** A fresh one on PGlite. */
export async function embedded(options: { control?: boolean } = {}): Promise<World> {
  const { openDatabase } = await import('#core/store/store.ts')
  return world(await open(await openDatabase('pglite://memory')), options)
}

/** ULID number `n` of a moment. */
export const idAt = (time: number, n = 0) => encodeTime(time) + String(n).padStart(16, '0')

/** Rows for a table, each with what its columns must have. */
export async function insert(store: Opened, table: string, rows: Record<string, unknown>[]): Promise<void> {
  const usual = USUAL[table] ?? {}
  const all = rows.map(row => ({ ...usual, ...row }))
  const columns = Object.keys(all[0] ?? {})
  await store.db.query(
    `insert into ${table} (${columns.join(', ')}) select ${columns.join(', ')} from jsonb_populate_recordset(null::${table}, $1::jsonb)`,
    [JSON.stringify(all)],
  )
}

const at = new Date(T0).toISOString()
const USUAL: Record<string, Record<string, unknown>> = {
  events: {
    type: 'record.created',
    webhook: 'contact-form',
    entity: 'contact',
    record_id: 'c1',
    data: {},
    variables: {},
    hops: 0,
    created_at: at,
  },
  deliveries: {
    destination: 'crm',
    subscription: 'new-contacts',
    type: 'record.created',
    webhook: 'contact-form',
    entity: 'contact',
    record_id: 'c1',
    seq: 1,
    status: 'dead',
    attempts: 1,
    forgiven: 0,
    created_at: at,
    updated_at: at,
  },
  attempts: { at, duration: 12, status: 500, error: 'STATUS', message: 'it answered 500', response: 'no' },
  requests: {
    webhook: 'contact-form',
    received_at: at,
    method: 'POST',
    path: '/in/x',
    query: '',
    headers: { 'content-type': 'application/json' },
    body: '{}',
    encoded: false,
    size: 2,
    ip: '192.0.2.1',
    outcome: 'accepted',
    status: 201,
    steps: [],
    slots: {},
    duration: 1.5,
  },
  records: { data: { name: 'Ada' }, replaced: false, webhook: 'contact-form', origin: 'x', exchange: 'x', created_at: at, updated_at: at },
  secrets: { key_id: 'k', sealed: 'SEALED-VALUE', created_at: at },
}

/** What an OpenAPI document says of answers: each that does not fit is a sentence. */
export function documented(document: any) {
  const ajv = new Ajv2020({ strict: false, allErrors: true })
  ajvFormats.default(ajv)
  ajv.addSchema(document, 'doc')
  const called = new Set<string>()
  const operations = Object.entries<any>(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map(method => ({ method: method.toUpperCase(), path, responses: methods[method].responses })),
  )
  return {
    operations: operations.map(({ method, path }) => `${method} ${path}`),
    /** Those that were called with a success. */
    called,
    faultOf(method: string, target: string, answer: Answer): string | undefined {
      const path = target.split('?')[0] as string
      const matches = operations.filter(o => o.method === method && new RegExp(`^${o.path.replace(/\{\w+\}/g, '[^/]+')}$`).test(path))
      const operation = matches.sort((a, b) => a.path.split('{').length - b.path.split('{').length)[0]
      if (!operation) return `${method} ${path} is not in the document`
      const named = `${method} ${operation.path}`
      const response = operation.responses[answer.status]
      if (!response) return `${named} says nothing of ${answer.status}`
      if (answer.status < 300) called.add(named)
      const [type, content] = Object.entries<any>(response.content ?? {})[0] ?? []
      if (!type) return answer.text === '' ? undefined : `${named} answers ${answer.status} with a body`
      if (answer.headers.get('content-type')?.split(';')[0] !== type)
        return `${named} is ${answer.headers.get('content-type')}, not ${type}`
      const schema = content.schema.$ref ? document.components.schemas[content.schema.$ref.split('/').at(-1)] : content.schema
      return ajv.validate(strictly(schema), answer.body) ? undefined : `${named}: ${ajv.errorsText()}`
    },
  }
}

/** Nothing may be answered that the document does not name. */
function strictly(schema: any): any {
  if (typeof schema !== 'object' || schema === null) return schema
  if (Array.isArray(schema)) return schema.map(strictly)
  const inner = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, strictly(value)]))
  return schema.type === 'object' && schema.properties ? { ...inner, additionalProperties: false } : inner
}
