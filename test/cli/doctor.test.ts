/** `postern doctor`: refusals of a running gateway, and requests out of files. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { createHmac } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type DoctorOptions, doctor } from '#core/cli/doctor.ts'
import { endOf } from '#core/cli/open.ts'
import { builtins } from '#plugins/index.ts'
import { folder, freePort } from '../support/child.ts'
import { cli, type Gateway, gateway, runtimes } from '../support/process.ts'
import { file, post, until } from './running.ts'

setDefaultTimeout(60_000)

const KEYS = {
  BEARER_KEY: 'a-bearer-key-of-some-length',
  SIGNING: 'a-signing-key-of-some-length',
  OTHER: 'the-key-of-another-webhook-here',
  ADMIN: 'an-admin-token-of-some-length',
}
const chain = (name: string) =>
  `[{ auth-hmac: { preset: inspire, secrets: ["\${${name}}"] } }, replay-window, { upsert: { entity: thing } }]`
const yaml = `version: 1
server: { port: "\${PORT}", host: 127.0.0.1, drainDelay: 0s }
admin: { port: "\${ADMIN_PORT}", token: "\${ADMIN}" }
entities:
  contact: { schema: { type: object, required: [email], properties: { email: { type: string, format: email } } } }
webhooks:
  signed: { path: /signed, capture: { last: 100, body: 1KiB }, chain: ${chain('SIGNING')} }
  skewed: { path: /skewed, chain: ${chain('SIGNING')} }
  long: { path: /long, capture: { last: 10, body: 1KiB }, chain: ${chain('SIGNING')} }
  other: { path: /other, chain: ${chain('OTHER')} }
  bearer: { path: /bearer, chain: [{ auth-bearer: { keys: ["\${BEARER_KEY}"] } }, { upsert: { entity: thing } }] }
  open: { path: /open, chain: [{ auth-none: { reason: for the test } }, { validation: { entity: contact } }, { upsert: { entity: contact } }] }
  quiet: { path: /quiet, chain: [{ auth-none: { reason: for the test } }, { upsert: { entity: thing } }] }
  sns: { path: /sns, chain: [{ auth-sns: { topics: ["arn:aws:sns:eu-west-1:123456789012:orders"] } }, dispatch] }
  listed: { path: /listed, listAs: events, chain: [{ auth-hmac: { secrets: ["\${SIGNING}"], signature: { from: "header:X-Signature" }, signed: "{json:[].id}.{body}" } }, { upsert: { entity: thing } }] }
  unlisted: { path: /unlisted, chain: [{ auth-none: { reason: for the test } }, { upsert: { entity: thing } }] }
  near: { path: /near, chain: [{ ip-allow: { allow: [192.0.2.10] } }, { auth-bearer: { keys: ["\${BEARER_KEY}"] } }, { upsert: { entity: thing } }] }
  token: { path: "/in/{token}", chain: [auth-url-token, { upsert: { entity: thing } }] }
`
const hmac = (text: string, key = KEYS.SIGNING) => createHmac('sha256', key).update(text).digest('hex')
/** Headers of a signature over `time.body`. */
const signed = (body: string, more: { time?: number; key?: string; sent?: number } = {}) => {
  const { time = Math.floor(Date.now() / 1000), key = KEYS.SIGNING, sent = time } = more
  return {
    'x-webhook-timestamp': String(sent),
    'x-webhook-signature': `sha256=${hmac(`${time}.${body}`, key)}`,
  }
}

let running: Gateway
let env: Record<string, string>
let path: string
beforeAll(async () => {
  path = file(yaml).path
  env = { ...KEYS, PORT: `${await freePort()}`, ADMIN_PORT: `${await freePort()}`, DATABASE_URL: `pglite://${join(folder(), 'data')}` }
  running = await gateway({ config: path, env })
})
afterAll(async () => {
  await running?.stop()
})

async function asked(webhook: string, more: Partial<DoctorOptions> = {}) {
  const lines: string[] = []
  const loading = { builtins, importPlugin: () => Promise.reject(new Error('none')), env }
  const ended = await doctor({ ...loading, webhook, config: path, json: true, ...more }, line => void lines.push(line)).then(
    code => ({ code, message: '' }),
    error => ({ code: endOf(error).exitCode, message: endOf(error).message }),
  )
  const text = lines.join('\n')
  for (const secret of Object.values(KEYS)) expect(text + ended.message).not.toContain(secret)
  return { ...ended, text, json: text.startsWith('{') ? JSON.parse(text) : undefined }
}

/** Sends a request and gives its id once it is captured. */
async function captured(webhook: string, body: string, headers: Record<string, string>): Promise<string> {
  const list = async () => {
    const response = await fetch(`${running.adminUrl}/admin/v1/webhooks/${webhook}/requests?limit=200`, {
      headers: { authorization: `Bearer ${KEYS.ADMIN}` },
    })
    return ((await response.json()) as { data: { id: string }[] }).data.map(({ id }) => id)
  }
  const before = await list()
  await post(running, `/${webhook}`, body, headers)
  const after = await until(list, ids => ids.length > before.length)
  return after[0] as string
}

const codes = (json: { findings: { code: string }[] }) => json.findings.map(finding => finding.code)

describe('a captured refusal', () => {
  const BODY = '{"id": 1, "name": "Ada"}'
  const now = () => Math.floor(Date.now() / 1000)
  const rows: [string, string, () => Record<string, string>, object, string[]][] = [
    [
      'JSON signed in another writing',
      'signed',
      () => ({ ...signed('{"id":1,"name":"Ada"}') }),
      { step: 'auth-hmac', reason: 'signature-mismatch' },
      ['json-reserialised'],
    ],
    ['no signature', 'signed', () => ({}), { step: 'auth-hmac', reason: 'missing-signature' }, ['signature-missing', 'timestamp-missing']],
    ["another webhook's secret", 'signed', () => signed(BODY, { key: KEYS.OTHER }), { step: 'auth-hmac' }, ['secret-of-another-webhook']],
    ['a clock that is behind', 'skewed', () => signed(BODY, { time: now() - 1000 }), { step: 'replay-window' }, ['clock-behind']],
    ['a clock that is ahead', 'skewed', () => signed(BODY, { time: now() + 1000 }), { step: 'replay-window' }, ['clock-ahead']],
    ['local time', 'skewed', () => signed(BODY, { time: now() + 7200 }), { step: 'replay-window' }, ['time-zone', 'clock-ahead']],
    ['milliseconds', 'skewed', () => signed(BODY, { time: Date.now() }), { step: 'replay-window' }, ['timestamp-in-milliseconds']],
    ['no credential', 'bearer', () => ({}), { step: 'auth-bearer', reason: 'missing-authorization' }, ['credential-missing']],
  ]
  test.each(rows)('%s', async (...[, webhook, headers, wanted, found]) => {
    const id = await captured(webhook, BODY, headers())
    const { code, json } = await asked(webhook, { request: id })
    expect(json).toMatchObject({ webhook, request: id, verdict: 'refused', code: 'UNAUTHORIZED', ...wanted })
    expect(codes(json)).toEqual(found)
    expect(code).toBe(0)
  })

  test('nothing explains it: 1, and what was tried', async () => {
    const id = await captured('signed', BODY, signed(BODY, { key: 'nobody knows this one' }))
    const { code, json } = await asked('signed', { request: id })
    expect([code, json.verdict, json.findings]).toEqual([1, 'refused', []])
    expect(json.tried).toEqual([expect.stringContaining('Tried in vain')])
    expect((await asked('signed', { request: id, json: false })).text).toContain('No hypothesis matched.')
  })

  test('a masked credential is not guessed at', async () => {
    const id = await captured('bearer', BODY, { authorization: 'Bearer something-that-is-wrong' })
    const { code, json } = await asked('bearer', { request: id })
    expect([code, json.verdict, json.step, json.reason, json.findings]).toEqual([1, 'refused', 'auth-bearer', 'unknown-key', []])
    expect(json.unknown).toEqual([expect.stringMatching(/header authorization is masked: .*--fixture FILE/)])
    expect((await asked('bearer', { request: id, json: false })).text).toContain('When it came, auth-bearer gave this reason')
  })

  test('a body that is cut: what to raise', async () => {
    const body = JSON.stringify({ id: 1, text: 'x'.repeat(5000) })
    const id = await captured('long', body, signed(`${body} `))
    const { code, json } = await asked('long', { request: id })
    expect([code, json.step, json.reason, json.findings]).toEqual([1, 'auth-hmac', 'signature-mismatch', []])
    expect(json.unknown).toEqual([expect.stringMatching(/first 1024 of the body's \d+ bytes.*raise capture.body of the webhook to 5KiB/)])
  })

  test('the latest 401 comes before a later refusal of another kind', async () => {
    const id = await captured('open', '{"email":"nobody"}', {})
    const { code, json } = await asked('open')
    expect([code, json.request, json.verdict, json.step, json.code]).toEqual([0, id, 'refused', 'validation', 'VALIDATION_FAILED'])
    expect(JSON.parse(json.answer.body).details).toEqual({ email: [expect.any(String)] })
    const first = await captured('bearer', BODY, {})
    await captured('bearer', '[]', { authorization: `Bearer ${KEYS.BEARER_KEY}` })
    expect((await asked('bearer')).json).toMatchObject({ request: first, code: 'UNAUTHORIZED' })
    expect((await asked('bearer', { json: false })).text).toMatch(/A later refusal is \w{26}: 400 INVALID_JSON/)
  })

  test('a bare list that is not expected: which setting takes it', async () => {
    const id = await captured('unlisted', '[{"id":1}]', {})
    const { json } = await asked('unlisted', { request: id })
    expect([json.code, json.reason]).toEqual(['INVALID_JSON', expect.stringContaining('`listAs`')])
  })

  test('nothing was refused', async () => {
    expect(await asked('quiet')).toMatchObject({ code: 0, json: { verdict: 'none', findings: [] } })
  })
})

describe('a fixture', () => {
  const TIME = 1_768_478_400
  const BODY = '{"id": 1, "name": "Zoë"}'
  const written = (text: string) => {
    const name = join(folder(), 'request')
    writeFileSync(name, text)
    return name
  }
  const raw = (body: string, headers: Record<string, string>, end = '\r\n') =>
    ['POST /signed?a=1 HTTP/1.1', 'Host: hooks.example.com', ...Object.entries(headers).map(([n, v]) => `${n}: ${v}`), '', body].join(end)
  const good = signed(BODY, { time: TIME })
  const at = { receivedAt: TIME + 5 }
  const bad = signed(BODY.replaceAll(' ', ''), { time: TIME })

  test.each<[string, string, object, string[]]>([
    ['JSON that passes', JSON.stringify({ path: '/signed', headers: good, body: BODY, ...at }), { verdict: 'passes', step: null }, []],
    [
      'YAML that passes',
      `url: https://x.test/signed?b=1\nheaders: ${JSON.stringify(good)}\nreceivedAt: 2026-01-15T12:00:05Z\nbody: '${BODY}'\n`,
      { verdict: 'passes' },
      [],
    ],
    [
      'base64',
      JSON.stringify({ path: '/signed', headers: good, bodyBase64: Buffer.from(BODY).toString('base64'), ...at }),
      { verdict: 'passes' },
      [],
    ],
    ['pairs of headers', JSON.stringify({ path: '/signed', headers: Object.entries(good), body: BODY, ...at }), { verdict: 'passes' }, []],
    [
      'json',
      JSON.stringify({ path: '/signed', headers: good, json: JSON.parse(BODY), ...at }),
      { verdict: 'refused' },
      ['json-reserialised'],
    ],
    [
      'too late',
      JSON.stringify({ path: '/signed', headers: good, body: BODY, receivedAt: TIME + 4000 }),
      { step: 'replay-window' },
      ['clock-behind'],
    ],
    ['a message', raw(BODY, bad), { verdict: 'refused', step: 'auth-hmac' }, ['json-reserialised']],
    ['a message of plain line breaks', raw(`${BODY}\n`, bad, '\n'), { verdict: 'refused' }, ['json-reserialised']],
    [
      'a message with its length',
      raw(`${BODY}\n\n`, { ...bad, 'Content-Length': `${Buffer.byteLength(BODY)}` }),
      { verdict: 'refused' },
      ['json-reserialised'],
    ],
  ])('%s', async (_, text, wanted, found) => {
    const { code, json, message } = await asked('signed', { fixture: written(text) })
    expect(message).toBe('')
    expect(json).toMatchObject({ webhook: 'signed', ...wanted })
    expect(codes(json)).toEqual(found)
    expect(code).toBe(0)
  })

  test.each<[string, string, object, object, string[]]>([
    [
      'JSON of another media type',
      'sns',
      {
        headers: { 'content-type': 'text/plain; charset=UTF-8', 'x-amz-sns-message-type': 'Notification' },
        json: {
          Type: 'Notification',
          MessageId: '1',
          TopicArn: 'arn:aws:sns:eu-west-1:123456789012:others',
          Message: 'a',
          Timestamp: '2026-01-15T12:00:00.000Z',
          SignatureVersion: '2',
          Signature: 'A'.repeat(344),
          SigningCertURL: 'https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem',
        },
      },
      { verdict: 'refused', reason: 'unknown-topic' },
      ['unknown-topic'],
    ],
    ['a bare list', 'listed', { headers: { 'x-signature': hmac('e1.[{"id":"e1"}]') }, body: '[{"id":"e1"}]' }, { verdict: 'passes' }, []],
    ['an address', 'near', { ip: '192.0.2.10', headers: { authorization: `Bearer ${KEYS.BEARER_KEY}` } }, { verdict: 'passes' }, []],
    ['no address', 'near', { headers: { authorization: `Bearer ${KEYS.BEARER_KEY}` } }, { step: 'ip-allow' }, ['address-not-allowed']],
  ])('of a webhook that takes %s', async (_, webhook, request, wanted, found) => {
    const { json, message } = await asked(webhook, { fixture: written(JSON.stringify({ path: `/${webhook}`, ...request })) })
    expect(message).toBe('')
    expect(json).toMatchObject({ webhook, ...wanted })
    expect(codes(json)).toEqual(found)
  })

  test('a static credential, which a fixture has whole', async () => {
    const sent = (authorization: string) => ({
      fixture: written(JSON.stringify({ path: '/bearer', headers: { authorization }, body: '{}' })),
    })
    expect(codes((await asked('bearer', sent(KEYS.BEARER_KEY))).json)).toEqual(['prefix-missing'])
    expect(codes((await asked('bearer', sent(`Token ${KEYS.BEARER_KEY}`))).json)).toEqual(['another-prefix'])
    expect(codes((await asked('bearer', sent(`Bearer "${KEYS.BEARER_KEY}"`))).json)).toEqual(['quoted'])
    expect(codes((await asked('bearer', sent(`Bearer ${KEYS.BEARER_KEY.toUpperCase()}`))).json)).toEqual(['letter-case'])
    expect((await asked('bearer', sent(`Bearer ${KEYS.BEARER_KEY}`))).json.verdict).toBe('passes')
  })

  test('a URL token, which the store alone knows', async () => {
    const { code, json } = await asked('token', { fixture: written(JSON.stringify({ path: '/in/some-token', body: '{}' })) })
    expect([code, json.verdict, json.step]).toEqual([1, 'unknown', 'auth-url-token'])
    expect(json.unknown.join(' ')).toContain('postern token list token')
  })

  test.each<[string, RegExp]>([
    ['- a\n- b\n', /must be a map of method, path/],
    ['{"bdoy": ""}', /has 'bdoy': choose/],
    ['{"body": "", "json": {}}', /take one of them/],
    ['{"body": {"a": 1}}', /has a body that is no text/],
    ['{"path": "signed"}', /write a path such as/],
    ['{"receivedAt": "yesterday"}', /receivedAt that is no time/],
    ['{"ip": "near"}', /an ip that is no address/],
    ['{"headers": {"a b": "1"}}', /a header that is none/],
    ['a: [', /is neither YAML nor an HTTP message/],
    ['POST /a HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc', /has 3 bytes of body/],
    ['POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n', /chunked/],
  ])('that is none: %j', async (text, wanted) => {
    expect(await asked('signed', { fixture: written(text) })).toMatchObject({ code: 2, message: expect.stringMatching(wanted) })
  })
})

describe('says what is wrong:', () => {
  test.each<[string, Partial<DoctorOptions>, number, RegExp]>([
    ['singed', {}, 2, /did you mean 'signed'/],
    ['signed', { request: 'a', fixture: 'b' }, 2, /one of --request and --fixture/],
    ['signed', { fixture: '/nowhere' }, 2, /there is no file '\/nowhere' for --fixture/],
    ['signed', { request: 'nothing' }, 1, /no captured request/],
    ['signed', { url: 'http://127.0.0.1:9' }, 69, /no gateway answers/],
  ])('%s %j', async (webhook, more, exit, wanted) => {
    const { code, message } = await asked(webhook, more)
    expect([code, message]).toEqual([exit, expect.stringMatching(wanted)])
  })

  test('no known mistake: what the step said, and what is likeliest then', async () => {
    const fixture = join(folder(), 'request.json')
    writeFileSync(fixture, JSON.stringify({ path: '/bearer', headers: { authorization: 'Bearer nobody-has-this-one' }, json: {} }))
    const { code, text } = await asked('bearer', { fixture, json: false })
    expect([code, text]).toEqual([
      1,
      expect.stringContaining("auth-bearer says 'unknown-key', so that the likeliest left is another credential"),
    ])
  })

  test('the port for senders instead of the admin API', async () => {
    const { code, message } = await asked('signed', { url: running.url })
    expect([code, message]).toEqual([1, `what answers at ${running.url} is the port for senders: give that of the admin API, admin.port`])
  })

  test('nothing: an HTTP message behind a byte order mark is read', async () => {
    const fixture = join(folder(), 'request.http')
    writeFileSync(fixture, '\ufeffPOST /signed HTTP/1.1\r\nHost: a\r\n\r\n{}')
    expect(await asked('signed', { fixture })).toMatchObject({ code: 0, json: { reason: 'missing-signature' } })
  })
})

test('from the shell, on both runtimes: numbered findings with their cures', async () => {
  const fixture = join(folder(), 'request.json')
  const body = '{"id":1}'
  writeFileSync(
    fixture,
    JSON.stringify({
      path: '/signed',
      headers: signed(body, { time: 1_768_478_400, sent: 1_768_478_400_000 }),
      body,
      receivedAt: 1_768_478_401,
    }),
  )
  for (const runtime of runtimes) {
    const { code, stdout, stderr } = await cli(['doctor', 'signed', '--fixture', fixture, '--config', path], { runtime, env })
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(
      /steps +auth-hmac: refused\n[\s\S]*reason +signature-mismatch\n\n1\. .*in seconds\. \(another-timestamp-signed\)\n {3}Make the text/,
    )
  }
})
