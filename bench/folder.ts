/** A configuration of many webhooks, as a folder of files that each stay under the cap of one file. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Bytes; a file of a configuration may have 1 MB. */
const MOST = 900_000

export interface Many {
  webhooks: number
  /** Kinds of records that they share; each has a schema of its own. */
  entities?: number
  /** One that listens to every hundredth webhook; where it gets the events. */
  sink?: string
}

/** The secret of one webhook: each has its own. */
export const secretOf = (i: number) => `whsk_${String(i).padStart(6, '0')}_0123456789abcdef0123`
export const nameOf = (i: number) => `tenant-${String(i).padStart(5, '0')}`
export const pathOf = (i: number) => `/hooks/${nameOf(i)}/orders`

/** Writes the folder; the process finds its ports and its store in `PORT`, `ADMIN_PORT` and `DATABASE_URL`. */
export function writeMany(folder: string, { webhooks, entities = 200, sink }: Many): void {
  mkdirSync(folder, { recursive: true })
  const kinds = Math.min(entities, webhooks)
  const process = `version: 1
server: { port: "\${PORT}", host: 127.0.0.1, drainDelay: 0s }
store: { url: "\${DATABASE_URL}" }
admin: { port: "\${ADMIN_PORT}" }
entities:
`
  writeFileSync(join(folder, '00-process.yaml'), process + Array.from({ length: kinds }, (_, i) => entity(i)).join(''))
  let lines: string[] = []
  let size = 0
  let files = 0
  const flush = () => {
    if (lines.length > 0)
      writeFileSync(join(folder, `10-webhooks-${String(files++).padStart(3, '0')}.yaml`), `webhooks:\n${lines.join('')}`)
    lines = []
    size = 0
  }
  for (let i = 0; i < webhooks; i++) {
    const text = webhook(i, kinds)
    if (size + text.length > MOST) flush()
    lines.push(text)
    size += text.length
  }
  flush()
  if (sink === undefined) return
  const heard = Array.from({ length: Math.ceil(webhooks / 100) }, (_, i) => i * 100)
  const subscriptions = heard.map(
    i => `  ${nameOf(i)}: { webhooks: [${nameOf(i)}], events: [record.created, record.updated], to: [sink] }\n`,
  )
  const destination = `destinations:\n  sink: { url: "${sink}", allowPrivate: true, secrets: ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] }\n`
  writeFileSync(join(folder, '20-subscriptions.yaml'), `subscriptions:\n${subscriptions.join('')}${destination}`)
}

const entity = (i: number) => `  order-${i}:
    unknown: drop
    schema:
      type: object
      required: [id, region, sales]
      properties:
        id: { type: string, maxLength: 100 }
        region: { type: string, enum: [North, South, East, West] }
        sales: { type: integer, minimum: 0 }
        target: { type: integer }
        updated: { type: string, format: date-time }
        note: { type: string, maxLength: ${1000 + i} }
`

const webhook = (i: number, kinds: number) => `  ${nameOf(i)}:
    path: ${pathOf(i)}
    bodyLimit: 256KiB
    chain:
      - auth-hmac: { secrets: ["${secretOf(i)}"], preset: inspire }
      - replay-window
      - idempotency: { header: X-Idempotency-Key, ttl: 24h }
      - validation: { entity: order-${i % kinds} }
      - upsert: { entity: order-${i % kinds} }
      - dispatch
`
