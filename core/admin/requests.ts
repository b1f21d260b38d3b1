/** Captured requests, accepted and refused. */
import { Type } from '@sinclair/typebox'
import { listRequests, readRequest } from '../store/readRequests.ts'
import { paged, pageOf, paging, placeOf } from './page.ts'
import { missing } from './problem.ts'
import { between, choice, closed, nullable, one, route, sought, text, time, timesOf } from './route.ts'
import { webhookOf } from './webhooks.ts'

const view = {
  id: text('Of the exchange; the event has it as `evt_` and this.'),
  webhook: Type.String(),
  received_at: time('When it came.'),
  method: Type.String(),
  path: text('Without the query.'),
  size: Type.Integer({ description: 'Bytes of the body as it came.' }),
  ip: text('Address of the sender.'),
  outcome: text('accepted, replayed, refused or failed'),
  status: Type.Integer({ description: 'Of the answer.' }),
  code: nullable(text('Why it was refused.')),
  reason: nullable(text('For the operator alone.')),
  plugin: nullable(text('Plugin that refused.')),
  duration: Type.Number({ description: 'Milliseconds.' }),
  idempotency_key: nullable(Type.String()),
  entity: nullable(Type.String()),
  record_id: nullable(Type.String()),
}

const Whole = Type.Object({
  ...view,
  query: text('As it came, credentials masked.'),
  headers: Type.Unknown({ description: 'Credentials masked.' }),
  body: text('Text, or base64 when `encoded`; the beginning of a long one.'),
  encoded: Type.Boolean(),
  steps: Type.Unknown({ description: 'What each plugin said: `[{ plugin, verdict, ms }]`.' }),
})

export const requests = [
  route({
    method: 'GET',
    path: '/webhooks/{name}/requests',
    summary: 'Captured requests of a webhook, newest first',
    params: { name: 'Name of the webhook.' },
    query: closed({
      ...paging,
      ...between,
      outcome: choice(['accepted', 'replayed', 'refused', 'failed'], 'What became of it.'),
      code: sought('Why it was refused, such as VALIDATION_FAILED.'),
      status: Type.Optional(Type.Integer({ minimum: 100, maximum: 599, description: 'Status of the answer.' })),
      record: sought('Id of the record that it wrote.'),
      idempotency_key: sought('Its idempotency key.'),
    }),
    answer: pageOf(Type.Object(view)),
    async handler(ask, world) {
      const { outcome, code, status, record, idempotency_key } = ask.query
      const filter = { webhook: ask.params.name, outcome, code, status, record, idempotency_key, ...timesOf(ask.query) }
      const page = await listRequests(world.store.db, filter, placeOf(ask))
      if (page.data.length === 0) webhookOf(world, ask.params.name)
      return paged(ask, page)
    },
  }),
  route({
    method: 'GET',
    path: '/requests/{id}',
    summary: 'One captured request, with its headers and body',
    params: { id: 'Id of the exchange.' },
    answer: one(Whole),
    async handler({ params }, { store }) {
      const request = await readRequest(store.db, params.id)
      if (!request) throw missing('captured request', params.id)
      return { data: request }
    },
  }),
]
