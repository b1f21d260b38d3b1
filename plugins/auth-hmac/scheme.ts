/** A scheme: what the preset says, what the settings say instead, and the defaults. Nothing of it ever comes from a request. */
import { presets } from './presets/index.ts'
import type { Preset, Settings } from './settings.ts'
import { place, same } from './source.ts'
import { split } from './template.ts'

export interface Scheme {
  kind: 'hmac' | 'ed25519' | 'ecdsa-p256'
  algorithm: 'sha1' | 'sha256' | 'sha512'
  encoding: 'hex' | 'base64'
  secret: { encoding: 'utf8' | 'base64' | 'hex'; stripPrefix: string }
  require: Record<string, string>
  signature: { from: string[]; list?: string; kv?: string; key?: string; prefix?: string }
  timestamp?: { from?: string; format: 'unix' | 'unix_ms' | 'rfc3339'; tolerance: number; future: number }
  signed: string
  id?: string
  jsonFormField?: string
  page?: string
}

/** The whole scheme; undefined when the preset is not known, or nothing says where the signature is. */
export function resolve({ secrets: _, preset, secret, signature, timestamp, ...own }: Settings): Scheme | undefined {
  const found: Partial<Preset> | undefined = preset === undefined ? {} : presets.get(preset)
  const from = signature?.from ?? found?.signature?.from
  if (!found || !from) return undefined
  const { secret: baseSecret, signature: baseSignature, timestamp: baseTimestamp, ...base } = found
  const scheme: Scheme = {
    kind: 'hmac',
    algorithm: 'sha256',
    encoding: 'hex',
    require: {},
    signed: '{body}',
    ...base,
    ...own,
    secret: { encoding: 'utf8', stripPrefix: '', ...baseSecret, ...secret },
    signature: { ...baseSignature, ...signature, from: [from].flat() },
  }
  if (timestamp || baseTimestamp) {
    const merged = { tolerance: 5 * 60_000, ...baseTimestamp, ...timestamp }
    scheme.timestamp = { format: 'unix', future: merged.tolerance, ...merged }
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
