/** The doors beside the deliveries, `challenge` and `{path}/verify`: what is asked there lets nobody in, and writes nothing. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { createHmac, generateKeyPairSync, sign } from 'node:crypto'
import { type Counts, type Opened, open } from '../hostile/fixture.ts'
import { type Request, send } from '../hostile/requests.ts'
import { available } from '../support/available.ts'
import { postgres } from '../support/postgres.ts'
import { runtimes } from '../support/process.ts'
import { variations } from './attempts.ts'

const KEY = 'signing-key-of-the-doors-0123'
const OTHER = 'other-key-of-the-doors-456789'
const TOKEN = 'verify-token-of-the-doors-0123'
const discord = generateKeyPairSync('ed25519')
const hexKey = discord.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('hex')

const config = `
version: 1
server: { port: "\${PORT}", host: 127.0.0.1, drainDelay: 0s }
store: { url: "\${DATABASE_URL}" }
admin: { port: "\${ADMIN_PORT}" }
webhooks:
${Object.entries({
  cloudevents: `{ challenge: { preset: cloudevents, origins: [events.example.com] } }, { auth-bearer: { keys: [${KEY}] } }`,
  discord: `{ auth-hmac: { preset: discord, secrets: [${hexKey}] } }, replay-window, { challenge: { preset: discord } }`,
  dropbox: `{ challenge: { preset: dropbox } }, { auth-hmac: { preset: dropbox, secrets: [${KEY}] } }`,
  meta: `{ challenge: { preset: meta, verifyToken: ${TOKEN} } }, { auth-hmac: { preset: meta-whatsapp, secrets: [${KEY}] } }`,
  msgraph: `{ challenge: { preset: msgraph } }, { auth-msgraph: { clientStates: [${KEY}] } }`,
  okta: `{ challenge: { preset: okta } }, { auth-hmac: { preset: okta, secrets: [${KEY}] } }`,
  slack: `{ challenge: { preset: slack-ssl-check } }, { auth-hmac: { preset: slack, secrets: [${KEY}] } }, replay-window, { challenge: { preset: slack } }`,
  x: `{ challenge: { preset: x, secret: ${KEY} } }, { auth-hmac: { preset: x-twitter, secrets: [${KEY}] } }`,
  zoom: `{ auth-hmac: { preset: zoom, secrets: [${KEY}] } }, replay-window, { challenge: { preset: zoom, secret: ${KEY} } }`,
})
  .map(([name, chain]) => `  ${name}: { path: /${name}, verify: true, chain: [${chain}, { upsert: { entity: thing } }, dispatch] }`)
  .join('\n')}
`

const FORM = ['content-type', 'application/x-www-form-urlencoded'] as const
const hmac = (text: string, encoding: 'hex' | 'base64' = 'hex', key = KEY) => createHmac('sha256', key).update(text).digest(encoding)
const seconds = (ago = 0) => `${Math.floor(Date.now() / 1000) - ago}`

/** What each provider sends, signed as it does. */
const delivery = {
  cloudevents: (body: string): Request => ({ path: '/cloudevents', body, headers: [['authorization', `Bearer ${KEY}`]] }),
  discord(body: string, ago = 0): Request {
    const time = seconds(ago)
    const signature = sign(null, Buffer.from(time + body), discord.privateKey).toString('hex')
    return {
      path: '/discord',
      body,
      headers: [
        ['x-signature-timestamp', time],
        ['x-signature-ed25519', signature],
      ],
    }
  },
  dropbox: (body: string): Request => ({ path: '/dropbox', body, headers: [['x-dropbox-signature', hmac(body)]] }),
  meta: (body: string): Request => ({ path: '/meta', body, headers: [['x-hub-signature-256', `sha256=${hmac(body)}`]] }),
  msgraph: (): Request => ({ path: '/msgraph', body: JSON.stringify({ value: [{ clientState: KEY, resource: 'r' }] }) }),
  okta: (body: string): Request => ({ path: '/okta', body, headers: [['authorization', KEY]] }),
  slack(body: string, ago = 0, key = KEY): Request {
    const time = seconds(ago)
    return {
      path: '/slack',
      body,
      headers: [
        ['x-slack-request-timestamp', time],
        ['x-slack-signature', `v0=${hmac(`v0:${time}:${body}`, 'hex', key)}`],
      ],
    }
  },
  x: (body: string, signature = `sha256=${hmac(body, 'base64')}`): Request => ({
    path: '/x',
    body,
    headers: [['x-twitter-webhooks-signature', signature]],
  }),
  zoom(body: string, ago = 0, key = KEY): Request {
    const time = seconds(ago)
    return {
      path: '/zoom',
      body,
      headers: [
        ['x-zm-request-timestamp', time],
        ['x-zm-signature', `v0=${hmac(`v0:${time}:${body}`, 'hex', key)}`],
      ],
    }
  },
}

const slackAsks = '{"type":"url_verification","challenge":"c-1"}'
const zoomAsks = (plainToken: unknown) => JSON.stringify({ event: 'endpoint.url_validation', payload: { plainToken } })
const hub = (query: Record<string, string>) => `/meta?${new URLSearchParams(query)}`
const asked = { 'hub.mode': 'subscribe', 'hub.verify_token': TOKEN, 'hub.challenge': 'c-1' }
const get = (path: string, headers: Request['headers'] = []): Request => ({ path, method: 'GET', headers })
const atVerify = (request: Request): Request => ({ ...request, path: (request.path ?? '').replace(/(?=\?|$)/, '/verify') })

/** Good questions, and the whole answer. */
const answered: Record<string, [() => Request, body: string]> = {
  cloudevents: [() => ({ path: '/cloudevents', method: 'OPTIONS', headers: [['webhook-request-origin', 'events.example.com']] }), ''],
  discord: [() => delivery.discord('{"type":1}'), '{"type":1}'],
  dropbox: [() => get('/dropbox?challenge=c-1'), 'c-1'],
  meta: [() => get(hub(asked)), 'c-1'],
  msgraph: [() => ({ path: '/msgraph?validationToken=c-1', body: '' }), 'c-1'],
  okta: [() => get('/okta', [['x-okta-verification-challenge', 'c-1']]), '{"verification":"c-1"}'],
  slack: [() => delivery.slack(slackAsks), '{"challenge":"c-1"}'],
  'slack, of its certificate': [() => ({ path: '/slack', headers: [FORM], body: 'ssl_check=1&token=t' }), ''],
  // The rest of it would be a command; it is not looked at.
  'slack, of its certificate, with a command': [
    () => ({ path: '/slack', headers: [FORM], body: 'command=%2Fdrop&text=all&ssl_check=1' }),
    '',
  ],
  x: [() => get('/x?crc_token=c-1'), JSON.stringify({ response_token: `sha256=${hmac('c-1', 'base64')}` })],
  zoom: [() => delivery.zoom(zoomAsks('c1')), JSON.stringify({ plainToken: 'c1', encryptedToken: hmac('c1') })],
}

/** Deliveries that nobody has signed, and that look like the question. */
const unsigned: Record<string, () => Request> = {
  'cloudevents: a delivery that asks': () => ({
    path: '/cloudevents',
    headers: [['webhook-request-origin', 'events.example.com']],
    body: '{}',
  }),
  'cloudevents: another method by a header': () => ({
    path: '/cloudevents',
    headers: [
      ['x-http-method-override', 'OPTIONS'],
      ['webhook-request-origin', 'events.example.com'],
    ],
    body: '{}',
  }),
  'discord: a question that is not signed': () => ({ path: '/discord', body: '{"type":1}' }),
  'discord: a question of an hour ago': () => delivery.discord('{"type":1}', 3600),
  'discord: a question with the signature of another': () => ({ ...delivery.discord('{"type":1}'), body: '{"type": 1}' }),
  'dropbox: a delivery that asks': () => ({ path: '/dropbox?challenge=c-1', body: '{}' }),
  'dropbox: a form that asks': () => ({ path: '/dropbox', headers: [FORM], body: 'challenge=c-1' }),
  'dropbox: another method by a header': () => ({
    path: '/dropbox?challenge=c-1',
    headers: [['x-http-method-override', 'GET']],
    body: '{}',
  }),
  'meta: a delivery that asks': () => ({ path: hub(asked), body: '{}' }),
  'meta: a form that asks': () => ({ path: '/meta', headers: [FORM], body: new URLSearchParams(asked).toString() }),
  'meta: the token as signature': () => ({ path: '/meta', headers: [['x-hub-signature-256', `sha256=${TOKEN}`]], body: '{}' }),
  'meta: a signature by the token': () => ({
    path: '/meta',
    headers: [['x-hub-signature-256', `sha256=${hmac('{}', 'hex', TOKEN)}`]],
    body: '{}',
  }),
  'msgraph: a delivery that asks': () => ({ path: '/msgraph?validationToken=c-1', body: '{"value":[{"clientState":"wrong"}]}' }),
  'msgraph: a space that asks': () => ({ path: '/msgraph?validationToken=c-1', body: ' ' }),
  'msgraph: a token in the body': () => ({ path: '/msgraph', body: '{"validationToken":"c-1"}' }),
  'okta: a delivery that asks': () => ({ path: '/okta', headers: [['x-okta-verification-challenge', 'c-1']], body: '{}' }),
  'slack: a question that is not signed': () => ({ path: '/slack', body: slackAsks }),
  'slack: a question by another secret': () => delivery.slack(slackAsks, 0, OTHER),
  'slack: a question of an hour ago': () => delivery.slack(slackAsks, 3600),
  'slack: one of the certificate that is too long': () => ({
    path: '/slack',
    headers: [FORM],
    body: `ssl_check=1&text=${'x'.repeat(5000)}`,
  }),
  'slack: one of the certificate in the query': () => ({ path: '/slack?ssl_check=1', headers: [FORM], body: 'text=1' }),
  'slack: one of the certificate that says 0': () => ({ path: '/slack', headers: [FORM], body: 'ssl_check=0' }),
  'slack: one of the certificate in a list': () => ({ path: '/slack', headers: [FORM], body: 'ssl_check=1&ssl_check=1' }),
  'x: a delivery that asks': () => ({ path: '/x?crc_token=c-1', body: '{}' }),
  'x: a body that could be a token, signed as one': () => delivery.x('1234'),
  'zoom: a question that is not signed': () => ({ path: '/zoom', body: zoomAsks('c1') }),
  'zoom: a question by another secret': () => delivery.zoom(zoomAsks('c1'), 0, OTHER),
  'zoom: a question of an hour ago': () => delivery.zoom(zoomAsks('c1'), 3600),
}

/** Questions that are wrong: one answer for all. */
const wrong: Record<string, () => Request> = {
  ...Object.fromEntries(
    Object.entries({
      ...variations(TOKEN, [KEY, OTHER]),
      'a space before it': ` ${TOKEN}`,
      'a space behind it': `${TOKEN} `,
      'a tab before it': `\t${TOKEN}`,
      'a tab behind it': `${TOKEN}\t`,
      'a line feed behind it': `${TOKEN}\n`,
      'a NUL behind it': `${TOKEN}\0`,
      empty: '',
    }).map(([name, token]) => [`meta, a token: ${name}`, () => get(hub({ ...asked, 'hub.verify_token': token }))]),
  ),
  'meta: no token': () => get('/meta?hub.mode=subscribe&hub.challenge=c-1'),
  'meta: two tokens, good and good': () => get(`${hub(asked)}&hub.verify_token=${TOKEN}`),
  'meta: two tokens, good and bad': () => get(`${hub(asked)}&hub.verify_token=bad`),
  'meta: two tokens, bad and good': () => get(`/meta?hub.verify_token=bad&${hub(asked).slice(6)}`),
  'meta: a token by another letter case of its name': () => get(hub({ ...asked, 'hub.verify_token': '', 'HUB.VERIFY_TOKEN': TOKEN })),
  'meta: another mode': () => get(hub({ ...asked, 'hub.mode': 'unsubscribe' })),
  'meta: no challenge': () => get(hub({ 'hub.mode': 'subscribe', 'hub.verify_token': TOKEN })),
  'meta: a challenge that is a page': () => get(hub({ ...asked, 'hub.challenge': '<script>alert(1)</script>' })),
  'dropbox: a challenge that is a page': () => get('/dropbox?challenge=%3Cscript%3Ealert(1)%3C/script%3E'),
  'dropbox: two challenges': () => get('/dropbox?challenge=a&challenge=b'),
  'okta: an empty challenge': () => get('/okta', [['x-okta-verification-challenge', '']]),
  'x: a token that could be a body': () => get('/x?crc_token=%7B%22a%22%3A1%7D'),
  'zoom: a token that could be a delivery': () => delivery.zoom(zoomAsks(`v0:${seconds()}:{}`)),
  'zoom: a token that is an object': () => delivery.zoom(zoomAsks({ a: 1 })),
  'slack: a challenge that is an object': () => delivery.slack('{"type":"url_verification","challenge":{"a":1}}'),
}

/** Ask nothing that anybody answers. */
const unasked: Record<string, () => Request> = {
  'cloudevents: of another origin': () => ({
    path: '/cloudevents',
    method: 'OPTIONS',
    headers: [['webhook-request-origin', 'events.example.com.thief.example']],
  }),
  'cloudevents: of no origin': () => ({ path: '/cloudevents', method: 'OPTIONS' }),
  'cloudevents: of two origins': () => ({
    path: '/cloudevents',
    method: 'OPTIONS',
    headers: [
      ['webhook-request-origin', 'events.example.com'],
      ['webhook-request-origin', 'thief.example'],
    ],
  }),
  ...Object.fromEntries(['dropbox', 'meta', 'okta', 'x'].map(name => [`${name}: a GET without a question`, () => get(`/${name}?a=1`)])),
  ...Object.fromEntries(['slack', 'zoom', 'discord', 'msgraph'].map(name => [`${name}: a GET`, () => get(`/${name}?validationToken=c-1`)])),
  ...Object.fromEntries(
    Object.keys(delivery).map(name => [`${name}: a GET at its question`, () => get(`/${name}/verify?challenge=c-1&crc_token=c-1`)]),
  ),
}

const onPostgres = await available('Postgres', postgres)

for (const runtime of runtimes) {
  onPostgres(`doors beside the deliveries on ${runtime}`, () => {
    let gateway: Opened
    let before: Counts
    beforeAll(async () => {
      gateway = await open(runtime, { config })
      before = await gateway.counts()
    }, 60_000)
    afterAll(() => gateway?.close())
    const one = async (request: Request) => (await send(gateway.port, request)).responses[0]
    /** Status and body of each. */
    async function told(rows: Record<string, () => Request>) {
      const list = Object.entries(rows).map(async ([name, request]) => ({ name, response: await one(request()) }))
      return (await Promise.all(list)).map(({ name, response }) => [name, response?.status, response?.body] as const)
    }
    /** The one answer that all rows must have. */
    async function all(rows: Record<string, () => Request>, status: number, code: string) {
      const answers = await told(rows)
      const [, , body = ''] = answers[0] ?? []
      expect(JSON.parse(body)).toMatchObject({ status, code })
      expect(answers.filter(answer => answer[1] !== status || answer[2] !== body)).toEqual([])
      expect(await gateway.counts()).toEqual(before)
    }
    const mapped = (rows: Record<string, () => Request>, change: (request: Request) => Request) =>
      Object.fromEntries(Object.entries(rows).map(([name, request]) => [name, () => change(request())]))

    test('a good question is answered, as often as it is asked, and nothing is written', async () => {
      for (const _ of [1, 2])
        expect(await told(Object.fromEntries(Object.entries(answered).map(([name, [request]]) => [name, request])))).toEqual(
          Object.entries(answered).map(([name, [, body]]) => [name, 200, body]),
        )
      expect(await gateway.counts()).toEqual(before)
    })

    test('a delivery that nobody has signed is none, though it looks like a question', () => all(unsigned, 401, 'UNAUTHORIZED'))

    test('the same where it is asked whether it would be let in', () => all(mapped(unsigned, atVerify), 401, 'UNAUTHORIZED'))

    test('a wrong question gets no answer, whatever is wrong with it', () => all(wrong, 403, 'CHALLENGE_REFUSED'))

    test('what asks nothing is a method that nobody takes', () => all(unasked, 405, 'METHOD_NOT_ALLOWED'))

    test('the answer to a question is no signature of a delivery', async () => {
      for (const body of ['1234', 'true', 'null']) {
        const answer = (await one(get(`/x?crc_token=${body}`)))?.body ?? ''
        const { response_token } = JSON.parse(answer) as { response_token: string }
        expect([body, response_token]).toEqual([body, `sha256=${hmac(body, 'base64')}`])
        expect([body, (await one(delivery.x(body, response_token)))?.status]).toEqual([body, 401])
      }
      expect(await gateway.counts()).toEqual(before)
    })

    test('a good delivery would be let in, and is; only the delivery is written', async () => {
      const good = Object.fromEntries(Object.entries(delivery).map(([name, make]) => [name, () => make('{"n":1}')]))
      const asking = await told(mapped(good, atVerify))
      expect(asking).toEqual(Object.keys(good).map(name => [name, 200, '{"verified":true}']))
      expect(await gateway.counts()).toEqual(before)
      expect((await told(good)).map(([name, status]) => [name, status])).toEqual(Object.keys(good).map(name => [name, 201]))
      const more = Object.keys(good).length
      expect(await gateway.counts()).toEqual({ ...before, records: before.records + more, events: before.events + more })
    })
  })
}
