/** What a case runs on: the real chain, a store of its own, a clock that stands still, and nothing of this machine. */
import { describe, expect, test } from 'bun:test'
import { generateKeyPairSync } from 'node:crypto'
import { stringify } from 'yaml'
import { runtimes } from '../support/process.ts'
import { files, runJson } from './fixture.ts'

const good = { webhook: 'things', sign: true, json: { id: 'a', n: 1 } }
const NOW = '2026-03-01T10:00:00Z'

/** Cases that all must pass; each shows one thing. */
const cases: Record<string, unknown>[] = [
  { name: 'one case writes a record', request: good, expect: { body: { created: true }, records: { thing: 1 }, events: 1 } },
  { name: 'and the next does not see it', request: good, expect: { body: { created: true }, records: { thing: 1 }, events: 1 } },
  { name: 'nor its idempotency key: claimed', request: { ...good, headers: { 'X-Idempotency-Key': 'k' } }, expect: { replayed: false } },
  {
    name: 'nor its idempotency key: claimed again',
    request: { ...good, headers: { 'X-Idempotency-Key': 'k' } },
    expect: { replayed: false },
  },
  ...['first', 'second'].map(time => ({
    name: `nor its quota, ${time}`,
    requests: [
      { path: '/open/{token}', json: { id: 'a' }, expect: { status: 201 } },
      { path: '/open/{token}', json: { id: 'b' }, expect: { status: 201 } },
      { path: '/open/{token}', json: { id: 'c' }, expect: { status: 429, code: 'QUOTA_EXCEEDED', records: { thing: 2 } } },
    ],
  })),
  ...['first', 'second'].map(time => ({
    name: `nor its rate limit, which goes by the clock of the case, ${time}`,
    requests: [
      { path: '/limited', json: {}, times: 2, expect: { status: 202 } },
      { path: '/limited', json: {}, after: '59s', expect: { status: 429, headers: { 'retry-after': '1' } } },
      { path: '/limited', json: {}, after: '60s', expect: { status: 202 } },
    ],
  })),
  {
    name: 'the store writes by the clock of the case',
    now: NOW,
    request: good,
    expect: {
      records: { thing: [{ created_at: '2026-03-01T10:00:00.000Z', updated_at: '2026-03-01T10:00:00.000Z' }] },
      events: [{ created_at: '2026-03-01T10:00:00.000Z' }],
    },
  },
  {
    name: 'without one it is the default, the same for every run',
    request: good,
    expect: { records: { thing: [{ created_at: '2026-01-15T12:00:00.000Z' }] } },
  },
  ...[1772359200, 1772359200000, '1772359200', '2026-03-01T11:00:00+01:00', '2026-03-01 10:00:00Z'].map(now => ({
    name: `a time may be written ${JSON.stringify(now)}`,
    now,
    request: good,
    expect: { records: { thing: [{ created_at: '2026-03-01T10:00:00.000Z' }] } },
  })),
  {
    name: 'requests keep the time of the one before, and the request itself is at the time of the case',
    now: NOW,
    before: [{ ...good, after: '1h' }, good],
    request: { ...good, json: { id: 'b' } },
    expect: {
      records: {
        thing: [
          { id: 'a', updated_at: '2026-03-01T11:00:00.000Z' },
          { id: 'b', created_at: '2026-03-01T10:00:00.000Z' },
        ],
      },
    },
  },
  { name: 'the environment is that of the case', env: { KEY: 'another-key-of-this-case' }, request: good, expect: { status: 201 } },
  {
    name: 'whose key is wanted',
    env: { KEY: 'another-key-of-this-case' },
    request: { ...good, sign: false, headers: { authorization: 'Bearer key-of-the-things-webhook' } },
    expect: { status: 401 },
  },
  {
    name: 'a key that is only in the real environment is none',
    request: { ...good, sign: false, headers: { authorization: 'Bearer key-of-the-real-environment' } },
    expect: { status: 401 },
  },
  { name: 'an empty variable counts as none where there is a default', env: { KEY: '' }, request: good, expect: { status: 201 } },
  {
    name: 'a stored secret has the value that the case says',
    secrets: { STORED_KEY: 'stored-key-of-this-case' },
    request: { path: '/stored', headers: { authorization: 'Bearer stored-key-of-this-case' }, json: {} },
    expect: { status: 202 },
  },
  {
    name: 'several versions of it are all let in',
    secrets: { STORED_KEY: ['the-new-key-of-this-case', 'the-old-key-of-this-case'] },
    requests: [
      { path: '/stored', headers: { authorization: 'Bearer the-old-key-of-this-case' }, json: {}, expect: { status: 202 } },
      { path: '/stored', headers: { authorization: 'Bearer the-new-key-of-this-case' }, json: {}, expect: { status: 202 } },
      { path: '/stored', sign: true, json: {}, expect: { status: 202 } },
    ],
  },
  {
    name: 'one that the case says nothing of is known to the sender alone',
    request: { path: '/stored', sign: true, json: {} },
    expect: { status: 202 },
  },
  {
    name: 'a header that is given wins over what signing sets',
    request: { ...good, headers: { authorization: 'Bearer of-somebody-else' } },
    expect: { status: 401, code: 'UNAUTHORIZED' },
  },
  {
    name: 'a token is made once for a case',
    requests: [{ path: '/open/{token}', json: { id: 'a' }, times: 2, expect: { status: '2xx' } }],
  },
  { name: 'the name of a webhook is enough', request: { webhook: 'open', json: { id: 'a' } }, expect: { status: 201, body: { id: 'a' } } },
  {
    name: 'a body is sent byte for byte',
    request: {
      ...good,
      headers: { 'content-type': 'application/json' },
      json: undefined,
      body: '{ "id" : "a" , "tag":"$' + '{NOT} é\\u0041" }',
    },
    expect: { records: { thing: [{ tag: '$' + '{NOT} éA' }] } },
  },
  {
    name: 'or from base64',
    request: { ...good, json: undefined, bodyBase64: 'eyJpZCI6ImEi\nLCJuIjozfQ==' },
    expect: { records: { thing: [{ n: 3 }] } },
  },
  {
    name: 'or from a file',
    request: { ...good, json: undefined, bodyFile: 'fixtures/body.bin' },
    expect: { records: { thing: [{ n: 4 }] } },
  },
  {
    name: 'bytes that are no UTF-8',
    request: { ...good, json: undefined, bodyBase64: 'eyJpZCI6Iv8ifQ==' },
    expect: { status: 400, code: 'INVALID_JSON' },
  },
  { name: 'without a body there is none', request: { webhook: 'things', sign: true }, expect: { status: 400, code: 'INVALID_JSON' } },
  {
    name: 'numbers of headers, queries and variables are texts, as they are written',
    env: { KEY: 1234567890123456 },
    request: {
      ...good,
      sign: false,
      headers: { authorization: 'Bearer 1234567890123456', 'X-Idempotency-Key': 7 },
      query: { a: [1, 2], b: true },
    },
    expect: { status: 201 },
  },
  { name: 'a method in small letters', request: { ...good, method: 'put' }, expect: { status: 405, headers: { allow: 'POST' } } },
  { name: 'a path that is not there', request: { path: '/nowhere', json: {} }, expect: { status: 404, records: [], events: [] } },
  {
    name: 'events that nobody subscribes to are looked at, too, and several expectations at once',
    requests: [good, { ...good, json: { id: 'a', n: 2 } }],
    expect: {
      events: [
        { type: 'record.created', data: { n: 1 } },
        { type: 'record.updated', previous: { n: 1 }, data: { n: 2 }, record_id: 'a' },
      ],
    },
  },
]

describe.each(runtimes)('on %s', runtime => {
  test('every case shows what it says', async () => {
    const home = files({
      'fixtures/body.bin': '{"id":"a","n":4}',
      'cases.yaml': stringify({ config: 'postern.yaml', cases }, { aliasDuplicateObjects: false }),
    })
    const { cases: told, problems } = await runJson(home, ['cases.yaml'], { runtime, env: { KEY: 'key-of-the-real-environment' } })
    expect(problems).toBeUndefined()
    expect(told.filter(one => !one.ok)).toEqual([])
    expect(told.length).toBe(cases.length)
  })
})

describe('what stands around', () => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const raw = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('hex')
  const pem = privateKey.export({ format: 'pem', type: 'pkcs8' }) as string

  async function failuresOf(configuration: string, cases: Record<string, unknown>[], more: Record<string, string> = {}) {
    const home = files({
      ...more,
      'own.yaml': configuration,
      'cases.yaml': stringify({ config: 'own.yaml', cases }, { aliasDuplicateObjects: false }),
    })
    const { cases: told, problems } = await runJson(home, ['cases.yaml'])
    return (
      problems ?? told.flatMap(one => [...one.failures, ...(one.failures.length > 0 ? one.notes : [])].map(line => `${one.name}: ${line}`))
    )
  }

  test('hosts, proxies, HTTPS, a base path, keys of which only the public half is known', async () => {
    const configuration = `version: 1
server: { publicUrl: https://hooks.example.com/base, requireHttps: true, trustedProxies: [10.0.0.0/8] }
webhooks:
  acme: { path: /a, host: [acme.example.com], chain: [{ auth-none: { reason: tests } }, dispatch] }
  other: { path: /a, host: [other.example.com], chain: [{ auth-none: { reason: tests } }, { upsert: { entity: other } }] }
  signed: { path: /signed, chain: [{ auth-hmac: { preset: discord, secrets: [${raw}] } }, replay-window, dispatch] }
`
    const from = (ip: string, proto: string) => ({ webhook: 'acme', json: {}, ip, headers: { 'X-Forwarded-Proto': proto } })
    expect(
      await failuresOf(configuration, [
        {
          name: 'the only host of a webhook is called',
          request: { webhook: 'other', json: { id: 'a' } },
          expect: { records: { other: 1 } },
        },
        { name: 'a host', request: { path: '/a', host: 'other.example.com:443', json: {} }, expect: { records: { other: 1 } } },
        {
          name: 'a host in a header',
          request: { path: '/a', headers: { Host: 'acme.example.com' }, json: {} },
          expect: { events: 1, records: [] },
        },
        { name: 'another host', request: { path: '/a', host: 'nobody.example.com', json: {} }, expect: { status: 404 } },
        { name: 'an odd host', request: { path: '/a', host: 'a b', json: {} }, expect: { status: 400, code: 'INVALID_REQUEST' } },
        { name: 'plain HTTP', request: { webhook: 'acme', json: {}, https: false }, expect: { status: 403, code: 'HTTPS_REQUIRED' } },
        { name: 'HTTPS that a proxy took', request: { ...from('10.1.2.3', 'https'), https: false }, expect: { status: 202 } },
        { name: 'plain HTTP that a proxy took', request: from('10.1.2.3', 'http'), expect: { status: 403 } },
        { name: 'a stranger who says so', request: { ...from('192.0.2.9', 'https'), https: false }, expect: { status: 403 } },
        { name: 'a private key', request: { webhook: 'signed', json: { type: 1 }, sign: true, privateKey: pem }, expect: { status: 202 } },
        { name: 'none', request: { webhook: 'signed', json: { type: 1 }, headers: {} }, expect: { status: 401 } },
        {
          name: 'signed long ago',
          request: { webhook: 'signed', json: { type: 1 }, sign: { at: '2026-01-15T11:00:00Z' }, privateKey: pem },
          expect: { status: 401, reason: 'timestamp-too-old' },
        },
      ]),
    ).toEqual([])
  })

  test('a plugin of an operator: its tables are emptied, too, its throws fail a case, and it has no network', async () => {
    const plugin = `
export default ({ definePlugin, Type }) => {
  const noted = {
    name: 'notes', stage: 'write', key: () => '',
    async apply(tx, batch) {
      await tx.query('create table if not exists notes (id text primary key)')
      await tx.query('create table if not exists pages (note text references notes)')
      for (const { x } of batch) await tx.query('insert into notes values ($1)', [x.id])
      for (const { x } of batch) await tx.query('insert into pages values ($1)', [x.id])
      const [{ n }] = await tx.query('select count(*)::int as n from notes')
      return batch.map(() => (n === 1 ? undefined : { kind: 'refusal', code: 'CONFLICT', status: 409, summary: 'There are notes already.' }))
    },
  }
  return definePlugin({
    name: 'odd', phase: 'shape', summary: 'Does odd things.',
    config: Type.Object({}, { additionalProperties: false }),
    refusals: { OFFLINE: { status: 418, summary: 'There is no network.' }, CONFLICT: { status: 409, summary: 'There are notes already.' } },
    compile: (_, host) => async x => {
      if (x.payload.throw) throw new Error('this step is broken')
      if (x.payload.later) setImmediate(() => { throw new Error('thrown with token-of-the-tests-0123') })
      if (x.payload.rejected) void Promise.reject(new Error('nobody waits for it'))
      if (x.payload.note) x.stage(noted, {})
      if (x.payload.fetch) return await fetch('https://example.com/').then(() => undefined, error => host.refuse('OFFLINE', undefined, { reason: error.message }))
    },
  })
}
`
    const configuration = `version: 1
plugins: [./odd.ts]
webhooks:
  odd: { path: /odd, chain: [{ auth-none: { reason: tests } }, odd, { upsert: { entity: thing } }] }
  keyed: { path: /keyed, chain: [{ auth-bearer: { keys: [token-of-the-tests-0123] } }, odd, { upsert: { entity: thing } }] }
`
    const send = (json: unknown, more = {}) => ({ request: { path: '/odd', json }, ...more })
    expect(
      await failuresOf(
        configuration,
        [
          { name: 'first', ...send({ note: 1 }), expect: { status: 201 } },
          { name: 'second', ...send({ note: 1 }), expect: { status: 201 } },
          { name: 'twice', requests: [{ path: '/odd', json: { note: 1 }, times: 2 }], expect: undefined },
          { name: 'offline', ...send({ fetch: 1 }), expect: { status: 418, reason: 'there is no network in postern test' } },
          { name: 'thrown', ...send({ throw: 1 }) },
          { name: 'later', request: { webhook: 'keyed', sign: true, json: { later: 1 } }, expect: { status: 201 } },
          { name: 'rejected', ...send({ rejected: 1 }), expect: { status: 201 } },
          { name: 'thrown, as expected', ...send({ throw: 1 }), expect: { status: 500, code: 'INTERNAL', records: [] } },
        ],
        { 'odd.ts': plugin },
      ),
    ).toEqual([
      'thrown: status: a step failed: Error: this step is broken',
      expect.stringMatching(/^thrown: 500 INTERNAL by odd: Error: this step is broken/),
      'later: what a step, of this case or one before, began and left failed, which ends a gateway: Error: thrown with [secret]',
      'rejected: what a step, of this case or one before, began and left failed, which ends a gateway: Error: nobody waits for it',
    ])
  })
})
