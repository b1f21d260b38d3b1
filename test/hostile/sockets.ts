/** Requests that no HTTP client sends, as bytes; what each runtime makes of them is in raw-socket.test.ts. */
import { gzipSync } from 'node:zlib'
import { secrets } from './fixture.ts'

type Part = string | Uint8Array | number

const KEY = `authorization: Bearer ${secrets.BEARER_KEY}\r\n`
const HOST = 'host: gateway.test\r\n'

/** A request to `/open`; its lines end as given. */
const post = (headers: string, body = '', target = '/open') => `POST ${target} HTTP/1.1\r\n${HOST}${headers}\r\n${body}`
const withLength = (body: string, headers = '', target = '/open') =>
  post(`${headers}content-length: ${Buffer.byteLength(body)}\r\n`, body, target)
/** What a smuggler hides in another request. */
const HIDDEN = `POST /_admin/secret HTTP/1.1\r\n${HOST}content-length: 2\r\n\r\n{}`
const OK = '{"a":1}'
const CHUNKED = 'transfer-encoding: chunked\r\n'

export const sockets: Record<string, readonly Part[]> = {
  // Lengths
  'Content-Length and Transfer-Encoding': [post(`content-length: 7\r\n${CHUNKED}`, '7\r\n{"a":1}\r\n0\r\n\r\n')],
  'Transfer-Encoding and Content-Length': [post(`${CHUNKED}content-length: 7\r\n`, '7\r\n{"a":1}\r\n0\r\n\r\n')],
  'Content-Length and Transfer-Encoding, with a request hidden behind the chunks': [
    post(`content-length: 5\r\n${CHUNKED}`, `0\r\n\r\n${HIDDEN}`),
  ],
  'two lengths': [post('content-length: 7\r\ncontent-length: 5\r\n', OK)],
  'two lengths that agree': [post('content-length: 7\r\ncontent-length: 7\r\n', OK)],
  'a length of +7': [post('content-length: +7\r\n', OK)],
  'a length of 7, 7': [post('content-length: 7, 7\r\n', OK)],
  'a length of 0x7': [post('content-length: 0x7\r\n', OK)],
  'a length of -7': [post('content-length: -7\r\n', OK)],
  'a length of 7.0': [post('content-length: 7.0\r\n', OK)],
  'a length of 20 digits': [post('content-length: 99999999999999999999\r\n', OK)],
  'an empty length': [post('content-length: \r\n', OK)],
  'a length over the limit': [post('content-length: 300000\r\n')],
  'a length over what the server itself takes': [post('content-length: 500000000\r\n')],
  'a length over the limit, with a request hidden in the body': [
    post('content-length: 70000\r\n', HIDDEN + ' '.repeat(70_000 - HIDDEN.length)),
  ],
  'a body shorter than its length, and the end': [post('content-length: 100\r\n', OK)],
  'a request hidden in the body of one that nobody takes': [withLength(HIDDEN, '', '/nothing')],
  'a request hidden in the body of one by a wrong method': [
    `DELETE /open HTTP/1.1\r\n${HOST}content-length: ${HIDDEN.length}\r\n\r\n${HIDDEN}`,
  ],
  'a request hidden in the body of a GET': [`GET /open?a=1 HTTP/1.1\r\n${HOST}content-length: ${HIDDEN.length}\r\n\r\n${HIDDEN}`],
  'a request hidden behind a body of no length': [post('', HIDDEN)],
  // Transfer codings
  'Transfer-Encoding: xchunked': [post('transfer-encoding: xchunked\r\n', '7\r\n{"a":1}\r\n0\r\n\r\n')],
  'Transfer-Encoding: chunked, identity': [post('transfer-encoding: chunked, identity\r\n', '7\r\n{"a":1}\r\n0\r\n\r\n')],
  'Transfer-Encoding: gzip, chunked': [post('transfer-encoding: gzip, chunked\r\n', '7\r\n{"a":1}\r\n0\r\n\r\n')],
  'Transfer-Encoding twice': [post(`${CHUNKED}${CHUNKED}`, '7\r\n{"a":1}\r\n0\r\n\r\n')],
  'Transfer-Encoding in upper case': [post('TRANSFER-ENCODING: CHUNKED\r\n', '7\r\n{"a":1}\r\n0\r\n\r\n')],
  'a space before the colon of Transfer-Encoding': [post('transfer-encoding : chunked\r\n', '7\r\n{"a":1}\r\n0\r\n\r\n')],
  'Transfer-Encoding of HTTP/1.0': [post(CHUNKED, '7\r\n{"a":1}\r\n0\r\n\r\n').replace('HTTP/1.1', 'HTTP/1.0')],
  'a chunk with an extension': [post(CHUNKED, '7;a="b"\r\n{"a":1}\r\n0\r\n\r\n')],
  'a chunk with junk in its extension': [post(CHUNKED, '7;\u0001<>,;==\r\n{"a":1}\r\n0\r\n\r\n')],
  'a chunk with a bare line feed in its extension': [post(CHUNKED, `7;a\n{"a":1}\r\n0\r\n\r\n`)],
  'a chunk of 0x7': [post(CHUNKED, '0x7\r\n{"a":1}\r\n0\r\n\r\n')],
  'a chunk of 2^64 + 7': [post(CHUNKED, '10000000000000007\r\n{"a":1}\r\n0\r\n\r\n')],
  'a chunk of -1': [post(CHUNKED, '-1\r\n{"a":1}\r\n0\r\n\r\n')],
  'chunks that end with line feeds': [post(CHUNKED, '7\n{"a":1}\n0\n\n')],
  'a chunk longer than it says': [post(CHUNKED, '5\r\n{"a":1}\r\n0\r\n\r\n')],
  'a request hidden in the trailer': [post(CHUNKED, `2\r\n{}\r\n0\r\nGET /_admin/secret?a: HTTP/1.1\r\n${HOST}\r\n`, '/bearer')],
  'a credential in the trailer': [post(CHUNKED, `2\r\n{}\r\n0\r\n${KEY}\r\n`, '/bearer')],
  // Lines
  'lines that end with line feeds': [withLength(OK).replaceAll('\r\n', '\n')],
  'lines that end with carriage returns': [withLength(OK).replaceAll('\r\n', '\r')],
  'a folded header': [withLength(OK, 'x-a: 1\r\n 2\r\n')],
  'a folded Authorization': [withLength(OK, `authorization: Bearer\r\n ${secrets.BEARER_KEY}\r\n`, '/bearer')],
  'a NUL in a header': [withLength(OK, 'x-a: 1\u00002\r\n')],
  'a control character in a header': [withLength(OK, 'x-a: 1\u00012\r\n')],
  'a carriage return in a header': [withLength(OK, 'x-a: 1\r2\r\n')],
  'a NUL in an idempotency key': [withLength(OK, `${KEY}x-idempotency-key: a\u0000b\r\n`, '/bearer')],
  'a control character in an idempotency key': [withLength(OK, `${KEY}x-idempotency-key: a\u0001b\r\n`, '/bearer')],
  'bytes beyond ASCII in an idempotency key': [withLength(OK, `${KEY}x-idempotency-key: \u00e9\r\n`, '/bearer')],
  'a header without a colon': [withLength(OK, 'x-a\r\n')],
  'a header without a name': [withLength(OK, ': 1\r\n')],
  'a header with a space in its name': [withLength(OK, 'x a: 1\r\n')],
  'empty lines before the request': [`\r\n\r\n${withLength(OK)}`],
  // Hosts
  'no Host': [withLength(OK).replace(HOST, '')],
  'two Hosts': [withLength(OK, 'host: other.test\r\n')],
  'two equal Hosts': [withLength(OK, HOST)],
  'an absolute target with another host': [withLength(OK, '', 'http://other.test/open')],
  'an absolute target of another tenant': [withLength(OK, '', 'http://b.example/tenant').replace(HOST, 'host: a.example\r\n')],
  'an absolute target with a name and password': [withLength(OK, '', 'http://a:b@gateway.test/open')],
  'an absolute target by https': [withLength(OK, '', 'https://gateway.test/open')],
  'an absolute target by file': [withLength(OK, '', 'file:///open')],
  // Headers
  'a header twice': [withLength(OK, 'x-a: 1\r\nx-a: 2\r\n')],
  'Authorization twice': [withLength(OK, `${KEY}authorization: Bearer evil\r\n`, '/bearer')],
  'a header with an underscore': [withLength(OK, `authorization_: Bearer ${secrets.BEARER_KEY}\r\n`, '/bearer')],
  '90 headers': [withLength(OK, Array.from({ length: 90 }, (_, i) => `x-${i}: 1\r\n`).join(''))],
  '200 headers': [withLength(OK, Array.from({ length: 200 }, (_, i) => `x-${i}: 1\r\n`).join(''))],
  'a header of 64 KB': [withLength(OK, `x-a: ${'a'.repeat(65_536)}\r\n`)],
  'a header of 8 KB': [withLength(OK, `x-a: ${'a'.repeat(8192)}\r\n`)],
  // Targets
  '%2F in the token': [withLength(OK, '', '/drop/a%2Fb')],
  '%00 in the token': [withLength(OK, '', '/drop/a%00')],
  '%zz in the token': [withLength(OK, '', '/drop/%zz')],
  '%c0%af in the token': [withLength(OK, '', '/drop/a%c0%af')],
  'slashes twice': [withLength(OK, '', '//open')],
  'slashes twice, with a name between': [withLength(OK, '', '//other.test/open')],
  'slashes twice within': [withLength(OK, '', '/drop//a')],
  'a way back': [withLength(OK, '', '/x/../open')],
  'a way back, escaped': [withLength(OK, '', '/x/%2e%2e/open')],
  'a way back with an escaped slash': [withLength(OK, '', '/x/..%2fopen')],
  'a way back with a backslash': [withLength(OK, '', '/x\\..\\open')],
  'a dot segment': [withLength(OK, '', '/./open')],
  'an escaped letter': [withLength(OK, '', '/%6fpen')],
  'a fragment': [withLength(OK, '', '/open#/_admin/secret')],
  'a tab in the target': [withLength(OK, '', '/op\ten')],
  'a NUL in the target': [withLength(OK, '', '/open\u0000')],
  'bytes beyond ASCII in the target': [withLength(OK, '', '/open\u00e9')],
  'bytes of no UTF-8 in an id of the query': [Buffer.from(`GET /open?id=a\xff HTTP/1.1\r\n${HOST}\r\n`, 'latin1')],
  'a target of 20 KB': [withLength(OK, '', `/open?${'a'.repeat(20_000)}`)],
  'a semicolon': [withLength(OK, '', '/open;/../_admin/secret')],
  // Request lines
  'HTTP/1.0': [withLength(OK).replace('HTTP/1.1', 'HTTP/1.0')],
  'HTTP/1.9': [withLength(OK).replace('HTTP/1.1', 'HTTP/1.9')],
  'HTTP/2.0': [withLength(OK).replace('HTTP/1.1', 'HTTP/2.0')],
  'HTTP/0.9': ['GET /open\r\n'],
  'no version': [withLength(OK).replace(' HTTP/1.1', '')],
  'the preface of HTTP/2': ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\u0000\u0000\u0000\u0004\u0000\u0000\u0000\u0000\u0000'],
  'a method in lower case': [withLength(OK).replace('POST', 'post')],
  'a method that nobody knows': [withLength(OK).replace('POST', 'FROB')],
  'a method with a control character': [withLength(OK).replace('POST', 'PO\u0001ST')],
  HEAD: [`HEAD /open HTTP/1.1\r\n${HOST}\r\n`],
  TRACE: [`TRACE /open HTTP/1.1\r\n${HOST}\r\n`],
  'HEAD of what nobody has': [`HEAD /nothing HTTP/1.1\r\n${HOST}\r\n`],
  OPTIONS: [`OPTIONS /open HTTP/1.1\r\n${HOST}\r\n`],
  'OPTIONS of a page that asks whether it may send': [
    `OPTIONS /bearer HTTP/1.1\r\n${HOST}origin: https://page.example\r\naccess-control-request-method: POST\r\naccess-control-request-headers: authorization\r\n\r\n`,
  ],
  'OPTIONS with a body': [`OPTIONS /open HTTP/1.1\r\n${HOST}content-length: 7\r\n\r\n${OK}`],
  'OPTIONS *': [`OPTIONS * HTTP/1.1\r\n${HOST}\r\n`],
  CONNECT: [`CONNECT gateway.test:80 HTTP/1.1\r\n${HOST}\r\n`],
  'two spaces': [withLength(OK).replace('POST ', 'POST  ')],
  'the beginning of TLS': [Uint8Array.of(0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, ...new Uint8Array(64))],
  'nothing but zeros': [new Uint8Array(64)],
  // Several
  'two in a row': [withLength(OK) + withLength(OK)],
  'two in a row, the first bad': [withLength('[]') + withLength(OK)],
  'two in a row, the first without credential': [withLength(OK, '', '/bearer') + withLength(OK)],
  'Expect: 100-continue': [post('content-length: 7\r\nexpect: 100-continue\r\n'), 200, OK],
  'Expect: 100-continue, over the limit': [post('content-length: 300000\r\nexpect: 100-continue\r\n')],
  'Expect: something else': [withLength(OK, 'expect: a-miracle\r\n')],
  'Upgrade to WebSocket': [
    `GET /open?a=1 HTTP/1.1\r\n${HOST}connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\nsec-websocket-version: 13\r\n\r\n`,
  ],
  'Upgrade to HTTP/2': [
    `GET /open?a=1 HTTP/1.1\r\n${HOST}connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n\r\n`,
  ],
  // Bodies
  'a gzip body': [post(`content-encoding: gzip\r\ncontent-length: ${gzipSync(OK).length}\r\n`), gzipSync(OK)],
  'JSON that is no UTF-8': [post('content-length: 7\r\n'), Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d)],
  'JSON that is cut off': [withLength('{"a":')],
  'JSON with a byte order mark': [withLength(`\ufeff${OK}`)],
  'JSON with __proto__': [withLength('{"__proto__":{"a":1}}')],
  'a form with __proto__[x]': [withLength('__proto__[x]=1', 'content-type: application/x-www-form-urlencoded\r\n')],
}
