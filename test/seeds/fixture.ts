/** A shipped example, unchanged, behind a real gateway: once for each runtime, each with a store of its own to look into. */
import { afterAll, beforeAll, describe } from 'bun:test'
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import type { Database } from '#core/store/database.ts'
import { borrowDatabase } from '#core/store/store.ts'
import { available } from '../support/available.ts'
import { folder } from '../support/child.ts'
import { freshDatabase, postgres } from '../support/postgres.ts'
import { cli, type Env, type Gateway, gateway, type Runtime, runtimes } from '../support/process.ts'

const examples = join(import.meta.dirname, '../../config/examples')

/** What the examples leave to their user: where to listen and where to keep things. */
const here = `
version: 1
server: { port: "\${PORT}", host: 127.0.0.1, drainDelay: 0s }
store: { url: "\${DATABASE_URL}" }
admin: { port: "\${ADMIN_PORT}", token: "\${ADMIN_TOKEN}" }
`

const ADMIN_TOKEN = 'admin-token-0123456789abcdef'

/** A webhook as the YAML has it. */
export interface Shipped {
  path: string
  active?: boolean
  chain: (string | Record<string, any>)[]
  [setting: string]: unknown
}

export interface Options {
  env?: Env
  /** A folder of the embedded store, on Bun, besides a Postgres on each runtime. */
  embedded?: boolean
  /** More webhooks beside the shipped ones, by name; each is made of a shipped one. */
  variants?: (shipped: Record<string, Shipped>) => Record<string, Shipped>
}

export interface Answer {
  status: number
  headers: Headers
  /** The body's exact text. */
  text: string
  /** The body as JSON; undefined when it is none. */
  body: any
}

export interface Sent {
  method?: string
  headers?: Record<string, string>
  /** Sent as JSON. */
  json?: unknown
  /** Exact bytes instead, without a content type of our own. */
  body?: string | Uint8Array
}

/** One running example. */
export class Seed {
  readonly runtime: Runtime
  readonly store: 'postgres' | 'pglite'
  #name: string
  #options: Options
  #gateway: Gateway | undefined
  #db: Database | undefined
  #env: Env = {}
  #home = ''

  constructor(name: string, runtime: Runtime, store: 'postgres' | 'pglite', options: Options) {
    this.#name = name
    this.runtime = runtime
    this.store = store
    this.#options = options
  }

  async open() {
    this.#home = folder()
    copyFileSync(join(examples, `${this.#name}.yaml`), join(this.#home, `${this.#name}.yaml`))
    writeFileSync(join(this.#home, 'here.yaml'), here)
    const variants = this.#options.variants?.(shipped(this.#name))
    if (variants) writeFileSync(join(this.#home, 'variants.yaml'), stringify({ version: 1, webhooks: variants }))
    const url = this.store === 'postgres' ? (await freshDatabase()).url : `pglite://${join(this.#home, 'data')}`
    const env = { DATABASE_URL: url, ADMIN_TOKEN, REDIS_URL: undefined, ...this.#options.env }
    this.#gateway = await gateway({ runtime: this.runtime, config: this.#home, env })
    this.#env = { ...env, PORT: `${this.#gateway.port}`, ADMIN_PORT: new URL(this.#gateway.adminUrl).port }
    // The embedded store is looked into through the gateway's own door.
    this.#db = await borrowDatabase(url)
  }

  async close() {
    await this.#db?.close()
    this.#gateway?.kill()
    await this.#gateway?.exited
  }

  get url() {
    return (this.#gateway as Gateway).url
  }

  get port() {
    return (this.#gateway as Gateway).port
  }

  /** What the gateway has written to stderr so far. */
  log() {
    return (this.#gateway as Gateway).log()
  }

  rows<Row = Record<string, any>>(text: string, values: unknown[] = []): Promise<Row[]> {
    return (this.#db as Database).query<Row>(text, values)
  }

  /** Rows in each table. */
  async counts(): Promise<{ records: number; events: number; keys: number }> {
    const [row] = await this.rows<{ records: number; events: number; keys: number }>(
      `select (select count(*)::int from records) records, (select count(*)::int from events) events,
        (select count(*)::int from idempotency_keys) keys`,
    )
    return row!
  }

  /** How many rows an act has added to each table. */
  async adding(act: () => Promise<unknown>): Promise<{ records: number; events: number; keys: number }> {
    const before = await this.counts()
    await act()
    const after = await this.counts()
    return { records: after.records - before.records, events: after.events - before.events, keys: after.keys - before.keys }
  }

  /** What the tables hold about one record. */
  async written(id: string) {
    const records = await this.rows('select entity, data, webhook from records where id = $1', [id])
    const events = await this.rows('select type, webhook, entity, data, previous, variables from events where record_id = $1 order by id', [
      id,
    ])
    return { records, events }
  }

  /** Runs a command of the command line on the same configuration. */
  command(...args: string[]) {
    return cli([...args, '--config', this.#home], { runtime: this.runtime, env: this.#env })
  }

  /** A new token of a webhook, from the command line as an operator makes it. */
  async token(webhook: string): Promise<{ id: string; token: string; path: string }> {
    const { code, stdout, stderr } = await this.command('token', 'create', webhook, '--json')
    if (code !== 0) throw new Error(`no token: ${stderr}`)
    const { id, token, url } = JSON.parse(stdout)
    return { id, token, path: new URL(url).pathname }
  }

  /** A request to the admin API. */
  admin(path: string, method = 'GET'): Promise<Response> {
    const { adminUrl } = this.#gateway as Gateway
    return fetch(`${adminUrl}/admin/v1${path}`, { method, headers: { authorization: `Bearer ${ADMIN_TOKEN}` } })
  }

  /** A new token of a webhook, from the admin API, which is quicker. */
  async quickToken(webhook: string): Promise<string> {
    const response = await this.admin(`/webhooks/${webhook}/tokens`, 'POST')
    return ((await response.json()) as { data: { token: string } }).data.token
  }

  async send(path: string, { method = 'POST', headers = {}, json, body }: Sent = {}): Promise<Answer> {
    const content = json === undefined ? {} : { 'content-type': 'application/json' }
    const sent = json === undefined ? body : JSON.stringify(json)
    const response = await fetch(this.url + path, {
      method,
      headers: { ...content, ...headers },
      ...(sent !== undefined && { body: sent }),
    })
    const text = await response.text()
    return { status: response.status, headers: response.headers, text, body: parsed(text) }
  }
}

/** A suite for each runtime; skipped by name without Postgres. */
export async function onExample(name: string, options: Options, suite: (seed: Seed) => void) {
  const onPostgres = await available('Postgres', postgres)
  const onStore = (runtime: Runtime, store: 'postgres' | 'pglite') => () => {
    const seed = new Seed(name, runtime, store, options)
    beforeAll(() => seed.open(), 25_000)
    afterAll(() => seed.close(), 25_000)
    suite(seed)
  }
  for (const runtime of runtimes) onPostgres(`${name}.yaml on ${runtime}`, onStore(runtime, 'postgres'))
  if (options.embedded) describe(`${name}.yaml on bun, with the embedded store`, onStore('bun', 'pglite'))
}

/** The webhooks of a shipped example. */
function shipped(name: string): Record<string, Shipped> {
  return parse(readFileSync(join(examples, `${name}.yaml`), 'utf8')).webhooks
}

/** The webhook with one plugin's settings changed. */
export function changed(webhook: Shipped, plugin: string, settings: Record<string, unknown>, more: Partial<Shipped> = {}): Shipped {
  const chain = webhook.chain.map(item => {
    const [name, present] = typeof item === 'string' ? [item, {}] : Object.entries(item)[0]!
    return name === plugin ? { [name]: { ...present, ...settings } } : item
  })
  return { ...webhook, ...more, chain }
}

/** JSON of exactly so many bytes. */
export function jsonOf(bytes: number, fields: Record<string, unknown>): string {
  const bare = JSON.stringify({ ...fields, filler: '' })
  const text = JSON.stringify({ ...fields, filler: 'x'.repeat(bytes - bare.length) })
  if (text.length !== bytes) throw new Error(`${text.length} bytes`)
  return text
}

/** A request with a chunked body, as bytes for `raw`; each chunk has `size` bytes. */
export function chunked(path: string, headers: Record<string, string>, body: string, size = 60_000): string[] {
  const lines = Object.entries({ host: 'localhost', 'transfer-encoding': 'chunked', 'content-type': 'application/json', ...headers })
  const parts = [`POST ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`]
  for (let at = 0; at < body.length; at += size) {
    const part = body.slice(at, at + size)
    parts.push(`${part.length.toString(16)}\r\n${part}\r\n`)
  }
  return [...parts, '0\r\n\r\n']
}

export const NOTHING = { records: 0, events: 0, keys: 0 }

export const ULID = /^[0-9A-HJKMNP-TV-Z]{26}$/

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
