/** Reading records back, for operators. */
import type { Tx } from '../plugin.ts'

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

/** A page in the order of the ids; `next` is the cursor of the page after it, or null. */
export async function listRecords(
  db: Tx,
  entity: string,
  page: { limit: number; after?: string },
): Promise<{ data: RecordView[]; next: string | null }> {
  const rows = await db.query<RecordView>(`select ${COLUMNS} from records where entity = $1 and id > $2 order by id limit $3`, [
    entity,
    page.after ?? '',
    page.limit + 1,
  ])
  const data = rows.slice(0, page.limit)
  return { data, next: rows.length > page.limit ? (data.at(-1)?.id ?? null) : null }
}
