/** A request as a line for the shell, in which secrets are the variables that hold them. */
import type { Webhook } from '../config/config.ts'
import { flattened } from '../config/nested.ts'
import type { Draft } from '../plugin.ts'

/** Secret to the name of a variable, the longest secret first. */
export type Names = readonly (readonly [secret: string, variable: string])[]

/** Those of a webhook's chain, by the names that the YAML gives them. */
export function secretNames(webhook: Webhook, secretValues: readonly string[], more: Readonly<Record<string, string>> = {}): Names {
  const known = new Set(secretValues)
  const names = new Map<string, string>()
  const walk = (value: unknown, shown: unknown) => {
    if (typeof value === 'string') {
      if (value === '' || !known.has(value) || names.has(value)) return
      const [, name] = /\$\{(?:secret:|file:)?([^}:]+)/.exec(String(shown)) ?? []
      names.set(
        value,
        (name ?? '')
          .replace(/\W+/g, '_')
          .replace(/^(?=\d)/, '_')
          .replace(/^_+$/, '') || 'SECRET',
      )
    } else if (typeof value === 'object' && value !== null)
      for (const [key, inner] of Object.entries(value)) walk(inner, (shown as Record<string, unknown> | undefined)?.[key])
  }
  for (const step of webhook.chain.flatMap(flattened)) walk(step.settings, step.shown)
  // A secret that is only a part of a setting, or was made of one, is no value of the chain: it has no name, but is one all the same.
  for (const value of secretValues) if (value.length >= 6 && !names.has(value)) names.set(value, 'SECRET')
  for (const [variable, value] of Object.entries(more)) if (value) names.set(value, variable)
  return [...names].sort(([a], [b]) => b.length - a.length)
}

/** `names` empty shows every secret. */
export function curlLine(draft: Draft, names: Names): string {
  const parts = ['curl', ...(draft.method === 'POST' ? [] : [`-X ${draft.method}`]), quoted(draft.url.href, names)]
  for (const [name, value] of draft.headers) {
    const pair = name === 'authorization' ? pairOf(value) : undefined
    parts.push(pair === undefined ? `-H ${quoted(`${name}: ${value}`, names)}` : `-u ${quoted(pair, names)}`)
  }
  const text = textOf(draft.body)
  if (text === undefined) {
    const base64 = Buffer.from(draft.body).toString('base64')
    return `printf %s ${base64} | base64 -d | ${[...parts, '--data-binary @-'].join(' \\\n  ')}`
  }
  if (draft.body.length > 0) parts.push(`--data-raw ${quoted(text, names)}`)
  return parts.join(' \\\n  ')
}

/** User and password of Basic, which hides a secret in base64. */
function pairOf(value: string): string | undefined {
  const [, base64] = /^basic ([A-Za-z0-9+/=]+)$/i.exec(value) ?? []
  return base64 === undefined ? undefined : Buffer.from(base64, 'base64').toString()
}

/** What a machine is told. */
export function shownDraft(draft: Draft, names: Names): Record<string, unknown> {
  const text = textOf(draft.body)
  return {
    method: draft.method,
    url: masked(draft.url.href, names),
    headers: Object.fromEntries([...draft.headers].map(([name, value]) => [name, maskedHeader(name, value, names)])),
    ...(text === undefined ? { bodyBase64: Buffer.from(draft.body).toString('base64') } : { body: masked(text, names) }),
  }
}

function maskedHeader(name: string, value: string, names: Names): string {
  const pair = name === 'authorization' ? pairOf(value) : undefined
  const shown = pair && masked(pair, names)
  return shown !== undefined && shown !== pair ? `Basic base64(${shown})` : masked(value, names)
}

function masked(text: string, names: Names): string {
  return split(text, names)
    .map((part, i) => (i % 2 ? `$${part}` : part))
    .join('')
}

/** Single quotes where nothing is to be filled in. */
function quoted(text: string, names: Names): string {
  const parts = split(text, names)
  if (parts.length === 1) return `'${text.replaceAll("'", "'\\''")}'`
  return `"${parts.map((part, i) => (i % 2 ? `\${${part}}` : part.replace(/["\\$`]/g, '\\$&'))).join('')}"`
}

/** Text at even places, names of variables at odd ones. */
function split(text: string, names: Names): string[] {
  let parts = [text]
  for (const [secret, variable] of names)
    for (const form of new Set([secret, encodeURIComponent(secret.toWellFormed()), JSON.stringify(secret).slice(1, -1)]))
      parts = parts.flatMap((part, i) => (i % 2 ? [part] : part.split(form).flatMap((piece, n) => (n ? [variable, piece] : [piece]))))
  return parts
}

function textOf(body: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body)
    return text.includes('\0') ? undefined : text
  } catch {
    return undefined
  }
}
