/** The ways to be let in: what the steps of a chain ask of a sender, with every `anyOf` spread out. */
import type { SenderField, SenderPart } from '../plugin.ts'
import { type Scheme, schemeOf } from './scheme.ts'

type Json = Record<string, unknown>

/** A header or a query parameter. */
export interface Field extends SenderField {
  name: string
}

/** All that one kind of request must carry. */
export interface Way {
  headers: Field[]
  query: Field[]
  /** Security schemes of OpenAPI by name; all of them are wanted. */
  security: Record<string, Json>
  /** How it is signed; several when several steps want a signature. */
  schemes: Scheme[]
}

/** More alternatives than these no document can show; they would come from an `anyOf` within another. */
const MOST = 16

/** Every way, the first one first. */
export function waysOf(parts: readonly SenderPart[]): Way[] {
  let ways: Way[] = [{ headers: [], query: [], security: {}, schemes: [] }]
  for (const part of parts) {
    if (!part.headers && !part.query && !part.security && !part.signature && !part.anyOf) continue
    const own: Way = {
      headers: fields(part.headers),
      query: fields(part.query),
      security: part.security ?? {},
      schemes: [...Object.values(part.security ?? {}).map(scheme => scheme['x-postern-signature']), part.signature].flatMap(
        scheme => schemeOf(scheme) ?? [],
      ),
    }
    const inner = part.anyOf && part.anyOf.length > 0 ? part.anyOf.flatMap(alternative => waysOf([alternative])) : [undefined]
    ways = ways.flatMap(way => inner.map(alternative => both(both(way, own), alternative))).slice(0, MOST)
  }
  return ways
}

/** What can be sent on any way, wanted where every way wants it. */
export function everyField(ways: readonly Way[], of: 'headers' | 'query'): Field[] {
  const found = new Map<string, Field>()
  for (const field of ways.flatMap(way => way[of])) {
    const key = keyOf(field.name, of)
    if (found.has(key)) continue
    const required = ways.every(way => way[of].some(other => keyOf(other.name, of) === key && other.required))
    found.set(key, { ...field, required })
  }
  return [...found.values()]
}

function both(one: Way, other: Way | undefined): Way {
  if (!other) return one
  return {
    headers: joined(one.headers, other.headers, 'headers'),
    query: joined(one.query, other.query, 'query'),
    security: { ...one.security, ...other.security },
    schemes: [...one.schemes, ...other.schemes],
  }
}

function joined(one: readonly Field[], other: readonly Field[], of: 'headers' | 'query'): Field[] {
  if (one.length === 0 || other.length === 0) return one.length === 0 ? [...other] : [...one]
  const all = new Map(one.map(field => [keyOf(field.name, of), field]))
  for (const field of other) {
    const present = all.get(keyOf(field.name, of))
    all.set(keyOf(field.name, of), present ? { ...present, required: (present.required || field.required) ?? false } : field)
  }
  return [...all.values()]
}

const keyOf = (name: string, of: 'headers' | 'query') => (of === 'headers' ? name.toLowerCase() : name)

const fields = (of: Record<string, SenderField> = {}): Field[] => Object.entries(of).map(([name, field]) => ({ name, ...field }))
