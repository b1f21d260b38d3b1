/** A captured request, run once more. */
import { Type } from '@sinclair/typebox'
import { compileMatcher } from '../outbox/match.ts'
import { NotReplayable } from '../request/replay.ts'
import { writeAudit } from '../store/audit.ts'
import { readCaptured } from '../store/requests.ts'
import { missing, Refused } from './problem.ts'
import { closed, nullable, one, route, text } from './route.ts'

const Answer = Type.Object({
  dry: Type.Boolean(),
  outcome: text('accepted, replayed, refused or failed'),
  code: nullable(text('Why it was refused.')),
  reason: nullable(text('For the operator alone.')),
  plugin: nullable(text('Plugin that refused; `commit` for the store.')),
  exchange: nullable(text('Id of the new exchange; null in a dry run.')),
  steps: Type.Array(
    Type.Object({
      plugin: Type.String(),
      verdict: text('passed, refused, accepted, failed or not-run; of the steps that let a request in, what they said when it came.'),
      ms: nullable(Type.Number({ description: 'Milliseconds.' })),
    }),
  ),
  record: nullable(
    Type.Object({
      entity: Type.String(),
      id: text('In a dry run, a generated id is another one than it would be.'),
      created: Type.Boolean(),
      data: Type.Optional(Type.Unknown({ description: 'As it would be, in a dry run.' })),
    }),
  ),
  event: nullable(
    Type.Object({
      id: Type.String(),
      type: text('record.created, record.updated or webhook.received'),
      data: Type.Optional(Type.Unknown()),
    }),
  ),
  destinations: Type.Array(Type.Object({ destination: Type.String(), subscription: Type.String() }), {
    description: 'Where the event would go, in a dry run.',
  }),
  effects: Type.Array(Type.String(), { description: 'Writes of plugins: a dry run does not try them.' }),
  notes: Type.Array(Type.String(), { description: 'What a dry run took for granted: that a rate limit is open, say.' }),
  answer: Type.Object({
    status: Type.Integer(),
    headers: Type.Record(Type.String(), Type.String()),
    body: text('What the sender would get.'),
  }),
})

export const replay = [
  route({
    method: 'POST',
    path: '/requests/{id}/replay',
    summary: 'Runs a captured request through the present chain of its webhook; dry unless told otherwise',
    params: { id: 'Id of the exchange.' },
    body: closed({ dry: Type.Boolean({ default: true, description: 'False: it is committed, and raises its event.' }) }),
    answer: one(Answer),
    refusals: { 409: 'It cannot be replayed: its body was cut or masked, say, or it was not let in.' },
    async handler({ params, body: { dry }, ip }, { store, config, log, now, replay }) {
      if (!replay) throw new Refused(503, 'UNAVAILABLE', 'No gateway runs here.', { headers: { 'retry-after': '5' } })
      const captured = await readCaptured(store.db, params.id)
      if (!captured) throw missing('captured request', params.id)
      const done = await replay(captured, { dry }).catch(error => {
        throw error instanceof NotReplayable ? new Refused(409, 'NOT_REPLAYABLE', error.message) : error
      })
      const { response, outcome, refusal, plugin = null, exchange = null, steps, wrote = null, event, effects, notes } = done
      if (!dry) {
        const details = { webhook: captured.webhook, exchange, outcome }
        await writeAudit(store.db, { actor: 'admin', ip, action: 'request.replay', target: captured.id, details, now: now() })
      }
      const { match } = compileMatcher(
        config(),
        (message, fields) => log.warn(fields, message),
        () => {},
      )
      const data = {
        dry,
        outcome,
        code: refusal?.code ?? null,
        reason: refusal?.reason ?? null,
        plugin,
        exchange,
        steps,
        record: wrote,
        event: event ? { id: event.id, type: event.type, ...(event.whole && { data: event.whole.data }) } : null,
        destinations: event?.whole ? match(event.whole) : [],
        effects,
        notes,
        answer: { status: response.status, headers: Object.fromEntries(response.headers), body: await response.text() },
      }
      return { data }
    },
  }),
]
