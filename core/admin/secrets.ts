/** Stored secrets by name: a value never leaves the gateway this way. */
import { Type } from '@sinclair/typebox'
import { listSecrets } from '../store/secrets.ts'
import { pageOf, paging, sliced } from './page.ts'
import { closed, nullable, route, time } from './route.ts'

const View = Type.Object({
  name: Type.String(),
  version: Type.Integer({ description: 'Counted from 1; the highest is the newest.' }),
  created_at: time('When it was stored.'),
  not_after: nullable(time('From then on it is let in no more.')),
  last_used_at: nullable(time('When it last matched or signed.')),
})

export const secrets = [
  route({
    method: 'GET',
    path: '/secrets',
    summary: 'Names, versions and times of the stored secrets',
    query: closed(paging),
    answer: pageOf(View),
    handler: async (ask, { store }) => sliced(ask, await listSecrets(store.db), ({ name, version }) => `${name} ${version}`),
  }),
]
