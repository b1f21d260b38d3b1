import { expect, test } from 'bun:test'
import { conformance, harness } from '#core/testing.ts'
import replayWindow from './index.ts'

const NOW = Date.UTC(2026, 0, 15, 12)
const MINUTE = 60_000

interface Signed {
  /** How long ago, in milliseconds. */
  age: number
  tolerance?: number
  future?: number
}

const rows: [string, Record<string, unknown>, Signed, string][] = [
  ['now', {}, { age: 0 }, 'pass'],
  ['five minutes, when nobody says otherwise', {}, { age: 5 * MINUTE }, 'pass'],
  ['a millisecond more', {}, { age: 5 * MINUTE + 1 }, 'timestamp-too-old: by 1 ms'],
  ['five minutes ahead', {}, { age: -5 * MINUTE }, 'pass'],
  ['a millisecond more ahead', {}, { age: -5 * MINUTE - 1 }, 'timestamp-in-future: by 1 ms'],
  ["at the scheme's tolerance", {}, { age: 5000, tolerance: 5000 }, 'pass'],
  ["past the scheme's tolerance", {}, { age: 5001, tolerance: 5000 }, 'timestamp-too-old: by 1 ms'],
  ["the scheme's tolerance goes for the future too", {}, { age: -5001, tolerance: 5000 }, 'timestamp-in-future: by 1 ms'],
  ["the scheme's future", {}, { age: -1001, tolerance: 5000, future: 1000 }, 'timestamp-in-future: by 1 ms'],
  ['the setting is stronger than the scheme', { tolerance: '1m' }, { age: MINUTE, tolerance: 5000 }, 'pass'],
  ['and goes for the future too', { tolerance: '1m' }, { age: -MINUTE, tolerance: 5000, future: 1000 }, 'pass'],
  ['no further', { tolerance: '1m' }, { age: -MINUTE - 1, tolerance: 5 * MINUTE }, 'timestamp-in-future: by 1 ms'],
  ['a setting for the future alone', { future: '1s' }, { age: 5000, tolerance: 5000 }, 'pass'],
  ['holds for the future', { future: '1s' }, { age: -1001, tolerance: 5000 }, 'timestamp-in-future: by 1 ms'],
  ['both', { tolerance: '1m', future: '0s' }, { age: -1 }, 'timestamp-in-future: by 1 ms'],
  ['a time that is no number', {}, { age: Number.NaN }, 'timestamp-in-future: by NaN ms'],
]

test.each(rows)('%s', async (_, settings, { age, ...scheme }, wanted) => {
  const bench = await harness(replayWindow, settings, { now: NOW })
  const { reply } = await bench.send({ slots: { 'signed-at': { time: NOW - age, ...scheme } } })
  if (wanted === 'pass') expect(reply).toBeUndefined()
  else expect(reply).toMatchObject({ kind: 'refusal', code: 'UNAUTHORIZED', status: 401, reason: wanted })
})

test('the clock is that of the host', async () => {
  const bench = await harness(replayWindow, {}, { now: NOW })
  const request = { slots: { 'signed-at': { time: NOW } } }
  expect((await bench.send(request)).reply).toBeUndefined()
  bench.now += 6 * MINUTE
  expect((await bench.send(request)).reply).toBeDefined()
})

test('keeps the contract, and refuses what nobody has signed', async () => {
  const examples = [
    { now: NOW, request: { slots: { 'signed-at': { time: NOW } } }, expect: 'pass' },
    { now: NOW, expect: 'UNAUTHORIZED' },
  ]
  expect(await conformance(replayWindow, examples)).toEqual([])
})

test.each<[string, number, string[]]>([
  ['400 seconds ago', NOW - 400_000, ['clock-behind']],
  ['400 seconds ahead', NOW + 400_000, ['clock-ahead']],
  ['an hour ahead', NOW + 3_602_000, ['time-zone', 'clock-ahead']],
  ['five hours and a half ago', NOW - 5.5 * 3_600_000, ['time-zone', 'clock-behind']],
  ['milliseconds taken for seconds', NOW * 1000, ['timestamp-in-milliseconds']],
  ['seconds taken for milliseconds', NOW / 1000, ['timestamp-in-seconds']],
])('finds in what was signed %s: %p', async (...[, time, wanted]) => {
  const { reply, exchange } = await (await harness(replayWindow, {}, { now: NOW })).send({ slots: { 'signed-at': { time } } })
  expect(reply).toBeDefined()
  const host = { webhook: 'test', publicUrl: undefined, now: () => NOW }
  expect((await replayWindow.diagnose!({}, exchange, host)).map(f => f.code)).toEqual(wanted)
})
