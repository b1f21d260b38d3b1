import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { type Draft, deliveryId } from '#core/plugin.ts'
import { conformance, harness, type Sent } from '#core/testing.ts'
import authMsgraph from './index.ts'

const STATE = 'SecretClientState'
const OLD = 'the-client-state-before'
const settings = { clientStates: [STATE] }

type Fields = Record<string, unknown>
const note = (more: Fields = {}): Fields => ({
  subscriptionId: '7f105c7d',
  clientState: STATE,
  changeType: 'created',
  resource: 'users/1/messages/2',
  ...more,
})
const send = (...value: unknown[]): Sent => ({ body: { value } })

async function verdict(request: Sent, more: Fields = {}) {
  const { reply } = await (await harness(authMsgraph, { ...settings, ...more })).send(request)
  if (!reply) return 'valid'
  expect(reply).toMatchObject({ kind: 'refusal', code: 'UNAUTHORIZED', status: 401 })
  return reply.kind === 'refusal' ? reply.reason : 'no refusal'
}

describe('what is refused, and why', () => {
  const { clientState: _, ...stateless } = note()
  const rows: [string, Sent, string][] = [
    ['a known state', send(note()), 'valid'],
    ['another state', send(note({ clientState: 'x' })), 'secret-mismatch in item 0'],
    ['one of two wrong', send(note(), note({ clientState: 'x' })), 'secret-mismatch in item 1'],
    ['the first of two wrong', send(note({ clientState: 'x' }), note()), 'secret-mismatch in item 0'],
    ['one of two without', send(note(), stateless), 'missing-secret in item 1'],
    ['no state', send(stateless), 'missing-secret in item 0'],
    ['an empty state', send(note({ clientState: '' })), 'missing-secret in item 0'],
    ['a state of null', send(note({ clientState: null })), 'missing-secret in item 0'],
    ['a state that is a list', send(note({ clientState: [STATE] })), 'missing-secret in item 0'],
    ['a state that is true', send(note({ clientState: true })), 'missing-secret in item 0'],
    ['a state in capitals', send(note({ clientState: STATE.toUpperCase() })), 'secret-mismatch in item 0'],
    ['a state cut short', send(note({ clientState: STATE.slice(0, -1) })), 'secret-mismatch in item 0'],
    ['a letter more', send(note({ clientState: `${STATE}x` })), 'secret-mismatch in item 0'],
    ['a line feed more', send(note({ clientState: `${STATE}\n` })), 'secret-mismatch in item 0'],
    ['100,000 letters', send(note({ clientState: 'x'.repeat(100_000) })), 'secret-mismatch in item 0'],
    ['the state at the top alone', { body: { value: [stateless], clientState: STATE } }, 'missing-secret in item 0'],
    ['the state of a prototype', { body: `{"value":[{"__proto__":{"clientState":"${STATE}"}}]}` }, 'missing-secret in item 0'],
    ['the list of a prototype', { body: `{"__proto__":${JSON.stringify({ value: [note()] })}}` }, 'no-items'],
    ['an item that is text', send('clientState'), 'missing-secret in item 0'],
    ['an item that is nothing', send(null), 'missing-secret in item 0'],
    ['a lifecycle notification', send(note({ lifecycleEvent: 'reauthorizationRequired' })), 'valid'],
    ['1,000 items', send(...Array.from({ length: 1000 }, () => note())), 'valid'],
    ['1,001 items', send(...Array.from({ length: 1001 }, () => note())), 'too-many-items'],
    ['10,000 items', send(...Array.from({ length: 10_000 }, () => note())), 'too-many-items'],
    ['no items', send(), 'no-items'],
    ['a list that is an object', { body: { value: { 0: note(), length: 1 } } }, 'no-items'],
    ['an item alone', { body: note() }, 'no-items'],
    ['an empty body', { body: '' }, 'no-items'],
    ['a body that is no JSON', { body: '{' }, 'no-items'],
    ['a list at the top', { body: [note()] }, 'no-items'],
    [
      'a form',
      { headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: `value=${STATE}&value=${STATE}` },
      'missing-secret in item 0',
    ],
    ['GET', { method: 'GET', query: { value: STATE }, body: { value: [note()] } }, 'no-items'],
    ['the handshake', { query: { validationToken: 'hello' }, body: '' }, 'no-items'],
    ['validation tokens', { body: { value: [note()], validationTokens: ['e30.e30.'] } }, 'resource-data'],
    ['validation tokens of nothing', { body: { value: [note()], validationTokens: [] } }, 'resource-data'],
    ['encrypted content', send(note(), note({ encryptedContent: { data: '' } })), 'resource-data'],
    ['encrypted content with another state', send(note({ clientState: 'x', encryptedContent: {} })), 'secret-mismatch in item 0'],
  ]
  test.each(rows)('%s', async (_, request, wanted) => {
    expect(await verdict(request)).toBe(wanted)
  })

  test('resource data is let in where the settings say so, and by its state alone', async () => {
    const more = { resourceData: 'unchecked' }
    expect(await verdict({ body: { value: [note({ encryptedContent: {} })], validationTokens: ['x'] } }, more)).toBe('valid')
    expect(await verdict({ body: { value: [note({ clientState: 'x' })], validationTokens: ['x'] } }, more)).toBe(
      'secret-mismatch in item 0',
    )
  })

  test('a state of unicode', async () => {
    expect(await verdict(send(note({ clientState: 'zwölf🚀-und-noch-mehr' })), { clientStates: ['zwölf🚀-und-noch-mehr'] })).toBe('valid')
  })
})

describe('client states', () => {
  test('several are live, each item by its own, and those that matched are told once', async () => {
    const bench = await harness(authMsgraph, { clientStates: [STATE, OLD] })
    const old = note({ clientState: OLD })
    for (const value of [[old, old], [note()], [old, note()], [old, note({ clientState: 'x' })]]) await bench.send(send(...value))
    expect(bench.used).toEqual([OLD, STATE, OLD, STATE])
  })

  test('an empty one lets nobody in, alone or beside another', async () => {
    for (const clientStates of [[''], ['', STATE]])
      for (const clientState of ['', undefined, null])
        expect(await verdict(send(note({ clientState })), { clientStates })).toBe('missing-secret in item 0')
  })

  test('one that Graph would not take does not load', async () => {
    const made = harness(authMsgraph, { clientStates: [STATE, 'x'.repeat(129)] })
    await expect(made).rejects.toThrow(/^\/clientStates\/1 this client state is longer than the 128 characters/)
  })

  test('nor does a webhook that takes GET', async () => {
    await expect(harness(authMsgraph, settings, { methods: ['POST', 'GET'] })).rejects.toThrow(/takes GET/)
  })
})

describe('the delivery id', () => {
  const rows: [string, Sent, string | undefined][] = [
    ['of one notification', send(note({ id: 'lsgTZMr9' })), 'lsgTZMr9'],
    ['of one without', send(note()), undefined],
    ['of two', send(note({ id: 'a' }), note({ id: 'b' })), undefined],
    ['of a forged one', send(note({ id: 'a', clientState: 'x' })), undefined],
    ['that is a number', send(note({ id: 1 })), undefined],
    ['too long', send(note({ id: 'x'.repeat(256) })), undefined],
  ]
  test.each(rows)('%s', async (_, request, wanted) => {
    const { exchange } = await (await harness(authMsgraph, settings)).send(request)
    expect(exchange.get(deliveryId)).toBe(wanted as string)
  })
})

describe('what is signed here verifies here', () => {
  const draft = (value: unknown): Draft => ({
    method: 'POST',
    url: new URL('http://localhost/'),
    headers: new Headers(),
    body: new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value)),
  })
  const signer = { webhook: 'test', publicUrl: undefined, now: () => 0 }
  const config = { clientStates: [OLD, STATE], resourceData: 'refuse' as const }

  test('each notification', async () => {
    const made = draft({ value: [note({ clientState: 'x' }), { resource: 'ü' }] })
    expect(await authMsgraph.sign?.(config, made, signer)).toBeUndefined()
    const request = { headers: made.headers, body: made.body }
    expect(await verdict(request, { clientStates: [STATE, OLD] })).toBe('valid')
    expect(await verdict(request)).toBe('secret-mismatch in item 0')
  })

  test.each<[string, string[], unknown, RegExp]>([
    ['no state', [''], { value: [{}] }, /none of the client states of auth-msgraph has a value/],
    ['no JSON', [STATE], '{', /not JSON/],
    ['no list', [STATE], {}, /no list/],
    ['a list of texts', [STATE], { value: ['x'] }, /no list/],
  ])('not with %s', async (_, clientStates, value, wanted) => {
    expect(await authMsgraph.sign?.({ ...config, clientStates }, draft(value), signer)).toMatch(wanted)
  })
})

describe('diagnosis', () => {
  const rows: [string, Sent, string][] = [
    ['the handshake', { query: { validationToken: 'x' } }, 'validation-handshake'],
    ['no list', { body: {} }, 'no-items'],
    ['too many', send(...Array.from({ length: 1001 }, () => note())), 'too-many-items'],
    ['no state', send(note({ clientState: undefined })), 'client-state-missing'],
    ['a line break', send(note({ clientState: `${STATE}\n` })), 'white-space'],
    ['another state', send(note({ clientState: 'x' })), 'other-client-state'],
    ['resource data', send(note({ encryptedContent: {} })), 'resource-data'],
  ]
  test.each(rows)('%s', async (_, request, wanted) => {
    const { reply, exchange } = await (await harness(authMsgraph, settings)).send(request)
    expect(reply).toMatchObject({ code: 'UNAUTHORIZED' })
    const config = { clientStates: [STATE, ''], resourceData: 'refuse' as const }
    const findings = (await authMsgraph.diagnose?.(config, exchange, { now: () => 0, publicUrl: undefined, webhook: 'test' })) ?? []
    expect(findings.map(finding => finding.code)).toEqual([wanted])
    expect(JSON.stringify(findings)).not.toContain(STATE)
  })
})

test('tells that nobody checks the tokens', () => {
  const lint = (resourceData: 'refuse' | 'unchecked') =>
    authMsgraph.lint?.({ clientStates: [STATE], resourceData }, {} as any).map(({ path }) => path)
  expect([lint('refuse'), lint('unchecked')]).toEqual([[], ['/resourceData']])
})

test('no request makes it throw, and none without a state passes', async () => {
  const bench = await harness(authMsgraph, settings)
  const value = fc.oneof(fc.jsonValue(), fc.string(), fc.constant(null))
  const bad = fc.oneof(
    fc.record({ body: fc.oneof(fc.uint8Array(), fc.json(), fc.string()) }),
    fc.array(fc.oneof(fc.record({ clientState: value, id: value }), value), { maxLength: 5 }).map(items => send(...items)),
  )
  await fc.assert(
    fc.asyncProperty(bad, async request => expect((await bench.send(request)).reply).toMatchObject({ code: 'UNAUTHORIZED' })),
    { numRuns: 500 },
  )
})

test('keeps the contract', async () => {
  const examples = [
    { settings, request: send(note({ id: 'a' })), expect: 'pass' },
    { settings, request: send(note({ clientState: 'of-nobody' })), expect: 'UNAUTHORIZED' },
  ]
  expect(await conformance(authMsgraph, examples)).toEqual([])
})
