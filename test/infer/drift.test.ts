/** Where samples are not what a schema says. */
import { describe, expect, test } from 'bun:test'
import { DriftWatch } from '#core/infer/drift.ts'

const schema = {
  type: 'object',
  required: ['id'],
  properties: {
    id: { type: 'string' },
    status: { enum: ['open', 'paid'] },
    mail: { type: 'string', format: 'email' },
    total: { type: 'number', minimum: 0 },
    customer: { $ref: '#/$defs/customer' },
    lines: { type: 'array', items: { type: 'object', required: ['sku'], properties: { sku: { type: 'string' } } } },
    kind: { anyOf: [{ type: 'null' }, { type: 'object', properties: { x: { type: 'integer' } } }] },
    tags: { type: 'object', additionalProperties: { type: 'integer' } },
    any: {},
  },
  $defs: { customer: { allOf: [{ type: 'object', properties: { name: { type: 'string' } } }] } },
}
const good = {
  id: 'a',
  status: 'open',
  mail: 'a@b.example',
  total: 1,
  customer: { name: 'x' },
  lines: [{ sku: 'x' }],
  kind: { x: 1 },
  tags: { a: 1 },
  any: 1,
}

function findings(payloads: readonly Record<string, unknown>[]) {
  const watch = new DriftWatch(schema)
  for (const [i, payload] of payloads.entries()) watch.add(payload, `2026-01-15T12:00:0${i}.000Z`)
  return watch.findings().map(({ kind, path, samples, of }) => [kind, path, samples, of])
}

const rows: [what: string, change: Record<string, unknown>, ...finding: unknown[][]][] = [
  ['nothing', {}],
  ['a new key', { coupon: 1 }, ['new_key', '$.coupon', 1, 2]],
  ['a new key with an odd name', { "it's": 1 }, ['new_key', "$['it\\'s']", 1, 2]],
  ['another type', { id: 5 }, ['type', '$.id', 1, 2]],
  ['null', { id: null }, ['type', '$.id', 1, 2]],
  ['a masked value', { id: '[masked]', total: '[masked]' }],
  ['a new value', { status: 'void' }, ['value', '$.status', 1, 2]],
  ['a format', { mail: 'nobody' }, ['format', '$.mail', 1, 2]],
  ['a bound', { total: -1 }, ['bound', '$.total', 1, 2]],
  ['below a reference', { customer: { name: 1 } }, ['type', '$.customer.name', 1, 2]],
  ['a new key below a reference', { customer: { name: 'x', vat: 1 } }, ['new_key', '$.customer.vat', 1, 2]],
  ['twice in one list', { lines: [{ sku: 1 }, { sku: 2 }] }, ['type', '$.lines[*].sku', 1, 2]],
  ['a required key of an item', { lines: [{ sku: 'x' }, {}] }, ['missing_key', '$.lines[*].sku', 1, 2]],
  ['an alternative', { kind: null }],
  ['no alternative', { kind: 'x' }, ['type', '$.kind', 1, 2]],
  ['keys that the schema leaves open', { tags: { b: 2, c: 3 } }],
  ['values of such keys', { tags: { b: 'x' } }, ['type', '$.tags[*]', 1, 2]],
  ['what may be anything', { any: { a: [1, {}] } }],
]

describe('drift of one of two samples by', () => {
  test.each(rows.map(([what, change, ...found]) => [what, change, found] as const))('%s', (_, change, found) => {
    expect(findings([good, { ...good, ...change }])).toEqual(found as never)
  })
})

test('keys that were never seen, and a required one that was missing', () => {
  const { mail: _, ...without } = good
  const { id: __, ...nameless } = without
  expect(findings([without, nameless])).toEqual([
    ['missing_key', '$.id', 1, 2],
    ['vanished_key', '$.mail', 0, 2],
  ])
  expect(findings([nameless])).toContainEqual(['vanished_key', '$.id', 0, 1])
})

test('the time of the first is told whatever the order, and values are named', () => {
  const watch = new DriftWatch(schema)
  for (const second of [5, 2, 7]) watch.add({ ...good, status: `s${second}` }, `2026-01-15T12:00:0${second}.000Z`)
  expect(watch.findings()).toEqual([
    {
      kind: 'value',
      path: '$.status',
      message: 'has values that the schema does not list: "s5", "s2", "s7"',
      samples: 3,
      of: 3,
      first_seen: '2026-01-15T12:00:02.000Z',
    },
  ])
})

test('hostile payloads and schemas that refer to themselves come to an end', () => {
  const watch = new DriftWatch({ type: 'object', properties: { next: { $ref: '#' } } })
  const payload = JSON.parse(`${'{"next":'.repeat(5000)}{"x":1}${'}'.repeat(5000)}`)
  const wide = Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`k${i}`, i]))
  const started = performance.now()
  watch.add(payload, undefined)
  watch.add(wide, undefined)
  watch.add(JSON.parse('{"__proto__": 1, "constructor": 1}'), undefined)
  expect(watch.findings().length).toBeLessThanOrEqual(500)
  expect(performance.now() - started).toBeLessThan(10_000)
})
