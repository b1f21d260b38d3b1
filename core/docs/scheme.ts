/** A signing scheme as `x-postern-signature` of a security scheme has it. Nothing of it is secret. */

export interface Scheme {
  kind: 'hmac' | 'ed25519' | 'ecdsa-p256'
  algorithm: 'sha1' | 'sha256' | 'sha512'
  encoding: 'hex' | 'base64'
  secret: { encoding: 'utf8' | 'base64' | 'hex'; stripPrefix: string }
  /** Headers with a fixed value. */
  require: Record<string, string>
  signature: { from: string[]; list?: string; kv?: string; key?: string; prefix?: string }
  timestamp?: { from?: string; format: 'unix' | 'unix_ms' | 'rfc3339'; tolerance: number; future: number }
  /** Text with `{body}` `{timestamp}` `{method}` `{url}` `{header:X}` `{json:p}` `{sig:k}` in it. */
  signed: string
  id?: string
  jsonFormField?: string
  page?: string
}

/** The scheme; undefined when it is none, or one of another plugin's own kind. */
export function schemeOf(value: unknown): Scheme | undefined {
  const scheme = value as Partial<Scheme> | undefined
  if (typeof scheme !== 'object' || scheme === null) return undefined
  const whole =
    ['hmac', 'ed25519', 'ecdsa-p256'].includes(scheme.kind ?? '') &&
    ['sha1', 'sha256', 'sha512'].includes(scheme.algorithm ?? '') &&
    ['hex', 'base64'].includes(scheme.encoding ?? '') &&
    ['utf8', 'base64', 'hex'].includes(scheme.secret?.encoding ?? '') &&
    Array.isArray(scheme.signature?.from) &&
    typeof scheme.signed === 'string'
  return whole ? (scheme as Scheme) : undefined
}

/** A value's place in the request: `header:x-id`, `json:a.b`, `sig:t`. */
export function placeOf(text: string | undefined): { kind: 'header' | 'json' | 'sig'; name: string } | undefined {
  const [, kind, name] = /^(header|json|sig):(.+)$/.exec(text ?? '') ?? []
  if (!kind || !name) return undefined
  return { kind: kind as 'header' | 'json' | 'sig', name: kind === 'header' ? name.toLowerCase() : name }
}

/** What is signed, in pieces: text at even, tokens at odd places. */
export const pieces = (signed: string): string[] => signed.split(/\{([^{}]*)\}/)

/** `HMAC-SHA-256`, say. */
export function algorithmName({ kind, algorithm }: Scheme): string {
  if (kind === 'ed25519') return 'Ed25519'
  return kind === 'ecdsa-p256' ? 'ECDSA P-256 with SHA-256' : `HMAC-${algorithm.toUpperCase().replace('SHA', 'SHA-')}`
}
