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
