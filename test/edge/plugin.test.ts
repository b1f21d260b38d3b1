/** A plugin from outside of the project: the very one that docs/plugins.md shows, with its durable write. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { available } from '../support/available.ts'
import { freshDatabase, postgres } from '../support/postgres.ts'
import { cli, type Gateway, gateway, runtimes } from '../support/process.ts'

const page = readFileSync(join(import.meta.dirname, '../../docs/plugins.md'), 'utf8')
const [country = '', entry = ''] = [...page.matchAll(/```ts\n([\s\S]*?)```/g)].map(block => block[1] as string)

const trail = `${entry}
export default ({ definePlugin, Type }) => definePlugin({
  name: 'trail',
  phase: 'write',
  summary: 'Writes an entry for each order.',
  config: Type.Object({}, { additionalProperties: false }),
  refusals: {},
  compile: () => x => x.stage(entry, { order: x.data.id }),
})`

const config = `version: 1
server: { port: "\${PORT}", host: 127.0.0.1, drainDelay: 0s }
store: { url: "\${DATABASE_URL}" }
plugins: [./country.ts, ./trail.ts]
webhooks:
  orders:
    path: /orders
    chain:
      - auth-none: { reason: a test }
      - country: { allow: [DE, AT, CH] }
      - upsert: { entity: order }
      - trail
`

const onPostgres = await available('Postgres', postgres)

for (const runtime of runtimes) {
  onPostgres(`a plugin from outside on ${runtime}`, () => {
    let served: Gateway
    let db: pg.Client
    beforeAll(async () => {
      const { url } = await freshDatabase()
      db = new pg.Client(url)
      await db.connect()
      await db.query('create table trail (exchange text, "order" text)')
      served = await gateway({ runtime, config, files: { 'country.ts': country, 'trail.ts': trail }, env: { DATABASE_URL: url } })
    })
    afterAll(async () => {
      await db.end()
      await served.stop()
    })
    const send = async (id: string, from?: string) => {
      const headers = { 'content-type': 'application/json', ...(from && { 'X-Country': from }) }
      const answer = await fetch(`${served.url}/orders`, { method: 'POST', headers, body: JSON.stringify({ id }) })
      return [answer.status, ((await answer.json()) as { code?: string }).code]
    }

    test('changes the record, and its entry is committed with it', async () => {
      expect(await send('a', 'DE')).toEqual([201, undefined])
      expect((await db.query('select data from records')).rows).toEqual([{ data: { id: 'a', country: 'DE' } }])
      expect((await db.query('select "order" from trail')).rows).toEqual([{ order: 'a' }])
    })

    test('refuses with a code of its own, and nothing is written', async () => {
      expect(await send('b', 'FR')).toEqual([422, 'COUNTRY_REFUSED'])
      expect((await db.query(`select 1 from trail where "order" = 'b'`)).rows).toEqual([])
    })

    test('when its write fails, nothing of the request stays', async () => {
      await db.query('alter table trail add constraint short check (length("order") < 5)')
      const answers = await Promise.all([send('c1', 'DE'), send('too-long', 'DE'), send('c2', 'DE')])
      expect(answers.map(([status]) => status)).toEqual([201, 500, 201])
      expect((await db.query('select id from records order by id')).rows.map(r => r.id)).toEqual(['a', 'c1', 'c2'])
      expect((await db.query('select "order" from trail order by 1')).rows.map(r => r.order)).toEqual(['a', 'c1', 'c2'])
    })
  })
}

test.each([
  ['no such file', './gone.ts', {}],
  ['a syntax error', './bad.ts', { 'bad.ts': 'export default {' }],
  ['no plugin', './bad.ts', { 'bad.ts': 'export default 3' }],
  ['a built-in name', './bad.ts', { 'bad.ts': country.replace("name: 'country'", "name: 'upsert'") }],
] as [string, string, Record<string, string>][])('a plugin that is %s is a problem at its line', async (_title, name, files) => {
  const { mkdtempSync, writeFileSync, rmSync } = await import('node:fs')
  const home = mkdtempSync(join((await import('node:os')).tmpdir(), 'postern-'))
  const text = `version: 1\nplugins: [${name}]\nwebhooks:\n  w: { path: /w, chain: [ { auth-none: { reason: x } } ] }\n`
  for (const [file, content] of Object.entries({ ...files, 'p.yaml': text })) writeFileSync(join(home, file), content)
  const { code, stdout } = await cli(['check', '--config', join(home, 'p.yaml')])
  rmSync(home, { recursive: true })
  expect(code).toBe(78)
  expect(stdout).toContain('p.yaml:2:11')
})
