/** What exact bytes get from each runtime: frozen, so that a new version of one of them shows here first. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { available } from '../support/available.ts'
import { postgres } from '../support/postgres.ts'
import { runtimes } from '../support/process.ts'
import { type RawAnswer, raw } from '../support/raw.ts'
import { type Opened, open } from './fixture.ts'
import { sockets } from './sockets.ts'

/** The server of a runtime says no by itself: a bare status, and the end of the connection. */
const BAD = '400, closed'

/** Statuses in order, each with the code of our own refusals, and whether the server closed; two texts where Bun and Deno differ. */
const expected: Record<keyof typeof sockets, string | readonly [bun: string, deno: string]> = {
  'Content-Length and Transfer-Encoding': BAD,
  'Transfer-Encoding and Content-Length': BAD,
  'Content-Length and Transfer-Encoding, with a request hidden behind the chunks': BAD,
  'two lengths': BAD,
  'two lengths that agree': '201',
  'a length of +7': BAD,
  'a length of 7, 7': BAD,
  'a length of 0x7': BAD,
  'a length of -7': BAD,
  'a length of 7.0': BAD,
  'a length of 20 digits': BAD,
  'an empty length': BAD,
  'a length over the limit': '413 PAYLOAD_TOO_LARGE',
  'a length over what the server itself takes': '413 PAYLOAD_TOO_LARGE',
  'a length over the limit, with a request hidden in the body': '413 PAYLOAD_TOO_LARGE',
  // Deno says `Connection: close`, and waits for the rest all the same.
  'a body shorter than its length, and the end': ['408 REQUEST_TIMEOUT, closed', '408 REQUEST_TIMEOUT'],
  'a request hidden in the body of one that nobody takes': '404 NOT_FOUND',
  'a request hidden in the body of one by a wrong method': '405 METHOD_NOT_ALLOWED',
  'a request hidden in the body of a GET': '201',
  // Not hidden at all: without a length there is no body, and this is the next request.
  'a request hidden behind a body of no length': '400 INVALID_JSON, 202',
  'Transfer-Encoding: xchunked': BAD,
  'Transfer-Encoding: chunked, identity': BAD,
  // Deno takes the chunks apart and leaves the rest to us; this body is no gzip.
  'Transfer-Encoding: gzip, chunked': [BAD, '201'],
  'Transfer-Encoding twice': BAD,
  'Transfer-Encoding in upper case': '201',
  'a space before the colon of Transfer-Encoding': BAD,
  'Transfer-Encoding of HTTP/1.0': BAD,
  'a chunk with an extension': '201',
  // Deno has handed the request on by then, and ends the connection without a word.
  'a chunk with junk in its extension': [BAD, 'closed'],
  'a chunk with a bare line feed in its extension': [BAD, 'closed'],
  'a chunk of 0x7': [BAD, 'closed'],
  'a chunk of 2^64 + 7': [BAD, 'closed'],
  'a chunk of -1': [BAD, 'closed'],
  'a chunk longer than it says': [BAD, 'closed'],
  // Deno waits for the carriage return.
  'chunks that end with line feeds': [BAD, '408 REQUEST_TIMEOUT'],
  // Bun knows no trailers: it looks for the next request in them. A proxy must not pass them on.
  'a request hidden in the trailer': ['401 UNAUTHORIZED, 400, closed', 'closed'],
  'a credential in the trailer': ['401 UNAUTHORIZED, 400, closed', '401 UNAUTHORIZED'],
  // RFC 9112, section 2.2, lets a server take a bare line feed.
  'lines that end with line feeds': ['505, closed', '201'],
  'lines that end with carriage returns': ['505, closed', BAD],
  'a folded header': BAD,
  'a folded Authorization': BAD,
  'a NUL in a header': BAD,
  'a control character in a header': BAD,
  'a carriage return in a header': BAD,
  'a NUL in an idempotency key': BAD,
  'a control character in an idempotency key': BAD,
  'bytes beyond ASCII in an idempotency key': '201',
  'a header without a colon': BAD,
  'a header without a name': BAD,
  'a header with a space in its name': BAD,
  // RFC 9112, section 2.2, asks servers to skip them.
  'empty lines before the request': [BAD, '201'],
  // What one server lets through, our guard refuses.
  'no Host': [BAD, '400 INVALID_REQUEST'],
  'two Hosts': ['400 INVALID_REQUEST', BAD],
  'two equal Hosts': ['400 INVALID_REQUEST', BAD],
  'an absolute target with another host': '201',
  'an absolute target of another tenant': '202',
  'an absolute target with a name and password': '201',
  'an absolute target by https': '201',
  // Deno has made `file://gateway.test/` and the like of it: a path that nobody has.
  'an absolute target by file': [BAD, '404 NOT_FOUND'],
  'a header twice': '201',
  'Authorization twice': '401 UNAUTHORIZED',
  'a header with an underscore': '401 UNAUTHORIZED',
  '90 headers': '201',
  // Both have limits of their own; Bun has a status for it.
  '200 headers': ['431, closed', BAD],
  'a header of 64 KB': ['431, closed', BAD],
  'a header of 8 KB': '201',
  '%2F in the token': '404 NOT_FOUND',
  '%00 in the token': '404 NOT_FOUND',
  '%zz in the token': '404 NOT_FOUND',
  '%c0%af in the token': '404 NOT_FOUND',
  'slashes twice': '404 NOT_FOUND',
  'slashes twice, with a name between': '404 NOT_FOUND',
  'slashes twice within': '404 NOT_FOUND',
  // Dot segments are resolved as a browser would; what is behind them is asked for its own credential.
  'a way back': '201',
  'a way back, escaped': '201',
  'a way back with an escaped slash': '404 NOT_FOUND',
  'a way back with a backslash': '201',
  'a dot segment': '201',
  'a semicolon': '202',
  'an escaped letter': '404 NOT_FOUND',
  'a fragment': '400 INVALID_REQUEST',
  'a tab in the target': ['505, closed', BAD],
  'a NUL in the target': ['505, closed', BAD],
  'bytes beyond ASCII in the target': '404 NOT_FOUND',
  // Bun has made U+FFFD of it.
  'bytes of no UTF-8 in an id of the query': ['422 VALIDATION_FAILED', BAD],
  // Bun takes 16 KB for the request line and all headers together.
  'a target of 20 KB': ['431, closed', '201'],
  'HTTP/1.0': '201, closed',
  'HTTP/1.9': ['505, closed', BAD],
  'HTTP/2.0': ['505, closed', BAD],
  'HTTP/0.9': ['505, closed', BAD],
  'no version': ['505, closed', BAD],
  // Deno speaks HTTP/2 with whoever begins with it; its answer is no HTTP/1.
  'the preface of HTTP/2': [BAD, ''],
  // Bun ends the connection at a method that it does not know.
  'a method in lower case': ['closed', '405 METHOD_NOT_ALLOWED'],
  'a method that nobody knows': ['closed', '405 METHOD_NOT_ALLOWED'],
  'a method with a control character': ['505, closed', BAD],
  HEAD: '405',
  'HEAD of what nobody has': '404',
  OPTIONS: '405 METHOD_NOT_ALLOWED',
  'OPTIONS of a page that asks whether it may send': '405 METHOD_NOT_ALLOWED',
  'OPTIONS with a body': '405 METHOD_NOT_ALLOWED',
  TRACE: '405 METHOD_NOT_ALLOWED',
  'OPTIONS *': [BAD, '404 NOT_FOUND'],
  CONNECT: '400 INVALID_REQUEST',
  'two spaces': BAD,
  'the beginning of TLS': BAD,
  'nothing but zeros': BAD,
  // Bun ends the connection when the next request comes before the answer; the first one is carried out.
  'two in a row': ['closed', '201, 201'],
  'two in a row, the first bad': '400 INVALID_JSON, 201',
  'two in a row, the first without credential': '401 UNAUTHORIZED, 201',
  'Expect: 100-continue': '201',
  'Expect: 100-continue, over the limit': '413 PAYLOAD_TOO_LARGE',
  'Expect: something else': '201',
  'Upgrade to WebSocket': '201',
  'Upgrade to HTTP/2': '201',
  'a gzip body': '415 UNSUPPORTED_MEDIA_TYPE',
  'JSON that is no UTF-8': '400 INVALID_JSON',
  'JSON that is cut off': '400 INVALID_JSON',
  'JSON with a byte order mark': '400 INVALID_JSON',
  'JSON with __proto__': '422 VALIDATION_FAILED',
  'a form with __proto__[x]': '201',
}

/** Hosts from which Elysia alone would find another path than the sender's; only the two real paths may be answered. */
const hosts = ['x', 'gw', 'abc', 'gateway.test']
const paths = ['/_admin/secret', '/ab/_admin/secret', '/a/_admin/secret', '/_admin/u/7', '/ab/_admin/u/7', '/a/_admin/u/7']
const real = ['/_admin/secret', '/_admin/u/7']
const get = (path: string, host?: string, version = '1.1') =>
  `GET ${path} HTTP/${version}\r\n${host === undefined ? '' : `host: ${host}\r\n`}\r\n`
const odd = ['x/_admin/secret?', 'gateway.test/_admin/secret?', 'gateway.test#', 'a b', '', 'h:99999', 'u@x', 'gateway.test%2f']
const forms: [name: string, request: string, answered: boolean][] = [
  ...hosts.flatMap(host => paths.map((path): [string, string, boolean] => [`${host} ${path}`, get(path, host), real.includes(path)])),
  ...['/_admin/secret', '/_admin/u/7', '/aaaaaaaaaa/_admin/secret'].map((path): [string, string, boolean] => [
    `HTTP/1.0 ${path}`,
    get(path, undefined, '1.0'),
    false,
  ]),
  // A port of 99999 is no port; nothing comes of it.
  ...odd.map((host): [string, string, boolean] => [`${host} /ab/_admin/secret`, get('/ab/_admin/secret', host), false]),
]

function brief({ responses, closed }: RawAnswer): string {
  const answers = responses.map(({ status, body }) => `${status} ${/"code":"(\w+)"/.exec(body)?.[1] ?? ''}`.trim())
  return [...answers, ...(closed ? ['closed'] : [])].join(', ')
}

const onPostgres = await available('Postgres', postgres)

for (const [i, runtime] of runtimes.entries()) {
  onPostgres(`bytes on ${runtime}`, () => {
    let gateway: Opened
    /** All at once: many of them have to wait for what does not come. */
    let answers: Map<string, RawAnswer>
    const ask = async (requests: [string, readonly (string | Uint8Array | number)[]][]) =>
      new Map(
        await Promise.all(
          requests.map(async ([name, parts]) => [name, await raw(gateway.port, parts, { deadline: 4000, quiet: 500 })] as const),
        ),
      )
    const events = async () =>
      new Map((await gateway.rows('select webhook, count(*)::int as n from events group by 1')).map(e => [e.webhook, e.n]))
    beforeAll(async () => {
      gateway = await open(runtime)
      answers = await ask(Object.entries(sockets))
    }, 20_000)
    afterAll(() => gateway?.close())

    test.each(Object.entries(expected))('%s: %j', (name, result) => {
      const wanted = typeof result === 'string' ? result : result[i]
      const actual = brief(answers.get(name) as RawAnswer)
      // A server that closes on unread bytes may take its own answer back with them.
      if (!(actual === 'closed' && wanted?.endsWith('closed') && /^\d+, closed$/.test(wanted))) expect(actual).toBe(wanted as string)
    })

    test('no row without an answer, and no answer without a row', async () => {
      const good = [...answers.values()].flatMap(a => a.responses).filter(r => r.status < 300).length
      // The one whose answer Bun has swallowed: two in a row.
      const swallowed = runtime === 'bun' ? 1 : 0
      const total = async () => [...(await events()).values()].reduce((a, b) => a + b, 0)
      const deadline = Date.now() + 3000
      while ((await total()) < good + swallowed && Date.now() < deadline) await Bun.sleep(50)
      expect(await total()).toBe(good + swallowed)
      // Nothing that was hidden has reached a webhook: these two came in the open.
      expect((await events()).get('secret')).toBe(2)
      // The Host header decides, not the target.
      expect([(await events()).get('tenant-a'), (await events()).get('tenant-b')]).toEqual([1, undefined])
    })

    test('no host leads to another path', async () => {
      const before = await events()
      const found = await ask(forms.map(([name, request]) => [name, [request]]))
      const wrong = forms.flatMap(([name, , answered]) => {
        const status = brief(found.get(name) as RawAnswer)
        const right = answered ? status === '202' : /^(404 NOT_FOUND|400.*|closed)$/.test(status)
        return right ? [] : [`${name}: ${status}`]
      })
      expect(wrong).toEqual([])
      expect(forms).toHaveLength(35)
      const after = await events()
      expect([after.get('secret'), after.get('user')]).toEqual([(before.get('secret') ?? 0) + hosts.length, hosts.length])
    })
  })
}
