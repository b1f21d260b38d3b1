/** What is sent, and what is made of the answers. */
import { createServer, type Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { createClient } from '#core/outbox/request.ts'
import { ANY, detail, names, once, outcome, to } from '../attempt.ts'
import { type Case, report, sleep, until } from '../program.ts'
import { always, answer, CHUNKED, endless, HEAD, receiver } from '../receiver.ts'

const failures: [name: string, text: string | ((socket: Socket) => void)][] = [
  ['headers without an end', endless(HEAD, `X-A: ${'a'.repeat(1000)}\r\n`.repeat(20))],
  ['one header without an end', endless(`${HEAD}X-A: `, 'a'.repeat(10_000))],
  ['trailers without an end', endless(`${CHUNKED}0\r\n`, `X-T: ${'b'.repeat(1000)}\r\n`.repeat(20))],
  ['interim answers without an end', endless('', 'HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n'.repeat(50))],
  ['no HTTP', '\x00\x01garbage\r\n\r\n'],
  ['HTTP/0.9', 'hello'],
  ['a length and chunks', `${HEAD}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`],
  ['two lengths', `${HEAD}Content-Length: 2\r\nContent-Length: 3\r\n\r\nok`],
  ['an answer that breaks off', socket => socket.end(`${HEAD}Content-Length: 10\r\n\r\nabc`)],
  ['chunks that break off', socket => socket.end(`${CHUNKED}5\r\nab`)],
  ['a reset', socket => socket.destroy()],
  ['an end without an answer', socket => socket.end()],
]

export const cases: readonly Case[] = [
  [
    'what arrives',
    async () => {
      const bytes = new Uint8Array([0, 255, 13, 10, 128])
      const { at } = await to(always(answer()), { headers: { 'X-A': '1', 'content-type': 'application/json' }, body: 'ä€' })
      const { at: other } = await to(always(answer()), { method: 'PUT', body: bytes })
      const { at: get } = await to(always(answer()), { method: 'GET', body: '' })
      const [{ line, headers, body } = never] = at.requests
      return {
        line: line.replace(/\?.*? /, ' '),
        headers: { ...headers, host: headers.host?.replace(`${at.port}`, 'P') },
        body: body.toString(),
        bytes: [...(other.requests[0] ?? never).body],
        get: [get.requests[0]?.line.split(' ')[0], get.requests[0]?.headers['content-length'] ?? null],
      }
    },
    {
      line: 'POST / HTTP/1.1',
      headers: { 'x-a': '1', 'content-type': 'application/json', 'content-length': '5', host: '127.0.0.1:P', connection: 'keep-alive' },
      body: 'ä€',
      bytes: [0, 255, 13, 10, 128],
      get: ['GET', null],
    },
  ],
  [
    'what comes back',
    async () => {
      const more = 'X-A: 1\r\nX-a: 2\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nRetry-After: 3\r\nRetry-After: 4\r\n'
      const { status, headers, body } = await to(always(answer(429, 'slow down', more)))
      return { status, headers, body }
    },
    { status: 429, headers: { 'content-length': '9', 'x-a': '1, 2', 'set-cookie': 'a, b', 'retry-after': '3' }, body: 'slow down' },
  ],
  [
    'headers that are not for the destination to set, or cannot be sent',
    async () => {
      const rows = {
        host: 'a',
        'Content-Length': '1',
        'transfer-encoding': 'chunked',
        connection: 'close',
        expect: '100-continue',
        'a b': '1',
        'x-a': 'a\r\nX-B: 1',
        'x-b': '漢',
      }
      const codes = await Promise.all(Object.entries(rows).map(([name, value]) => to(always(answer()), { headers: { [name]: value } })))
      return [...new Set(codes.map(({ code, at }) => `${code} ${at.connections}`))]
    },
    ['BAD_HEADER 0'],
  ],
  [
    'redirects are not followed',
    async () => {
      const other = await receiver(always(answer()))
      const statuses = []
      for (const status of [300, 301, 302, 303, 307, 308])
        statuses.push((await to(always(answer(status, '', `Location: http://127.0.0.1:${other.port}/\r\n`)))).status)
      return { statuses, followed: other.connections }
    },
    { statuses: [300, 301, 302, 303, 307, 308], followed: 0 },
  ],
  [
    'a change of protocol is an answer',
    async () => (await to(always('HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nhello'))).status,
    101,
  ],
  [
    'interim answers are passed over',
    async () => (await to(always(`HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 X\r\n\r\n${answer(204, '')}`))).status,
    204,
  ],
  ['an answer that ends with its connection', async () => (await to(socket => void socket.end(`${HEAD}\r\nthe end`))).body, 'the end'],
  [
    'a body without an end is cut',
    async () => {
      const chunk = `2710\r\n${'b'.repeat(10_000)}\r\n`
      const at = await receiver(endless(CHUNKED, chunk.repeat(10)))
      const { status, body, duration } = await once(ANY, { url: `http://127.0.0.1:${at.port}/`, maxResponse: 100 })
      return { status, kept: body?.length, quick: duration < 2000, gone: await until(() => at.open === 0) }
    },
    { status: 200, kept: 100, quick: true, gone: true },
  ],
  [
    'how much is kept',
    async () => {
      const got = []
      for (const maxResponse of [0, 1, 4096, 65_536, 1e9])
        got.push((await to(always(answer(200, 'x'.repeat(100_000))), { maxResponse })).body?.length)
      return [...got, (await to(always(answer(200, 'x'.repeat(100_000))))).body?.length]
    },
    [0, 1, 4096, 65_536, 65_536, 8192],
  ],
  [
    'an answer of 64 KiB is read whole, and its connection kept; of one byte more, it is not',
    async () => {
      const connections = []
      for (const size of [65_536, 65_537]) {
        const at = await receiver(always(answer(200, 'x'.repeat(size))))
        const client = createClient(ANY)
        for (let n = 0; n < 3; n++) await outcome(client, { url: `http://127.0.0.1:${at.port}/` }).then(() => sleep(20))
        connections.push(at.connections)
      }
      return connections
    },
    [1, 3],
  ],
  [
    'what is compressed stays so',
    async () => {
      const bomb = gzipSync('x'.repeat(10_000_000))
      const { body } = await to(
        socket => {
          socket.write(`${HEAD}Content-Encoding: gzip\r\nContent-Length: ${bomb.length}\r\n\r\n`)
          socket.write(bomb)
        },
        { maxResponse: 65_536 },
      )
      return body?.length === Math.min(bomb.length, 65_536)
    },
    true,
  ],
  [
    'an answer before all is read ends the connection',
    async () => {
      let open = 0
      const server = createServer(socket => {
        open++
        socket.on('error', () => {}).on('close', () => open--)
        socket.once('data', () => {
          socket.pause()
          socket.write(answer(413, 'too large'))
          setTimeout(() => socket.resume(), 2500)
        })
      }).listen(0, '127.0.0.1')
      await sleep(20)
      const client = createClient(ANY)
      const port = (server.address() as { port: number }).port
      const { status, duration } = await detail(client, { url: `http://127.0.0.1:${port}/`, body: 'x'.repeat(20_000_000) })
      return { status, quick: duration < 2000, gone: await until(() => open === 0, 5000) }
    },
    { status: 413, quick: true, gone: true },
  ],
  ...failures.map(([name, respond]): Case => {
    const act = typeof respond === 'string' ? (socket: Socket) => void socket.end(respond, 'latin1') : respond
    return [
      `failed: ${name}`,
      async () => (({ code, at }) => ({ code, requests: at.requests.length }))(await to(act)),
      { code: 'CONNECTION_FAILED', requests: 1 },
    ]
  }),
  ['failed: nobody listens', refused, 'CONNECTION_FAILED'],
  [
    'failed: a name that does not resolve',
    async () => (await once({}, { url: 'http://does-not-exist.invalid/' })).code,
    'CONNECTION_FAILED',
  ],
  [
    'failed: a name without an address',
    async () => (await once({ resolve: names([]) }, { url: 'http://a.test/' })).code,
    'CONNECTION_FAILED',
  ],
  [
    'the next address is tried when nobody listens on the first',
    async () => {
      const at = await receiver(always(answer()))
      const statuses = []
      for (const first of ['::1', '127.0.0.9']) {
        const policy = { allowPrivate: true, resolve: names([first, '127.0.0.1']) }
        statuses.push((await once(policy, { url: `http://a.test:${at.port}/` })).status)
      }
      return statuses
    },
    [200, 200],
  ],
]

const never = { line: '', headers: {} as Record<string, string>, body: Buffer.alloc(0) }

async function refused() {
  const at = await receiver()
  at.close()
  return (await once(ANY, { url: `http://127.0.0.1:${at.port}/` })).code
}

await report(cases)
