/** What of the body stands behind the URL in the signed text. */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { Exchange } from '#core/plugin.ts'
import { parameters } from './url.ts'

// A byte order mark stays: the core keeps it too, as part of the first name.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * The text, or why there is none. With a right hash of the body in the URL it is empty; a form without one is signed by its
 * parameters; any other body without one would come in unsigned.
 */
export function signedPart({ headers, query, raw }: Pick<Exchange, 'headers' | 'query' | 'raw'>): { text: string } | { reason: string } {
  const hashes = query.getAll('bodySHA256')
  if (hashes.length > 0) {
    // Judged for every body: without it, whoever has a signed URL could send it again with a form of no parameters.
    const wanted = createHash('sha256').update(raw).digest('hex')
    return hashes.length === 1 && same(hashes[0] as string, wanted) ? { text: '' } : { reason: 'body-hash-mismatch' }
  }
  if (raw.length === 0) return { text: '' }
  return isForm(headers) ? sortedForm(raw) : { reason: 'body-hash-missing' }
}

/** Whether the headers say that the body is a form. */
export function isForm(headers: Headers): boolean {
  return headers.get('content-type')?.split(';', 1)[0]?.trim().toLowerCase() === 'application/x-www-form-urlencoded'
}

/** Names in order, each with its values in order and without repetition, all run together. */
function sortedForm(raw: Uint8Array): { text: string } | { reason: string } {
  let pairs: ReturnType<typeof parameters>
  try {
    pairs = parameters(utf8.decode(raw))
  } catch {
    return { reason: 'malformed-form' }
  }
  if (typeof pairs === 'string') return { reason: pairs }
  const values = new Map<string, Set<string>>()
  for (const [name, value] of pairs) {
    const known = values.get(name)
    if (known) known.add(value)
    else values.set(name, new Set([value]))
  }
  let text = ''
  for (const name of [...values.keys()].sort()) for (const value of [...(values.get(name) ?? [])].sort()) text += name + value
  return { text }
}

/** Compares two texts of ASCII in constant time, but for their lengths, which are no secret. */
export function same(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)]
  return a.length === b.length && timingSafeEqual(a, b)
}
