/** A request out of a file: YAML or JSON, or an HTTP message as it was pasted from a log. */
import { isIP } from 'node:net'
import { parse } from 'yaml'
import { CommandFailure, EXIT } from './open.ts'
import { wholeFile } from './wholeFile.ts'

export interface Fixture {
  method: string
  path: string
  /** Without the question mark. */
  search: string
  headers: Headers
  raw: Uint8Array
  /** Epoch milliseconds; undefined when the file does not say. */
  at?: number
  ip?: string
}

const LARGEST = 32 * 1024 * 1024
const KEYS = ['method', 'path', 'url', 'headers', 'body', 'json', 'bodyBase64', 'receivedAt', 'ip']
const BOM = Buffer.from('\ufeff')
const START = /^(?:> )?([A-Z]{3,7}) (\S+) HTTP\/[\d.]+\r?$/

/** Ends the command with a sentence when the file is none. */
export function readFixture(file: string): Fixture {
  let bytes = wholeFile(file, LARGEST, { none: ' for --fixture' })
  // What some editors write before a text is no part of it.
  if (bytes.subarray(0, 3).equals(BOM)) bytes = bytes.subarray(3)
  const [first = ''] = bytes.subarray(0, 20_000).toString('latin1').split('\n', 1)
  return START.test(first) ? ofMessage(file, bytes) : ofDocument(file, bytes.toString())
}

const wrong = (file: string, what: string) => new CommandFailure(EXIT.usage, `--fixture: ${file} ${what}`)

function ofMessage(file: string, bytes: Buffer): Fixture {
  const [end, gap] = endOfHead(bytes)
  const lines = bytes.subarray(0, end).toString('latin1').split(/\r?\n/)
  const [, method = 'POST', target = '/'] = START.exec(`${lines.shift()}`) ?? []
  const headers = new Headers()
  for (const line of lines) {
    const text = line.replace(/^> /, '')
    const cut = text.indexOf(':')
    if (text.trim() === '' || text.trim() === '>') continue
    add(file, headers, cut < 0 ? text : text.slice(0, cut), cut < 0 ? undefined : text.slice(cut + 1).trim())
  }
  if (
    /chunked/i.test(headers.get('transfer-encoding') ?? '') &&
    /^[0-9a-f]+\r?\n/i.test(bytes.subarray(end + gap, end + gap + 20).toString())
  )
    throw wrong(file, 'holds a chunked body: write it as it was before it was cut into chunks')
  const rest = bytes.subarray(end + gap)
  const length = headers.get('content-length')
  // Editors end a file with a line break; without a length nobody can tell whether it was sent.
  const raw =
    length !== null && Number(length) <= rest.length ? rest.subarray(0, Number(length)) : length === null ? withoutEnd(rest) : rest
  if (length !== null && Number(length) > rest.length)
    throw wrong(file, `says Content-Length: ${length} and has ${rest.length} bytes of body: paste the whole of it`)
  return { method, ...targetOf(file, target), headers, raw: new Uint8Array(raw) }
}

function endOfHead(bytes: Buffer): [end: number, gap: number] {
  const ends = (['\r\n\r\n', '\n\n', '\n> \n', '\n>\n'] as const).map(gap => [bytes.indexOf(gap), gap.length] as [number, number])
  return ends.filter(([at]) => at >= 0).sort(([a], [b]) => a - b)[0] ?? [bytes.length, 0]
}

const withoutEnd = (bytes: Buffer) => bytes.subarray(0, bytes.length - (bytes.at(-1) === 10 ? (bytes.at(-2) === 13 ? 2 : 1) : 0))

function ofDocument(file: string, text: string): Fixture {
  let value: unknown
  try {
    value = parse(text, { maxAliasCount: 100 })
  } catch (error) {
    throw wrong(file, `is neither YAML nor an HTTP message: ${String((error as Error).message).split('\n', 1)[0]}`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw wrong(file, `must be a map of ${KEYS.join(', ')}, or an HTTP message that begins with POST /path HTTP/1.1`)
  const given = value as Record<string, unknown>
  for (const key of Object.keys(given)) if (!KEYS.includes(key)) throw wrong(file, `has '${key}': choose ${KEYS.join(', ')}`)
  const bodies = ['body', 'json', 'bodyBase64'].filter(key => given[key] !== undefined)
  if (bodies.length > 1) throw wrong(file, `has ${bodies.join(' and ')}: take one of them`)
  const headers = new Headers()
  const pairs = Array.isArray(given.headers) ? given.headers : Object.entries((given.headers as object | undefined) ?? {})
  for (const pair of pairs) {
    const [name, item] = Array.isArray(pair) ? pair : []
    for (const one of [item].flat()) add(file, headers, String(name), one === undefined || one === null ? undefined : String(one))
  }
  if (given.json !== undefined && !headers.has('content-type')) headers.set('content-type', 'application/json')
  const at = given.receivedAt === undefined ? undefined : timeOf(given.receivedAt)
  if (at !== undefined && Number.isNaN(at))
    throw wrong(file, 'has a receivedAt that is no time: write 2026-01-15T12:00:00Z, or seconds since 1970')
  if (given.ip !== undefined && (typeof given.ip !== 'string' || !isIP(given.ip)))
    throw wrong(file, 'has an ip that is no address: write 192.0.2.1, say')
  const target = given.url ?? given.path
  return {
    method: typeof given.method === 'string' ? given.method.toUpperCase() : 'POST',
    ...targetOf(file, typeof target === 'string' ? target : '/'),
    headers,
    raw: new Uint8Array(rawOf(file, given)),
    ...(at !== undefined && { at }),
    ...(given.ip !== undefined && { ip: given.ip as string }),
  }
}

function rawOf(file: string, { body, json, bodyBase64 }: Record<string, unknown>): Buffer {
  if (json !== undefined) return Buffer.from(JSON.stringify(json))
  if (bodyBase64 !== undefined) return Buffer.from(String(bodyBase64), 'base64')
  if (body === undefined || body === null) return Buffer.alloc(0)
  if (typeof body !== 'string') throw wrong(file, 'has a body that is no text: write the bytes as they came, or `json:`')
  return Buffer.from(body)
}

function add(file: string, headers: Headers, name: string, value: string | undefined): void {
  try {
    if (value === undefined) throw new TypeError('no value')
    headers.append(name.trim(), value)
  } catch {
    throw wrong(file, `has a header that is none: '${name.slice(0, 60)}'`)
  }
}

function targetOf(file: string, text: string): { path: string; search: string } {
  const url = /^https?:\/\//.test(text) ? URL.parse(text) : undefined
  if (url === null || (!url && !text.startsWith('/')))
    throw wrong(file, `has the address '${text.slice(0, 60)}': write a path such as /hooks/a, or a URL`)
  const target = url ? url.pathname + url.search : text
  const mark = target.indexOf('?')
  return { path: mark < 0 ? target : target.slice(0, mark), search: mark < 0 ? '' : target.slice(mark + 1) }
}

function timeOf(given: unknown): number {
  if (given instanceof Date) return given.getTime()
  const text = String(given)
  if (/^\d{9,13}(?:\.\d+)?$/.test(text)) return Math.round(Number(text) * (Number(text) > 1e11 ? 1 : 1000))
  return /^\d{4}-\d\d-\d\dT/.test(text) ? Date.parse(text) : Number.NaN
}
