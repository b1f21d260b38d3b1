/** The requests of the benchmark: 300-byte bodies with unique ids and keys, each with its bearer key and its signature. */
import { createHmac } from 'node:crypto'
import { pathOf, secretOf } from './folder.ts'

export const BEARER = 'ik_bench_0123456789abcdef'
export const SIGNING_KEY = 'whsk_bench_0123456789abcdef'

let count = 0

/** One HTTP/1.1 request as bytes. `run` keeps the ids of one run apart from all others; the path `many:N` goes round N webhooks. */
export function request(to: string, run: string): Uint8Array {
  const id = `${run}-${++count}`
  const among = /^many:(\d+)$/.exec(to)?.[1]
  const [path, key] = among === undefined ? [to, SIGNING_KEY] : [pathOf(count % Number(among)), secretOf(count % Number(among))]
  const record = { id, region: 'North', sales: 142_000 + count, target: 130_000, updated: '2026-04-09T10:30:00Z', note: '' }
  record.note = 'x'.repeat(300 - JSON.stringify(record).length)
  const body = JSON.stringify(record)
  const timestamp = String(Math.floor(Date.now() / 1000))
  const signature = createHmac('sha256', key).update(`${timestamp}.${body}`).digest('hex')
  return new TextEncoder().encode(
    `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n` +
      `Authorization: Bearer ${BEARER}\r\nX-Webhook-Signature: sha256=${signature}\r\nX-Webhook-Timestamp: ${timestamp}\r\n` +
      `X-Idempotency-Key: key-${id}\r\n\r\n${body}`,
  )
}
