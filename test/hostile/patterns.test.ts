/** Patterns that take for ever, and texts that make them: everybody is answered at once all the same. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { available } from '../support/available.ts'
import { folder } from '../support/child.ts'
import { freshDatabase, postgres } from '../support/postgres.ts'
import { cli, type Gateway, gateway, runtimes } from '../support/process.ts'

/** Bytes: what a webhook takes unless it says otherwise. */
const LIMIT = 262_144
/** Milliseconds for one answer on a busy machine; the runtimes' own engines take minutes for the least of these. */
const LONGEST = 3000

const nobody = 'auth-none: { reason: the tests send what they like }'
/** By field: a pattern or a format, and what repeated takes it longest. */
const fields: Record<string, { schema: object; repeated: string; last: string }> = {
  nested: { schema: { pattern: '(a+)+$' }, repeated: 'a', last: '!' },
  either: { schema: { pattern: '^(a|a)*$' }, repeated: 'a', last: '!' },
  overlapping: { schema: { pattern: '^(a|aa)+$' }, repeated: 'a', last: '!' },
  anywhere: { schema: { pattern: 'a+$' }, repeated: 'a', last: '!' },
  words: { schema: { pattern: '^(\\w+\\s?)*$' }, repeated: 'a ', last: '!' },
  mail: { schema: { pattern: '^\\S+@\\S+\\.\\S+$' }, repeated: '@.', last: ' ' },
  ahead: { schema: { pattern: '^(?=(a+)+$)' }, repeated: 'a', last: '!' },
  states: { schema: { pattern: '(a|b)*a(a|b){1000}c' }, repeated: 'abbaababba', last: '!' },
  url: { schema: { format: 'url' }, repeated: ':', last: '!' },
  uri: { schema: { format: 'uri' }, repeated: 'a/', last: '{' },
  email: { schema: { format: 'email' }, repeated: 'a.', last: '!' },
  template: { schema: { format: 'uri-template' }, repeated: '{a}', last: '{' },
  pointer: { schema: { format: 'json-pointer' }, repeated: '/~0', last: '~' },
  name: { schema: { format: 'hostname' }, repeated: 'a-', last: '.' },
  moment: { schema: { format: 'date-time' }, repeated: '2020-01-01T', last: '!' },
  expression: { schema: { format: 'regex' }, repeated: '(a+)+', last: '(' },
}
const schema = {
  properties: Object.fromEntries(Object.entries(fields).map(([name, { schema }]) => [name, { type: 'string', ...schema }])),
  patternProperties: { '^(k+)+$': true },
}

const head = `version: 1
server: { port: "\${PORT}", host: 127.0.0.1, drainDelay: 0s }
store: { url: "\${DATABASE_URL}" }
admin: { port: "\${ADMIN_PORT}" }
`
const config = `${head}entities: { thing: { schema: ${JSON.stringify(schema)}, unknown: keep } }
webhooks:
  checked:
    path: /checked
    chain: [{ ${nobody} }, { validation: { entity: thing } }, { upsert: { entity: thing } }]
  filtered:
    path: /filtered
    chain: [{ ${nobody} }, { filter: { when: 'data.a.contains("x") && data.a.startsWith(data.b) && data.list.exists(e, e.endsWith("y"))', otherwise: refuse } }, { upsert: { entity: other } }]
  plain:
    path: /plain
    chain: [{ ${nobody} }, { mapping: { fields: { a: { to: a, apply: [trim, lower, to-number] } } } }, { upsert: { entity: other } }]
`

const onPostgres = await available('Postgres', postgres)

for (const runtime of runtimes) {
  onPostgres(`texts that take long on ${runtime}`, () => {
    let running: Gateway
    beforeAll(async () => {
      running = await gateway({ runtime, config, env: { DATABASE_URL: (await freshDatabase()).url } })
    }, 30_000)
    afterAll(async () => {
      running.kill()
      await running.exited
    })
    /** The status, after nobody had to wait for it: neither this sender nor one who asks meanwhile. */
    const send = async (path: string, body: string, type = 'application/json') => {
      const start = performance.now()
      const sent = fetch(running.url + path, { method: 'POST', headers: { 'content-type': type }, body })
      const live = fetch(`${running.url}/livez`)
      expect([(await live).status, (await sent).status < 500]).toEqual([200, true])
      expect(performance.now() - start).toBeLessThan(LONGEST)
      return (await sent).status
    }
    const long = (repeated: string, last: string, length = LIMIT - 100) => repeated.repeat(length / repeated.length) + last

    test.each(Object.keys(fields))('the field %s', async field => {
      const { repeated, last } = fields[field] as (typeof fields)[string]
      const prefix = field === 'url' ? 'http://a@' : field === 'uri' ? 'http://' : ''
      expect(await send('/checked', JSON.stringify({ [field]: prefix + long(repeated, last) }))).toBe(422)
      // As text of a form it goes another way.
      expect(await send('/checked', `${field}=${prefix}${long(repeated, last)}`, 'application/x-www-form-urlencoded')).toBe(422)
    })

    test('a pattern for names, and a name of a quarter of a megabyte', async () => {
      expect(await send('/checked', JSON.stringify({ [long('k', '!')]: 1 }))).toBe(201)
    })

    test.each([
      ['letters', 'a', 'x'],
      ['spaces', ' ', 'x'],
      ['digits', '1', 'x'],
      ['backslashes', '\\\\', 'n'],
      ['quotes', '\\"', 'x'],
    ])('a filter, a conversion and no pattern, with many %s', async (_, repeated, last) => {
      const text = long(repeated, last, LIMIT / 4)
      const body = `{"a":"${text}","b":"${text}","list":["${text}"]}`
      expect(await send('/filtered', body)).toBe(422)
      expect(await send('/plain', body)).toBeOneOf([201, 422])
      expect(await send('/plain', `{"a":${'1'.repeat(LIMIT / 2)}}`)).toBe(422)
    })
  })
}

test.each(runtimes)(
  'what takes for ever whatever one does is refused when it is loaded on %s',
  async runtime => {
    const home = folder()
    const file = join(home, 'postern.yaml')
    const webhook = (step: string) =>
      `${head}webhooks:\n  w: { path: /w, chain: [{ ${nobody} }, { ${step} }, { upsert: { entity: e } }] }\n`
    const rows: [string, RegExp][] = [
      [`filter: { when: 'data.a.matches("(a+)+$")' }`, /'matches' is off/],
      [`validation: { schema: { properties: { a: { type: string, pattern: '(a+)\\1' } } } }`, /back-reference/],
      [`validation: { schema: { properties: { a: { type: string, pattern: '(a{1000}){1000}' } } } }`, /too large/],
    ]
    for (const [step, says] of rows) {
      writeFileSync(file, webhook(step))
      const { code, stdout, stderr } = await cli(['check', '--config', file], {
        runtime,
        env: { PORT: '1', ADMIN_PORT: '2', DATABASE_URL: '' },
      })
      expect([code, stdout + stderr]).toEqual([78, expect.stringMatching(says)])
    }
  },
  30_000,
)
