/** Answers to questions: what a stranger wrote is given back to them, so that no browser may take it for a page. */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { Answer } from '#core/plugin.ts'

const HEADERS = { 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' }

const LONGEST = 1024

export const text = (body: string): Answer => ({
  kind: 'answer',
  status: 200,
  headers: { 'content-type': 'text/plain; charset=utf-8', ...HEADERS },
  body,
})

export const json = (body: Record<string, unknown>): Answer => ({
  kind: 'answer',
  status: 200,
  headers: { 'content-type': 'application/json', ...HEADERS },
  body: JSON.stringify(body),
})

export const empty = (headers: Record<string, string> = {}): Answer => ({
  kind: 'answer',
  status: 200,
  headers: { ...HEADERS, ...headers },
  body: '',
})

/** A challenge that may be given back: printable ASCII without the brackets of a tag. */
export const isChallenge = (value: unknown): value is string =>
  typeof value === 'string' && value.length <= LONGEST && /^[\x20-\x3b\x3d\x3f-\x7e]+$/.test(value)

/**
 * A challenge that may be signed with the secret of the webhook: text in which no JSON and no form with a value can be written, and no
 * `v0:<time>:<body>`. Else the answer would be the signature of a request.
 */
export const isSignable = (value: unknown): value is string => typeof value === 'string' && /^[A-Za-z0-9_+/-]{1,128}={0,2}$/.test(value)

/** The one value of a parameter; undefined when there is none, or several. */
export function single(query: URLSearchParams, name: string): string | undefined {
  const values = query.getAll(name)
  return values.length === 1 ? values[0] : undefined
}

const digest = (value: string) => createHash('sha256').update(value).digest()

/** Compares in constant time. */
export const same = (one: string, other: string) => timingSafeEqual(digest(one), digest(other))
