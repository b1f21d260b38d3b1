/** The payload of a request: the object that its JSON, its form or its query says, or why there is none. */
import type { Details } from '../plugin.ts'
import { lossyNumber, MAX_DEPTH, survey } from './survey.ts'

/** A payload, or the code of the refusal; `details` are for the sender, `reason` is for the operator. */
export type Payload = { ok: true; payload: Record<string, unknown>; format: 'json' | 'form' | 'query' } | Fault

/** How a webhook's bodies are read, where that is not as usual. */
export interface Reading {
  /** A body that is a bare list becomes this field of the payload. */
  listAs?: string
  /** Further media types, lower case, whose body is JSON. */
  accepts: ReadonlySet<string>
}

interface Fault {
  ok: false
  code: 'INVALID_JSON' | 'UNSUPPORTED_MEDIA_TYPE' | 'VALIDATION_FAILED'
  details?: Details
  reason: string
}

const MAX_PARAMETERS = 1000
/** Characters of a header that the operator is told. */
const LONGEST_TOLD = 40
const JSON_TYPE = /^application\/(?:json|[\w.-]+\+json)$/
const FORM_TYPE = 'application/x-www-form-urlencoded'
// A byte order mark stays in the text, where it is no JSON: RFC 8259 section 8.1 forbids senders to write one.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Parses what was sent: the query of a GET, otherwise JSON or a form. Of a key that stands twice in one JSON object the last counts, as
 * JSON.parse has it; a repeated parameter of a form or query becomes a list.
 */
export function parsePayload(sent: {
  method: string
  contentType: string | null
  contentEncoding: string | null
  /** Without the question mark, still percent-encoded. */
  query: string
  raw: Uint8Array
  reading?: Reading | undefined
}): Payload {
  if (sent.method === 'GET') return parameters(sent.query, 'query')
  const { contentType, contentEncoding, raw, reading } = sent
  if (contentEncoding && contentEncoding.trim().toLowerCase() !== 'identity') {
    return unsupported('Send the body without Content-Encoding.', `content-encoding ${toldOf(contentEncoding)}`)
  }
  const format = formatOf(contentType, reading?.accepts)
  if (!format) {
    const hint = 'Send JSON in UTF-8, with Content-Type: application/json.'
    return unsupported(hint, `content-type ${toldOf(contentType ?? '')}`)
  }
  let text: string
  try {
    text = utf8.decode(raw)
  } catch {
    return format === 'json' ? noJson('the body is not UTF-8') : invalid('', 'must be UTF-8.')
  }
  return format === 'json' ? json(text, raw, reading?.listAs) : form(text)
}

/** A header's value as the log may have it: nobody knows who reads that, or where. */
const toldOf = (value: string) => value.slice(0, LONGEST_TOLD).replace(/[^\x20-\x7e]/g, '?')

function formatOf(contentType: string | null, accepts?: ReadonlySet<string>): 'json' | 'form' | undefined {
  if (!contentType || contentType === 'application/json') return 'json'
  const [type = '', ...settings] = contentType.toLowerCase().split(';')
  for (const setting of settings) {
    const [name, value] = setting.split('=')
    if (name?.trim() === 'charset' && !/^\s*"?utf-?8"?\s*$/.test(value ?? '')) return undefined
  }
  const essence = type.trim()
  return JSON_TYPE.test(essence) || accepts?.has(essence) ? 'json' : essence === FORM_TYPE ? 'form' : undefined
}

function json(text: string, raw: Uint8Array, listAs: string | undefined): Payload {
  const seen = survey(raw)
  if (seen.deep) return noJson(`nested deeper than ${MAX_DEPTH} levels`)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // The runtime's own message quotes the body.
    return noJson(raw.length === 0 ? 'the body is empty' : 'the body is not JSON')
  }
  if (listAs !== undefined && Array.isArray(value)) value = { [listAs]: value }
  if (Array.isArray(value)) return noJson('the body is a JSON list, which `listAs` of the webhook would take')
  if (typeof value !== 'object' || value === null) return noJson('the body is JSON, but not an object')
  if (seen.escapes || text.includes('__proto__')) {
    const fault = unstorable(value, '')
    if (fault) return fault
  }
  if (seen.bigNumbers) {
    if (zeros(value) > ZEROS + ZEROS_PER_BYTE * raw.length)
      return invalid('', 'has too many numbers with large exponents, which take hundreds of digits written out; send them as text.')
    const path = lossyNumber(text)
    if (path !== undefined) return invalid(path, 'has a number that would lose digits; send it as text.')
  }
  return { ok: true, payload: value as Record<string, unknown>, format: 'json' }
}

/** Zeros that numbers with exponents may stand for: a payload of nothing but 1e±40 has no more, nor has any of 200 numbers. */
const ZEROS = 64 * 1024
const ZEROS_PER_BYTE = 8

/** Digits beyond those sent that the numbers take in the store, which knows no exponents: 1e308 is 5 bytes, and 309 there. */
function zeros(value: unknown): number {
  if (typeof value === 'number') {
    const size = Math.abs(value)
    return (size >= 1e21 && size < Infinity) || (size < 1e-6 && size > 0) ? Math.abs(Math.floor(Math.log10(size))) : 0
  }
  if (typeof value !== 'object' || value === null) return 0
  let sum = 0
  for (const inner of Object.values(value)) sum += zeros(inner)
  return sum
}

/** Finds the first key or text that Postgres cannot store or that would reach a prototype. */
function unstorable(value: unknown, path: string): Fault | undefined {
  if (typeof value === 'string') return storable(value) ? undefined : invalid(path, UNSTORABLE)
  if (typeof value !== 'object' || value === null) return undefined
  for (const key of Object.keys(value)) {
    const at = path === '' ? key : `${path}.${key}`
    if (key === '__proto__') return invalid(at, 'is not allowed.')
    if (!storable(key)) return invalid(path, 'has a key with a NUL character or half of a surrogate pair.')
    const fault = unstorable((value as Record<string, unknown>)[key], at)
    if (fault) return fault
  }
  return undefined
}

const UNSTORABLE = 'has a NUL character or half of a surrogate pair.'

function storable(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed()
}

function form(text: string): Payload {
  // What curl does with `-d '{…}'` when nothing else is said.
  if (/^\s*[{[]/.test(text)) {
    return unsupported('The body is JSON, but is sent as a form: send Content-Type: application/json.', 'JSON sent as a form')
  }
  return parameters(text, 'form')
}

/** URLSearchParams would replace broken percent-encoding and go on. */
function parameters(text: string, format: 'form' | 'query'): Payload {
  const payload: Record<string, unknown> = {}
  const pairs = text.split('&', MAX_PARAMETERS + 1)
  if (pairs.length > MAX_PARAMETERS) return invalid('', `must have at most ${MAX_PARAMETERS} parameters.`)
  for (const pair of pairs) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    const name = decoded(equals < 0 ? pair : pair.slice(0, equals))
    const value = equals < 0 ? '' : decoded(pair.slice(equals + 1))
    if (name === undefined || value === undefined) return invalid('', 'must be percent-encoded UTF-8.')
    if (name === '__proto__') return invalid(name, 'is not allowed.')
    if (name.includes('\0')) return invalid('', 'has a key with a NUL character.')
    if (value.includes('\0')) return invalid(name, UNSTORABLE)
    const earlier = Object.hasOwn(payload, name) ? payload[name] : undefined
    payload[name] = earlier === undefined ? value : Array.isArray(earlier) ? [...earlier, value] : [earlier, value]
  }
  return { ok: true, payload, format }
}

function decoded(text: string): string | undefined {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text
  if (!spaced.includes('%')) return spaced
  try {
    return decodeURIComponent(spaced)
  } catch {
    return undefined
  }
}

function noJson(reason: string): Fault {
  return { ok: false, code: 'INVALID_JSON', reason }
}

function unsupported(hint: string, reason: string): Fault {
  return { ok: false, code: 'UNSUPPORTED_MEDIA_TYPE', details: { _general: [hint] }, reason }
}

/** The value is not shown: it may be a secret of the sender's. */
function invalid(path: string, sentence: string): Fault {
  const field = path === '' || path.length > 200 ? undefined : path
  const details = { [field ?? '_general']: [field === undefined ? `The payload ${sentence}` : `The ${field} field ${sentence}`] }
  return { ok: false, code: 'VALIDATION_FAILED', details, reason: `${field ?? 'payload'} ${sentence}` }
}
