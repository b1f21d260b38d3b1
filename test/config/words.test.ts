/** The small languages: durations, sizes, the nearest name, paths. */
import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { faultOf } from '#core/config/format.ts'
import { didYouMean, nearest, pathText, pointer, pointerPath } from '#core/config/problem.ts'
import { parseDuration, parseSize } from '#core/settings.ts'

const RUNS = { numRuns: 2000 }
const MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const BYTES = { B: 1, KB: 1000, KiB: 1024, MB: 1_000_000, MiB: 1_048_576 }

test('durations are milliseconds, sizes bytes', () => {
  const count = fc.integer({ min: 0, max: 999_999_999 })
  fc.assert(
    fc.property(count, fc.constantFrom(...Object.entries(MS)), (n, [unit, ms]) => expect(parseDuration(`${n}${unit}`)).toBe(n * ms)),
    RUNS,
  )
  fc.assert(
    fc.property(count, fc.constantFrom(...Object.entries(BYTES)), (n, [unit, bytes]) => expect(parseSize(`${n}${unit}`)).toBe(n * bytes)),
    RUNS,
  )
})

test('every other text is neither', () => {
  for (const text of [
    '',
    '5',
    's',
    '5 s',
    ' 5s',
    '5s ',
    '-5s',
    '+5s',
    '5.5s',
    '5S',
    '5min',
    '1e3s',
    '5s5s',
    '٥s',
    '5s\n',
    '9999999999s',
    '0x5s',
    'NaNs',
  ])
    expect([text, parseDuration(text)]).toEqual([text, undefined])
  for (const text of ['', '5', 'B', '5 B', '-5B', '1.5MB', '5kb', '5K', '5GB', '5MiBs', '9999999999999B'])
    expect([text, parseSize(text)]).toEqual([text, undefined])
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), text => {
      const [duration, size] = [parseDuration(text), parseSize(text)]
      expect(duration === undefined || /^\d{1,9}(ms|s|m|h|d)$/.test(text)).toBe(true)
      expect(size === undefined || /^\d{1,12}(B|KB|KiB|MB|MiB)$/.test(text)).toBe(true)
    }),
    RUNS,
  )
})

const settings = ['header', 'maxLength', 'ttl', 'onMismatch', 'keys', 'secrets', 'preset', 'fields', 'unmapped']

test('the nearest name', () => {
  const rows: [string, string | undefined][] = [
    ['header', 'header'],
    ['hedaer', 'header'],
    ['heder', 'header'],
    ['headers', 'header'],
    ['Header', 'header'],
    ['maxlength', 'maxLength'],
    ['max-length', 'maxLength'],
    ['tll', 'ttl'],
    ['tt', 'ttl'],
    ['key', 'keys'],
    ['secret', 'secrets'],
    ['feilds', 'fields'],
    ['unmaped', 'unmapped'],
    ['on_mismatch', 'onMismatch'],
    ['', undefined],
    ['x', undefined],
    ['timeout', undefined],
    ['aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', undefined],
  ]
  for (const [name, near] of rows) expect([name, nearest(name, settings)]).toEqual([name, near])
  expect(didYouMean('hedaer', settings)).toBe(" — did you mean 'header'?")
  expect(didYouMean('timeout', settings)).toBe('')
  expect(nearest('x', [])).toBeUndefined()
})

test('one slip finds the name again, and a name finds itself', () => {
  const name = fc.stringMatching(/^[a-z]{6,12}$/)
  const slip = fc.tuple(fc.constantFrom('drop', 'add', 'change', 'swap'), fc.nat(), fc.stringMatching(/^[a-z]$/))
  fc.assert(
    fc.property(name, slip, (word, [kind, where, letter]) => {
      const i = where % (word.length - 1)
      const [before, here, after] = [word.slice(0, i), word[i], word.slice(i + 1)]
      const wrong = {
        drop: before + after,
        add: before + letter + here + after,
        change: before + letter + after,
        swap: before + after[0] + here + after.slice(1),
      }[kind]
      expect(nearest(wrong!, ['zzz', word, '0123456789'])).toBe(word)
      expect(nearest(word, [`${word}x`, word])).toBe(word)
    }),
    RUNS,
  )
})

test('what is nearest is near: at most a third of the letters differ in number', () => {
  fc.assert(
    fc.property(fc.string(), fc.array(fc.string()), (name, known) => {
      const near = nearest(name, known)
      if (near === undefined) return
      expect(known).toContain(near)
      expect(Math.abs(near.length - name.length)).toBeLessThanOrEqual(Math.max(near.length, name.length) / 3)
    }),
    RUNS,
  )
})

test('paths as text and as pointers', () => {
  expect(pathText([])).toBe('')
  expect(pathText(['webhooks', 'sales', 'chain', 1, 'auth-hmac', 'secrets', 0])).toBe('webhooks.sales.chain[1].auth-hmac.secrets[0]')
  expect(pathText(['fields', 'a b', 'x.y', ''])).toBe('fields["a b"]["x.y"][""]')
  expect(pointer(['a', 0, 'x/y~z'])).toBe('/a/0/x~1y~0z')
  expect(pointerPath('')).toEqual([])
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.nat(), fc.stringMatching(/^[a-z~/ .]+$/))), path => expect(pointerPath(pointer(path))).toEqual(path)),
    RUNS,
  )
})

test('a good path has no fault, whatever its segments', () => {
  const segment = fc.oneof(
    fc.stringMatching(/^[A-Za-z0-9_-]{1,8}$/),
    fc.uniqueArray(fc.stringMatching(/^[a-z]{1,5}$/), { minLength: 1, maxLength: 1 }).map(([name]) => `{p_${name}}`),
  )
  fc.assert(
    fc.property(fc.uniqueArray(segment, { minLength: 1, maxLength: 5 }), segments => {
      fc.pre(!['livez', 'readyz', 'docs'].includes(segments[0]!))
      expect(faultOf('webhook-path', `/${segments.join('/')}`)).toBeUndefined()
    }),
    RUNS,
  )
})

test('no text makes a format throw', () => {
  const formats = [
    'webhook-path',
    'host-name',
    'address',
    'public-url',
    'web-url',
    'store-url',
    'redis-url',
    'master-key',
    'email',
    'uri',
    'nope',
  ]
  fc.assert(
    fc.property(fc.constantFrom(...formats), fc.string({ unit: 'binary' }), (format, text) => {
      expect(['string', 'undefined']).toContain(typeof faultOf(format, text))
    }),
    RUNS,
  )
})
