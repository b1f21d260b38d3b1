/** `postern destinations list|pause|resume`: where a running gateway sends to. */
import type { DestinationState } from '../outbox/control.ts'
import { type ClientOptions, openClient } from './adminClient.ts'
import { EXIT, type Print } from './open.ts'
import { moment, table } from './table.ts'

type Common = ClientOptions & { json: boolean }

export async function destinationsList(options: Common, out: Print): Promise<number> {
  const answer = await (await openClient(options)).get<{ data: DestinationState[] }>('/destinations')
  if (options.json) out(JSON.stringify(answer))
  else if (answer.data.length === 0) out('no destinations')
  else
    for (const line of table(
      ['NAME', 'STATE', 'SINCE', 'CIRCUIT', 'PENDING', 'WAITING', 'DEAD'],
      answer.data.map(d => [d.name, stateOf(d), moment(d.paused_at ?? d.failing_since), d.circuit, d.pending, d.waiting, d.dead]),
    ))
      out(line)
  return EXIT.good
}

export async function destinationsChange(verb: 'pause' | 'resume', options: Common & { name: string }, out: Print): Promise<number> {
  const answer = await (await openClient(options)).post(`/destinations/${encodeURIComponent(options.name)}/${verb}`)
  out(options.json ? JSON.stringify(answer) : `${verb}d ${options.name}`)
  return EXIT.good
}

function stateOf({ declared, paused_at, pause_reason, failing_since }: DestinationState): string {
  const state = paused_at ? `paused (${pause_reason})` : failing_since ? 'failing' : 'open'
  return declared ? state : `${state}, not declared`
}
