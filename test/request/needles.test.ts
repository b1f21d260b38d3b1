/** Secrets found in texts, against a regular expression of all of them. */
import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { needles } from '#core/needles.ts'

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
