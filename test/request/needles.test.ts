/** Secrets found in texts, against a regular expression of all of them. */
import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { needles, prepareNeedles, secretNeedles } from '#core/needles.ts'
import { spellings } from '#core/spellings.ts'

const word = (minLength: number, maxLength: number) => fc.string({ unit: fc.constantFrom('a', 'b', '€'), minLength, maxLength })
const words = (minLength: number) => fc.array(word(6, 11), { minLength, maxLength: 6 })

test('finds what a regular expression finds, the longest first, also beyond the end that is kept', () => {
  fc.assert(
    fc.property(words(1), words(0), word(0, 60), fc.nat(60), (some, more, text, end) => {
      const longestFirst = [...some, ...more].sort((a, b) => b.length - a.length)
      const pattern = new RegExp(longestFirst.join('|'), 'g')
      let wanted = ''
      let at = 0
      for (const match of text.matchAll(pattern)) {
        if (match.index >= end) break
        wanted += `${text.slice(at, match.index)}#`
        at = match.index + match[0].length
      }
      if (at < end) wanted += text.slice(at, end)
      const found = needles(more, needles(some))
      expect(found?.replace(text, '#', end)).toBe(wanted)
      expect(found?.within(text)).toBe(text.search(pattern) >= 0)
      expect(found?.longest).toBe(longestFirst[0]?.length)
    }),
    { seed: 11, numRuns: 3000 },
  )
})

test('none of a text that is too short to be looked for', () => {
  expect(needles(['', 'short'])).toBeUndefined()
  expect(needles(['short', 'longer'])?.replace('short longer shorter', '#')).toBe('short # shorter')
})

const secrets = fc.array(
  fc.oneof(
    fc.string({ minLength: 6, maxLength: 40 }),
    fc.string({ unit: fc.constantFrom('a', '/', '+', '"', ' ', 'é', '~'), minLength: 6 }),
  ),
  {
    minLength: 1,
    maxLength: 20,
  },
)

test('every spelling of every secret, compiled at once or in pieces, and nothing of what is left', async () => {
  await fc.assert(
    fc.asyncProperty(secrets, async values => {
      const list = values.filter(value => value.length >= 6)
      const whole = secretNeedles([...list])
      await prepareNeedles(list)
      for (const one of [whole, secretNeedles(list)])
        for (const text of list.flatMap(spellings))
          if (text.length >= 6) expect([text, one?.within(text), one?.replace(`<${text}>`, '')]).toEqual([text, true, '<>'])
    }),
    { seed: 5, numRuns: 150 },
  )
})

test('of ten thousand secrets each is found, and no other text', async () => {
  const made = Array.from({ length: 10_000 }, (_, i) => `whsk_${String(i).padStart(6, '0')}_0123456789abcdef`)
  await prepareNeedles(made)
  const found = secretNeedles(made)
  expect(made.filter(secret => !found?.within(`x ${Buffer.from(`user:${secret}`).toString('base64')}`))).toEqual([])
  const others = Array.from({ length: 10_000 }, (_, i) => `whsk_${String(i).padStart(6, '0')}_0123456789abcdee`)
  expect(others.filter(text => found?.within(text))).toEqual([])
})

/** Milliseconds of this process's work. */
function cost(action: () => unknown): number {
  const before = process.cpuUsage()
  action()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

// A sender chooses the credential that is looked for and the body in which it is.
test.each<[string, string[], string]>([
  ['one long credential', spellings(`${'a'.repeat(14_000)}!`), 'a'.repeat(200_000)],
  ['many that begin alike', Array.from({ length: 100 }, (_, i) => `${'a'.repeat(i + 6)}!x`), 'a'.repeat(65_536)],
  ['keys that all begin as keys do', [`LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0t${'A'.repeat(3000)}`], 'LS0t'.repeat(16_384)],
])('a text in which everything looks like a beginning takes no long time: %s', (_, texts, text) => {
  const found = needles(texts)
  expect(cost(() => expect(found?.replace(text, '#')).toBe(text))).toBeLessThan(1500)
})
