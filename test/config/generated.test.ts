/** What is made from the schemas: the editor schema and the reference. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is the syntax under test
import { expect, test } from 'bun:test'
import { Ajv } from 'ajv'
import { parse } from 'yaml'
import { configJsonSchema } from '#core/config/jsonSchema.ts'
import { configReference } from '#core/config/reference.ts'
import { chain, hook, loadWorld, plugins, shape, top } from './fixture.ts'

const json = JSON.parse(JSON.stringify(configJsonSchema(plugins)))
const valid = new Ajv({ strict: false, formats: { email: true } }).compile(json)

const good: [name: string, yaml: string][] = [
  ['the least', top('')],
  ['a file without its version, as in a folder', hook('path: /a')],
  ['interpolations where other types are wanted', top('server: { port: "${PORT:-1}", requireHttps: "${TLS}", drainDelay: "${D}" }')],
  ['in a choice', shape('level: "${LEVEL}", code: "${CODE}", limit: "${LIMIT}"')],
  ['in a list', shape('tags: ["${A}"]')],
  ['a bare name', chain('auth-none: { reason: x }', 'shape', 'once')],
  ['a name with nothing', chain('auth-none: { reason: x }', 'shape:')],
  ['settings', shape('fields: { a: b }, count: 2, size: 5KiB, by: { a: { n: 1 } }, pair: [a, 1], any: [1], one: [a], inner: { deep: {} }')],
  ['an entity with a schema', top('entities: { a: { schema: { type: object } }, b: { schema: ./b.json, unknown: keep } }')],
  [
    'a destination',
    top('destinations: { d: { url: "https://d.example", headers: { A: b }, rate: { limit: 5 }, retry: { attempts: 3 } } }'),
  ],
  ['a destination by its type', top('destinations: { d: { type: http, url: "https://d.example", timeout: "${D}" } }')],
  [
    'a subscription with names alone, and one with lists',
    `${chain('auth-none: { reason: x }', 'ring')}subscriptions: { s: { webhooks: a, to: d }, t: { webhooks: [a], to: [e], events: [webhook.received] } }\ndestinations: { d: { url: "https://d.example" }, e: { url: "https://e.example" } }\n`,
  ],
  ['a dialect', top('dialects: { d: { success: { status: 201, body: { a: "{{record.id}}" } }, codes: { INTERNAL: { code: X } } } }')],
]

const bad: [name: string, yaml: string][] = [
  ['an unknown section', top('webhoks: {}')],
  ['an unknown setting', top('server: { prot: 1 }')],
  ['a version of the future', 'version: 2'],
  ['a text for a number', top('server: { port: abc }')],
  ['a number for a duration', top('server: { drainDelay: 5 }')],
  ['a duration without a unit', top('server: { drainDelay: "5" }')],
  ['a missing path', top('webhooks: { a: { chain: [] } }')],
  ['a bad name', top('entities: { "a b": {} }')],
  ['an unknown plugin', chain('shappe')],
  ['an unknown plugin with settings', chain('shappe: {}')],
  ['two plugins in one item', chain('shape: {}\n        once: {}')],
  ['an empty item', chain('{}')],
  ['an unknown setting of a plugin', shape('cuont: 1')],
  ['a required setting left out', chain('auth-none: {}')],
  ['a wrong choice', shape('level: hgih')],
  ['a destination without its URL', top('destinations: { d: {} }')],
  ['an unknown setting of a destination', top('destinations: { d: { url: "https://d.example", secret: x } }')],
  ['an unknown kind of destination', top('destinations: { d: { type: htpp, url: "https://d.example" } }')],
  ['a destination that is text', top('destinations: { d: "https://d.example" }')],
  ['no webhooks in a subscription', top('subscriptions: { s: { webhooks: [], to: d } }')],
]

for (const [name, yaml] of good)
  test(`the editor takes ${name}`, async () => {
    expect([valid(parse(yaml)), valid.errors]).toEqual([true, null])
    const { lines } = await loadWorld({
      files: { 'c.yaml': yaml, 'b.json': '{}' },
      path: 'c.yaml',
      env: { TLS: 'true', D: '5s', LEVEL: 'low', CODE: '200', LIMIT: 'none', A: 'aa' },
    })
    expect(lines.filter(line => !line.includes('version: is missing'))).toEqual([])
  })

for (const [name, yaml] of bad)
  test(`the editor refuses ${name}`, async () => {
    expect(valid(parse(yaml))).toBe(false)
    expect((await loadWorld({ files: { 'c.yaml': yaml } })).config).toBeUndefined()
  })

test('the editor schema is draft-07, closed, and without marks of our own', () => {
  expect(json.$schema).toBe('http://json-schema.org/draft-07/schema#')
  expect(json.additionalProperties).toBe(false)
  const text = JSON.stringify(json)
  expect(text).not.toContain('x-postern')
  expect(text).not.toContain('x-editor')
  expect(text).not.toContain('x-env')
  expect(text).not.toContain('webhook-path')
  expect(text).toContain('"format":"email"')
})

test('defaults, descriptions and examples are kept', () => {
  expect(json.properties.server.properties.port).toEqual({
    description:
      'Port for senders: webhooks, /livez and /readyz. 0 takes any free one. ' +
      'Left out, it is what the environment variable PORT says, when that is set.',
    default: 8080,
    anyOf: [
      { minimum: 0, maximum: 65535, type: 'integer' },
      { type: 'string', pattern: '^\\$\\{.*\\}$' },
    ],
  })
  expect(json.definitions.once.properties.header).toMatchObject({ default: 'X-Key', examples: ['X-Key'] })
  expect(json.definitions.once.description).toBe('Refuses a repetition.')
  expect(json.definitions.key.required).toEqual(['keys'])
  expect('required' in json.definitions.shape).toBe(false)
})

test('the editor tells the faults of the kind that is meant, and of no other', () => {
  const judged = (settings: string) => {
    valid(parse(top(`destinations: { d: { ${settings} } }`)))
    return valid.errors?.filter(({ keyword }) => keyword !== 'if').map(({ message, params }) => params.additionalProperty ?? message)
  }
  expect(judged('url: "https://d.example", secret: x')).toEqual(['secret'])
  expect(judged('type: htpp, servers: []')?.filter(message => message.includes('additional'))).toEqual([])
})

test('both are the same each time', () => {
  expect(JSON.stringify(configJsonSchema(plugins))).toBe(JSON.stringify(json))
  expect(configReference(plugins)).toBe(configReference(plugins))
})

test('the reference names every section and plugin, with what each setting takes', () => {
  const lines = configReference(plugins).split('\n')
  for (const section of Object.keys(json.properties))
    expect(lines.some(line => line === `## ${section}` || line.startsWith(`| \`${section}\``))).toBe(true)
  expect(lines.filter(line => line.startsWith('### '))).toEqual(
    ['type: http', 'key', 'sign', 'greet', 'auth-none', 'window', 'once', 'shape', 'fragile', 'save', 'tell', 'ring'].map(
      name => `### ${name}`,
    ),
  )
  for (const line of [
    '| `version` | 1 | required | Version of this format. |',
    '| `tls.cert` | text | required | PEM file with the certificate chain, relative to this file. |',
    '| `bodyLimit` | size | `"256KiB"` | Largest body accepted. At least 1B. At most 100MiB. |',
    '| `tolerance` | duration | `"5m"` | How old. At least 1s. At most 1d. |',
    '| `keys` | list of secret | required | Keys. |',
    '| `inner.deep.wait` | duration | `"2s"` | Wait. |',
    '| `by.NAME.n` | whole number | `1` |  |',
    '| `UNAUTHORIZED` | 401 | No. |',
    'Phase `admit`. Refuses a repetition. It may stand only once in a chain.',
    'It has no settings.',
  ])
    expect(lines).toContain(line)
})
