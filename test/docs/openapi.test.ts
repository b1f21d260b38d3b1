/** The document that senders read: valid, complete, true to what the gateway answers, and without a secret. */
import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { Glob } from 'bun'
import { at, CANARY, documentOf, faultsOf, pageOf } from './world.ts'

const HEX = '00ff'.repeat(16)
const base = `version: 1
server: { publicUrl: https://hooks.example.com }
store: { url: "pglite://memory" }
admin: { port: 0 }
`
/** A configuration of these webhooks, each a line of YAML flow. */
const config = (webhooks: Record<string, string>, more = '') =>
  `${base}${more}webhooks:\n${Object.entries(webhooks)
    .map(([name, flow]) => `  ${name}: ${flow}\n`)
    .join('')}`
const open = 'auth-none: { reason: a test of the documents }'

const root = join(import.meta.dirname, '../..')
/** What the examples leave to the environment. */
const env = Object.fromEntries(
  ['INSPIRE_INGEST_KEY', 'INSPIRE_SIGNING_KEY', 'EHR_SIGNING_KEY', 'PARTNER_A_SECRET', 'PARTNER_B_KEY'].map(name => [name, CANARY]),
)
const examples = ['config/postern.yaml', ...new Glob('config/examples/*.yaml').scanSync(root)].map(file => join(root, file))

/** Each plugin as it may stand in a chain. */
const every: Record<string, string> = {
  adyen: `{ path: /adyen, chain: [{ auth-adyen: { keys: ["${HEX}"] } }, { idempotency: { from: preset } }, dispatch] }`,
  any: `{ path: /any, chain: [{ auth-any: { of: [{ auth-bearer: { keys: ["\${SECRET}"] } }, { auth-hmac: { preset: github, secrets: ["\${SECRET}"] } }] } }, dispatch] }`,
  basic: `{ path: /basic, chain: [{ auth-basic: { credentials: [{ user: acme, password: "\${SECRET}" }] } }, dispatch] }`,
  bearer: `{ path: /bearer, methods: [POST, PUT, GET], chain: [{ auth-bearer: { keys: ["\${SECRET}"] } }, { quota: { records: 5, rate: { limit: 9, per: 1s } } }, { upsert: { entity: e, idFieldQuery: idField } }, dispatch] }`,
  challenge: `{ path: /challenge, chain: [{ challenge: { preset: meta, verifyToken: "\${SECRET}" } }, { auth-hmac: { preset: meta-whatsapp, secrets: ["\${SECRET}"] } }, dispatch] }`,
  filter: `{ path: /filter, verify: true, chain: [{ ${open} }, { filter: { when: "data.a > 1 && query.b != ''" } }, { mapping: { nested: json-string } }, { upsert: { entity: e } }] }`,
  hmac: `{ path: /hmac, verify: true, chain: [{ auth-hmac: { preset: stripe, secrets: ["\${SECRET}"] } }, replay-window, idempotency, { validation: { entity: thing } }, { upsert: { entity: thing } }, dispatch] }`,
  ip: `{ path: /ip, chain: [{ ip-allow: { allow: [192.0.2.0/24] } }, { auth-shared-secret: { query: key, secrets: ["\${SECRET}"] } }, dispatch] }`,
  jwt: `{ path: /jwt, chain: [{ auth-jwt: { issuer: "https://login.example.com/", audience: "https://hooks.example.com" } }, dispatch] }`,
  list: `{ path: /list, listAs: events, example: { events: [{ a: 1 }] }, chain: [{ ${open} }, { validation: { entity: many } }, dispatch] }`,
  msgraph: `{ path: /msgraph, chain: [{ challenge: { preset: msgraph } }, { auth-msgraph: { clientStates: ["\${SECRET}"] } }, dispatch] }`,
  plaid: `{ path: /plaid, chain: [{ auth-plaid: { clientId: 5f1a0c2e, secret: "\${SECRET}" } }, replay-window, dispatch] }`,
  sns: `{ path: /sns, chain: [{ auth-sns: { topics: ["arn:aws:sns:eu-west-1:123456789012:orders"] } }, replay-window, dispatch] }`,
  tenant: `{ path: /tenant, host: [a.example.com, b.example.com], chain: [{ loop-guard: { header: X-Postern-Webhook-Id } }, { ${open} }, dispatch] }`,
  token: `{ path: "/in/{token}/{shop}", chain: [auth-url-token, { upsert: { entity: e } }] }`,
  twilio: `{ path: /twilio, chain: [{ auth-twilio: { tokens: ["\${SECRET}"] } }, { idempotency: { from: preset } }, dispatch] }`,
}
const entities = `entities:
  thing: { unknown: reject, schema: { $id: "https://schemas.example.com/thing", type: object, required: [a], properties: { a: { $ref: "#/$defs/a" } }, $defs: { a: { type: integer } } } }
  many: { schema: { type: object, properties: { events: { type: array, items: { $ref: "#/$defs/e" } } }, $defs: { e: { type: object } } } }
`

describe('is valid', () => {
  for (const file of examples)
    test(file.slice(root.length + 1), async () => {
      const document = await documentOf(file, env)
      expect(await faultsOf(document)).toEqual([])
      expect(JSON.stringify(document)).not.toContain(CANARY)
    })
  // `loop-guard` comes behind what verifies.
  const all = { ...every, tenant: every.tenant!.replace(/\{ (loop-guard.*?\}) \}, (\{ auth-none.*?\} \})/, '$2, { $1 }') }
  test('with every plugin', async () => {
    const document = await documentOf(config(all, entities))
    expect(await faultsOf(document)).toEqual([])
    expect(JSON.stringify(document)).not.toMatch(new RegExp(`${CANARY}|${HEX}|\\$\\{|SECRET\\b(?<!YOUR_SECRET)`))
    expect(Object.values<any>(document.paths).flatMap(item => Object.keys(item)).length).toBeGreaterThan(Object.keys(all).length)
  })
  test.each(Object.keys(all))('and so is the page of %s', async name => {
    const page = await pageOf(config(all, entities), name)
    expect(page).toContain('<h2>What to send</h2>')
    expect(page).not.toMatch(new RegExp(`${CANARY}|${HEX}|undefined|\\[object`))
  })
})

test('inactive webhooks are absent, closed ones are there', async () => {
  const { paths } = await documentOf(
    config({
      gone: `{ path: /gone, active: false, chain: [{ ${open} }, dispatch] }`,
      closed: `{ path: /closed, chain: [{ auth-bearer: { keys: ["\${NONE:-}"] } }, dispatch] }`,
    }),
  )
  expect(Object.keys(paths)).toEqual(['/closed'])
})

describe('what a webhook takes', () => {
  test('its credentials, every way of them', async () => {
    const document = await documentOf(
      config({ any: every.any!, basic: every.basic!, none: `{ path: /none, chain: [{ ${open} }, dispatch] }` }),
    )
    expect(document.paths['/any'].post.security).toEqual([{ bearer: [] }, { 'signature-x-hub-signature-256': [] }])
    expect(document.paths['/basic'].post.security).toEqual([{ basic: [] }])
    expect(document.paths['/none'].post.security).toEqual([])
    expect(document.components.securitySchemes['signature-x-hub-signature-256']).toMatchObject({ type: 'apiKey', in: 'header' })
  })

  test('two schemes of one name stay two', async () => {
    const hmac = (path: string, algorithm: string) =>
      `{ path: /${path}, chain: [{ auth-hmac: { secrets: ["\${SECRET}"], algorithm: ${algorithm}, signature: { from: "header:x-sig" } } }, dispatch] }`
    const { paths, components } = await documentOf(config({ a: hmac('a', 'sha256'), b: hmac('b', 'sha1'), c: hmac('c', 'sha256') }))
    const names = ['/a', '/b', '/c'].map(path => Object.keys(paths[path].post.security[0])[0] as string)
    expect(names).toEqual(['signature-x-sig', 'signature-x-sig-2', 'signature-x-sig'])
    expect(names.map(name => components.securitySchemes[name]['x-postern-signature'].algorithm)).toEqual(['sha256', 'sha1', 'sha256'])
  })

  test('its methods, its path and its query', async () => {
    const { paths } = await documentOf(config({ bearer: every.bearer!, token: every.token! }))
    expect(Object.keys(paths['/bearer'])).toEqual(['post', 'put', 'get'])
    expect(['post', 'put', 'get'].map(method => paths['/bearer'][method].operationId)).toEqual(['bearer', 'bearer-put', 'bearer-get'])
    expect(paths['/bearer'].get.requestBody).toBeUndefined()
    expect(paths['/bearer'].post.parameters.map((one: any) => [one.in, one.name])).toEqual([['query', 'idField']])
    expect(paths['/in/{token}/{shop}'].post.parameters.map((one: any) => [one.in, one.name, one.required])).toEqual([
      ['path', 'token', true],
      ['path', 'shop', true],
    ])
  })

  test('a bare list, where it is taken', async () => {
    const document = await documentOf(config({ list: every.list! }, entities))
    const { schema, examples } = document.paths['/list'].post.requestBody.content['application/json']
    expect(at(document, schema.$ref).type).toBe('array')
    expect(examples.example.value).toEqual([{ a: 1 }])
  })

  test('a question at /verify, and handshakes', async () => {
    const { paths } = await documentOf(config({ hmac: every.hmac!, challenge: every.challenge!, msgraph: every.msgraph! }, entities))
    const { operationId, security, responses } = paths['/hmac/verify'].post
    expect({ operationId, security }).toEqual({ operationId: 'hmac-verify', security: [{ 'signature-stripe-signature': [] }] })
    expect(responses[200].content['application/json'].example).toEqual({ verified: true })
    expect(Object.keys(responses)).toContain('401')
    expect(Object.keys(paths['/challenge']).sort()).toEqual(['get', 'post'])
    // Both are a POST: what either answers stands there.
    expect(paths['/msgraph'].post).toMatchObject({ operationId: 'msgraph', summary: 'msgraph' })
    expect(Object.keys(paths['/msgraph'].post.responses)).toEqual(expect.arrayContaining(['200', '202', '401']))
  })

  test('hosts are servers of their path alone', async () => {
    const { paths, servers } = await documentOf(
      config({ tenant: `{ path: /t, host: [a.example.com, b.example.com], chain: [{ ${open} }, dispatch] }`, other: every.any! }),
    )
    expect(servers).toEqual([{ url: 'https://hooks.example.com' }])
    expect(paths['/t'].servers).toEqual([{ url: 'https://a.example.com' }, { url: 'https://b.example.com' }])
    expect(paths['/any'].servers).toBeUndefined()
  })
})

describe('the page of a webhook says', () => {
  const chain = (...steps: string[]) => `{ path: /w, chain: [${steps.join(', ')}, dispatch] }`
  const signed = `{ auth-hmac: { preset: github, secrets: ["\${SECRET}"] } }`
  const basic = `{ auth-basic: { credentials: [{ user: a, password: "\${SECRET}" }] } }`
  const repeated = (name: string) => `<li>${name}: if the first request was kept after all`
  test.each<[string, string, string, string]>([
    [
      'what stays the same: a key',
      chain(basic, 'idempotency'),
      repeated('Send the same <code>X-Idempotency-Key</code> each time'),
      'no idempotency key',
    ],
    [
      'what stays the same: an id that the scheme knows',
      chain(signed, '{ idempotency: { from: preset } }'),
      repeated('Give the delivery the same id each time'),
      'no idempotency key',
    ],
    [
      'what stays the same: a field',
      chain(basic, '{ idempotency: { from: "json:a.id" } }'),
      repeated('Leave <code>a.id</code> in the body as it is'),
      'no idempotency key',
    ],
    ['that nothing does', chain(signed), 'There is no idempotency key here', 'kept after all'],
    [
      'that nothing does, though there is an id',
      `{ path: /w, chain: [{ auth-twilio: { tokens: ["\${SECRET}"] } }, dispatch] }`,
      'There is no idempotency key here',
      'kept after all',
    ],
    ['how Twilio signs', every.twilio!, 'Twilio signs the URL', 'Send your credential'],
    ['how Amazon signs', every.sns!, 'Amazon SNS signs the body', 'Send your credential'],
    ['nothing of addresses', chain('{ ip-allow: { allow: [192.0.2.1] } }', basic), 'WEBHOOK_USER', 'The body itself shows'],
  ])('%s', async (_, webhook, wanted, unwanted) => {
    const page = await pageOf(config({ w: webhook }), 'w')
    expect(page).toContain(wanted)
    expect(page).not.toContain(unwanted)
  })
})

describe('webhooks that share a path', () => {
  const schema = (name: string) =>
    `{ validation: { schema: { type: object, required: [${name}], properties: { ${name}: { type: string } } } } }`
  const hook = (path: string, name: string, more = '') =>
    `{ path: "${path}", ${more} chain: [auth-url-token, ${schema(name)}, { upsert: { entity: e } }] }`

  test('and are told apart by their token: either body is good', async () => {
    const document = await documentOf(config({ one: hook('/in/{token}', 'a'), two: hook('/in/{token}', 'b', 'example: { b: x },') }))
    expect(await faultsOf(document)).toEqual([])
    const { post } = document.paths['/in/{token}']
    expect([post.operationId, post.tags]).toEqual(['one', ['one', 'two']])
    const body = post.requestBody.content['application/json']
    expect(body.schema).toEqual({ anyOf: [{ $ref: '#/components/schemas/one' }, { $ref: '#/components/schemas/two' }] })
    expect(body.examples.example.value).toEqual({ b: 'x' })
    expect(Object.keys(post.responses['422'].content['application/problem+json'].examples)).toEqual([
      'VALIDATION_FAILED',
      'VALIDATION_FAILED-2',
    ])
  })

  test('under other names of its parameters', async () => {
    const document = await documentOf(
      config({
        one: hook('/in/{token}', 'a', 'host: a.example.com,'),
        two: hook('/in/{key}', 'b', 'host: b.example.com, methods: [PUT],')
          .replace('auth-url-token', 'auth-url-token: { param: key }')
          .replace('[auth-url-token: { param: key }', '[{ auth-url-token: { param: key } }'),
      }),
    )
    expect(await faultsOf(document)).toEqual([])
    expect(Object.keys(document.paths)).toEqual(['/in/{token}'])
    expect(document.paths['/in/{token}'].put.parameters[0].name).toBe('token')
  })
})

describe('what it may answer', () => {
  const statuses = (document: any, path: string, method = 'post') => Object.keys(document.paths[path][method].responses).map(Number)

  test.each([
    ['without a body to refuse', `{ path: /x, methods: [GET], chain: [{ ${open} }, dispatch] }`, [202, 422, 500, 503]],
    ['with a record', `{ path: /x, chain: [{ ${open} }, { upsert: { entity: e } }] }`, [200, 201, 400, 408, 413, 415, 422, 500, 503]],
    ['of an unknown token', `{ path: "/x/{token}", methods: [GET], chain: [auth-url-token, dispatch] }`, [202, 404, 422, 500, 503]],
    [
      'of a rate',
      `{ path: /x, methods: [GET], chain: [{ ${open} }, { quota: { rate: { limit: 1, per: 1s } } }, dispatch] }`,
      [202, 422, 429, 500, 503],
    ],
    [
      'of a filter that drops',
      `{ path: /x, methods: [GET], chain: [{ ${open} }, { filter: { when: data.a == 1 } }, { upsert: { entity: e } }] }`,
      [200, 201, 202, 422, 500, 503],
    ],
  ])('%s', async (_, hook, expected) => {
    const document = await documentOf(config({ x: hook }))
    const [path] = Object.keys(document.paths) as [string]
    expect(statuses(document, path, hook.includes('GET') ? 'get' : 'post')).toEqual(expected)
  })

  test('in the words of its dialect', async () => {
    const dialects = `dialects:
  ours:
    success: { status: 207, body: { made: "{{record.id}}", by: "{{webhook}}" } }
    error: { contentType: text/json, body: { no: "{{code}}", why: "{{details}}" } }
    codes: { VALIDATION_FAILED: { status: 418, code: BAD }, INTERNAL: { status: 418, code: BAD } }
`
    const hook = `{ path: /x, dialect: ours, example: { id: A-1 }, chain: [{ ${open} }, { validation: { schema: { type: object, required: [id] } } }, { upsert: { entity: e } }] }`
    const document = await documentOf(config({ x: hook }, dialects))
    expect(await faultsOf(document)).toEqual([])
    const { responses } = document.paths['/x'].post
    expect(at(document, responses[207].$ref).content['application/json'].examples.created.value).toEqual({ made: 'A-1', by: 'x' })
    const { examples } = at(document, responses[418].$ref).content['text/json']
    expect(examples).toEqual({
      BAD: { summary: 'The payload failed validation.', value: { no: 'BAD', why: { id: ['The id field is required.'] } } },
      INTERNAL: { summary: 'The gateway failed; nothing was written.', value: { no: 'BAD' } },
    })
  })

  test('with its headers', async () => {
    const document = await documentOf(config({ x: `{ path: /x, chain: [{ ${open} }, idempotency, dispatch] }` }))
    const headers = (status: number) => Object.keys(at(document, document.paths['/x'].post.responses[status].$ref).headers ?? {})
    expect([headers(202), headers(503), headers(500)]).toEqual([['X-Idempotent-Replayed'], ['Retry-After'], []])
  })
})

describe('the body', () => {
  const mapped = (mapping: string, schema: string, unknown = 'drop') =>
    config(
      { x: `{ path: /x, chain: [{ ${open} }, { mapping: ${mapping} }, { validation: { entity: e } }, { upsert: { entity: e } }] }` },
      `entities: { e: { unknown: ${unknown}, schema: ${schema} } }\n`,
    )
  const schemaOf = async (text: string) => (await documentOf(text)).components.schemas?.x

  test('has the names that are sent, not those that are kept', async () => {
    expect(
      await schemaOf(
        mapped(
          '{ fields: { email_address: contact_email } }',
          '{ type: object, required: [contact_email], properties: { contact_email: { type: string }, name: { type: string } } }',
        ),
      ),
    ).toEqual({
      type: 'object',
      required: ['email_address'],
      properties: { email_address: { type: 'string' }, name: { type: 'string' } },
    })
  })

  test('is not told where a step may do anything', async () => {
    const text = config({
      x: `{ path: /x, chain: [{ ${open} }, { mapping: { fields: { a: b } } }, { validation: { schema: { type: object, properties: { b: { $ref: "#/properties/c" }, c: { type: string } } } } }, dispatch] }`,
    })
    const document = await documentOf(text)
    expect(document.components.schemas).toBeUndefined()
    expect(document.paths['/x'].post.requestBody.content['application/json'].schema).toEqual({ type: 'object' })
  })

  test('as it came is told whatever becomes of it', async () => {
    const text = config({
      x: `{ path: /x, chain: [{ ${open} }, { mapping: { fields: { a: b } } }, { validation: { against: payload, schema: { type: object, required: [a] } } }, dispatch] }`,
    })
    expect(await schemaOf(text)).toEqual({ type: 'object', required: ['a'] })
  })

  test('keeps its references', async () => {
    const text = config(
      { x: `{ path: /x, chain: [{ ${open} }, { validation: { entity: e } }, { upsert: { entity: e } }] }` },
      'entities: { e: { schema: { type: object, properties: { a: { $ref: "#/$defs/a" }, b: { $ref: "#/properties/a" } }, $defs: { a: { type: integer } } } } }\n',
    )
    const document = await documentOf(text)
    expect(await faultsOf(document)).toEqual([])
    const { properties } = document.components.schemas.x
    expect([properties.a.$ref, properties.b.$ref]).toEqual(['#/components/schemas/x/$defs/a', '#/components/schemas/x/properties/a'])
  })

  test('refuses unknown fields where the webhook does', async () => {
    const schema = '{ type: object, properties: { a: { type: string } } }'
    const plain = (unknown: string) =>
      config(
        { x: `{ path: /x, chain: [{ ${open} }, { validation: { entity: e } }, { upsert: { entity: e } }] }` },
        `entities: { e: { unknown: ${unknown}, schema: ${schema} } }\n`,
      )
    expect((await schemaOf(plain('reject'))).additionalProperties).toBe(false)
    expect((await schemaOf(plain('drop'))).additionalProperties).toBeUndefined()
  })

  test.each(examples)('of an example fits its schema: %s', async file => {
    const document = await documentOf(file, env)
    const ajv = new Ajv2020({ strict: false, validateFormats: false })
    ajv.addSchema({ $id: 'https://document.example.com/', ...document })
    for (const item of Object.values<any>(document.paths)) {
      const content = item.post?.requestBody?.content['application/json']
      const example = content?.examples?.example?.value
      if (example === undefined || !content.schema.$ref) continue
      const validate = ajv.compile({ $ref: `https://document.example.com/${content.schema.$ref}` })
      expect([validate(example), validate.errors]).toEqual([true, null])
    }
  })
})
