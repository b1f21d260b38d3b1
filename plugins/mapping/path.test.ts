import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { compilePath } from './path.ts'

const name = fc
  .string({ minLength: 1, maxLength: 8 })
  .filter(s => !/[.[\]]/.test(s) && !['__proto__', 'constructor', 'prototype'].includes(s))
const segment = fc.tuple(name, fc.array(fc.nat(5), { maxLength: 2 })).map(([key, at]) => key + at.map(i => `[${i}]`).join(''))
const path = fc.array(segment, { minLength: 1, maxLength: 5 }).map(segments => segments.join('.'))

describe('reads', () => {
  const data = { a: { b: [{ c: 1 }, [2]] }, 'a.b': 'literal', 'x[0]': 'literal', x: ['item'], n: null, l: [1], '': 2 }
  test.each([
    ['a', data.a],
    ['a.b[0].c', 1],
    ['a.b[1][0]', 2],
    ['a.b', 'literal'],
    ['x[0]', 'literal'],
    ['n', null],
    ['n.a', undefined],
    ['a.b[2]', undefined],
    ['a.b.c', undefined],
    ['a[0]', undefined],
    ['l.length', undefined],
    ['a.toString', undefined],
    ['toString', undefined],
    ['missing.deep[3].path', undefined],
  ])('%s as %p', (text, value) => expect(compilePath(text).read(data)).toEqual(value as any))
})

describe('writes', () => {
  test.each([
    ['a', {}, { a: 1 }],
    ['a.b', {}, { a: { b: 1 } }],
    ['a[1].b', {}, { a: [null, { b: 1 }] }],
    ['a[0][1]', {}, { a: [[null, 1]] }],
    ['a.b', { a: { c: 2 } }, { a: { c: 2, b: 1 } }],
    ['a[0]', { a: [2, 3] }, { a: [1, 3] }],
    ['a.b', { a: [2] }, { a: { b: 1 } }],
    ['a[0]', { a: { b: 2 } }, { a: [1] }],
    ['a.toString', {}, { a: { toString: 1 } }],
  ])('%s into %p', (text, into, expected) => {
    const before = JSON.stringify(into)
    const data = { ...into } as Record<string, unknown>
    compilePath(text).write(data, 1)
    expect(JSON.stringify(data)).toBe(JSON.stringify(expected))
    expect(JSON.stringify(into)).toBe(before)
  })
})

test.each([
  '',
  '.',
  'a.',
  '.a',
  'a..b',
  'a[',
  'a[]',
  'a[-1]',
  'a[x]',
  '[0]',
  'a]',
  'a[1000]',
  'a[9999999999]',
  Array(33).fill('a').join('.'),
])('refuses %p', text => expect(() => compilePath(text)).toThrow(`'${text}'`))

test.each(['__proto__', 'a.__proto__.b', 'constructor.prototype.x', 'a[0].constructor', 'prototype'])(
  'refuses %p, which all objects share',
  text => expect(() => compilePath(text)).toThrow('all objects share'),
)

test('what was written is read, and nothing that all objects share has changed', () => {
  const own = () => [Object.prototype, Array.prototype].map(p => Reflect.ownKeys(p).length)
  const before = own()
  fc.assert(
    fc.property(path, fc.dictionary(fc.string(), fc.jsonValue()), fc.jsonValue(), (text, data, value) => {
      fc.pre(!Object.hasOwn(data, text))
      const frozen = deepFreeze(structuredClone(data))
      const copy = { ...frozen }
      compilePath(text).write(copy, value)
      expect(compilePath(text).read(copy)).toBe(value)
      expect(frozen).toEqual(data)
    }),
    { numRuns: 2000 },
  )
  expect(own()).toEqual(before)
})

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) for (const child of Object.values(Object.freeze(value))) deepFreeze(child)
  return value
}
