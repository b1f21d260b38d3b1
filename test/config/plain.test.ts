/** The short way through plain YAML, against the library: it must never read anything otherwise. */
import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Glob } from 'bun'
import fc from 'fast-check'
import { parseWhole } from '#core/config/parse.ts'
import { parsePlain } from '#core/config/plain.ts'
import { Problems } from '#core/config/problem.ts'

const root = join(import.meta.dirname, '../..')
const files = ['config/**/*.yaml', 'bench/*.yaml'].flatMap(pattern => [...new Glob(pattern).scanSync(root)])
const texts = files.map(file => readFileSync(join(root, file), 'utf8'))

const sample = `version: 1 # the first
server: { port: "\${PORT:-8080}", host: 127.0.0.1, trustedProxies: [], publicUrl: https://hooks.example.com/a#b }
webhooks:
  # a comment of its own
  orders:
    path: /orders/{token}
    summary: 'Orders, as they come'
    bodyLimit: 256KiB
    active: true
    chain:
      - auth-hmac: { secrets: ["\${SECRET}"], preset: stripe }
      - mapping:
          fields: { a.b: c, $d: e }
          defaults: { total: 42.5, count: -3, none: null }
      - dispatch
`
const plainest = `a: 1
b:
  - x
  - y: z
    w: "q"
c: { d: e, f: [1, two, 'three'] }
`

/** Compares, and tells whether the short way was taken. */
function agrees(text: string): boolean {
  const own = parsePlain('f', text)
  if (!own) return false
  const problems = new Problems()
  const whole = parseWhole('f', text, problems)
  expect({ text, problems: problems.sorted(), tree: own }).toEqual({ text, problems: [], tree: whole as typeof own })
  return true
}

test('it is taken for what configurations are made of', () => {
  expect(agrees(sample)).toBe(true)
  expect(agrees(plainest)).toBe(true)
  expect(texts.filter(agrees).length).toBeGreaterThan(texts.length / 2)
})

test.each([
  ['a tab', 'a:\tb\n'],
  ['a carriage return', 'a: b\r\n'],
  ['an anchor', 'a: &x b\n'],
  ['an alias', 'a: *x\n'],
  ['a merge', '<<: { a: b }\n'],
  ['a tag', 'a: !x b\n'],
  ['a block text', 'a: |\n  b\n'],
  ['a text of two lines', 'a: b\n  c\n'],
  ['a flow over two lines', 'a: [b,\n  c]\n'],
  ['an escape', 'a: "\\u0041"\n'],
  ['a doubled quote', "a: 'b''c'\n"],
  ['a key twice', 'a: b\na: c\n'],
  ['a key that is not allowed', '__proto__: a\n'],
  ['no value', 'a:\nb: c\n'],
  ['a number that is too large', 'a: 12345678901234567890\n'],
  ['a number of another kind', 'a: 0x1f\n'],
  ['two documents', 'a: b\n---\nc: d\n'],
  ['a list at the top', '- a\n'],
  ['nothing', '\n# nothing\n'],
  ['a comma too many', 'a: [b, ]\n'],
  ['a colon too many', 'a: b: c\n'],
  ['a quote too few', 'a: "b\n'],
  ['a stray indentation', 'a: b\n c: d\n'],
])('%s is left to the library', (_, text) => {
  expect(parsePlain('f', text)).toBeUndefined()
})

const pieces = [
  ...[
    ' ',
    '  ',
    '\n',
    '\n  ',
    '\n- ',
    ': ',
    ':',
    '#',
    ' #',
    ' # c',
    '"',
    "'",
    '{',
    '}',
    '[',
    ']',
    ', ',
    ',',
    '-',
    '- ',
    '? ',
    '&a ',
    '*a',
    '!t ',
  ],
  ...[
    '|',
    '>',
    '0x1f',
    '0o7',
    '1e3',
    '.5',
    '1.',
    '-.inf',
    '~',
    'null',
    'true',
    '<<: ',
    '---\n',
    '%',
    '@',
    '`',
    '\\',
    '\u00a0',
    'é',
    '012',
    '+1',
    '1_000',
  ],
  ...[
    '12345678901234567',
    '""',
    "''",
    'a: b',
    '{}',
    '[]',
    '\n\n',
    '=',
    '$',
    '/',
    '.',
    '...',
    'a:b',
    'x #y',
    'x#y',
    '\n    - a: b\n      c: d',
    ' [a: b]',
    '{a}',
  ],
]

test('after any mishap it reads the same, or nothing', () => {
  const parts = [sample, plainest, ...texts].flatMap(text => {
    const lines = text.split('\n')
    return lines.map((line, i) => {
      const indent = /^ */.exec(line)?.[0].length ?? 0
      return lines
        .slice(i, i + 9)
        .map(other => other.slice(Math.min(indent, /^ */.exec(other)?.[0].length ?? 0)))
        .join('\n')
    })
  })
  const mishap = fc.record({ at: fc.nat(10_000), gone: fc.constantFrom(0, 0, 1, 3), piece: fc.constantFrom(...pieces) })
  let taken = 0
  fc.assert(
    fc.property(fc.constantFrom(...parts), fc.array(mishap, { maxLength: 3 }), (part, mishaps) => {
      let text = part
      for (const { at, gone, piece } of mishaps) {
        const from = at % (text.length + 1)
        text = text.slice(0, from) + piece + text.slice(from + gone)
      }
      if (agrees(text)) taken++
    }),
    { seed: 3, numRuns: 6000 },
  )
  expect(taken).toBeGreaterThan(500)
})
