/** Requests that a sender gets wrong, and some that only look so. */
import { gzipSync } from 'node:zlib'
import { raw } from '../support/raw.ts'
import { authorization, SMALL_LIMIT } from './fixture.ts'

type Headers = readonly (readonly [name: string, value: string])[]

export interface Request {
  /** `/open` if it says nothing, where everybody is let in. */
  path?: string
  method?: string
  headers?: Headers
  body?: string | Uint8Array
  /** Instead of Content-Length and body: what is sent after the head, and pauses in milliseconds. */
  parts?: readonly (string | number)[]
}

export interface Refused extends Request {
  details?: Record<string, string[]>
  allow?: string
}

export const auth: Headers = [['authorization', authorization.authorization]]
const keyed = (key: string): Headers => [...auth, ['x-idempotency-key', key]]
const sized = (length: number): Headers => [...auth, ['content-length', `${length}`]]
const chunked: Headers = [...auth, ['transfer-encoding', 'chunked']]
const type = (name: string): Headers => [['content-type', name]]
const encoding = (name: string): Headers => [['content-encoding', name]]
const form = type('application/x-www-form-urlencoded')

const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`
const dribble = (part: string) => Array.from({ length: 12 }, (_, i) => (i % 2 ? 200 : part))
const levels = (n: number) => `${'{"a":'.repeat(n - 1)}{}${'}'.repeat(n - 1)}`
const bytes = (...values: number[]) => Uint8Array.from(values)
const LONGEST = 'x'.repeat(255)

const general = (sentence: string) => ({ _general: [`The payload ${sentence}`] })
const field = (name: string, sentence: string) => ({ [name]: [`The ${name} field ${sentence}`] })
const proto = (at = '__proto__') => field(at, 'is not allowed.')
const unstorable = (name: string) => field(name, 'has a NUL character or half of a surrogate pair.')
const lossy = (name = 'n') => field(name, 'has a number that would lose digits; send it as text.')
const noId = (name = 'id') => field(name, 'must be text of at most 255 characters, or a number of at most 15 digits.')
const BAD_KEY = 'has a key with a NUL character or half of a surrogate pair.'

/** What each is answered, and none of them may leave a row anywhere. */
export const refused: readonly [status: number, code: string, requests: Record<string, Refused>][] = [
  [
    404,
    'NOT_FOUND',
    {
      'a path that nobody has': { path: '/nothing' },
      'a path with one more slash': { path: '/open/' },
      'a path in other letter case': { path: '/Open' },
      'an inactive webhook': { path: '/off' },
      'an unknown token': { path: '/drop/wh_nobody' },
      'an empty token': { path: '/drop/' },
      'a long token': { path: `/drop/${'x'.repeat(5000)}` },
    },
  ],
  [
    405,
    'METHOD_NOT_ALLOWED',
    {
      'GET where POST is wanted': { path: '/bearer', method: 'GET', allow: 'POST' },
      'DELETE where POST and PUT are wanted': { path: '/plain', method: 'DELETE', allow: 'POST, PUT' },
      OPTIONS: { path: '/bearer', method: 'OPTIONS', allow: 'POST' },
    },
  ],
  [
    413,
    'PAYLOAD_TOO_LARGE',
    {
      'a declared length over the limit': { path: '/bearer', headers: auth, body: `{"a":"${'x'.repeat(SMALL_LIMIT)}"}` },
      'a declared length over the limit, from nobody': { path: '/bearer', body: 'x'.repeat(SMALL_LIMIT + 1) },
      'a declared length over the limit, of which nothing comes': { path: '/bearer', headers: sized(500_000), parts: [] },
      'chunks over the limit': {
        path: '/bearer',
        headers: chunked,
        parts: [chunk('x'.repeat(3000)), chunk('x'.repeat(3000)), '0\r\n\r\n'],
      },
      'one chunk over the limit': { path: '/bearer', headers: chunked, parts: [chunk('x'.repeat(SMALL_LIMIT + 1)), '0\r\n\r\n'] },
      'chunks over the limit, and no end': {
        path: '/bearer',
        headers: chunked,
        parts: [chunk('x'.repeat(3000)), 100, chunk('x'.repeat(3000))],
      },
    },
  ],
  [
    408,
    'REQUEST_TIMEOUT',
    {
      'a body that stops half-way': { path: '/bearer', headers: sized(100), parts: ['{"a":'] },
      'a body of which nothing comes': { path: '/bearer', headers: sized(100), parts: [] },
      'a body that dribbles': { path: '/bearer', headers: sized(100), parts: dribble(' ') },
      'chunks that dribble': { path: '/bearer', headers: chunked, parts: dribble(chunk(' ')) },
    },
  ],
  [
    400,
    'INVALID_JSON',
    {
      'an empty body': { body: '' },
      'no body at all': { parts: [] },
      'white space': { body: ' \n\t' },
      'bytes that are no UTF-8': { body: bytes(0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xff, 0x22, 0x7d) },
      'UTF-8 longer than its character needs': { body: bytes(0x7b, 0x22, 0xc0, 0xaf, 0x22, 0x3a, 0x31, 0x7d) },
      'half of a surrogate pair as UTF-8': { body: bytes(0x7b, 0x22, 0xed, 0xa0, 0x80, 0x22, 0x3a, 0x31, 0x7d) },
      'UTF-16': { body: Uint8Array.from(Buffer.from('{"a":1}', 'utf16le')) },
      'a byte order mark': { body: '\ufeff{"a":1}' },
      'broken JSON': { body: '{"a":1' },
      'two objects': { body: '{"a":1}{"b":2}' },
      'a comment': { body: '{"a":1 /* one */}' },
      'a trailing comma': { body: '{"a":1,}' },
      'single quotes': { body: "{'a':1}" },
      NaN: { body: '{"a":NaN}' },
      'a number with a leading zero': { body: '{"a":01}' },
      'a NUL byte in a string': { body: '{"a":"\u0000"}' },
      'a line feed in a string': { body: '{"a":"\n"}' },
      '65 levels': { body: levels(65) },
      '30,000 levels': { body: `{"a":${'['.repeat(30_000)}${']'.repeat(30_000)}}` },
      '60,000 levels that nobody closes': { body: '['.repeat(60_000) },
      'a list': { body: '[{"a":1}]' },
      'a text': { body: '"a"' },
      'a number': { body: '1' },
      true: { body: 'true' },
      null: { body: 'null' },
    },
  ],
  [
    422,
    'VALIDATION_FAILED',
    {
      // Names that reach what all objects share
      __proto__key: { body: '{"__proto__":{"admin":true}}', details: proto() },
      '__proto__, escaped': { body: '{"\\u005f_proto\\u005f_":1}', details: proto() },
      '__proto__ within': { body: '{"a":[{"b":{"__proto__":null}}]}', details: proto('a.0.b.__proto__') },
      '__proto__ in a form': { headers: form, body: 'a=1&__proto__=2', details: proto() },
      '__proto__ in a form, escaped': { headers: form, body: '%5f_proto_%5F=2', details: proto() },
      '__proto__ in a query': { method: 'GET', path: '/open?__proto__=1', details: proto() },
      // What Postgres cannot keep
      'NUL in a value': { body: '{"a":{"b":"x\\u0000"}}', details: unstorable('a.b') },
      'NUL in a key': { body: '{"a":{"x\\u0000":1}}', details: field('a', BAD_KEY) },
      'NUL in the id': { body: '{"id":"\\u0000"}', details: unstorable('id') },
      'NUL in a form': { headers: form, body: 'a=%00', details: unstorable('a') },
      'NUL in a name of a form': { headers: form, body: 'a%00b=1', details: general('has a key with a NUL character.') },
      'NUL in a query': { method: 'GET', path: '/open?a=%00', details: unstorable('a') },
      'the first half of a surrogate pair': { body: '{"a":"\\ud83d"}', details: unstorable('a') },
      'the second half of a surrogate pair': { body: '{"a":"\\ude00"}', details: unstorable('a') },
      'surrogates the wrong way round': { body: '{"a":["\\ude00\\ud83d"]}', details: unstorable('a.0') },
      'half of a surrogate pair in a key': { body: '{"\\ud83d":1}', details: general(BAD_KEY) },
      // Numbers that would come out as others
      '2^53 + 1': { body: '{"n":9007199254740993}', details: lossy() },
      '-(2^53 + 1)': { body: '{"n":-9007199254740993}', details: lossy() },
      '20 digits': { body: '{"a":[{"n":12345678901234567890}]}', details: lossy('a.0.n') },
      '20 digits with an exponent': { body: '{"n":1.2345678901234567890e19}', details: lossy() },
      '1e400': { body: '{"n":1e400}', details: lossy() },
      '-1E+400': { body: '{"n":-1E+400}', details: lossy() },
      '400 digits': { body: `{"n":${'9'.repeat(400)}}`, details: lossy() },
      // Ids and matched values
      'an id of 20 digits': { body: '{"id":12345678901234567890}', details: lossy('id') },
      'an id of 2^53': { body: '{"id":9007199254740992}', details: noId() },
      'an id of 256 characters': { body: `{"id":"${LONGEST}x"}`, details: noId() },
      'an id that is an object': { body: '{"id":{"a":1}}', details: noId() },
      'an id that is a list': { body: '{"id":["a"]}', details: noId() },
      'two ids in a query': { method: 'GET', path: '/open?id=a&id=b', details: noId() },
      'an id of 256 characters in another field': {
        path: '/bearer?idField=r',
        headers: auth,
        body: `{"r":"${LONGEST}x"}`,
        details: noId('r'),
      },
      'a matched value of 256 characters': { path: '/person', body: `{"email":"${LONGEST}x"}`, details: noId('email') },
      // Forms and queries
      'a form that is no UTF-8': { headers: form, body: bytes(0x61, 0x3d, 0xff), details: general('must be UTF-8.') },
      'a form that is no UTF-8 once decoded': { headers: form, body: 'a=%ff', details: general('must be percent-encoded UTF-8.') },
      'a form with broken escapes': { headers: form, body: 'a=%zz', details: general('must be percent-encoded UTF-8.') },
      'a query with broken escapes': { method: 'GET', path: '/open?a=%', details: general('must be percent-encoded UTF-8.') },
      'a form of 1,001 parameters': { headers: form, body: 'a&'.repeat(1001), details: general('must have at most 1000 parameters.') },
    },
  ],
  [
    400,
    'IDEMPOTENCY_KEY_INVALID',
    {
      'a key of 256 characters': { path: '/bearer', headers: keyed(`${LONGEST}x`) },
      'an empty key': { path: '/bearer', headers: keyed('') },
      'a key of spaces': { path: '/bearer', headers: keyed('   ') },
      'a key of two quotes': { path: '/bearer', headers: keyed('""') },
      'a key with an open quote': { path: '/bearer', headers: keyed('"a') },
      'a key with a tab': { path: '/bearer', headers: keyed('a\tb') },
    },
  ],
  [
    415,
    'UNSUPPORTED_MEDIA_TYPE',
    {
      'plain text': { headers: type('text/plain') },
      XML: { headers: type('application/xml'), body: '<a/>' },
      'a form with files': {
        headers: type('multipart/form-data; boundary=b'),
        body: '--b\r\ncontent-disposition: form-data\r\n\r\n1\r\n--b--\r\n',
      },
      'JSON in Latin-1': { headers: type('application/json; charset=iso-8859-1') },
      'JSON in UTF-16': { headers: type('application/json;charset="utf-16"') },
      'two types': { headers: [...type('application/json'), ...type('text/plain')] },
      'a type that is none': { headers: type('json') },
      'lines of JSON': { headers: type('application/x-ndjson') },
      'JSON sent as a form': { headers: form, body: '{"a":1}' },
      gzip: { headers: encoding('gzip'), body: gzipSync('{"a":1}') },
      'gzip that is none': { headers: encoding('gzip') },
      br: { headers: encoding('br') },
      'identity and gzip': { headers: encoding('identity, gzip') },
    },
  ],
  [429, 'QUOTA_EXCEEDED', { 'one record too many': { path: '/full', details: { _general: ['Record count quota exceeded.'] } } }],
]

/** What must be kept, and exactly: `holds` is asked of the record. */
export const kept: Record<string, Request & { holds: string }> = {
  '64 levels': { body: levels(64), holds: `data ? 'a'` },
  'constructor and prototype': { body: '{"constructor":{"prototype":{"a":1}}}', holds: `data #>> '{constructor,prototype,a}' = '1'` },
  'constructor in a form': { headers: form, body: 'constructor=1&toString=2', holds: `data = '{"constructor":"1","toString":"2"}'` },
  'constructor in a query': { method: 'GET', path: '/open?constructor=1&valueOf=2', holds: `data = '{"constructor":"1","valueOf":"2"}'` },
  'brackets in a form are part of a name': {
    headers: form,
    body: '__proto__[x]=1&a[b]=2',
    holds: `data = '{"__proto__[x]":"1","a[b]":"2"}'`,
  },
  '2^53': { body: '{"n":9007199254740992}', holds: `(data->>'n')::numeric = 9007199254740992` },
  '-(2^53 - 1)': { body: '{"n":-9007199254740991}', holds: `(data->>'n')::numeric = -9007199254740991` },
  '1e20': { body: '{"n":1e20}', holds: `(data->>'n')::numeric = 100000000000000000000` },
  '1e308': { body: '{"n":1E+308}', holds: `(data->>'n')::numeric = 1e308` },
  'a fraction': { body: '{"n":0.1}', holds: `(data->>'n')::numeric = 0.1` },
  '20 digits as text': { body: '{"n":"12345678901234567890"}', holds: `data->>'n' = '12345678901234567890'` },
  'a surrogate pair, escaped': { body: '{"n":"\\ud83d\\ude00"}', holds: `data->>'n' = '😀'` },
  'a key that stands twice: the last one counts': { body: '{"n":1,"n":2}', holds: `data = '{"n":2}'` },
  'control characters, escaped': { body: '{"n":"\\u0001\\u007f\\u2028"}', holds: `data->>'n' = U&'\\0001\\007F\\2028'` },
  'two ways to write é': { body: '{"\\u00e9":1,"e\\u0301":2}', holds: `(select count(*) from jsonb_object_keys(data)) = 2` },
  'an id of 255 characters': { body: `{"id":"${LONGEST}"}`, holds: `id = '${LONGEST}'` },
  'an id of 127 characters beyond 16 bits': { body: `{"id":"${'😀'.repeat(127)}"}`, holds: `id = '${'😀'.repeat(127)}'` },
  'an id of quotes and a backslash': { body: `{"id":"'\\\\\\""}`, holds: `id = '''\\"'` },
  'an empty id: one is made': { body: '{"id":""}', holds: 'length(id) = 26' },
  'an id of null: one is made': { body: '{"id":null}', holds: 'length(id) = 26' },
  'an id of 0': { body: '{"id":0}', holds: `id = '0'` },
  'an id field by the name of __proto__': { path: '/bearer?idField=__proto__', headers: auth, holds: 'length(id) = 26' },
  'an id field by the name of constructor': { path: '/bearer?idField=constructor', headers: auth, holds: 'length(id) = 26' },
  'an id field without a name': { path: '/bearer?idField=', headers: auth, body: '{"id":"a"}', holds: `id = 'a'` },
  'JSON without a type': { body: '{"n":1}', holds: `data = '{"n":1}'` },
  'JSON of a kind': { headers: type('application/cloudevents+json; charset=UTF-8'), body: '{"n":1}', holds: `data = '{"n":1}'` },
  'an encoding of identity': { headers: encoding('identity'), body: '{"n":1}', holds: `data = '{"n":1}'` },
  // Nobody can tell two headers from one with a comma; sent again, they are the same key again.
  'two keys': { path: '/bearer', headers: [...keyed('a'), ['x-idempotency-key', 'b']], holds: keyHeld('a, b') },
  'a key of 255 characters': { path: '/bearer', headers: keyed(LONGEST), holds: keyHeld(LONGEST) },
}

function keyHeld(key: string): string {
  return `exists (select from idempotency_keys k where k.key = '${key}' and k.record_id = records.id)`
}

/** Sends the request's bytes over a connection of its own; waits `quiet` milliseconds for the connection's end. */
export async function send(port: number, { path = '/open', method = 'POST', headers = [], body, parts }: Request, quiet = 0) {
  const content = body ?? (method === 'GET' || method === 'OPTIONS' || parts ? undefined : '{}')
  const length = content === undefined ? [] : [['content-length', `${Buffer.byteLength(content)}`]]
  const lines = [['host', 'gateway.test'], ...headers, ...length].map(([name, value]) => `${name}: ${value}\r\n`)
  return raw(port, [`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`, ...(parts ?? [content ?? ''])], { deadline: 4000, quiet })
}
