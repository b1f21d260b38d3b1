/** Deliveries: listed with their attempts, sent again, given up. */
import { Type } from '@sinclair/typebox'
import type { DeliveryFilter } from '../outbox/control.ts'
import { writeAudit } from '../store/audit.ts'
import { attemptsOf, type DeliveryView, holderOf, listDeliveries, readDelivery } from '../store/readDeliveries.ts'
import { checkNames } from './names.ts'
import { paged, pageOf, paging, placeOf } from './page.ts'
import { missing, Refused } from './problem.ts'
import { between, choice, closed, controlOf, nullable, one, route, sought, text, time, timesOf, type World } from './route.ts'

export const STATUSES = ['pending', 'waiting', 'delivered', 'dead', 'cancelled'] as const

export const Delivery = Type.Object({
  id: Type.String(),
  event: text('Id of the event.'),
  destination: Type.String(),
  subscription: Type.String(),
  type: text('Of the event.'),
  webhook: text('That raised the event.'),
  entity: nullable(Type.String()),
  record_id: nullable(Type.String()),
  status: text('pending, waiting (for an earlier one of its record), delivered, dead or cancelled'),
  attempts: Type.Integer({ description: 'Made so far.' }),
  next_at: nullable(time('When it is tried next; null while its destination is paused.')),
  last_status: nullable(Type.Integer({ description: 'Status of the last answer.' })),
  last_error: nullable(text('Code of the last failure.')),
  created_at: time('When it was made.'),
  updated_at: time('When it last changed.'),
})

const Attempt = Type.Object({
  attempt: Type.Integer({ description: 'Counted from 1.' }),
  at: time('When it was made.'),
  duration: Type.Integer({ description: 'Milliseconds.' }),
  status: nullable(Type.Integer({ description: 'Of the answer.' })),
  error: nullable(text('A code; null: it was delivered.')),
  message: nullable(text('What went wrong.')),
  response: nullable(text('The beginning of the answer.')),
})

const Whole = Type.Object({
  ...Delivery.properties,
  waits_for: nullable(
    Type.Object(
      { id: Type.String(), status: text('pending or dead') },
      { description: 'The delivery of the same record that a waiting one waits for.' },
    ),
  ),
  history: Type.Array(Attempt, { description: 'The attempts in their order.' }),
})

export const Redriven = Type.Object({
  redriven: Type.Integer({ description: 'Made pending again.' }),
  left: Type.Integer({ description: 'How many more there are: call again.' }),
})

const filters = {
  ...between,
  event: sought('Id of the event.'),
  destination: sought('Where it goes.'),
  subscription: sought('That made it.'),
  webhook: sought('Webhook that raised the event.'),
  status: choice(STATUSES, 'What has become of it.'),
  entity: sought('Entity of the record.'),
  record: sought('Id of the record.'),
}

const id = 'Id of the delivery.'

async function found({ store }: World, id: string): Promise<DeliveryView> {
  const delivery = await readDelivery(store.db, id)
  if (!delivery) throw missing('delivery', id)
  return delivery
}

export const deliveries = [
  route({
    method: 'GET',
    path: '/deliveries',
    summary: 'Deliveries, those of the newest events first',
    query: closed({ ...paging, ...filters }),
    answer: pageOf(Delivery),
    async handler(ask, world) {
      const { store } = world
      const { event, destination, subscription, webhook, status, entity, record } = ask.query
      const search = { event, destination, subscription, webhook, status, entity, record, ...timesOf(ask.query) }
      await checkNames(world, 'deliveries', search)
      return paged(ask, await listDeliveries(store.db, search, placeOf(ask)))
    },
  }),
  route({
    method: 'GET',
    path: '/deliveries/{id}',
    summary: 'One delivery with its attempts',
    params: { id },
    answer: one(Whole),
    async handler({ params }, world) {
      const { db } = world.store
      const delivery = await found(world, params.id)
      return { data: { ...delivery, waits_for: (await holderOf(db, delivery)) ?? null, history: await attemptsOf(db, delivery.id) } }
    },
  }),
  route({
    method: 'POST',
    path: '/deliveries/{id}/retry',
    summary: 'Sends a delivery again, whatever became of it',
    params: { id },
    answer: one(Redriven),
    async handler({ params, ip }, world) {
      const control = controlOf(world)
      const { id, destination } = await found(world, params.id)
      const data = await control.redrive({ ids: [id] }, 1)
      const details = { destination, ...data }
      await writeAudit(world.store.db, { actor: 'admin', ip, action: 'delivery.retry', target: id, details, now: world.now() })
      return { data }
    },
  }),
  route({
    method: 'POST',
    path: '/deliveries/{id}/cancel',
    summary: 'Gives a delivery up that is pending, waiting or dead',
    params: { id },
    answer: one(Type.Object({ cancelled: Type.Integer(), left: Type.Integer() })),
    refusals: { 409: 'It was delivered, or given up before.' },
    async handler({ params, ip }, world) {
      const control = controlOf(world)
      const { id, destination, status } = await found(world, params.id)
      const data = await control.cancel({ ids: [id] }, 1)
      if (data.cancelled === 0) throw new Refused(409, 'CONFLICT', `The delivery '${id}' is ${status}: there is nothing to give up.`)
      await writeAudit(world.store.db, {
        actor: 'admin',
        ip,
        action: 'delivery.cancel',
        target: id,
        details: { destination },
        now: world.now(),
      })
      return { data }
    },
  }),
  route({
    method: 'POST',
    path: '/deliveries/retry',
    summary: 'Sends the deliveries that a filter finds again, oldest first; without a status, dead and cancelled ones',
    body: closed({
      ...filters,
      ids: Type.Optional(
        Type.Array(Type.String({ minLength: 1, maxLength: 200 }), { minItems: 1, maxItems: 1000, description: 'Exactly these.' }),
      ),
      limit: Type.Integer({ minimum: 1, maximum: 1000, default: 100, description: 'Most to send again in this call.' }),
    }),
    answer: one(Redriven),
    async handler({ body, ip }, world) {
      const control = controlOf(world)
      const { limit, since, until, ...named } = body
      const filter = { ...named, ...timesOf(body) } as DeliveryFilter
      if (Object.keys(filter).length === 0) {
        const fault = 'name at least one filter, such as "status": "dead"'
        throw new Refused(422, 'VALIDATION_FAILED', `The body must ${fault}.`, { details: { _general: [fault] } })
      }
      await checkNames(world, 'deliveries', filter, 'body')
      const data = await control.redrive(filter, limit)
      // A list of ids is long, and each of them can be looked up.
      const { ids, ...rest } = body
      const details = { ...rest, ...(ids && { ids: ids.length }), ...data }
      await writeAudit(world.store.db, { actor: 'admin', ip, action: 'delivery.retry', target: 'deliveries', details, now: world.now() })
      return { data }
    },
  }),
]
