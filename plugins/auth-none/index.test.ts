import { expect, test } from 'bun:test'
import { conformance, harness } from '#core/testing.ts'
import authNone from './index.ts'

test.each([{}, { reason: '' }, { reason: '  ' }, { reason: null }, undefined])('it wants a reason: %p', async settings => {
  await expect(harness(authNone, settings)).rejects.toThrow(/^\/reason/)
})

test('keeps the contract, and lets everybody in', async () => {
  expect(await conformance(authNone, [{ settings: { reason: 'the private network alone' }, expect: 'pass' }])).toEqual([])
})
