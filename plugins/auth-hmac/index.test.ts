import { describe, expect, test } from 'bun:test'
import { createHmac, createSign, generateKeyPairSync, sign } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { load } from '#core/config/load.ts'
import { harness, type Sent } from '#core/testing.ts'
import { folder } from '../../test/support/child.ts'
import { builtins } from '../index.ts'
import authHmac from './index.ts'

const NOW = 1_768_478_400
const KEY = 'a-signing-key-of-some-length'
const B64 = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'

async function verdict(settings: Record<string, unknown>, request: Sent) {
  const { reply } = await (await harness(authHmac, settings, { publicUrl: 'https://gw.example.com' })).send(request)
  if (!reply) return 'valid'
  expect(reply).toMatchObject({ kind: 'refusal', code: 'UNAUTHORIZED', status: 401 })
  return reply.kind === 'refusal' ? reply.reason : 'no refusal'
}

const hex = (body: string, key = KEY, algorithm = 'sha256') => createHmac(algorithm, key).update(body).digest('hex')
const good = hex('{}')
const plain = { secrets: [KEY], signature: { from: 'header:x-sig' } }
const send = (value: string | string[], body: string = '{}'): Sent => ({
  headers: [value].flat().map(v => ['x-sig', v]) as [string, string][],
  body,
})
const stripe = (n: number, t = NOW) => `t=${t},${`v1=${'0'.repeat(64)},`.repeat(n)}v1=${hex(`${t}.{}`)}`
const T = (from: string, format?: string) => ({ ...plain, timestamp: { from, ...(format && { format }) }, signed: '{timestamp}{body}' })
const at = (text: string): Sent => ({ headers: { 'x-sig': hex(`${text}{}`), 'x-time': text }, body: '{}' })

describe('tells which of the secrets made the signature, as the settings have it, and nothing of a stranger:', () => {
  test('an HMAC', async () => {
    const bench = await harness(authHmac, { ...plain, secrets: ['p_previous-signing-key', `p_${KEY}`], secret: { stripPrefix: 'p_' } })
    for (const key of [KEY, 'of-nobody', 'previous-signing-key']) await bench.send(send(hex('{}', key)))
    expect(bench.used).toEqual([`p_${KEY}`, 'p_previous-signing-key'])
  })

  test('a public key', async () => {
    const [one, two] = [generateKeyPairSync('ed25519'), generateKeyPairSync('ed25519')]
    const raw = (pair: typeof one) => pair.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('hex')
    const bench = await harness(authHmac, { ...plain, kind: 'ed25519', secret: { encoding: 'hex' }, secrets: [raw(one), raw(two)] })
    await bench.send(send(sign(null, Buffer.from('{}'), two.privateKey).toString('hex')))
    expect(bench.used).toEqual([raw(two)])
  })
})

describe('what is refused, and why', () => {
  const rows: [string, Record<string, unknown>, Sent, string][] = [
    ['the right signature', plain, send(good), 'valid'],
    ['no header', plain, { body: '{}' }, 'missing-signature'],
    ['an empty header', plain, send(''), 'missing-signature'],
    ['a duplicate header', plain, send([good, good]), 'signature-mismatch'],
    ['a duplicate header with garbage first', plain, send(['x', good]), 'signature-mismatch'],
    ['upper case', plain, send(good.toUpperCase()), 'signature-mismatch'],
    ['white space around is the header syntax, and none of the value', plain, send(`  ${good} `), 'valid'],
    ['white space within', plain, send(`${good.slice(0, 32)} ${good.slice(32)}`), 'signature-mismatch'],
    ['cut short', plain, send(good.slice(0, -1)), 'signature-mismatch'],
    ['cut to one letter', plain, send(good.slice(0, 1)), 'signature-mismatch'],
    ['one letter more', plain, send(`${good}0`), 'signature-mismatch'],
    ['letters beyond ASCII of the right number', plain, send('é'.repeat(64)), 'signature-mismatch'],
    [
      'letters that are the right ones when cut to a byte',
      { ...plain, signature: { from: 'json:s' }, signed: '{json:x}' },
      { body: { x: '1', s: hex('1').replace(/./g, c => String.fromCharCode(256 + c.charCodeAt(0))) } },
      'signature-mismatch',
    ],
    ['no hex at all', plain, send('zz'.repeat(32)), 'signature-mismatch'],
    ['the prefix missing', { ...plain, signature: { from: 'header:x-sig', prefix: 'sha256=' } }, send(good), 'missing-signature'],
    [
      'the prefix in capitals',
      { ...plain, signature: { from: 'header:x-sig', prefix: 'sha256=' } },
      send(`SHA256=${good}`),
      'missing-signature',
    ],
    ['the prefix twice', { ...plain, signature: { from: 'header:x-sig', prefix: 'v0=' } }, send(`v0=v0=${good}`), 'signature-mismatch'],
    ['a weaker hash', plain, send(hex('{}', KEY, 'sha1')), 'signature-mismatch'],
    ['sha512', { ...plain, algorithm: 'sha512' }, send(hex('{}', KEY, 'sha512')), 'valid'],
    ['the right signature in the other encoding', { ...plain, encoding: 'base64' }, send(good), 'signature-mismatch'],
    [
      'base64 without its padding',
      { ...plain, encoding: 'base64' },
      send(Buffer.from(good, 'hex').toString('base64').replace('=', '')),
      'signature-mismatch',
    ],
    [
      'base64 of the URL alphabet',
      { ...plain, encoding: 'base64' },
      send(Buffer.from(good, 'hex').toString('base64url')),
      'signature-mismatch',
    ],
    ['the previous secret', { ...plain, secrets: ['another-signing-key', KEY] }, send(good), 'valid'],
    ['a secret that is no longer listed', { ...plain, secrets: ['another-signing-key'] }, send(good), 'signature-mismatch'],
    ['an empty secret lets nobody in', { ...plain, secrets: [''] }, send(hex('{}', '')), 'signature-mismatch'],
    ['an empty secret beside a good one', { ...plain, secrets: ['', KEY] }, send(hex('{}', '')), 'signature-mismatch'],
    [
      'a secret of nothing but its prefix',
      { ...plain, secrets: [''], secret: { stripPrefix: 'p_' } },
      send(hex('{}', '')),
      'signature-mismatch',
    ],
    ['the prefix of the secret is not part of it', { ...plain, secrets: [`p_${KEY}`], secret: { stripPrefix: 'p_' } }, send(good), 'valid'],
    ['a body with a byte order mark', plain, send(good, '\u{feff}{}'), 'signature-mismatch'],
    [
      'bytes that are no UTF-8',
      plain,
      {
        headers: {
          'x-sig': createHmac('sha256', KEY)
            .update(Buffer.from([0xff, 0xfe]))
            .digest('hex'),
        },
        body: new Uint8Array([0xff, 0xfe]),
      },
      'valid',
    ],
    [
      '32 signatures, the last one right',
      { preset: 'stripe', secrets: [KEY] },
      { headers: { 'stripe-signature': stripe(31) }, body: '{}' },
      'valid',
    ],
    [
      '33 signatures',
      { preset: 'stripe', secrets: [KEY] },
      { headers: { 'stripe-signature': stripe(32) }, body: '{}' },
      'too-many-signatures',
    ],
    [
      '10,000 signatures',
      { preset: 'stripe', secrets: [KEY] },
      { headers: { 'stripe-signature': stripe(10_000) }, body: '{}' },
      'too-many-signatures',
    ],
    [
      '10,000 separators',
      { preset: 'stripe', secrets: [KEY] },
      { headers: { 'stripe-signature': ','.repeat(10_000) }, body: '{}' },
      'missing-signature',
    ],
    [
      'the first of two timestamps counts, signed or not',
      { preset: 'stripe', secrets: [KEY] },
      { headers: { 'stripe-signature': `t=1,${stripe(0)}` }, body: '{}' },
      'signature-mismatch',
    ],
    [
      'a pair whose name is that of an object',
      { preset: 'stripe', secrets: [KEY] },
      { headers: { 'stripe-signature': `__proto__=1,${stripe(0)}` }, body: '{}' },
      'valid',
    ],
    ['a required header missing', { ...plain, require: { 'X-Version': '1' } }, send(good), 'missing-signature: header X-Version'],
    [
      'a required header twice',
      { ...plain, require: { 'x-version': '1' } },
      {
        headers: [
          ['x-sig', good],
          ['x-version', '1'],
          ['x-version', '1'],
        ],
        body: '{}',
      },
      'missing-signature: header x-version',
    ],
    ['a timestamp', T('header:x-time'), at(String(NOW)), 'valid'],
    ['no timestamp', T('header:x-time'), send(good), 'timestamp-missing'],
    ['a timestamp of nothing', T('header:x-time'), at(''), 'timestamp-missing'],
    ['a timestamp with a sign', T('header:x-time'), at(`+${NOW}`), 'timestamp-malformed'],
    ['a timestamp with letters behind', T('header:x-time'), at(`${NOW}abc`), 'timestamp-malformed'],
    ['a timestamp of 17 digits', T('header:x-time'), at('1'.repeat(17)), 'timestamp-malformed'],
    ['a timestamp with a fraction', T('header:x-time'), at(`${NOW}.5`), 'timestamp-malformed'],
    ['a timestamp in another script', T('json:t'), { headers: { 'x-sig': good }, body: { t: '١٧٦٨٤٧٨٤٠٠' } }, 'timestamp-malformed'],
    [
      'two timestamps',
      T('header:x-time'),
      {
        headers: [
          ['x-sig', good],
          ['x-time', String(NOW)],
          ['x-time', String(NOW)],
        ],
        body: '{}',
      },
      'timestamp-malformed',
    ],
    ['RFC 3339', T('header:x-time', 'rfc3339'), at('2026-01-15T13:00:00.5+01:00'), 'valid'],
    ['RFC 3339 without a zone', T('header:x-time', 'rfc3339'), at('2026-01-15T12:00:00'), 'timestamp-malformed'],
    ['RFC 3339 of a 13th month', T('header:x-time', 'rfc3339'), at('2026-13-15T12:00:00Z'), 'timestamp-malformed'],
    ['a date as people write it', T('header:x-time', 'rfc3339'), at('Jan 15 2026 12:00 UTC'), 'timestamp-malformed'],
    ['a signed header that is missing', { ...plain, signed: '{header:X-Id}{body}' }, send(good), 'missing-signed-part: header:X-Id'],
    [
      'a signed header that is empty',
      { ...plain, signed: '{header:X-Id}{body}' },
      { headers: { 'x-sig': good, 'x-id': '' }, body: '{}' },
      'missing-signed-part: header:X-Id',
    ],
    ['the id missing', { ...plain, id: 'header:x-id', signed: '{header:X-Id}{body}' }, send(good), 'missing-id: header:X-Id'],
    ['a signed field that is null', { ...plain, signed: '{json:a}' }, send(good, '{"a":null}'), 'missing-signed-part: json:a'],
    ['a signed field that is an object', { ...plain, signed: '{json:a}' }, send(good, '{"a":{}}'), 'missing-signed-part: json:a'],
    [
      'a signed field of the prototype',
      { ...plain, signed: '{json:constructor.name}' },
      send(good),
      'missing-signed-part: json:constructor.name',
    ],
    ['a body that is no JSON', { ...plain, signed: '{json:a}' }, send(good, '{'), 'missing-signed-part: json:a'],
    [
      'signed fields of every kind',
      { ...plain, signed: '{json:a.0}|{json:b}|{json:c}' },
      send(hex('x|1.5|true'), '{"a":["x"],"b":1.5,"c":true}'),
      'valid',
    ],
    [
      'a sorted form',
      { ...plain, signed: '{form:sorted}' },
      {
        ...send(hex('a1a2bx y'), 'b=x+y&a=2&a=1&a=2'),
        headers: { 'x-sig': hex('a1a2bx y'), 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' },
      },
      'valid',
    ],
    [
      'a sorted form that is sent as JSON',
      { ...plain, signed: '{form:sorted}' },
      { body: 'a=1', headers: { 'x-sig': hex('a1'), 'content-type': 'application/json' } },
      'missing-signed-part: form:sorted',
    ],
    [
      'the URL is ours, not that of the Host header',
      { ...plain, signed: '{url}' },
      { headers: { 'x-sig': hex('https://evil.example/webhooks/test'), host: 'evil.example' } },
      'signature-mismatch',
    ],
    [
      'a key whose text is in base64',
      { preset: 'svix', secrets: [B64] },
      {
        headers: {
          'svix-id': 'a',
          'svix-timestamp': String(NOW),
          'svix-signature': `v1,${createHmac('sha256', Buffer.from(B64.slice(6), 'base64'))
            .update(`a.${NOW}.{}`)
            .digest('base64')}`,
        },
        body: '{}',
      },
      'valid',
    ],
  ]
  test.each(rows)('%s', async (_, settings, request, wanted) => {
    expect(await verdict(settings, request)).toBe(wanted)
  })

  test('a public key verifies no HMAC made with it, and no signature of another kind', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const key = publicKey.export({ format: 'der', type: 'spki' })
    const settings = {
      kind: 'ecdsa-p256',
      encoding: 'base64',
      secret: { encoding: 'base64' },
      secrets: [key.toString('base64')],
      signature: { from: 'header:x-sig' },
    }
    const right = createSign('sha256').update('{}').sign(privateKey, 'base64')
    const rows: [string, string][] = [
      [right, 'valid'],
      [createSign('sha384').update('{}').sign(privateKey, 'base64'), 'signature-mismatch'],
      [createHmac('sha256', key).update('{}').digest('base64'), 'signature-mismatch'],
      ['MAYCAQACAQA=', 'signature-mismatch'],
      ['%%%', 'signature-mismatch'],
      [`${right}%%%`, 'signature-mismatch'],
      [`${right}=`, 'signature-mismatch'],
    ]
    for (const [signature, wanted] of rows) expect(await verdict(settings, send(signature))).toBe(wanted)
  })
})

describe('signed-at', () => {
  const rows: [string, Record<string, unknown>, boolean][] = [
    ['a secret is no signature', { preset: 'okta' }, false],
    ['github signs no time', { preset: 'github' }, false],
    ['stripe', { preset: 'stripe' }, true],
    ['a time within a signed body', { preset: 'linear' }, true],
    ['a time in a field that is signed', { preset: 'mailgun' }, true],
    ['a header that nobody signs', { preset: 'sentry', timestamp: { from: 'header:sentry-hook-timestamp' } }, false],
    [
      'a header that is signed by its name',
      { preset: 'github', timestamp: { from: 'header:X-Time' }, signed: '{header:x-time}.{body}' },
      true,
    ],
    ['a field, where the body is not signed', { preset: 'github', timestamp: { from: 'json:time' }, signed: '{json:id}' }, false],
    ['an unknown preset', { preset: 'nobody' }, false],
  ]
  test.each(rows)('%s', (_, settings, given) => {
    const gives = authHmac.gives as (settings: any) => readonly { name: string }[]
    expect(gives({ secrets: [KEY], ...settings }).map(slot => slot.name)).not.toContain(given ? '' : 'signed-at')
    if (given) expect(gives({ secrets: [KEY], ...settings })[0]?.name).toBe('signed-at')
  })
})

describe('settings that make no sense', () => {
  const canary = 'not/hex/canary-value'
  const rows: [string, Record<string, unknown>, RegExp][] = [
    ['nothing but a secret', {}, /^ ?nothing says where the signature is/],
    ['an unknown preset', { preset: 'strpe' }, /^\/preset there is no preset 'strpe'; there are .*stripe/],
    ['a source of no kind', { signature: { from: 'cookie:sig' } }, /^\/signature\/from 'cookie:sig' is no source/],
    ['a header with a space', { signature: { from: 'header:x sig' } }, /^\/signature\/from 'header:x sig' is no source/],
    ['the signature as part of itself', { signature: { from: 'sig:v1', kv: '=', key: 'v1' } }, /^\/signature\/from/],
    ['pairs without their name', { preset: 'github', signature: { kv: '=' } }, /^\/signature `kv` and `key`/],
    ['a pair, and nothing that cuts pairs', { preset: 'github', timestamp: { from: 'sig:t' } }, /^\/timestamp\/from .*signature\.kv/],
    ['a timestamp from nowhere', { preset: 'github', timestamp: { tolerance: '1m' } }, /^\/timestamp say in `timestamp.from`/],
    ['a signed timestamp from nowhere', { preset: 'github', signed: '{timestamp}.{body}' }, /^\/signed \{timestamp\} is signed/],
    ['an unknown token', { preset: 'github', signed: '{boddy}' }, /^\/signed 'boddy' is no token/],
    ['a stray brace', { preset: 'github', signed: '{body}}' }, /^\/signed '}' is no token/],
    ['nothing signed', { preset: 'github', signed: 'constant' }, /^\/signed nothing of the request is signed/],
    ['the URL without a public one', { preset: 'square' }, /^\/preset the URL is signed: set `server.publicUrl`/],
    ['a static scheme without a place', { kind: 'static' }, /^ ?nothing says where the secret is: write `from: "header:Authorization"`/],
    ['a secret in the body', { kind: 'static', from: 'json:token' }, /^\/from 'json:token' is no place of a secret: write header:<name>/],
    ['a secret in many headers', { kind: 'static', from: 'header:x-{1..3}' }, /^\/from 'header:x-\{1\.\.3\}' is no place of a secret/],
    [
      'a static scheme with the fields of a signature',
      { kind: 'static', from: 'header:x', algorithm: 'sha256', timestamp: { from: 'header:t' } },
      /^\/algorithm `algorithm` is about a signature, and of the kind static nothing is signed: .*\n\/timestamp `timestamp` is about/,
    ],
    ['a static preset with a signature', { preset: 'okta', signed: '{body}' }, /^\/signed `signed` is about a signature/],
    ['a static preset of another kind', { preset: 'okta', kind: 'hmac' }, /^\/kind the preset 'okta' is of the kind static/],
    [
      'a preset that signs, as static',
      { preset: 'github', kind: 'static', from: 'header:x' },
      /^\/kind the preset 'github' is of the kind hmac/,
    ],
    [
      'a static field beside a signature',
      { preset: 'github', prefix: 'v1=' },
      /^\/prefix `prefix` goes with `kind: static`: .*signature: \{ prefix/,
    ],
    ['a static place beside a signature', { preset: 'github', from: 'header:x' }, /^\/from `from` goes with `kind: static`/],
    ['a static id of a signature', { preset: 'okta', id: 'sig:t' }, /^\/id 'sig:t' needs `signature\.kv`/],
    ['an id in many headers', { preset: 'github', id: 'header:x-{1..3}' }, /^\/id 'header:x-\{1\.\.3\}' is several headers: name the one/],
    [
      'a thousand headers',
      { preset: 'github', signature: { from: 'header:x-{1..1000}' } },
      /^\/signature\/from 'header:x-\{1\.\.1000\}' is no source/,
    ],
    [
      'a form of a body that is not signed',
      { preset: 'mailgun', bodyVariants: ['raw', 'escapedUnicode'] },
      /^\/bodyVariants \{body\} is not signed/,
    ],
    ['a form of a URL that is not signed', { preset: 'github', url: 'decoded' }, /^\/url \{url\} is not signed/],
    [
      'forms for a public key',
      { preset: 'discord', secrets: ['00'.repeat(32)], bodyVariants: ['escapedUnicode'] },
      /^\/bodyVariants goes with `kind: hmac`/,
    ],
    ['a header name that is none', { preset: 'github', require: { 'a b': '1' } }, /^\/require\/a b 'a b' is no name/],
    ['a secret that is no base64', { preset: 'svix', secrets: [`whsec_${canary}`] }, /^\/secrets\/0 this secret is not base64/],
    ['a secret that is no hex', { preset: 'adyen-platform', secrets: [KEY, canary] }, /^\/secrets\/0 this secret is not hex\n\/secrets\/1/],
    ['a secret of its prefix alone', { preset: 'svix', secrets: ['whsec_'] }, /^\/secrets\/0/],
    [
      'a key of 33 bytes',
      { preset: 'discord', secrets: ['00'.repeat(33)] },
      /^\/secrets\/0 this is no public key: 32 bytes, written in hex/,
    ],
    ['a key that is no SPKI', { preset: 'sendgrid', secrets: ['AAAA'] }, /^\/secrets\/0 this is no public key: P-256/],
    [
      'a key of another curve',
      {
        preset: 'sendgrid',
        secrets: [generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export({ format: 'der', type: 'spki' }).toString('base64')],
      },
      /^\/secrets\/0 this is no public key/,
    ],
  ]
  test.each(rows)('%s', async (_, settings, wanted) => {
    const message = await harness(authHmac, { secrets: [KEY], ...settings }).then(
      () => 'accepted',
      error => String(error.message),
    )
    expect(message).toMatch(wanted)
    expect(message).not.toContain(canary)
  })

  test.each<[string, Record<string, unknown>, string[], RegExp | undefined]>([
    ['signs the body', { preset: 'github' }, ['POST', 'GET'], /^\/preset the webhook takes GET, whose payload is the query/],
    ['signs a header', { preset: 'github', signed: '{header:x-id}' }, ['GET'], /^\/signed the webhook takes GET/],
    ['signs the URL', { preset: 'github', signed: '{method}{url}{body}' }, ['POST', 'GET'], undefined],
    ['signs the body', { preset: 'github' }, ['POST', 'PUT', 'PATCH'], undefined],
  ])('a scheme that %s, with %p under methods %p', async (_, settings, methods, wanted) => {
    const made = harness(authHmac, { secrets: [KEY], ...settings }, { methods, publicUrl: 'https://gw.example.com' })
    if (wanted) expect(made).rejects.toThrow(wanted)
    else await made
  })

  test('a webhook that takes GET is told at the setting', async () => {
    const file = join(folder(), 'c.yaml')
    const chain = `[{ auth-hmac: { secrets: [${KEY}], preset: github } }, { upsert: { entity: thing } }]`
    writeFileSync(file, `version: 1\nwebhooks:\n  a:\n    path: /a\n    methods: [POST, GET]\n    chain: ${chain}\n`)
    const { problems } = await load(file, { env: {}, builtins, importPlugin: () => Promise.reject(new Error('none')) })
    expect(problems.map(problem => problem.at.line)).toEqual([6])
    expect(problems[0]?.message).toContain('takes GET')
  })

  test('a secret that came out empty is for the core to judge', async () => {
    await harness(authHmac, { secrets: [''], preset: 'svix' })
  })
})

test('a sender is told of every header and of the scheme, and of no secret', async () => {
  const { sender } = await harness(authHmac, { secrets: [KEY], preset: 'inspire' })
  expect(Object.keys(sender.headers ?? {})).toEqual(['x-webhook-signature', 'x-webhook-timestamp'])
  expect(sender.headers?.['x-webhook-signature']?.description).toStartWith(
    'HMAC-SHA-256 over `{timestamp}.{body}`, in hex, after `sha256=`.',
  )
  expect(sender.security?.['signature-x-webhook-signature']).toMatchObject({ type: 'apiKey', in: 'header', name: 'x-webhook-signature' })
})
