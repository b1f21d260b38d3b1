/** The body as a form. */
import type { Exchange } from '#core/plugin.ts'

const FORM = 'application/x-www-form-urlencoded'
/** The core takes no more parameters either. */
const MOST = 1000
// A byte order mark stays: it is part of the first name.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Whether it is sent as one; as something else it would be read differently further on. */
export function isForm({ headers }: Pick<Exchange, 'headers'>): boolean {
  const type = headers.get('content-type')
  return type === FORM || type?.split(';', 1)[0]?.trim().toLowerCase() === FORM
}

/**
 * Each name with its values, in the order in which they came; undefined when it is no form. Read as the payload is later, and never by
 * URLSearchParams, which leaves out a question mark before the first name: the same bytes would be signed by one name and stored by another.
 */
export function formOf(x: Pick<Exchange, 'headers' | 'raw'>): Map<string, string[]> | undefined {
  if (!isForm(x)) return undefined
  const text = textOf(x.raw)
  const pairs = text?.split('&', MOST + 1)
  if (!pairs || pairs.length > MOST) return undefined
  const form = new Map<string, string[]>()
  for (const pair of pairs) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    const name = decoded(equals < 0 ? pair : pair.slice(0, equals))
    const value = equals < 0 ? '' : decoded(pair.slice(equals + 1))
    if (name === undefined || value === undefined) return undefined
    const known = form.get(name)
    if (known) known.push(value)
    else form.set(name, [value])
  }
  return form
}

function textOf(raw: Uint8Array): string | undefined {
  try {
    return utf8.decode(raw)
  } catch {
    return undefined
  }
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return undefined
  }
}
