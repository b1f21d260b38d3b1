/** A scheme: what the preset says, what the settings say instead, and the defaults. Nothing of it ever comes from a request. */
import { presets } from './presets/index.ts'
import type { Preset, Settings } from './settings.ts'
import { place, same } from './source.ts'
import { split } from './template.ts'

export interface Scheme {
  kind: 'hmac' | 'ed25519' | 'ecdsa-p256' | 'static'
  algorithm: 'sha1' | 'sha256' | 'sha512'
  encoding: 'hex' | 'base64'
  secret: { encoding: 'utf8' | 'base64' | 'hex'; stripPrefix: string }
  require: Record<string, string>
  /** Of the kind `static`, where the secret itself is. */
  signature: { from: string[]; list?: string; kv?: string; key?: string; prefix?: string }
  timestamp?: { from?: string; format: 'unix' | 'unix_ms' | 'rfc3339'; tolerance: number; future: number }
  /** Of the kind `static`, nothing. */
  signed: string
  bodyVariants: ('raw' | 'escapedUnicode')[]
  url: 'raw' | 'decoded'
  id?: string
  jsonFormField?: string
  page?: string
}

const DEFAULTS = {
  kind: 'hmac',
  algorithm: 'sha256',
  encoding: 'hex',
  secret: { encoding: 'utf8', stripPrefix: '' },
  require: {},
  signed: '{body}',
  bodyVariants: ['raw'],
  url: 'raw',
} satisfies Omit<Scheme, 'signature'>

/** The whole scheme; undefined when the preset is not known, or nothing says where the signature is. */
export function resolve({ secrets: _, preset, secret, signature, timestamp, from: place, prefix, ...own }: Settings): Scheme | undefined {
  const found: Partial<Preset> | undefined = preset === undefined ? {} : presets.get(preset)
  if (found && (own.kind ?? found.kind) === 'static') return resolveStatic(found, { from: place, prefix, id: own.id })
  const from = signature?.from ?? found?.signature?.from
  if (!found || !from) return undefined
  const { secret: baseSecret, signature: baseSignature, timestamp: baseTimestamp, from: _from, prefix: _prefix, ...base } = found
  const scheme: Scheme = {
    ...DEFAULTS,
    ...base,
    ...own,
    secret: { ...DEFAULTS.secret, ...baseSecret, ...secret },
    signature: { ...baseSignature, ...signature, from: [from].flat() },
  }
  if (timestamp || baseTimestamp) {
    const merged = { tolerance: 5 * 60_000, ...baseTimestamp, ...timestamp }
    scheme.timestamp = { format: 'unix', future: merged.tolerance, ...merged }
  }
  return scheme
}

function resolveStatic(
  { page, ...base }: Partial<Preset>,
  own: { from: string | undefined; prefix: string | undefined; id: string | undefined },
) {
  const from = own.from ?? base.from
  if (from === undefined) return undefined
  const prefix = own.prefix ?? base.prefix
  const id = own.id ?? base.id
  const scheme: Scheme = {
    ...DEFAULTS,
    kind: 'static',
    signature: { from: [from], ...(prefix !== undefined && { prefix }) },
    signed: '',
    ...(id !== undefined && { id }),
    ...(page !== undefined && { page }),
  }
  return scheme
}

/** The tokens of what is signed, without braces. */
export const tokensOf = ({ signed }: Scheme): string[] => split(signed).filter((_, i) => i % 2)

/** Whether the signature covers the timestamp. One that it does not cover anybody can renew; it must not feed `replay-window`. */
export function signsTime(scheme: Scheme): boolean {
  const from = scheme.timestamp?.from
  if (from === undefined) return false
  const tokens = tokensOf(scheme)
  return (
    tokens.includes('timestamp') || (place(from)?.kind === 'json' && tokens.includes('body')) || tokens.some(token => same(token, from))
  )
}
