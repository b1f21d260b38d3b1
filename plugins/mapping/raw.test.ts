import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { rawNested } from './raw.ts'

const nested = (text: string) => Object.fromEntries(rawNested(new TextEncoder().encode(text)))

test.each([
  ['{}', {}],
  ['{"a":1,"b":"{","c":null,"d":true}', {}],
  ['{"a":{}}', { a: '{}' }],
  [' { "a" : [ 1.0 , 1e400 ] , "b" : 2 }\n', { a: '[ 1.0 , 1e400 ]' }],
  ['{"id":{"n":12345678901234567890}}', { id: '{"n":12345678901234567890}' }],
  ['{"a":{"s":"}]\\"\\\\"},"b":[[]]}', { a: '{"s":"}]\\"\\\\"}', b: '[[]]' }],
  ['{"\\u0061\\"":[1]}', { 'a"': '[1]' }],
  ['{"a":[1],"a":{"b":2}}', { a: '{"b":2}' }],
  ['{"a":[1],"a":2}', {}],
  ['\ufeff{"a":[]}', { a: '[]' }],
  ['{"ä":{"ö":"😀"}}', { ä: '{"ö":"😀"}' }],
  ['[{"a":1}]', {}],
  ['"x"', {}],
  ['', {}],
])('%p', (text, expected) => expect(nested(text)).toEqual(expected as any))

test('finds each object and list of any body, as it stands there', () => {
  const body = fc.dictionary(fc.string(), fc.jsonValue())
  const spaces = fc.constantFrom(undefined, 1, '\t')
  fc.assert(
    fc.property(body, spaces, (data, space) => {
      const found = rawNested(new TextEncoder().encode(JSON.stringify(data, null, space)))
      const expected = Object.entries(data).filter(([, value]) => typeof value === 'object' && value !== null)
      expect([...found].map(([key, text]) => [key, JSON.stringify(JSON.parse(text))])).toEqual(
        expected.map(([key, value]) => [key, JSON.stringify(value)]),
      )
    }),
    { numRuns: 2000 },
  )
})
