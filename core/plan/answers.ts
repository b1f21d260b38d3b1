/** What senders get back: statuses, codes and the shape of bodies. */
import type { AnswerTemplate, Dialect } from '../config/config.ts'
import type { Path } from '../config/problem.ts'
import { CODES } from '../request/codes.ts'
import type { Found, Pair } from './change.ts'
import { said, same } from './said.ts'
import { twins } from './steps.ts'

export function* answers(pair: Pair): Generator<Found> {
  for (const { old, new: now } of twins(pair)) {
    const [before, after] = [pair.old.config.dialects.get(old.dialect), pair.new.config.dialects.get(now.dialect)]
    if (!before || !after || same(plain(before), plain(after))) continue
    // Its place is the webhook's when the dialect is built in, or another one.
    const root = (...keys: string[]): Path =>
      old.dialect === now.dialect ? ['dialects', now.dialect, ...keys] : ['webhooks', now.name, 'dialect']
    for (const found of all(before, after, root)) yield { ...found, webhook: now.name }
  }
}

const plain = ({ name: _, ...rest }: Dialect) => rest

function* all(before: Dialect, after: Dialect, root: (...keys: string[]) => Path): Generator<Found> {
  yield* successes(before, after, root)
  yield* bodies('a refusal', before.error.body, after.error.body, root('error', 'body'))
  if (before.error.contentType !== after.error.contentType)
    yield {
      severity: 'breaking',
      rule: 'error-type-changed',
      path: root('error', 'contentType'),
      message: 'refusals have another media type',
      from: before.error.contentType ?? 'application/json',
      to: after.error.contentType ?? 'application/json',
      cure: 'tell senders that read it',
    }
  yield* codes(before, after, root)
}

/** The three good answers; two that change alike are told once. */
function* successes(before: Dialect, after: Dialect, root: (...keys: string[]) => Path): Generator<Found> {
  const told = new Set<string>()
  for (const [kind, what] of [
    ['success', 'a created record'],
    ['updated', 'an updated record'],
    ['accepted', 'a request without a record'],
  ] as const) {
    const [old, now] = [answer(before, kind), answer(after, kind)]
    const change = JSON.stringify([old, now])
    if (same(old, now) || told.has(change)) continue
    told.add(change)
    if (old.status !== now.status)
      yield {
        severity: 'breaking',
        rule: 'success-status-changed',
        path: root(kind, 'status'),
        message: `the answer to ${what} has another status`,
        from: `${old.status}`,
        to: `${now.status}`,
        cure: 'tell senders that compare the status; most take any 2xx',
      }
    yield* bodies(what, old.body, now.body, root(kind, 'body'))
  }
}

const answer = (dialect: Dialect, kind: 'success' | 'updated' | 'accepted'): AnswerTemplate => ({ ...dialect.success, ...dialect[kind] })

function* bodies(what: string, before: unknown, after: unknown, path: Path): Generator<Found> {
  const [old, now] = [leaves(before), leaves(after)]
  const lost = [...old].filter(([key, value]) => !now.has(key) || !same(now.get(key), value))
  const won = [...now.keys()].filter(key => !old.has(key))
  if (lost.length) {
    const names = lost.map(([key]) => key || 'the whole body').join(', ')
    yield {
      severity: 'breaking',
      rule: 'answer-changed',
      path,
      message: `the answer to ${what} has no longer what it had at ${names}`,
      from: said(before),
      to: said(after),
      cure: 'tell senders that read it, or keep the old names beside the new ones',
    }
  } else if (won.length)
    yield {
      severity: 'notice',
      rule: 'answer-extended',
      path,
      message: `the answer to ${what} has more: ${won.join(', ')}`,
      cure: 'nothing to do',
    }
}

/** Every value of a template by its path. */
function leaves(value: unknown, path = ''): Map<string, unknown> {
  if (typeof value !== 'object' || value === null || !Object.keys(value).length) return new Map([[path, value]])
  return new Map(Object.entries(value).flatMap(([key, inner]) => [...leaves(inner, path ? `${path}.${key}` : key)]))
}

function* codes(before: Dialect, after: Dialect, root: (...keys: string[]) => Path): Generator<Found> {
  for (const code of new Set([...Object.keys(before.codes), ...Object.keys(after.codes)])) {
    const [old, now] = [told(before, code), told(after, code)]
    if (old.status !== now.status || old.code !== now.code)
      yield {
        severity: 'breaking',
        rule: 'refusal-changed',
        path: root('codes', code),
        message: `${code} is told differently`,
        from: `${old.status} ${old.code}`,
        to: `${now.status} ${now.code}`,
        cure: 'tell senders that go by it: what is not 2xx they may try again, or not, by its status',
      }
    else if (old.message !== now.message)
      yield {
        severity: 'notice',
        rule: 'message-changed',
        path: root('codes', code),
        message: `${code} has another sentence`,
        from: old.message,
        to: now.message,
        cure: 'nothing to do, unless a sender reads the sentence',
      }
  }
}

/** A plugin's own default status is not known here. */
function told({ codes }: Dialect, code: string): { status: number | string; code: string; message: string | undefined } {
  const ours = Object.hasOwn(CODES, code) ? CODES[code as keyof typeof CODES] : undefined
  const own = Object.hasOwn(codes, code) ? codes[code] : undefined
  return { status: own?.status ?? ours?.status ?? 'its default', code: own?.code ?? code, message: own?.message ?? ours?.summary }
}
