import { expect, test } from 'bun:test'
import { conformance, harness } from '#core/testing.ts'
import dispatch from './index.ts'

test('keeps the contract', async () => {
  expect(await conformance(dispatch, [{ expect: 'pass' }, { request: { slots: { echo: true } }, expect: 'pass' }])).toEqual([])
})

test('stages the event', async () => {
  expect((await (await harness(dispatch)).send()).staged).toEqual([{ effect: 'event', arg: {} }])
})

test('stages none for an echo of our own event: that would be a loop', async () => {
  expect((await (await harness(dispatch)).send({ slots: { echo: true } })).staged).toEqual([])
})

test.each([
  ['1', {}, { hops: 1 }],
  ['4', {}, { hops: 4 }],
  ['5', {}, undefined],
  ['2', { maxHops: 2 }, undefined],
])('an event that has gone round %s times, with %o, is staged as %o', async (hops, settings, arg) => {
  const bench = await harness(dispatch, settings)
  const { reply, staged } = await bench.send({ headers: { 'x-postern-hops': hops } })
  expect(reply).toBeUndefined()
  expect(staged).toEqual(arg ? [{ effect: 'event', arg }] : [])
  expect(bench.warnings.length).toBe(arg ? 0 : 1)
})
