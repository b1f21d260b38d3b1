// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is the syntax under test
/** HASP, "Webhooks" of a project: every sentence of its page that is about a request, against the shipped example. */
import { afterAll, describe, expect, test } from 'bun:test'
import { createHmac } from 'node:crypto'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { folder } from '../support/child.ts'
import { cli } from '../support/process.ts'
import { raw } from '../support/raw.ts'
import { changed, NOTHING, onExample, type Seed, type Sent } from './fixture.ts'

const EHR_SIGNING_KEY = 'ehr-signing-key-0123456789abcdef'
const PARTNER_A_SECRET = 'partner-a-secret-0123456789abcdef'
const PARTNER_B_KEY = 'partner-b-key-0123456789abcdef'
const ACME_KEY = 'acme-key-0123456789abcdef0123'
const env = { EHR_SIGNING_KEY, PARTNER_A_SECRET, PARTNER_B_KEY, ACME_KEY }

const sign = (body: string, key = EHR_SIGNING_KEY, algorithm = 'sha256') => createHmac(algorithm, key).update(body).digest('hex')
const json = { 'content-type': 'application/json' }
const error = (code: string, message: string, details?: Record<string, string[]>) => ({
  error: { code, message, ...(details && { details }) },
})
const unauthorized = error('UNAUTHORIZED', 'The credential, signature or timestamp is missing or wrong.')
const invalid = (details: Record<string, string[]>) => error('VALIDATION_FAILED', 'The payload failed validation.', details)

const chart = { patient_id: 'p-17', event: 'chart_updated', updated_fields: ['allergies'] }
const intake = { patient_id: 'p-18', source: 'a' }

/** The headers of each of the four methods, by the path of its webhook. */
const methods: Record<string, (body: string) => Record<string, string>> = {
  'ehr-chart-updated': body => ({ 'x-hub-signature-256': `sha256=${sign(body)}` }),
  'partner-a': () => ({ 'x-webhook-secret': PARTNER_A_SECRET }),
  'partner-b': () => ({ authorization: `Bearer ${PARTNER_B_KEY}` }),
  'internal-intake': () => ({}),
}

function send(seed: Seed, name: string, payload: unknown, headers?: Record<string, string>) {
  const body = typeof payload === 'string' ? payload : JSON.stringify(payload)
  return seed.send(`/webhooks/${name}`, { body, headers: { ...json, ...(headers ?? methods[name]?.(body)) } })
}

await onExample(
  'hasp-workflows',
  {
    env,
    variants: ({ 'partner-b': b }) => ({
      acme: { ...b!, path: '/webhooks/shared', host: ['acme.usehasp.run', 'api.acme-health.com'] },
      other: changed({ ...b!, path: '/webhooks/shared', host: ['other.usehasp.run'] }, 'auth-bearer', { keys: ['${ACME_KEY}'] }),
    }),
  },
  seed => {
    describe('a payload that fits', () => {
      const rows: [name: string, payload: Record<string, unknown>][] = [
        ['ehr-chart-updated', chart],
        ['ehr-chart-updated', { ...chart, extra: { kept: true } }],
        ['ehr-chart-updated', { patient_id: 'p', event: 'chart_updated' }],
      ]
      test.each(rows)('%s: the event alone, for a workflow %o', async (name, payload) => {
        expect(
          await seed.adding(async () => {
            const { status, text, headers } = await send(seed, name, payload)
            expect([status, text, headers.get('content-type')]).toEqual([202, '{"accepted":true}', 'application/json'])
          }),
        ).toEqual({ records: 0, events: 1, keys: 0 })
        const [event] = await seed.rows(
          'select type, webhook, entity, record_id, data, previous from events order by created_at desc, id desc limit 1',
        )
        expect(event).toEqual({ type: 'webhook.received', webhook: name, entity: null, record_id: null, data: payload, previous: null })
      })

      test.each(['partner-a', 'partner-b', 'internal-intake'])('%s: the record and its event', async name => {
        const payload = { ...intake, patient_id: `p of ${name}`, extra: [1] }
        expect(
          await seed.adding(async () => {
            const { status, text } = await send(seed, name, payload)
            expect([status, text]).toEqual([202, `{"accepted":true,"record_id":"p of ${name}"}`])
          }),
        ).toEqual({ records: 1, events: 1, keys: 0 })
        expect(await seed.written(`p of ${name}`)).toEqual({
          records: [{ entity: 'intake', data: payload, webhook: name }],
          events: [{ type: 'record.created', webhook: name, entity: 'intake', data: payload, previous: null, variables: {} }],
        })
      })

      test('two partners feed the same intake', async () => {
        await send(seed, 'partner-a', { patient_id: 'both', source: 'a', from_a: 1 })
        await send(seed, 'partner-b', { patient_id: 'both', source: 'b', from_b: 2 })
        const { records, events } = await seed.written('both')
        expect(records).toEqual([
          { entity: 'intake', data: { patient_id: 'both', source: 'b', from_a: 1, from_b: 2 }, webhook: 'partner-a' },
        ])
        expect(events.map(e => [e.type, e.webhook, e.previous?.source ?? null])).toEqual([
          ['record.created', 'partner-a', null],
          ['record.updated', 'partner-b', 'a'],
        ])
      })
    })

    describe('the sender is not let in, whatever the payload:', () => {
      const body = JSON.stringify(chart)
      const rows: [what: string, name: string, headers: Record<string, string>][] = [
        ['no signature', 'ehr-chart-updated', {}],
        ['an empty signature', 'ehr-chart-updated', { 'x-hub-signature-256': '' }],
        ['a signature without its prefix', 'ehr-chart-updated', { 'x-hub-signature-256': sign(body) }],
        ['a signature by another key', 'ehr-chart-updated', { 'x-hub-signature-256': `sha256=${sign(body, 'another')}` }],
        ['a signature by the empty key', 'ehr-chart-updated', { 'x-hub-signature-256': `sha256=${sign(body, '')}` }],
        ['a signature of another body', 'ehr-chart-updated', { 'x-hub-signature-256': `sha256=${sign(`${body} `)}` }],
        ['a signature cut short', 'ehr-chart-updated', { 'x-hub-signature-256': `sha256=${sign(body).slice(0, 63)}` }],
        ['SHA-1', 'ehr-chart-updated', { 'x-hub-signature-256': `sha1=${sign(body, EHR_SIGNING_KEY, 'sha1')}` }],
        ['SHA-1 in its own header', 'ehr-chart-updated', { 'x-hub-signature': `sha1=${sign(body, EHR_SIGNING_KEY, 'sha1')}` }],
        ['the signing key itself as a bearer', 'ehr-chart-updated', { authorization: `Bearer ${EHR_SIGNING_KEY}` }],
        ['no secret', 'partner-a', {}],
        ['another secret', 'partner-a', { 'x-webhook-secret': `${PARTNER_A_SECRET}0` }],
        ['a secret in another case', 'partner-a', { 'x-webhook-secret': PARTNER_A_SECRET.toUpperCase() }],
        ['the secret twice', 'partner-a', { 'x-webhook-secret': `${PARTNER_A_SECRET}, ${PARTNER_A_SECRET}` }],
        ['the secret as a bearer', 'partner-a', { authorization: `Bearer ${PARTNER_A_SECRET}` }],
        ['no bearer', 'partner-b', {}],
        ['another bearer', 'partner-b', { authorization: `Bearer ${PARTNER_A_SECRET}` }],
        ['an empty bearer', 'partner-b', { authorization: 'Bearer ' }],
        ['another scheme', 'partner-b', { authorization: `Basic ${PARTNER_B_KEY}` }],
        ['a key without its scheme', 'partner-b', { authorization: PARTNER_B_KEY }],
        ['two bearers', 'partner-b', { authorization: `Bearer ${PARTNER_B_KEY}, Bearer ${PARTNER_B_KEY}` }],
      ]
      test.each(rows)('%s (%s)', async (_, name, headers) => {
        expect(
          await seed.adding(async () => {
            for (const payload of [name.startsWith('ehr') ? chart : intake, {}, '{']) {
              const { status, body } = await send(seed, name, payload, headers)
              expect([status, body]).toEqual([401, unauthorized])
            }
          }),
        ).toEqual(NOTHING)
      })

      test('a secret in the query is no header', async () => {
        const { status } = await seed.send(`/webhooks/partner-a?X-Webhook-Secret=${PARTNER_A_SECRET}`, { json: intake })
        expect(status).toBe(401)
      })
    })

    describe('a payload that does not fit is refused with 400 before anything happens:', () => {
      const rows: [name: string, payload: unknown, details: Record<string, string[]>][] = [
        ['ehr-chart-updated', {}, { patient_id: ['The patient_id field is required.'], event: ['The event field is required.'] }],
        ['ehr-chart-updated', { ...chart, event: 'chart_deleted' }, { event: ['The event field must be chart_updated.'] }],
        ['ehr-chart-updated', { ...chart, updated_fields: 'all' }, { updated_fields: ['The updated_fields field must be a list.'] }],
        ['ehr-chart-updated', { ...chart, updated_fields: ['a', 1] }, { 'updated_fields.1': ['The updated_fields.1 field must be text.'] }],
        ['ehr-chart-updated', { ...chart, patient_id: 17 }, { patient_id: ['The patient_id field must be text.'] }],
        ['partner-a', { source: 'a' }, { patient_id: ['The patient_id field is required.'] }],
        ['partner-a', { patient_id: '' }, { patient_id: ['The patient_id field must have at least 1 character.'] }],
        ['partner-b', { patient_id: 'x', source: 5 }, { source: ['The source field must be text.'] }],
        ['internal-intake', { patient_id: null }, { patient_id: ['The patient_id field must be text.'] }],
      ]
      test.each(rows)('%s %o', async (name, payload, details) => {
        expect(
          await seed.adding(async () => {
            const { status, body } = await send(seed, name, payload)
            expect([status, body]).toEqual([400, invalid(details)])
          }),
        ).toEqual(NOTHING)
      })

      test.each(Object.keys(methods).flatMap(name => ['{', '', '[]', '"text"', 'null'].map(body => [name, body] as const)))(
        '%s %p',
        async (name, body) => {
          expect(
            await seed.adding(async () => {
              const answer = await send(seed, name, body)
              expect([answer.status, answer.body]).toEqual([400, error('INVALID_JSON', 'The body is not a JSON object.')])
            }),
          ).toEqual(NOTHING)
        },
      )
    })

    describe('the endpoint', () => {
      const payload = JSON.stringify({ patient_id: 'hosted' })
      async function at(host: string, key: string): Promise<number | undefined> {
        const head = `POST /webhooks/shared HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\nAuthorization: Bearer ${key}\r\nContent-Length: ${payload.length}\r\n\r\n`
        return (await raw(seed.port, [head + payload], { quiet: 20 })).responses[0]?.status
      }
      const rows: [host: string, key: string, status: number][] = [
        ['acme.usehasp.run', PARTNER_B_KEY, 202],
        ['ACME.usehasp.run:443', PARTNER_B_KEY, 202],
        ['api.acme-health.com', PARTNER_B_KEY, 202],
        ['other.usehasp.run', ACME_KEY, 202],
        ['acme.usehasp.run', ACME_KEY, 401],
        ['other.usehasp.run', PARTNER_B_KEY, 401],
        ['nobody.usehasp.run', PARTNER_B_KEY, 404],
        ['usehasp.run', PARTNER_B_KEY, 404],
      ]
      test.each(rows)('of a tenant answers under its own hosts: %s with %s gets %i', async (host, key, status) => {
        expect(await at(host, key)).toBe(status)
      })

      const sent: [what: string, path: string, sent: Sent, status: number][] = [
        ['GET', '/webhooks/internal-intake', { method: 'GET' }, 405],
        ['DELETE', '/webhooks/internal-intake', { method: 'DELETE' }, 405],
        ['a final slash', '/webhooks/internal-intake/', { json: intake }, 404],
        ['another case', '/webhooks/Internal-Intake', { json: intake }, 404],
        ['a name that nobody has', '/webhooks/nobody', { json: intake }, 404],
      ]
      test.each(sent)('is exactly its path and method: %s', async (_, path, request, status) => {
        expect(await seed.adding(async () => expect((await seed.send(path, request)).status).toBe(status))).toEqual(NOTHING)
      })
    })

    test('no secret is exposed: not in the log, not to operators', async () => {
      const shown = (await (await seed.admin('/webhooks')).text()) + (await (await seed.admin('/webhooks/partner-a')).text()) + seed.log()
      expect(shown).toContain('partner-a')
      for (const secret of Object.values(env)) expect(shown).not.toContain(secret)
    })
  },
)

const home = folder()
const example = readFileSync(join(import.meta.dirname, '../../config/examples/hasp-workflows.yaml'), 'utf8')
const check = async (text: string, ...words: string[]) => {
  writeFileSync(join(home, 'postern.yaml'), text)
  return cli(['check', '--config', join(home, 'postern.yaml'), ...words], { env })
}
const lineOf = (text: string, part: string) => text.split('\n').findIndex(line => line.includes(part)) + 1
afterAll(() => rmSync(home, { recursive: true, force: true }))

describe('a workflow can listen to several webhooks when their payload schemas are compatible', () => {
  /** Partner B with a schema of its own, which says this of its properties. */
  const withB = (properties: string, more = '') =>
    example
      .replace(/(partner-b:[\s\S]*?validation: { entity: )intake/, '$1intake-b')
      .replace('webhooks:\n', `  intake-b: { unknown: keep, schema: { type: object, properties: ${properties}${more} } }\n\nwebhooks:\n`)

  const rows: [what: string, text: string, code: number, told?: string][] = [
    ['one schema for both', example, 0],
    ['another that agrees', withB('{ patient_id: { type: string }, ward: { type: integer } }'), 0],
    [
      'another that does not',
      withB('{ patient_id: { type: integer } }'),
      78,
      "'partner-a' and 'partner-b' have no compatible payloads: patient_id is a string in 'partner-a' and an integer in 'partner-b'",
    ],
    [
      'one that cannot be told',
      withB('{ patient_id: { type: string } }', ', not: { required: [test] }'),
      0,
      'has not, which is not compared',
    ],
  ]
  test.each(rows)('%s', async (_, text, code, ...[told]) => {
    const { code: found, stdout } = await check(text)
    expect([found, stdout]).toEqual([code, expect.stringContaining(told ?? 'config is good')])
    if (told) expect(stdout).toContain(`postern.yaml:${lineOf(text, 'webhooks: [partner-a, partner-b]')}:27`)
  })
})

describe('a webhook cannot be deleted while a workflow depends on it', () => {
  test('it is refused by the names of both, at the line and column of the name in the subscription', async () => {
    const without = example.replace('  partner-b:\n', '  partner-c:\n')
    const { code, stdout } = await check(without)
    expect(code).toBe(78)
    expect(stdout).toContain(`postern.yaml:${lineOf(without, 'webhooks: [partner-a, partner-b]')}:27 `)
    expect(stdout).toContain("subscription 'intake' names the webhook 'partner-b', which is not declared — did you mean 'partner-a'?")
  })

  test('which depend on it, tells the reverse-dependency view', async () => {
    const { code, stdout } = await check(example, '--dependents', 'partner-a', '--json')
    expect([code, JSON.parse(stdout)]).toEqual([
      0,
      {
        dependents: {
          webhooks: { 'partner-a': { entities: ['intake'], subscriptions: ['intake'], destinations: ['workflows'] } },
          subscriptions: {},
          destinations: {},
          entities: {},
        },
      },
    ])
  })
})
