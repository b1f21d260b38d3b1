/** `postern send` against a running gateway. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { endOf } from '#core/cli/open.ts'
import { type SendOptions, send } from '#core/cli/send.ts'
import { builtins } from '#plugins/index.ts'
import { folder, freePort } from '../support/child.ts'
import { cli, type Gateway, gateway, runtimes } from '../support/process.ts'
import { file } from './running.ts'

setDefaultTimeout(60_000)

const ed = generateKeyPairSync('ed25519')
const publicKey = ed.publicKey.export({ format: 'der', type: 'spki' }).subarray(12).toString('hex')
const KEYS = {
  BEARER_KEY: 'a-bearer-key-of-some-length',
  SIGNING: 'whsec_c2lnbmluZy1rZXktb2Ytc29tZS1sZW5ndGg=',
  SHARED: 'a-shared-secret-of-some-length',
  PUBLIC_KEY: publicKey,
}
const yaml = `version: 1
server: { port: "\${PORT}", host: 127.0.0.1, drainDelay: 0s, publicUrl: https://hooks.example.com }
admin: { port: "\${ADMIN_PORT}" }
entities:
  contact:
    unknown: reject
    schema:
      type: object
      required: [id, email, age, plan, tags, address]
      properties:
        id: { type: string, minLength: 20 }
        email: { type: string, format: email }
        age: { type: integer, minimum: 18 }
        plan: { enum: [free, paid] }
        tags: { type: array, minItems: 2, uniqueItems: true, items: { type: string, pattern: "^[A-Z]{3}$" } }
        address: { $ref: "#/$defs/address" }
        nick: { type: string }
      $defs:
        address: { type: object, required: [zip], properties: { zip: { type: string, maxLength: 5 } } }
webhooks:
  bearer:
    path: /bearer
    example: { id: a, n: 1 }
    chain: [{ auth-bearer: { keys: ["\${BEARER_KEY}"] } }, idempotency, { upsert: { entity: thing } }]
  signed:
    path: /signed
    example: { n: 1 }
    chain:
      - auth-hmac: { preset: standard-webhooks, secrets: ["\${SIGNING}"] }
      - replay-window
      - upsert: { entity: thing }
  url-signed:
    path: /url-signed
    example: { n: 1 }
    chain: [{ auth-hmac: { preset: square, secrets: ["\${SHARED}"] } }, { upsert: { entity: thing } }]
  key-pair:
    path: /key-pair
    example: { n: 1 }
    chain: [{ auth-hmac: { preset: discord, secrets: ["\${PUBLIC_KEY}"] } }, { upsert: { entity: thing } }]
  in-query:
    path: /in-query
    example: { n: 1 }
    chain: [{ auth-shared-secret: { query: key, secrets: ["\${SHARED}"] } }, { upsert: { entity: thing } }]
  either:
    path: /either
    example: { n: 1 }
    chain:
      - auth-any:
          of: [{ auth-hmac: { preset: discord, secrets: ["\${PUBLIC_KEY}"] } }, { auth-bearer: { keys: ["\${BEARER_KEY}"] } }]
      - upsert: { entity: thing }
  token:
    path: /in/{token}/{kind}
    example: { n: 1 }
    chain: [auth-url-token, { upsert: { entity: thing } }]
  made-up:
    path: /made-up
    chain: [{ auth-none: { reason: for the test } }, { validation: { entity: contact } }, { upsert: { entity: contact } }]
  asked:
    path: /asked
    methods: [GET]
    example: { id: q, list: [a, b] }
    chain: [{ auth-none: { reason: for the test } }, { upsert: { entity: thing } }]
  limited:
    path: /limited
    example: { n: 1 }
    chain: [{ auth-none: { reason: for the test } }, { quota: { rate: { limit: 3, per: 1h } } }, { upsert: { entity: thing } }]
  asleep:
    path: /asleep
    active: false
    chain: [{ auth-none: { reason: for the test } }, { upsert: { entity: thing } }]
  hosted:
    path: /hosted
    host: shop.example.com
    example: { n: 1 }
    chain: [{ auth-none: { reason: for the test } }, { upsert: { entity: thing } }]
`

let running: Gateway
let env: Record<string, string>
let path: string
beforeAll(async () => {
  path = file(yaml).path
  env = { ...KEYS, PORT: `${await freePort()}`, ADMIN_PORT: `${await freePort()}` }
  env.DATABASE_URL = `pglite://${join(folder(), 'data')}`
  running = await gateway({ config: path, env })
})
afterAll(async () => {
  await running?.stop()
})

/** The command within this process. */
async function sent(webhook: string, more: Partial<SendOptions> = {}) {
  const lines: string[] = []
  const loading = { builtins, importPlugin: () => Promise.reject(new Error('none')), env }
  const options = { ...loading, webhook, config: path, json: true, header: [], param: [], ...more }
  const ended = await send(options, line => void lines.push(line)).then(
    code => ({ code, message: '' }),
    error => ({ code: endOf(error).exitCode, message: endOf(error).message }),
  )
  return { ...ended, text: lines.join('\n'), json: lines.at(-1)?.startsWith('{') ? JSON.parse(lines.at(-1) as string) : undefined }
}

describe('a request that the chain lets in:', () => {
  test.each(['bearer', 'signed', 'url-signed', 'in-query', 'either', 'made-up', 'asked', 'hosted'])('%s', async webhook => {
    const { code, json, message } = await sent(webhook)
    expect([code, json?.status, json?.body, message]).toEqual([0, 201, expect.any(String), ''])
    expect(json.madeUp).toBe(webhook === 'made-up')
  })

  test('key-pair, with its private key', async () => {
    const key = join(folder(), 'key.pem')
    writeFileSync(key, ed.privateKey.export({ format: 'pem', type: 'pkcs8' }))
    expect((await sent('key-pair')).message).toContain('--private-key FILE')
    expect(await sent('key-pair', { 'private-key': key })).toMatchObject({ code: 0, json: { status: 201 } })
  })

  test('token, with a token of its own', async () => {
    const made = await cli(['token', 'create', 'token', '--config', path, '--json'], { env })
    const { token } = JSON.parse(made.stdout)
    expect(await sent('token', { token, param: ['kind=order'] })).toMatchObject({ code: 0, json: { status: 201 } })
    const { text } = await sent('token', { token, param: ['kind=order'], 'dry-run': true, json: false })
    expect(text).toContain('${' + 'TOKEN}')
    expect(text).not.toContain(token)
  })

  test('another payload, another header, a body from a file', async () => {
    const body = join(folder(), 'body.json')
    writeFileSync(body, '{ "id": "from-file" }\n')
    expect((await sent('signed', { data: '{"id":"given"}' })).json.body).toContain('given')
    expect((await sent('signed', { file: body })).json.body).toContain('from-file')
    const dry = await sent('signed', { header: ['X-Shop: a: b', 'webhook-id: msg_mine'], 'dry-run': true })
    expect(dry.json.headers).toMatchObject({
      'x-shop': 'a: b',
      'webhook-id': 'msg_mine',
      'webhook-signature': expect.stringMatching(/^v1,/),
    })
  })
})

describe('a request that it refuses ends with 1:', () => {
  test.each<[string, Partial<SendOptions>, number]>([
    ['signed', { now: '10m' }, 401],
    ['signed', { now: '+10m' }, 401],
    ['signed', { now: '2020-01-01T00:00:00Z' }, 401],
    ['made-up', { data: '{}' }, 422],
    ['bearer', { method: 'put' }, 405],
    ['signed', { header: ['webhook-signature: v1,AAAA'] }, 401],
    ['bearer', { header: ['Authorization: Bearer of-somebody-else'] }, 401],
  ])('%s %j', async (webhook, more, status) => {
    expect(await sent(webhook, more)).toMatchObject({ code: 1, json: { status } })
  })
})

describe('many', () => {
  test('each is signed anew and has a key of its own', async () => {
    for (const [webhook, more] of [
      ['signed', {}],
      ['bearer', { rate: '200/s' }],
    ] as const) {
      const { code, json } = await sent(webhook, { repeat: '20', ...more })
      expect(code).toBe(0)
      expect(json).toMatchObject({ sent: 20, p50: expect.any(Number), p99: expect.any(Number) })
      // The same record each time: none was the answer of an earlier one.
      expect(Object.values(json.statuses as Record<string, number>).reduce((sum, n) => sum + n)).toBe(20)
    }
  })

  test('one refused among them: 1, and the counts', async () => {
    const { code, json } = await sent('limited', { repeat: '5' })
    expect(code).toBe(1)
    expect(json.statuses).toEqual({ '201': 3, '429': 2 })
  })

  test('at a rate', async () => {
    const { code, json } = await sent('hosted', { repeat: '11', rate: '20/s' })
    expect(code).toBe(0)
    expect(json.seconds).toBeGreaterThanOrEqual(0.5)
  })
})

describe('a receiver that goes away', () => {
  test('is told with what it was, and how many were left', async () => {
    let served = 0
    const server = createServer((request, answer) => {
      if (++served > 5) return void request.socket.destroy()
      answer.writeHead(200).end()
    })
    await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    try {
      const { code, text } = await sent('signed', { url, repeat: '50', json: false })
      expect(code).toBe(1)
      expect(text).toMatch(/^sent +25 of 50, then given up$/m)
      expect(text).toMatch(/^statuses +200: 5 {2}none: 20$/m)
      expect(text).toContain(`nothing answers at ${url}`)
    } finally {
      server.close()
    }
  })
})

describe('a curl line', () => {
  test.each<[string, RegExp]>([
    ['bearer', /-H "authorization: Bearer \$\{BEARER_KEY\}"/],
    ['in-query', /"http:\/\/127\.0\.0\.1:\d+\/in-query\?key=\$\{SHARED\}"/],
    ['signed', /--data-raw '\{"n":1\}'/],
    ['asked', /-X GET \\\n {2}'http:\/\/127\.0\.0\.1:\d+\/asked\?id=q&list=a&list=b'/],
  ])('of %s', async (webhook, wanted) => {
    const { text, code } = await sent(webhook, { 'dry-run': true, json: false })
    expect(code).toBe(0)
    expect(text).toMatch(wanted)
    for (const secret of Object.values(KEYS)) expect(text).not.toContain(secret)
  })

  test('with its secrets, when asked to', async () => {
    const { text } = await sent('bearer', { 'dry-run': true, 'show-secrets': true, json: false })
    expect(text).toContain(`Bearer ${KEYS.BEARER_KEY}`)
  })
})

describe('says what is wrong:', () => {
  test.each<[string, Partial<SendOptions>, number, RegExp]>([
    ['singed', {}, 2, /no webhook 'singed'.*did you mean 'signed'/],
    ['token', {}, 1, /needs a token: make one with postern token create token/],
    ['token', { token: 'abc' }, 1, /needs a value for \{kind\}: give --param kind=VALUE/],
    ['signed', { url: 'ftp://x' }, 2, /--url takes/],
    ['signed', { url: 'http://127.0.0.1:9' }, 69, /nothing answers at http:\/\/127\.0\.0\.1:9: start the gateway/],
    ['signed', { url: 'http://127.0.0.1:9', repeat: '50' }, 69, /nothing answers/],
    ['signed', { repeat: '0' }, 2, /--repeat takes/],
    ['signed', { rate: 'fast' }, 2, /--rate takes/],
    ['signed', { now: 'soon' }, 2, /--now takes/],
    ['signed', { header: ['nonsense'] }, 2, /--header takes/],
    ['signed', { file: '/nowhere/at/all' }, 2, /there is no file '.nowhere.at.all'/],
    ['signed', { file: '/' }, 2, /is a folder/],
    ['signed', { file: 'a', data: 'b' }, 2, /one of --file and --data/],
  ])('%s %j', async (webhook, more, exit, wanted) => {
    const { code, message } = await sent(webhook, more)
    expect([code, message]).toEqual([exit, expect.stringMatching(wanted)])
  })
})

test('from the shell, on both runtimes: repeated headers, exit codes, text', async () => {
  for (const runtime of runtimes) {
    const words = ['send', 'bearer', '--config', path, '--header', 'X-A: 1', '--header=X-B: 2']
    const dry = await cli([...words, '--dry-run'], { runtime, env })
    expect([dry.code, dry.stdout]).toEqual([0, expect.stringMatching(/x-a: 1[\s\S]*x-b: 2/)])
    const asleep = await cli(['send', 'asleep', '--config', path], { runtime, env })
    expect([asleep.code, asleep.stderr]).toEqual([1, "the webhook 'asleep' is not active: it answers 404\n"])
    const piped = await cli(['send', 'made-up', '--config', path, '--file', '-'], { runtime, env, input: '{"broken' })
    expect([piped.code, piped.stdout]).toEqual([1, expect.stringContaining('INVALID_JSON')])
    const real = await cli(words, { runtime, env })
    expect([real.code, real.stdout, real.stderr]).toEqual([0, expect.stringMatching(/^20\d in [\d.]+ ms\n/), ''])
    const hosted = await cli(['send', 'hosted', '--config', path], { runtime, env })
    expect([hosted.code, hosted.stderr]).toEqual([0, ''])
    const away = await cli(['send', 'bearer', '--config', path, '--url', 'http://127.0.0.1:9'], { runtime, env })
    expect([away.code, away.stdout]).toEqual([69, ''])
  }
})
