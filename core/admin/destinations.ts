/** Destinations as the delivery engine finds them. */
import { Type } from '@sinclair/typebox'
import { writeAudit } from '../store/audit.ts'
import { pageOf, paging, sliced } from './page.ts'
import { missing } from './problem.ts'
import { closed, controlOf, nullable, one, route, text, time, type World } from './route.ts'

const View = Type.Object({
  name: Type.String(),
  declared: Type.Boolean({ description: 'False: deliveries of it are left, but the configuration has it no more.' }),
  paused_at: nullable(time('Since when it is paused.')),
  pause_reason: nullable(text('operator, gone (it answered 410) or failing')),
  failing_since: nullable(time('Since when nothing but failures.')),
  circuit: text('closed, open (nothing is tried for a moment), half-open or unknown'),
  pending: Type.Integer(),
  waiting: Type.Integer(),
  dead: Type.Integer(),
})

const params = { name: 'Name of the destination.' }

/** Pauses or resumes one, and writes that down. */
async function change(world: World, verb: 'pause' | 'resume', name: string, ip: string) {
  const { config, store, now } = world
  if (!(await controlOf(world)[verb](name))) throw missing('destination', name, config().destinations.keys())
  await writeAudit(store.db, { actor: 'admin', ip, action: `destination.${verb}`, target: name, now: now() })
  return { data: { name, paused: verb === 'pause' } }
}

const Changed = one(Type.Object({ name: Type.String(), paused: Type.Boolean() }))

export const destinations = [
  route({
    method: 'GET',
    path: '/destinations',
    summary: 'Destinations, with what waits for them',
    query: closed(paging),
    answer: pageOf(View),
    handler: async (ask, world) => sliced(ask, await controlOf(world).states(), state => state.name),
  }),
  route({
    method: 'POST',
    path: '/destinations/{name}/pause',
    summary: 'Sends nothing more to a destination; its deliveries wait',
    params,
    answer: Changed,
    handler: ({ params, ip }, world) => change(world, 'pause', params.name, ip),
  }),
  route({
    method: 'POST',
    path: '/destinations/{name}/resume',
    summary: 'Sends again, also after the destination answered 410 or failed for too long',
    params,
    answer: Changed,
    handler: ({ params, ip }, world) => change(world, 'resume', params.name, ip),
  }),
]
