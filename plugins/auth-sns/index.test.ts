import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { sign as signBytes, X509Certificate } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import fc from 'fast-check'
import { parsePayload } from '#core/request/payload.ts'
import { conformance, type Harness, harness, type Sent } from '#core/testing.ts'
import { binary } from '../../test/support/binary.ts'
import plugin, { authSns } from './index.ts'
import { readMessage } from './message.ts'

const TOPIC = 'arn:aws:sns:eu-west-1:123456789012:orders'
const HOST = 'https://sns.eu-west-1.amazonaws.com'
const CERTIFICATE = `${HOST}/SimpleNotificationService-${'0a'.repeat(16)}.pem`
const CONFIRM = `${HOST}/?Action=ConfirmSubscription&TopicArn=${TOPIC}&Token=2336412f37fb687f`

interface Pair {
  key: string
  pem: string
}

let openssl = ''
/** A certificate that is signed by nobody else, as it comes from the host that is trusted. */
const selfMade = (name: string, key = 'rsa:2048'): Pair => {
  const args = ['req', '-x509', '-newkey', key, '-nodes', '-keyout', '-', '-out', '-', '-days', '30', '-subj', `/CN=${name}`]
  const more = key === 'ec' ? ['-pkeyopt', 'ec_paramgen_curve:P-256'] : []
  const text = execFileSync(openssl, [...args, ...more], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  const part = (label: string) => new RegExp(`-----BEGIN ${label}-----[\\s\\S]+?-----END ${label}-----\n`).exec(text)?.[0] as string
  return { key: part('PRIVATE KEY'), pem: part('CERTIFICATE') }
}

let amazon: Pair
let stranger: Pair
let now = 0
beforeAll(async () => {
  openssl = await binary(['openssl'], () => [], 'openssl')
  amazon = selfMade('sns.amazonaws.com')
  stranger = selfMade('sns.amazonaws.com')
  now = Date.parse(new X509Certificate(amazon.pem).validFrom) + 86_400_000
})

type Fields = Record<string, unknown>

const notification = (): Fields => ({
  Type: 'Notification',
  MessageId: '22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324',
  TopicArn: TOPIC,
  Subject: 'An order',
  Message: '{"id":1}\nand a second line',
  Timestamp: new Date(now).toISOString(),
  SignatureVersion: '2',
  SigningCertURL: CERTIFICATE,
  UnsubscribeURL: `${HOST}/?Action=Unsubscribe&SubscriptionArn=${TOPIC}:1`,
})
const confirmation = (): Fields => ({
  Type: 'SubscriptionConfirmation',
  MessageId: '165545c9-2a5c-472c-8df2-7ff2be2b3b1b',
  Token: '2336412f37fb687f',
  TopicArn: TOPIC,
  Message: 'You have chosen to subscribe to the topic.',
  SubscribeURL: CONFIRM,
  Timestamp: new Date(now).toISOString(),
  SignatureVersion: '2',
  SigningCertURL: CERTIFICATE,
})
const goodbye = (): Fields => ({ ...confirmation(), Type: 'UnsubscribeConfirmation' })

/** Written down again, in the order of Amazon's page. */
function canonical(fields: Fields): string {
  const rest =
    fields.Type === 'Notification'
      ? ['Subject', 'Timestamp', 'TopicArn', 'Type']
      : ['SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type']
  return ['Message', 'MessageId', ...rest]
    .filter(name => fields[name] !== undefined && fields[name] !== null)
    .map(name => `${name}\n${fields[name]}\n`)
    .join('')
}

function signed(fields: Fields, { key = amazon.key, hash = fields.SignatureVersion === '1' ? 'sha1' : 'sha256' } = {}): Fields {
  return { ...fields, Signature: signBytes(hash, Buffer.from(canonical(fields)), key).toString('base64') }
}

const send = (fields: Fields, type: string | null = String(fields.Type)): Sent => ({
  headers: { 'content-type': 'text/plain; charset=UTF-8', ...(type !== null && { 'x-amz-sns-message-type': type }) },
  body: JSON.stringify(fields),
})

const reasonOf = async (bench: Harness, request: Sent) => {
  const { reply } = await bench.send(request)
  if (!reply) return 'pass'
  if (reply.kind !== 'refusal') return reply.kind
  expect(reply).toMatchObject({ code: 'UNAUTHORIZED', status: 401 })
  return reply.reason
}

const offline = (more: object = {}) => harness(plugin, { topics: [TOPIC], certificates: [amazon.pem], confirm: false, ...more }, { now })

describe('what is refused, and why', () => {
  const rows: [string, () => Sent, string, object?][] = [
    ['a notification', () => send(signed(notification())), 'pass'],
    ['without a subject', () => send(signed({ ...notification(), Subject: undefined })), 'pass'],
    ['with a subject of null', () => send(signed({ ...notification(), Subject: null })), 'pass'],
    ['with letters beyond ASCII', () => send(signed({ ...notification(), Message: 'Grüße 😀' })), 'pass'],
    ['a confirmation, left to the operator', () => send(signed(confirmation())), 'accepted'],
    ['a goodbye', () => send(signed(goodbye())), 'accepted'],

    ['no body', () => ({}), 'not-a-message'],
    ['no JSON', () => ({ ...send({}), body: 'x' }), 'not-a-message'],
    ['another JSON', () => send({ a: 1 }), 'not-a-message'],
    ['another type', () => send(signed({ ...notification(), Type: 'Other' })), 'not-a-message'],
    ['a type that objects have anyway', () => send({ ...notification(), Type: 'constructor' }), 'not-a-message'],
    ['no header', () => send(signed(notification()), null), 'message-type-mismatch'],
    ['a header of another type', () => send(signed(notification()), 'SubscriptionConfirmation'), 'message-type-mismatch'],

    ['a changed message', () => send({ ...signed(notification()), Message: '{"id":2}' }), 'signature-mismatch'],
    ['a changed subject', () => send({ ...signed(notification()), Subject: 'Another' }), 'signature-mismatch'],
    ['a subject taken away', () => send({ ...signed(notification()), Subject: undefined }), 'signature-mismatch'],
    ['a changed time', () => send({ ...signed(notification()), Timestamp: '2030-01-01T00:00:00.000Z' }), 'signature-mismatch'],
    ['a changed id', () => send({ ...signed(notification()), MessageId: 'x' }), 'signature-mismatch'],
    ['a changed type', () => send({ ...confirmation(), ...signed(goodbye()), Type: 'SubscriptionConfirmation' }), 'signature-mismatch'],
    ['a stranger', () => send(signed(notification(), { key: stranger.key })), 'signature-mismatch'],
    ['no signature', () => send(notification()), 'malformed: Signature'],
    ['an empty signature', () => send({ ...notification(), Signature: '' }), 'malformed: Signature'],
    ['a signature that is no base64', () => send({ ...notification(), Signature: '*'.repeat(344) }), 'malformed: Signature'],
    ['another topic', () => send(signed({ ...notification(), TopicArn: `${TOPIC}-eu` })), 'unknown-topic'],
    ['a topic of somebody else', () => send(signed({ ...notification(), TopicArn: TOPIC.replace('1234', '4321') })), 'unknown-topic'],
    ['a topic in other letters', () => send(signed({ ...notification(), TopicArn: TOPIC.toUpperCase() })), 'unknown-topic'],

    ['version 1', () => send(signed({ ...notification(), SignatureVersion: '1' })), 'sha1-not-allowed'],
    ['version 1, where it is allowed', () => send(signed({ ...notification(), SignatureVersion: '1' })), 'pass', { allowSha1: true }],
    ['version 2 with SHA-1', () => send(signed(notification(), { hash: 'sha1' })), 'signature-mismatch', { allowSha1: true }],
    [
      'version 1 with SHA-256',
      () => send(signed({ ...notification(), SignatureVersion: '1' }, { hash: 'sha256' })),
      'signature-mismatch',
      { allowSha1: true },
    ],
    ['version 3', () => send(signed({ ...notification(), SignatureVersion: '3' })), 'malformed: SignatureVersion'],
    ['a version that is a number', () => send(signed({ ...notification(), SignatureVersion: 2 })), 'malformed: SignatureVersion'],

    ['a message that is an object', () => send(signed({ ...notification(), Message: {} })), 'malformed: Message'],
    ['half of a surrogate pair', () => send(signed({ ...notification(), Message: '\ud800' })), 'malformed: Message'],
    ['a time that is none', () => send(signed({ ...notification(), Timestamp: '2026-13-45T99:00:00.000Z' })), 'malformed: Timestamp'],
    ['a time in words', () => send(signed({ ...notification(), Timestamp: 'today' })), 'malformed: Timestamp'],
    [
      'a confirmation of two hours ago',
      () => send(signed({ ...confirmation(), Timestamp: new Date(now - 7_200_000).toISOString() })),
      'stale-confirmation',
    ],
    [
      'a confirmation of tomorrow',
      () => send(signed({ ...confirmation(), Timestamp: new Date(now + 86_400_000).toISOString() })),
      'stale-confirmation',
    ],
    [
      'a confirmation of another topic',
      () => send(signed({ ...confirmation(), SubscribeURL: CONFIRM.replace('orders', 'others') })),
      'malformed: SubscribeURL',
    ],
  ]
  test.each(rows)('%s', async (_, request, wanted, more) => {
    expect(await reasonOf(await offline(more), request())).toBe(wanted)
  })

  test('fields that one signed text could be cut into otherwise', async () => {
    const bench = await offline()
    // What a subscriber who may publish could try: the same text, another message.
    const whole = signed({ ...notification(), Subject: undefined, Message: 'pay 1\nMessageId\nm1\nSubject\npay 2', MessageId: 'm2' })
    expect(await reasonOf(bench, send(whole))).toBe('pass')
    const cut = { ...whole, Message: 'pay 1', MessageId: 'm1', Subject: 'pay 2\nMessageId\nm2' }
    expect(canonical(cut)).toBe(canonical(whole))
    expect(await reasonOf(bench, send(cut))).toBe('malformed: Subject')
    const other = { ...whole, Message: 'pay 1', MessageId: 'm1\nSubject\npay 2\nMessageId\nm2' }
    expect(await reasonOf(bench, send(other))).toBe('malformed: MessageId')
  })

  test('a certificate before and after its time', async () => {
    const { validFrom, validTo } = new X509Certificate(amazon.pem)
    const request = send(signed(notification()))
    for (const [at, wanted] of [
      [Date.parse(validFrom) - 1000, 'certificate-out-of-date'],
      [Date.parse(validFrom), 'pass'],
      [Date.parse(validTo), 'pass'],
      [Date.parse(validTo) + 1000, 'certificate-out-of-date'],
    ] as const) {
      const bench = await offline()
      bench.now = at
      expect([at, await reasonOf(bench, request)]).toEqual([at, wanted])
    }
  })
})

describe('places that are not of Amazon', () => {
  const path = `/SimpleNotificationService-${'0a'.repeat(16)}.pem`
  const places = [
    `http://sns.eu-west-1.amazonaws.com${path}`,
    `HTTPS://sns.eu-west-1.amazonaws.com${path}`,
    `https://SNS.eu-west-1.amazonaws.com${path}`,
    `https://sns.eu-west-1.AMAZONAWS.com${path}`,
    `https://sns.eu-west-1.amazonaws.com:443${path}`,
    `https://sns.eu-west-1.amazonaws.com:8443${path}`,
    `https://sns.eu-west-1.amazonaws.com@evil.test${path}`,
    `https://a:b@sns.eu-west-1.amazonaws.com${path}`,
    `https://evil.test/sns.eu-west-1.amazonaws.com${path}`,
    `https://evil.test#sns.eu-west-1.amazonaws.com${path}`,
    `https://sns.eu-west-1.amazonaws.com.evil.test${path}`,
    `https://sns.eu-west-1.amazonaws.com.${path}`,
    `https://sns.eu-west-1.amazonaws.cn${path}`,
    `https://sns.eu-west-1.amazonaws.com.cn.evil.test${path}`,
    `https://evilsns.eu-west-1.amazonaws.com${path}`,
    `https://evil.sns.eu-west-1.amazonaws.com${path}`,
    `https://sns.eu-west-1.evilamazonaws.com${path}`,
    `https://sns.eu-west-1xamazonaws.com${path}`,
    `https://s3.amazonaws.com${path}`,
    `https://sns.s3.amazonaws.com${path}`,
    `https://sns.s3-us-west-2.amazonaws.com${path}`,
    `https://sns.s3-website-us-east-1.amazonaws.com${path}`,
    `https://sns.amazonaws.com${path}`,
    `https://sns..amazonaws.com${path}`,
    `https://sns.eu-west-1.s3.amazonaws.com${path}`,
    `https://ｓns.eu-west-1.amazonaws.com${path}`,
    `https://sns.eu-west-1.amazonaws。com${path}`,
    `https://sns.eu-west-1.amazonaws.com\\@evil.test${path}`,
    `https:\\\\sns.eu-west-1.amazonaws.com${path}`,
    `https://sns.eu-west-1.amazonaws.com/evil${path}`,
    `https://sns.eu-west-1.amazonaws.com/..${path}`,
    `https://sns.eu-west-1.amazonaws.com/%2e%2e${path}`,
    `https://sns.eu-west-1.amazonaws.com${path}?x=1`,
    `https://sns.eu-west-1.amazonaws.com${path}#x`,
    `https://sns.eu-west-1.amazonaws.com${path}/x`,
    `https://sns.eu-west-1.amazonaws.com${path}\n`,
    ` https://sns.eu-west-1.amazonaws.com${path}`,
    `https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-${'0'.repeat(31)}.pem`,
    `https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-${'0'.repeat(33)}.pem`,
    `https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-${'-'.repeat(32)}.pem`,
    `https://sns.eu-west-1.amazonaws.com/SimpleNotificationService.pem`,
    '',
    'file:///etc/passwd',
  ]
  test.each(places)('%p as SigningCertURL', place => {
    const fields = { ...notification(), SigningCertURL: place, Signature: 'A'.repeat(344) }
    expect(readMessage(fields)).toBe('malformed: SigningCertURL')
  })

  test.each([
    ...places.map(place => place.replace(path, `/?Action=ConfirmSubscription&TopicArn=${TOPIC}&Token=1`)).filter(place => place !== ''),
    `${HOST}/?Action=DeleteTopic&TopicArn=${TOPIC}&Token=1`,
    `${HOST}/x?Action=ConfirmSubscription&TopicArn=${TOPIC}&Token=1`,
    `${CONFIRM}#x`,
    `${CONFIRM} `,
    `${CONFIRM}${'x'.repeat(2000)}`,
  ])('%p as SubscribeURL', place => {
    const { SubscribeURL, ...rest }: Fields = { ...confirmation(), Signature: 'A'.repeat(344) }
    const read = (url: unknown) => readMessage({ ...rest, SubscribeURL: url })
    expect(read(SubscribeURL)).toBeObject()
    expect(read(place === CONFIRM ? undefined : place)).toBe('malformed: SubscribeURL')
  })

  test.each(['us-east-1', 'us-gov-west-1', 'ap-southeast-4', 'eusc-de-east-1'])('%s is a region', region => {
    const fields = { ...notification(), SigningCertURL: CERTIFICATE.replace('eu-west-1', region), Signature: 'A'.repeat(344) }
    expect(readMessage(fields)).toBeObject()
  })

  test('China is of Amazon too', () => {
    const fields = { ...notification(), Signature: 'A'.repeat(344) }
    const url = CERTIFICATE.replace('eu-west-1.amazonaws.com', 'cn-north-1.amazonaws.com.cn')
    expect(readMessage({ ...fields, SigningCertURL: url })).toMatchObject({ certificate: url })
  })
})

test('whatever is sent, it is refused and never thrown', async () => {
  const bench = await offline({ allowSha1: true })
  const whole = signed(notification())
  const names = Object.keys(whole)
  const changed = fc
    .tuple(fc.constantFrom(...names), fc.oneof(fc.string(), fc.jsonValue()))
    .map(([name, value]) => ({ ...whole, [name]: value }))
  const other = fc.jsonValue()
  await fc.assert(
    fc.asyncProperty(fc.oneof(changed, other), async value => {
      const unsigned = ['UnsubscribeURL', 'SigningCertURL']
      fc.pre(names.some(name => !unsigned.includes(name) && (value as Fields | null)?.[name] !== whole[name]))
      const { reply } = await bench.send({ ...send({}, 'Notification'), body: JSON.stringify(value) })
      expect(reply).toMatchObject({ code: 'UNAUTHORIZED' })
    }),
    { numRuns: 300 },
  )
})

describe('Amazon, which is asked for certificates and told of confirmations', () => {
  let server: Server
  let base = ''
  let asked: string[] = []
  let answer: (path: string) => { status?: number; headers?: Record<string, string>; body?: string; hang?: true } = () => ({})
  beforeAll(async () => {
    server = createServer((request, response) => {
      asked.push(request.url as string)
      const { status = 200, headers = {}, body = amazon.pem, hang } = answer(request.url as string)
      if (!hang) response.writeHead(status, headers).end(body)
    })
    await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })

  const wired = authSns((url, init) => fetch(url.replace(HOST, base), init))
  const open = async (more: object = {}) => {
    asked = []
    answer = () => ({})
    return harness(wired, { topics: [TOPIC], ...more }, { now })
  }
  const made = (i: number) =>
    signed({ ...notification(), SigningCertURL: `${HOST}/SimpleNotificationService-${String(i).padStart(32, '0')}.pem` })

  test('a certificate is fetched once for many', async () => {
    const bench = await open()
    const reasons = await Promise.all(Array.from({ length: 20 }, () => reasonOf(bench, send(signed(notification())))))
    expect(reasons).toEqual(Array(20).fill('pass'))
    expect(asked).toEqual([new URL(CERTIFICATE).pathname])
  })

  test('nothing is fetched for a topic of somebody else, or without a signature', async () => {
    const bench = await open()
    await bench.send(send(signed({ ...notification(), TopicArn: TOPIC.replace('orders', 'others') })))
    await bench.send(send(notification()))
    await bench.send(send(signed({ ...notification(), SignatureVersion: '1' })))
    expect(asked).toEqual([])
  })

  test('a certificate that does not exist', async () => {
    const bench = await open()
    answer = () => ({ status: 404 })
    for (let i = 0; i < 3; i++) expect(await reasonOf(bench, send(signed(notification())))).toBe('unknown-certificate')
    expect(asked.length).toBe(1)
  })

  test('names that are made up do not turn us against Amazon, nor push out a good one', async () => {
    const bench = await open()
    expect(await reasonOf(bench, send(signed(notification())))).toBe('pass')
    bench.now += 11_000
    answer = () => ({ status: 404 })
    let unknown = 0
    for (let i = 0; i < 200; i++)
      unknown += await reasonOf(bench, send(made(i))).then(
        r => (r === 'unknown-certificate' ? 1 : 0),
        () => 0,
      )
    expect([unknown, asked.length]).toEqual([8, 9])
    expect(await reasonOf(bench, send(signed(notification())))).toBe('pass')
    expect(asked.length).toBe(9)
  })

  test('names that are made up do not keep a good one from being renewed after its day', async () => {
    const bench = await open()
    expect(await reasonOf(bench, send(signed(notification())))).toBe('pass')
    bench.now += 25 * 3_600_000
    answer = path => ({ status: path === new URL(CERTIFICATE).pathname ? 200 : 404 })
    for (let i = 0; i < 20; i++) await reasonOf(bench, send(made(i))).catch(() => {})
    expect(await reasonOf(bench, send(signed(notification())))).toBe('pass')
    expect(asked.length).toBe(1 + 8 + 1)
  })

  test('is away: a certificate stays good for a week, and no longer', async () => {
    const bench = await open()
    expect(await reasonOf(bench, send(signed(notification())))).toBe('pass')
    answer = () => ({ status: 500 })
    bench.now += 6 * 86_400_000
    expect(await reasonOf(bench, send(signed(notification())))).toBe('pass')
    bench.now += 2 * 86_400_000
    await expect(bench.send(send(signed(notification())))).rejects.toThrow(/answered 500/)
  })

  test.each<[string, ReturnType<typeof answer>, RegExp]>([
    ['an error', { status: 500 }, /answered 500/],
    ['a redirect', { status: 302, headers: { location: 'http://169.254.169.254/' } }, /answered 302/],
    ['no certificate', { body: 'x' }, /answered 200 instead of a certificate/],
    ['more than 16 KiB', { body: 'x'.repeat(20_000) }, /more than 16384 bytes/],
    ['nothing', { hang: true }, /did not answer within 2000 ms/],
  ])('and answers with %s: nobody knows, so nobody is let in', async (_, given, message) => {
    const bench = await open()
    answer = () => given
    await expect(bench.send(send(signed(notification())))).rejects.toThrow(message)
  })

  test('a certificate on a curve signs no message', async () => {
    const bench = await open()
    const curve = selfMade('sns.amazonaws.com', 'ec')
    answer = () => ({ body: curve.pem })
    await expect(bench.send(send(signed(notification())))).rejects.toThrow('instead of a certificate')
  })

  test('a confirmation is confirmed, once however often it comes', async () => {
    const bench = await open()
    for (let i = 0; i < 3; i++)
      expect((await bench.send(send(signed(confirmation())))).reply).toMatchObject({ kind: 'answer', status: 200, body: '' })
    expect(asked).toEqual([new URL(CERTIFICATE).pathname, CONFIRM.slice(HOST.length)])
  })

  test.each<[string, () => Sent]>([
    ['a forged one', () => send(signed(confirmation(), { key: stranger.key }))],
    [
      'one of another topic',
      () =>
        send(signed({ ...confirmation(), TopicArn: TOPIC.replace('orders', 'others'), SubscribeURL: CONFIRM.replace('orders', 'others') })),
    ],
    ['one of yesterday', () => send(signed({ ...confirmation(), Timestamp: new Date(now - 86_400_000).toISOString() }))],
    ['a goodbye', () => send(signed(goodbye()))],
  ])('%s confirms nothing', async (_, request) => {
    const bench = await open()
    await bench.send(request())
    expect(asked.filter(path => path.startsWith('/?'))).toEqual([])
  })

  test.each<[string, ReturnType<typeof answer>]>([
    ['fails', { status: 500 }],
    ['is redirected', { status: 302, headers: { location: 'http://169.254.169.254/' } }],
  ])('when the call %s, Amazon shall try again', async (_, given) => {
    const bench = await open()
    answer = path => (path.startsWith('/?') ? given : {})
    await expect(bench.send(send(signed(confirmation())))).rejects.toThrow(/to the confirmation of the subscription/)
    answer = () => ({})
    bench.now += 6000
    expect((await bench.send(send(signed(confirmation())))).reply).toMatchObject({ kind: 'answer', status: 200 })
  })
})

test('later steps know when it was signed, and its id', async () => {
  const { exchange } = await (await offline()).send(send(signed(notification())))
  expect(exchange.get<unknown>({ name: 'signed-at' })).toEqual({ time: now, tolerance: 3_600_000, future: 300_000 })
  expect(exchange.get<unknown>({ name: 'delivery-id' })).toBe('22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324')
  const refused = await (await offline()).send(send(signed(notification(), { key: stranger.key })))
  expect([refused.exchange.get({ name: 'signed-at' }), refused.exchange.get({ name: 'delivery-id' })]).toEqual([undefined, undefined])
})

test('an operator who confirms by hand is told of the topic, and not of the token', async () => {
  const bench = await offline()
  await bench.send(send(signed(confirmation())))
  expect(bench.warnings).toEqual([{ message: expect.stringContaining('waits for its confirmation'), fields: { topic: TOPIC } }])
})

test('Amazon sends JSON as text/plain, which is read as JSON', () => {
  const raw = Buffer.from(JSON.stringify(notification()))
  const reading = { accepts: new Set(plugin.accepts) }
  const sent = { method: 'POST', contentType: 'text/plain; charset=UTF-8', contentEncoding: null, query: '', raw }
  expect(parsePayload({ ...sent, reading })).toMatchObject({ ok: true, format: 'json' })
  expect(parsePayload(sent)).toMatchObject({ ok: false })
})

describe('what the operator is told of a refused message', () => {
  test.each<[string, () => Sent, string[]]>([
    ['a good one', () => send(signed(notification())), []],
    ['raw delivery', () => ({ headers: { 'x-amz-sns-rawdelivery': 'true' }, body: '{}' }), ['raw-delivery']],
    ['no message', () => send({ a: 1 }), ['not-a-message']],
    ['a certificate of elsewhere', () => send(signed({ ...notification(), SigningCertURL: 'https://evil.test/' })), ['malformed']],
    [
      'much at once',
      () => send(signed({ ...notification(), SignatureVersion: '1', TopicArn: 'x' }), 'x'),
      ['message-type-mismatch', 'unknown-topic', 'sha1-not-allowed'],
    ],
  ])('%s', async (_, request, codes) => {
    const { exchange } = await (await offline()).send(request())
    const config = { topics: [TOPIC], certificates: [amazon.pem], confirm: false, allowSha1: false }
    const found = await plugin.diagnose?.(config, exchange, { now: () => now, publicUrl: undefined, webhook: 'test' })
    expect(found?.map(({ code }) => code)).toEqual(codes)
  })
})

describe('settings that make no sense', () => {
  test.each<[string, () => object, string]>([
    ['no topic', () => ({ topics: [] }), '/topics must have at least one item'],
    ['a wildcard', () => ({ topics: ['arn:aws:sns:eu-west-1:123456789012:*'] }), '/topics/0'],
    ['another service', () => ({ topics: ['arn:aws:sqs:eu-west-1:123456789012:orders'] }), '/topics/0'],
    ['no certificate', () => ({ certificates: ['x'] }), '/certificates/0 is no certificate'],
    ['a certificate on a curve', () => ({ certificates: [selfMade('x', 'ec').pem] }), '/certificates/0 is no certificate'],
    ['a short key', () => ({ certificates: [selfMade('x', 'rsa:1024').pem] }), '/certificates/0 is no certificate'],
  ])('%s', async (_, more, message) => {
    await expect(offline(more())).rejects.toThrow(message)
  })
})

test('keeps the contract', async () => {
  const settings = { topics: [TOPIC], certificates: [amazon.pem], confirm: false }
  const examples = [
    { now, settings, request: send(signed(notification())), expect: 'pass' },
    { now, settings, request: send(signed(goodbye())), expect: 'accepted' },
    { now, settings, request: send(signed(notification(), { key: stranger.key })), expect: 'UNAUTHORIZED' },
  ]
  expect(await conformance(plugin, examples)).toEqual([])
})
