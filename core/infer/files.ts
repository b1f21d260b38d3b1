/** Samples out of a file: one payload, a list or lines of them, captured requests, or a HAR archive. */
import { lossyNumber } from '../request/survey.ts'
import type { Taken } from './infer.ts'

export interface FileSamples {
  samples: Taken[]
  /** What the file was taken for. */
  as: string
}

type Json = Record<string, unknown>

/** Samples of one file that are looked at. */
const MOST = 10_000

/** Reads a text; `listAs` makes one payload of a list. */
export function samplesOf(text: string, file: string, listAs?: string): FileSamples {
  const json = text.replace(/^\ufeff/, '')
  const whole = parsed(json)
  if (whole === undefined) return lines(json, file, listAs)
  const at = (i: number) => `${file}[${i}]`
  const { value } = whole
  const lost = lostIn(json)
  if (Array.isArray(value)) {
    if (listAs !== undefined)
      return {
        samples: [lost ? { skipped: lost } : { payload: { [listAs]: value }, at: file }],
        as: `one payload, a list that becomes the field ${listAs}`,
      }
    return {
      samples: bounded(value.map((item, i) => sampleOf(item, at(i)))),
      as: `a list of payloads, ${value.length} of them (where the list is one payload: --list-as FIELD)${lost ? `; ${lost}` : ''}`,
    }
  }
  const entries = isObject(value) && isObject(value.log) ? value.log.entries : undefined
  if (Array.isArray(entries)) return { samples: bounded(entries.map(fromHar)), as: `a HAR archive of ${entries.length} requests` }
  const captured = isObject(value) && isObject(value.data) && isCaptured(value.data)
  return { samples: [lost && !captured ? { skipped: lost } : sampleOf(value, file)], as: captured ? 'a captured request' : 'one payload' }
}

function lines(text: string, file: string, listAs: string | undefined): FileSamples {
  const all = text.split(/\r?\n/).flatMap((line, i) => (line.trim() === '' ? [] : [{ line, at: `${file}:${i + 1}` }]))
  const samples = all.slice(0, MOST + 1).map(({ line, at }): Taken => {
    const one = parsed(line)
    if (!one) return { skipped: 'no JSON' }
    const lost = lostIn(line)
    if (lost) return { skipped: lost }
    return listAs !== undefined && Array.isArray(one.value) ? { payload: { [listAs]: one.value }, at } : sampleOf(one.value, at)
  })
  return { samples: bounded(samples), as: `${all.length} lines of JSON` }
}

function sampleOf(value: unknown, at: string): Taken {
  if (Array.isArray(value)) return { skipped: 'a list where a payload should be: --list-as FIELD takes it' }
  if (!isObject(value)) return { skipped: 'no JSON object' }
  const captured = isObject(value.data) && isCaptured(value.data) ? value.data : isCaptured(value) ? value : undefined
  if (!captured) return { payload: value, at }
  if (captured.encoded === true || captured.outcome === 'replayed') return { skipped: captured.encoded ? 'no text' : 'a repeated delivery' }
  return fromText(String(captured.body), headersOf(captured.headers), String(captured.received_at))
}

/** What `postern requests show --json` prints. */
function isCaptured(value: Json): boolean {
  return typeof value.body === 'string' && isObject(value.headers) && typeof value.received_at === 'string' && 'outcome' in value
}

function fromHar(entry: unknown): Taken {
  const request = isObject(entry) && isObject(entry.request) ? entry.request : {}
  const body = isObject(request.postData) ? request.postData.text : undefined
  if (typeof body !== 'string') return { skipped: 'without a body' }
  const pairs = Array.isArray(request.headers) ? request.headers.filter(isObject).map(({ name, value }) => [String(name), value]) : []
  return fromText(body, headersOf(Object.fromEntries(pairs)), isObject(entry) ? String(entry.startedDateTime ?? '') : '')
}

function fromText(body: string, headers: Record<string, string>, at: string): Taken {
  const read = parsed(body)
  const lost = read && lostIn(body)
  if (lost) return { skipped: lost }
  if (read && isObject(read.value)) return { payload: read.value, headers, ...(at && { at }) }
  const form = (headers['content-type'] ?? '').toLowerCase().startsWith('application/x-www-form-urlencoded')
  return form
    ? { payload: Object.fromEntries(new URLSearchParams(body)), headers, ...(at && { at }) }
    : { skipped: read ? 'no JSON object' : 'no JSON, or cut' }
}

/** Of a JSON text: what the gateway would not take, since parsing changes it without a word. */
function lostIn(json: string): string | undefined {
  if (!/\d{16}|\d[eE]/.test(json)) return undefined
  const path = lossyNumber(json)
  return path === undefined ? undefined : `the number at ${path} would lose digits, and the gateway refuses it: have it sent as text`
}

function headersOf(value: unknown): Record<string, string> {
  const all = isObject(value) ? Object.entries(value) : []
  return Object.fromEntries(all.flatMap(([name, text]) => (typeof text === 'string' ? [[name.toLowerCase(), text]] : [])))
}

function bounded(samples: Taken[]): Taken[] {
  if (samples.length <= MOST) return samples
  return [...samples.slice(0, MOST), ...samples.slice(MOST).map(() => ({ skipped: `beyond the first ${MOST} of its file` }))]
}

/** Undefined for what is no JSON, or too deep for the parser. */
function parsed(text: string): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) }
  } catch {
    return undefined
  }
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
