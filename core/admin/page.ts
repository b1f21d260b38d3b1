/** Pages of lists: `{ data, next }`, and cursors that belong to one list. */
import { createHash } from 'node:crypto'
import { type TSchema, Type } from '@sinclair/typebox'
import { Refused } from './problem.ts'
import { type Ask, nullable } from './route.ts'

/** What the query of every list may say. */
export const paging = {
  limit: Type.Integer({ minimum: 1, maximum: 200, default: 50, description: 'Most rows of a page.' }),
  cursor: Type.Optional(Type.String({ minLength: 1, maxLength: 4000, description: '`next` of the page before.' })),
}

/** An answer of rows. */
export const pageOf = (item: TSchema) =>
  Type.Object({
    data: Type.Array(item),
    next: nullable(
      Type.String({
        description:
          'Cursor of the next page; null at the end. A page of large rows may have fewer than asked for, and with filters even none, and still have a next one.',
      }),
    ),
  })

const SEAL = 6

/** A store's page with its cursor made opaque. */
export function paged<Row>(ask: Ask<unknown>, page: { data: Row[]; next: string | null }) {
  return { data: page.data, next: page.next === null ? null : cursorOf(ask.path, page.next) }
}

/** The limit of the page, and the id that it begins after. */
export function placeOf(ask: Ask<unknown, { limit: number; cursor?: string }>): { limit: number; after?: string } {
  const { limit, cursor } = ask.query
  if (cursor === undefined) return { limit }
  const bytes = Buffer.from(cursor, 'base64url')
  const id = bytes.subarray(SEAL).toString()
  // The seal is no secret: it tells a cursor that was cut off, or that another list gave.
  if (cursorOf(ask.path, id) === cursor) return { limit, after: id }
  throw badCursor('is not a cursor that this list gave: begin again without one')
}

/** A page of what is at hand as a whole, in the order that it has. */
export function sliced<Row>(ask: Ask<unknown, { limit: number; cursor?: string }>, rows: readonly Row[], keyOf: (row: Row) => string) {
  const { limit, after } = placeOf(ask)
  const start = after === undefined ? 0 : rows.findIndex(row => keyOf(row) === after) + 1
  if (after !== undefined && start === 0) throw badCursor('names what is no longer there: begin again without one')
  const data = rows.slice(start, start + limit)
  const last = data.at(-1)
  return paged(ask, { data, next: last !== undefined && start + limit < rows.length ? keyOf(last) : null })
}

function badCursor(fault: string): Refused {
  return new Refused(400, 'INVALID_QUERY', `cursor ${fault}.`, { details: { cursor: [fault] } })
}

function cursorOf(path: string, id: string): string {
  const seal = createHash('sha256').update(`${path}\n${id}`).digest().subarray(0, SEAL)
  return Buffer.concat([seal, Buffer.from(id)]).toString('base64url')
}
