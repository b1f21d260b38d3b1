/** A gateway with webhooks of all kinds, subscriptions and destinations, and a way to look into its store. */
import pg from 'pg'
import { freshDatabase } from '../support/postgres.ts'
import { type Gateway, gateway, type Runtime } from '../support/process.ts'
import type { Sink } from './sink.ts'

export const ADMIN = 'admin-token-for-tests'

/** Webhooks: `things` writes records, `notes` none, `guarded` has a loop guard. */
export const webhooks = `
version: 1
server: { port: "\${PORT}", host: 127.0.0.1, drainDelay: 0s, publicUrl: "https://hooks.example.com" }
store: { url: "\${DATABASE_URL}" }
admin: { port: "\${ADMIN_PORT}", token: ${ADMIN} }
webhooks:
  things:
    path: /things
    chain: [{ auth-none: { reason: test } }, { mapping: { variables: { plan: plan } } }, { upsert: { entity: thing } }, dispatch]
  more:
    path: /more
    chain: [{ auth-none: { reason: test } }, { upsert: { entity: thing } }, dispatch]
  notes:
    path: /notes
    chain: [{ auth-none: { reason: test } }, dispatch]
  guarded:
    path: /guarded
    chain: [{ auth-none: { reason: test } }, { loop-guard: { header: X-Postern-Webhook-Id } }, { upsert: { entity: thing } }, dispatch]
  trusting:
    path: /trusting
    chain: [{ auth-none: { reason: test } }, { loop-guard: { header: X-Postern-Webhook-Id, trust: any } }, { upsert: { entity: thing } }, dispatch]
`

export interface Running extends Gateway {
  readonly database: string
  /** Sends JSON, expecting a 2xx. */
  send(webhook: string, body: unknown, headers?: Record<string, string>): Promise<Response>
  /** Calls the admin API. */
  admin(path: string, init?: { method?: string; body?: unknown }): Promise<any>
  rows<Row = Record<string, any>>(text: string, values?: unknown[]): Promise<Row[]>
  /** Waits until the query's first column of its first row is this. */
  becomes(text: string, wanted: unknown, ms?: number): Promise<void>
}

/** Starts a gateway with these sections beside the webhooks; \`SINK\` in them is the sink's address. */
export async function running(
  sections: string,
  {
    sink,
    database,
    file,
    runtime = 'bun',
    env = {},
  }: {
    sink?: Sink
    database?: string /** In place of the webhooks and sections. */
    file?: string
    runtime?: Runtime
    env?: Record<string, string>
  } = {},
): Promise<Running> {
  const url = database ?? (await freshDatabase()).url
  const config = file ?? webhooks + sections.replaceAll('SINK', sink?.url ?? '')
  const started = await gateway({ runtime, config, env: { DATABASE_URL: url, ...env } })
  const query = async (text: string, values: unknown[] = []) => {
    const client = new pg.Client(url)
    await client.connect()
    try {
      return (await client.query(text, values)).rows as any[]
    } finally {
      await client.end()
    }
  }
  return {
    ...started,
    database: url,
    log: started.log,
    async send(webhook, body, headers = {}) {
      const response = await fetch(`${started.url}/${webhook}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body),
      })
      if (!response.ok) throw new Error(`${response.status} ${await response.text()}`)
      return response
    },
    async admin(path, { method = 'GET', body } = {}) {
      const response = await fetch(`${started.adminUrl}/admin/v1/${path}`, {
        method,
        headers: { authorization: `Bearer ${ADMIN}`, ...(body !== undefined && { 'content-type': 'application/json' }) },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      })
      const text = await response.text()
      if (!response.ok) throw new Error(`${response.status} ${text}`)
      return text === '' ? undefined : JSON.parse(text)
    },
    rows: query,
    async becomes(text, wanted, ms = 15_000) {
      const deadline = Date.now() + ms
      for (;;) {
        const [row] = await query(text)
        const value = row && Object.values(row)[0]
        if (value === wanted || (typeof value === 'string' && Number(value) === wanted)) return
        if (Date.now() > deadline) throw new Error(`${text}: ${value}, not ${wanted}, within ${ms} ms\n${started.log()}`)
        await new Promise(done => setTimeout(done, 25))
      }
    },
  }
}
