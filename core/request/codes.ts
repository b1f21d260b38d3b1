/** The stable codes of what the gateway itself refuses; plugins add theirs. */
import type { Details, Refusal } from '../plugin.ts'

export const CODES = {
  NOT_FOUND: { status: 404, summary: 'There is no webhook here.' },
  METHOD_NOT_ALLOWED: { status: 405, summary: 'This webhook does not take this method.' },
  UNAUTHORIZED: { status: 401, summary: 'The credential, signature or timestamp is missing or wrong.' },
  INVALID_REQUEST: { status: 400, summary: 'The request line or the Host header is not valid.' },
  HTTPS_REQUIRED: { status: 403, summary: 'Send this request over HTTPS.' },
  INVALID_JSON: { status: 400, summary: 'The body is not a JSON object.' },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, summary: 'Send the body as UTF-8 JSON with Content-Type: application/json, not compressed.' },
  PAYLOAD_TOO_LARGE: { status: 413, summary: 'The body is larger than this webhook takes.' },
  REQUEST_TIMEOUT: { status: 408, summary: 'The body did not arrive in time.' },
  VALIDATION_FAILED: { status: 422, summary: 'The payload failed validation.' },
  UNAVAILABLE: { status: 503, summary: 'The gateway cannot take this request now.' },
  INTERNAL: { status: 500, summary: 'The gateway failed; nothing was written.' },
} as const

export type CoreCode = keyof typeof CODES

/** Seconds after which a sender should try an unavailable gateway again. */
const RETRY_AFTER = 1

export function refuse(code: CoreCode, more: { details?: Details | undefined; reason?: string | undefined } = {}): Refusal {
  return {
    kind: 'refusal',
    code,
    ...CODES[code],
    ...(more.details && { details: more.details }),
    ...(more.reason && { reason: more.reason }),
    ...(code === 'UNAVAILABLE' && { retryAfter: RETRY_AFTER }),
  }
}
