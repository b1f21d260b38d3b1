/** Captured requests as samples: those that were let in, with their whole payload. */
import type { Webhook } from '../config/config.ts'
import { MASK } from '../request/mask.ts'
import { parsePayload } from '../request/payload.ts'
import { readingOf } from '../request/reading.ts'
import type { CapturedPayload } from '../store/readSamples.ts'
import type { Taken } from './infer.ts'

/** One row as a sample. What a stranger sent says nothing of what senders send. */
export function compileCaptured(webhook: Webhook): (row: CapturedPayload) => Taken {
  const verifies = new Set(webhook.chain.filter(item => item.plugin.phase === 'verify').map(item => item.plugin.name))
  const reading = readingOf(webhook)
  return row => {
    const { method, query, headers, body, encoded, size, outcome, code, steps } = row
    if (outcome === 'replayed') return { skipped: 'a repeated delivery' }
    const judged = steps.filter(step => verifies.has(step.plugin))
    if (outcome !== 'accepted' && (code === 'UNAUTHORIZED' || judged.length === 0 || judged.some(step => step.verdict !== 'passed')))
      return { skipped: 'not let in' }
    if (encoded) return { skipped: 'no text' }
    const raw = Buffer.from(body)
    if (method !== 'GET' && raw.length === 0) return { skipped: size > 0 ? 'its body is not kept' : 'without a body' }
    const type = headers['content-type'] ?? null
    const read = parsePayload({ method, contentType: type, contentEncoding: headers['content-encoding'] ?? null, query, raw, reading })
    if (read.ok) return { payload: read.payload, headers, at: row.received_at.toISOString() }
    // Masked bodies are shorter than they came, too, so that only a broken one tells.
    if (size > raw.length && read.code === 'INVALID_JSON')
      return { skipped: body.includes(MASK) ? 'its body is cut or masked' : 'its body was cut: raise capture.body of the webhook' }
    return { skipped: read.reason }
  }
}
