/** `postern requests`: what came in. */
import { type Around, about, asking, command, group, option, rows } from '../command.ts'

const requestId = { type: 'positional', description: 'Id of the request, from list', required: true } as const

export const requests = ({ loading, out }: Around) =>
  group('requests', 'Captured requests of a running gateway', 'postern requests list contact-form', {
    list: command(
      'requests list',
      'Lists the captured requests of a webhook, newest first',
      'postern requests list contact-form --outcome refused --since 2h',
      {
        webhook: { type: 'positional', description: 'Name of the webhook', required: true },
        outcome: { type: 'enum', description: 'What became of it', options: ['accepted', 'replayed', 'refused', 'failed'] },
        code: option('Why it was refused, such as VALIDATION_FAILED', 'CODE'),
        status: option('Status of the answer', 'N'),
        record: about.record,
        since: about.since,
        until: about.until,
        ...rows,
        ...asking,
      },
      async args => (await import('../requests.ts')).requestsList({ ...loading, ...args }, out),
    ),
    show: command(
      'requests show',
      'Shows one request with its headers, its body and what each step said',
      'postern requests show 01JD0000000000000000000000',
      { id: requestId, ...asking },
      async args => (await import('../requests.ts')).requestsShow({ ...loading, ...args }, out),
    ),
    replay: command(
      'requests replay',
      'Tells what the present chain would make of a request; writes only when told to',
      'postern requests replay 01JD0000000000000000000000',
      {
        id: requestId,
        commit: { type: 'boolean', description: 'Run it for real: its record is written and its event raised', default: false },
        ...asking,
      },
      async args => (await import('../requests.ts')).requestsReplay({ ...loading, ...args }, out),
    ),
  })
