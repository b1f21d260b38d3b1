/** Names that reach what all objects share, wherever a sender or an operator can write a name: a plugin looks after each whether they did. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { available } from '../support/available.ts'
import { folder } from '../support/child.ts'
import { freshDatabase, postgres } from '../support/postgres.ts'
import { cli, type Gateway, gateway, runtimes } from '../support/process.ts'

/** Answers with all that objects, lists and functions have of their own here that they should not. */
const canary = `
const shared = { Object: Object.prototype, Array: Array.prototype, Function: Function.prototype, String: String.prototype }
const before = JSON.stringify(Object.entries(shared).map(([name, of]) => [name, Reflect.ownKeys(of).map(String)]))
export default ({ definePlugin, Type }) =>
  definePlugin({
    name: 'canary',
    phase: 'admit',
    summary: 'Tells whether what all objects share has changed.',
    config: Type.Object({}, { additionalProperties: false }),
    refusals: { CLEAN: { status: 422, summary: 'Nothing has changed.' }, CHANGED: { status: 409, summary: 'Something has changed.' } },
    compile: (_, host) => () => {
      const now = JSON.stringify(Object.entries(shared).map(([name, of]) => [name, Reflect.ownKeys(of).map(String)]))
      const seen = []
      for (const key in {}) seen.push(key)
      return now === before && seen.length === 0 && ({}).polluted === undefined ? host.refuse('CLEAN') : host.refuse('CHANGED')
    },
  })
`
/** Changes it, and back. */
const guilty = `
export default ({ definePlugin, Type }) =>
  definePlugin({
    name: 'guilty',
    phase: 'admit',
    summary: 'Changes what all objects share.',
    config: Type.Object({}, { additionalProperties: false }),
    refusals: { DONE: { status: 422, summary: 'It is done.' } },
    compile: (_, host) => x => {
      if (x.peek().set) Object.defineProperty(Object.prototype, 'polluted', { value: 1, configurable: true })
      else delete Object.prototype.polluted
      return host.refuse('DONE')
    },
  })
`
const nobody = '{ auth-none: { reason: the tests send what they like } }'
const head = `version: 1
plugins: [./canary.mjs, ./guilty.mjs]
server: { port: "\${PORT}", host: 127.0.0.1, drainDelay: 0s }
store: { url: "\${DATABASE_URL}" }
admin: { port: "\${ADMIN_PORT}" }
`
const config = `${head}
entities:
  loose: { schema: { properties: { a: { type: object, default: {} } } }, unknown: keep }
  tight: { schema: { properties: { a: { type: string }, b: { type: object, properties: { c: { type: string } } } } }, unknown: drop }
webhooks:
  canary: { path: /canary, chain: [${nobody}, canary] }
  guilty: { path: /guilty, chain: [${nobody}, guilty] }
  plain: { path: /plain, methods: [POST, GET], chain: [${nobody}, { upsert: { entity: plain, idField: id, idFieldQuery: idField } }, dispatch] }
  matched: { path: /matched, chain: [${nobody}, { upsert: { entity: matched, match: [email] } }, dispatch] }
  mapped:
    path: /mapped
    methods: [POST, GET]
    chain:
      - ${nobody}
      - mapping: { fields: { "in": out.deep.name, "list[0].a": "rows[1].b" }, variables: { plan: in, other: a.b }, nested: json-string }
      - filter: { when: 'custom_variables.plan != "refused"' , otherwise: refuse }
      - upsert: { entity: mapped }
      - dispatch
  loose: { path: /loose, methods: [POST, GET], chain: [${nobody}, { validation: { entity: loose } }, { upsert: { entity: loose } }] }
  tight: { path: /tight, methods: [POST, GET], chain: [${nobody}, { validation: { entity: tight } }, { upsert: { entity: tight } }] }
`

const names = [
  '__proto__',
  'constructor',
  'prototype',
  'polluted',
  'toString',
  'hasOwnProperty',
  '__defineGetter__',
  'valueOf',
  'then',
  'toJSON',
]
const polluter = '{"polluted":1,"prototype":{"polluted":1}}'
const json: string[] = [
  ...names.flatMap(name => [
    `{"${name}":${polluter}}`,
    `{"${name}":null}`,
    `{"a":{"${name}":${polluter}}}`,
    `{"in":{"${name}":${polluter}},"list":[{"a":{"${name}":1}}]}`,
    `{"a":"x","b":{"${name}":${polluter},"c":"y"}}`,
    `{"id":"${name}"}`,
    `{"email":"${name}"}`,
    `{"in":"${name}"}`,
  ]),
  `{"constructor":{"prototype":${polluter}}}`,
  `{"\\u005f_proto__":${polluter}}`,
  `{"a":[{"__proto__":[]},{"__proto__":{"length":9}}]}`,
  `{"__proto__":{"__proto__":${polluter}}}`,
  `{"in.__proto__.polluted":1,"constructor.prototype.polluted":1,"__proto__.polluted":1,"list[0].__proto__":1}`,
]
const forms: string[] = [
  ...names.flatMap(name => [
    `${name}=1`,
    `${name}[polluted]=1`,
    `a[${name}][polluted]=1`,
    `a.${name}.polluted=1`,
    `in=1&${name}=2&${name}=3`,
  ]),
  'constructor[prototype][polluted]=1',
  'constructor.prototype.polluted=1',
  '%5f%5fproto%5f%5f=1',
  '__proto__%5Bpolluted%5D=1',
]

const onPostgres = await available('Postgres', postgres)

for (const runtime of runtimes) {
  onPostgres(`names that all objects share on ${runtime}`, () => {
    let running: Gateway
    beforeAll(async () => {
      running = await gateway({
        runtime,
        config,
        files: { 'canary.mjs': canary, 'guilty.mjs': guilty },
        env: { DATABASE_URL: (await freshDatabase()).url },
      })
    }, 30_000)
    afterAll(async () => {
      running.kill()
      await running.exited
    })

    const changed = async () => (await fetch(`${running.url}/canary`, { method: 'POST', body: '{}' })).status !== 422
    /** Sends each, and looks after each whether something has changed. */
    const harmless = async (requests: [path: string, init: RequestInit][]) => {
      expect(await changed()).toBe(false)
      const wrong: unknown[] = []
      const seen = new Set<number>()
      for (const [path, init] of requests) {
        const response = await fetch(running.url + path, init)
        const body = await response.text()
        seen.add(response.status)
        if (![201, 202, 422].includes(response.status) || (await changed())) wrong.push([path, init.body, response.status, body])
      }
      expect(wrong).toEqual([])
      expect([...seen].sort()).toEqual(expect.arrayContaining([201, 422]))
    }
    const post = (path: string, body: string, type = 'application/json'): [string, RequestInit] => [
      path,
      { method: 'POST', headers: { 'content-type': type }, body },
    ]
    const paths = ['/plain', '/matched', '/mapped', '/loose', '/tight']

    test('in JSON', () => harmless(paths.flatMap(path => json.map(body => post(path, body)))), 30_000)
    test(
      'in a form',
      () => harmless(paths.flatMap(path => forms.map(body => post(path, body, 'application/x-www-form-urlencoded')))),
      30_000,
    )
    test(
      'in a query',
      () =>
        harmless(['/plain', '/mapped', '/loose', '/tight'].flatMap(path => forms.map(query => [`${path}?${query}`, { method: 'GET' }]))),
      30_000,
    )
    test('as the field that holds the id', () => {
      const ids = [...names, 'constructor.prototype', '__proto__.polluted', 'a[__proto__]']
      const bodies = ['{"a":1}', '{"constructor":"x"}', '{"__proto__":"x"}']
      return harmless(ids.flatMap(id => bodies.map(body => post(`/plain?idField=${encodeURIComponent(id)}`, body))))
    }, 30_000)
    test('as keys of idempotency and in headers of any name', async () => {
      const init = (name: string): RequestInit => ({
        method: 'POST',
        headers: { [name]: '{"polluted":1}', 'x-idempotency-key': name },
        body: '{}',
      })
      for (const name of names) {
        expect((await fetch(`${running.url}/plain`, init(name))).status).toBe(201)
        expect(await changed()).toBe(false)
      }
    }, 30_000)

    test('and a canary that finds something says so', async () => {
      // Otherwise all that is above would prove nothing.
      const guilty = (body: string) => fetch(`${running.url}/guilty`, { method: 'POST', body })
      expect((await guilty('{"set":true}')).status).toBe(422)
      expect(await changed()).toBe(true)
      expect((await guilty('{"set":false}')).status).toBe(422)
      expect(await changed()).toBe(false)
    })
  })
}

test.each(runtimes)(
  "an operator's names are refused when they are loaded, or mean nothing, on %s",
  async runtime => {
    const home = folder()
    for (const [name, text] of Object.entries({ 'canary.mjs': canary, 'guilty.mjs': guilty })) writeFileSync(join(home, name), text)
    const file = join(home, 'postern.yaml')
    const steps: [step: string, refused: boolean][] = [
      ['mapping: { fields: { a: __proto__.polluted } }', true],
      ['mapping: { fields: { a: constructor.prototype.polluted } }', true],
      ['mapping: { fields: { "__proto__.polluted": a } }', true],
      ['mapping: { fields: { a: __proto__ } }', true],
      ['mapping: { variables: { __proto__: a } }', true],
      ['mapping: { variables: { v: __proto__.polluted } }', true],
      ['mapping: { defaults: { __proto__: { polluted: 1 } } }', true],
    ]
    for (const [step, refused] of steps) {
      writeFileSync(file, `${head}webhooks:\n  w: { path: /w, chain: [${nobody}, { ${step} }, { upsert: { entity: e } }] }\n`)
      const { code, stdout, stderr } = await cli(['check', '--config', file], {
        runtime,
        env: { PORT: '1', ADMIN_PORT: '2', DATABASE_URL: '' },
      })
      expect([step, code, stdout + stderr]).toEqual([step, refused ? 78 : 0, expect.any(String)])
    }
  },
  40_000,
)
