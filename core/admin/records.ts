/** Entities and their records. */
import { Type } from '@sinclair/typebox'
import type { Config } from '../config/config.ts'
import { listRecords, readRecord } from '../store/read.ts'
import { paged, pageOf, paging, placeOf, sliced } from './page.ts'
import { missing } from './problem.ts'
import { closed, one, route, text, time } from './route.ts'
import { entitiesOf, webhooksOf } from './webhooks.ts'

const Entity = Type.Object({
  name: Type.String(),
  declared: Type.Boolean({ description: 'False: a webhook names it, but it stands not under `entities`.' }),
  unknown: text('What becomes of keys that the schema does not name: drop, keep or reject.'),
  schema: Type.Record(Type.String(), Type.Unknown(), { description: 'JSON Schema 2020-12.' }),
  webhooks: Type.Array(Type.String(), { description: 'Webhooks with a step of it.' }),
})

const View = Type.Object({
  id: Type.String(),
  data: Type.Record(Type.String(), Type.Unknown()),
  created_at: time('When it was created.'),
  updated_at: time('When it was last written.'),
  webhook: text('Webhook that created it.'),
})

const entity = 'Name of the entity.'

/** Declared ones, and those that only webhooks name. */
export function entityNames(config: Config): string[] {
  return [...new Set([...config.entities.keys(), ...[...config.webhooks.values()].flatMap(entitiesOf)])].sort()
}

export const records = [
  route({
    method: 'GET',
    path: '/entities',
    summary: 'The entities of the configuration',
    query: closed(paging),
    answer: pageOf(Entity),
    handler(ask, { config }) {
      const now = config()
      const view = (name: string) => {
        const { schema = {}, unknown = 'keep' } = now.entities.get(name) ?? {}
        return { name, declared: now.entities.has(name), unknown, schema, webhooks: webhooksOf(now, name) }
      }
      return sliced(ask, entityNames(now).map(view), entity => entity.name)
    },
  }),
  route({
    method: 'GET',
    path: '/entities/{entity}/records',
    summary: 'The records of an entity, in the order of their ids',
    params: { entity },
    query: closed(paging),
    answer: pageOf(View),
    async handler(ask, { store, config }) {
      const { entity } = ask.params
      const page = await listRecords(store.db, entity, placeOf(ask))
      const names = entityNames(config())
      // One that is no longer in the files may have records still.
      if (page.data.length === 0 && !names.includes(entity)) throw missing('entity', entity, names)
      return paged(ask, page)
    },
  }),
  route({
    method: 'GET',
    path: '/entities/{entity}/records/{id}',
    summary: 'One record',
    params: { entity, id: 'Id of the record.' },
    answer: one(View),
    async handler({ params: { entity, id } }, { store }) {
      const record = await readRecord(store.db, entity, id)
      if (!record) throw missing(`${entity} record`, id)
      return { data: record }
    },
  }),
]
