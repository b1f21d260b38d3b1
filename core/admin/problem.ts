/** The admin API's way to say no: RFC 9457 with a stable code. */
import { Type } from '@sinclair/typebox'
import { didYouMean } from '../config/problem.ts'

/** Sentences by parameter, or by `_general`. */
export type Faults = Record<string, string[]>

/** Thrown by a handler; the router answers with it. */
export class Refused extends Error {
  readonly status: number
  readonly code: string
  readonly more: { details?: Faults; headers?: Record<string, string> }
  constructor(status: number, code: string, title: string, more: Refused['more'] = {}) {
    super(title)
    this.status = status
    this.code = code
    this.more = more
  }
}

export const Problem = Type.Object(
  {
    type: Type.String({ description: 'about:blank' }),
    title: Type.String({ description: 'What is wrong, in a sentence.' }),
    status: Type.Integer(),
    code: Type.String({ description: 'Stable, for programs.' }),
    details: Type.Optional(
      Type.Record(Type.String(), Type.Array(Type.String()), { description: 'Sentences by parameter or field; `_general` for the whole.' }),
    ),
  },
  { description: 'RFC 9457.' },
)

export function problem({ status, code, message: title, more: { details, headers } }: Refused): Response {
  return new Response(JSON.stringify({ type: 'about:blank', title, status, code, ...(details && { details }) }), {
    status,
    headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store', ...headers },
  })
}

/** There is nothing of that name; `known` are the names that there are. */
export function missing(what: string, name: string, known: Iterable<string> = []): Refused {
  return new Refused(404, 'NOT_FOUND', `There is no ${what} '${name}'${didYouMean(name, known) || '.'}`)
}

/** What an error of a handler becomes; a fault of ours is 500, and everything else is the store's. */
export function refusalOf(error: unknown): Refused {
  if (error instanceof Refused) return error
  const { code } = error as { code?: unknown }
  const title = 'The store took longer than it may for this: narrow it with since and until, or with another filter.'
  if (code === '57014') return new Refused(503, 'TOO_SLOW', title)
  const ours = [TypeError, RangeError, ReferenceError, SyntaxError].some(kind => error instanceof kind)
  if (ours) return new Refused(500, 'INTERNAL', 'The gateway failed at this; its log says how.')
  return new Refused(503, 'UNAVAILABLE', 'The store did not answer.', { headers: { 'retry-after': '1' } })
}
