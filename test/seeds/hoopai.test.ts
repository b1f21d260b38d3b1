/** HoopAI, "Inbound webhook trigger": every sentence of its page that is about a request, against the shipped example. */
import { beforeAll, describe, expect, test } from 'bun:test'
import { type Answer, NOTHING, onExample, type Sent, ULID } from './fixture.ts'

const json = { 'content-type': 'application/json' }
const notFound = { success: false, error: 'There is no webhook here.' }
const noContact = {
  success: false,
  error: 'The payload failed validation.',
  details: { _general: ['The payload must have at least one of these fields: email, phone.'] },
}

await onExample('hoopai', { embedded: true, variants: ({ purchase }) => ({ second: purchase! }) }, seed => {
  let path = ''
  beforeAll(async () => {
    path = (await seed.token('purchase')).path
  })
  const send = (sent: Sent, query = '') => seed.send(path + query, sent)

  function expectSuccess({ status, headers, text }: Answer) {
    expect([status, text, headers.get('content-type')]).toEqual([200, '{"success":true}', 'application/json'])
  }
  const contacts = (field: string, value: unknown) =>
    seed.rows(`select id, data from records where data->>'${field}' = $1 order by id`, [value])

  describe('a new contact is made', () => {
    const rows: [what: string, sent: Sent, query: string, data: Record<string, unknown>, variables: Record<string, unknown>][] = [
      ['by POST', { json: { email: 'jane@example.com', first_name: 'Jane' } }, '', { email: 'jane@example.com', first_name: 'Jane' }, {}],
      ['by PUT', { method: 'PUT', json: { email: 'put@example.com' } }, '', { email: 'put@example.com' }, {}],
      [
        'by GET, of the query',
        { method: 'GET' },
        '?email=get%40example.com&first_name=Get+It',
        { email: 'get@example.com', first_name: 'Get It' },
        {},
      ],
      ['by phone alone', { json: { phone: '+15550000001' } }, '', { phone: '+15550000001' }, {}],
      ['by phone, of the query', { method: 'GET' }, '?phone=%2B15550000002', { phone: '+15550000002' }, {}],
      [
        'with a mapped key',
        { json: { email: 'plan@example.com', plan: 'pro' } },
        '',
        { email: 'plan@example.com', subscription_plan: 'pro' },
        { plan: 'pro' },
      ],
      [
        'with a custom variable',
        { json: { email: 'var@example.com', subscription_plan: 'free' } },
        '',
        { email: 'var@example.com', subscription_plan: 'free' },
        { subscription_plan: 'free' },
      ],
      [
        'with a custom variable, of the query',
        { method: 'GET' },
        '?email=varq@example.com&subscription_plan=free',
        { email: 'varq@example.com', subscription_plan: 'free' },
        { subscription_plan: 'free' },
      ],
      [
        'with custom fields, whatever they are',
        { json: { email: 'custom@example.com', score: 7, vip: true, tags: ['a'], address: { city: 'Ulm' }, none: null } },
        '',
        { email: 'custom@example.com', score: 7, vip: true, tags: ['a'], address: { city: 'Ulm' }, none: null },
        {},
      ],
      [
        'with a query beside the body, which is not part of it',
        { json: { email: 'both@example.com' } },
        '?utm=1',
        { email: 'both@example.com' },
        {},
      ],
      [
        'without a content type',
        { body: '{"email":"bare@example.com"}', headers: { 'content-type': '' } },
        '',
        { email: 'bare@example.com' },
        {},
      ],
    ]
    test.each(rows)('%s', async (_, sent, query, data, variables) => {
      expect(await seed.adding(async () => expectSuccess(await send(sent, query)))).toEqual({ records: 1, events: 1, keys: 0 })
      const [record] = await seed.rows('select id, entity, data, webhook from records order by created_at desc, id desc limit 1')
      expect(record).toEqual({ id: expect.stringMatching(ULID), entity: 'person', data, webhook: 'purchase' })
      expect((await seed.written(record!.id)).events).toEqual([
        { type: 'record.created', webhook: 'purchase', entity: 'person', data, previous: null, variables },
      ])
    })
  })

  describe('a known contact is updated', () => {
    const rows: [what: string, sent: Sent, query: string, added: Record<string, unknown>][] = [
      ['by its email', { json: { email: 'known@example.com', a: 1 } }, '', { a: 1 }],
      ['by its email in another case', { json: { email: 'KNOWN@Example.com', b: 2 } }, '', { email: 'KNOWN@Example.com', b: 2 }],
      ['by its phone', { json: { phone: '+15551112222', c: 3 } }, '', { c: 3 }],
      [
        'by its email, with another phone',
        { json: { email: 'known@example.com', phone: '+15559998888' } },
        '',
        { email: 'known@example.com', phone: '+15559998888' },
      ],
      [
        'by its phone, with another email',
        { json: { email: 'moved@example.com', phone: '+15559998888' } },
        '',
        { email: 'moved@example.com' },
      ],
      ['by PUT', { method: 'PUT', json: { email: 'moved@example.com', d: 4 } }, '', { d: 4 }],
      ['by GET', { method: 'GET' }, '?email=moved@example.com&e=5', { e: '5' }],
      ['with a mapped key', { json: { email: 'moved@example.com', plan: 'pro' } }, '', { subscription_plan: 'pro' }],
      ['with the same again', { json: { email: 'moved@example.com', plan: 'pro' } }, '', {}],
    ]
    let id = ''
    let data: Record<string, unknown> = { email: 'known@example.com', phone: '+15551112222' }
    beforeAll(async () => {
      expectSuccess(await send({ json: data }))
      id = (await contacts('email', 'known@example.com'))[0]!.id
    })

    test.each(rows)('%s', async (_, sent, query, added) => {
      expect(await seed.adding(async () => expectSuccess(await send(sent, query)))).toEqual({ records: 0, events: 1, keys: 0 })
      const previous = data
      data = { ...data, ...added }
      const { records, events } = await seed.written(id)
      expect(records.map(r => r.data)).toEqual([data])
      expect(events.at(-1)).toMatchObject({ type: 'record.updated', data, previous })
    })

    test('whose email and phone are two contacts: the email decides, and the other one stays', async () => {
      expectSuccess(await send({ json: { email: 'one@example.com' } }))
      expectSuccess(await send({ json: { phone: '+15553334444' } }))
      expectSuccess(await send({ json: { email: 'one@example.com', phone: '+15553334444', both: 1 } }))
      expect((await contacts('phone', '+15553334444')).map(r => r.data)).toEqual(
        expect.arrayContaining([{ phone: '+15553334444' }, { email: 'one@example.com', phone: '+15553334444', both: 1 }]),
      )
    })

    test('by a second webhook as well: the contacts are those of the app', async () => {
      const second = (await seed.quickToken('second')) as string
      const to = path.replace(/[^/]+$/, second)
      expect(
        await seed.adding(async () => expectSuccess(await seed.send(to, { json: { email: 'one@example.com', from: 'second' } }))),
      ).toEqual({ records: 0, events: 1, keys: 0 })
      expect((await contacts('email', 'one@example.com'))[0]!.data).toMatchObject({ from: 'second' })
    })

    test('once, when twelve come at once for a new one', async () => {
      const one = (n: number): Promise<Answer> =>
        n % 3 === 0
          ? send({ method: 'GET' }, `?email=RACE@example.com&f${n}=${n}`)
          : send({ method: n % 3 === 1 ? 'POST' : 'PUT', json: { email: 'race@example.com', [`f${n}`]: n } })
      expect(
        await seed.adding(async () => {
          for (const answer of await Promise.all(Array.from({ length: 12 }, (_, n) => one(n)))) expectSuccess(answer)
        }),
      ).toEqual({ records: 1, events: 12, keys: 0 })
      const [record] = await seed.rows(`select data from records where lower(data->>'email') = 'race@example.com'`)
      expect(Object.keys(record!.data).length).toBe(13)
    })

    test('also when one comes with its email and one with its phone, at once with both', async () => {
      expect(
        await seed.adding(async () => {
          expectSuccess(await send({ json: { email: 'x@example.com', phone: '+15557770000' } }))
          const all = [{ email: 'x@example.com' }, { phone: '+15557770000' }, { email: 'x@example.com', phone: '+15557770000' }]
          for (const answer of await Promise.all([...all, ...all].map(json => send({ json })))) expectSuccess(answer)
        }),
      ).toEqual({ records: 1, events: 7, keys: 0 })
    })
  })

  describe('malformed, or without what is required: a 4xx, and nothing is written:', () => {
    const rows: [what: string, sent: Sent, query: string, status: number, body: unknown][] = [
      ['neither email nor phone', { json: { first_name: 'Jane' } }, '', 422, noContact],
      ['an empty object', { json: {} }, '', 422, noContact],
      ['a GET without parameters', { method: 'GET' }, '', 422, noContact],
      ['a GET with other parameters', { method: 'GET' }, '?first_name=Jane', 422, noContact],
      ['a POST with an email in the query alone', { json: {} }, '?email=q@example.com', 422, noContact],
      [
        'an empty email',
        { json: { email: '' } },
        '',
        422,
        { success: false, error: noContact.error, details: { email: ['The email field must be an email address.'] } },
      ],
      [
        'an empty email, of the query',
        { method: 'GET' },
        '?email=',
        422,
        { success: false, error: noContact.error, details: { email: ['The email field must be an email address.'] } },
      ],
      [
        'no email address',
        { json: { email: 'jane' } },
        '',
        422,
        { success: false, error: noContact.error, details: { email: ['The email field must be an email address.'] } },
      ],
      [
        'an email that is no text',
        { json: { email: 5 } },
        '',
        422,
        { success: false, error: noContact.error, details: { email: ['The email field must be text.'] } },
      ],
      [
        'two emails in the query',
        { method: 'GET' },
        '?email=a@example.com&email=b@example.com',
        422,
        { success: false, error: noContact.error, details: { email: ['The email field must be text.'] } },
      ],
      [
        'a phone that is too short',
        { json: { phone: '12' } },
        '',
        422,
        { success: false, error: noContact.error, details: { phone: ['The phone field must have at least 5 characters.'] } },
      ],
      ['half a JSON', { body: '{"email":', headers: json }, '', 400, { success: false, error: 'The body is not a JSON object.' }],
      ['no body', { headers: json }, '', 400, { success: false, error: 'The body is not a JSON object.' }],
      ['no body by PUT', { method: 'PUT', headers: json }, '', 400, { success: false, error: 'The body is not a JSON object.' }],
      [
        'a list of contacts',
        { body: '[{"email":"a@example.com"}]', headers: json },
        '',
        400,
        { success: false, error: 'The body is not a JSON object.' },
      ],
      [
        'a method that is not among them',
        { method: 'PATCH', json: { email: 'a@example.com' } },
        '',
        405,
        { success: false, error: 'This webhook does not take this method.' },
      ],
      ['another one', { method: 'DELETE' }, '', 405, { success: false, error: 'This webhook does not take this method.' }],
    ]
    test.each(rows)('%s', async (_, sent, query, status, body) => {
      expect(
        await seed.adding(async () => {
          const answer = await send(sent, query)
          expect([answer.status, answer.body]).toEqual([status, body])
          if (status === 405) expect(answer.headers.get('allow')).toBe('POST, GET, PUT')
        }),
      ).toEqual(NOTHING)
    })

    test('a broken percent sign in the query', async () => {
      expect(await seed.adding(async () => expect((await send({ method: 'GET' }, '?email=a%zz@example.com')).status).toBe(422))).toEqual(
        NOTHING,
      )
    })
  })

  describe('the URL', () => {
    test('is what lets a sender in: without its token there is nothing', async () => {
      expect(
        await seed.adding(async () => {
          for (const method of ['POST', 'PUT', 'GET']) {
            const { status, body } = await seed.send('/hooks/wh_guess?email=a@example.com', {
              method,
              ...(method !== 'GET' && { json: { email: 'a@example.com' } }),
            })
            expect([status, body]).toEqual([404, notFound])
          }
        }),
      ).toEqual(NOTHING)
    })

    test('is another for each webhook and each time', async () => {
      const tokens = await Promise.all(['purchase', 'purchase', 'second'].map(name => seed.quickToken(name)))
      expect(new Set(tokens).size).toBe(3)
    })

    test('can be changed: the new one works at once, the old one soon no longer', async () => {
      const old = await seed.token('purchase')
      expectSuccess(await seed.send(old.path, { json: { email: 'rotate@example.com' } }))
      const next = await seed.token('purchase')
      expectSuccess(await seed.send(next.path, { json: { email: 'rotate@example.com' } }))
      expect((await seed.command('token', 'revoke', old.id)).code).toBe(0)
      const deadline = Date.now() + 3000
      let answer = await seed.send(old.path, { json: { email: 'rotate@example.com' } })
      while (answer.status === 200 && Date.now() < deadline) {
        await new Promise(done => setTimeout(done, 50))
        answer = await seed.send(old.path, { json: { email: 'rotate@example.com' } })
      }
      expect([answer.status, answer.body]).toEqual([404, notFound])
      expectSuccess(await seed.send(next.path, { json: { email: 'rotate@example.com' } }))
    })
  })
})
