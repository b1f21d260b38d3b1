/** Requests made from `/openapi.json`, good ones and every kind of nearly good ones: no answer is one that the document does not have. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { createHmac } from 'node:crypto'
import { cpSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import fc from 'fast-check'
import { available } from '../support/available.ts'
import { folder } from '../support/child.ts'
import { freshDatabase, postgres } from '../support/postgres.ts'
import { type Gateway, gateway } from '../support/process.ts'

const SECRET = 'fuzz-secret-0123456789abcdef'
const ADMIN_TOKEN = 'fuzz-admin-0123456789abcdef'
const examples = join(import.meta.dirname, '../../config/examples')

/** One webhook of every kind that the examples have not. */
const synthetic = `
version: 1
server: { port: "\${PORT}", host: 127.0.0.1, drainDelay: 0s }
store: { url: "\${DATABASE_URL}" }
admin: { port: "\${ADMIN_PORT}", token: ${ADMIN_TOKEN} }
entities:
  order:
    unknown: reject
    schema:
      type: object
      required: [id, lines]
      properties:
        id: { type: string, minLength: 1, maxLength: 40 }
        state: { enum: [open, paid, sent] }
        total: { type: number, minimum: 0 }
        email: { type: string, format: email }
        at: { type: string, format: date-time }
        lines:
          type: array
          maxItems: 5
          items: { type: object, required: [sku], properties: { sku: { type: string }, count: { type: integer, minimum: 1 } } }
  note: { unknown: keep, schema: { type: object, properties: { text: { type: [string, "null"] }, tags: { type: array, items: { type: string } } } } }
dialects:
  odd:
    success: { status: 202, body: { ok: true, id: "{{record.id}}", of: "{{data.text}}" } }
    error: { contentType: application/vnd.odd+json, body: { fault: "{{code}}", why: "{{message}}", where: "{{details}}" } }
    codes: { UNAUTHORIZED: { status: 403 }, VALIDATION_FAILED: { status: 400, code: BAD }, NOT_FOUND: { status: 410 } }
webhooks:
  signed:
    path: /signed
    methods: [POST, PUT]
    chain:
      - auth-hmac: { secrets: [${SECRET}], preset: inspire }
      - replay-window
      - idempotency: { required: true, maxLength: 30 }
      - validation: { entity: order }
      - upsert: { entity: order }
      - dispatch
  basic:
    path: /basic/{shop}
    dialect: odd
    verify: true
    chain:
      - auth-basic: { credentials: [{ user: shop, password: ${SECRET} }] }
      - loop-guard: { header: X-Postern-Webhook-Id, trust: any }
      - mapping: { fields: { message: text }, variables: { plan: plan } }
      - validation: { entity: note }
      - upsert: { entity: note }
      - dispatch
  either:
    path: /either
    listAs: items
    bodyLimit: 2KiB
    chain:
      - ip-allow: { allow: [127.0.0.0/8, "::1/128"] }
      - auth-any: { of: [{ auth-bearer: { keys: [${SECRET}] } }, { auth-shared-secret: { header: X-Key, secrets: [${SECRET}] } }] }
      - filter: { when: 'has(data.items) && data.items.size() > 0', otherwise: refuse }
      - upsert: { entity: note }
      - dispatch
  limited:
    path: /limited
    methods: [POST, GET]
    chain:
      - auth-bearer: { keys: [${SECRET}] }
      - quota: { records: 5, rate: { limit: 10, per: 1s } }
      - validation: { entity: note }
      - upsert: { entity: note }
  greeted:
    path: /greeted
    chain:
      - challenge: { preset: meta, verifyToken: ${SECRET} }
      - auth-hmac: { secrets: [${SECRET}], preset: github }
      - idempotency: { from: preset }
      - dispatch
`

/** 20 requests at a time, that many times. */
const TOGETHER = 20
const RUNS = { examples: 75, synthetic: 75 }

interface Sent {
  path: string
  method: string
  headers: [string, string][]
  body?: string | Uint8Array<ArrayBuffer>
}

type Json = Record<string, any>

/** Everything that is made and judged by one document. */
class Document {
  readonly #root: Json
  readonly #ajv = new Ajv2020({ strict: false, logger: false })
  readonly operations: { path: string; method: string; operation: Json }[]

  constructor(root: Json) {
    this.#root = root
    formats.default(this.#ajv)
    this.operations = Object.entries<Json>(root.paths).flatMap(([path, item]) =>
      Object.entries<Json>(item).flatMap(([method, operation]) => (operation.responses ? [{ path, method, operation }] : [])),
    )
  }

  resolve(part: any): any {
    if (typeof part?.$ref !== 'string') return part
    const keys = part.$ref
      .slice(2)
      .split('/')
      .map((key: string) => decodeURIComponent(key).replaceAll('~1', '/').replaceAll('~0', '~'))
    return this.resolve(keys.reduce((value: any, key: string) => value?.[key], this.#root))
  }

  /** What is wrong with an answer; undefined when the document has it. */
  fault({ operation }: { operation: Json }, status: number, type: string | null, text: string): string | undefined {
    if (status >= 500) return 'the gateway failed'
    const response = this.resolve(
      operation.responses[status] ?? operation.responses[`${Math.floor(status / 100)}XX`] ?? operation.responses.default,
    )
    if (!response) return `the document has only ${Object.keys(operation.responses).join(', ')}`
    const content: Json | undefined = response.content
    if (!content) return text === '' ? undefined : 'the document has no body for it'
    const media = content[type?.split(';')[0]?.trim() ?? '']
    if (!media) return `its media type is ${type}, and the document has ${Object.keys(content).join(', ')}`
    if (!media.schema || !/json/.test(type ?? '')) return undefined
    const value: unknown = JSON.parse(text)
    const schema = this.#inlined(media.schema)
    return this.#ajv.validate(schema, value) ? undefined : `its body is not as documented: ${this.#ajv.errorsText()}`
  }

  /** The schema on its own; what refers to itself is left open. */
  #inlined(schema: any, open: readonly unknown[] = []): any {
    const part = this.resolve(schema)
    if (open.includes(part)) return {}
    if (Array.isArray(part)) return part.map(item => this.#inlined(item, open))
    if (typeof part !== 'object' || part === null) return part
    return Object.fromEntries(Object.entries(part).map(([key, inner]) => [key, this.#inlined(inner, [...open, part])]))
  }

  /** Values that a schema allows, or nearly so. */
  like(schema: any, depth = 0): fc.Arbitrary<unknown> {
    const part = this.resolve(schema) ?? {}
    if (depth > 4) return fc.constant(null)
    if (part.const !== undefined) return fc.constant(part.const)
    if (part.enum) return fc.constantFrom(...part.enum)
    for (const list of [part.anyOf, part.oneOf]) if (list) return fc.oneof(...list.map((one: Json) => this.like(one, depth + 1)))
    if (part.allOf) return this.like(Object.assign({}, ...part.allOf.map((one: Json) => this.resolve(one))), depth + 1)
    const type = [part.type].flat()[0] ?? (part.properties ? 'object' : 'string')
    if (type === 'object') {
      const properties: Json = part.properties ?? {}
      const required: string[] = part.required ?? []
      const made = Object.fromEntries(Object.entries(properties).map(([name, inner]) => [name, this.like(inner, depth + 1)]))
      return fc.record(made, { requiredKeys: required.filter(name => name in made) })
    }
    if (type === 'array') return fc.array(this.like(part.items, depth + 1), { minLength: part.minItems ?? 0, maxLength: 4 })
    if (type === 'integer') return fc.integer({ min: part.minimum ?? -1000, max: part.maximum ?? 1_000_000 })
    if (type === 'number') return fc.double({ min: part.minimum ?? -1e6, max: part.maximum ?? 1e6, noNaN: true })
    if (type === 'boolean') return fc.boolean()
    if (type === 'null') return fc.constant(null)
    if (part.format === 'email') return fc.constantFrom('ada@example.com', 'a.b+c@example.org')
    if (part.format === 'date-time') return fc.constantFrom('2026-04-09T10:30:00Z', '2026-04-09T10:30:00.123+02:00')
    return fc.string({ minLength: part.minLength ?? 0, maxLength: Math.min(part.maxLength ?? 30, 30) })
  }

  /** A request of an operation. */
  request({ path, method, operation }: Document['operations'][number], token: (path: string) => string): fc.Arbitrary<Sent> {
    const parameters: Json[] = (operation.parameters ?? []).map((one: unknown) => this.resolve(one))
    const of = (place: string) => parameters.filter(one => one.in === place)
    const media: Json = this.resolve(operation.requestBody)?.content ?? {}
    const schema = Object.values(media)[0]?.schema
    const example = Object.values<Json>(Object.values<Json>(media)[0]?.examples ?? {})[0]?.value
    const good = fc.oneof(this.like(schema), fc.constant(example ?? {}))
    const fields = fc.record(
      Object.fromEntries(of('header').map(one => [one.name, fc.oneof({ weight: 3, arbitrary: value }, { weight: 1, arbitrary: oddText })])),
      { requiredKeys: [] },
    )
    const query = fc.record(Object.fromEntries(of('query').map(one => [one.name, fc.oneof(this.like(one.schema).map(String), oddText)])), {
      requiredKeys: [],
    })
    return fc
      .record({
        body: fc.oneof(
          { weight: 4, arbitrary: good.map(whole => JSON.stringify(whole)) },
          { weight: 4, arbitrary: good.chain(bent) },
          { weight: 2, arbitrary: broken },
        ),
        form: fc.boolean(),
        type: fc.oneof({ weight: 6, arbitrary: fc.constant('') }, { weight: 1, arbitrary: fc.constantFrom(...TYPES) }),
        encoding: fc.oneof(
          { weight: 30, arbitrary: fc.constant('') },
          { weight: 1, arbitrary: fc.constantFrom('gzip', 'br', 'identity', 'x') },
        ),
        fields,
        query,
        more: fc.oneof({ weight: 4, arbitrary: fc.constant('') }, { weight: 1, arbitrary: fc.constantFrom(...QUERIES) }),
        params: fc.oneof(
          { weight: 5, arbitrary: fc.constant('') },
          { weight: 1, arbitrary: fc.constantFrom('x', 'a%20b', '%C3%A9', 'wh_0', '0'.repeat(300)) },
        ),
        credential: fc.constantFrom('good', 'good', 'good', 'good', 'wrong', 'none', 'garbled'),
        skew: fc.oneof({ weight: 9, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.constantFrom(-4000, 4000, Number.NaN) }),
      })
      .map(made => {
        const isForm = made.form && 'application/x-www-form-urlencoded' in media
        const body = operation.requestBody ? (isForm ? formOf(made.body) : made.body) : undefined
        const headers: Record<string, string> = {}
        for (const [name, one] of Object.entries<any>(made.fields)) headers[name.toLowerCase()] = one
        if (body !== undefined) headers['content-type'] = made.type || (isForm ? 'application/x-www-form-urlencoded' : 'application/json')
        if (made.encoding) headers['content-encoding'] = made.encoding
        if (made.credential !== 'none')
          Object.assign(headers, this.#credentials(operation, headers, body ?? '', made.credential, made.skew))
        const search = [...new URLSearchParams(made.query as Record<string, string>).toString().split('&'), made.more]
          .filter(Boolean)
          .join('&')
        const where = path.replace(/\{\w+\}/g, () => made.params || token(path))
        return {
          path: `${where}${search && `?${search}`}`,
          method: method.toUpperCase(),
          headers: Object.entries(headers),
          ...(body !== undefined && { body }),
        }
      })
  }

  /** The headers of the first way in that the operation knows. */
  #credentials(operation: Json, sent: Record<string, string>, body: string, kind: string, skew: number): Record<string, string> {
    const made: Record<string, string> = {}
    const secret = kind === 'good' ? SECRET : `${SECRET}x`
    for (const name of Object.keys(operation.security?.[0] ?? {})) {
      const scheme = this.resolve(this.#root.components.securitySchemes[name])
      const how = scheme['x-postern-signature']
      if (how?.kind === 'hmac') {
        const at = `${Math.floor(Date.now() / 1000) + skew}`
        const from: string | undefined = how.timestamp?.from
        if (from) made[from.slice('header:'.length)] = at
        const signed = how.signed.replace('{timestamp}', () => at).replace('{body}', () => body)
        const digest = createHmac(how.algorithm, secret).update(signed).digest(how.encoding)
        made[scheme.name.toLowerCase()] = `${how.signature.prefix ?? ''}${digest}`
      } else if (scheme.type === 'http' && scheme.scheme === 'bearer') made.authorization = `Bearer ${secret}`
      else if (scheme.type === 'http') made.authorization = `Basic ${Buffer.from(`shop:${secret}`).toString('base64')}`
      else if (scheme.in === 'header') made[scheme.name.toLowerCase()] = secret
      if (kind === 'garbled') for (const key of Object.keys(made)) made[key] = `${made[key]?.slice(3)},,=`
    }
    for (const key of Object.keys(sent)) if (key in made) delete sent[key]
    return made
  }
}

/** A value for a header. */
const value = fc.string({ unit: fc.constantFrom(...'abcdefghij0123456789-_'), minLength: 1, maxLength: 20 })
const oddText = fc.constantFrom('', ' ', '0', 'a,b', 'x'.repeat(300), '%00', "'; drop table records; --", '{}', '\u00e9')
const TYPES = [
  'application/json; charset=utf-8',
  'application/json; charset=utf-16',
  'text/plain',
  'multipart/form-data',
  'application/vnd.api+json',
  'x',
  ';;;',
]
const QUERIES = [
  'a=1&a=2',
  '%',
  '&&=',
  'idField=',
  'idField=__proto__',
  '[a]=1',
  'a[b][c]=1',
  `x=${'y'.repeat(2000)}`,
  '%ff=%fe',
  'hub.mode=subscribe',
]

/** One thing about it changed: a key gone, of another type, or one too many. */
function bent(whole: unknown): fc.Arbitrary<string> {
  const keys = typeof whole === 'object' && whole !== null && !Array.isArray(whole) ? Object.keys(whole) : []
  const other = fc.constantFrom<unknown>(
    null,
    true,
    -1,
    1.5,
    1e300,
    '',
    'x'.repeat(500),
    '\u0000',
    '\ud800',
    [],
    [1],
    {},
    { a: { b: 1 } },
    '2026-13-45',
    'not@',
  )
  const changed = (key: string, to: unknown) => JSON.stringify({ ...(whole as object), [key]: to })
  return fc.oneof(
    ...(keys.length > 0 ? [fc.constantFrom(...keys).map(key => JSON.stringify({ ...(whole as object), [key]: undefined }))] : []),
    fc.tuple(fc.constantFrom(...keys, 'surplus', 'id', 'email', ''), other).map(([key, to]) => changed(key, to)),
    fc.constant(`{"__proto__":{"id":"p"},"constructor":1,${JSON.stringify(whole ?? {}).slice(1) || '}'}`),
    fc.constant(JSON.stringify([whole, whole])),
  )
}

const broken = fc.constantFrom(
  ...['', '{', '[]', '"text"', 'null', '1', 'true', '{"a":1}x', '{"a":1,"a":2}', '\ufeff{}', '{"id":12345678901234567890}', '{"id":1e999}'],
  ...['a=b', '[[[[[[', `${'['.repeat(200)}${']'.repeat(200)}`, `{"note":"${'n'.repeat(3000)}"}`, `{"note":"${'n'.repeat(300_000)}"}`],
)

/** The same as a form, as far as it can be one. */
function formOf(text: string): string {
  try {
    const whole: unknown = JSON.parse(text)
    if (typeof whole !== 'object' || whole === null) return text
    return new URLSearchParams(
      Object.entries(whole).map(([key, one]) => [key, typeof one === 'object' ? JSON.stringify(one) : String(one)] as [string, string]),
    ).toString()
  } catch {
    return text
  }
}

const onPostgres = await available('Postgres', postgres)

onPostgres('requests made from the document', () => {
  const home = folder()
  for (const name of readdirSync(examples)) if (name.endsWith('.yaml')) cpSync(join(examples, name), join(home, name))

  for (const [name, config, seed] of [
    ['examples', home, 1],
    ['synthetic', synthetic, 2],
  ] as const) {
    let running: Gateway
    let drop: () => Promise<void>
    let document: Document
    const tokens = new Map<string, string>()

    beforeAll(async () => {
      const database = await freshDatabase()
      drop = database.drop
      const keys = [
        'EHR_SIGNING_KEY',
        'INSPIRE_INGEST_KEY',
        'INSPIRE_SIGNING_KEY',
        'PARTNER_A_SECRET',
        'PARTNER_B_KEY',
        'PARTNER_KEY',
        'SHOP_KEY',
      ]
      const env = {
        ...Object.fromEntries(keys.map(key => [key, SECRET])),
        DATABASE_URL: database.url,
        POSTERN_ADMIN_TOKEN: ADMIN_TOKEN,
        LOG_LEVEL: 'error',
      }
      running = await gateway({ config, env })
      document = new Document((await (await fetch(`${running.url}/openapi.json`)).json()) as Json)
      const authorization = `Bearer ${ADMIN_TOKEN}`
      const admin = async (path: string, init: RequestInit = {}) =>
        (await (
          await fetch(`${running.adminUrl}/admin/v1${path}`, { ...init, headers: { authorization, 'content-type': 'application/json' } })
        ).json()) as Json
      for (const webhook of (await admin('/webhooks')).data)
        if (webhook.path.includes('{token}')) {
          const made = await admin(`/webhooks/${webhook.name}/tokens`, { method: 'POST', body: '{}' })
          tokens.set(webhook.path, made.data.token)
        }
    })
    afterAll(async () => {
      await running?.stop()
      await drop?.()
    })

    test(name, async () => {
      const seen = new Map<number, number>()
      const makers = document.operations.map((one, n) =>
        document.request(one, path => tokens.get(path) ?? 'some').map(sent => ({ n, sent })),
      )
      const send = async ({ n, sent }: { n: number; sent: Sent }) => {
        const one = document.operations[n] as Document['operations'][number]
        const response = await fetch(running.url + sent.path, {
          method: sent.method,
          headers: sent.headers,
          ...(sent.body !== undefined && { body: sent.body }),
        })
        const text = await response.text()
        seen.set(response.status, (seen.get(response.status) ?? 0) + 1)
        const fault = document.fault(one, response.status, response.headers.get('content-type'), text)
        if (fault)
          throw new Error(
            `${fault}: ${JSON.stringify({ ...sent, body: `${sent.body}`.slice(0, 400) })} got ${response.status} ${text.slice(0, 400)}`,
          )
      }
      const requests = fc.array(fc.oneof(...makers), { minLength: TOGETHER, maxLength: TOGETHER })
      await fc.assert(
        fc.asyncProperty(requests, async some => void (await Promise.all(some.map(send)))),
        { seed, numRuns: RUNS[name], endOnFailure: true },
      )
      // Not all of one kind, or nothing would have been tried.
      const sum = (from: number) => [...seen].reduce((all, [status, n]) => all + (Math.floor(status / 100) === from ? n : 0), 0)
      expect(Math.min(sum(2), sum(4))).toBeGreaterThan(150)
      expect([400, 401, 422].filter(status => !seen.has(status))).toEqual([])
      expect(running.log()).not.toMatch(/"level":"(error|fatal)"/)
    }, 60_000)
  }
})
