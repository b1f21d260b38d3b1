import { describe, expect, test } from 'bun:test'
import { readFile } from 'node:fs/promises'
import fc from 'fast-check'
import { deliveryId, signedAt } from '#core/plugin.ts'
import { conformance, type Harness, harness, type Sent } from '#core/testing.ts'
import { NOW, ORIGIN, provider } from '../../test/support/provider.ts'
import replayWindow from '../replay-window/index.ts'
import { cards } from './cards.ts'
import authHmac from './index.ts'
import { presets } from './presets/index.ts'
import vectors from './vectors.json' with { type: 'json' }

const AROUND = { publicUrl: ORIGIN, now: NOW * 1000 }

/** What a chain of `auth-hmac` and, where it has something to judge, `replay-window` makes of a request. */
async function verdict(settings: Record<string, unknown>, request: Sent, around: { now?: number; publicUrl?: string } = {}) {
  const surroundings = { ...AROUND, ...around }
  return judge(await harness(authHmac, settings, surroundings), await harness(replayWindow, {}, surroundings), request)
}

async function judge(bench: Harness, window: Harness, request: Sent) {
  const first = await bench.send(request)
  const signed = first.exchange.get(signedAt)
  const { reply } = first.reply || !signed ? first : await window.send({ slots: { 'signed-at': signed } })
  if (!reply) return 'valid'
  const { reason, ...told } = reply as unknown as Record<string, unknown>
  // One answer for all: what is wrong is for the operator.
  expect(told).toEqual({ kind: 'refusal', code: 'UNAUTHORIZED', status: 401, summary: authHmac.refusals.UNAUTHORIZED.summary })
  if (first.reply) expect([...names(first.exchange.get(deliveryId)), ...names(signed)]).toEqual([])
  return String(reason)
}

const names = (value: unknown) => (value === undefined ? [] : [value])
const word = (reason: string) => (reason === 'valid' ? reason : `invalid:${reason.split(':')[0]}`)

describe("the vectors of the providers' own libraries", () => {
  for (const vector of vectors as any[]) {
    test(vector.id, async () => {
      const url = new URL(vector.url)
      const settings = { preset: vector.provider, secrets: vector.secrets ?? [vector.secret] }
      const request = { method: vector.method, path: url.pathname, query: url.search, headers: vector.headers, body: vector.body }
      expect(word(await verdict(settings, request, { now: vector.now * 1000, publicUrl: url.origin }))).toBe(vector.expect)
    })
  }
})

type Provider = ReturnType<typeof provider>
type Made = ReturnType<Provider['request']>

/** The request with another value of its signature: in its header, or in the body that carries it. */
function withSignature(request: Made, { place }: Provider, value: string | undefined): Sent {
  if (place.startsWith('header:')) {
    const { [place.slice(7)]: _, ...headers } = request.headers
    return { ...request, headers: value === undefined ? headers : { ...headers, [place.slice(7)]: value } }
  }
  const [outer, inner] = place.slice(5).split('.') as [string, string]
  const form = request.headers['content-type']?.includes('form')
  const document = JSON.parse(form ? new URLSearchParams(request.body).get('json')! : request.body)
  document[outer][inner] = value
  const body = JSON.stringify(document)
  return { ...request, body: form ? new URLSearchParams({ json: body }).toString() : body }
}

/** The request without a header, or without a field of its body. */
function without(request: Made, source: string): Sent {
  const [kind, name] = [source.slice(0, source.indexOf(':')), source.slice(source.indexOf(':') + 1)]
  if (kind === 'json') return { ...request, body: request.body.replaceAll(`"${name.split('.').at(-1)}"`, '"elsewhere"') }
  const headers = Object.fromEntries(Object.entries(request.headers).filter(([header]) => header !== name))
  return { ...request, headers }
}

const flipped = (text: string) => (text.toUpperCase() === text ? text.toLowerCase() : text.toUpperCase())

/** Every row that a preset must pass; a new preset has them all at once. */
function* rowsOf(p: Provider): Generator<[string, Sent, string | RegExp, Record<string, unknown>?]> {
  const isStatic = p.kind === 'static'
  const mismatch = isStatic ? 'secret-mismatch' : 'signature-mismatch'
  const missing = isStatic ? 'missing-secret' : 'missing-signature'
  const good = p.request()
  const inHeader = p.place.startsWith('header:')
  const value = p.header([good.signature])

  yield ['valid', good, 'valid']
  yield ['the second secret of a rotation', p.request({ by: 1 }), 'valid', { secrets: p.secrets }]
  yield ['the first secret of a rotation', good, 'valid', { secrets: p.secrets }]
  yield ['a wrong secret', p.request({ by: 1 }), mismatch]
  const body = good.body.replace('world', 'w0rld')
  // What is not signed cannot be told from what was sent: the README says so of these.
  yield ['a tampered body', { ...good, body }, p.signsBody ? mismatch : 'valid']
  for (const part of p.parts.filter(part => part.startsWith('json:')))
    yield [
      `a tampered ${part}`,
      { ...good, body: good.body.replace(`a-${part.replace(/\W/g, '-')}`, 'b') },
      part === p.timestamp?.from ? 'valid' : mismatch,
    ]
  yield ['no signature', withSignature(good, p, undefined), missing]
  yield ['an empty signature', withSignature(good, p, ''), missing]
  for (const name of Object.keys(presets.get(p.name)?.require ?? {}))
    yield [`without ${name}`, without(good, `header:${name}`), `missing-signature: header ${name}`]

  if (p.timestamp) {
    const { from = '', tolerance, format } = p.timestamp
    const seconds = tolerance / 1000
    yield ['the oldest', p.request({ time: NOW - seconds }), 'valid']
    yield ['a stale one', p.request({ time: NOW - seconds - 1 }), /^timestamp-too-old: by 1000 ms$/]
    yield ['the latest', p.request({ time: NOW + seconds }), 'valid']
    yield ['one of the future', p.request({ time: NOW + seconds + 1 }), /^timestamp-in-future: by 1000 ms$/]
    yield [
      'no timestamp',
      from.startsWith('sig:') ? withSignature(good, p, value.slice(value.indexOf(p.list!) + 1)) : without(good, from),
      /^timestamp-missing$/,
    ]
    if (from.startsWith('header:')) {
      const bad = format === 'rfc3339' ? '2026-01-15' : `${NOW}abc`
      yield ['a malformed timestamp', { ...good, headers: { ...good.headers, [from.slice(7)]: bad } }, 'timestamp-malformed']
    }
  }
  if (p.id && p.parts.includes(p.id)) yield ['no id, which is signed', without(good, p.id), `missing-id: ${p.id}`]
  else if (p.id) yield ['no id', without(good, p.id), p.id.startsWith('json:') && p.signsBody ? mismatch : 'valid']

  if (!inHeader)
    for (const mark of [' ', '\t', '\n', '\u00a0'])
      for (const around of [mark + value, value + mark])
        yield [`${JSON.stringify(around)} for a signature`, withSignature(good, p, around), mismatch]
  // A header that comes twice arrives as one, joined so; only of a list any one may be right.
  if (inHeader) yield ['a signature header sent twice', withSignature(good, p, `${value}, ${value}`), p.list ? 'valid' : mismatch]
  if (!isStatic) {
    yield ['a signature in the wrong case', withSignature(good, p, p.header([flipped(good.signature)])), mismatch]
    for (const garbage of [
      '%%%',
      '=',
      ',',
      'é'.repeat(64),
      '0'.repeat(64),
      'A'.repeat(4000),
      `${good.signature}=`,
      `${good.signature}00`,
      good.signature.slice(0, -1),
    ])
      yield [
        `${garbage.slice(0, 12)}… for a signature`,
        withSignature(good, p, p.header([garbage])),
        /^(signature-mismatch|missing-signature)$/,
      ]
    const swapped = Buffer.from(good.signature, p.encoding).toString(p.encoding === 'hex' ? 'base64' : 'hex')
    yield ['the other encoding', withSignature(good, p, p.header([swapped])), mismatch]
  }
  const many = p.header(Array.from({ length: 10_000 }, () => good.signature))
  yield ['10,000 signatures', withSignature(good, p, many), p.list ? 'too-many-signatures' : mismatch]
}

describe('every preset', () => {
  for (const name of presets.keys()) {
    test(name, async () => {
      const p = provider(name)
      const benches = new Map<unknown, Promise<[Harness, Harness]>>()
      const benchOf = (more: Record<string, unknown> | undefined) => {
        const made =
          benches.get(more?.secrets) ??
          Promise.all([harness(authHmac, { ...p.settings, ...more }, AROUND), harness(replayWindow, {}, AROUND)])
        benches.set(more?.secrets, made)
        return made
      }
      for (const [row, request, wanted, more] of rowsOf(p)) {
        const said = await judge(...(await benchOf(more)), request)
        if (typeof wanted === 'string') expect([name, row, said]).toEqual([name, row, wanted])
        else expect([name, row, said]).toEqual([name, row, expect.stringMatching(wanted)])
      }
    })
  }

  test('10,000 signatures in one header cost next to nothing', async () => {
    for (const name of presets.keys()) {
      const p = provider(name)
      const request = withSignature(p.request(), p, p.header(Array.from({ length: 10_000 }, () => '0'.repeat(64))))
      const bench = await harness(authHmac, p.settings, AROUND)
      const times: number[] = []
      for (let i = 0; i < 5; i++) {
        const start = performance.now()
        await bench.send(request)
        times.push(performance.now() - start)
      }
      expect([name, Math.min(...times) < 20]).toEqual([name, true])
    }
  })

  test('says where it is described, and its data have no setting that says what is so already', () => {
    for (const [name, preset] of presets) {
      expect([name, preset.page]).toEqual([name, expect.stringMatching(name === 'inspire' ? /^Inspire, / : /^https:\/\/[\w.-]+\/\S+$/)])
      expect([name, preset.kind, preset.algorithm, preset.encoding]).not.toContainAnyValues(['hmac', 'sha256', 'hex'])
    }
  })
})

test('no request makes a step throw', async () => {
  const letters = fc.string({ unit: fc.constantFrom(...'0aF=,; v1t:+/-TZ', '\u00ff', '\u00a0'), maxLength: 90 })
  const value = fc.oneof(letters, fc.constantFrom('1768478400', '2026-01-15T12:00:00Z', 'msg_1', '1', 'HmacSHA256'))
  const body = fc.oneof(fc.json(), fc.uint8Array(), letters)
  for (const preset of presets.keys()) {
    const p = provider(preset)
    const bench = await harness(authHmac, p.settings, AROUND)
    const bad = fc.record({ headers: fc.record(Object.fromEntries(Object.keys(p.request().headers).map(name => [name, value]))), body })
    await fc.assert(
      fc.asyncProperty(bad, async sent => expect((await bench.send(sent)).reply).toMatchObject({ code: 'UNAUTHORIZED' })),
      { numRuns: 50 },
    )
  }
})

test('the time in a signed body is not looked for in the query', async () => {
  const { settings, request } = provider('linear')
  const stale = request({ time: NOW - 3600 })
  expect(await verdict(settings, stale)).toStartWith('timestamp-too-old')
  expect(await verdict(settings, { ...stale, method: 'GET', query: { webhookTimestamp: String(NOW * 1000) } })).toStartWith(
    'timestamp-too-old',
  )
})

test('a timestamp that nobody signs is not handed on', async () => {
  const { settings, request } = provider('sentry')
  const headers = { ...request().headers, 'sentry-hook-timestamp': String(NOW) }
  const bench = await harness(authHmac, { ...settings, timestamp: { from: 'header:sentry-hook-timestamp' } })
  const { reply, exchange } = await bench.send({ ...request(), headers })
  expect(reply).toBeUndefined()
  expect(exchange.get(signedAt)).toBeUndefined()
})

test('carries the tolerance of the scheme, unless the settings say otherwise', async () => {
  const { settings, request } = provider('paddle')
  const rows: [Record<string, unknown>, object][] = [
    [{}, { time: NOW * 1000, tolerance: 5000, future: 5000 }],
    [{ timestamp: { tolerance: '1m' } }, { time: NOW * 1000, tolerance: 60_000, future: 60_000 }],
    [{ timestamp: { future: '1s' } }, { time: NOW * 1000, tolerance: 5000, future: 1000 }],
  ]
  for (const [more, wanted] of rows) {
    const { exchange } = await (await harness(authHmac, { ...settings, ...more })).send(request())
    expect<unknown>(exchange.get(signedAt)).toEqual(wanted)
  }
})

test('the README has the table of the presets', async () => {
  const readme = await readFile(new URL('./README.md', import.meta.url), 'utf8')
  const cells = (line: string) =>
    line
      .split('|')
      .slice(1, -1)
      .map(cell => cell.trim())
  const table = readme.split('\n').filter(line => /^\| `[a-z0-9-]+` +\| (HMAC|Ed|EC|A sh)/.test(line))
  const wanted = [...cards].map(([name, { how, time, id }]) => [`\`${name}\``, how, time ? time.tolerance : 'no', id ? `\`${id}\`` : ''])
  expect(table.map(cells)).toEqual(wanted)
})

test('keeps the contract', async () => {
  const passing = [...presets.keys()].map(name => {
    const { settings, request } = provider(name)
    return { settings, request: request(), expect: 'pass', ...AROUND }
  })
  const settings = {
    secrets: ['a-signing-key-of-some-length'],
    signature: { from: 'header:x-sig' },
    signed: '{form:sorted}{header:x-id}{json:a}',
    require: { 'x-version': '1' },
  }
  const refused = { settings, request: { headers: { 'x-sig': '0'.repeat(64), 'x-version': '1' }, body: '{}' }, expect: 'UNAUTHORIZED' }
  expect(await conformance(authHmac, [...passing, refused])).toEqual([])
})
