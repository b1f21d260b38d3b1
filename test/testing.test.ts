import { describe, expect, test } from 'bun:test'
import type * as contract from '#core/plugin.ts'
import { type AnyPlugin, claimKey, Duration, definePlugin, type Exchange, type Host, Secret, slot, Type } from '#core/plugin.ts'
import { conformance, type Example, harness } from '#core/testing.ts'

const SECRET = 'canary-0123456789abcdef'
const mark = slot<string>('mark')

const good = definePlugin({
  name: 'good-one',
  phase: 'shape',
  summary: 'Does all that a plugin may do.',
  config: Type.Object(
    {
      keys: Type.Array(Secret({ description: 'A key.' }), { description: 'Keys.' }),
      window: Duration({ description: 'A window.', default: '1m' }),
    },
    { additionalProperties: false },
  ),
  refusals: {
    UNAUTHORIZED: { status: 401, summary: 'The credential, signature or timestamp is missing or wrong.' },
    LATE: { status: 422, summary: 'Late.' },
  },
  gives: [mark],
  sender: ({ keys }) => ({
    headers: { 'X-Key': { description: 'A key.', required: true, example: keys[0]! } },
    query: { late: { description: 'Says that it is late.' } },
  }),
  compile:
    ({ keys }, host) =>
    x => {
      if (!keys.includes(x.headers.get('x-key') ?? '')) return host.refuse('UNAUTHORIZED', undefined, { reason: 'unknown key' })
      if (x.query.has('late')) return host.refuse('LATE', { _general: ['Late.'] })
      x.set(mark, 'seen')
      return undefined
    },
})

const settings = { keys: [SECRET] }
const key = { 'x-key': SECRET }
const examples: Example[] = [
  { settings, request: { headers: key }, expect: 'pass' },
  { settings, request: {}, expect: 'UNAUTHORIZED' },
  { settings, request: { headers: key, query: 'late=1' }, expect: 'LATE' },
]

test('a plugin that keeps the contract has no faults', async () => {
  expect(await conformance(good, examples)).toEqual([])
})

describe('a plugin that breaks the contract is found out', () => {
  const step = (wrong: (x: Exchange, host: Host, keys: string[]) => unknown) => ({
    compile: (config: any, host: any) => async (x: Exchange) => {
      const reply: any = await wrong(x, host, config.keys)
      return reply ?? (await good.compile(config, host))(x)
    },
  })
  const config = (properties: object, options: object = { additionalProperties: false }) => ({
    config: Type.Object({ ...good.config.properties, ...properties }, options),
  })
  const refusals = (more: object) => ({ refusals: { ...good.refusals, ...more } })
  const nested = { description: 'A map.' }
  const rows: [string, object, string][] = [
    ['a name with a capital', { name: 'Good' }, "the name 'Good' is not"],
    ['a name that ends in a hyphen', { name: 'good-' }, "the name 'good-' is not"],
    ['no summary', { summary: ' ' }, 'there is no summary'],
    ['open settings', config({}, {}), "the settings at '/' are open"],
    ['open settings within', config({ a: Type.Optional(Type.Object({}, nested)) }), "the settings at '/a/' are open"],
    ['open settings in a list', config({ a: Type.Optional(Type.Array(Type.Object({}), nested)) }), "the settings at '/a/*/' are open"],
    [
      'open settings in a map',
      config({ a: Type.Optional(Type.Record(Type.String(), Type.Object({}), nested)) }),
      "the settings at '/a/*/' are open",
    ],
    [
      'open settings in a choice',
      config({ a: Type.Optional(Type.Union([Type.Null(), Type.Object({})], nested)) }),
      "the settings at '/a/*/' are open",
    ],
    ['a setting that nobody describes', config({ a: Type.Optional(Type.String()) }), "the setting '/a' has no description"],
    [
      'the same within',
      config({ a: Type.Optional(Type.Object({ b: Type.Optional(Type.String()) }, { ...nested, additionalProperties: false })) }),
      "the setting '/a/b' has no description",
    ],
    ['a refusal that no example reaches', refusals({ NEVER: { status: 422, summary: 'Never.' } }), 'no example is refused with NEVER'],
    ['a code in small letters', refusals({ late: { status: 422, summary: 'Late.' } }), "the code 'late' is not in capitals"],
    ['a refusal without a summary', refusals({ LATE: { status: 422, summary: '' } }), 'LATE has no summary'],
    ['a refusal with the status of a success', refusals({ LATE: { status: 200, summary: 'Late.' } }), 'LATE has the status 200'],
    [
      'another status for a code of the core',
      refusals({ UNAUTHORIZED: { ...good.refusals.UNAUTHORIZED, status: 403 } }),
      'UNAUTHORIZED is 401 everywhere',
    ],
    [
      'a 401 with words of its own',
      refusals({ UNAUTHORIZED: { status: 401, summary: 'Wrong key.' } }),
      'UNAUTHORIZED has one summary everywhere',
    ],
    ['a code that is not declared', step((_, host) => host.refuse('OTHER')), 'refuses with OTHER, which refusals does not declare'],
    ['a refusal made by hand', step(() => ({ kind: 'refusal', code: 'OTHER', status: 418, summary: '' })), 'refuses with OTHER'],
    ['a code that every object has', step((_, host) => host.refuse('constructor')), 'refuses with constructor'],
    ['a 401 without a reason', step((_, host) => host.refuse('UNAUTHORIZED')), 'UNAUTHORIZED takes a reason'],
    [
      'a 401 with details',
      step((_, host) => host.refuse('UNAUTHORIZED', { _general: ['Wrong key.'] }, { reason: 'x' })),
      'UNAUTHORIZED takes a reason for the operator, and no details',
    ],
    ['a header that senders are not told of', step(x => void x.headers.get('X-Other')), "reads the header 'X-Other'"],
    ['also when it is only asked for', step(x => void x.headers.has('x-other')), "reads the header 'x-other'"],
    ['every header at once', step(x => void [...x.headers]), "reads the header '*'"],
    ['a parameter that senders are not told of', step(x => void x.query.get('LATE')), "reads the query parameter 'LATE'"],
    ['every parameter at once', step(x => void Object.fromEntries(x.query)), "reads the query parameter '*'"],
    ['a use of what is no secret of its settings', step((_, host) => host.used('other')), 'tells as used what is no secret'],
    ['a slot that it does not give', step(x => void x.set(slot('other'), 1)), "sets the slot 'other', which gives does not name"],
    ['a slot that these settings do not give', { gives: () => [] }, "sets the slot 'mark'"],
    [
      'a secret in a description',
      { sender: ({ keys }: any) => ({ headers: { 'X-Key': { description: keys[0] } } }) },
      'sender() shows a secret outside of an example',
    ],
    [
      'a secret in the name of a header',
      { sender: ({ keys }: any) => ({ headers: { [keys[0]]: { description: '' } } }) },
      'sender() shows a secret',
    ],
    [
      'a secret that sender() kept from before',
      { sender: () => ({ headers: { 'X-Key': { description: '', example: SECRET } } }) },
      'a secret shows in sender()',
    ],
    ['a secret in the summary', { summary: `Try ${SECRET}.` }, 'a secret shows in the summary'],
    ['a secret in details', step((_, host, keys) => host.refuse('LATE', { key: keys })), 'a secret shows in the reply'],
    [
      'a secret in a reason',
      step((_, host, keys) => host.refuse('LATE', undefined, { reason: `not ${keys[0]}` })),
      'a secret shows in the reply',
    ],
    [
      'a secret in an answer',
      step((_, __, keys) => ({ kind: 'answer', status: 200, headers: {}, body: keys[0] })),
      'a secret shows in the reply',
    ],
    ['a secret in a warning', step((_, host, keys) => host.warn('odd', { keys })), 'a secret shows in a warning'],
    ['a step that throws', step(() => Promise.reject(new Error('boom'))), 'boom'],
    ['a release that fails', step((_, host) => host.onClose(() => Promise.reject(new Error('stuck')))), 'onClose: stuck'],
    [
      'a plugin that cannot be compiled',
      {
        compile: () => {
          throw new Error('no compiler')
        },
      },
      'no compiler',
    ],
    [
      'a verify step that trusts the payload',
      { ...step(x => void x.payload), phase: 'verify' },
      "a step of the phase 'verify' cannot read the payload",
    ],
    [
      'a verify step that trusts the data',
      { ...step(x => void x.data), phase: 'verify' },
      "a step of the phase 'verify' cannot read the payload",
    ],
  ]
  test.each(rows)('%s', async (_, wrong, wanted) => {
    const faults = await conformance({ ...good, ...wrong } as AnyPlugin, examples)
    expect(faults.join('\n')).toContain(wanted)
  })

  const expectations: [string, Example, string][] = [
    ['an example that passes instead', { settings, request: { headers: key }, expect: 'LATE' }, 'expected LATE, got pass'],
    ['an example that is refused instead', { settings, expect: 'pass' }, 'expected pass, got UNAUTHORIZED (unknown key)'],
    ['an example whose settings are refused', { settings: { keys: 1 }, expect: 'pass' }, '/keys expected a list'],
  ]
  test.each(expectations)('%s', async (_, example, wanted) => {
    expect((await conformance(good, [...examples, example])).join('\n')).toContain(`example 3: ${wanted}`)
  })

  test('the slow ways to a refusal count too', async () => {
    const limited = definePlugin({
      ...good,
      refusals: {
        FULL: { status: 429, summary: 'Full.' },
        USED: { status: 422, summary: 'Used.' },
        DOWN: { status: 503, summary: 'Down.' },
      },
      gives: [],
      compile(_, host) {
        const limiter = host.limiter({ name: 'a', limit: 1, window: 1000 })
        return async x => {
          const taken = await limiter.take(x.ip).catch(() => undefined)
          if (!taken) return host.refuse('DOWN')
          if (!taken.allowed) return host.refuse('FULL', undefined, { retryAfter: taken.resetAfter / 1000 })
          x.stage(claimKey, { key: 'k', fingerprint: '', ttl: 1, mismatch: host.refuse('USED') })
          return undefined
        }
      },
    })
    const rows: Example[] = [
      { settings, expect: 'pass' },
      { settings, before: [{}], expect: 'FULL' },
      { settings, before: [{}], request: { ip: '192.0.2.2' }, expect: 'pass' },
      { settings, limiterDown: true, expect: 'DOWN' },
    ]
    expect(await conformance(limited, rows)).toEqual([])
  })
})

describe('the harness', () => {
  const spy = (compile: (host: Host, log: unknown[]) => unknown, log: unknown[] = []) => ({
    log,
    plugin: definePlugin({
      name: 'spy',
      phase: 'shape',
      summary: 'Looks around.',
      config: Type.Object({}, { additionalProperties: false }),
      refusals: {},
      compile: (_, host) => compile(host, log) as any,
    }),
  })

  test.each<[string, (host: Host) => unknown]>([
    ['webhook', host => host.webhook],
    ['limiter', host => host.limiter({ name: 'a', limit: 1, window: 1000 })],
    ['onClose', host => host.onClose(() => {})],
  ])('lends a shared step nothing of one webhook: %s', async (_, ask) => {
    const { plugin } = spy(host => {
      ask(host)
      return () => undefined
    })
    await harness(plugin)
    await expect(harness({ ...plugin, shared: true })).rejects.toThrow("'spy' is shared by webhooks")
  })

  test('takes what a file exports, too: a function that makes the plugin of the contract', async () => {
    const plugin = ({ definePlugin, Type }: typeof contract) =>
      definePlugin({
        name: 'made',
        phase: 'shape',
        summary: 'For the test.',
        config: Type.Object({}, { additionalProperties: false }),
        refusals: { NO: { status: 422, summary: 'No.' } },
        compile: (_, host) => () => host.refuse('NO'),
      })
    expect((await (await harness(plugin)).send()).reply).toMatchObject({ code: 'NO' })
    expect(await conformance(plugin, [{ expect: 'NO' }])).toEqual([])
  })

  test('gives the step a whole exchange', async () => {
    const bench = await harness(spy(() => () => undefined).plugin)
    const { exchange } = await bench.send({
      method: 'PUT',
      path: '/a',
      params: { id: '7' },
      query: { q: '1' },
      ip: '::1',
      body: { n: 1 },
      variables: { plan: 'free' },
      slots: { mark: 'x' },
    })
    const { method, path, params, ip, payload, data, format, variables, webhook } = exchange
    expect<unknown>({ method, path, params, ip, payload, data, format, variables, webhook }).toEqual({
      method: 'PUT',
      path: '/a',
      params: { id: '7' },
      ip: '::1',
      payload: { n: 1 },
      data: { n: 1 },
      format: 'json',
      variables: { plan: 'free' },
      webhook: 'test',
    })
    expect([exchange.query.get('q'), exchange.headers.get('content-type'), exchange.get(mark), exchange.peek()]).toEqual([
      '1',
      'application/json',
      'x',
      { n: 1 },
    ])
    expect(exchange.id).toMatch(/^[0-9A-HJKMNP-TV-Z]{26}$/)
    expect(new TextDecoder().decode(exchange.raw)).toBe('{"n":1}')
  })

  test.each([
    ['text as it is', { body: '{"a": 1}' }, 'json', { a: 1 }],
    ['bytes as they are', { body: new TextEncoder().encode('{"a":1}') }, 'json', { a: 1 }],
    ['no JSON', { body: '{' }, 'json', {}],
    ['a form', { body: 'a=1', headers: { 'content-type': 'application/x-www-form-urlencoded' } }, 'form', { a: '1' }],
    ['a parameter that comes twice', { method: 'GET', query: 'a=1&a=2' }, 'query', { a: ['1', '2'] }],
    ['a list, which is no payload', { body: [1] }, 'json', {}],
    ['a query', { method: 'GET', query: '?a=1' }, 'query', { a: '1' }],
    ['what earlier steps made', { body: { a: 1 }, data: { b: 2 } }, 'json', { a: 1 }],
  ])('reads %s', async (_, request, format, payload) => {
    const { exchange } = await (await harness(spy(() => () => undefined).plugin)).send(request)
    expect<unknown>([exchange.format, exchange.payload]).toEqual([format, payload])
  })

  test('sends a header twice as a runtime would deliver it', async () => {
    const { exchange } = await (await harness(spy(() => () => undefined).plugin)).send({
      headers: [
        ['authorization', 'a'],
        ['Authorization', 'b'],
      ],
    })
    expect(exchange.headers.get('authorization')).toBe('a, b')
  })

  test('lends a host with a clock, entities and tokens', async () => {
    const { plugin, log } = spy((host, log) => async () => {
      log.push(host.webhook, host.publicUrl, host.now(), host.entity('contact'), host.entity('other'))
      log.push(await host.tokens.webhookOf('t'), await host.tokens.webhookOf('toString'))
      return host.accept()
    })
    const bench = await harness(
      plugin,
      {},
      { now: 5, webhook: 'w', publicUrl: 'https://p', entities: { contact: { unknown: 'keep' } }, tokens: { t: 'w' } },
    )
    bench.now = 6
    expect((await bench.send()).reply).toEqual({ kind: 'accepted' })
    expect(log).toEqual(['w', 'https://p', 6, { name: 'contact', schema: {}, unknown: 'keep' }, undefined, 'w', undefined])
  })

  test('counts within a window of its clock', async () => {
    const { plugin, log } = spy((host, log) => {
      const limiter = host.limiter({ name: 'n', limit: 2, window: 1000 })
      return async () => void log.push(await limiter.take('k'))
    })
    const bench = await harness(plugin, {}, { now: 0 })
    for (const now of [0, 100, 200, 1000]) {
      bench.now = now
      await bench.send()
    }
    expect(log).toEqual([
      { allowed: true, remaining: 1, resetAfter: 1000 },
      { allowed: true, remaining: 0, resetAfter: 900 },
      { allowed: false, remaining: 0, resetAfter: 800 },
      { allowed: true, remaining: 1, resetAfter: 1000 },
    ])
  })

  test('runs releases last first, once, and also when compiling fails half-way', async () => {
    const closing = spy((host, log) => {
      for (const n of [1, 2]) host.onClose(() => void log.push(n))
      return () => undefined
    })
    const bench = await harness(closing.plugin)
    expect(closing.log).toEqual([])
    await bench.close()
    await bench.close()
    expect(closing.log).toEqual([2, 1])

    const failing = spy((host, log) => {
      host.onClose(() => void log.push('released'))
      throw new Error('half-way')
    })
    await expect(harness(failing.plugin)).rejects.toThrow('half-way')
    expect(failing.log).toEqual(['released'])
  })

  test('refuses settings with every problem at its path', async () => {
    await expect(harness(good, { keys: [1], widow: '1m' })).rejects.toThrow(/\/keys\/0 .*\n\/widow /)
    await expect(harness({ ...good, check: () => [{ path: '/keys', message: 'are odd' }] }, settings)).rejects.toThrow('/keys are odd')
  })

  test('shows senders a secret by a name', async () => {
    expect((await harness(good, settings)).sender.headers?.['X-Key']?.example).toMatch(/^\$\{SECRET_1\}$/)
  })
})
