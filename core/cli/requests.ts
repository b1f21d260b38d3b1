/** `postern requests list|show|replay`: the captured requests of a running gateway. */

import { printable } from '../printable.ts'
import type { RequestView, WholeRequest } from '../store/readRequests.ts'
import type { StepSeen } from '../store/requests.ts'
import { type ClientOptions, openClient } from './adminClient.ts'
import { filtersOf } from './filter.ts'
import { type ListOptions, limitOf, printList } from './list.ts'
import { EXIT, type Print } from './open.ts'
import { facts, moment, table } from './table.ts'

type Common = ClientOptions & { json: boolean }

/** What the admin API answers to a replay. */
interface Replayed {
  outcome: string
  code: string | null
  reason: string | null
  plugin: string | null
  exchange: string | null
  steps: StepSeen[]
  record: { entity: string; id: string; created: boolean; data?: unknown } | null
  event: { id: string; type: string } | null
  destinations: { destination: string; subscription: string }[]
  effects: string[]
  notes: string[]
  answer: { status: number; body: string }
}

const FILTERS = ['outcome', 'code', 'status', 'record', 'since', 'until']

export async function requestsList(options: ClientOptions & ListOptions & { webhook: string }, out: Print): Promise<number> {
  limitOf(options)
  const path = `/webhooks/${encodeURIComponent(options.webhook)}/requests`
  const row = (r: RequestView) => {
    const record = r.record_id === null ? null : `${r.entity}/${r.record_id}`
    return [r.id, moment(r.received_at), r.outcome, r.status, r.code, r.plugin, record, r.duration.toFixed(1)]
  }
  const lines = (rows: RequestView[]) => table(['ID', 'TIME', 'OUTCOME', 'STATUS', 'CODE', 'PLUGIN', 'RECORD', 'MS'], rows.map(row))
  const query = filtersOf(options, FILTERS)
  return printList<RequestView>(await openClient(options), path, query, options, { none: 'no requests', lines }, out)
}

export async function requestsShow(options: Common & { id: string }, out: Print): Promise<number> {
  const client = await openClient(options)
  const answer = await client.get<{ data: WholeRequest }>(`/requests/${encodeURIComponent(options.id)}`)
  if (options.json) {
    out(JSON.stringify(answer))
    return EXIT.good
  }
  const { headers, body, encoded, steps, ...request } = answer.data
  for (const line of facts({ ...request })) out(line)
  out('')
  for (const line of facts(headers as Record<string, unknown>)) out(line)
  out('')
  out(body === '' ? 'no body is kept' : `${encoded ? 'base64: ' : ''}${printable(body)}`)
  out('')
  for (const line of stepTable(steps as StepSeen[])) out(line)
  return EXIT.good
}

export async function requestsReplay(options: Common & { id: string; commit: boolean }, out: Print): Promise<number> {
  const client = await openClient(options)
  const answer = await client.post<{ data: Replayed }>(`/requests/${encodeURIComponent(options.id)}/replay`, { dry: !options.commit })
  if (options.json) {
    out(JSON.stringify(answer))
    return EXIT.good
  }
  const { steps, record, event, destinations, answer: given, ...about } = answer.data
  const { outcome, code, reason, plugin, exchange, effects, notes } = about
  for (const line of stepTable(steps)) out(line)
  out('')
  const where = destinations.map(d => `${d.destination} (${d.subscription})`)
  for (const line of facts({
    outcome,
    code,
    reason,
    plugin,
    exchange,
    record: record && `${record.entity}/${record.id} ${record.created ? 'created' : 'updated'}`,
    data: record?.data,
    event: event && (options.commit ? `${event.id} ${event.type}` : event.type),
    destinations: where.length > 0 ? where.join(', ') : null,
    effects: effects.length > 0 ? effects.join(', ') : null,
    answer: `${given.status} ${given.body}`,
  }))
    out(line)
  if (!options.commit) {
    out('')
    for (const note of notes) out(note)
    out('nothing was written: add --commit to run it for real')
  }
  return EXIT.good
}

function stepTable(steps: readonly StepSeen[]): string[] {
  return table(
    ['STEP', 'VERDICT', 'MS'],
    steps.map(s => [s.plugin, s.verdict, s.ms]),
  )
}
