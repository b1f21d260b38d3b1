/** What Hasp's and WorkApps' inbound webhooks have in common: a token in the URL makes one record a request. */
import { beforeAll, describe, expect, test } from 'bun:test'
import { raw } from '../support/raw.ts'
import { type Answer, changed, chunked, jsonOf, NOTHING, onExample, type Seed, type Sent, ULID } from './fixture.ts'

export interface Product {
  example: string
  webhook: string
  entity: string
  /** The path in front of the token. */
  base: string
  /** The header of the product's own deliveries, and another product's. */
  loop: string
  foreignLoop: string
  /** Says `true` on a replayed answer. */
  replayed?: string
  /** The app id that a caller need not send. */
  appId: string
}

const LIMIT = 262_144
const unknown = 'There is no webhook here.'

/** Each refusal of the documentation has this shape; `details` only where there are some. */
const refusal = (code: string, message: string, details?: Record<string, string[]>) => ({
  error: { code, message, ...(details && { details }) },
})
const missingName = refusal('VALIDATION_FAILED', 'The payload failed validation.', { name: ['The name field is required.'] })
const quotaExceeded = refusal('ERROR', 'Webhook processing failed.', { _general: ['Record count quota exceeded.'] })

export function onIncoming(product: Product) {
  const { example, webhook, entity, base, loop, replayed } = product
  return onExample(
    example,
    {
      variants: shipped => {
        const form = shipped[webhook]!
        return {
          // On the shipped path, as every webhook of the product is: the token tells them apart.
          small: changed(form, 'quota', { records: 2 }),
          nothing: changed(form, 'quota', { records: 0 }),
          burst: changed(form, 'quota', { records: 3 }),
          off: { ...form, active: false },
          // On a path of its own, where nobody else can answer.
          alone: { ...form, path: `/alone${base}{token}`, active: false },
        }
      },
    },
    seed => suite(seed, product),
  )

  function suite(seed: Seed, _product: Product) {
    const paths: Record<string, string> = {}
    let first: { id: string; token: string; path: string }

    beforeAll(async () => {
      first = await seed.token(webhook)
      paths[webhook] = first.path
      const names = ['small', 'nothing', 'burst', 'off', 'alone']
      for (const name of names) paths[name] = `${name === 'alone' ? '/alone' : ''}${base}${await seed.quickToken(name)}`
    })

    const post = (sent: Sent, to = webhook) => seed.send(paths[to]!, sent)
    const adding = (act: () => Promise<unknown>) => seed.adding(act)

    function expectCreated({ status, headers, text, body }: Answer): string {
      expect(status).toBe(201)
      expect(headers.get('content-type')).toBe('application/json')
      expect(body.data.record_id).toMatch(ULID)
      expect(text).toBe(`{"data":{"record_id":"${body.data.record_id}"}}`)
      return body.data.record_id
    }

    test('the token is the whole plaintext one, and the store has its hash alone', async () => {
      expect(first.path).toBe(`${base}${first.token}`)
      expect(first.token).toMatch(/^wh_01[0-9A-Za-z]{20,}$/)
      const [row] = await seed.rows('select * from tokens where id = $1', [first.id])
      expect(row).toMatchObject({ webhook, revoked_at: null })
      expect(JSON.stringify(await seed.rows('select * from tokens'))).not.toContain(first.token)
    })

    describe('a record', () => {
      const contact = { name: 'Alice', email: 'alice@example.com', source: 'contact-form' }
      const rows: [what: string, sent: Sent, data: Record<string, unknown>][] = [
        ['of the documented request', { json: contact }, contact],
        // The documentation's own text, as its site shows addresses.
        [
          'of the documented request, literally',
          { json: { ...contact, email: '[email protected]' } },
          { ...contact, email: '[email protected]' },
        ],
        ['with a mapped key', { json: { name: 'B', email_address: 'b@example.com' } }, { name: 'B', contact_email: 'b@example.com' }],
        [
          'with the key that another maps to',
          { json: { name: 'C', contact_email: 'c@example.com' } },
          { name: 'C', contact_email: 'c@example.com' },
        ],
        ['without the keys that match no field', { json: { name: 'D', age: 4, id: 'mine', nested: { a: 1 }, __x: 1 } }, { name: 'D' }],
        ['of one field', { json: { name: 'E' } }, { name: 'E' }],
        ['of text that is not ASCII', { json: { name: 'Zoë 🦊 日本' } }, { name: 'Zoë 🦊 日本' }],
        ['sent without a content type', { body: '{"name":"F"}', headers: { 'content-type': '' } }, { name: 'F' }],
        ['with a charset', { body: '{"name":"G"}', headers: { 'content-type': 'application/json; charset=UTF-8' } }, { name: 'G' }],
        ['with an app id and a cookie', { json: { name: 'H' }, headers: { [product.appId]: '1', cookie: 'session=1' } }, { name: 'H' }],
      ]
      test.each(rows)('%s', async (_, sent, data) => {
        let answer!: Answer
        expect(await adding(async () => (answer = await post(sent)))).toEqual({ records: 1, events: 1, keys: 0 })
        const id = expectCreated(answer)
        expect(await seed.written(id)).toEqual({
          records: [{ entity, data, webhook }],
          events: [{ type: 'record.created', webhook, entity, data, previous: null, variables: {} }],
        })
      })

      test('is made anew by each request without an idempotency key', async () => {
        const ids = new Set<string>()
        expect(
          await adding(async () => {
            for (let i = 0; i < 3; i++) ids.add(expectCreated(await post({ json: contact })))
          }),
        ).toEqual({ records: 3, events: 3, keys: 0 })
        expect(ids.size).toBe(3)
      })

      test('is made of a body of exactly 256 KB, and of none longer', async () => {
        const at = jsonOf(LIMIT, { name: 'long' })
        const over = jsonOf(LIMIT + 1, { name: 'long' })
        const json = { 'content-type': 'application/json' }
        const tooLarge = refusal('PAYLOAD_TOO_LARGE', 'The body is larger than this webhook takes.')
        expect(await adding(async () => expectCreated(await post({ body: at, headers: json })))).toEqual({ records: 1, events: 1, keys: 0 })
        expect(
          await adding(async () => {
            const { status, body } = await post({ body: over, headers: { ...json, 'x-idempotency-key': 'over' } })
            expect([status, body]).toEqual([413, tooLarge])
          }),
        ).toEqual(NOTHING)
      })

      test('is made of none that is many times as long either: the answer is the same', async () => {
        const body = jsonOf(3_000_000, { name: 'long' })
        const { status, body: answer } = await post({ body, headers: { 'content-type': 'application/json' } })
        expect([status, answer]).toEqual([413, refusal('PAYLOAD_TOO_LARGE', 'The body is larger than this webhook takes.')])
        const { responses } = await raw(seed.port, chunked(paths[webhook]!, {}, body))
        expect(responses.map(r => [r.status, JSON.parse(r.body).error.code])).toEqual([[413, 'PAYLOAD_TOO_LARGE']])
      })

      test('chunked, the same', async () => {
        const at = await raw(seed.port, chunked(paths[webhook]!, {}, jsonOf(LIMIT, { name: 'chunks' })))
        expect(at.responses.map(r => r.status)).toEqual([201])
        expect(
          await adding(async () => {
            const over = await raw(seed.port, chunked(paths[webhook]!, {}, jsonOf(LIMIT + 1, { name: 'chunks' })))
            expect(over.responses.map(r => [r.status, JSON.parse(r.body).error.code])).toEqual([[413, 'PAYLOAD_TOO_LARGE']])
          }),
        ).toEqual(NOTHING)
      })

      test('is made of characters counted as bytes', async () => {
        const { status } = await post({ json: { name: 'é'.repeat(LIMIT / 2) } })
        expect(status).toBe(413)
      })
    })

    describe('refused, and nothing is written:', () => {
      const json = { 'content-type': 'application/json' }
      const rows: [what: string, sent: Sent & { path?: (path: string) => string }, status: number, body: unknown][] = [
        ['a required field is missing', { json: { email: 'a@example.com' } }, 422, missingName],
        ['the same with an idempotency key', { json: {}, headers: { 'x-idempotency-key': 'bad' } }, 422, missingName],
        ['the same with the loop header', { json: {}, headers: { [loop]: '1' } }, 422, missingName],
        [
          'a field is of another type',
          { json: { name: 5 } },
          422,
          refusal('VALIDATION_FAILED', 'The payload failed validation.', { name: ['The name field must be text.'] }),
        ],
        [
          'a field is null',
          { json: { name: null } },
          422,
          refusal('VALIDATION_FAILED', 'The payload failed validation.', { name: ['The name field must be text.'] }),
        ],
        [
          'two fields are wrong',
          { json: { name: '', source: 1 } },
          422,
          refusal('VALIDATION_FAILED', 'The payload failed validation.', {
            name: ['The name field must have at least 1 character.'],
            source: ['The source field must be text.'],
          }),
        ],
        ['the body is no JSON', { body: '{"name":', headers: json }, 400, refusal('INVALID_JSON', 'The body is not a JSON object.')],
        ['the body is empty', { body: '', headers: json }, 400, refusal('INVALID_JSON', 'The body is not a JSON object.')],
        ['the body is a list', { body: '[{"name":"A"}]', headers: json }, 400, refusal('INVALID_JSON', 'The body is not a JSON object.')],
        [
          'the key has 256 characters',
          { json: { name: 'A' }, headers: { 'x-idempotency-key': 'k'.repeat(256) } },
          400,
          refusal('IDEMPOTENCY_KEY_INVALID', 'The idempotency key is missing or unusable.', {
            _general: ['The X-Idempotency-Key header must have 1 to 255 characters, none of them a control character.'],
          }),
        ],
        ['the token is cut short', { json: { name: 'A' }, path: p => p.slice(0, -1) }, 404, refusal('NOT_FOUND', unknown)],
        ['the token is too long', { json: { name: 'A' }, path: p => `${p}0` }, 404, refusal('NOT_FOUND', unknown)],
        [
          'the token is in another case',
          { json: { name: 'A' }, path: p => p.slice(0, -24) + p.slice(-24).toUpperCase() },
          404,
          refusal('NOT_FOUND', unknown),
        ],
        ['the token is none of ours', { json: { name: 'A' }, path: () => `${base}wh_01JA` }, 404, refusal('NOT_FOUND', unknown)],
        [
          'the token is none of ours, and the body no JSON',
          { body: '{', headers: json, path: () => `${base}wh_01JA` },
          404,
          refusal('NOT_FOUND', unknown),
        ],
        ['the method is GET', { method: 'GET' }, 405, refusal('METHOD_NOT_ALLOWED', 'This webhook does not take this method.')],
        [
          'the method is PUT',
          { method: 'PUT', json: { name: 'A' } },
          405,
          refusal('METHOD_NOT_ALLOWED', 'This webhook does not take this method.'),
        ],
      ]
      test.each(rows)('%s', async (_, { path = p => p, ...sent }, status, body) => {
        expect(
          await adding(async () => {
            const answer = await seed.send(path(paths[webhook]!), sent)
            expect([answer.status, answer.body]).toEqual([status, body])
            expect(answer.headers.get('content-type')).toBe('application/json')
            if (status === 405) expect(answer.headers.get('allow')).toBe('POST')
          }),
        ).toEqual(NOTHING)
      })

      test.each(['off', 'alone'])('an inactive webhook (%s) is as one that was never there: 404', async name => {
        expect(
          await adding(async () => {
            const { status, body } = await post({ json: { name: 'A' } }, name)
            expect([status, body]).toEqual([404, refusal('NOT_FOUND', unknown)])
          }),
        ).toEqual(NOTHING)
      })
    })

    describe('an idempotency key', () => {
      const key = (value: string) => ({ 'x-idempotency-key': value })
      const flag = ({ headers }: Answer) => headers.get('x-idempotent-replayed')
      /** Everything about the two answers but the header that tells them apart. */
      function expectReplay(original: Answer, again: Answer) {
        expect([again.status, again.text]).toEqual([original.status, original.text])
        expect([flag(original), flag(again)]).toEqual([null, replayed ? 'true' : null])
        const rest = ({ headers }: Answer) => [...headers.keys()].filter(name => name !== 'x-idempotent-replayed').sort()
        expect(rest(again)).toEqual(rest(original))
        expect(again.headers.get('content-type')).toBe(original.headers.get('content-type'))
      }

      const repeats: [what: string, again: Sent][] = [
        ['the same request', { json: { name: 'first' } }],
        ['another body', { json: { name: 'second', source: 'other' } }],
        ['a body that would fail validation', { json: {} }],
        ['a body that is no JSON', { body: 'nonsense', headers: { 'content-type': 'application/json' } }],
        ['the loop header', { json: { name: 'first' }, headers: { [loop]: '1' } }],
      ]
      test.each(repeats)('answers %s with the first answer, byte for byte', async (what, again) => {
        const original = await post({ json: { name: 'first' }, headers: key(`repeat ${what}`) })
        const id = expectCreated(original)
        expect(
          await adding(async () =>
            expectReplay(original, await post({ ...again, headers: { ...again.headers, ...key(`repeat ${what}`) } })),
          ),
        ).toEqual(NOTHING)
        expect((await seed.written(id)).records).toEqual([{ entity, data: { name: 'first' }, webhook }])
      })

      test('may have 255 characters', async () => {
        const original = await post({ json: { name: 'A' }, headers: key('k'.repeat(255)) })
        expectCreated(original)
        expectReplay(original, await post({ json: { name: 'A' }, headers: key('k'.repeat(255)) }))
      })

      test('is told from another by its last character and by case', async () => {
        const ids = new Set<string>()
        for (const k of ['same', 'samE', 'same ', 'same1']) ids.add(expectCreated(await post({ json: { name: 'A' }, headers: key(k) })))
        expect(ids.size).toBe(3) // white space around a header's value is not part of it
      })

      test('sent eight times at once makes one record, and eight times the same answer', async () => {
        let answers: Answer[] = []
        const once = () => post({ json: { name: 'at once' }, headers: key('at once') })
        expect(await adding(async () => (answers = await Promise.all(Array.from({ length: 8 }, once))))).toEqual({
          records: 1,
          events: 1,
          keys: 1,
        })
        expect(new Set(answers.map(a => `${a.status} ${a.text}`)).size).toBe(1)
        expect(answers.filter(a => flag(a) === 'true').length).toBe(replayed ? 7 : 0)
      })

      test('is not spent by a request that was refused', async () => {
        expect((await post({ json: {}, headers: key('retried') })).status).toBe(422)
        const original = await post({ json: { name: 'mended' }, headers: key('retried') })
        expectCreated(original)
        expect(flag(original)).toBeNull()
        expectReplay(original, await post({ json: { name: 'mended' }, headers: key('retried') }))
      })

      test('belongs to the webhook: another one with it makes its own record, another token does not', async () => {
        const original = await post({ json: { name: 'A' }, headers: key('shared') })
        const other = await post({ json: { name: 'A' }, headers: key('shared') }, 'burst')
        expect(expectCreated(other)).not.toBe(expectCreated(original))
        const { path } = await seed.token(webhook)
        expectReplay(original, await seed.send(path, { json: { name: 'A' }, headers: key('shared') }))
      })

      test('is remembered for 24 hours, and then new', async () => {
        const original = await post({ json: { name: 'A' }, headers: key('old') })
        const hours = `extract(epoch from k.expires_at - r.created_at)::float8 / 3600`
        expect(
          await seed.rows(`select ${hours} as hours from idempotency_keys k join records r on r.id = k.record_id where k.key = 'old'`),
        ).toEqual([{ hours: 24 }])
        await seed.rows(`update idempotency_keys set expires_at = now() - interval '1 second' where key = 'old'`)
        let again!: Answer
        expect(await adding(async () => (again = await post({ json: { name: 'A' }, headers: key('old') })))).toEqual({
          records: 1,
          events: 1,
          keys: 0,
        })
        expect(expectCreated(again)).not.toBe(expectCreated(original))
        expect(flag(again)).toBeNull()
      })
    })

    describe('the record quota', () => {
      test('refuses with the documented error, and counts what was made alone', async () => {
        expect((await post({ json: {} }, 'small')).status).toBe(422)
        const kept = await post({ json: { name: 'A' }, headers: { 'x-idempotency-key': 'in time' } }, 'small')
        expectCreated(kept)
        expect((await post({ json: { name: 'A' }, headers: { 'x-idempotency-key': 'in time' } }, 'small')).text).toBe(kept.text)
        expectCreated(await post({ json: { name: 'B' } }, 'small'))
        expect(
          await adding(async () => {
            for (const headers of [{}, { 'x-idempotency-key': 'late' }, { [loop]: '1' }]) {
              const { status, body } = await post({ json: { name: 'C' }, headers: headers as Record<string, string> }, 'small')
              expect([status, body]).toEqual([422, quotaExceeded])
            }
            // What was answered before is answered still.
            expect((await post({ json: { name: 'A' }, headers: { 'x-idempotency-key': 'in time' } }, 'small')).text).toBe(kept.text)
          }),
        ).toEqual(NOTHING)
      })

      test('of none refuses the first', async () => {
        const { status, body } = await post({ json: { name: 'A' } }, 'nothing')
        expect([status, body]).toEqual([422, quotaExceeded])
      })

      test('lets exactly the rest through when many come at once', async () => {
        const [{ used } = { used: 0 }] = await seed.rows<{ used: number }>(`select used::int from quotas where scope = 'burst'`)
        const answers = await Promise.all(Array.from({ length: 12 }, () => post({ json: { name: 'A' } }, 'burst')))
        expect(answers.filter(a => a.status === 201).length).toBe(3 - used)
        for (const { status, body } of answers) if (status !== 201) expect([status, body]).toEqual([422, quotaExceeded])
        expect(await seed.rows(`select count(*)::int as made from records where webhook = 'burst'`)).toEqual([{ made: 3 }])
      })
    })

    describe('loop prevention', () => {
      const rows: [what: string, headers: Record<string, string>, events: number][] = [
        ['a delivery of our own makes its record and no event', { [loop]: 'wh_1' }, 0],
        ['whatever the letter case of the header', { [loop.toLowerCase()]: 'wh_1' }, 0],
        ['whatever its value', { [loop]: 'false' }, 0],
        ["another product's header counts for nothing", { [product.foreignLoop]: 'wh_1' }, 1],
      ]
      test.each(rows)('%s', async (_, headers, events) => {
        let answer!: Answer
        expect(await adding(async () => (answer = await post({ json: { name: 'Loop' }, headers })))).toEqual({
          records: 1,
          events,
          keys: 0,
        })
        const { records, events: written } = await seed.written(expectCreated(answer))
        expect(records).toEqual([{ entity, data: { name: 'Loop' }, webhook }])
        expect(written.length).toBe(events)
      })
    })

    test('no token stands in the log', () => {
      expect(seed.log()).toContain('NOT_FOUND')
      for (const path of Object.values(paths)) expect(seed.log()).not.toContain(path.slice(path.lastIndexOf('/') + 1))
    })
  }
}
