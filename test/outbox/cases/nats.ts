/** The destination kind `nats`, against servers of its own. */
import { readFileSync } from 'node:fs'
import { type AddressInfo, createServer, connect as dial, type Socket } from 'node:net'
import { join } from 'node:path'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect, credsAuthenticator, nkeys } from '@nats-io/transport-node'
import { compileReach } from '#core/address.ts'
import type { DestinationHost, Message, Receipt, Sender } from '#core/plugin.ts'
import kind from '#plugins/nats/index.ts'
import { type NatsServer, natsServer } from '../../support/nats.ts'
import { type Case, report, sleep, until } from '../program.ts'

const SECRET = 't0ps3cr3t'

const message: Message = {
  id: 'evt_1',
  type: 'record.created',
  time: '2026-01-15T12:00:00Z',
  webhook: 'sales',
  record: 'contact/7',
  attempt: 1,
  contentType: 'application/json',
  body: '{"a":"é"}',
  headers: { 'x-postern-webhook-id': 'evt_1' },
  timeout: 5000,
}

const host = {
  destination: 'd',
  reachable: (reach: { allowPrivate: boolean }) => compileReach(reach),
} as DestinationHost

const open = (servers: string | string[], settings: Record<string, unknown> = {}) =>
  kind.open({ servers: [servers].flat(), subject: 'orders.new', allowPrivate: true, ...settings }, host) as Sender

/** What came of it, in short. */
function short(receipt: Receipt): string | undefined {
  if (JSON.stringify(receipt).includes(SECRET)) return `shows the secret: ${JSON.stringify(receipt)}`
  return receipt.ok ? receipt.response?.replace(/\d+$/, 'n') : receipt.hopeless ? `${receipt.code}, hopeless` : receipt.code
}

/** One message of a sender of its own. */
async function once(servers: string | string[], settings: Record<string, unknown> = {}, changes: Partial<Message> = {}) {
  const sender = open(servers, settings)
  const started = performance.now()
  const receipt = await sender.send({ ...message, ...changes })
  const duration = performance.now() - started
  await sender.close?.()
  return { ...receipt, duration }
}

let shared: Promise<NatsServer> | undefined
const server = () => {
  shared ??= natsServer('max_payload: 64KB').then(async started => {
    await stream(started, 'ORDERS', ['orders.>'])
    return started
  })
  return shared
}

async function stream(at: NatsServer, name: string, subjects: string[], more: object = {}) {
  const connection = await connect({ servers: at.url, ...more })
  const manager = await jetstreamManager(connection)
  await manager.streams.add({ name, subjects, max_msg_size: 32_768 })
  await connection.close()
}

/** The last message of a subject, as a consumer sees it. */
async function last(subject: string) {
  const connection = await connect({ servers: (await server()).url })
  const found = await (await jetstreamManager(connection)).streams.getMessage('ORDERS', { last_by_subj: subject })
  await connection.close()
  return found && { body: found.string(), headers: Object.fromEntries([...found.header].map(([name, values]) => [name, values.join()])) }
}

/** What comes of a message to a server that speaks another language, or none; and how many connections it is left with. */
const spoken =
  (respond: (socket: Socket) => void, changes: Partial<Message> = {}) =>
  async () => {
    const open = new Set<Socket>()
    const at = createServer(socket => {
      open.add(socket.on('error', () => {}).on('close', () => open.delete(socket)))
      respond(socket)
      socket.resume()
    }).listen(0, '127.0.0.1')
    await until(() => at.listening)
    const started = performance.now()
    const receipt = await once(`nats://127.0.0.1:${(at.address() as AddressInfo).port}`, {}, { timeout: 400, ...changes })
    const late = performance.now() - started - (changes.timeout ?? 400) > 300
    return [short(receipt), late ? 'late' : 'in time', (await until(() => open.size === 0, 4000)) ? 'closed' : 'left open']
  }

const info = (more: object = {}) =>
  `INFO ${JSON.stringify({ server_id: 'x', version: '2.9.10', proto: 1, headers: true, max_payload: 65536, ...more })}\r\n`

const subject = (text: string, changes: Partial<Message>) => async () => {
  const { url } = await server()
  const receipt = await once(url, { subject: text }, { id: crypto.randomUUID(), ...changes })
  return receipt.ok || receipt.message
}

export const cases: readonly Case[] = [
  ['published', async () => short(await once((await server()).url, { subject: 'orders.first' })), 'in stream ORDERS as n'],
  [
    'the message as a consumer sees it',
    async () => {
      await once((await server()).url, { subject: 'orders.seen' }, { id: 'evt_seen' })
      return last('orders.seen')
    },
    { body: message.body, headers: { 'Nats-Msg-Id': 'evt_seen', 'x-postern-webhook-id': 'evt_1', 'Content-Type': 'application/json' } },
  ],
  [
    'a duplicate',
    async () => {
      const sender = open((await server()).url, { subject: 'orders.twice' })
      const receipts = [await sender.send({ ...message, id: 'evt_2' }), await sender.send({ ...message, id: 'evt_2', attempt: 2 })]
      await sender.close?.()
      return receipts.map(short)
    },
    ['in stream ORDERS as n', 'duplicate: already in stream ORDERS as n'],
  ],
  [
    'a hundred at once over one connection',
    async () => {
      const { port } = await server()
      let dialled = 0
      const between = createServer(socket => {
        dialled++
        relay(socket, port)
      }).listen(0, '127.0.0.1')
      await until(() => between.listening)
      const sender = open(`nats://127.0.0.1:${(between.address() as AddressInfo).port}`)
      const sent = Array.from({ length: 100 }, (_, i) => sender.send({ ...message, id: `evt_many_${i}` }))
      const good = (await Promise.all(sent)).filter(receipt => receipt.ok).length
      await sender.close?.()
      return [good, dialled]
    },
    [100, 1],
  ],
  ['the stream that is expected', async () => (await once((await server()).url, { stream: 'ORDERS' }, { id: 'e1' })).ok, true],
  ['another stream', async () => short(await once((await server()).url, { stream: 'OTHER' }, { id: 'e2' })), 'REJECTED'],
  ['a subject that no stream takes', async () => short(await once((await server()).url, { subject: 'nobody' })), 'NO_STREAM'],
  [
    'larger than the stream takes',
    async () => short(await once((await server()).url, {}, { id: 'large', body: 'x'.repeat(40_000) })),
    'REJECTED, hopeless',
  ],
  [
    'larger than the server takes',
    async () => short(await once((await server()).url, {}, { body: 'x'.repeat(70_000) })),
    'REJECTED, hopeless',
  ],
  [
    'a header that cannot be sent',
    async () => short(await once((await server()).url, {}, { headers: { a: 'b\r\nc' } })),
    'REJECTED, hopeless',
  ],
  ['a subject of the webhook', subject('orders.{{webhook}}.{{ event.type }}.{{record.entity}}', {}), true],
  ['a name makes one level, without wildcards', subject('orders.{{webhook}}', { webhook: 'a.b c*>' }), true],
  ['no record', subject('orders.none.{{record.entity}}', { record: undefined, type: 'webhook.received' }), true],
  [
    'the subjects that were published to',
    async () => {
      await cases.find(([name]) => name === 'a subject of the webhook')?.[1]()
      await cases.find(([name]) => name === 'a name makes one level, without wildcards')?.[1]()
      await cases.find(([name]) => name === 'no record')?.[1]()
      const subjects = ['orders.sales.record.created.contact', 'orders.a_b_c__', 'orders.none.-']
      return (await Promise.all(subjects.map(last))).map(found => found !== null)
    },
    [true, true, true],
  ],
  [
    'the server goes away and comes back',
    async () => {
      const at = await natsServer()
      await stream(at, 'ORDERS', ['orders.>'])
      const sender = open(at.url)
      const seen = [short(await sender.send({ ...message, id: 'a' }))]
      await at.stop()
      seen.push(short(await sender.send({ ...message, id: 'b' })))
      await at.restart()
      seen.push(short(await sender.send({ ...message, id: 'b' })))
      await at.restart()
      // It may not know yet that the connection is gone.
      for (const end = Date.now() + 5000; Date.now() < end; ) {
        const receipt = await sender.send({ ...message, id: 'c' })
        seen[3] = short(receipt)
        if (receipt.ok) break
      }
      await sender.close?.()
      await at.stop()
      return seen
    },
    ['in stream ORDERS as n', 'CONNECTION_FAILED', 'in stream ORDERS as n', 'in stream ORDERS as n'],
  ],
  [
    'the server freezes',
    async () => {
      const at = await natsServer()
      await stream(at, 'ORDERS', ['orders.>'])
      const sender = open(at.url)
      const seen = [short(await sender.send({ ...message, id: 'a' }))]
      await at.freeze()
      seen.push(short(await sender.send({ ...message, id: 'b', timeout: 300 })))
      const started = performance.now()
      await sender.close?.()
      seen.push(performance.now() - started < 3000 ? 'closed in time' : 'closed late')
      at.kill('SIGCONT')
      await at.stop()
      return seen
    },
    ['in stream ORDERS as n', 'TIMEOUT', 'closed in time'],
  ],
  ['nobody listens', async () => short(await once('nats://127.0.0.1:1')), 'CONNECTION_FAILED'],
  ['the second of two servers', async () => (await once(['nats://127.0.0.1:1', (await server()).url], {}, { id: 'second' })).ok, true],
  ['no such name', async () => short(await once('nats://postern.invalid:4222')), 'CONNECTION_FAILED'],
  ['a server that never says a word', spoken(() => {}), ['TIMEOUT', 'in time', 'closed']],
  ['a server that never says a word, to a patient one', spoken(() => {}, { timeout: 3000 }), ['TIMEOUT', 'in time', 'closed']],
  ['a server that says hello and no more', spoken(socket => socket.write(info())), ['TIMEOUT', 'in time', 'closed']],
  ['a server that hangs up', spoken(socket => socket.destroy()), ['CONNECTION_FAILED', 'in time', 'closed']],
  ['a server that hangs up after hello', spoken(socket => socket.end(info())), ['CONNECTION_FAILED', 'in time', 'closed']],
  ['a server of another protocol', spoken(socket => socket.write('220 smtp\r\n')), ['CONNECTION_FAILED', 'in time', 'closed']],
  ['hello without JSON', spoken(socket => socket.write('INFO {]\r\n')), ['CONNECTION_FAILED', 'in time', 'closed']],
  ['an endless hello', spoken(socket => endless(socket)), ['CONNECTION_FAILED', 'in time', 'closed']],
  ['nonsense after hello', spoken(socket => socket.write(`${info()}\0\0nonsense\r\n`)), ['CONNECTION_FAILED', 'in time', 'closed']],
  [
    'a server that names others',
    async () => {
      let asked = 0
      const other = createServer(() => void asked++).listen(0, '127.0.0.1')
      await until(() => other.listening)
      const connect_urls = [`127.0.0.1:${(other.address() as AddressInfo).port}`]
      const result = await spoken(socket => {
        socket.write(info({ connect_urls }))
        socket.on('data', data => String(data).includes('PING') && socket.write('PONG\r\n', () => socket.end()))
      })()
      await sleep(100)
      other.close()
      return [result[0], asked]
    },
    ['CONNECTION_FAILED', 0],
  ],
  ...['nats://127.0.0.1:PORT', 'nats://localhost:PORT', 'nats://[::ffff:127.0.0.1]:PORT', 'nats://169.254.169.254'].map(
    (url): Case => [
      `a private address: ${url}`,
      async () => short(await once(url.replace('PORT', `${(await server()).port}`), { allowPrivate: false })),
      'BLOCKED_ADDRESS',
    ],
  ),
  ['a token', credential('token: t0ps3cr3t', { token: SECRET }), 'in stream ORDERS as n'],
  ['a wrong token', credential('token: other', { token: SECRET }), 'REJECTED'],
  ['no token', credential('token: other', {}), 'REJECTED'],
  ['user and password', credential('user: u, password: t0ps3cr3t', { user: 'u', password: SECRET }), 'in stream ORDERS as n'],
  ['a wrong password', credential('user: u, password: other', { user: 'u', password: SECRET }), 'REJECTED'],
  [
    'a user that may not publish there',
    credential('users: [{ user: u, password: t0ps3cr3t, permissions: { publish: "other.>" } }]', { user: 'u', password: SECRET }),
    'REJECTED',
  ],
  ['a .creds file', () => withCreds(kp => kp), 'in stream ORDERS as n'],
  ['a .creds file with a seed of another', () => withCreds(() => nkeys.createUser()), 'REJECTED'],
]

/** A server with one kind of credential, and what comes of a message to it. */
function credential(authorization: string, settings: Record<string, unknown>) {
  return async () => {
    const at = await natsServer(`authorization { ${authorization} }`)
    const may = authorization.includes(SECRET) && !authorization.includes('permissions')
    if (may && Object.keys(settings).length > 0) {
      const { user, password, token } = settings as Record<string, string>
      await stream(at, 'ORDERS', ['orders.>'], user ? { user, pass: password } : { token })
    }
    const seen = short(await once(at.url, settings))
    await at.stop()
    return seen
  }
}

/** A server with an operator (https://docs.nats.io/running-a-nats-service/configuration/securing_nats/jwt), and a user known by a JWT. */
async function withCreds(signs: (user: nkeys.KeyPair) => nkeys.KeyPair) {
  const [operator, account, system, user] = [nkeys.createOperator(), nkeys.createAccount(), nkeys.createAccount(), nkeys.createUser()]
  const base64 = (bytes: Uint8Array | string) => Buffer.from(bytes).toString('base64url')
  const jwt = (issuer: nkeys.KeyPair, subject: nkeys.KeyPair, type: string, more: object) => {
    const claims = { jti: 'x', iat: 1_700_000_000, iss: issuer.getPublicKey(), sub: subject.getPublicKey(), name: type }
    const header = base64('{"typ":"JWT","alg":"ed25519-nkey"}')
    const text = `${header}.${base64(JSON.stringify({ ...claims, nats: { ...more, type, version: 2 } }))}`
    return `${text}.${base64(issuer.sign(new TextEncoder().encode(text)))}`
  }
  const unlimited = { subs: -1, data: -1, payload: -1, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 }
  const storage = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 }
  const accountOf = (pair: nkeys.KeyPair, limits: object) =>
    `${pair.getPublicKey()}: ${jwt(operator, pair, 'account', { limits: { ...unlimited, ...limits } })}`
  const lines = [
    `operator: ${jwt(operator, operator, 'operator', {})}`,
    `system_account: ${system.getPublicKey()}`,
    'resolver: MEMORY',
    `resolver_preload { ${accountOf(account, storage)}\n${accountOf(system, {})} }`,
  ]
  const at = await natsServer(lines.join('\n'))
  const creds = (pair: nkeys.KeyPair) =>
    `-----BEGIN NATS USER JWT-----\n${jwt(account, user, 'user', { subs: -1, data: -1, payload: -1 })}\n------END NATS USER JWT------\n\n` +
    `-----BEGIN USER NKEY SEED-----\n${new TextDecoder().decode(pair.getSeed())}\n------END USER NKEY SEED------\n`
  await stream(at, 'ORDERS', ['orders.>'], { authenticator: credsAuthenticator(new TextEncoder().encode(creds(user))) })
  const seen = short(await once(at.url, { creds: creds(signs(user)) }))
  await at.stop()
  return seen
}

/** A server with a certificate, for a host of the settings. */
function encrypted(name: string, url: string, certificate: string, settings: Record<string, unknown>, want: string): Case {
  const run = async () => {
    const at = await natsServer(`tls { cert_file: "${pem(`${certificate}.crt`)}", key_file: "${pem(`${certificate}.key`)}" }`)
    await stream(at, 'ORDERS', ['orders.>'], { tls: { rejectUnauthorized: false } })
    const seen = short(await once(url.replace('PORT', `${at.port}`), settings))
    await at.stop()
    return seen
  }
  return [name, run, want]
}

const pem = (name: string) => join(process.env.CERTIFICATES ?? '', name)
const trusting = () => ({ tls: { ca: process.env.CERTIFICATES ? readFileSync(pem('ca.crt'), 'utf8') : '' } })

export const withCertificates: readonly Case[] = [
  encrypted('the right name', 'tls://localhost:PORT', 'localhost', trusting(), 'in stream ORDERS as n'),
  encrypted('the right name, nats:', 'nats://localhost:PORT', 'localhost', trusting(), 'in stream ORDERS as n'),
  encrypted('the right address', 'tls://127.0.0.1:PORT', 'address', trusting(), 'in stream ORDERS as n'),
  encrypted('another name', 'tls://localhost:PORT', 'name', trusting(), 'TLS_FAILED'),
  encrypted('an address, for a name', 'tls://127.0.0.1:PORT', 'localhost', trusting(), 'TLS_FAILED'),
  encrypted('a name, for its address', 'tls://localhost:PORT', 'address', trusting(), 'TLS_FAILED'),
  encrypted('an authority that nobody has named', 'tls://localhost:PORT', 'localhost', {}, 'TLS_FAILED'),
  ['TLS from a server without', async () => short(await once((await server()).url.replace('nats:', 'tls:'))), 'TLS_FAILED'],
  ['a handshake without an end', spoken(socket => socket.write(info({ tls_required: true }))), ['TIMEOUT', 'in time', 'closed']],
]

function relay(socket: Socket, port: number): void {
  const other = dial(port, '127.0.0.1')
  socket.on('error', () => other.destroy()).pipe(other)
  other.on('error', () => socket.destroy()).pipe(socket)
}

function endless(socket: Socket): void {
  const timer = setInterval(() => socket.write('INFO {'.repeat(20_000)), 5)
  socket.on('close', () => clearInterval(timer))
}

await report([...cases, ...(process.env.CERTIFICATES ? withCertificates : [])])
