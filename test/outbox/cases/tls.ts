/** TLS, with every variable set that would turn it off. */
import { readFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import type { Policy } from '#core/outbox/connections.ts'
import { createClient, type Outgoing } from '#core/outbox/request.ts'
import { detail, names, once, outcome } from '../attempt.ts'
import { type Case, report, sleep } from '../program.ts'
import { always, answer, receiver } from '../receiver.ts'

const file = (name: string) => readFileSync(join(process.env.CERTIFICATES ?? '', name), 'utf8')
const server = (name: string, host?: string) =>
  receiver(always(answer()), { ...(host && { host }), tls: { key: file(`${name}.key`), cert: file(`${name}.crt`) } })
const policy = (more: Policy = {}): Policy => ({ allowPrivate: true, ca: file('ca.crt'), resolve: names('127.0.0.1'), ...more })

/** What comes of a request to a host, from a server with a certificate. */
const ask =
  (host: string, certificate: string, more: Policy = {}, request: Partial<Outgoing> = {}) =>
  async () => {
    const at = await server(certificate)
    const { status, code } = await once(policy(more), { url: `https://${host}:${at.port}/`, ...request })
    // A handshake that fails sends nothing of the request.
    return [status ?? code, at.requests.length]
  }

/** What comes of a request to a server that does not speak TLS. */
const plain = (respond: (socket: Socket) => void) => async () => {
  const at = createServer(socket => void socket.on('error', () => {}).once('data', () => respond(socket))).listen(0, '127.0.0.1')
  await sleep(20)
  const { port } = at.address() as AddressInfo
  const { code, message } = await once(policy(), { url: `https://good.test:${port}/`, timeout: 500 })
  return [code, message?.includes('in the TLS handshake')]
}

export const cases: readonly Case[] = [
  ['the right name', ask('good.test', 'name'), [200, 1]],
  ['the right name in capitals', ask('GOOD.test', 'name'), [200, 1]],
  ['the right name with a dot', ask('good.test.', 'name'), [200, 1]],
  ['the right address', ask('127.0.0.1', 'address'), [200, 1]],
  ['another name', ask('other.test', 'name'), ['TLS_FAILED', 0]],
  ['a name below', ask('a.good.test', 'name'), ['TLS_FAILED', 0]],
  ['an address, for a name', ask('127.0.0.1', 'name'), ['TLS_FAILED', 0]],
  ['a name, for its address', ask('good.test', 'address'), ['TLS_FAILED', 0]],
  ['an expired certificate', ask('good.test', 'expired'), ['TLS_FAILED', 0]],
  ['an authority that is not trusted', ask('good.test', 'unknown'), ['TLS_FAILED', 0]],
  ['an authority that nobody has named', untrusted, 'TLS_FAILED'],
  ['a forbidden address', ask('good.test', 'name', { allowPrivate: false }), ['BLOCKED_ADDRESS', 0]],
  ['a Host header for the name of the certificate', ask('other.test', 'name', {}, { headers: { Host: 'good.test' } }), ['BAD_HEADER', 0]],
  ['no TLS', plain(socket => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')), ['TLS_FAILED', true]],
  ['a reset in the handshake', plain(socket => socket.destroy()), ['TLS_FAILED', true]],
  ['a handshake without an end', plain(() => {}), ['TIMEOUT', true]],
  [
    'a kept connection is for its name alone',
    async () => {
      const at = await server('name')
      const client = createClient(policy())
      const statuses = []
      for (const host of ['good.test', 'good.test', 'other.test', 'good.test']) {
        statuses.push(await outcome(client, { url: `https://${host}:${at.port}/` }))
        await sleep(20)
      }
      return { statuses, nth: at.requests.map(({ nth }) => nth) }
    },
    { statuses: [200, 200, 'TLS_FAILED', 200], nth: [1, 2, 3] },
  ],
  [
    'plain HTTP to a server of TLS',
    async () => {
      const at = await server('name')
      const { status, code } = await detail(createClient(policy()), { url: `http://good.test:${at.port}/` })
      return status === undefined ? code : status >= 400
    },
    'CONNECTION_FAILED',
  ],
]

async function untrusted() {
  const at = await server('name')
  const { code } = await once({ allowPrivate: true, resolve: names('127.0.0.1') }, { url: `https://good.test:${at.port}/` })
  return code
}

await report(cases)
