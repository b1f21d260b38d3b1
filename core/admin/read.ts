/** Reads the query and the body of a request as the route's schemas want them; whatever is wrong is told by parameter. */
import type { TObject } from '@sinclair/typebox'
import { decodeSettings } from '../config/decode.ts'
import { readBody } from '../request/body.ts'
import { type Faults, Refused } from './problem.ts'

/** Bytes; a request of the admin API is small. */
const LARGEST_BODY = 65_536
/** Milliseconds. */
const BODY_TIMEOUT = 5000

/** A query by its schema; 400 for what does not fit it. */
export function readQuery(search: string, schema: TObject): Record<string, unknown> {
  const raw: Record<string, unknown> = Object.create(null)
  const faults: Faults = Object.create(null)
  for (const [name, value] of new URLSearchParams(search)) {
    if (name in raw) faults[name] = ['is there twice: write it once']
    raw[name] = schema.properties[name]?.type === 'integer' && /^-?\d{1,15}$/.test(value) ? Number(value) : value
  }
  return checked(raw, schema, faults, 400, 'INVALID_QUERY')
}

/** The body by its schema; no body is `{}`. */
export async function readJson(request: Request, schema: TObject): Promise<Record<string, unknown>> {
  const bytes = await readBody(request, LARGEST_BODY, BODY_TIMEOUT)
  if (bytes === 'too-large') throw new Refused(413, 'PAYLOAD_TOO_LARGE', `The body is larger than ${LARGEST_BODY} bytes.`)
  if (bytes === 'timeout' || bytes === 'aborted')
    throw new Refused(400, 'INVALID_BODY', 'The body did not come whole.', { headers: { connection: 'close' } })
  const type = request.headers.get('content-type') ?? 'application/json'
  if (bytes.length > 0 && !/^application\/json\s*(;|$)/i.test(type))
    throw new Refused(415, 'UNSUPPORTED_MEDIA_TYPE', 'The body must be JSON: send Content-Type: application/json.')
  const raw = bytes.length === 0 ? {} : parse(bytes)
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw))
    throw new Refused(422, 'VALIDATION_FAILED', 'The body must be a JSON object.', { details: { _general: ['must be a JSON object'] } })
  return checked(raw as Record<string, unknown>, schema, Object.create(null), 422, 'VALIDATION_FAILED')
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    throw new Refused(400, 'INVALID_JSON', 'The body is not JSON.')
  }
}

function checked(raw: Record<string, unknown>, schema: TObject, faults: Faults, status: number, code: string): Record<string, unknown> {
  const { value, problems } = decodeSettings(schema, raw)
  for (const { path, message } of problems) {
    const name = path.slice(1).replaceAll('/', '.').replaceAll('~1', '/').replaceAll('~0', '~') || '_general'
    faults[name] ??= [message.replace('unknown setting', status === 400 ? 'unknown parameter' : 'unknown field')]
  }
  for (const [name, given] of Object.entries(raw)) if (hasNul(given)) faults[name] ??= ['must not have the character U+0000 in it']
  const [first, ...others] = Object.entries(faults)
  if (!first) return value
  const title = [first, ...others]
    .map(([name, [fault]]) => said(name, fault as string))
    .join('; ')
    .replaceAll('?; ', '? ')
  throw new Refused(status, code, title.endsWith('?') ? title : `${title}.`, { details: faults })
}

/** `limit must be …`, but `limit: expected …`; some faults name the parameter themselves. */
function said(name: string, fault: string): string {
  if (name === '_general' || fault.startsWith('unknown ')) return fault
  return /^(must|is|has) /.test(fault) ? `${name} ${fault}` : `${name}: ${fault}`
}

/** Postgres has no such character in a text. */
function hasNul(value: unknown): boolean {
  return typeof value === 'string' ? value.includes('\0') : Array.isArray(value) && value.some(hasNul)
}
