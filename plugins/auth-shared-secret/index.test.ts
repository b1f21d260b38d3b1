import { expect, test } from 'bun:test'
import { conformance, harness, type Sent } from '#core/testing.ts'
import authSharedSecret from './index.ts'

const KEY = 'glpat-0123456789abcdef'
const OLD = 'previous-0123456789abcdef'

const header = (...values: string[]): Sent => ({ headers: values.map((v): [string, string] => ['x-gitlab-token', v]) })
const query = (text: string): Sent => ({ query: text })

const H = { header: 'X-Gitlab-Token', secrets: [KEY, OLD] }
const P = { header: 'X-Gitlab-Token', secrets: [KEY], prefix: 'Token ' }
const Q = { query: 'key', secrets: [KEY, OLD] }

const rows: [string, Record<string, unknown>, Sent, string][] = [
  ['header: the secret', H, header(KEY), 'pass'],
  ['header: the other live secret', H, header(OLD), 'pass'],
  ['header: none', H, {}, 'missing-secret'],
  ['header: empty', H, header(''), 'missing-secret'],
  ['header: twice', H, header(KEY, KEY), 'secret-mismatch'],
  ['header: garbage, then the secret', H, header('x', KEY), 'secret-mismatch'],
  ['header: in capitals', H, header(KEY.toUpperCase()), 'secret-mismatch'],
  ['header: cut short', H, header(KEY.slice(0, -1)), 'secret-mismatch'],
  ['header: one letter more', H, header(`${KEY}0`), 'secret-mismatch'],
  ['header: a space within', H, header(`${KEY.slice(0, 5)} ${KEY.slice(5)}`), 'secret-mismatch'],
  ['header: a letter beyond ASCII', H, header(`${KEY}ß`), 'secret-mismatch'],
  ['header: the secret in the query', H, query(`X-Gitlab-Token=${KEY}`), 'missing-secret'],
  ['prefix: the secret', P, header(`Token ${KEY}`), 'pass'],
  ['prefix: missing', P, header(KEY), 'secret-mismatch'],
  ['prefix: alone', P, header('Token '), 'secret-mismatch'],
  ['prefix: in lower case', P, header(`token ${KEY}`), 'secret-mismatch'],
  ['prefix: of another secret', P, header(`Token ${OLD}`), 'secret-mismatch'],
  ['query: the secret', Q, query(`a=1&key=${KEY}`), 'pass'],
  ['query: the other live secret', Q, query(`key=${OLD}`), 'pass'],
  ['query: percent-encoded', Q, query(`key=%67${KEY.slice(1)}`), 'pass'],
  ['query: none', Q, query('a=1'), 'missing-secret'],
  ['query: empty', Q, query('key='), 'missing-secret'],
  ['query: twice', Q, query(`key=${KEY}&key=${KEY}`), 'secret-mismatch'],
  ['query: garbage, then the secret', Q, query(`key=x&key=${KEY}`), 'secret-mismatch'],
  ['query: nothing, then the secret', Q, query(`key=&key=${KEY}`), 'missing-secret'],
  ['query: the name in capitals', Q, query(`KEY=${KEY}`), 'missing-secret'],
  ['query: a space behind', Q, query(`key=${KEY}+`), 'secret-mismatch'],
  ['query: the secret in a header', Q, { headers: { key: KEY } }, 'missing-secret'],
]

test.each(rows)('%s', async (_, settings, request, wanted) => {
  const { reply } = await (await harness(authSharedSecret, settings)).send(request)
  if (wanted === 'pass') expect(reply).toBeUndefined()
  else expect(reply).toMatchObject({ kind: 'refusal', code: 'UNAUTHORIZED', status: 401, reason: wanted })
})

test('tells which of the secrets matched, without its prefix, and nothing of a stranger', async () => {
  const bench = await harness(authSharedSecret, { ...P, secrets: [KEY, OLD] })
  for (const sent of [OLD, 'of-nobody', KEY]) await bench.send(header(`Token ${sent}`))
  expect(bench.used).toEqual([OLD, KEY])
})

test('an empty secret lets nobody in', async () => {
  for (const settings of [H, P, Q, { ...P, prefix: 'tok_' }]) {
    const bench = await harness(authSharedSecret, { ...settings, secrets: [''] })
    for (const request of [header(''), header('Token '), header('tok_'), query('key='), query('key'), {}])
      expect((await bench.send(request)).reply).toBeDefined()
  }
})

const wrong: [string, Record<string, unknown>, RegExp][] = [
  ['neither', { secrets: [KEY] }, /^ name one of `header` and `query`/],
  ['both', { header: 'a', query: 'b', secrets: [KEY] }, /^ name one of `header` and `query`/],
  ['a prefix in the query', { ...Q, prefix: 'x' }, /^\/prefix/],
  ['a header name with a space', { ...H, header: 'x y' }, /^\/header/],
  ['no secret', { ...H, secrets: [] }, /^\/secrets/],
  ['17 secrets', { ...H, secrets: Array(17).fill(KEY) }, /^\/secrets/],
]

test.each(wrong)('settings that make no sense: %s', async (_, settings, wanted) => {
  await expect(harness(authSharedSecret, settings)).rejects.toThrow(wanted)
})

test('keeps the contract', async () => {
  const examples = [
    { settings: H, request: header(KEY), expect: 'pass' },
    { settings: P, request: header('Token of-somebody-else'), expect: 'UNAUTHORIZED' },
    { settings: Q, request: query(`key=${KEY}`), expect: 'pass' },
    { settings: Q, request: query('key=of-somebody-else'), expect: 'UNAUTHORIZED' },
  ]
  expect(await conformance(authSharedSecret, examples)).toEqual([])
})

const signer = { webhook: 'test', publicUrl: undefined, now: () => 0 }

test.each<{ header?: string; query?: string; prefix?: string; secrets: string[] }>([H, P, { query: 'key', secrets: ['', KEY] }])(
  'signs %j, and is let in',
  async settings => {
    const made = { method: 'POST', url: new URL('http://localhost/a'), headers: new Headers(), body: new Uint8Array() }
    expect(authSharedSecret.sign!(settings, made, signer)).toBeUndefined()
    const bench = await harness(authSharedSecret, settings)
    expect((await bench.send({ headers: made.headers, query: made.url.searchParams })).reply).toBeUndefined()
    expect(authSharedSecret.sign!({ ...settings, secrets: [''] }, made, signer)).toContain('none of the secrets')
  },
)

test.each<[Record<string, unknown>, Sent, string[]]>([
  [H, {}, ['credential-missing']],
  [H, { headers: { authorization: `Bearer ${KEY}` } }, ['credential-elsewhere']],
  [H, { headers: { 'x-gitlab-token': `Bearer ${KEY}` } }, ['another-prefix']],
  [P, { headers: { 'x-gitlab-token': KEY } }, ['prefix-missing']],
  [P, { headers: { 'x-gitlab-token': `token ${KEY}` } }, ['prefix-case']],
  [{ query: 'key', secrets: [KEY] }, { query: `key=${KEY}&key=x` }, ['parameter-twice']],
  [{ query: 'key', secrets: [KEY] }, { headers: { 'x-key': KEY } }, ['credential-elsewhere']],
])('%j finds in %j: %j', async (settings, request, wanted) => {
  const { reply, exchange } = await (await harness(authSharedSecret, settings)).send(request)
  expect(reply).toBeDefined()
  expect((await authSharedSecret.diagnose!(settings as never, exchange, signer)).map(f => f.code)).toEqual(wanted)
})
