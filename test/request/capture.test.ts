/** How many samples are taken of a stream of requests. */
import { expect, test } from 'bun:test'
import { Gate, openGates } from '#core/request/gate.ts'

/** What passes of `rate` requests a second, evenly spread, in each of some seconds. */
function passed(rate: number, seconds: number, at = 1_000_000): number[][] {
  const gate = new Gate()
  return Array.from({ length: seconds }, (_, s) => {
    const times = Array.from({ length: rate }, (_, n) => s * 1000 + Math.floor((n * 1000) / rate))
    return times.filter(time => gate.pass(at + time)).map(time => time - s * 1000)
  })
}

test.each([
  [1, [1, 1, 1]],
  [20, [20, 20, 20]],
  [21, [20, 20, 20]],
  [1000, [20, 20, 20]],
  [20_000, [20, 20, 20]],
])('of %i requests a second, so many pass', (rate, counts) => {
  expect(passed(rate, 3).map(times => times.length)).toEqual(counts)
})

test('after a crowded second they are evenly spread', () => {
  const [first, second] = passed(1000, 2)
  expect(first?.at(-1)).toBe(19)
  expect(second).toEqual(Array.from({ length: 20 }, (_, n) => n * 50))
})

test('after a quiet second a burst passes at once', () => {
  const gate = new Gate()
  for (let n = 0; n < 100; n++) gate.pass(1000)
  expect(Array.from({ length: 30 }, () => gate.pass(3500)).filter(Boolean)).toHaveLength(20)
})

test('a clock that is set back does not shut it', () => {
  const gate = new Gate()
  for (let n = 0; n < 100; n++) gate.pass(10_000_000)
  expect(gate.pass(1_000_000)).toBe(true)
})

test('all webhooks together have a gate of their own', () => {
  const { accepted, refused } = openGates()
  const times = Array.from({ length: 1000 }, (_, n) => 1_000_000 + n)
  expect(times.filter(at => accepted.pass(at))).toHaveLength(200)
  expect(times.filter(at => refused.pass(at))).toHaveLength(200)
})

test.each([
  ['before any has ended', 1_000_000, 20],
  ['each at its turn after a crowded second', 1_001_000, 1],
])('no more are watched than may pass: %s', (_, at, most) => {
  const gate = new Gate()
  if (at > 1_000_000) for (let n = 0; n < 1000; n++) gate.pass(1_000_000 + n)
  expect(Array.from({ length: 500 }, () => gate.watch(at)).filter(Boolean)).toHaveLength(most)
})
