import { describe, expect, test } from 'bun:test'
import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { Webhook } from 'standardwebhooks'
import { compileSign } from '#core/outbox/sign.ts'
import { harness } from '#core/testing.ts'
import authHmac from '#plugins/auth-hmac/index.ts'

const BASE64 = 'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const OTHER = 'whsec_c2Vjb25kLXNlY3JldC1vZi0zMi1ieXRlcy1sb25nISE='
const NOW = Date.UTC(2026, 0, 15, 12) + 999
const ID = 'msg_01KF0Z5Q3V8Y3M8V8B8Q8Q8Q8Q'
const BODY = '{"type":"record.created","timestamp":"2026-01-15T12:00:00.000Z","data":{"name":"Zoë €"}}'

const asReceiver = (secret: string) => (/^whsec_/.test(secret) ? secret : `whsec_${Buffer.from(secret).toString('base64')}`)

/** What our own gateway says to it. */
async function verdict(secrets: readonly string[], headers: Record<string, string>, body: string, now = NOW): Promise<string> {
  const bench = await harness(authHmac, { preset: 'standard-webhooks', secrets }, { now })
  const { reply } = await bench.send({ headers, body })
  return reply?.kind === 'refusal' ? (reply.reason ?? '') : 'valid'
}

test('the headers of an attempt', () => {
  const headers = compileSign([`whsec_${BASE64}`])(ID, NOW, BODY)
  const key = Buffer.from(BASE64, 'base64')
  const time = Math.floor(NOW / 1000)
  expect(headers).toEqual({
    'webhook-id': ID,
    'webhook-timestamp': `${time}`,
    'webhook-signature': `v1,${createHmac('sha256', key).update(`${ID}.${time}.${BODY}`).digest('base64')}`,
  })
})

test('the vector of the specification', () => {
  const headers = compileSign([`whsec_${BASE64}`])('msg_p5jXN8AQM9LWM0D4loKWxJek', 1_614_265_330_000, '{"test": 2432232314}')
  expect(headers['webhook-signature']).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=')
})

describe('a secret, and what a receiver has for it', () => {
  const hex = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'
  test.each([
    ['with its prefix', `whsec_${BASE64}`, `whsec_${BASE64}`],
    ['without its prefix', BASE64, `whsec_${BASE64}`],
    ['with padding', 'whsec_c2VjcmV0LXNlY3JldCE=', 'c2VjcmV0LXNlY3JldCE='],
    ['without its padding', 'whsec_c2VjcmV0LXNlY3JldCE', 'whsec_c2VjcmV0LXNlY3JldCE='],
    ['text', 'my secret: text!', asReceiver('my secret: text!')],
    ['text beyond ASCII', 'geheimer Schlüssel €', asReceiver('geheimer Schlüssel €')],
    ['text of the other alphabet of base64', 'ab-_ab-_', asReceiver('ab-_ab-_')],
    ['text of which a lenient decoder would drop a letter', 'abcdefghi', asReceiver('abcdefghi')],
    ['text that is base64 but for spare bits', 'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLR==', asReceiver('MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLR==')],
    ['64 hex digits are base64, as for the library', hex, `whsec_${hex}`],
    ['a line break behind base64 makes it text', `${BASE64}\n`, asReceiver(`${BASE64}\n`)],
  ])('%s', async (_, secret, theirs) => {
    const now = Date.now()
    const headers = compileSign([secret])(ID, now, BODY)
    expect(new Webhook(theirs).verify(BODY, headers)).toEqual(JSON.parse(BODY))
    expect(await verdict([theirs], headers, BODY, now)).toBe('valid')
  })

  test.each([
    [[], 'there is no secret to sign with'],
    [[''], 'secret 1 of 1 is empty'],
    [[BASE64, 'whsec_'], 'secret 2 of 2 is empty'],
    [[BASE64, 'whsec_hunter two'], 'secret 2 of 2 begins with whsec_, but what follows is not base64'],
    [[`whsec_${BASE64}Q`], 'secret 1 of 1 begins with whsec_, but what follows is not base64'],
  ])('%j is refused, and not shown', (secrets, message) => {
    const error = (() => {
      try {
        compileSign(secrets)
      } catch (e) {
        return (e as Error).message
      }
    })()
    expect(error).toStartWith(message)
    expect(error).not.toContain('hunter')
    expect(error).not.toContain(BASE64)
  })
})

describe('while a secret is replaced', () => {
  const now = Date.now()
  const headers = compileSign([OTHER, BASE64])(ID, now, BODY)

  test('there is one signature for each, in order', () => {
    const alone = [OTHER, BASE64].map(secret => compileSign([secret])(ID, now, BODY)['webhook-signature'])
    expect(headers['webhook-signature']).toBe(alone.join(' '))
  })

  test.each([[OTHER], [BASE64]])('a receiver with either takes it', async secret => {
    expect(new Webhook(secret).verify(BODY, headers)).toEqual(JSON.parse(BODY))
    expect(await verdict([secret], headers, BODY, now)).toBe('valid')
  })

  test('a receiver with neither does not', async () => {
    expect(() => new Webhook('bm9uZSBvZiB0aGVt').verify(BODY, headers)).toThrow('No matching signature found')
    expect(await verdict(['whsec_bm9uZSBvZiB0aGVt'], headers, BODY, now)).toBe('signature-mismatch')
  })
})

test('each attempt has its time, and the same id', () => {
  const sign = compileSign([BASE64])
  const [first, second] = [sign(ID, NOW, BODY), sign(ID, NOW + 5000, BODY)]
  expect(first['webhook-id']).toBe(second['webhook-id'])
  expect(Number(second['webhook-timestamp']) - Number(first['webhook-timestamp'])).toBe(5)
  expect(first['webhook-signature']).not.toBe(second['webhook-signature'])
})

test.each(['', 'a.b', 'a b', 'a\nb', 'é'])("'%s' is no id", id => {
  expect(() => compileSign([BASE64])(id, NOW, BODY)).toThrow('cannot be a webhook-id')
})

test('whatever is signed is verified, and nothing else', async () => {
  const secret = fc.oneof(
    fc.string({ minLength: 1 }).filter(s => !s.startsWith('whsec_')),
    fc.uint8Array({ minLength: 1 }).map(b => `whsec_${Buffer.from(b).toString('base64')}`),
  )
  await fc.assert(
    fc.asyncProperty(secret, fc.stringMatching(/^[\w-]+$/), fc.string({ unit: 'binary', minLength: 1 }), async (text, id, body) => {
      const headers = compileSign([text])(id, NOW, body)
      // The receiver computes over the bytes; ours are those of the text as UTF-8.
      const canonical = Buffer.from(text, 'base64').toString('base64')
      const theirs = [canonical, canonical.replace(/=+$/, '')].includes(text) ? `whsec_${canonical}` : asReceiver(text)
      expect(await verdict([theirs], headers, body)).toBe('valid')
      expect(await verdict([theirs], headers, `${body} `)).toBe('signature-mismatch')
    }),
  )
})
