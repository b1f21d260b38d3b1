/** Inference from captured requests: which of them count, and what the admin API tells. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { documented, embedded, idAt, insert, SECRET, T0, TOKEN, type World } from '../admin/world.ts'

setDefaultTimeout(30_000)

const passed = (plugin: string) => ({ plugin, verdict: 'passed', ms: 1 })
const letIn = [passed('auth-url-token')]
const body = (payload: unknown) => ({ body: JSON.stringify(payload), size: JSON.stringify(payload).length })
const invalid = { outcome: 'refused', status: 422, code: 'VALIDATION_FAILED' }

const requests: Record<string, unknown>[] = [
  { ...body({ name: 'Ada', age: 36 }), steps: letIn },
  { ...body({ name: 'Bob', plan: 'pro', token: '[masked]' }), steps: letIn },
  { ...body({ name: 5 }), ...invalid, steps: [...letIn, { plugin: 'validation', verdict: 'refused', ms: 1 }] },
  {
    ...body({ evil: 1 }),
    outcome: 'refused',
    status: 401,
    code: 'UNAUTHORIZED',
    steps: [{ plugin: 'auth-url-token', verdict: 'refused', ms: 1 }],
  },
  { ...body({ evil: 2 }), outcome: 'refused', status: 413, code: 'PAYLOAD_TOO_LARGE', steps: [] },
  { ...body({ name: 'Ada', age: 36 }), outcome: 'replayed', steps: letIn },
  { body: '{"name":"cut', size: 100_000, steps: letIn },
  { body: '', size: 2_000_000, steps: letIn },
  { body: 'AAEC', encoded: true, size: 3, steps: letIn },
  { ...body([1]), steps: letIn },
  { body: 'name=Eve', size: 8, headers: { 'content-type': 'application/x-www-form-urlencoded' }, steps: letIn },
]

describe('POST /webhooks/{name}/infer', () => {
  let it: World
  let faultOf: ReturnType<typeof documented>['faultOf']
  const ask = async (name: string, more: unknown = {}) => {
    const path = `/webhooks/${name}/infer`
    const answer = await it.ask('POST', path, more)
    if (answer.status === 200) expect(faultOf('POST', path, answer)).toBeUndefined()
    return answer
  }

  beforeAll(async () => {
    it = await embedded()
    // One by one: rows of one insertion have all the columns of the first alone.
    for (const [i, request] of requests.entries())
      await insert(it.store, 'requests', [{ id: idAt(T0, i), received_at: new Date(T0 + i * 1000).toISOString(), ...request }])
    faultOf = documented((await it.ask('GET', '/admin/openapi.json')).body).faultOf
  })
  afterAll(() => it.close())

  test('takes what was let in, whatever became of it, and says why it took no more', async () => {
    const { data } = (await ask('contact-form')).body
    expect(data.samples.used).toBe(4)
    expect(Object.fromEntries(data.samples.reasons.map((r: any) => [r.reason, r.count]))).toEqual({
      'not let in': 2,
      'a repeated delivery': 1,
      'its body was cut: raise capture.body of the webhook': 1,
      'its body is not kept': 1,
      'no text': 1,
      'the body is a JSON list, which `listAs` of the webhook would take': 1,
    })
    expect(data.schema).toEqual({
      type: 'object',
      required: ['name'],
      properties: { age: { type: 'integer' }, name: { type: ['string', 'integer'] }, plan: { type: 'string' }, token: {} },
    })
    expect(data.drift.map((d: any) => [d.kind, d.path, d.samples, d.of, d.first_seen])).toEqual([
      ['new_key', '$.age', 1, 4, new Date(T0).toISOString()],
      ['type', '$.name', 1, 4, new Date(T0 + 2000).toISOString()],
      ['new_key', '$.plan', 1, 4, new Date(T0 + 1000).toISOString()],
      ['new_key', '$.token', 1, 4, new Date(T0 + 1000).toISOString()],
    ])
    expect(data.yaml).toContain('- validation: { entity: contact }')
    for (const secret of [SECRET, TOKEN, 'evil']) expect(JSON.stringify(data)).not.toContain(secret)
  })

  test('the newest alone, the schema alone, another schema to compare with', async () => {
    const newest = (await ask('contact-form', { last: 2, schema_only: true })).body.data
    expect([Object.keys(newest), newest.samples.used, newest.samples.skipped]).toEqual([['samples', 'schema'], 1, 1])
    const against = { type: 'object', properties: { name: {}, age: { type: 'integer' }, plan: {}, token: {} } }
    expect((await ask('contact-form', { against })).body.data.drift).toEqual([])
  })

  test('a webhook without samples has an empty schema', async () => {
    const { data } = (await ask('sales')).body
    expect([data.samples.used, data.schema, data.drift, data.undrifted]).toEqual([0, { type: 'object' }, [], 'there is no schema yet'])
  })

  const wrong: [body: unknown, status: number, says: string, name?: string][] = [
    [{ last: 1001 }, 422, 'last'],
    [{ last: 0 }, 422, 'last'],
    [{ lats: 5 }, 422, 'lats'],
    [{ against: { type: 'strin' } }, 422, 'against is no good JSON Schema: type'],
    [{ against: { $ref: '#/nowhere' } }, 422, 'against is no good JSON Schema'],
    [{}, 404, "no webhook 'contact'", 'contact'],
  ]
  test.each(wrong)('%j is answered %d', async (sent, status, says, name = 'contact-form') => {
    const answer = await it.ask('POST', `/webhooks/${name}/infer`, sent)
    expect([answer.status, answer.body.title]).toEqual([status, expect.stringContaining(says)])
  })
})
