import { describe, expect, test } from 'bun:test'
import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import type { NestedStep } from '#core/plugin.ts'
import { conformance, harness, type Sent } from '#core/testing.ts'
import authHmac from '../auth-hmac/index.ts'
import authUrlToken from '../auth-url-token/index.ts'
import plugin from './index.ts'

const SECRET = 'zoom_secret_token'
const TOKEN = 'a-token-that-was-typed-in'
const settingsOf: Record<string, object> = {
  meta: { verifyToken: TOKEN },
  zoom: { secret: SECRET },
  x: { secret: SECRET },
  cloudevents: { origins: ['eventgrid.azure.net', 'Events.Example.com'] },
}
const open = (preset: string, more: object = {}, around: object = {}) => harness(plugin, { preset, ...settingsOf[preset], ...more }, around)

const TEXT = 'text/plain; charset=utf-8'
const JSON_TYPE = 'application/json'
const get = (query: Sent['query'] = {}, headers: Record<string, string> = {}): Sent => ({ method: 'GET', query: query as string, headers })
const post = (body: unknown, query = ''): Sent => ({ body, query })
const form = (body: string): Sent => ({ body, headers: { 'content-type': 'application/x-www-form-urlencoded' } })
const options = (headers: Record<string, string> = {}): Sent => ({ method: 'OPTIONS', headers })
const hub = (more: Record<string, string> = {}) =>
  get({ 'hub.mode': 'subscribe', 'hub.verify_token': TOKEN, 'hub.challenge': '1158201444', ...more })
const zoomAsks = (plainToken: unknown) => post({ event: 'endpoint.url_validation', payload: { plainToken }, event_ts: 1654503849680 })
const mac = (text: string) => createHmac('sha256', SECRET).update(text)
const crc = (token: string) => JSON.stringify({ response_token: `sha256=${mac(token).digest('base64')}` })

describe('the question and its answer', () => {
  const rows: [string, string, Sent, string | null, string, object?][] = [
    ['slack', 'the URL', post({ type: 'url_verification', token: 't', challenge: '3eZbrw1a' }), JSON_TYPE, '{"challenge":"3eZbrw1a"}'],
    ['slack', 'the certificate', form('ssl_check=1&token=x&command=%2Fpay'), null, ''],
    ['slack-ssl-check', 'the certificate', form('ssl_check=1&token=x&command=%2Fpay'), null, ''],
    ['meta', 'the URL', hub(), TEXT, '1158201444'],
    [
      'zoom',
      'the URL',
      zoomAsks('qgg8vlvZRS6UYooatFL8Aw'),
      JSON_TYPE,
      '{"plainToken":"qgg8vlvZRS6UYooatFL8Aw","encryptedToken":"bd48235863f4a6323ccc4963c594908b7c97f88b4a6a95278f4f093690b12726"}',
    ],
    [
      'msgraph',
      'the URL',
      { query: 'validationToken=Validation%3a+Testing+client+application+reachability+for+subscription+Request-Id%3a+f6e4' },
      TEXT,
      'Validation: Testing client application reachability for subscription Request-Id: f6e4',
    ],
    ['msgraph', 'a plus that is one', { query: 'validationToken=a%2Bb%25' }, TEXT, 'a+b%'],
    ['dropbox', 'the URL', get({ challenge: 'abc123' }), TEXT, 'abc123'],
    ['okta', 'the URL', get({}, { 'X-Okta-Verification-Challenge': 'my "value"' }), JSON_TYPE, '{"verification":"my \\"value\\""}'],
    ['x', 'the secret', get({ crc_token: 'NWJkNzU3-_/b4==' }), JSON_TYPE, crc('NWJkNzU3-_/b4==')],
    ['discord', 'a ping', post({ type: 1, id: '1', application_id: '2' }), JSON_TYPE, '{"type":1}'],
    ['cloudevents', 'the consent', options({ 'WebHook-Request-Origin': 'eventgrid.azure.net' }), null, ''],
  ]
  test.each(rows)('%s: %s', async (preset, _, request, type, body) => {
    const { reply, staged } = await (await open(preset)).send(request)
    if (reply?.kind !== 'answer') throw new Error(`no answer: ${JSON.stringify(reply)}`)
    expect([reply.status, reply.headers['content-type'] ?? null, reply.body]).toEqual([200, type, body])
    expect(reply.headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' })
    expect(staged).toEqual([])
  })
})

describe('what is no question passes', () => {
  const rows: [string, string, Sent][] = [
    ['slack', 'an event', post({ type: 'event_callback', challenge: 'x' })],
    ['slack', 'a body that is none', post('x')],
    ['slack', 'a list', post('[1]')],
    ['slack', 'a check that is none', form('ssl_check=0')],
    ['slack-ssl-check', 'a URL verification, which is signed', post({ type: 'url_verification', challenge: 'x' })],
    ['slack-ssl-check', 'two checks', form('ssl_check=1&ssl_check=1')],
    ['slack-ssl-check', 'a large form', form(`ssl_check=1&text=${'x'.repeat(5000)}`)],
    ['meta', 'a delivery', post({ object: 'page' }, 'hub.mode=subscribe&hub.challenge=1')],
    ['meta', 'another GET', get({ a: '1' })],
    ['zoom', 'an event', post({ event: 'meeting.started', payload: { plainToken: 'x' } })],
    ['msgraph', 'a delivery', post({ value: [] })],
    ['msgraph', 'a delivery with the parameter', post({ value: [] }, 'validationToken=x')],
    ['msgraph', 'nothing', {}],
    ['dropbox', 'a delivery', post({ challenge: 'x' }, 'challenge=x')],
    ['dropbox', 'another GET', get()],
    ['okta', 'a delivery', { ...post({}), headers: { 'x-okta-verification-challenge': 'x' } }],
    ['okta', 'another GET', get()],
    ['x', 'a delivery', post({ for_user_id: '1' }, 'crc_token=x')],
    ['x', 'another GET', get()],
    ['x', 'nothing', post('')],
    ['discord', 'a command', post({ type: 2 })],
    ['discord', 'a type in words', post({ type: '1' })],
    ['cloudevents', 'a delivery', { ...post({}), headers: { 'webhook-request-origin': 'eventgrid.azure.net' } }],
    ['cloudevents', 'a preflight of a browser', options({ origin: 'https://a.test', 'access-control-request-method': 'POST' })],
    ['cloudevents', 'somebody else', options({ 'webhook-request-origin': 'evil.test' })],
    ['cloudevents', 'a name within', options({ 'webhook-request-origin': 'eventgrid.azure.net.evil.test' })],
    ['cloudevents', 'two at once', options({ 'webhook-request-origin': 'eventgrid.azure.net, evil.test' })],
  ]
  test.each(rows)('%s: %s', async (preset, _, request) => {
    expect((await (await open(preset)).send(request)).reply).toBeUndefined()
  })
})

describe('what is refused', () => {
  const rows: [string, string, Sent, string][] = [
    ['meta', 'another token', hub({ 'hub.verify_token': 'guess' }), 'wrong-verify-token'],
    ['meta', 'a token cut short', hub({ 'hub.verify_token': TOKEN.slice(0, -1) }), 'wrong-verify-token'],
    ['meta', 'an empty token', hub({ 'hub.verify_token': '' }), 'wrong-verify-token'],
    ['meta', 'no token', get({ 'hub.mode': 'subscribe', 'hub.challenge': '1' }), 'wrong-verify-token'],
    [
      'meta',
      'two tokens',
      get(`hub.mode=subscribe&hub.verify_token=${TOKEN}&hub.verify_token=${TOKEN}&hub.challenge=1`),
      'wrong-verify-token',
    ],
    ['meta', 'another mode', hub({ 'hub.mode': 'unsubscribe' }), 'wrong-mode'],
    ['meta', 'no mode', get({ 'hub.verify_token': TOKEN, 'hub.challenge': '1' }), 'wrong-mode'],
    ['meta', 'no challenge', get({ 'hub.mode': 'subscribe', 'hub.verify_token': TOKEN }), 'malformed-challenge'],
    ['meta', 'a page', hub({ 'hub.challenge': '<script>alert(1)</script>' }), 'malformed-challenge'],
    ['meta', 'more than 1 KiB', hub({ 'hub.challenge': 'x'.repeat(1025) }), 'malformed-challenge'],
    ['slack', 'a challenge that is no text', post({ type: 'url_verification', challenge: {} }), 'malformed-challenge'],
    ['slack', 'more than 1 KiB', post({ type: 'url_verification', challenge: 'x'.repeat(1025) }), 'malformed-challenge'],
    ['zoom', 'no token', zoomAsks(undefined), 'malformed-challenge'],
    ['zoom', 'no payload', post({ event: 'endpoint.url_validation' }), 'malformed-challenge'],
    ['zoom', 'the text of a request', zoomAsks('v0:1768478400:{"event":"meeting.started"}'), 'malformed-challenge'],
    ['zoom', 'a token that is a list', zoomAsks(['qgg8vlvZRS6UYooatFL8Aw']), 'malformed-challenge'],
    ['zoom', 'a long token', zoomAsks('a'.repeat(129)), 'malformed-challenge'],
    ['x', 'a body', get({ crc_token: '{"for_user_id":"1"}' }), 'malformed-challenge'],
    ['x', 'a form', get({ crc_token: 'for_user_id=1' }), 'malformed-challenge'],
    ['x', 'two forms', get({ crc_token: 'a&b' }), 'malformed-challenge'],
    ['x', 'an empty token', get({ crc_token: '' }), 'malformed-challenge'],
    ['x', 'a line break', get({ crc_token: 'a\n' }), 'malformed-challenge'],
    ['x', 'a long token', get({ crc_token: 'a'.repeat(131) }), 'malformed-challenge'],
    ['x', 'two tokens', get('crc_token=a&crc_token=b'), 'malformed-challenge'],
    ['msgraph', 'a page', { query: { validationToken: '<b>' } }, 'malformed-challenge'],
    ['msgraph', 'a line break', { query: { validationToken: 'a\r\nb' } }, 'malformed-challenge'],
    ['msgraph', 'an empty one', { query: 'validationToken=' }, 'malformed-challenge'],
    ['msgraph', 'letters beyond ASCII', { query: { validationToken: 'ü' } }, 'malformed-challenge'],
    ['dropbox', 'a page', get({ challenge: '<svg onload=alert(1)>' }), 'malformed-challenge'],
    ['dropbox', 'more than 1 KiB', get({ challenge: 'x'.repeat(1025) }), 'malformed-challenge'],
    ['okta', 'a page', get({}, { 'x-okta-verification-challenge': '<b>' }), 'malformed-challenge'],
  ]
  test.each(rows)('%s: %s', async (preset, _, request, reason) => {
    const { reply } = await (await open(preset)).send(request)
    expect(reply).toMatchObject({ kind: 'refusal', code: 'CHALLENGE_REFUSED', status: 403, reason })
  })
})

describe('a token that X had signed is no body', () => {
  test.each(['abc', 'abc==', 'a', 'true', '12', 'a'.repeat(128)])('%s', async token => {
    const bench = await open('x')
    expect((await bench.send(get({ crc_token: token }))).reply).toMatchObject({ kind: 'answer', body: crc(token) })
    for (const request of [post(token), form(token)])
      expect((await bench.send(request)).reply).toMatchObject({ code: 'UNAUTHORIZED', status: 401 })
  })

  test('no body of JSON or of a form with a value is refused for it', async () => {
    const bench = await open('x')
    const body = fc.oneof(
      fc.object().map(value => JSON.stringify(value)),
      fc.tuple(fc.webQueryParameters(), fc.webQueryParameters()).map(([name, value]) => `${name}=x${value}`),
    )
    await fc.assert(fc.asyncProperty(body, async text => expect((await bench.send(post(text))).reply).toBeUndefined()))
  })
})

test('no token that is signed for Zoom can be the text that Zoom signs', () => {
  const requests = fc.tuple(fc.integer(), fc.string()).map(([time, body]) => `v0:${time}:${body}`)
  fc.assert(fc.property(requests, text => !/^[A-Za-z0-9_+/-]{1,128}={0,2}$/.test(text)))
})

describe('cloudevents', () => {
  const ask = { 'WebHook-Request-Origin': 'events.example.COM' }
  test.each<[string, object, Record<string, string>, Record<string, string>]>([
    ['who is known', {}, ask, { 'webhook-allowed-origin': 'events.example.COM', allow: 'POST' }],
    ['everybody', { origins: ['*'] }, ask, { 'webhook-allowed-origin': '*' }],
    ['a rate that is asked for', {}, { ...ask, 'WebHook-Request-Rate': '120' }, { 'webhook-allowed-rate': '*' }],
    ['a rate that is set', { rate: 60 }, ask, { 'webhook-allowed-rate': '60' }],
    ['both', { rate: 60 }, { ...ask, 'WebHook-Request-Rate': '120' }, { 'webhook-allowed-rate': '60' }],
  ])('%s', async (_, more, headers, wanted) => {
    const { reply } = await (await open('cloudevents', more)).send(options(headers))
    expect(reply).toMatchObject({ kind: 'answer', status: 200, headers: wanted })
  })

  test('a rate that nobody has asked for is not told', async () => {
    const { reply } = await (await open('cloudevents')).send(options(ask))
    expect(Object.keys(reply?.kind === 'answer' ? reply.headers : {})).not.toContain('webhook-allowed-rate')
  })
})

test.each(['slack', 'zoom', 'discord'])('%s: a question that nobody has verified is a load error', async preset => {
  await expect(open(preset, {}, { verified: false })).rejects.toThrow(`put the step after auth-hmac: { preset: ${preset} }`)
})

test.each(['meta', 'msgraph', 'dropbox', 'okta', 'x', 'cloudevents', 'slack-ssl-check'])(
  '%s stands before the steps that verify',
  async preset => {
    await open(preset, {}, { verified: false })
    const step = (plugin: NestedStep['plugin']): NestedStep => ({ plugin, settings: {}, shown: {} })
    const lint = (...chain: NestedStep[]) =>
      plugin.lint?.({ preset: preset as 'x' }, {
        chain: [...chain, step(plugin)],
        index: chain.length,
        methods: ['POST'],
        verified: chain.length > 0,
      } as never)
    expect(lint()).toEqual([])
    expect(lint(step(authUrlToken))).toEqual([])
    expect(lint(step(authHmac))).toMatchObject([
      { rule: 'challenge-out-of-reach', message: expect.stringContaining("'auth-hmac' refuses it first") },
    ])
  },
)

describe('settings that make no sense', () => {
  test.each<[string, object, object, string]>([
    ['an unknown preset', { preset: 'github' }, {}, '/preset'],
    ['meta without its token', { preset: 'meta' }, {}, "'meta' needs `verifyToken`"],
    ['zoom without its secret', { preset: 'zoom' }, {}, "'zoom' needs `secret`"],
    ['x without its secret', { preset: 'x' }, {}, "'x' needs `secret`"],
    ['cloudevents without origins', { preset: 'cloudevents' }, {}, "'cloudevents' needs `origins`"],
    ['an origin that is a URL', { preset: 'cloudevents', origins: ['https://a.test'] }, {}, '/origins/0'],
    ['a secret that nobody needs', { preset: 'dropbox', secret: SECRET }, {}, "/secret means nothing to 'dropbox'"],
    ['a rate that nobody asks for', { preset: 'okta', rate: 1 }, {}, "/rate means nothing to 'okta'"],
    ['a webhook without POST', { preset: 'msgraph' }, { methods: ['PUT'] }, "'msgraph' asks by POST"],
  ])('%s', async (_, settings, around, message) => {
    await expect(harness(plugin, settings, around)).rejects.toThrow(message)
  })
})

test.each([
  ['meta', ['GET']],
  ['dropbox', ['GET']],
  ['okta', ['GET']],
  ['x', ['GET']],
  ['cloudevents', ['OPTIONS']],
  ['slack', []],
  ['slack-ssl-check', []],
  ['zoom', []],
  ['discord', []],
  ['msgraph', []],
] as const)('%s asks by %p besides', async (preset, methods) => {
  expect(plugin.methods?.({ preset })).toEqual(methods)
  const { sender } = await open(preset)
  expect(sender.handshakes?.map(({ method }) => method)).toEqual([methods[0] ?? 'POST'])
})

test('senders are told only of the refusals that there can be', async () => {
  expect((await open('x')).sender.refusals).toEqual(['CHALLENGE_REFUSED', 'UNAUTHORIZED'])
  expect((await open('meta')).sender.refusals).toEqual(['CHALLENGE_REFUSED'])
  expect((await open('discord')).sender.refusals).toEqual([])
})

test('an empty secret answers nobody', async () => {
  for (const [preset, more, request] of [
    ['meta', { verifyToken: '' }, hub({ 'hub.verify_token': '' })],
    ['zoom', { secret: '' }, zoomAsks('abc')],
    ['x', { secret: '' }, get({ crc_token: 'abc' })],
  ] as const)
    expect((await (await open(preset, more)).send(request)).reply).toMatchObject({ code: 'CHALLENGE_REFUSED' })
})

test('tells which secret was used', async () => {
  const bench = await open('meta')
  await bench.send(hub({ 'hub.verify_token': 'guess' }))
  await bench.send(hub())
  expect(bench.used).toEqual([TOKEN])
})

test('whatever is sent, it never throws', async () => {
  const benches = await Promise.all(
    ['cloudevents', 'discord', 'dropbox', 'meta', 'msgraph', 'okta', 'slack', 'slack-ssl-check', 'x', 'zoom'].map(preset => open(preset)),
  )
  const names = fc.constantFrom('hub.mode', 'hub.challenge', 'hub.verify_token', 'challenge', 'crc_token', 'validationToken', 'ssl_check')
  const request = fc.record({
    method: fc.constantFrom('GET', 'POST', 'OPTIONS'),
    query: fc.dictionary(names, fc.string()),
    body: fc.oneof(fc.string(), fc.jsonValue()),
  })
  await fc.assert(
    fc.asyncProperty(request, async given => {
      for (const bench of benches) {
        const { reply } = await bench.send({ ...given, body: given.method === 'POST' ? given.body : undefined })
        if (reply?.kind === 'answer') expect(reply.body).not.toMatch(/[<>]/)
      }
    }),
    { numRuns: 200 },
  )
})

test('keeps the contract', async () => {
  const examples = [
    { settings: { preset: 'meta', verifyToken: TOKEN }, request: hub(), expect: 'answer' },
    { settings: { preset: 'meta', verifyToken: TOKEN }, request: hub({ 'hub.mode': 'x' }), expect: 'CHALLENGE_REFUSED' },
    { settings: { preset: 'x', secret: SECRET }, request: get({ crc_token: 'x' }), expect: 'answer' },
    { settings: { preset: 'x', secret: SECRET }, request: post('x'), expect: 'UNAUTHORIZED' },
    { settings: { preset: 'zoom', secret: SECRET }, request: zoomAsks('x'), expect: 'answer' },
    { settings: { preset: 'slack' }, request: post({ a: 1 }), expect: 'pass' },
    { settings: { preset: 'slack-ssl-check' }, request: form('ssl_check=1'), expect: 'answer' },
    { settings: { preset: 'discord' }, request: post({ type: 1 }), expect: 'answer' },
    { settings: { preset: 'dropbox' }, request: get({ challenge: 'x' }), expect: 'answer' },
    { settings: { preset: 'okta' }, request: get({}, { 'x-okta-verification-challenge': 'x' }), expect: 'answer' },
    { settings: { preset: 'msgraph' }, request: { query: 'validationToken=x' }, expect: 'answer' },
    { settings: { preset: 'cloudevents', origins: ['*'] }, request: options({ 'webhook-request-origin': 'a.test' }), expect: 'answer' },
  ]
  expect(await conformance(plugin, examples)).toEqual([])
})
