/** `postern deliveries list|show|retry|cancel`: the deliveries of a running gateway. */
import process from 'node:process'
import type { AttemptView, DeliveryView } from '../store/readDeliveries.ts'
import { type AdminClient, type ClientOptions, openClient } from './adminClient.ts'
import { filtersOf } from './filter.ts'
import { type ListOptions, limitOf, printList } from './list.ts'
import { CommandFailure, EXIT, type Print } from './open.ts'
import { facts, moment, table } from './table.ts'

type Common = ClientOptions & { json: boolean }
interface Redriven {
  data: { redriven: number; left: number }
}

type Shown = DeliveryView & { waits_for: { id: string; status: string } | null; history: AttemptView[] }

/** Deliveries that one call sends again. */
const BATCH = 200
const FILTERS = ['status', 'destination', 'subscription', 'webhook', 'event', 'entity', 'record', 'since', 'until']

export async function deliveriesList(options: ClientOptions & ListOptions, out: Print): Promise<number> {
  limitOf(options)
  const query = filtersOf(options, FILTERS)
  return printList<DeliveryView>(
    await openClient(options),
    '/deliveries',
    query,
    options,
    { none: 'no deliveries', lines: deliveryTable },
    out,
  )
}

export async function deliveriesShow(options: Common & { id: string }, out: Print): Promise<number> {
  const client = await openClient(options)
  const answer = await client.get<{ data: Shown }>(`/deliveries/${encodeURIComponent(options.id)}`)
  const { history, waits_for: holder, ...delivery } = answer.data
  if (options.json) out(JSON.stringify(answer))
  else {
    for (const line of facts({ ...delivery, waits_for: holder && `${holder.id} (${holder.status})` })) out(line)
    if (holder?.status === 'dead')
      out(`it goes when that one is delivered (postern deliveries retry ${holder.id}) or given up (postern deliveries cancel ${holder.id})`)
    out('')
    if (history.length === 0) out('no attempts')
    else
      for (const line of table(
        ['ATTEMPT', 'TIME', 'MS', 'STATUS', 'ERROR', 'MESSAGE'],
        history.map(a => [a.attempt, moment(a.at), a.duration, a.status, a.error, a.message]),
      ))
        out(line)
  }
  return EXIT.good
}

export async function deliveriesRetry(options: Common & { id?: string }, out: Print): Promise<number> {
  const filters = filtersOf(options, FILTERS)
  const some = Object.keys(filters).length > 0
  if (options.id !== undefined && some)
    throw new CommandFailure(EXIT.usage, 'name one delivery by its id, or many by filters, but not both')
  if (options.id === undefined && !some)
    throw new CommandFailure(EXIT.usage, 'say which: an id, or filters such as --status dead --destination crm')
  const client = await openClient(options)
  const data =
    options.id === undefined
      ? await retryAll(client, filters, options.json)
      : (await client.post<Redriven>(`/deliveries/${encodeURIComponent(options.id)}/retry`)).data
  out(options.json ? JSON.stringify({ data }) : redrivenText(data.redriven, data.left))
  return EXIT.good
}

export async function deliveriesCancel(options: Common & { id: string }, out: Print): Promise<number> {
  const client = await openClient(options)
  const answer = await client.post(`/deliveries/${encodeURIComponent(options.id)}/cancel`)
  out(options.json ? JSON.stringify(answer) : `cancelled ${options.id}`)
  return EXIT.good
}

/** Batch by batch; no more than there were at first, since what fails again at once would be found for ever. */
async function retryAll(client: AdminClient, filters: Record<string, string>, quiet: boolean): Promise<Redriven['data']> {
  const again = async (limit: number) => (await client.post<Redriven>('/deliveries/retry', { ...filters, limit })).data
  let { redriven, left } = await again(BATCH)
  const total = redriven + left
  if (left === 0 || redriven === 0) return { redriven, left }
  const bar = await progressBar(total, quiet)
  bar?.advance(redriven)
  while (left > 0 && redriven < total) {
    const more = await again(Math.min(BATCH, total - redriven))
    left = more.left
    if (more.redriven === 0) break
    redriven += more.redriven
    bar?.advance(more.redriven)
  }
  bar?.stop()
  return { redriven, left }
}

/** Only a person at a terminal sees it. */
async function progressBar(max: number, quiet: boolean): Promise<{ advance(n: number): void; stop(): void } | undefined> {
  if (quiet || !process.stdout.isTTY) return undefined
  const { progress } = await import('@clack/prompts')
  const bar = progress({ max })
  bar.start('sending again')
  let done = 0
  return {
    advance(n) {
      done += n
      bar.advance(n, `${done} of ${max}`)
    },
    stop: () => bar.stop(`${done} of ${max}`),
  }
}

export function deliveryTable(rows: readonly DeliveryView[]): string[] {
  return table(
    ['ID', 'STATUS', 'DESTINATION', 'EVENT', 'RECORD', 'ATTEMPTS', 'LAST', 'NEXT', 'CREATED'],
    rows.map(d => [
      d.id,
      d.status,
      d.destination,
      d.type,
      d.record_id === null ? null : `${d.entity}/${d.record_id}`,
      d.attempts,
      d.last_error ?? d.last_status,
      d.status === 'pending' ? moment(d.next_at) : null,
      moment(d.created_at),
    ]),
  )
}

export function redrivenText(redriven: number, left: number): string {
  const count = `${redriven} ${redriven === 1 ? 'delivery' : 'deliveries'}`
  return `${redriven === 0 ? 'no deliveries' : count} to be sent again${left > 0 ? `; ${left} left` : ''}`
}
