/** The signed text: `{timestamp}.{body}` compiled to the pieces that a hash is fed with. */
import type { Exchange } from '#core/plugin.ts'
import { formOf } from './form.ts'
import { compileSource, type Look, place, type Source, same } from './source.ts'

/** The pieces in order, or the token that has no value. Taken for empty, it would leave the signature covering less than it says. */
export type Template = (look: Look) => (string | Uint8Array)[] | string

/** Literal text at even, tokens at odd places. */
export const split = (signed: string): string[] => signed.split(/\{([^{}]*)\}/)

/** What is wrong with a template, if anything. */
export function fault(signed: string): string | undefined {
  for (const [i, part] of split(signed).entries()) {
    if (i % 2 === 0 ? /[{}]/.test(part) : !/^(body|timestamp|method|url|form:sorted)$/.test(part) && !place(part))
      return `'${part}' is no token: write {body}, {timestamp}, {method}, {url}, {form:sorted}, {header:X}, {json:p} or {sig:k}`
  }
  return undefined
}

/**
 * The text behind a source in what is signed. Where the source's own value may have it, what is signed can be cut in two ways, and the
 * beginning of the body be passed off as the end of an id.
 */
export function behind(signed: string, source: string | undefined): string | undefined {
  const parts = split(signed)
  const at = parts.findIndex((part, i) => i % 2 === 1 && same(part, source))
  return at < 0 ? undefined : parts[at + 1] || undefined
}

/** Whether nothing tells where the URL ends and the body begins. */
export const runsOn = (signed: string): boolean => signed.includes('{url}{body}')

export interface Around {
  timestamp: Source | undefined
  publicUrl: string | undefined
  jsonFormField: string | undefined
}

export function compileTemplate(signed: string, around: Around): Template {
  const parts = split(signed).map((part, i) => (i % 2 ? { token: part, read: compileToken(part, around) } : part))
  return look => {
    const pieces: (string | Uint8Array)[] = []
    let text = '' // neighbours go to the hash in one call
    for (const part of parts) {
      const value = typeof part === 'string' ? part : part.read(look)
      if (value === undefined) return (part as { token: string }).token
      if (typeof value === 'string') text += value
      else {
        if (text) pieces.push(text)
        pieces.push(value)
        text = ''
      }
    }
    if (text) pieces.push(text)
    return pieces
  }
}

function compileToken(token: string, around: Around): (look: Look) => string | Uint8Array | undefined {
  if (token === 'body') return look => look.body ?? look.x.raw
  if (token === 'timestamp' && around.timestamp) return around.timestamp
  if (token === 'method') return ({ x }) => x.method
  if (token === 'url') return look => look.url ?? (around.publicUrl && urlOf(look.x, around.publicUrl))
  if (token === 'form:sorted') return ({ x }) => sorted(formOf(x))
  const source = place(token)
  return source ? compileSource(source, around.jsonFormField) : () => undefined
}

/** As the sender wrote it, but for the scheme and host, which only the configuration can tell. */
export function urlOf(x: Exchange, publicUrl: string): string {
  return publicUrl + x.path + (x.search && `?${x.search}`)
}

function sorted(form: Map<string, string[]> | undefined): string | undefined {
  if (!form) return undefined
  let text = ''
  for (const name of [...form.keys()].sort()) for (const value of [...new Set(form.get(name))].sort()) text += name + value
  return text
}
