/** `postern events list|show|retry`: the events of a running gateway. */
import type { DeliveryView } from '../store/readDeliveries.ts'
import type { EventView, WholeEvent } from '../store/readEvents.ts'
import { type ClientOptions, listUpTo, openClient } from './adminClient.ts'
import { deliveryTable, redrivenText } from './deliveries.ts'
import { countOption, filtersOf } from './filter.ts'
import { EXIT, type Print } from './open.ts'
import { facts, moment, table } from './table.ts'

type Common = ClientOptions & { json: boolean }

/** Rows when nobody says how many, and at most. */
export const ROWS = { usual: 50, most: 10_000 } as const

const FILTERS = ['webhook', 'type', 'entity', 'record', 'since', 'until']

export async function eventsList(options: Common & { limit?: string; cursor?: string }, out: Print): Promise<number> {
  const limit = countOption('limit', options.limit, ROWS.most) ?? ROWS.usual
  const query = filtersOf(options, FILTERS)
  const page = await listUpTo<EventView>(await openClient(options), '/events', query, limit, options.cursor)
  if (options.json) out(JSON.stringify(page))
  else if (page.data.length === 0) out('no events')
  else
    for (const line of table(
      ['ID', 'TIME', 'TYPE', 'WEBHOOK', 'RECORD'],
      page.data.map(e => [e.id, moment(e.created_at), e.type, e.webhook, e.record_id === null ? null : `${e.entity}/${e.record_id}`]),
    ))
      out(line)
  return EXIT.good
}

export async function eventsShow(options: Common & { id: string }, out: Print): Promise<number> {
  const client = await openClient(options)
  const answer = await client.get<{ data: WholeEvent & { deliveries: DeliveryView[] } }>(`/events/${encodeURIComponent(options.id)}`)
  const { deliveries, ...event } = answer.data
  if (options.json) out(JSON.stringify(answer))
  else {
    for (const line of facts({ ...event })) out(line)
    out('')
    if (deliveries.length === 0) out('no deliveries')
    else for (const line of deliveryTable(deliveries)) out(line)
  }
  return EXIT.good
}

export async function eventsRetry(options: Common & { id: string; destination?: string }, out: Print): Promise<number> {
  const client = await openClient(options)
  const body = filtersOf(options, ['destination'])
  const { data } = await client.post<{ data: { redriven: number; left: number } }>(`/events/${encodeURIComponent(options.id)}/retry`, body)
  out(options.json ? JSON.stringify({ data }) : redrivenText(data.redriven, data.left))
  return EXIT.good
}
