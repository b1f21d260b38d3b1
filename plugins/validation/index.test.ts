import { describe, expect, test } from 'bun:test'
import { conformance, harness, type Sent, type Surroundings } from '#core/testing.ts'
import validation from './index.ts'

const contact = {
  type: 'object',
  required: ['name'],
  properties: { name: { type: 'string' }, email: { type: 'string', format: 'email' }, age: { type: 'integer' }, vip: { type: 'boolean' } },
}
const form = (body: string): Sent => ({ body, headers: { 'content-type': 'application/x-www-form-urlencoded' } })
const run = async (settings: object, request: Sent, around: Surroundings = {}) => {
  const { reply, exchange } = await (await harness(validation, settings, around)).send(request)
  return { reply, details: (reply as any)?.details, data: exchange.data, payload: exchange.payload }
}
const judge = async (schema: object, body: unknown) => (await run({ schema }, { body })).details
const entity = (unknown: 'drop' | 'keep' | 'reject', schema: Record<string, unknown> = contact): Surroundings => ({
  entities: { contact: { schema, unknown } },
})

test('keeps the contract', async () => {
  const around = entity('drop')
  expect(
    await conformance(validation, [
      { ...around, settings: { entity: 'contact' }, request: { body: { name: 'Ada' } }, expect: 'pass' },
      { ...around, settings: { entity: 'contact', against: 'payload' }, request: { body: {} }, expect: 'VALIDATION_FAILED' },
      { settings: { schema: contact }, request: form('name=Ada&age=36'), expect: 'pass' },
    ]),
  ).toEqual([])
})

test('answers a missing field in the words of the seeds', async () => {
  expect((await run({ schema: contact }, { body: {} })).reply).toMatchObject({
    code: 'VALIDATION_FAILED',
    status: 422,
    summary: 'The payload failed validation.',
    details: { name: ['The name field is required.'] },
  })
})

describe('one sentence for each fault', () => {
  const of = (schema: object) => ({ properties: { v: schema } })
  const rows: [schema: object, value: unknown, sentence: string][] = [
    [{ type: 'string' }, 5, 'must be text.'],
    [{ type: ['number', 'null'] }, 'x', 'must be a number or null.'],
    [{ type: 'integer' }, 1.5, 'must be a whole number.'],
    [{ type: 'boolean' }, 'true', 'must be true or false.'],
    [{ type: 'object' }, [], 'must be an object.'],
    [{ type: 'array' }, {}, 'must be a list.'],
    [{ enum: ['a', 1, null] }, 'b', 'must be one of: a, 1, null.'],
    [{ enum: Array.from({ length: 30 }, (_, i) => i) }, 'b', `must be one of: ${Array.from({ length: 20 }, (_, i) => i).join(', ')}, ….`],
    [{ const: 'x' }, 'y', 'must be x.'],
    [{ format: 'email' }, 'x', 'must be an email address.'],
    [{ format: 'date-time' }, 'x', 'must be a date and time such as 2026-01-15T12:00:00Z.'],
    [{ format: 'json-pointer' }, 'x', 'must have the format json-pointer.'],
    [{ pattern: '^a+$' }, 'b', 'must match the pattern ^a+$.'],
    [{ minLength: 1 }, '', 'must have at least 1 character.'],
    [{ maxLength: 2 }, 'abc', 'must have at most 2 characters.'],
    [{ minimum: 1 }, 0, 'must be at least 1.'],
    [{ maximum: 1 }, 2, 'must be at most 1.'],
    [{ exclusiveMinimum: 1 }, 1, 'must be more than 1.'],
    [{ exclusiveMaximum: 1 }, 1, 'must be less than 1.'],
    [{ multipleOf: 5 }, 7, 'must be a multiple of 5.'],
    [{ minItems: 2 }, [1], 'must have at least 2 items.'],
    [{ maxItems: 1 }, [1, 2], 'must have at most 1 item.'],
    [{ prefixItems: [true], items: false }, [1, 2], 'must have at most 1 item.'],
    [
      { uniqueItems: true },
      [
        { a: 1, b: 2 },
        { b: 2, a: 1 },
      ],
      'must not have the same item twice.',
    ],
    [{ contains: { const: 1 } }, [2], 'must have at least 1 matching item.'],
    [{ contains: { const: 1 }, maxContains: 2 }, [1, 1, 1], 'must have at least 1 matching item and at most 2.'],
    [{ minProperties: 1 }, {}, 'must have at least 1 key.'],
    [{ maxProperties: 0 }, { a: 1 }, 'must have at most 0 keys.'],
    [{ not: { type: 'string' } }, 'x', 'has a value that is not allowed.'],
    [{ anyOf: [{ maximum: 1 }, { minimum: 5 }] }, 3, 'must match one of the allowed forms.'],
    [{ oneOf: [{ maximum: 9 }, { minimum: 1 }] }, 3, 'must match one of the allowed forms.'],
  ]
  test.each(rows)('%j', async (schema, value, sentence) => {
    const details = await judge(of(schema), { v: value })
    expect(details?.v).toContain(`The v field ${sentence}`)
    expect(Object.keys(details)).toEqual(['v'])
  })

  test.each([
    [{ properties: { v: false } }, { v: 1 }, { v: ['The v field is not allowed.'] }],
    [{ additionalProperties: false }, { x: 1 }, { x: ['The x field is not allowed.'] }],
    [{ unevaluatedProperties: false }, { x: 1 }, { x: ['The x field is not allowed.'] }],
    [{ propertyNames: { maxLength: 2 } }, { abc: 1 }, { abc: ['The abc field has a name that is not allowed.'] }],
    [{ dependentRequired: { a: ['b'] } }, { a: 1 }, { b: ['The b field is required when a is present.'] }],
    [{ minProperties: 1 }, {}, { _general: ['The payload must have at least 1 key.'] }],
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    [{ if: { required: ['a'] }, then: { required: ['b'] } }, { a: 1 }, { b: ['The b field is required.'] }],
    [
      { anyOf: [{ required: ['email'] }, { required: ['phone'] }] },
      {},
      { _general: ['The payload must have at least one of these fields: email, phone.'] },
    ],
    [
      { anyOf: [{ required: ['a', 'b'] }, { required: ['c'] }] },
      {},
      {
        a: ['The a field is required.'],
        b: ['The b field is required.'],
        c: ['The c field is required.'],
        _general: ['The payload must match one of the allowed forms.'],
      },
    ],
    [{ properties: { o: { required: ['a'] } } }, { o: {} }, { 'o.a': ['The o.a field is required.'] }],
    [
      { properties: { 'a/b~': { items: contact } } },
      { 'a/b~': [{ name: 'x' }, {}] },
      { 'a/b~.1.name': ['The a/b~.1.name field is required.'] },
    ],
    [{ properties: { a: { type: 'string', const: 'x' } } }, { a: 1 }, { a: ['The a field must be text.', 'The a field must be x.'] }],
  ])('%j', async (schema, body, details) => expect(await judge(schema, body)).toEqual(details as any))

  test('tells of 100 faults at most, of long keys the beginning, and never of a value', async () => {
    const many = await judge({ properties: { l: { items: { type: 'string' } } } }, { l: Array(500).fill(1) })
    expect(Object.keys(many)).toHaveLength(100)
    const long = await judge({ additionalProperties: false }, { ['k'.repeat(10_000)]: 'secret-value' })
    expect(Object.keys(long)).toEqual([`${'k'.repeat(100)}…`])
    const value = await judge(contact, { name: 'x', email: 'secret-value', age: 'secret-value' })
    expect(JSON.stringify(value)).not.toContain('secret-value')
  })

  test('a key that all objects share is a field like others', async () => {
    const details = (await run({ schema: { additionalProperties: false } }, { body: '{"__proto__":1,"constructor":2}' })).details
    expect(Object.keys(details)).toEqual(['__proto__', 'constructor'])
    expect(Object.keys(Object.prototype)).toEqual([])
  })
})

describe('keys that the entity does not name', () => {
  const body = { name: 'Ada', x: 1 }
  const settings = { entity: 'contact' }

  test('drop', async () => expect((await run(settings, { body }, entity('drop'))).data).toEqual({ name: 'Ada' }))
  test('keep', async () => expect((await run(settings, { body }, entity('keep'))).data).toEqual(body))
  test('reject, together with the other faults', async () => {
    expect((await run(settings, { body: { x: 1, y: 2 } }, entity('reject'))).details).toEqual({
      x: ['The x field is not allowed.'],
      y: ['The y field is not allowed.'],
      name: ['The name field is required.'],
    })
    expect((await run(settings, { body: { name: 'Ada' } }, entity('reject'))).reply).toBeUndefined()
  })
  test('are judged after they are gone', async () => {
    const schema = { ...contact, maxProperties: 1 }
    expect((await run(settings, { body }, entity('drop', schema))).reply).toBeUndefined()
  })
  test('of an inline schema stay', async () => expect((await run({ schema: contact }, { body })).data).toEqual(body))
})

describe('against: payload', () => {
  const settings = { entity: 'contact', against: 'payload' }
  const schema = { ...contact, properties: { ...contact.properties, source: { default: 'web' } } }

  test('judges what came and leaves the data alone', async () => {
    const data = { mapped: true }
    const seen = await run(settings, { body: { name: 'Ada', x: 1 }, data }, entity('drop', schema))
    expect(seen.reply).toBeUndefined()
    expect(seen.data).toBe(data)
    expect(seen.payload).toEqual({ name: 'Ada', x: 1 })
    expect((await run(settings, { body: {}, data: { name: 'Ada' } }, entity('drop', schema))).details).toHaveProperty('name')
  })
})

describe('defaults', () => {
  const schema = { properties: { source: { default: 'web' }, o: { properties: { l: { default: [1] } } } } }

  test('fill in what is missing, in a copy', async () => {
    const body = { o: {} }
    const seen = await run({ schema }, { body })
    expect(seen.data).toEqual({ source: 'web', o: { l: [1] } })
    expect(seen.payload).toEqual(body)
  })
})

describe('the text of forms and queries', () => {
  const schema = { ...contact, properties: { ...contact.properties, score: { type: 'number' }, none: { type: ['null', 'integer'] } } }

  test('becomes what the schema asks for', async () => {
    const seen = await run({ schema }, form('name=007&age=36&vip=true&score=1.5&none=&other=1'))
    expect(seen.data).toEqual({ name: '007', age: 36, vip: true, score: 1.5, none: null, other: '1' })
    expect(seen.payload).toMatchObject({ age: '36', vip: 'true' })
    expect((await run({ schema }, { method: 'GET', query: 'name=Ada&age=36' })).data).toEqual({ name: 'Ada', age: 36 })
  })
  test('is refused when it cannot', async () => {
    expect((await run({ schema }, form('name=Ada&age=old&vip=yes'))).details).toEqual({
      age: ['The age field must be a whole number.'],
      vip: ['The vip field must be true or false.'],
    })
  })
  test('JSON is taken at its word', async () => expect(await judge(schema, { name: 'Ada', age: '36' })).toHaveProperty('age'))
})

describe('a load error', () => {
  test.each([
    [{}, ' needs either'],
    [{ entity: 'contact', schema: {} }, ' needs either'],
    [{ entity: 'contcat' }, "/entity there is no 'contcat'"],
    [{ schema: { propertis: {} } }, '/schema the schema is not valid: strict mode: unknown keyword: "propertis"'],
    [{ schema: { type: 'strin' } }, '/schema the schema is not valid'],
    [{ schema: { format: 'emial' } }, '/schema the schema is not valid: unknown format "emial"'],
    [{ schema: { $ref: 'https://example.com/x' } }, '/schema the schema is not valid'],
    [{ schema: { pattern: '(' } }, '/schema the schema is not valid'],
  ])('%j', async (settings, message) =>
    expect(await harness(validation, settings, entity('drop')).catch(e => e.message)).toStartWith(message),
  )

  test('in the schema of an entity', async () => {
    expect(harness(validation, { entity: 'contact' }, entity('drop', { propertis: {} }))).rejects.toThrow('/entity the schema is not valid')
  })
})

describe('a schema that refers to itself as a whole', () => {
  const schema = { type: 'object', properties: { name: { type: 'string' }, child: { $ref: '#' }, all: { items: { $ref: '#' } } } }
  const rows: [name: string, schema: object][] = [
    ['by its root', schema],
    ['by its $id', { $id: 'https://example.com/tree', ...schema }],
    ['by a pointer', { $ref: '#/$defs/tree', $defs: { tree: { ...schema, properties: { ...schema.properties, child: { $ref: '#' } } } } }],
  ]
  test.each(rows)('%s', async (_, schema) => {
    const body = { name: 'a', child: { name: 'b', child: { name: 'c' } }, all: [{ name: 'd' }] }
    expect(await judge(schema, body)).toBeUndefined()
    expect(await judge(schema, { child: { child: { name: 1 } } })).toEqual({
      'child.child.name': ['The child.child.name field must be text.'],
    })
    expect((await run({ schema }, form('child=x'))).details).toHaveProperty('child')
  })
  test('drops what it does not name, on every level', async () => {
    const around = entity('drop', schema)
    const seen = await run({ entity: 'contact' }, { body: { x: 1, child: { x: 1, name: 'b', child: { x: 1 } } } }, around)
    expect(seen.data).toEqual({ child: { name: 'b', child: {} } })
  })
})

test('schemas of one $id do not get into each other’s way', async () => {
  const schema = (name: string) => ({ $id: 'https://example.com/contact', required: [name] })
  expect(await judge(schema('a'), {})).toHaveProperty('a')
  expect(await judge(schema('b'), {})).toHaveProperty('b')
})

describe('a hostile payload', () => {
  const within = async (ms: number, schema: object, body: unknown) => {
    const bench = await harness(validation, { schema })
    const start = performance.now()
    const { reply } = await bench.send({ data: body as any })
    expect(performance.now() - start).toBeLessThan(ms)
    return reply
  }
  const long = Array.from({ length: 60_000 }, (_, i) => i)

  test('of many different items does not make uniqueItems slow', async () => {
    expect(await within(3000, { properties: { l: { uniqueItems: true, maxItems: 9 } } }, { l: long })).toMatchObject({
      code: 'VALIDATION_FAILED',
    })
    expect(await within(3000, { properties: { l: { uniqueItems: true } } }, { l: long.map(i => ({ i })) })).toBeUndefined()
  })
  test('of many faults does not either', async () => {
    expect(await within(3000, { properties: { l: { items: { type: 'string' } } } }, { l: long })).toBeDefined()
  })
  test('of 64 levels is not judged once for each branch of each level', async () => {
    const node = (kind: string) => ({ properties: { kind: { const: kind }, child: { $ref: '#/$defs/node' } }, required: ['kind'] })
    const schema = { $ref: '#/$defs/node', $defs: { node: { anyOf: [node('a'), node('b')] } } }
    let data: object = { kind: 'b' }
    for (let i = 0; i < 63; i++) data = { kind: 'b', child: data }
    expect(await within(3000, schema, data)).toBeUndefined()
    expect(await within(3000, schema, { kind: 'c', child: data })).toBeDefined()
  })
})
