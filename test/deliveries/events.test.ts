/** What destinations get of an event. */
import { describe, expect, test } from 'bun:test'
import { Webhook } from 'standardwebhooks'
import { available } from '../support/available.ts'
import { postgres } from '../support/postgres.ts'
import { runtimes } from '../support/process.ts'
import { running } from './fixture.ts'
import { sink } from './sink.ts'

const onPostgres = await available('Postgres', postgres)
const SECRETS = ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'a plain text of more than 16 bytes']
const KEYS = [SECRETS[0] as string, `whsec_${Buffer.from(SECRETS[1] as string).toString('base64')}`]

const sections = `
subscriptions:
  all: { webhooks: [things, notes], to: [plain, signed, put] }
  templated:
    webhooks: [things]
    when: data.n >= 1 && custom_variables.plan == "pro" && event.type == "record.created"
    to: [templated]
    body:
      text: "Plan {{custom_variables.plan}} of {{data.name}} ({{record.id}})"
      n: "{{data.n}}"
      deep: { list: ["{{data.list}}", "{{event.id}}", "{{webhook}}", "{{data.absent}}"] }
  updates: { webhooks: [things], events: [record.updated], when: data.n != previous.n, to: [updates] }
  structured: { webhooks: [things], to: [structured, binary] }
destinations:
  plain: { url: "SINK/plain", allowPrivate: true }
  signed: { url: "SINK/signed", allowPrivate: true, secrets: ${JSON.stringify(SECRETS)} }
  put: { url: "SINK/put?a=b", method: PUT, allowPrivate: true, headers: { Authorization: "Bearer \${CRM_TOKEN}", X-Own: mine } }
  templated: { url: "SINK/templated", allowPrivate: true }
  updates: { url: "SINK/updates", allowPrivate: true }
  structured: { url: "SINK/structured", allowPrivate: true, cloudEvents: structured }
  binary: { url: "SINK/binary", allowPrivate: true, cloudEvents: binary, secrets: ["${SECRETS[0]}"] }
`

for (const runtime of runtimes) {
  for (const store of ['postgres', 'pglite'] as const) {
    const suite = store === 'postgres' ? onPostgres : describe
    suite(`on ${runtime} and ${store}`, () => {
      const seen = sink()
      const started = running(sections, {
        sink: seen,
        runtime,
        env: { CRM_TOKEN: 'a-token-of-the-crm' },
        ...(store === 'pglite' && { database: 'pglite://memory' }),
      })

      test('a created record, an updated one, and a request that writes none', async () => {
        const { send } = await started
        await send('things', { id: 'x1', n: 1, name: 'Zoë', plan: 'pro', list: [1, { a: null }] })
        await seen.until(() => seen.at('plain').length === 1 && seen.at('templated').length === 1)
        await send('things', { id: 'x1', n: 2 })
        await seen.until(() => seen.at('plain').length === 2)
        await send('notes', { hello: 'there' })
        await seen.until(() => seen.at('plain').length === 3 && seen.received.length === 15)
        const [created, updated, received] = seen.at('plain').map(r => r.body)
        expect(created).toEqual({
          id: expect.stringMatching(/^evt_[0-9A-Z]{26}$/),
          type: 'record.created',
          timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
          data: {
            record_id: 'x1',
            entity: 'thing',
            record: { id: 'x1', n: 1, name: 'Zoë', plan: 'pro', list: [1, { a: null }] },
            webhook: 'things',
            variables: { plan: 'pro' },
          },
        })
        expect(updated).toMatchObject({
          type: 'record.updated',
          data: { record: { id: 'x1', n: 2, name: 'Zoë' }, previous: { id: 'x1', n: 1, name: 'Zoë' }, variables: {} },
        })
        expect(received).toMatchObject({ type: 'webhook.received', data: { payload: { hello: 'there' }, webhook: 'notes' } })
      })

      test('signatures of every secret, as a Standard Webhooks library checks them', async () => {
        const all = seen.at('signed')
        expect(all.length).toBe(3)
        for (const { headers, text } of all) {
          expect(headers.get('webhook-signature')?.split(' ').length).toBe(2)
          for (const key of KEYS) expect(() => new Webhook(key).verify(text, Object.fromEntries(headers))).not.toThrow()
          const wrong = new Webhook('whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA')
          expect(() => wrong.verify(text, Object.fromEntries(headers))).toThrow()
        }
      })

      test('the same id everywhere, and the header of the loop guard', () => {
        const ids = (path: string, header: string) => seen.at(path).map(r => r.headers.get(header))
        expect(ids('plain', 'webhook-id')).toEqual(seen.at('plain').map(r => r.body.id))
        expect(new Set(ids('signed', 'webhook-id'))).toEqual(new Set(ids('plain', 'x-postern-webhook-id')))
        expect(seen.at('plain')[0]?.headers.get('webhook-signature')).toBeNull()
      })

      test('the method and the headers of the destination', () => {
        expect(seen.at('put')[0]).toMatchObject({ method: 'PUT', path: 'put' })
        expect(seen.at('put')[0]?.headers.get('authorization')).toBe('Bearer a-token-of-the-crm')
        expect(seen.at('put')[0]?.headers.get('x-own')).toBe('mine')
      })

      test('a body of its own, whose values keep their types', () => {
        expect(seen.at('templated').map(r => r.body)).toEqual([
          {
            text: 'Plan pro of Zoë (x1)',
            n: 1,
            deep: { list: [[1, { a: null }], seen.at('plain')[0]?.body.id, 'things', null] },
          },
        ])
        expect(seen.at('updates').length).toBe(1)
      })

      test('CloudEvents', () => {
        const [event] = seen.at('structured')
        expect(event?.headers.get('content-type')).toBe('application/cloudevents+json')
        expect(event?.body).toEqual({
          specversion: '1.0',
          id: expect.stringMatching(/^evt_/),
          source: 'https://hooks.example.com/webhooks/things',
          type: 'record.created',
          time: expect.any(String),
          datacontenttype: 'application/json',
          subject: 'thing/x1',
          data: expect.objectContaining({ record_id: 'x1' }),
        })
        const binary = seen.at('binary')[0]
        expect(binary?.body).toEqual(event?.body.data)
        expect(Object.fromEntries([...(binary?.headers ?? [])].filter(([name]) => name.startsWith('ce-')))).toEqual({
          'ce-specversion': '1.0',
          'ce-id': event?.body.id,
          'ce-source': 'https://hooks.example.com/webhooks/things',
          'ce-type': 'record.created',
          'ce-time': event?.body.time,
          'ce-subject': 'thing/x1',
        })
        expect(() => new Webhook(KEYS[0] as string).verify(binary?.text ?? '', Object.fromEntries(binary?.headers ?? []))).not.toThrow()
      })

      test('it stops cleanly', async () => {
        expect(await (await started).stop()).toBe(0)
      })
    })
  }
}
