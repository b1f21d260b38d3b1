/** A list of the admin API, from as many pages as it takes. */
import process from 'node:process'
import type { AdminClient, Query } from './adminClient.ts'
import { countOption } from './filter.ts'
import { EXIT, type Print } from './open.ts'

export interface ListOptions {
  json: boolean
  limit?: string
  cursor?: string
}

const LONGEST_PAGE = 200
/** Pages that one list asks for: with filters many of them may be empty. */
const MOST_PAGES = 500

/** Prints rows as the answer of the admin API, or as lines for people; `none` is said when there are none. */
export async function printList<Row>(
  client: AdminClient,
  path: string,
  query: Query,
  options: ListOptions,
  show: { none: string; lines(rows: Row[]): string[] },
  out: Print,
): Promise<number> {
  const limit = limitOf(options)
  const { data, next } = await rowsOf<Row>(client, path, query, limit, options.cursor)
  if (options.json) out(JSON.stringify({ data, next }))
  else for (const line of data.length === 0 ? [show.none] : show.lines(data)) out(line)
  // Whoever reads rows from a pipe asked for so many; but that not everything was looked at, anybody must know.
  if (next !== null && !options.json && (process.stdout.isTTY || data.length < limit))
    process.stderr.write(`there is more: go on with --cursor ${next}\n`)
  return EXIT.good
}

/** Rows when nobody says how many: 50; at most 10,000. Throws before anybody is asked. */
export function limitOf(options: ListOptions): number {
  return countOption('limit', options.limit, 10_000) ?? 50
}

async function rowsOf<Row>(client: AdminClient, path: string, query: Query, limit: number, cursor: string | undefined) {
  const data: Row[] = []
  let next = cursor ?? null
  for (let page = 0; page < MOST_PAGES; page++) {
    const rest = Math.min(LONGEST_PAGE, limit - data.length)
    const answer = await client.get<{ data: Row[]; next: string | null }>(path, { ...query, limit: rest, cursor: next ?? undefined })
    data.push(...answer.data)
    next = answer.next
    if (next === null || data.length >= limit) break
  }
  return { data, next }
}
