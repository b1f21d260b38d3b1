import { expect, test } from 'bun:test'
import { echo } from '#core/plugin.ts'
import { conformance, harness } from '#core/testing.ts'
import loopGuard from './index.ts'

const rows: [string, Record<string, string>, true | undefined][] = [
  ['the header', { 'X-Hasp-Webhook-Id': 'wh_1' }, true],
  ['its name in another case', { 'x-hasp-webhook-id': 'wh_1' }, true],
  ['any value at all', { 'X-Hasp-Webhook-Id': '0' }, true],
  ['no header', {}, undefined],
  ['an empty header', { 'X-Hasp-Webhook-Id': ' ' }, undefined],
  ['the header of another product', { 'X-WorkApps-Webhook-Id': 'wh_1' }, undefined],
]

test.each(rows)('%s', async (_, headers, wanted) => {
  const { reply, exchange } = await (await harness(loopGuard, { header: 'X-Hasp-Webhook-Id' })).send({ headers })
  expect(reply).toBeUndefined()
  expect(exchange.get(echo)).toBe(wanted)
})

test.each([{}, { header: '' }, { header: 'two words' }])('it wants the name of a header: %p', async settings => {
  await expect(harness(loopGuard, settings)).rejects.toThrow(/^\/header/)
})

test('keeps the contract', async () => {
  const settings = { header: 'X-Postern-Webhook-Id' }
  const examples = [
    { settings, request: { headers: { 'x-postern-webhook-id': 'wh_1' } }, expect: 'pass' },
    { settings, expect: 'pass' },
  ]
  expect(await conformance(loopGuard, examples)).toEqual([])
})
