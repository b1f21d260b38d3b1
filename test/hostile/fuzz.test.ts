/** Thousands of malformed requests: none fails the gateway, and each row in the tables has a 2xx, each 2xx its row. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import fc from 'fast-check'
import { available } from '../support/available.ts'
import { postgres } from '../support/postgres.ts'
import { runtimes } from '../support/process.ts'
import { raw } from '../support/raw.ts'
import { authorization, type Opened, open, secrets, signature } from './fixture.ts'

/** Seeded, so that a failure comes again (mulberry32). */
function dice(seed: number): (sides: number) => number {
  let state = seed
  return sides => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) % sides
  }
}

const valid = [
  '{"id":"a-1","name":"Ada","total":42.5,"tags":["x","y"],"address":{"city":"London","zip":null}}',
  '{"email":"ada@example.com","phone":"+44 20 7946 0000","note":"caf\\u00e9 \\ud83d\\ude00","ok":true}',
  '{"id":7,"deep":[[[[{"a":[{"b":{"c":"d"}}]}]]]],"big":9007199254740991,"small":-0.000001,"e":1e10}',
  'id=a-2&name=Ada+Lovelace&tags=x&tags=y&city=Z%C3%BCrich',
]
const tokens = [
  ...[
    '"__proto__":1,',
    '"constructor":{"prototype":{}},',
    '\\u0000',
    '\\ud800',
    '\\',
    '"',
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '\ufeff',
    '\u0000',
  ],
  ...[
    '1e400',
    '-',
    '12345678901234567890',
    '0x1',
    'NaN',
    'null',
    '%00',
    '%',
    '&',
    '=',
    '+',
    '%ff',
    '__proto__=1&',
    '\ud7ff',
    '\u2028',
    '/*',
    "'",
  ],
  ...['{"a":'.repeat(70), '['.repeat(500), '"id":{},', '"id":[],', `"id":"${'x'.repeat(300)}",`, '"email":"",', ' '.repeat(100)],
].map(text => Buffer.from(text))
const types = [
  ...['application/json', 'application/json; charset=utf-8', 'application/x-www-form-urlencoded', 'application/vnd.api+json', 'text/plain'],
  ...['application/json; charset=utf-16', 'multipart/form-data', 'application/json;;;', '', 'x'],
]

/** A valid body after some mishaps. */
function mutated(roll: (sides: number) => number): Buffer {
  let body = Buffer.from(valid[roll(valid.length)] as string)
  for (let n = roll(4); n >= 0; n--) {
    const at = roll(body.length + 1)
    const to = Math.min(body.length, at + roll(12))
    const [before, middle, after] = [body.subarray(0, at), body.subarray(at, to), body.subarray(to)]
    const token = tokens[roll(tokens.length)] as Buffer
    const kinds = [
      [before, after],
      [before, middle, middle, after],
      [before],
      [after],
      [before, token, middle, after],
      [before, token, after],
      [before, Buffer.from([roll(256)]), middle, after],
      [before, Buffer.from([roll(256), roll(256), roll(256)]), after],
      [before, after, middle],
    ]
    body = Buffer.concat(kinds[roll(kinds.length)] as Buffer[])
  }
  return body
}

const onPostgres = await available('Postgres', postgres)
const REQUESTS = 10_000
const TOGETHER = 500

for (const [i, runtime] of runtimes.entries()) {
  onPostgres(`malformed requests on ${runtime}`, () => {
    let gateway: Opened
    beforeAll(async () => {
      gateway = await open(runtime)
    })
    afterAll(() => gateway?.close())

    /** All that chance decides, before anything is sent. */
    function make(roll: (sides: number) => number) {
      const body = mutated(roll)
      const type = types[roll(types.length)] as string
      const encoding = roll(20) === 0 ? { 'content-encoding': 'gzip' } : {}
      const idField = ['name', 'id', '', '__proto__'][roll(4)]
      const [path, entity, more] = [
        ['/open', 'open', {}],
        [`/bearer?idField=${idField}`, 'thing', { ...authorization, 'x-idempotency-key': `key-${roll(2000)}` }],
        ['/person', 'person', {}],
        ['/signed', 'signed', signature(body)],
        [`/by-query?key=${secrets.QUERY_SECRET}`, 'shared', {}],
        ['/full', 'full', {}],
      ][roll(6)] as [string, string, Record<string, string>]
      const method = path === '/open' ? (['POST', 'PUT', 'PATCH'][roll(3)] as string) : 'POST'
      return { path, entity, method, body, headers: { 'content-type': type, ...encoding, ...more } }
    }

    async function send({ path, ...request }: ReturnType<typeof make>) {
      const response = await fetch(gateway.url + path, request)
      return { ...request, path, status: response.status, text: await response.text() }
    }

    test(`${REQUESTS} bodies`, async () => {
      const roll = dice(20_261_121 + i)
      const seen = new Map<number, number>()
      for (let sent = 0; sent < REQUESTS; sent += TOGETHER) {
        const before = await gateway.counts()
        const answers: Awaited<ReturnType<typeof send>>[] = []
        const requests = Array.from({ length: TOGETHER }, () => make(roll))
        const sender = async () => {
          for (let request = requests.pop(); request; request = requests.pop()) answers.push(await send(request))
        }
        await Promise.all(Array.from({ length: 25 }, sender))
        for (const { status } of answers) seen.set(status, (seen.get(status) ?? 0) + 1)
        expect(answers.filter(a => ![200, 201, 400, 413, 415, 422, 429].includes(a.status))).toEqual([])
        const good = answers.filter(a => a.status < 300)
        const ids = [...new Set(good.map(a => `${a.entity} ${JSON.parse(a.text).id}`))]
        const found = await gateway.rows(`select count(*)::int as n from records where entity || ' ' || id = any($1)`, [ids])
        expect(found).toEqual([{ n: ids.length }])
        for (const { text } of answers.filter(a => a.status >= 400))
          expect(JSON.parse(text)).toMatchObject({ type: 'about:blank', code: expect.any(String) })
        // A replay is answered by 2xx and writes nothing; every other one has written its event.
        const after = await gateway.counts()
        const claimed = after.idempotency_keys - before.idempotency_keys
        const ofKeys = good.filter(a => a.entity === 'thing').length
        expect(after.events - before.events).toBe(good.length - ofKeys + claimed)
        expect(after.records - before.records).toBeLessThanOrEqual(ids.length)
      }
      // Not all of one kind, or nothing would have been tried.
      expect(Math.min(...[201, 400, 415, 422].map(status => seen.get(status) ?? 0))).toBeGreaterThan(100)
      expect(gateway.log()).not.toMatch(/"level":"(error|fatal|warn)"/)
    }, 60_000)

    const printable = fc.string({ unit: fc.integer({ min: 0x21, max: 0xff }).map(n => String.fromCharCode(n)), maxLength: 40 })
    const anything = fc.string({ unit: fc.integer({ min: 1, max: 0xff }).map(n => String.fromCharCode(n)), maxLength: 40 })
    const name = fc.constantFrom(
      ...[
        'authorization',
        'content-type',
        'content-encoding',
        'x-idempotency-key',
        'x-webhook-signature',
        'x-webhook-timestamp',
        'x-secret',
      ],
      ...[
        'x-forwarded-for',
        'x-forwarded-proto',
        'accept',
        'cookie',
        'te',
        'trailer',
        'via',
        'range',
        'if-none-match',
        'x-postern-webhook-id',
      ],
    )
    const path = fc.constantFrom('/open', '/bearer', '/signed', '/by-header', '/by-query', '/drop/x', '/person')
    const pair = fc.tuple(printable, printable).map(([a, b]) => `${a.replaceAll(/[#?&]/g, '')}=${b.replaceAll('#', '')}`)
    const query = fc.oneof(
      fc.array(pair, { maxLength: 6 }).map(pairs => pairs.join('&')),
      printable,
    )

    test('headers and queries', async () => {
      const headers = fc.array(fc.tuple(fc.oneof(name, printable), anything), { maxLength: 5 })
      const method = fc.constantFrom('GET', 'POST', 'PUT')
      const request = fc.tuple(method, path, query, headers)
      await fc.assert(
        fc.asyncProperty(fc.array(request, { minLength: 20, maxLength: 20 }), async requests => {
          const before = await gateway.counts()
          const answers = await Promise.all(
            requests.map(async ([method, path, query, headers]) => {
              const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')
              const head = `${method} ${path}?${query} HTTP/1.1\r\nhost: gateway.test\r\n${lines}content-length: 2\r\nconnection: close\r\n\r\n{}`
              return { head, answer: await raw(gateway.port, [Buffer.from(head, 'latin1')], { deadline: 3000 }) }
            }),
          )
          for (const { head, answer } of answers) {
            const [response, ...rest] = answer.responses
            // 505 is the server's own word for a request line that is none.
            const fine = answer.closed && rest.length === 0 && (response === undefined || response.status < 500 || response.status === 505)
            if (!fine) throw new Error(`${JSON.stringify(head)} got ${JSON.stringify(answer)}`)
          }
          const good = answers.filter(a => (a.answer.responses[0]?.status ?? 999) < 300).length
          expect((await gateway.counts()).events - before.events).toBe(good)
        }),
        { seed: 7, numRuns: 60 },
      )
    }, 60_000)
  })
}
