/** Reading records back, for operators. */
import type { Tx } from '../plugin.ts'
import { PORTION, weightOf } from './weight.ts'

export interface RecordView {
  id: string
  data: Record<string, unknown>
  created_at: string
  updated_at: string
  webhook: string
}

const COLUMNS = 'id, data, created_at, updated_at, webhook'

export async function readRecord(db: Tx, entity: string, id: string): Promise<RecordView | undefined> {
  const [record] = await db.query<RecordView>(`select ${COLUMNS} from records where entity = $1 and id = $2`, [entity, id])
  return record
}

/** A page in the order of the ids; `next` is the cursor of the page after it, or null. Large records make it short. */
export async function listRecords(
  db: Tx,
  entity: string,
  page: { limit: number; after?: string },
): Promise<{ data: RecordView[]; next: string | null }> {
  const rows = await db.query<RecordView & { more: boolean }>(PAGE, [entity, page.after ?? '', page.limit, PORTION])
  const data = rows.map(({ more: _, ...row }) => row)
  return { data, next: rows[0]?.more ? (data.at(-1)?.id ?? null) : null }
}

const PAGE = `
with recursive page as (
  select 0 as n, 0::bigint as total, $2::text collate "C" as id
  union all
  select n + 1, total + r.size, following.id
  from page
  cross join lateral (select id from records where entity = $1 and id > page.id order by id limit 1) following
  cross join lateral (
    select ${weightOf('data')} as size from records where entity = $1 and id = following.id offset 0 -- or it would be weighed twice
  ) r
  where n < $3::int and total < $4::bigint
)
select r.id, r.data, r.created_at, r.updated_at, r.webhook,
  exists (select from records where entity = $1 and id > (select id from page order by n desc limit 1)) as more
from page join records r on r.entity = $1 and r.id = page.id where n > 0 order by n`
