import { expect, test } from 'bun:test'
import { conformance, harness, type Sent } from '#core/testing.ts'
import authBearer from './index.ts'

const KEY = 'ik_5f8d4c2a91be_pULjS4J8VbD2WXQYjM4f9m1i3p4l'
const OLD = 'ik_previous_0123456789abcdef'

const header = (...values: string[]): Sent => ({ headers: values.map((v): [string, string] => ['authorization', v]) })

const rows: [string, Sent, string][] = [
  ['the key', header(`Bearer ${KEY}`), 'pass'],
  ['the other live key', header(`Bearer ${OLD}`), 'pass'],
  ['the scheme in lower case', header(`bearer ${KEY}`), 'pass'],
  ['the scheme in capitals', header(`BEARER ${KEY}`), 'pass'],
  ['no header', {}, 'missing-authorization'],
  ['an empty header', header(''), 'missing-authorization'],
  ['the scheme alone', header('Bearer'), 'not-bearer'],
  ['the scheme and a space', header('Bearer '), 'not-bearer'],
  ['the key alone', header(KEY), 'not-bearer'],
  ['another scheme', header(`Basic ${btoa(`user:${KEY}`)}`), 'not-bearer'],
  ['a scheme that begins alike', header(`Bearers ${KEY}`), 'not-bearer'],
  ['a tab between', header(`Bearer\t${KEY}`), 'not-bearer'],
  ['two spaces between', header(`Bearer  ${KEY}`), 'unknown-key'],
  ['a space that is not ASCII between', header(`Bearer\u00a0${KEY}`), 'not-bearer'],
  ['a space within', header(`Bearer ${KEY.slice(0, 9)} ${KEY.slice(9)}`), 'unknown-key'],
  ['two headers, both right', header(`Bearer ${KEY}`, `Bearer ${KEY}`), 'several-authorizations'],
  ['two headers, the second right', header('Bearer x', `Bearer ${KEY}`), 'several-authorizations'],
  ['a comma behind', header(`Bearer ${KEY},`), 'several-authorizations'],
  ['the key in another case', header(`Bearer ${KEY.toLowerCase()}`), 'unknown-key'],
  ['the key cut short', header(`Bearer ${KEY.slice(0, -1)}`), 'unknown-key'],
  ['one letter more', header(`Bearer ${KEY}x`), 'unknown-key'],
  ['the first letter', header(`Bearer ${KEY[0]}`), 'unknown-key'],
  ['both keys', header(`Bearer ${KEY}${OLD}`), 'unknown-key'],
  ['a letter beyond ASCII', header(`Bearer ${KEY}é`), 'unknown-key'],
  ['100,000 letters', header(`Bearer ${'x'.repeat(100_000)}`), 'unknown-key'],
  ['the key in the query', { query: { access_token: KEY } }, 'missing-authorization'],
]

test.each(rows)('%s', async (_, request, wanted) => {
  const { reply } = await (await harness(authBearer, { keys: [KEY, OLD] })).send(request)
  if (wanted === 'pass') expect(reply).toBeUndefined()
  else expect(reply).toMatchObject({ kind: 'refusal', code: 'UNAUTHORIZED', status: 401, reason: wanted })
})

test('an empty key lets nobody in', async () => {
  const bench = await harness(authBearer, { keys: ['', KEY] })
  for (const request of [header('Bearer '), header('Bearer'), header(''), {}]) expect((await bench.send(request)).reply).toBeDefined()
  // A runtime that kept the space would pass it on so.
  const step = await authBearer.compile({ keys: [''] }, { refuse: (code: string) => ({ code }) } as any)
  expect(step({ headers: { get: () => 'Bearer ' } } as any)).toBeDefined()
})

test.each(['one,two', 'one two', 'zwölf', 'tab\there'])('a key that no header can carry: %s', async key => {
  await expect(harness(authBearer, { keys: [KEY, key] })).rejects.toThrow(/^\/keys\/1 this key holds a comma, a space/)
})

test('tells which of the keys matched, and nothing of a stranger', async () => {
  const bench = await harness(authBearer, { keys: [KEY, OLD] })
  for (const sent of [OLD, KEY, 'of-nobody', OLD]) await bench.send(header(`Bearer ${sent}`))
  expect(bench.used).toEqual([OLD, KEY, OLD])
})

test('a sender sees the name of the key', async () => {
  const { sender } = await harness(authBearer, { keys: [KEY] })
  expect(sender.headers?.Authorization?.example).toMatch(/^Bearer \$\{SECRET_1\}$/)
})

test('keeps the contract', async () => {
  const settings = { keys: [KEY] }
  const examples = [
    { settings, request: header(`Bearer ${KEY}`), expect: 'pass' },
    { settings, request: header('Bearer nobody-knows-this'), expect: 'UNAUTHORIZED' },
  ]
  expect(await conformance(authBearer, examples)).toEqual([])
})

const draft = () => ({ method: 'POST', url: new URL('http://localhost/a'), headers: new Headers(), body: new Uint8Array() })
const signer = { webhook: 'test', publicUrl: undefined, now: () => 0 }

test('signs with the first key that has a value, and is let in', async () => {
  const made = draft()
  expect(authBearer.sign!({ keys: ['', KEY, OLD] }, made, signer)).toBeUndefined()
  expect((await (await harness(authBearer, { keys: [KEY] })).send({ headers: made.headers })).reply).toBeUndefined()
  expect(authBearer.sign!({ keys: [''] }, draft(), signer)).toContain('none of the keys')
})

test.each<[string, Sent, string[]]>([
  ['nothing', {}, ['credential-missing']],
  ['the key alone', header(KEY), ['prefix-missing']],
  ['another word', header(`Token ${KEY}`), ['another-prefix']],
  ['the word twice', header(`Bearer Bearer ${KEY}`), ['another-prefix']],
  ['two spaces', header(`Bearer  ${KEY}`), ['surrounding-whitespace']],
  ['a written-out line break', header(`Bearer ${KEY}\\n`), ['surrounding-whitespace']],
  ['quotes', header(`Bearer "${KEY}"`), ['quoted']],
  ['Basic', header(`Basic ${btoa(`user:${KEY}`)}`), ['base64-of-it']],
  ['base64', header(`Bearer ${btoa(KEY)}`), ['base64-of-it']],
  ['small letters', header(`Bearer ${KEY.toLowerCase()}`), ['letter-case']],
  ['a part of it', header(`Bearer ${KEY.slice(0, -3)}`), ['cut-or-doubled']],
  ['a placeholder', header(['Bearer $', '{INGEST_KEY}'].join('')), ['placeholder-sent']],
  ['undefined', header('Bearer undefined'), ['placeholder-sent']],
  ['another header', { headers: { 'x-api-key': KEY } }, ['credential-elsewhere']],
  ['the query', { query: { key: KEY } }, ['credential-elsewhere']],
  ['two headers', header(`Bearer ${KEY}`, 'Bearer x'), ['several-authorizations']],
  ['a wrong key', header('Bearer something-else-altogether'), []],
])('finds in %s: %p', async (...[, request, wanted]) => {
  const { reply, exchange } = await (await harness(authBearer, { keys: [KEY, OLD] })).send(request)
  expect(reply).toBeDefined()
  const findings = await authBearer.diagnose!({ keys: [KEY, OLD] }, exchange, signer)
  expect(findings.map(finding => finding.code)).toEqual(wanted)
  expect(JSON.stringify(findings)).not.toContain(KEY)
})

test('finds a line break in what is configured', async () => {
  const { exchange } = await (await harness(authBearer, { keys: [KEY] })).send(header(`Bearer ${KEY}`))
  expect((await authBearer.diagnose!({ keys: [`${KEY}\n`] }, exchange, signer)).map(f => f.code)).toEqual(['configured-with-whitespace'])
})
