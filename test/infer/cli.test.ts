/** `postern infer`, of files and of a running gateway. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { folder } from '../support/child.ts'
import { cli, type Gateway, gateway, runtimes } from '../support/process.ts'

setDefaultTimeout(60_000)

const home = folder()
const file = (name: string, content: unknown) => {
  writeFileSync(join(home, name), typeof content === 'string' ? content : JSON.stringify(content))
  return name
}
const infer = (...words: string[]) => cli(['infer', ...words], { cwd: home })

const payloads = [
  { id: 'a', n: 1 },
  { id: 'b', n: 2, extra: { x: 1 } },
]
const captured = (payload: unknown, more = {}) => ({
  data: {
    outcome: 'accepted',
    headers: { 'stripe-signature': '[masked]' },
    body: JSON.stringify(payload),
    encoded: false,
    received_at: '2026-01-15T12:00:00Z',
    ...more,
  },
})
const har = {
  log: {
    entries: payloads.map(payload => ({
      startedDateTime: '2026-01-15T12:00:00Z',
      request: { method: 'POST', headers: [{ name: 'Stripe-Signature', value: 't=1' }], postData: { text: JSON.stringify(payload) } },
    })),
  },
}

describe('of files', () => {
  const kinds: [what: string, content: unknown, used: number, as: string, ...more: string[]][] = [
    ['one payload', payloads[0], 1, 'one payload'],
    ['a list', payloads, 2, 'a list of payloads, 2 of them (where the list is one payload: --list-as FIELD)'],
    ['a list that is a payload', payloads, 1, 'one payload, a list that becomes the field items', '--list-as', 'items'],
    ['lines', payloads.map(p => JSON.stringify(p)).join('\n'), 2, '2 lines of JSON'],
    ['lines behind a BOM', `\ufeff${payloads.map(p => JSON.stringify(p)).join('\r\n')}\r\n`, 2, '2 lines of JSON'],
    ['a captured request', captured(payloads[0]), 1, 'a captured request'],
    ['lines of captured requests', payloads.map(p => JSON.stringify(captured(p))).join('\n'), 2, '2 lines of JSON'],
    ['a HAR archive', har, 2, 'a HAR archive of 2 requests'],
  ]
  test.each(kinds.map(([what, content, used, as, ...more]) => [what, content, used, as, more] as const))(
    '%s',
    async (what, content, used, as, more) => {
      const name = file(`${what.replaceAll(' ', '-')}.json`, content)
      const { code, stdout, stderr } = await infer(name, ...more)
      expect([code, stderr.split('\n').slice(0, 2)]).toEqual([0, [`${name}: ${as}`, `${used} ${used === 1 ? 'sample' : 'samples'}`]])
      const config = join(home, 'made.yaml')
      writeFileSync(config, stdout)
      const checked = await cli(['check', '--config', config], { cwd: home })
      expect([checked.code, checked.stdout]).toEqual([0, expect.stringContaining('config is good: 1 webhook, 1 entity')])
    },
  )

  test('several together, as JSON, the same on every runtime', async () => {
    const names = [file('a.json', payloads[0]), file('b.ndjson', `${JSON.stringify(payloads[1])}\n[1]\nnonsense\n`)]
    const answers = await Promise.all(runtimes.map(runtime => cli(['infer', ...names, '--json'], { cwd: home, runtime })))
    for (const { code, stdout } of answers) {
      expect(code).toBe(0)
      expect(JSON.parse(stdout).data).toMatchObject({ samples: { used: 2, skipped: 2 }, schema: { required: ['id', 'n'] }, drift: [] })
      expect(stdout).toBe(answers[0]!.stdout)
    }
  })

  test('drift from a schema is told, and ends with 1 when asked', async () => {
    const against = file('old.yaml', 'type: object\nrequired: [id]\nproperties: { id: { type: string }, n: { type: integer } }\n')
    const sample = file('new.json', payloads)
    const told = await infer(sample, '--against', against)
    expect([told.code, told.stdout]).toEqual([0, expect.stringContaining('$.extra')])
    const checked = await infer(sample, '--against', against, '--check')
    expect([checked.code, checked.stdout]).toEqual([1, told.stdout])
    const good = await infer(file('same.json', payloads[0]), '--against', against, '--check')
    expect([good.code, good.stdout]).toEqual([0, 'no drift: the samples are what the schema says\n'])
  })

  test('--out writes once, and --schema-only is a JSON Schema', async () => {
    const sample = file('x.json', payloads)
    const written = await infer(sample, '--out', 'made.json', '--schema-only')
    expect([written.code, written.stdout, JSON.parse(readFileSync(join(home, 'made.json'), 'utf8')).required]).toEqual([0, '', ['id', 'n']])
    expect(await infer(sample, '--out', 'made.json')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('made.json is there already'),
    })
  })

  const deep = `${'{"a":['.repeat(4000)}1${']}'.repeat(4000)}`
  const wrong: [what: string, words: () => string[], code: number, says: string][] = [
    ['no file', () => ['none.json'], 2, "there is no file 'none.json'"],
    ['a name that none may have', () => [file('p.json', payloads), '--name', 'My Hook!'], 2, '--name takes letters, digits, _, . and -'],
    ['a folder', () => ['./'], 2, "'./' is a folder: name a file in it"],
    ['an empty file', () => [file('empty.json', '')], 1, 'no sample could be used: there is nothing in empty.json\n'],
    [
      'numbers that lose digits',
      () => [file('big.ndjson', '{"id":12345678901234567891}\n{"id":1,"lines":[{"sku":1e400}]}\n')],
      1,
      'skipped 2: 1 the number at id would lose digits, and the gateway refuses it: have it sent as text, 1 the number at lines.0.sku would',
    ],
    [
      'numbers that lose digits, in a list',
      () => [file('bigs.json', '[{"id":1},{"id":12345678901234567891},{"id":2}]')],
      0,
      'the number at 1.id would lose digits, and the gateway refuses it: have it sent as text',
    ],
    ['nothing that can be used', () => [file('l.ndjson', '1\n2\n')], 1, 'no sample could be used; skipped 2: 2 no JSON object'],
    ['too many', () => [file('m.json', payloads), '--last', '1001'], 2, '--last takes a whole number from 1 to 1000'],
    [
      'a schema that is none',
      () => [file('n.json', payloads), '--against', file('bad.json', { type: 'strin' })],
      2,
      'bad.json is no good JSON Schema: type',
    ],
    ['nothing to compare with', () => [file('o.json', payloads), '--check'], 2, 'nothing to compare with'],
    ['a list of lists as deep as can be', () => [file('d.json', `[${deep}]`), '--check', '--against', file('any.json', {})], 0, '1 sample'],
  ]
  test.each(wrong)('%s', async (_, words, code, says) => {
    const ended = await infer(...words())
    expect([ended.code, ended.stderr]).toEqual([code, expect.stringContaining(says)])
  })
})

describe('of a running gateway', () => {
  let running: Gateway
  let env: Record<string, string>
  const token = 'admin-token-0123456789abcdef'
  const key = 'a-key-of-more-than-16-bytes'
  const send = (body: unknown, headers: Record<string, string> = { authorization: `Bearer ${key}` }) =>
    fetch(`${running.url}/orders`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    })

  beforeAll(async () => {
    running = await gateway({
      config: `
version: 1
server: { port: "\${PORT}", host: 127.0.0.1, drainDelay: 0s }
store: { url: "pglite://memory" }
admin: { port: "\${ADMIN_PORT}", token: ${token} }
entities: { order: { schema: { type: object, required: [id], properties: { id: { type: string }, total: { type: integer } } } } }
webhooks:
  orders: { path: /orders, chain: [{ auth-bearer: { keys: ["\${KEY}"] } }, { validation: { entity: order } }, { upsert: { entity: order } }] }
`,
      env: { KEY: key, POSTERN_ADMIN_TOKEN: undefined, POSTERN_ADMIN_URL: undefined },
    })
    env = { POSTERN_ADMIN_URL: running.adminUrl, POSTERN_ADMIN_TOKEN: token }
    const sign = { authorization: `Bearer ${key}`, 'stripe-signature': 't=1,v1=00' }
    for (let i = 0; i < 10; i++) expect((await send({ id: `o${i}`, total: i, note: 'x' }, sign)).status).toBe(201)
    expect((await send({ id: 'o11', total: 1.5 }, sign)).status).toBe(422)
    expect((await send({ evil: 1 }, { authorization: 'Bearer wrong' })).status).toBe(401)
  })
  afterAll(() => running.stop())

  test('its samples make a schema, drift and YAML, and its provider is known', async () => {
    let data: any
    // Samples are written a little later than they are answered.
    for (const end = Date.now() + 20_000; Date.now() < end && data?.samples.used !== 11; ) {
      const { code, stdout } = await cli(['infer', 'orders', '--json'], { env })
      if (code === 0) data = JSON.parse(stdout).data
    }
    expect(data.samples).toEqual({ used: 11, skipped: 1, reasons: [{ reason: 'not let in', count: 1 }] })
    expect(data.provider).toMatchObject({ preset: 'stripe', timed: true })
    expect(data.schema.properties).toEqual({ id: { type: 'string' }, note: { type: 'string' }, total: { type: 'number' } })
    expect(data.drift.map((d: any) => [d.kind, d.path, d.samples, d.of])).toEqual([
      ['new_key', '$.note', 10, 11],
      ['type', '$.total', 1, 11],
    ])
    expect(data.yaml).not.toContain(key)
    const checked = await cli(['infer', 'orders', '--check'], { env })
    // A folder of the same name is no file of payloads.
    mkdirSync(join(home, 'orders'), { recursive: true })
    expect((await cli(['infer', 'orders', '--check'], { env, cwd: home })).stdout).toBe(checked.stdout)
    expect([checked.code, checked.stdout]).toEqual([1, expect.stringContaining('10 of 11')])
    const made = join(home, 'present.yaml')
    expect((await cli(['infer', 'orders', '--out', made], { env })).code).toBe(0)
    expect(existsSync(made)).toBe(true)
    expect(await cli(['check', '--config', made], { env: { KEY: key } })).toMatchObject({ code: 0 })
  })

  test('a webhook that is none is told, with the nearest', async () => {
    expect(await cli(['infer', 'ordres'], { env })).toMatchObject({ code: 1, stderr: expect.stringContaining("did you mean 'orders'") })
  })
})
