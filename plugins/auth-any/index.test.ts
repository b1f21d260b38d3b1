import { describe, expect, test } from 'bun:test'
import { createHmac } from 'node:crypto'
import { definePlugin, deliveryId, signedAt, Type, Unavailable } from '#core/plugin.ts'
import { harness } from '#core/testing.ts'
import bearer from '../auth-bearer/index.ts'
import hmac from '../auth-hmac/index.ts'
import none from '../auth-none/index.ts'
import secret from '../auth-shared-secret/index.ts'
import quota from '../quota/index.ts'
import replayWindow from '../replay-window/index.ts'
import any from './index.ts'

const KEY = 'k-0123456789abcdef'
const SECRET = 's-0123456789abcdef'

/** Sets a slot, waits a turn, and does what its setting says. */
const slow = definePlugin({
  name: 'slow',
  phase: 'verify',
  summary: 'For tests.',
  config: Type.Object({ does: Type.String() }, { additionalProperties: false }),
  refusals: { UNAUTHORIZED: { status: 401, summary: 'No.' }, UNAVAILABLE: { status: 503, summary: 'Later.' } },
  compile:
    ({ does }, host) =>
    async () => {
      await Promise.resolve()
      if (does === 'throw') throw new Unavailable('the issuer is away')
      if (does === 'bug') throw new Error('a bug')
      if (does === 'later') return host.refuse('UNAVAILABLE')
      return does === 'accept'
        ? host.accept()
        : does === 'refuse'
          ? host.refuse('UNAUTHORIZED', undefined, { reason: 'slow-no' })
          : undefined
    },
})
const plugins = [bearer, secret, hmac, none, quota, replayWindow, slow, any]
const open = (of: unknown[]) => harness(any, { of }, { plugins })
const BEARER = { 'auth-bearer': { keys: [KEY] } }
const SHARED = { 'auth-shared-secret': { header: 'X-Secret', secrets: [SECRET] } }

describe('the first step that lets a request in', () => {
  const rows: [string, unknown[], Record<string, string>, string][] = [
    ['the first', [BEARER, SHARED], { authorization: `Bearer ${KEY}` }, 'pass'],
    ['the second', [BEARER, SHARED], { 'x-secret': SECRET }, 'pass'],
    ['a wrong first and a right second', [BEARER, SHARED], { authorization: 'Bearer wrong', 'x-secret': SECRET }, 'pass'],
    ['none', [BEARER, SHARED], {}, 'auth-bearer: missing-authorization; auth-shared-secret: missing-secret'],
    [
      'both wrong',
      [BEARER, SHARED],
      { authorization: 'Bearer x', 'x-secret': 'y' },
      'auth-bearer: unknown-key; auth-shared-secret: secret-mismatch',
    ],
    ['one that waits', [{ slow: { does: 'pass' } }, BEARER], {}, 'pass'],
    ['one behind one that waits', [{ slow: { does: 'refuse' } }, SHARED], { 'x-secret': SECRET }, 'pass'],
    ['none behind one that waits', [{ slow: { does: 'refuse' } }, SHARED], {}, 'slow: slow-no; auth-shared-secret: missing-secret'],
    ['one that answers by itself', [{ slow: { does: 'accept' } }, BEARER], {}, 'accepted'],
    ['one behind one that cannot tell', [{ slow: { does: 'throw' } }, SHARED], { 'x-secret': SECRET }, 'pass'],
    ['one behind one that is unavailable', [{ slow: { does: 'later' } }, SHARED], { 'x-secret': SECRET }, 'pass'],
    ['one within another', [BEARER, { 'auth-any': { of: [SHARED, { slow: { does: 'refuse' } }] } }], { 'x-secret': SECRET }, 'pass'],
  ]
  for (const [name, of, headers, expected] of rows) {
    test(name, async () => {
      const { reply } = await (await open(of)).send({ headers })
      expect(reply === undefined ? 'pass' : reply.kind === 'refusal' ? reply.reason : reply.kind).toBe(expected)
      if (reply?.kind === 'refusal') expect([reply.code, reply.status]).toEqual(['UNAUTHORIZED', 401])
    })
  }
})

test.each(['throw', 'later'])('when nobody lets it in and one cannot tell (%s), the sender may come again', async does => {
  const bench = await open([{ slow: { does } }, BEARER])
  expect(bench.send({ headers: { authorization: 'Bearer wrong' } })).rejects.toBeInstanceOf(Unavailable)
})

test('a bug is no refusal', async () => {
  expect((await open([{ slow: { does: 'bug' } }, BEARER])).send()).rejects.toThrow('a bug')
})

describe('settings that make no sense', () => {
  const rows: [string, unknown[], string][] = [
    ['one step', [BEARER], '/of must have at least 2 items'],
    ['a step of another phase', [BEARER, { quota: { records: 1 } }], "/of/1/quota 'quota' (admit) verifies nobody"],
    ['auth-none', [BEARER, { 'auth-none': { reason: 'a test of it' } }], "/of/1/auth-none 'auth-none' lets everybody in"],
    ['replay-window', [BEARER, 'replay-window'], "/of/1/replay-window 'replay-window' needs what another step gives"],
    ['an unknown plugin', [BEARER, 'auth-bearr'], "/of/1 there is no plugin 'auth-bearr' — did you mean 'auth-bearer'?"],
    ['two in one map', [BEARER, { ...BEARER, ...SHARED }], '/of/1 expected a map of one plugin'],
    ['a wrong setting within', [SHARED, { 'auth-bearer': { key: ['x'] } }], "/of/1/auth-bearer/key unknown setting 'key'"],
  ]
  for (const [name, of, message] of rows) test(name, () => expect(open(of)).rejects.toThrow(message))
})

test('it gives what all of them give', () => {
  const gives = any.gives as (config: unknown) => { name: string }[]
  const timed = { plugin: hmac, settings: { preset: 'stripe', secrets: [SECRET] }, shown: {} }
  const untimed = { plugin: hmac, settings: { preset: 'github', secrets: [SECRET] }, shown: {} }
  expect(gives({ of: [timed, timed] }).map(slot => slot.name)).toContain(signedAt.name)
  expect(gives({ of: [timed, untimed] }).map(slot => slot.name)).not.toContain(signedAt.name)
})

describe('the id of a delivery', () => {
  const way = (key: string) => ({ 'auth-hmac': { secrets: [key], signature: { from: 'header:x-sig' }, id: 'json:id' } })
  const by = (key: string, body: string) => ({ body, headers: { 'x-sig': createHmac('sha256', key).update(body).digest('hex') } })
  const rows: [string, unknown[], string, string, string | undefined][] = [
    ['of one way', [way(KEY), way(SECRET)], KEY, '{"id":5}', '0:5'],
    ['is none of another', [way(KEY), way(SECRET)], SECRET, '{"id":5}', '1:5'],
    ['nor can one sender choose that of another', [way(KEY), way(SECRET)], KEY, '{"id":"1:5"}', '0:1:5'],
    ['behind a way that waits', [{ slow: { does: 'refuse' } }, way(SECRET)], SECRET, '{"id":5}', '1:5'],
    ['within another', [BEARER, { 'auth-any': { of: [SHARED, way(SECRET)] } }], SECRET, '{"id":5}', '1:1:5'],
    ['there is none', [way(KEY), way(SECRET)], KEY, '{}', undefined],
    ['of an earlier step stays as it was', [BEARER, way(SECRET)], SECRET, '{}', 'earlier'],
  ]
  test.each(rows)('%s', async (_, of, key, body, wanted) => {
    const slots = wanted === 'earlier' ? { 'delivery-id': 'earlier' } : {}
    const { reply, exchange } = await (await open(of)).send({ ...by(key, body), slots })
    expect([reply, exchange.get(deliveryId)]).toEqual([undefined, wanted as string])
  })
})

test('senders are told every way, and no secret', async () => {
  const { sender } = await open([BEARER, SHARED])
  expect(sender.anyOf?.map(part => Object.keys(part.security ?? {}))).toEqual([['bearer'], ['secret-x-secret']])
  expect(JSON.stringify(sender)).not.toMatch(/0123456789/)
})

test('the credential that matched is told', async () => {
  const bench = await open([BEARER, SHARED])
  await bench.send({ headers: { 'x-secret': SECRET } })
  expect(bench.used).toEqual([SECRET])
})
