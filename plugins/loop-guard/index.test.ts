import { expect, test } from 'bun:test'
import { echo } from '#core/plugin.ts'
import { conformance, harness } from '#core/testing.ts'
import loopGuard from './index.ts'

const OURS = 'evt_01JD0000000000000000000001'
const FORGED = 'evt_01JD0000000000000000000002'

const rows: [string, 'known' | 'any', Record<string, string>, true | undefined][] = [
  ['the id of an event of ours', 'known', { 'X-Hasp-Webhook-Id': OURS }, true],
  ['its name in another case', 'known', { 'x-hasp-webhook-id': OURS }, true],
  ['an id that we never made', 'known', { 'X-Hasp-Webhook-Id': FORGED }, undefined],
  ['any other text', 'known', { 'X-Hasp-Webhook-Id': 'wh_1' }, undefined],
  ['an empty header', 'known', { 'X-Hasp-Webhook-Id': '' }, undefined],
  ['no header', 'known', {}, undefined],
  ['the header of another product', 'known', { 'X-WorkApps-Webhook-Id': OURS }, undefined],
  ['the id of an event of ours', 'any', { 'X-Hasp-Webhook-Id': OURS }, true],
  ['any other text', 'any', { 'X-Hasp-Webhook-Id': 'wh_1' }, true],
  ['an empty header', 'any', { 'X-Hasp-Webhook-Id': '' }, true],
  ['no header', 'any', {}, undefined],
  ['the header of another product', 'any', { 'X-WorkApps-Webhook-Id': 'wh_1' }, undefined],
]

test.each(rows)('%s, trust: %s', async (_, trust, headers, wanted) => {
  const bench = await harness(loopGuard, { header: 'X-Hasp-Webhook-Id', trust }, { sent: [OURS] })
  const { reply, exchange } = await bench.send({ headers })
  expect(reply).toBeUndefined()
  expect(exchange.get(echo)).toBe(wanted)
})

test.each([{}, { header: '' }, { header: 'two words' }])('it wants the name of a header: %p', async settings => {
  await expect(harness(loopGuard, settings)).rejects.toThrow(/^\/header/)
})

test('keeps the contract', async () => {
  const settings = { header: 'X-Postern-Webhook-Id', trust: 'any' }
  const examples = [
    { settings, request: { headers: { 'x-postern-webhook-id': OURS } }, expect: 'pass' },
    { settings, expect: 'pass' },
  ]
  expect(await conformance(loopGuard, examples)).toEqual([])
})
