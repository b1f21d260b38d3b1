import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { Exchange } from '#core/request/exchange.ts'
import { parsePayload } from '#core/request/payload.ts'

const utf8 = new TextEncoder()

interface Sent {
  method?: string
  contentType?: string | null
  contentEncoding?: string | null
  query?: string
}

function parse(body: string | Uint8Array, sent: Sent = {}) {
  const raw = typeof body === 'string' ? utf8.encode(body) : body
  return parsePayload({ method: 'POST', contentType: 'application/json', contentEncoding: null, query: '', raw, ...sent })
}

const form = (body: string | Uint8Array) => parse(body, { contentType: 'application/x-www-form-urlencoded' })
const query = (query: string) => parse('', { method: 'GET', contentType: null, query })
const code = (result: ReturnType<typeof parse>) => (result.ok ? `ok ${result.format}` : result.code)
const details = (result: ReturnType<typeof parse>) => (result.ok ? undefined : result.details)
const nested = (depth: number) => `${'{"a":'.repeat(depth - 1)}{}${'}'.repeat(depth - 1)}`

describe('what is JSON', () => {
  test.each([
    ['{}', 'ok json'],
    [' \r\n\t{"a":[1,null,true,"é"]} ', 'ok json'],
    ['{"constructor":{"prototype":1}}', 'ok json'],
    ['', 'INVALID_JSON'],
    [' ', 'INVALID_JSON'],
    ['{"a":1', 'INVALID_JSON'],
    ['{"a":1}x', 'INVALID_JSON'],
    ["{'a':1}", 'INVALID_JSON'],
    ['{"a":1,}', 'INVALID_JSON'],
    ['{"a":01}', 'INVALID_JSON'],
    ['{"a":NaN}', 'INVALID_JSON'],
    ['{"a":"\n"}', 'INVALID_JSON'],
    ['{"a":"\\', 'INVALID_JSON'],
    ['[]', 'INVALID_JSON'],
    ['"a"', 'INVALID_JSON'],
    ['1', 'INVALID_JSON'],
    ['null', 'INVALID_JSON'],
    ['\ufeff{}', 'INVALID_JSON'],
  ])('%j: %s', (body, expected) => {
    expect(code(parse(body))).toBe(expected)
  })

  test.each([
    ['bare continuation byte', [0x7b, 0x22, 0x80, 0x22, 0x3a, 0x31, 0x7d]],
    ['overlong slash', [0x7b, 0x22, 0xc0, 0xaf, 0x22, 0x3a, 0x31, 0x7d]],
    ['surrogate in UTF-8', [0x7b, 0x22, 0xed, 0xa0, 0x80, 0x22, 0x3a, 0x31, 0x7d]],
    ['UTF-16', [0xff, 0xfe, 0x7b, 0, 0x7d, 0]],
    ['cut off', [0x7b, 0x7d, 0xc3]],
  ])('bytes that are not UTF-8 (%s): INVALID_JSON, and the next body is read again', (_, bytes) => {
    expect(code(parse(new Uint8Array(bytes)))).toBe('INVALID_JSON')
    expect(code(parse('{"é":1}'))).toBe('ok json')
  })

  test('the last of two equal keys counts', () => {
    expect(parse('{"a":1,"b":2,"a":3}')).toEqual({ ok: true, payload: { a: 3, b: 2 }, format: 'json' })
  })

  test('nesting of 64 levels passes, of 65 does not; brackets in text do not count', () => {
    expect(code(parse(nested(64)))).toBe('ok json')
    expect(code(parse(nested(65)))).toBe('INVALID_JSON')
    expect(code(parse(`{"a":${'['.repeat(63)}${']'.repeat(63)}}`))).toBe('ok json')
    expect(code(parse(`{"a":${'['.repeat(64)}${']'.repeat(64)}}`))).toBe('INVALID_JSON')
    expect(code(parse(`{"a":"${'[{\\"'.repeat(100)}"}`))).toBe('ok json')
    expect(code(parse(`{"a":[${'{},[],'.repeat(100)}{}]}`))).toBe('ok json')
    expect(code(parse('['.repeat(5_000_000)))).toBe('INVALID_JSON')
  })

  test('the reason never quotes the body', () => {
    const result = parse('{"password":"hunter2"')
    expect(JSON.stringify(result)).not.toContain('hunter2')
  })
})

describe('what cannot be kept', () => {
  test.each([
    ['{"__proto__":1}', '__proto__'],
    ['{"a":{"__proto__":{"x":1}}}', 'a.__proto__'],
    ['{"a":[1,{"\\u005f_proto__":1}]}', 'a.1.__proto__'],
    ['{"__pr\\u006fto__":1}', '__proto__'],
    ['{"a":"\\u0000"}', 'a'],
    ['{"a":{"b":["x\\u0000y"]}}', 'a.b.0'],
    ['{"a\\u0000":1}', '_general'],
    ['{"o":{"a\\u0000":1}}', 'o'],
    ['{"a":"\\ud800"}', 'a'],
    ['{"a":"\\udc00\\ud800"}', 'a'],
    ['{"a":"\\uD83D\\u0041"}', 'a'],
    ['{"\\ud800":1}', '_general'],
    [`{"${'k'.repeat(300)}":"\\u0000"}`, '_general'],
  ])('%s: VALIDATION_FAILED at %s', (body, path) => {
    const result = parse(body)
    expect(code(result)).toBe('VALIDATION_FAILED')
    expect(Object.keys(details(result) ?? {})).toEqual([path])
  })

  test.each(['{"a":"\\ud83d\\ude00"}', '{"a":"\\\\u0000"}', '{"a":"__proto__"}', '{"a":"\\u00e9\\n\\t"}', '{"__proto":1,"proto__":2}'])(
    '%s passes',
    body => {
      expect(parse(body)).toEqual({ ok: true, payload: JSON.parse(body), format: 'json' })
    },
  )
})

describe('numbers are never changed without a word', () => {
  test.each([
    '0',
    '-0',
    '1',
    '-1',
    '3.14',
    '0.1',
    '0.30000000000000004',
    '1.7976931348623157e308',
    '1e23',
    '1E+23',
    '123e-20',
    '1e-400',
    '5e-324',
    '9007199254740991',
    '9007199254740992',
    '-9007199254740992',
    '9007199254740994',
    '123456789012345.678901234567890123',
    '100000000000000000000',
    '1000000000000000000000000000000',
    '1.50000000000000000000000000000000000',
    '12345678901234567e-5',
    '0e999999',
    '0.000001e20',
    '18014398509481984',
  ])('%s passes', literal => {
    const body = `{"a":${literal}}`
    expect(parse(body)).toEqual({ ok: true, payload: JSON.parse(body), format: 'json' })
  })

  test.each([
    '9007199254740993',
    '-9007199254740993',
    '12345678901234567890',
    '18446744073709551616',
    '1e400',
    '-1e400',
    '1e309',
    '9007199254740993.0',
    '90071992547409930e-1',
    '12345678901234567.5',
    '9007199254740992.5',
    '1.2345678901234567890e25',
    `1${'0'.repeat(400)}`,
    `${'9'.repeat(100_000)}`,
    '1e99999999999999999999',
  ])('%.40s is refused', literal => {
    const result = parse(`{"a":${literal}}`)
    expect(code(result)).toBe('VALIDATION_FAILED')
    expect(details(result)).toEqual({ a: ['The a field has a number that would lose digits; send it as text.'] })
  })

  test.each([
    ['{"a":1,"b":{"c":[0,"x",{"d":12345678901234567890}]}}', 'b.c.2.d'],
    ['{"a":[[],{},[1,2],1e400]}', 'a.3'],
    ['{"a":{"x":1e2},"b":"1e400","c\\"d":1e400}', 'c"d'],
    ['{"a":{"b":[]},"c":1e400}', 'c'],
    ['{"a":"\\\\","b":1e400}', 'b'],
  ])('%s: at %s', (body, path) => {
    expect(Object.keys(details(parse(body)) ?? {})).toEqual([path])
  })

  test.each(['{"a":"12345678901234567890"}', '{"a":"\\"1e400"}', '{"12345678901234567890":1}', '{"a":"x, 1e999 ]"}'])(
    'in text, %s passes',
    body => {
      expect(code(parse(body))).toBe('ok json')
    },
  )
})

describe('numbers that take far more written out than sent', () => {
  const list = (literal: string, n: number) => `{"a":[${Array(n).fill(literal).join(',')}]}`
  test.each([
    ['1e308', 43_600, 'VALIDATION_FAILED'],
    ['1e-308', 43_600, 'VALIDATION_FAILED'],
    ['-1E+300', 300, 'VALIDATION_FAILED'],
    ['{"b":[{"c":1e308}]}', 1000, 'VALIDATION_FAILED'],
    ['1e308', 200, 'ok json'],
    ['1.7976931348623157e308', 200, 'ok json'],
    ['5e-324', 200, 'ok json'],
    ['6.02e23', 30_000, 'ok json'],
    ['1.602e-19', 25_000, 'ok json'],
    ['-1e40', 40_000, 'ok json'],
    ['0e999', 40_000, 'ok json'],
    ['1e3', 60_000, 'ok json'],
    ['"1e308"', 30_000, 'ok json'],
  ])('%s, %d of them: %s', (literal, n, wanted) => {
    const result = parse(list(literal, n))
    expect(code(result)).toBe(wanted)
    if (!result.ok)
      expect(details(result)).toEqual({
        _general: ['The payload has too many numbers with large exponents, which take hundreds of digits written out; send them as text.'],
      })
  })
})

describe('what is said about the body', () => {
  test.each<[string | null, string]>([
    [null, 'ok json'],
    ['', 'ok json'],
    ['application/json', 'ok json'],
    ['Application/JSON', 'ok json'],
    ['application/json; charset=utf-8', 'ok json'],
    ['application/json;charset="UTF-8"', 'ok json'],
    ['application/json; profile="x"; charset=utf8', 'ok json'],
    ['application/cloudevents+json', 'ok json'],
    ['application/vnd.acme.v1+json ; charset=utf-8', 'ok json'],
    ['application/json; charset=iso-8859-1', 'UNSUPPORTED_MEDIA_TYPE'],
    ['application/json; charset=utf-16', 'UNSUPPORTED_MEDIA_TYPE'],
    ['application/json, text/plain', 'UNSUPPORTED_MEDIA_TYPE'],
    ['application/jsonp', 'UNSUPPORTED_MEDIA_TYPE'],
    ['application/xml', 'UNSUPPORTED_MEDIA_TYPE'],
    ['application/x+jsonx', 'UNSUPPORTED_MEDIA_TYPE'],
    ['text/json', 'UNSUPPORTED_MEDIA_TYPE'],
    ['text/plain', 'UNSUPPORTED_MEDIA_TYPE'],
    ['multipart/form-data; boundary=x', 'UNSUPPORTED_MEDIA_TYPE'],
    ['application/x-www-form-urlencoded', 'UNSUPPORTED_MEDIA_TYPE'],
    [';', 'UNSUPPORTED_MEDIA_TYPE'],
  ])('content-type %j: %s', (contentType, expected) => {
    expect(code(parse('{"a":1}', { contentType }))).toBe(expected)
  })

  test.each<[string | null, string]>([
    [null, 'ok json'],
    ['', 'ok json'],
    ['identity', 'ok json'],
    ['Identity', 'ok json'],
    ['gzip', 'UNSUPPORTED_MEDIA_TYPE'],
    ['br', 'UNSUPPORTED_MEDIA_TYPE'],
    ['identity, gzip', 'UNSUPPORTED_MEDIA_TYPE'],
  ])('content-encoding %j: %s', (contentEncoding, expected) => {
    expect(code(parse('{"a":1}', { contentEncoding }))).toBe(expected)
  })

  test.each<[sent: Parameters<typeof parse>[1], reason: string]>([
    [{ contentType: 'text/plain' }, 'content-type text/plain'],
    [{ contentType: `text/${'x'.repeat(100)}` }, `content-type text/${'x'.repeat(35)}`],
    [{ contentType: 'text/\u009b31m\u00e9\tx' }, 'content-type text/?31m??x'],
    [{ contentEncoding: 'gzip' }, 'content-encoding gzip'],
    [{ contentEncoding: 'gz\u009b\u0007' }, 'content-encoding gz??'],
    [{ contentEncoding: 'x'.repeat(100) }, `content-encoding ${'x'.repeat(40)}`],
  ])('the operator is told of %j in printable ASCII, and not at length', (sent, reason) => {
    expect((parse('{"a":1}', sent) as { reason?: string }).reason).toBe(reason)
  })

  test('JSON sent as a form is told what to send', () => {
    for (const body of ['{"a":1}', ' \n[1]']) {
      expect(details(form(body))?._general?.[0]).toContain('send Content-Type: application/json')
    }
  })
})

describe('forms and queries', () => {
  const rows: [string, Record<string, unknown>][] = [
    ['', {}],
    ['a=1', { a: '1' }],
    ['a', { a: '' }],
    ['a=', { a: '' }],
    ['=1', { '': '1' }],
    ['a=1=2', { a: '1=2' }],
    ['&a=1&&b=2&', { a: '1', b: '2' }],
    ['a=1&a=2&b=3&a=', { a: ['1', '2', ''], b: '3' }],
    ['a+b=c+d%2B', { 'a b': 'c d+' }],
    ['n=%C3%A9&r=é', { n: 'é', r: 'é' }],
    ['e=%F0%9F%98%80', { e: '😀' }],
    ['constructor=1&toString=2&toString=3', { constructor: '1', toString: ['2', '3'] }],
    ['__proto__[x]=1', { '__proto__[x]': '1' }],
    ['a=12345678901234567890', { a: '12345678901234567890' }],
  ]
  test.each(rows)('%s', (text, payload) => {
    expect(form(text)).toEqual({ ok: true, payload, format: 'form' })
    expect(query(text)).toEqual({ ok: true, payload, format: 'query' })
  })

  test.each([
    ['a=%', '_general'],
    ['a=%zz', '_general'],
    ['%4=1', '_general'],
    ['a=%C3', '_general'],
    ['a=%ED%A0%80', '_general'],
    ['a=%00', 'a'],
    ['a%00=1', '_general'],
    ['__proto__=1', '__proto__'],
    ['%5f_proto__=1', '__proto__'],
    ['a=1&'.repeat(1001), '_general'],
  ])('%.20s: VALIDATION_FAILED at %s', (text, path) => {
    for (const result of [form(text), query(text)]) {
      expect(code(result)).toBe('VALIDATION_FAILED')
      expect(Object.keys(details(result) ?? {})).toEqual([path])
    }
  })

  test('a form in bytes that are not UTF-8 is refused', () => {
    expect(code(form(new Uint8Array([0x61, 0x3d, 0xff])))).toBe('VALIDATION_FAILED')
  })

  test('1000 parameters pass', () => {
    expect(form(Array.from({ length: 1000 }, (_, i) => `k${i}=v`).join('&'))).toMatchObject({ ok: true })
  })

  test('a GET is its query, whatever its headers say', () => {
    expect(parse('{}', { method: 'GET', contentType: 'text/plain', contentEncoding: 'gzip', query: 'a=1' })).toMatchObject({
      payload: { a: '1' },
    })
  })
})

describe('properties', () => {
  const runs = { numRuns: 2000 }

  test('any JSON object comes out as JSON.parse has it', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue({ maxDepth: 8 })), fc.boolean(), (value, pretty) => {
        fc.pre(!JSON.stringify(value).includes('__proto__'))
        const body = JSON.stringify(value, null, pretty ? 2 : 0)
        fc.pre(!/\\u0000|\\ud[89a-f]/.test(body))
        expect(parse(body)).toEqual({ ok: true, payload: JSON.parse(body), format: 'json' })
      }),
      runs,
    )
  })

  test('any double that JavaScript writes passes', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), n => {
        expect(code(parse(`{"a":${n}}`))).toBe('ok json')
      }),
      runs,
    )
  })

  test('a whole number beyond 2^53 passes when, and only when, JavaScript writes it back as it was', () => {
    const written = (n: number) => {
      const [, whole = '', fraction = '', exponent = fraction.length] = /^(-?\d+)(?:\.(\d+))?(?:e\+(\d+))?$/.exec(String(n)) ?? []
      return BigInt(whole + fraction) * 10n ** BigInt(Number(exponent) - fraction.length)
    }
    const any = fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n })
    const round = fc.tuple(fc.bigInt({ min: 1n, max: 10n ** 17n }), fc.nat({ max: 20 })).map(([n, zeros]) => n * 10n ** BigInt(zeros))
    fc.assert(
      fc.property(fc.oneof(any, round), n => {
        const small = n > -(2n ** 53n) && n < 2n ** 53n
        expect(code(parse(`{"a":${n}}`))).toBe(small || written(Number(n)) === n ? 'ok json' : 'VALIDATION_FAILED')
      }),
      runs,
    )
  })

  test('no bytes make it throw', () => {
    const soup = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc
        .array(
          fc.constantFrom(
            '{',
            '}',
            '[',
            ']',
            '"',
            '\\',
            '\\u',
            '0',
            '9'.repeat(17),
            'e',
            '.',
            '-',
            ',',
            ':',
            '__proto__',
            'é',
            '&',
            '=',
            '%',
          ),
          { maxLength: 60 },
        )
        .map(parts => utf8.encode(parts.join(''))),
    )
    const type = fc.constantFrom(null, 'application/json', 'application/x-www-form-urlencoded')
    fc.assert(
      fc.property(soup, type, (raw, contentType) => {
        expect(typeof parse(raw, { contentType }).ok).toBe('boolean')
      }),
      { numRuns: 20_000 },
    )
  })
})

test('a usual body costs at most 2 microseconds over JSON.parse', () => {
  const body = JSON.stringify({ id: 12345, email: 'ada@example.com', amount: 142000.55, tags: ['a', 'b'], note: 'x'.repeat(180), ok: true })
  const raw = utf8.encode(body)
  const time = (f: () => unknown) => {
    let best = Number.POSITIVE_INFINITY
    for (let round = 0; round < 20; round++) {
      const start = performance.now()
      for (let i = 0; i < 2000; i++) f()
      best = Math.min(best, (performance.now() - start) / 2)
    }
    return best
  }
  const over = time(() => parse(raw)) - time(() => JSON.parse(body))
  expect(over).toBeLessThan(2)
})

test.each(['a=1', '?a=1', '??a=1', '&a=1', '&?a=1', 'b=2&?a=1', '?', '?=', 'a=%41+b', ''])(
  'steps read the query %p as the payload is read',
  search => {
    const x = new Exchange({
      id: 'x',
      webhook: 'w',
      method: 'GET',
      path: '/w',
      params: {},
      headers: new Headers(),
      ip: '192.0.2.1',
      receivedAt: 0,
      raw: new Uint8Array(),
      search,
    })
    expect(Object.fromEntries(x.query)).toEqual(x.peek() as Record<string, string>)
  },
)
