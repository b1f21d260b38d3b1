/** What came of a request, against what its case expects. */
import type { Database } from '../store/database.ts'
import type { Expectation } from './format.ts'
import { difference, differences, inAnyOrder, shown } from './match.ts'

/** What a request was answered, and what the gateway said of it. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  /** The exact text of the body. */
  readonly text: string
  /** Of the refusal, before the dialect. */
  readonly code?: string
  /** For the operator alone. */
  readonly reason?: string
  /** Plugin that refused. */
  readonly plugin?: string
  /** What was thrown. */
  readonly error?: string
  readonly replayed: boolean
  readonly variables?: Record<string, unknown>
}

type Row = Record<string, unknown>

/** A line for each expectation that does not hold. */
export async function judge(expect: Expectation, answer: Answer, before: Answer | undefined, db: Database): Promise<string[]> {
  const { status, headers, body, code, reason, replayed, same, records, events, variables } = expect
  const failures: string[] = []
  const want = (held: boolean, name: string, expected: unknown, got: unknown) => held || failures.push(difference([name], expected, got))
  if (status !== undefined) want(statusFits(status, answer.status), 'status', status, answer.status)
  // A throw is a bug, and a case that says nothing of it must not hide it.
  else if (answer.error !== undefined && code === undefined) failures.push(`status: a step failed: ${answer.error.split('\n')[0]}`)
  if (code !== undefined) want(answer.code === code, 'code', code, answer.code)
  if (reason !== undefined) want(answer.reason?.includes(reason) === true, 'reason', reason, answer.reason)
  for (const [name, value] of Object.entries(headers ?? {})) {
    const text = typeof value === 'number' || typeof value === 'boolean' ? String(value) : value
    failures.push(...differences(text, answer.headers.get(name) ?? undefined, ['headers', name]))
  }
  if (body !== undefined) failures.push(...bodyDifferences(body, answer.text))
  if (replayed !== undefined) want(answer.replayed === replayed, 'replayed', replayed, answer.replayed)
  if (same !== undefined) failures.push(...sameness(same, answer, before))
  if (variables !== undefined) failures.push(...differences(variables, answer.variables, ['variables']))
  if (records !== undefined) failures.push(...(await recordDifferences(records, db)))
  if (events !== undefined) failures.push(...(await eventDifferences(events, db)))
  return failures
}

function statusFits(expected: NonNullable<Expectation['status']>, actual: number): boolean {
  if (typeof expected === 'string') return expected[0] === String(actual)[0]
  return Array.isArray(expected) ? expected.includes(actual) : expected === actual
}

function bodyDifferences(expected: unknown, text: string): string[] {
  if (expected === null) return text === '' || text === 'null' ? [] : [difference(['body'], null, text)]
  const json = jsonOf(text)
  if (typeof expected === 'string') return text === expected || json === expected ? [] : [difference(['body'], expected, text)]
  // What is no JSON is compared as text, so that a pattern fits it, too.
  return differences(expected, json === undefined ? text : json, ['body'])
}

function sameness(expected: boolean, answer: Answer, before: Answer | undefined): string[] {
  if (!before) return ['same: there is no request before this one']
  const held = answer.status === before.status && answer.text === before.text
  if (held === expected) return []
  const [now, then] = [answer, before].map(({ status, text }) => `${status} ${shown(text)}`)
  return [`same: expected ${expected ? `the answer before, ${then}` : `another answer than ${then}`}, got ${now}`]
}

async function recordDifferences(expected: NonNullable<Expectation['records']>, db: Database): Promise<string[]> {
  const rows = await db.query<Row & { entity: string; data: Row }>(
    `select entity, id, data, previous, webhook, created_at, updated_at from records order by entity, origin`,
  )
  const records = rows.map(row => ({ ...row, ...times(row) }))
  if (Array.isArray(expected)) return records.length === 0 ? [] : [count(['records'], 0, records)]
  return Object.entries(expected).flatMap(([entity, list]) => {
    const own = records.filter(record => record.entity === entity)
    const path = ['records', entity]
    if (typeof list === 'number' || list.length !== own.length) {
      const wanted = typeof list === 'number' ? list : list.length
      return own.length === wanted ? [] : [count(path, wanted, own)]
    }
    return inAnyOrder(list, own, (one, record, i) => recordDifference(one, record, [...path, i]))
  })
}

/** An item is a record as the admin API shows it, or simply its data. */
function recordDifference(expected: unknown, record: Row & { data: Row }, path: (string | number)[]): string[] {
  const asRecord = differences(expected, record, path)
  if (asRecord.length === 0) return []
  const asData = differences(expected, { ...record, ...record.data }, path)
  const whole = typeof expected === 'object' && expected !== null && 'data' in expected
  return asData.length === 0 || !whole ? asData : asRecord
}

async function eventDifferences(expected: NonNullable<Expectation['events']>, db: Database): Promise<string[]> {
  const rows = await db.query<Row>(
    `select id, type, webhook, entity, record_id, data, previous, variables, variables as custom_variables, hops, created_at
     from events order by id`,
  )
  const events = rows.map(row => ({ ...row, ...times(row), timestamp: times(row).created_at }))
  const wanted = typeof expected === 'number' ? expected : expected.length
  if (events.length !== wanted) return [count(['events'], wanted, events)]
  if (typeof expected === 'number') return []
  return expected.flatMap((one, i) => differences(typeof one === 'string' ? { type: one } : one, events[i], ['events', i]))
}

function times(row: Row): Row {
  const dates = Object.entries(row).filter(([, value]) => value instanceof Date)
  return Object.fromEntries(dates.map(([name, value]) => [name, (value as Date).toISOString()]))
}

function count(path: string[], wanted: number, rows: readonly Row[]): string {
  const brief = rows.map(({ type, id, data }) => ({ ...(type !== undefined && { type }), id, data }))
  const [name = '', entity] = path
  return `${name}${entity === undefined ? '' : `.${entity}`}: expected ${wanted}, got ${rows.length}${rows.length ? `: ${shown(brief)}` : ''}`
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
