/** Inspire, "Webhook Ingestion": every sentence of its page against the shipped example, its own code among the senders. */
import { describe, expect, test } from 'bun:test'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { child, folder } from '../support/child.ts'
import { type Answer, NOTHING, onExample, type Seed, type Sent, ULID } from './fixture.ts'

const INSPIRE_INGEST_KEY = 'ik_5f8d4c2a91be_pULjS4J8VbD2WXQYjM4f9m1i3p4lQ7mN1k2sT6uR'
const SIGNING_KEY = 'whsk_your_signing_key_here'
const env = { INSPIRE_INGEST_KEY, INSPIRE_SIGNING_KEY: SIGNING_KEY }

const bearer = { authorization: `Bearer ${INSPIRE_INGEST_KEY}` }
const json = { 'content-type': 'application/json' }
const unauthorized = {
  status: 'error',
  code: 'UNAUTHORIZED',
  message: 'The credential, signature or timestamp is missing or wrong.',
}
const noJson = { status: 'error', code: 'INVALID_JSON', message: 'The body is not a JSON object.' }

const latest = `select id, data, webhook from records order by updated_at desc, id desc limit 1`
const secondsFromNow = (seconds: number) => `${Math.floor(Date.now() / 1000) + seconds}`
const mac = (text: string, key = SIGNING_KEY) => createHmac('sha256', key).update(text).digest('hex')

function signed(body: string, { timestamp = secondsFromNow(0), key = SIGNING_KEY, over = body } = {}): Sent {
  const signature = `sha256=${mac(`${timestamp}.${over}`, key)}`
  return { body, headers: { ...bearer, ...json, 'x-webhook-signature': signature, 'x-webhook-timestamp': timestamp } }
}

function expectAccepted({ status, headers, text, body }: Answer, fieldsUpdated: number, itemId?: string): string {
  expect(status).toBe(202)
  expect(headers.get('content-type')).toBe('application/json')
  expect(text).toBe(JSON.stringify({ status: 'accepted', itemId: itemId ?? body.itemId, fieldsUpdated }))
  if (itemId === undefined) expect(body.itemId).toMatch(ULID)
  return body.itemId
}

await onExample(
  'inspire',
  // The page's code posts to the stream `sales`: here is the signed one under that path, behind a prefix of the host.
  { env, variants: shipped => ({ signed: { ...shipped['sales-signed']!, path: '/signed/api/webhook/sales' } }) },
  seed => {
    const post = (json: unknown, query = '', stream = 'sales') => seed.send(`/api/webhook/${stream}${query}`, { json, headers: bearer })

    describe('the item id', () => {
      const rows: [query: string, payload: Record<string, unknown>, itemId: string | undefined, fields: number][] = [
        ['', { id: 'a1', sales: 1 }, 'a1', 2],
        ['', { id: 42 }, '42', 1],
        ['', { id: -1.5 }, '-1.5', 1],
        ['', { id: 0 }, '0', 1],
        ['', { id: true }, 'true', 1],
        ['', { id: 'Ünï/☃ 1' }, 'Ünï/☃ 1', 1],
        ['', { id: 'i'.repeat(255) }, 'i'.repeat(255), 1],
        ['', { id: null, sales: 1 }, undefined, 2],
        ['', { id: '' }, undefined, 1],
        ['', { ID: 'x' }, undefined, 1],
        ['', { region: 'North', sales: 142000, target: 130000 }, undefined, 3],
        ['', {}, undefined, 0],
        ['?idField=region', { region: 'North', sales: 142000 }, 'North', 2],
        ['?idField=region', { id: 'not this', region: 'South' }, 'South', 2],
        ['?idField=a%20b', { 'a b': 'encoded' }, 'encoded', 1],
        ['?other=1&idField=region', { region: 'East' }, 'East', 1],
        ['?idField=missing', { id: 'present', region: 'West' }, undefined, 2],
        ['?idField=constructor', { region: 'West' }, undefined, 1],
        ['?idField=__proto__', { region: 'West' }, undefined, 1],
        ['?idfield=region', { id: 'by default', region: 'West' }, 'by default', 2],
        ['?idField=', { id: 'names nothing', region: 'West' }, 'names nothing', 2],
        ['?idField', { id: 'names nothing either' }, 'names nothing either', 1],
      ]
      test.each(rows)('%s %o is %s', async (query, payload, itemId, fields) => {
        let answer!: Answer
        const { events } = await seed.adding(async () => (answer = await post(payload, query)))
        expect(events).toBe(1)
        const id = expectAccepted(answer, fields, itemId)
        expect((await seed.written(id)).records).toEqual([{ entity: 'sales', data: payload, webhook: 'sales' }])
      })

      test.each([
        ['', { id: 'i'.repeat(256) }, 'id'],
        ['', { id: 2 ** 60 }, 'id'],
        ['?idField=region', { region: 'r'.repeat(256) }, 'region'],
      ])('%s %o is none: 400', async (query, payload, field) => {
        expect(
          await seed.adding(async () => {
            const { status, body } = await post(payload, query)
            expect([status, body.code, Object.keys(body.details)]).toEqual([400, 'VALIDATION_FAILED', [field]])
          }),
        ).toEqual(NOTHING)
      })

      test('upserts: the same one again updates the item, and counts the fields that were sent', async () => {
        expectAccepted(await post({ region: 'Up', sales: 1, target: 2 }, '?idField=region'), 3, 'Up')
        expect(await seed.adding(async () => expectAccepted(await post({ region: 'Up', sales: 9 }, '?idField=region'), 2, 'Up'))).toEqual({
          records: 0,
          events: 1,
          keys: 0,
        })
        const { records, events } = await seed.written('Up')
        expect(records).toEqual([{ entity: 'sales', data: { region: 'Up', sales: 9, target: 2 }, webhook: 'sales' }])
        expect(events.map(({ type, data, previous }) => ({ type, data, previous }))).toEqual([
          { type: 'record.created', data: { region: 'Up', sales: 1, target: 2 }, previous: null },
          { type: 'record.updated', data: { region: 'Up', sales: 9, target: 2 }, previous: { region: 'Up', sales: 1, target: 2 } },
        ])
      })

      test('belongs to its stream', async () => {
        expectAccepted(await post({ id: 'both', a: 1 }), 2, 'both')
        expectAccepted(await post({ id: 'both', b: 2 }, '', 'app-metrics'), 2, 'both')
        expect((await seed.written('both')).records.map(r => [r.entity, r.data]).sort()).toEqual([
          ['app-metrics', { id: 'both', b: 2 }],
          ['sales', { id: 'both', a: 1 }],
        ])
      })

      test('of ten requests at once is one item', async () => {
        const answers = await Promise.all(Array.from({ length: 10 }, (_, n) => post({ id: 'at once', [`f${n}`]: n })))
        for (const answer of answers) expectAccepted(answer, 2, 'at once')
        const { records, events } = await seed.written('at once')
        expect(Object.keys(records[0]!.data).length).toBe(11)
        expect(events.map(e => e.type).filter(type => type === 'record.created').length).toBe(1)
      })
    })

    describe('a property of the payload', () => {
      const rows: [written: string, stored: unknown][] = [
        ['"North"', 'North'],
        ['142000', 142000],
        ['-0.5', -0.5],
        ['true', true],
        ['false', false],
        ['null', null],
        ['"2026-04-09T10:30:00Z"', '2026-04-09T10:30:00Z'],
        ['{"a":1,"b":[2]}', '{"a":1,"b":[2]}'],
        ['[1,2,3]', '[1,2,3]'],
        ['{}', '{}'],
        ['[]', '[]'],
        ['{ "a" : 1.0,\n "b": "\\u00e9" }', '{ "a" : 1.0,\n "b": "\\u00e9" }'],
        ['[{"x":[{}]}, "]", "}"]', '[{"x":[{}]}, "]", "}"]'],
        ['"{\\"already\\":1}"', '{"already":1}'],
      ]
      test.each(rows)('%s is stored as %p', async (written, stored) => {
        const answer = await seed.send('/api/webhook/sales', { body: `{"id":"typed","value":${written}}`, headers: { ...bearer, ...json } })
        expectAccepted(answer, 2, 'typed')
        expect((await seed.written('typed')).records[0]!.data).toEqual({ id: 'typed', value: stored })
      })

      test('may be each of the documented ones at once', async () => {
        const payload = { region: 'Model', sales: 142000, target: 130000, updated: '2026-04-09T10:30:00Z' }
        expectAccepted(await post(payload, '?idField=region'), 4, 'Model')
        expect((await seed.written('Model')).records[0]!.data).toEqual(payload)
      })
    })

    describe('400 and nothing written:', () => {
      const bodies: [what: string, body: string | Uint8Array | undefined][] = [
        ['no body', undefined],
        ['an empty one', ''],
        ['white space', '  \n'],
        ['half a JSON', '{"region":'],
        ['JSON and more', '{"a":1} x'],
        ['two objects', '{"a":1}{"a":2}'],
        ['a list of items', '[{"region":"North"}]'],
        ['a text', '"North"'],
        ['a number', '1'],
        ['null', 'null'],
        ['true', 'true'],
        ['single quotes', "{'a':1}"],
        ['a comma too many', '{"a":1,}'],
        ['no UTF-8', new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
      ]
      test.each(bodies)('%s', async (_, body) => {
        expect(
          await seed.adding(async () => {
            const answer = await seed.send('/api/webhook/sales', { ...(body !== undefined && { body }), headers: { ...bearer, ...json } })
            expect([answer.status, answer.body]).toEqual([400, noJson])
          }),
        ).toEqual(NOTHING)
      })
    })

    describe('401 and nothing written:', () => {
      const rows: [what: string, headers: Record<string, string>][] = [
        ['no credential', {}],
        ['an empty one', { authorization: '' }],
        ['a scheme alone', { authorization: 'Bearer' }],
        ['the key alone', { authorization: INSPIRE_INGEST_KEY }],
        ['another scheme', { authorization: `Basic ${INSPIRE_INGEST_KEY}` }],
        ['another key', { authorization: 'Bearer ik_5f8d4c2a91be_other' }],
        ['the key and more', { authorization: `Bearer ${INSPIRE_INGEST_KEY}x` }],
        ['the key cut short', { authorization: `Bearer ${INSPIRE_INGEST_KEY.slice(0, -1)}` }],
        ['the key in another case', { authorization: `Bearer ${INSPIRE_INGEST_KEY.toUpperCase()}` }],
        ['two keys', { authorization: `Bearer ${INSPIRE_INGEST_KEY}, Bearer ${INSPIRE_INGEST_KEY}` }],
        ['the key in another header', { 'x-api-key': INSPIRE_INGEST_KEY }],
        ['the signing key', { authorization: `Bearer ${SIGNING_KEY}` }],
      ]
      test.each(rows)('%s', async (_, headers) => {
        expect(
          await seed.adding(async () => {
            for (const stream of ['sales', 'sales-signed', 'app-metrics']) {
              const answer = await seed.send(`/api/webhook/${stream}`, {
                ...signed('{"id":"no"}'),
                headers: { ...signed('{"id":"no"}').headers, authorization: '', ...headers },
              })
              expect([answer.status, answer.body]).toEqual([401, unauthorized])
            }
            // Who is not let in learns nothing of the body.
            const answer = await seed.send('/api/webhook/sales', { body: '{', headers: { ...json, ...headers } })
            expect([answer.status, answer.body]).toEqual([401, unauthorized])
          }),
        ).toEqual(NOTHING)
      })

      test('a credential in the query', async () => {
        const { status } = await seed.send(`/api/webhook/sales?access_token=${INSPIRE_INGEST_KEY}`, { json: { id: 'no' } })
        expect(status).toBe(401)
      })

      test('the word Bearer may be in any case, the key may not', async () => {
        const { status } = await seed.send('/api/webhook/sales', {
          json: { id: 'case' },
          headers: { authorization: `bearer ${INSPIRE_INGEST_KEY}` },
        })
        expect(status).toBe(202)
      })
    })

    describe('without a signing key', () => {
      test.each([
        ['a wrong signature', { 'x-webhook-signature': 'sha256=00', 'x-webhook-timestamp': '1' }],
        ['a signature alone', { 'x-webhook-signature': `sha256=${mac('x')}` }],
        ['a timestamp alone', { 'x-webhook-timestamp': 'yesterday' }],
      ])('%s is not looked at', async (what, headers) => {
        expectAccepted(await seed.send('/api/webhook/sales', { json: { id: what }, headers: { ...bearer, ...headers } }), 1, what)
      })
    })

    describe('with a signing key', () => {
      const to = (sent: Sent) => seed.send('/api/webhook/sales-signed', sent)

      const good: [what: string, sent: () => Sent][] = [
        ['signed now', () => signed('{"id":"s"}')],
        ['signed 298 s ago', () => signed('{"id":"s"}', { timestamp: secondsFromNow(-298) })],
        ['signed 298 s ahead', () => signed('{"id":"s"}', { timestamp: secondsFromNow(298) })],
        ['over the exact bytes', () => signed('{ "id" : "s" }\n')],
        ['over text that is not ASCII', () => signed('{"id":"s","name":"Zoë 🦊"}')],
        ['over a body with another order and escapes', () => signed('{"z":1,"id":"\\u0073","a":2}')],
      ]
      test.each(good)('%s: 202', async (_, sent) => {
        expect((await to(sent())).body).toMatchObject({ status: 'accepted', itemId: 's' })
      })

      const without = (sent: Sent, header: string): Sent => ({
        ...sent,
        headers: Object.fromEntries(Object.entries(sent.headers!).filter(([name]) => name !== header)),
      })
      const and = (sent: Sent, headers: Record<string, string>): Sent => ({ ...sent, headers: { ...sent.headers, ...headers } })
      const body = '{"id":"forged"}'
      const bad: [what: string, sent: () => Sent][] = [
        ['no signature and no timestamp', () => ({ body, headers: { ...bearer, ...json } })],
        ['no signature', () => without(signed(body), 'x-webhook-signature')],
        ['no timestamp', () => without(signed(body), 'x-webhook-timestamp')],
        ['an empty signature', () => and(signed(body), { 'x-webhook-signature': '' })],
        ['an empty timestamp', () => and(signed(body, { timestamp: '' }), { 'x-webhook-timestamp': '' })],
        ['signed 303 s ago', () => signed(body, { timestamp: secondsFromNow(-303) })],
        ['signed 303 s ahead', () => signed(body, { timestamp: secondsFromNow(303) })],
        ['milliseconds', () => signed(body, { timestamp: `${Date.now()}` })],
        ['a fraction', () => signed(body, { timestamp: `${secondsFromNow(0)}.5` })],
        ['an exponent', () => signed(body, { timestamp: '17e8' })],
        ['hexadecimal', () => signed(body, { timestamp: `0x${Math.floor(Date.now() / 1000).toString(16)}` })],
        ['a date', () => signed(body, { timestamp: new Date().toISOString() })],
        ['a minus', () => signed(body, { timestamp: `-${secondsFromNow(0)}` })],
        ['the epoch', () => signed(body, { timestamp: '0' })],
        ['another key', () => signed(body, { key: `${SIGNING_KEY}x` })],
        ['the empty key', () => signed(body, { key: '' })],
        ['another body', () => signed(body, { over: `${body} ` })],
        ['the body alone', () => and(signed(body), { 'x-webhook-signature': `sha256=${mac(body)}` })],
        [
          'another time than it was signed with',
          () => and(signed(body, { timestamp: secondsFromNow(-10) }), { 'x-webhook-timestamp': secondsFromNow(-9) }),
        ],
        ['no prefix', () => ({ ...and(signed(body), { 'x-webhook-signature': signed(body).headers!['x-webhook-signature']!.slice(7) }) })],
        [
          'another prefix',
          () => and(signed(body), { 'x-webhook-signature': signed(body).headers!['x-webhook-signature']!.replace('sha256', 'sha512') }),
        ],
        ['cut short', () => and(signed(body), { 'x-webhook-signature': signed(body).headers!['x-webhook-signature']!.slice(0, -2) })],
        [
          'base64',
          () =>
            and(signed(body), {
              'x-webhook-signature': `sha256=${Buffer.from(mac(`${secondsFromNow(0)}.${body}`), 'hex').toString('base64')}`,
            }),
        ],
        ['a wrong signature and no JSON', () => and(signed('{'), { 'x-webhook-signature': 'sha256=00' })],
      ]
      test.each(bad)('%s: 401, nothing written', async (_, sent) => {
        expect(
          await seed.adding(async () => {
            const answer = await to(sent())
            expect([answer.status, answer.body]).toEqual([401, unauthorized])
          }),
        ).toEqual(NOTHING)
      })

      test('a good signature over no JSON: 400', async () => {
        for (const body of ['', '{', '[]']) expect((await to(signed(body))).body).toEqual(noJson)
      })

      test('the same request within the window writes the same item again', async () => {
        const sent = signed('{"region":"Again","sales":1}')
        const path = '/api/webhook/sales-signed?idField=region'
        for (let i = 0; i < 2; i++) expectAccepted(await seed.send(path, sent), 2, 'Again')
        expect((await seed.written('Again')).records.length).toBe(1)
      })
    })

    test.each([
      ['GET', '/api/webhook/sales', 405],
      ['PUT', '/api/webhook/sales', 405],
      ['POST', '/api/webhook/nobody', 404],
      ['POST', '/api/webhook', 404],
      ['POST', '/api/ingest', 404],
    ])('%s %s: %i', async (method, path, status) => {
      expect(
        await seed.adding(async () =>
          expect((await seed.send(path, { method, headers: bearer, ...(method !== 'GET' && { json: { id: 'no' } }) })).status).toBe(status),
        ),
      ).toEqual(NOTHING)
    })

    describe("the page's own code", () => {
      const rows: [
        what: string,
        program: 'bash' | 'node',
        code: (host: string) => string,
        id: string | undefined,
        data: Record<string, unknown>,
      ][] = [
        ['curl', 'bash', firstCurl, undefined, { region: 'North', sales: 142000, target: 130000 }],
        ['curl with idField', 'bash', curlWithIdField, 'North', { region: 'North', sales: 142000 }],
        ['bash, to a stream without a signing key', 'bash', bashExample, undefined, { region: 'North', sales: 142000 }],
        ['Node.js, to a stream without a signing key', 'node', nodeExample, undefined, { region: 'North', sales: 142000 }],
        ['a CI/CD pipeline', 'bash', pipeline, '1.2.3-7', { build: '1.2.3-7', status: 'deployed', durationSeconds: 42 }],
        ['Node.js metrics', 'node', metrics, 'api-gateway', { service: 'api-gateway', requestsPerMinute: 340, errorRate: 0.02 }],
      ]
      test.each(rows)('%s', async (_, program, code, id, data) => {
        const { code: exit, stdout, stderr } = await run(program, code(seed.url), seed)
        expect([exit, stderr]).toEqual([0, expect.not.stringContaining('rror')])
        const [record] = await seed.rows(latest)
        expect(record!.data).toMatchObject(data)
        if (id === undefined) expect(record!.id).toMatch(ULID)
        else expect(record!.id).toBe(id)
        if (program === 'bash')
          expect(JSON.parse(stdout)).toEqual({ status: 'accepted', itemId: record!.id, fieldsUpdated: Object.keys(data).length })
      })

      const signers: [what: string, program: 'bash' | 'node', code: (host: string) => string][] = [
        ['bash', 'bash', bashExample],
        ['Node.js', 'node', nodeExample],
      ]
      test.each(signers)('%s signs what a stream with a signing key takes', async (_, program, code) => {
        expect(await seed.adding(async () => expect((await run(program, code(`${seed.url}/signed`), seed)).code).toBe(0))).toEqual({
          records: 1,
          events: 1,
          keys: 0,
        })
        const [record] = await seed.rows(latest)
        expect(record).toMatchObject({ webhook: 'signed', data: { region: 'North', sales: 142000 } })
      })

      test.each(signers)('%s with another key is not let in', async (_, program, code) => {
        const wrong = (host: string) =>
          code(host)
            .replace(/whsk_your_signing_key_here/, 'whsk_another')
            .replace('process.env.WEBHOOK_SIGNING_KEY', "'whsk_another'")
        expect(await seed.adding(async () => void (await run(program, wrong(`${seed.url}/signed`), seed)))).toEqual(NOTHING)
      })
    })

    test('no key stands in the log', () => {
      expect(seed.log()).toContain('UNAUTHORIZED')
      for (const secret of Object.values(env)) expect(seed.log()).not.toContain(secret)
    })
  },
)

/** Runs code as a file of its own. */
async function run(program: 'bash' | 'node', code: string, seed: Seed) {
  const file = join(folder(), program === 'bash' ? 'send.sh' : 'send.mjs')
  writeFileSync(file, code)
  const started = child(program, [file], {
    env: {
      PATH: process.env.PATH,
      INSPIRE_INGEST_KEY,
      WEBHOOK_SIGNING_KEY: SIGNING_KEY,
      INSPIRE_WEBHOOK_URL: `${seed.url}/api/webhook/sales`,
      BUILD_NUMBER: '1.2.3-7',
      BUILD_DURATION: '42',
    },
    stdio: 'pipe',
  })
  const text = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) started[name]?.setEncoding('utf8').on('data', part => (text[name] += part))
  const [exit] = await once(started, 'close')
  return { code: exit as number, ...text }
}

function firstCurl(host: string) {
  return `curl -sS -X POST ${host}/api/webhook/sales \\
  -H "Authorization: Bearer ${INSPIRE_INGEST_KEY}" \\
  -H "Content-Type: application/json" \\
  -d '{
    "region": "North",
    "sales": 142000,
    "target": 130000
  }'
`
}

function curlWithIdField(host: string) {
  return `curl -sS -X POST "${host}/api/webhook/sales?idField=region" \\
  -H "Authorization: Bearer $INSPIRE_INGEST_KEY" \\
  -H "Content-Type: application/json" \\
  -d '{
    "region": "North",
    "sales": 142000
  }'
`
}

function bashExample(host: string) {
  return `TIMESTAMP=$(date +%s)
BODY='{"region":"North","sales":142000}'
SIGNING_KEY="${SIGNING_KEY}"
SIGNATURE=$(printf '%s.%s' "$TIMESTAMP" "$BODY" \\
  | openssl dgst -sha256 -hmac "$SIGNING_KEY" | awk '{print $2}')
curl -sS -X POST "${host}/api/webhook/sales" \\
  -H "Authorization: Bearer $INSPIRE_INGEST_KEY" \\
  -H "Content-Type: application/json" \\
  -H "X-Webhook-Signature: sha256=$SIGNATURE" \\
  -H "X-Webhook-Timestamp: $TIMESTAMP" \\
  -d "$BODY"
`
}

function nodeExample(host: string) {
  return `import { createHmac } from 'node:crypto'

const timestamp = Math.floor(Date.now() / 1000).toString()
const body = JSON.stringify({ region: 'North', sales: 142000 })
const signingKey = process.env.WEBHOOK_SIGNING_KEY

const signature = createHmac('sha256', signingKey)
  .update(\`\${timestamp}.\${body}\`)
  .digest('hex')

await fetch('${host}/api/webhook/sales', {
  method: 'POST',
  headers: {
    Authorization: \`Bearer \${process.env.INSPIRE_INGEST_KEY}\`,
    'Content-Type': 'application/json',
    'X-Webhook-Signature': \`sha256=\${signature}\`,
    'X-Webhook-Timestamp': timestamp,
  },
  body,
})
`
}

function pipeline(_host: string) {
  return `curl -sS -X POST "$INSPIRE_WEBHOOK_URL?idField=build" \\
  -H "Authorization: Bearer $INSPIRE_INGEST_KEY" \\
  -H "Content-Type: application/json" \\
  -d "{ \\"build\\": \\"$BUILD_NUMBER\\", \\"status\\": \\"deployed\\", \\"durationSeconds\\": $BUILD_DURATION }"
`
}

function metrics(host: string) {
  return `await fetch('${host}/api/webhook/app-metrics?idField=service', {
  method: 'POST',
  headers: {
    Authorization: \`Bearer \${process.env.INSPIRE_INGEST_KEY}\`,
    'Content-Type': 'application/json',
  },
  body: JSON.stringify({
    service: 'api-gateway',
    requestsPerMinute: 340,
    errorRate: 0.02,
  }),
})
`
}
