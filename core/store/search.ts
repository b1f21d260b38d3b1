/** Pages of a table, newest first, that look at a bounded number of rows whatever is asked for. */
import type { Tx } from '../plugin.ts'

/** Rows that one page looks at when a filter has no index. */
export const SCAN = 10_000

export interface Page<Row> {
  data: Row[]
  /** Id that the next page begins after; null at the end. */
  next: string | null
}

export interface Place {
  limit: number
  /** Id of the last row of the page before. */
  after?: string
}

/** Conditions that all must hold, with their values; `$` stands for the value's number. */
export class Conditions {
  readonly values: unknown[] = []
  #indexed: string[] = []
  #filters: string[] = []

  /** One that an index serves together with the id, or that few rows meet. */
  within(condition: string, value: unknown): this {
    if (value !== undefined) this.#indexed.push(this.#put(condition, value))
    return this
  }

  /** One that is looked for row by row. */
  filter(condition: string, value: unknown): this {
    if (value !== undefined) this.#filters.push(this.#put(condition, value))
    return this
  }

  get indexed(): string {
    return this.#indexed.map(text => `and ${text}`).join(' ')
  }

  get filters(): string {
    return this.#filters.join(' and ')
  }

  #put(condition: string, value: unknown): string {
    this.values.push(value)
    return condition.replaceAll('$', () => `$${this.values.length}`)
  }
}

/**
 * A page in falling order of the ids. `seen` are the columns that the filters name, and `shown` those of the rows. When the rows that a
 * page may look at are used up, it ends early: it is short, or empty, and has a next one all the same.
 */
export async function searchPage<Row extends { id: string }>(
  db: Tx,
  { table, seen = [], shown }: { table: string; seen?: readonly string[]; shown: string },
  conditions: Conditions,
  { limit, after }: Place,
): Promise<Page<Row>> {
  conditions.within('id < $', after)
  const { indexed, filters, values } = conditions
  const scan = filters === '' ? limit + 1 : SCAN
  const rows = await db.query<Row & { scan_end: string | null; scanned: number }>(
    `with looked as materialized (
       select ${['id', ...seen].join(', ')} from ${table} where true ${indexed} order by id desc limit ${scan}
     ), found as (
       select id from looked where ${filters || 'true'} order by id desc limit ${limit + 1}
     )
     select scan_end, scanned, m.* from (select min(id) as scan_end, count(*)::int as scanned from looked) as ended
     left join (select ${shown} from ${table} where id in (select id from found)) as m on true order by m.id desc`,
    values,
  )
  const [{ scan_end, scanned }] = rows as [(typeof rows)[0]]
  const all = rows.filter(row => row.id !== null).map(({ scan_end: _, scanned: __, ...row }) => row as unknown as Row)
  const data = all.slice(0, limit)
  if (all.length > limit) return { data, next: data.at(-1)?.id ?? null }
  return { data, next: scanned === scan && filters !== '' ? scan_end : null }
}
