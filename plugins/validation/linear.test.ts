/** Patterns: the same answers as the runtime's own, in a time that no text can stretch. */
import { describe, expect, test } from 'bun:test'
import { fullFormats } from 'ajv-formats/dist/formats.js'
import fc from 'fast-check'
import { linear } from './linear.ts'
import { compileSchema } from './schema.ts'

const LONG = 262_144
/** Milliseconds; a text that stretched a pattern would take minutes. */
const MOST = 1500
/** Milliseconds of this process's work, not of the clock: others may be busy beside it. */
function cost(action: () => unknown): number {
  const before = process.cpuUsage()
  action()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

describe('the same answers', () => {
  const atoms = [
    'a',
    'b',
    '.',
    '\\d',
    '\\w',
    '\\s',
    '[ab]',
    '[^a]',
    '[\\]a]',
    '1',
    '-',
    '_',
    '\\u0061',
    '\\x61',
    '\\p{L}',
    '😀',
    '\\u{1F600}',
  ]
  const places = ['\\b', '\\B', '^', '$']
  const { pattern } = fc.letrec<{ pattern: string }>(tie => ({
    pattern: fc.oneof(
      { maxDepth: 5, depthIdentifier: 'pattern' },
      fc.constantFrom(...atoms, ...places),
      fc.array(tie('pattern'), { maxLength: 3 }).map(parts => parts.join('')),
      fc.tuple(tie('pattern'), tie('pattern')).map(([a, b]) => `(?:${a}|${b})`),
      fc.tuple(tie('pattern'), fc.constantFrom('*', '+', '?', '{2}', '{1,3}', '{0,2}', '{2,}', '*?', '+?')).map(([a, q]) => `(${a})${q}`),
      fc.tuple(tie('pattern'), fc.constantFrom('?=', '?!', '?<=', '?<!', '?<name>')).map(([a, look]) => `(${look}${a})`),
    ),
  }))
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '1', '-', '_', ' ', '\n', '😀', 'é', '\ud83d'), maxLength: 8 })

  test('as the engine of the runtime, on short texts', () => {
    let compared = 0
    const judge = (written: string, texts: string[]) => {
      let native: RegExp
      try {
        native = new RegExp(written, 'u')
      } catch {
        return
      }
      const names = written.match(/\?<?[=!]/g) ?? []
      if (names.length > 8) return
      const mine = linear(written)
      for (const each of texts) expect([written, each, mine.test(each)]).toEqual([written, each, native.test(each)])
      compared += texts.length
    }
    fc.assert(fc.property(pattern, fc.array(text, { minLength: 4, maxLength: 6 }), judge), { numRuns: 3000 })
    expect(compared).toBeGreaterThan(5000)
  })

  test('`uri` is that of ajv-formats, which keeps its expression to itself', () => {
    const uri = fullFormats.uri as (text: string) => boolean
    const mine = compileSchema({ format: 'uri' }, { coerce: false, defaults: false })
    const pieces = [
      'http',
      ':',
      '/',
      '//',
      'a',
      '.',
      'b',
      '@',
      '?',
      '#',
      '"',
      '%20',
      '%',
      '[::1]',
      '1.2.3.4',
      'é',
      'urn:x',
      ' ',
      'mailto:',
      '8',
    ]
    let good = 0
    const judge = (parts: string[]) => {
      const written = parts.join('')
      if (uri(written)) good++
      expect([written, mine(written)]).toEqual([written, uri(written)])
    }
    fc.assert(fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 7 }), judge), { numRuns: 10_000 })
    expect(good).toBeGreaterThan(50)
  })
})

describe('no text takes long:', () => {
  const patterns: [pattern: string, repeated: string, last: string][] = [
    ['(a+)+$', 'a', '!'],
    ['^(a|a)*$', 'a', '!'],
    ['^(a|aa)+$', 'a', '!'],
    ['a+$', 'a', '!'],
    ['(.*)*x', 'a', '!'],
    ['^(\\w+\\s?)*$', 'a ', '!'],
    ['^\\S+@\\S+\\.\\S+$', '@.', ' '],
    ['^(([a-z])+.)+[A-Z]([a-z])+$', 'a', '!'],
    ['^(?=.*[A-Z])(?=.*\\d).{8,}$', 'a', '!'],
    ['^(?:(?!<script).)*$', '<scrip', '<script'],
    ['(?<!a+)b$', 'ab', 'c'],
    ['^.{1,20000}$', 'a', '!'],
  ]
  test.each(patterns)('%s', (written, repeated, last) => {
    const matcher = linear(written)
    let matched: boolean | undefined
    expect(cost(() => (matched = matcher.test(repeated.repeat(LONG / repeated.length) + last)))).toBeLessThan(MOST)
    expect(matched).toBe(false)
  })

  test('one that would need a state for each letter is given up', () => {
    const matcher = linear('(a|b)*a(a|b){1000}c')
    // Any two bits in a row that are not periodic; the same ones each time.
    let seed = 1
    const next = () => {
      seed = (seed * 48_271) % 2_147_483_647
      return seed & 64 ? 'a' : 'b'
    }
    const text = Array.from({ length: LONG }, next).join('')
    expect(cost(() => expect(() => matcher.test(text)).toThrow())).toBeLessThan(MOST)
    // And knows better texts all the same.
    expect([matcher.test(`a${'b'.repeat(1000)}c`), matcher.test('ac')]).toEqual([true, false])
  })

  const begins = ['', 'http://', 'http://a', 'http://a@', 'a@', '/', 'P', '2020-01-01T00:00:00.', '{', '::', '#']
  const fills = ['a', '.', '1', '/', '%20', ':', '@', '-', 'a.', 'a@', '1.', '0:', '{a}', '~0/', 'P1']
  test.each(Object.keys(fullFormats))('the format %s', format => {
    const validate = compileSchema({ type: 'string', format }, { coerce: false, defaults: false })
    const texts = begins.flatMap(begin => fills.map(fill => `${begin}${fill.repeat(16_384 / fill.length)}!`))
    // As many letters as 10 bodies of 256 KiB.
    expect(cost(() => texts.map(text => validate(text)))).toBeLessThan(2000)
  })
})

test.each([
  ['(a)\\1', /back-reference/],
  ['(?<n>a)\\k<n>', /back-reference/],
  ['(?=a)'.repeat(9), /more than 8 lookarounds/],
  ['(a{1000}){1000}', /too large/],
  [`${'(?:'.repeat(101)}a${')'.repeat(101)}`, /more than 100 groups/],
  ['(', /Invalid|Unterminated|missing/i],
])('%s is refused when it is loaded', (written, says) => {
  expect(() => compileSchema({ pattern: written }, { coerce: false, defaults: false })).toThrow(says)
})
