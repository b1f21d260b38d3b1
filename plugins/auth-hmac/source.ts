/** A source: where a value of the request is, written `header:x-id`, `json:a.b` or `sig:t`. */
import type { Exchange } from '#core/plugin.ts'

const TEXT = new TextDecoder()

/** One request while it is looked at; `pairs` are those of the signature header. */
export interface Look {
  readonly x: Exchange
  readonly pairs: Map<string, string>
  /** The parsed JSON; null when there is none. */
  document?: unknown
}

/** Undefined: the request has no such value, and whoever needs it must refuse. */
export type Source = (look: Look) => string | undefined

export interface Place {
  kind: 'header' | 'json' | 'sig'
  name: string
}

/** The parts of a source, or undefined when it is none. */
export function place(source: string): Place | undefined {
  const m = /^(?:(header):([\w.-]+)|(json|sig):(.+))$/.exec(source)
  if (!m) return undefined
  return m[1] ? { kind: 'header', name: m[2]!.toLowerCase() } : { kind: m[3] as 'json' | 'sig', name: m[4]! }
}

/** Whether two texts name one place of the request. */
export function same(a: string, b: string | undefined): boolean {
  const [one, other] = [place(a), b === undefined ? undefined : place(b)]
  return one !== undefined && one.kind === other?.kind && one.name === other.name
}

export function compileSource({ kind, name }: Place, jsonFormField: string | undefined): Source {
  if (kind === 'header') return ({ x }) => x.headers.get(name) || undefined
  if (kind === 'sig') return ({ pairs }) => pairs.get(name)
  const path = name.split('.')
  return look => {
    if (look.document === undefined) look.document = documentOf(look.x, jsonFormField) ?? null
    let value = look.document
    for (const key of path) {
      if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
      value = (value as Record<string, unknown>)[key]
    }
    return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined
  }
}

/**
 * Read from the bytes that are signed, never by `peek()`: that goes by the method and the Content-Type, which nobody signs, and so
 * could be made to find another value in the same bytes, or one in the query.
 */
function documentOf(x: Exchange, jsonFormField: string | undefined): unknown {
  const texts = jsonFormField === undefined ? [TEXT.decode(x.raw)] : (formOf(x)?.getAll(jsonFormField) ?? [])
  try {
    return texts.length === 1 ? JSON.parse(texts[0]!) : undefined
  } catch {
    return undefined
  }
}

/** The body as a form; undefined when it is sent as something else, which would be read differently further on. */
export function formOf(x: Exchange): URLSearchParams | undefined {
  const type = x.headers.get('content-type')?.split(';', 1)[0]?.trim().toLowerCase()
  return type === 'application/x-www-form-urlencoded' ? new URLSearchParams(TEXT.decode(x.raw)) : undefined
}
