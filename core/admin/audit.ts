/** What operators changed. */
import { Type } from '@sinclair/typebox'
import { listAudit } from '../store/audit.ts'
import { paged, pageOf, paging, placeOf } from './page.ts'
import { between, choice, closed, nullable, route, sought, text, time, timesOf } from './route.ts'

const View = Type.Object({
  id: Type.String(),
  at: time('When.'),
  actor: text('admin for this API, cli for the command line'),
  ip: nullable(text('From where.')),
  action: text('Such as token.create.'),
  target: text('What was changed.'),
  details: Type.Unknown(),
})

export const audit = [
  route({
    method: 'GET',
    path: '/audit',
    summary: 'What operators changed, newest first',
    query: closed({
      ...paging,
      ...between,
      action: sought('Such as token.create.'),
      target: sought('What was changed.'),
      actor: choice(['admin', 'cli'], 'Who.'),
    }),
    answer: pageOf(View),
    async handler(ask, { store }) {
      const { action, target, actor } = ask.query
      return paged(ask, await listAudit(store.db, { action, target, actor, ...timesOf(ask.query) }, placeOf(ask)))
    },
  }),
]
