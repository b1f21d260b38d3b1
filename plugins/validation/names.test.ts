import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { compileNames, dropUnknown, unknownKeys } from './names.ts'

const a = { properties: { a: true } }
const b = { properties: { b: true } }
const rows: [name: string, schema: Record<string, unknown>, data: object, kept: object, unknown: string[]][] = [
  ['no schema to speak of', {}, { x: 1 }, { x: 1 }, []],
  ['only a type', { type: 'object' }, { x: 1 }, { x: 1 }, []],
  ['properties', a, { a: 1, x: 2 }, { a: 1 }, ['x']],
  ['no properties at all', { properties: {} }, { x: 1 }, {}, ['x']],
  ['required without properties of that name', { ...a, required: ['r'] }, { a: 1, r: 2, x: 3 }, { a: 1, r: 2 }, ['x']],
  ['dependentRequired', { ...a, dependentRequired: { p: ['q'] } }, { p: 1, q: 2, x: 3 }, { p: 1, q: 2 }, ['x']],
  ['additionalProperties: true', { ...a, additionalProperties: true }, { x: 1 }, { x: 1 }, []],
  ['additionalProperties: false, which validation refuses', { ...a, additionalProperties: false }, { x: 1 }, { x: 1 }, []],
  ['patternProperties', { ...a, patternProperties: { '^x': {} } }, { x: 1, y: 2 }, { x: 1, y: 2 }, []],
  ['unevaluatedProperties', { ...a, unevaluatedProperties: false }, { x: 1 }, { x: 1 }, []],
  ['nested', { properties: { n: a } }, { n: { a: 1, x: 2 }, x: 3 }, { n: { a: 1 } }, ['n.x', 'x']],
  [
    'nested in an open level',
    { properties: { n: a }, additionalProperties: b },
    { n: { x: 1 }, o: { b: 1, x: 2 } },
    { n: {}, o: { b: 1 } },
    ['n.x', 'o.x'],
  ],
  ['an object without a schema', { properties: { n: { type: 'object' } } }, { n: { x: 1 } }, { n: { x: 1 } }, []],
  ['lists', { properties: { l: { items: a } } }, { l: [{ a: 1, x: 2 }, 3] }, { l: [{ a: 1 }, 3] }, ['l.0.x']],
  ['tuples', { properties: { l: { prefixItems: [a, b] } } }, { l: [{ a: 1, x: 1 }] }, { l: [{ a: 1 }] }, ['l.0.x']],
  [
    'allOf, anyOf and oneOf',
    { allOf: [a], anyOf: [b], oneOf: [{ properties: { c: true } }] },
    { a: 1, b: 2, c: 3, x: 4 },
    { a: 1, b: 2, c: 3 },
    ['x'],
  ],
  [
    'if, then, else and not',
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    { if: a, then: b, else: { properties: { c: true } }, not: { required: ['d'] } },
    { a: 1, b: 1, c: 1, d: 1, x: 1 },
    { a: 1, b: 1, c: 1, d: 1 },
    ['x'],
  ],
  ['dependentSchemas', { ...a, dependentSchemas: { a: b } }, { a: 1, b: 2, x: 3 }, { a: 1, b: 2 }, ['x']],
  ['an open branch', { ...a, anyOf: [{ additionalProperties: true }] }, { x: 1 }, { x: 1 }, []],
  [
    'one property told of twice',
    { allOf: [{ properties: { n: a } }, { properties: { n: b } }] },
    { n: { a: 1, b: 2, x: 3 } },
    { n: { a: 1, b: 2 } },
    ['n.x'],
  ],
  ['$ref', { $ref: '#/$defs/x~1y', $defs: { 'x/y': a } }, { a: 1, x: 2 }, { a: 1 }, ['x']],
  ['$ref to an anchor', { $ref: '#here', $defs: { d: { $anchor: 'here', ...a } } }, { a: 1, x: 2 }, { a: 1 }, ['x']],
  ['$ref elsewhere', { ...a, $ref: 'https://example.com/schema' }, { x: 1 }, { x: 1 }, []],
  ['$ref to itself', { properties: { a: { $ref: '#' } } }, { a: { a: { x: 1 } }, x: 2 }, { a: { a: {} } }, ['a.a.x', 'x']],
  [
    '$ref round in a circle',
    { $ref: '#/$defs/p', $defs: { p: { $ref: '#/$defs/q' }, q: { $ref: '#/$defs/p', ...a } } },
    { a: 1, x: 1 },
    { a: 1 },
    ['x'],
  ],
  ['another $id inside', { properties: { n: { $id: 'https://example.com/n', ...a } } }, { n: { x: 1 } }, { n: { x: 1 } }, []],
  ['names of Object.prototype', a, { toString: 1, constructor: 2 }, {}, ['toString', 'constructor']],
]

describe('what a schema names', () => {
  test.each(rows)('%s', (_, schema, data, kept, unknown) => {
    const level = compileNames(schema)
    const before = structuredClone(data)
    expect(level ? dropUnknown(level, data) : data).toEqual(kept)
    expect(level ? unknownKeys(level, data, 100).map(path => path.join('.')) : []).toEqual(unknown)
    expect(data).toEqual(before)
  })
})

test('an own __proto__ gives no object a prototype', () => {
  const data = JSON.parse('{"__proto__":{"x":1},"n":{"__proto__":{"x":1},"k":2}}')
  const kept = dropUnknown(compileNames({ properties: { n: { properties: { a: a }, additionalProperties: true } } })!, data) as any
  expect(kept).toEqual({ n: { k: 2 } })
  expect(Object.getPrototypeOf(kept)).toBe(Object.prototype)
  expect(Object.getPrototypeOf(kept.n)).toBe(Object.prototype)
})

test('tells of no more unknown keys than asked for', () => {
  expect(unknownKeys(compileNames({ properties: { l: { items: a } } })!, { l: Array(500).fill({ x: 1 }) }, 100)).toHaveLength(100)
})

test('what is dropped is what is unknown, and dropping again changes nothing', () => {
  const level = compileNames({ properties: { a: { items: a, ...a }, b: { ...b, additionalProperties: a }, c: { $ref: '#' } } })!
  const key = fc.constantFrom('a', 'b', 'c', 'x', '0')
  const { tree } = fc.letrec(tie => ({
    tree: fc.oneof({ maxDepth: 5 }, fc.nat(3), fc.array(tie('tree'), { maxLength: 3 }), fc.dictionary(key, tie('tree'), { maxKeys: 4 })),
  }))
  fc.assert(
    fc.property(fc.dictionary(key, tree), data => {
      const kept = dropUnknown(level, data)
      expect(unknownKeys(level, kept, 1)).toEqual([])
      expect(dropUnknown(level, kept)).toEqual(kept)
      expect(unknownKeys(level, data, 1).length === 0).toBe(Bun.deepEquals(kept, data))
    }),
    { numRuns: 2000 },
  )
})
