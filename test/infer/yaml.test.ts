/** The YAML that samples suggest: it loads, and what was sampled is accepted by it. */
import { describe, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { load } from '#core/config/load.ts'
import { formatProblem } from '#core/config/problem.ts'
import { type InferOptions, infer, type Taken } from '#core/infer/infer.ts'
import { findDeliveryHeader, findProvider } from '#core/infer/provider.ts'
import { presets } from '#plugins/auth-hmac/presets/index.ts'
import { builtins } from '#plugins/index.ts'
import { folder } from '../support/child.ts'

const env = { KEY: 'a-key-of-more-than-16-bytes', SIGNING: 'another-key-of-many-bytes' }

/** As a file names what the environment has. */
const set = (name: string) => `\${${name}}`

/** The configuration, or its problems. */
async function loaded(yaml: string) {
  const file = join(folder(), 'postern.yaml')
  writeFileSync(file, yaml)
  const { config, problems } = await load(file, { env, builtins, importPlugin: () => Promise.reject(new Error('none')) })
  expect(problems.filter(problem => problem.severity === 'error').map(formatProblem)).toEqual([])
  return config!
}

const orders = Array.from({ length: 24 }, (_, i) => ({
  orderId: `o-${i}`,
  status: ['open', 'paid', set('HOME')][i % 3],
  customer: { firstName: 'Ada', emails: ['a@b.example'] },
  total: i / 2,
  'a.b': 1,
  weird: { "key'": null, yes: 'no', '1': 2 },
}))
const samples = (payloads: readonly Record<string, unknown>[], headers: Record<string, string> = {}): Taken[] =>
  payloads.map((payload, i) => ({ payload, headers: { ...headers, 'x-delivery-id': `d${i}` }, at: `#${i}` }))
const steps = (yaml: string, name: string): unknown[] => parse(yaml).webhooks[name].chain

describe('a new webhook', () => {
  test('has names in one style, the id, the header of deliveries and a schema that takes its samples', async () => {
    const found = await infer(samples(orders), { name: 'orders', presets })
    const config = await loaded(found.yaml)
    expect(steps(found.yaml, 'orders')).toEqual([
      { 'auth-bearer': { keys: [set('ORDERS_KEY:-')] } },
      { idempotency: { header: 'x-delivery-id' } },
      { mapping: { fields: { orderId: 'order_id' } } },
      { validation: { entity: 'orders' } },
      { upsert: { entity: 'orders', idField: 'order_id' } },
      'dispatch',
    ])
    expect(config.entities.get('orders')!.schema).toEqual(found.schema)
    expect(found.mapping).toEqual({
      fields: { orderId: 'order_id' },
      flatten: { 'customer.firstName': 'customer_first_name', 'weird.yes': 'weird_yes' },
      id_field: 'order_id',
      idempotency_header: 'x-delivery-id',
    })
    const again = await infer(samples(orders), {
      name: 'orders',
      webhook: config.webhooks.get('orders'),
      entity: name => config.entities.get(name),
    })
    expect([again.drift, again.samples]).toEqual([[], { used: 24, skipped: 0, reasons: [] }])
    expect(again.schema).toEqual(found.schema)
  })

  test('is verified by the preset of whoever sends, and closed until its secret is set', async () => {
    const headers = { 'X-Hub-Signature-256': '[masked]', 'X-GitHub-Delivery': 'x', 'X-GitHub-Event': 'push' }
    const found = await infer(samples(orders.slice(0, 1), headers), { name: 'repo', presets })
    expect(found.provider).toMatchObject({ preset: 'github', timed: false, id: 'x-github-delivery' })
    expect(steps(found.yaml, 'repo').slice(0, 2)).toEqual([
      { 'auth-hmac': { preset: 'github', secrets: [set('GITHUB_SECRET:-')] } },
      { idempotency: { header: 'x-github-delivery' } },
    ])
    expect((await loaded(found.yaml)).webhooks.get('repo')!.closed).toContain('is empty')
  })
})

const present = `
version: 1
dialects: { shop: { success: { status: 200, body: {} }, error: { body: {} } } }
entities:
  sale: { unknown: reject, schema: { type: object, required: [orderId], properties: { orderId: { type: string }, sum: { type: number }, status: { enum: [open, paid] } } } }
webhooks:
  sales:
    summary: Sales
    path: /sales/{shop}
    host: hooks.example.com
    methods: [PUT, POST]
    bodyLimit: 1MiB
    dialect: shop
    capture: { last: 500, mask: [card.number] }
    chain:
      - auth-any: { of: [{ auth-bearer: { keys: ["\${KEY}"] } }, { auth-hmac: { preset: stripe, secrets: ["\${SIGNING}"] } }] }
      - auth-bearer: { keys: [a-plain-secret-of-this-file] }
      - idempotency: { ttl: 36h, header: X-Id }
      - mapping: { fields: { total: sum } }
      - STEP
      - upsert: { entity: sale, idField: orderId }
      - dispatch
`
const withStep = (step: string) => present.replace('      - STEP\n', step)

describe('a present webhook', () => {
  const rows: [what: string, step: string, after: string, judged: boolean][] = [
    ['with a validation', '      - validation: { entity: sale }\n', '{ entity: sale }', true],
    ['that validates nothing', '', '{ entity: sale }', true],
    ['with a schema of its own', '      - validation: { schema: { properties: { x: {} } } }\n', 'schema', true],
  ]
  test.each(rows)('%s keeps its settings and its chain, without any secret', async (_, step, after, judged) => {
    const before = await loaded(withStep(step))
    const webhook = before.webhooks.get('sales')!
    const options: InferOptions = {
      name: 'sales',
      webhook,
      entity: name => before.entities.get(name),
      presets,
      secrets: before.secretValues,
    }
    const found = await infer(samples(orders), options)
    expect(found.undrifted === undefined).toBe(judged)
    for (const secret of [...Object.values(env), 'a-plain-secret']) expect(found.yaml).not.toContain(secret)
    const { chain, ...settings } = parse(found.yaml).webhooks.sales
    expect(settings).toEqual({
      summary: 'Sales',
      path: '/sales/{shop}',
      host: ['hooks.example.com'],
      methods: ['PUT', 'POST'],
      bodyLimit: '1MiB',
      dialect: 'shop',
      capture: { last: 500, mask: ['card.number'] },
    })
    expect(chain).toEqual([
      { 'auth-any': { of: [{ 'auth-bearer': { keys: [set('KEY')] } }, { 'auth-hmac': { secrets: [set('SIGNING')], preset: 'stripe' } }] } },
      { 'auth-bearer': { keys: [set('SECRET')] } },
      { idempotency: { header: 'X-Id', ttl: '36h' } },
      { mapping: { fields: { total: 'sum' } } },
      { validation: after === 'schema' ? { schema: found.schema } : parse(after) },
      { upsert: { entity: 'sale', idField: 'orderId' } },
      'dispatch',
    ])
    // What the mapping makes of a payload is what is judged.
    expect(found.schema).toMatchObject({ properties: { sum: { type: 'number' } } })
    const now = await loaded(
      `${found.yaml}\ndialects: { shop: { success: { status: 200, body: {} }, error: { body: {} } } }\n`.replace(set('SECRET'), set('KEY')),
    )
    const again = await infer(samples(orders), {
      name: 'sales',
      webhook: now.webhooks.get('sales'),
      entity: name => now.entities.get(name),
    })
    expect(again.drift).toEqual([])
  })

  test('drifts from its schema, key by key', async () => {
    const before = await loaded(withStep('      - validation: { entity: sale }\n'))
    const { drift } = await infer(samples(orders.slice(0, 3)), {
      name: 'sales',
      webhook: before.webhooks.get('sales'),
      entity: name => before.entities.get(name),
    })
    expect(drift.map(({ kind, path, samples }) => [kind, path, samples])).toEqual([
      ['new_key', '$.customer', 3],
      ['new_key', '$.weird', 3],
      ['new_key', "$['a.b']", 3],
      ['value', '$.status', 1],
    ])
  })

  test('whose chain makes of a payload what nobody knows is not compared', async () => {
    const before = await loaded(withStep('').replace('auth-bearer: { keys: [a-plain', 'auth-bearer: { keys: [b-plain'))
    const webhook = before.webhooks.get('sales')!
    const strange = { ...webhook.chain[3]!, plugin: { ...webhook.chain[3]!.plugin, name: 'geo' } }
    const { undrifted, samples: seen } = await infer(samples(orders), {
      name: 'sales',
      webhook: { ...webhook, chain: webhook.chain.with(3, strange) },
      entity: name => before.entities.get(name),
    })
    expect([undrifted, seen.used]).toEqual(["what the step 'geo' makes of a payload is not known", 24])
  })
})

const seen: [preset: string | undefined, timed: boolean, ...headers: string[]][] = [
  ['github', false, 'x-hub-signature-256', 'x-github-event', 'x-github-delivery'],
  ['meta-whatsapp', false, 'x-hub-signature-256'],
  ['stripe', true, 'stripe-signature'],
  ['svix', true, 'svix-id', 'svix-timestamp', 'svix-signature'],
  ['standard-webhooks', true, 'webhook-id', 'webhook-timestamp', 'webhook-signature'],
  ['shopify', false, 'x-shopify-hmac-sha256', 'x-shopify-topic'],
  ['slack', true, 'x-slack-signature', 'x-slack-request-timestamp'],
  ['docusign', false, 'x-docusign-signature-1'],
  ['gitlab-token', false, 'x-gitlab-token', 'x-gitlab-event', 'idempotency-key'],
  [undefined, false, 'content-type', 'x-request-id', 'authorization'],
]
test.each(seen)('the provider is known by its headers: %s', (preset, timed, ...headers) => {
  const found = findProvider(presets, new Set(headers))
  expect([found?.preset, found?.timed ?? false]).toEqual([preset, timed])
})

test('every preset that signs by a header is found by its own headers, or by one that looks for the same', () => {
  const faults = [...presets].flatMap(([name, preset]) => {
    const all = JSON.stringify(preset).matchAll(/header:([\w.-]+)(\{1)?/g)
    const headers = new Set([
      ...[...all].map(([, header, numbered]) => `${header!.toLowerCase()}${numbered ? '1' : ''}`),
      ...Object.keys(preset.require ?? {}),
    ])
    const found = findProvider(presets, headers)
    const proof = JSON.stringify([preset.signature?.from, (preset as { from?: string }).from])
      .replace('header:authorization', '')
      .includes('header:')
    return !proof || (found && [found.preset, ...found.alternatives].includes(name)) ? [] : [`${name}: ${found?.preset}`]
  })
  expect(faults).toEqual([])
})

test('the header of deliveries came each time, and never twice the same', () => {
  const of = (count: number, ...values: string[]) => ({ count, values: new Set(values) })
  const headers = new Map([
    ['x-request-id', of(2, 'a', 'b')],
    ['x-event-id', of(2, 'a')],
    ['x-message-uuid', of(2, 'a', 'b')],
    ['x-delivery-id', of(1, 'a')],
  ])
  expect(findDeliveryHeader(headers, 2)).toBe('x-message-uuid')
  expect(findDeliveryHeader(new Map([...headers, ['webhook-id', of(2, 'a', 'b')]]), 2)).toBe('webhook-id')
})
