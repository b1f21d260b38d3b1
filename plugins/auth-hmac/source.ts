/** A source: where a value of the request is, written `header:x-id`, `json:a.b` or `sig:t`. */
import type { Exchange } from '#core/plugin.ts'
import { formOf } from './form.ts'

const TEXT = new TextDecoder()

/** One request while it is looked at; `pairs` are those of the signature header. */
export interface Look {
  readonly x: Exchange
  readonly pairs: Map<string, string>
  /** The parsed JSON; null when there is none. */
  document?: unknown
  /** Stand in for the body and the URL as they came, while another form of them is tried. */
  body?: Uint8Array | undefined
  url?: string | undefined
}

/** Undefined: the request has no such value, and whoever needs it must refuse. */
export type Source = (look: Look) => string | undefined

export interface Place {
  kind: 'header' | 'json' | 'sig'
  /** Of numbered headers, that of the first. */
  name: string
  /** How many headers there may be, for a place such as `header:x-signature-{1..100}`. */
  count?: number
}

/** The parts of a source, or undefined when it is none. */
export function place(source: string): Place | undefined {
  const m = /^(?:(header):([\w.-]+)(?:\{1\.\.(100|[1-9]\d?)\})?|(json|sig):(.+))$/.exec(source)
  if (!m) return undefined
  if (!m[1]) return { kind: m[4] as 'json' | 'sig', name: m[5]! }
  const name = m[2]!.toLowerCase()
  return m[3] ? { kind: 'header', name: `${name}1`, count: Number(m[3]) } : { kind: 'header', name }
}

/** The headers of a place, numbered ones each by its name. */
export function numbered({ kind, name, count }: Place): Place[] {
  return count === undefined ? [{ kind, name }] : Array.from({ length: count }, (_, i) => ({ kind, name: name.slice(0, -1) + (i + 1) }))
}

/** Whether two texts name one place of the request. */
export function same(a: string, b: string | undefined): boolean {
  const [one, other] = [place(a), b === undefined ? undefined : place(b)]
  return one !== undefined && one.kind === other?.kind && one.name === other.name
}

export function compileSource({ kind, name }: Place, jsonFormField: string | undefined): Source {
  if (kind === 'header') return ({ x }) => x.headers.get(name) || undefined
  if (kind === 'sig') return ({ pairs }) => pairs.get(name)
  const find = compilePath(name, jsonFormField)
  return look => {
    const value = find(look)
    return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined
  }
}

/** The same, of an id. What two deliveries may have in common names neither: true or false, no text at all, a number that has lost digits. */
export function compileId({ kind, name }: Place, jsonFormField: string | undefined): Source {
  if (kind !== 'json') return compileSource({ kind, name }, jsonFormField)
  const find = compilePath(name, jsonFormField)
  return look => {
    const value = find(look)
    return (typeof value === 'string' && value) || Number.isSafeInteger(value) ? String(value) : undefined
  }
}

/** Stands for `[]`: the one element of a list. The first of several would speak for the others. */
const ONLY = Symbol('[]')

function compilePath(path: string, jsonFormField: string | undefined): (look: Look) => unknown {
  const steps = path.split('.').flatMap(part => {
    const [, key = '', lists = ''] = /^(.*?)((?:\[\])*)$/s.exec(part) ?? []
    return [...(key || !lists ? [key] : []), ...Array.from({ length: lists.length / 2 }, () => ONLY)]
  })
  return look => {
    if (look.document === undefined) look.document = documentOf(look.x, jsonFormField) ?? null
    let value = look.document
    for (const step of steps) {
      if (typeof step !== 'string') {
        if (!Array.isArray(value) || value.length !== 1) return undefined
        value = value[0]
        continue
      }
      if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined
      value = (value as Record<string, unknown>)[step]
    }
    return value
  }
}

/**
 * Read from the bytes that are signed, never by `peek()`: that goes by the method and the Content-Type, which nobody signs, and so
 * could be made to find another value in the same bytes, or one in the query.
 */
function documentOf(x: Exchange, jsonFormField: string | undefined): unknown {
  const texts = jsonFormField === undefined ? [TEXT.decode(x.raw)] : (formOf(x)?.get(jsonFormField) ?? [])
  try {
    return texts.length === 1 ? JSON.parse(texts[0]!) : undefined
  } catch {
    return undefined
  }
}
