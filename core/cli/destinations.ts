/** `postern destinations list|pause|resume`: where a running gateway sends to. */
import type { DestinationState } from '../outbox/control.ts'
import { type ClientOptions, openClient } from './adminClient.ts'
import { type ListOptions, limitOf, printList } from './list.ts'
import { EXIT, type Print } from './open.ts'
import { moment, table } from './table.ts'

export async function destinationsList(options: ClientOptions & ListOptions, out: Print): Promise<number> {
  limitOf(options)
  const row = (d: DestinationState) => [d.name, stateOf(d), moment(d.paused_at ?? d.failing_since), d.circuit, d.pending, d.waiting, d.dead]
  const lines = (rows: DestinationState[]) => table(['NAME', 'STATE', 'SINCE', 'CIRCUIT', 'PENDING', 'WAITING', 'DEAD'], rows.map(row))
  return printList<DestinationState>(await openClient(options), '/destinations', {}, options, { none: 'no destinations', lines }, out)
}

export async function destinationsChange(
  verb: 'pause' | 'resume',
  options: ClientOptions & { json: boolean; name: string },
  out: Print,
): Promise<number> {
  const answer = await (await openClient(options)).post(`/destinations/${encodeURIComponent(options.name)}/${verb}`)
  out(options.json ? JSON.stringify(answer) : `${verb}d ${options.name}`)
  return EXIT.good
}

function stateOf({ declared, paused_at, pause_reason, failing_since }: DestinationState): string {
  const state = paused_at ? `paused (${pause_reason})` : failing_since ? 'failing' : 'open'
  return declared ? state : `${state}, not declared`
}
