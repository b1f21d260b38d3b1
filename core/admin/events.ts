/** Events, and their deliveries sent again. */
import { Type } from '@sinclair/typebox'
import { writeAudit } from '../store/audit.ts'
import { deliveriesOf } from '../store/readDeliveries.ts'
import { listEvents, readEvent } from '../store/readEvents.ts'
import { Delivery, Redriven, STATUSES } from './deliveries.ts'
import { checkNames } from './names.ts'
import { paged, pageOf, paging, placeOf } from './page.ts'
import { missing } from './problem.ts'
import { between, choice, closed, controlOf, nullable, one, route, sought, text, time, timesOf } from './route.ts'

const view = {
  id: text('`evt_` and the id of the exchange.'),
  type: text('record.created, record.updated or webhook.received'),
  webhook: Type.String(),
  entity: nullable(Type.String()),
  record_id: nullable(Type.String()),
  hops: Type.Integer({ description: 'How often it has gone round already.' }),
  trace: nullable(Type.String({ description: 'The `traceparent` that its deliveries carry: the trace of the request.' })),
  created_at: time('When the request came.'),
}

const Whole = Type.Object({
  ...view,
  data: Type.Unknown({ description: 'The record, or the payload where none was written.' }),
  previous: Type.Unknown({ description: 'The record before; null when it is new.' }),
  custom_variables: Type.Unknown({ description: 'What the chain set aside.' }),
  deliveries: Type.Array(Delivery),
})

/** Deliveries that one call may send again. */
const MOST = 1000
const id = 'Id of the event.'

export const events = [
  route({
    method: 'GET',
    path: '/events',
    summary: 'Events, newest first',
    query: closed({
      ...paging,
      ...between,
      webhook: sought('Webhook that raised it.'),
      type: choice(['record.created', 'record.updated', 'webhook.received'], 'Kind of event.'),
      entity: sought('Entity of the record.'),
      record: sought('Id of the record.'),
    }),
    answer: pageOf(Type.Object(view)),
    async handler(ask, world) {
      const { store } = world
      const { webhook, type, entity, record } = ask.query
      await checkNames(world, 'events', { webhook, entity })
      return paged(ask, await listEvents(store.db, { webhook, type, entity, record, ...timesOf(ask.query) }, placeOf(ask)))
    },
  }),
  route({
    method: 'GET',
    path: '/events/{id}',
    summary: 'One event, with its data and its deliveries',
    params: { id },
    answer: one(Whole),
    async handler({ params }, { store }) {
      const event = await readEvent(store.db, params.id)
      if (!event) throw missing('event', params.id)
      return { data: { ...event, deliveries: await deliveriesOf(store.db, event.id) } }
    },
  }),
  route({
    method: 'POST',
    path: '/events/{id}/retry',
    summary: 'Sends the dead and cancelled deliveries of an event again, or those of a status that is given',
    params: { id },
    body: closed({
      destination: sought('To this destination alone.'),
      status: choice(STATUSES, 'Those of this status instead.'),
    }),
    answer: one(Redriven),
    async handler({ params, body, ip }, world) {
      const control = controlOf(world)
      const { store, now } = world
      const event = await readEvent(store.db, params.id)
      if (!event) throw missing('event', params.id)
      const { destination, status } = body
      await checkNames(world, 'deliveries', { destination }, 'body')
      const filter = { event: event.id, ...(destination !== undefined && { destination }), ...(status !== undefined && { status }) }
      const data = await control.redrive(filter, MOST)
      await writeAudit(store.db, { actor: 'admin', ip, action: 'event.retry', target: event.id, details: { ...body, ...data }, now: now() })
      return { data }
    },
  }),
]
