// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is the syntax under test
/** One configuration with something of everything, and what a change of its text means. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { load } from '#core/config/load.ts'
import { formatProblem } from '#core/config/problem.ts'
import type { Extension } from '#core/config/registry.ts'
import type { Change, Side } from '#core/plan/change.ts'
import { compare } from '#core/plan/compare.ts'
import { builtins } from '#plugins/index.ts'

export const BASE = `version: 1
server:
  publicUrl: https://hooks.example.com
  requireHttps: true
  trustedProxies: [10.0.0.0/16]
store: { url: "\${DATABASE_URL}" }
admin: { host: 127.0.0.1, token: "\${ADMIN_TOKEN}" }
retention: { events: 30d, deliveries: 30d, requests: 7d }
entities:
  order:
    unknown: drop
    schema: { type: object, required: [id], properties: { id: { type: string }, total: { type: number } } }
webhooks:
  orders:
    path: /orders
    methods: [POST, PUT]
    host: [a.example.com]
    bodyLimit: 256KiB
    dialect: shop
    capture: { mask: [card] }
    chain:
      - ip-allow: { allow: [192.0.2.0/24] }
      - auth-hmac: { secrets: ["\${KEY}", "\${secret:OLD_KEY}"], preset: stripe }
      - replay-window: { tolerance: 5m }
      - idempotency: { required: true, ttl: 24h }
      - quota: { records: 1000, rate: { limit: 10, per: 1s } }
      - mapping: { fields: { nr: id }, variables: { plan: plan } }
      - validation: { entity: order }
      - upsert: { entity: order, idField: id }
      - dispatch
  forms:
    path: /forms/{token}
    chain:
      - auth-url-token
      - dispatch
subscriptions:
  to-crm:
    webhooks: [orders, forms]
    when: event.type != "x"
    to: [crm]
destinations:
  crm:
    url: https://crm.example.com/hooks
    secrets: ["\${CRM_SECRET}"]
    ordered: true
    retry: { attempts: 10, backoff: 5s }
dialects:
  shop:
    success: { status: 201, body: { id: "{{record.id}}", ok: true } }
    codes: { VALIDATION_FAILED: { status: 400 } }
`

/** Pieces of the text, and what stands there instead. */
export type Edits = readonly (readonly [from: string, to: string])[]

export function edited(text: string, edits: Edits): string {
  for (const [from, to] of edits) {
    if (text.split(from).length !== 2) throw new Error(`'${from}' does not stand there once`)
    text = text.replace(from, () => to)
  }
  return text
}

/** What plugins there are besides the built-in ones. */
export async function sideOf(text: string, plugins: readonly Extension[] = []): Promise<Side> {
  const home = mkdtempSync(join(tmpdir(), 'postern-plan-'))
  try {
    writeFileSync(join(home, 'c.yaml'), text)
    const { config, problems, at } = await load(join(home, 'c.yaml'), {
      env: {},
      builtins: [...builtins, ...plugins],
      importPlugin: () => Promise.reject(new Error('none')),
      unsetStays: true,
      tolerates: ({ message }) => message.includes('which is not declared'),
    })
    if (!config) throw new Error(problems.map(formatProblem).join('\n'))
    return { config, at }
  } finally {
    rmSync(home, { recursive: true, force: true })
  }
}

/** The changes between two texts. */
export async function changes(old: string, now: string, plugins?: readonly Extension[]): Promise<Change[]> {
  return compare({ old: await sideOf(old, plugins), new: await sideOf(now, plugins) })
}

/** `breaking method-removed webhooks.orders.methods`, one a line. */
export async function told(edits: Edits, base = BASE): Promise<string[]> {
  return (await changes(base, edited(base, edits))).map(({ severity, rule, path }) => `${severity} ${rule} ${path}`)
}
