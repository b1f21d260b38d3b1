/** `postern events list|show|retry`: the events of a running gateway. */
import type { DeliveryView } from '../store/readDeliveries.ts'
import type { EventView, WholeEvent } from '../store/readEvents.ts'
import { type ClientOptions, openClient } from './adminClient.ts'
import { deliveryTable, redrivenText } from './deliveries.ts'
import { filtersOf } from './filter.ts'
import { type ListOptions, limitOf, printList } from './list.ts'
import { EXIT, type Print } from './open.ts'
import { facts, moment, table } from './table.ts'

type Common = ClientOptions & { json: boolean }

const FILTERS = ['webhook', 'type', 'entity', 'record', 'since', 'until']

export async function eventsList(options: ClientOptions & ListOptions, out: Print): Promise<number> {
  limitOf(options)
  const query = filtersOf(options, FILTERS)
  const row = (e: EventView) => [e.id, moment(e.created_at), e.type, e.webhook, e.record_id === null ? null : `${e.entity}/${e.record_id}`]
  const lines = (rows: EventView[]) => table(['ID', 'TIME', 'TYPE', 'WEBHOOK', 'RECORD'], rows.map(row))
  return printList<EventView>(await openClient(options), '/events', query, options, { none: 'no events', lines }, out)
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
