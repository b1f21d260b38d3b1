/** Captured requests with their bodies, newest first, a few at a time: for whoever looks at many. */
import type { Tx } from '../plugin.ts'
import type { StepSeen } from './requests.ts'

export interface CapturedPayload {
  id: string
  received_at: Date
  method: string
  query: string
  headers: Readonly<Record<string, string>>
  body: string
  encoded: boolean
  size: number
  outcome: string
  code: string | null
  steps: readonly StepSeen[]
}

/** Rows of one page: bodies may have 1 MiB each. */
const PAGE = 20

/** The newest `last` of a webhook. */
export async function* readSamples(db: Tx, webhook: string, last: number): AsyncGenerator<CapturedPayload> {
  let before: string | null = null
  for (let left = last; left > 0; ) {
    const rows: CapturedPayload[] = await db.query<CapturedPayload>(
      `select id, received_at, method, query, headers, body, encoded, size, outcome, code, steps from requests
       where webhook = $1 and ($2::text is null or id < $2) order by id desc limit $3`,
      [webhook, before, Math.min(PAGE, left)],
    )
    yield* rows
    left -= rows.length
    if (rows.length < PAGE) return
    before = rows.at(-1)!.id
  }
}
