/** URL tokens: made, listed, rotated, revoked. */
import { Type } from '@sinclair/typebox'
import { Duration } from '../settings.ts'
import { writeAudit } from '../store/audit.ts'
import { pageTokens, readToken } from '../store/readTokens.ts'
import { createToken, revokeToken, rotateToken } from '../store/tokens.ts'
import { paged, pageOf, paging, placeOf } from './page.ts'
import { missing, Refused } from './problem.ts'
import { closed, nullable, one, route, text, time, type World } from './route.ts'
import { webhookOf } from './webhooks.ts'

const View = Type.Object({
  id: text('Public: names the token.'),
  webhook: Type.String(),
  label: nullable(text('What it is for.')),
  created_at: time('When it was made.'),
  expires_at: nullable(time('When it ends.')),
  revoked_at: nullable(time('When it was revoked.')),
  last_used_at: nullable(time('When it was last used; up to ten seconds late.')),
})

const Made = Type.Object({
  id: Type.String(),
  token: text('The token itself: shown this once.'),
  url: text('The webhook with the token in its place.'),
})

const name = 'Name of the webhook.'
const id = 'Id of the token.'

function urlOf(world: World, webhook: string, token: string): string {
  const { server } = world.config()
  return (server.publicUrl ?? `http://localhost:${server.port}`) + webhookOf(world, webhook).path.replace('{token}', token)
}

export const tokens = [
  route({
    method: 'GET',
    path: '/webhooks/{name}/tokens',
    summary: 'The tokens of a webhook with their last use, newest first',
    params: { name },
    query: closed(paging),
    answer: pageOf(View),
    async handler(ask, world) {
      const page = await pageTokens(world.store.db, ask.params.name, placeOf(ask))
      // One that is no longer in the files may have tokens still.
      if (page.data.length === 0) webhookOf(world, ask.params.name)
      return paged(ask, page)
    },
  }),
  route({
    method: 'POST',
    path: '/webhooks/{name}/tokens',
    summary: 'Makes a token and shows it once',
    params: { name },
    body: closed({
      label: Type.Optional(Type.String({ minLength: 1, maxLength: 200, description: 'What the token is for.' })),
      expires: Type.Optional(Duration({ description: 'Time until it ends, such as 90d.', min: '1s' })),
    }),
    status: 201,
    answer: one(Made),
    refusals: { 409: 'The path of the webhook has no {token}.' },
    async handler({ params, body, ip }, world) {
      const webhook = webhookOf(world, params.name)
      if (!webhook.path.includes('{token}')) {
        const cure = 'write one into it, and auth-url-token into its chain'
        throw new Refused(409, 'CONFLICT', `The path of '${webhook.name}', ${webhook.path}, has no {token}: ${cure}.`)
      }
      const now = world.now()
      const made = await world.store.db.transaction(async tx => {
        const made = await createToken(tx, webhook.name, {
          now,
          ...(body.label !== undefined && { label: body.label }),
          ...(body.expires !== undefined && { expiresAt: now + body.expires }),
        })
        await writeAudit(tx, { actor: 'admin', ip, action: 'token.create', target: made.id, details: { webhook: webhook.name }, now })
        return made
      })
      return { data: { ...made, url: urlOf(world, webhook.name, made.token) } }
    },
  }),
  route({
    method: 'DELETE',
    path: '/webhooks/{name}/tokens/{id}',
    summary: 'Revokes a token; every replica refuses it within two seconds',
    params: { name, id },
    status: 204,
    async handler({ params, ip }, { store, now }) {
      const token = await readToken(store.db, params.name, params.id)
      if (!token || token.revoked_at) throw missing('live token', params.id)
      await store.db.transaction(async tx => {
        if (!(await revokeToken(tx, token.id, now()))) throw missing('live token', params.id)
        await writeAudit(tx, {
          actor: 'admin',
          ip,
          action: 'token.revoke',
          target: token.id,
          details: { webhook: token.webhook },
          now: now(),
        })
      })
    },
  }),
  route({
    method: 'POST',
    path: '/webhooks/{name}/tokens/{id}/rotate',
    summary: 'Makes a token in place of another, which is let in for a while yet',
    params: { name, id },
    body: closed({ overlap: Duration({ default: '24h', description: 'How long the old one is let in yet.' }) }),
    status: 201,
    answer: one(Type.Object({ ...Made.properties, old_expires_at: time('When the old one ends.') })),
    async handler({ params, body, ip }, world) {
      const { name } = webhookOf(world, params.name)
      const { db } = world.store
      const now = world.now()
      if (!(await readToken(db, name, params.id))) throw missing('live token', params.id)
      const made = await db.transaction(async tx => {
        const made = await rotateToken(tx, params.id, { now, endOld: now + body.overlap })
        if (!made) throw missing('live token', params.id)
        const details = { webhook: name, by: made.id, ended: made.ended }
        await writeAudit(tx, { actor: 'admin', ip, action: 'token.rotate', target: params.id, details, now })
        return made
      })
      return { data: { id: made.id, token: made.token, url: urlOf(world, name, made.token), old_expires_at: made.ended } }
    },
  }),
]
