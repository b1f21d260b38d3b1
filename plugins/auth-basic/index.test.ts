import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { conformance, harness, type Sent } from '#core/testing.ts'
import authBasic from './index.ts'

const PASSWORD = 'correct-horse-battery'
const OLD = 'the-password-before-it'
const credentials = [
  { user: 'shop', password: PASSWORD },
  { user: 'shop', password: OLD },
  { user: 'zoë', password: 'größer-als-🚀-und-lang' },
  { user: '', password: 'a-password-without-user' },
]
const settings = { credentials }

const base64 = (pair: string | Uint8Array) => Buffer.from(pair as string).toString('base64')
const header = (...values: string[]): Sent => ({ headers: values.map((v): [string, string] => ['authorization', v]) })
const basic = (pair: string | Uint8Array) => header(`Basic ${base64(pair)}`)
const good = base64(`shop:${PASSWORD}`)

describe('what is refused, and why', () => {
  const rows: [string, Sent, string][] = [
    ['a user and a password', basic(`shop:${PASSWORD}`), 'pass'],
    ['the other password of that user', basic(`shop:${OLD}`), 'pass'],
    ['the scheme in lower case', header(`basic ${good}`), 'pass'],
    ['the scheme in capitals', header(`BASIC ${good}`), 'pass'],
    ['unicode', basic('zoë:größer-als-🚀-und-lang'), 'pass'],
    ['unicode in its decomposed form', basic('zoë:größer-als-🚀-und-lang'.normalize('NFD')), 'pass'],
    ['unicode as Latin-1', basic(Buffer.from('zoë:größer', 'latin1')), 'malformed-credential'],
    ['no user, where none is wanted', basic(':a-password-without-user'), 'pass'],
    ['no user, where one is wanted', basic(`:${PASSWORD}`), 'unknown-credential'],
    ['no header', {}, 'missing-authorization'],
    ['an empty header', header(''), 'missing-authorization'],
    ['the scheme alone', header('Basic'), 'not-basic'],
    ['the scheme and a space', header('Basic '), 'not-basic'],
    ['another scheme', header(`Bearer ${good}`), 'not-basic'],
    ['a scheme that begins alike', header(`Basics ${good}`), 'not-basic'],
    ['a tab between', header(`Basic\t${good}`), 'not-basic'],
    ['two spaces between', header(`Basic  ${good}`), 'malformed-credential'],
    ['a space within', header(`Basic ${good.slice(0, 8)} ${good.slice(8)}`), 'malformed-credential'],
    ['two headers, both right', header(`Basic ${good}`, `Basic ${good}`), 'several-authorizations'],
    ['two headers, the second right', header('Basic x', `Basic ${good}`), 'several-authorizations'],
    ['a comma behind', header(`Basic ${good},`), 'several-authorizations'],
    ['text as it is', header(`Basic shop:${PASSWORD}`), 'malformed-credential'],
    ['a letter more', basic(`shop:${PASSWORD}x`), 'unknown-credential'],
    ['padding left out', header(`Basic ${good.replaceAll('=', '')}`), 'malformed-credential'],
    ['padding too much', header(`Basic ${good}=`), 'malformed-credential'],
    [
      'the base64 of URLs',
      header(`Basic ${Buffer.from('zoë:größer-als-🚀-und-lang???>>>').toString('base64url')}`),
      'malformed-credential',
    ],
    ['letters that are no base64', header(`Basic ${good.slice(0, -1)}%`), 'malformed-credential'],
    ['letters beyond ASCII', header(`Basic ${good.slice(0, -1)}é`), 'malformed-credential'],
    ['no colon', basic('shop'), 'malformed-credential'],
    ['a byte order mark before', basic(`\u{feff}shop:${PASSWORD}`), 'unknown-credential'],
    ['another password', basic('shop:wrong'), 'unknown-credential'],
    ['another user', basic(`crm:${PASSWORD}`), 'unknown-credential'],
    ['the user in capitals', basic(`SHOP:${PASSWORD}`), 'unknown-credential'],
    ['the password of another user', basic(`zoë:${PASSWORD}`), 'unknown-credential'],
    ['no password', basic('shop:'), 'unknown-credential'],
    ['neither', basic(':'), 'unknown-credential'],
    ['a line feed behind', basic(`shop:${PASSWORD}\n`), 'unknown-credential'],
    ['a NUL behind', basic(`shop:${PASSWORD}\0`), 'unknown-credential'],
    ['the colon elsewhere', basic(`sho:p${PASSWORD}`), 'unknown-credential'],
    ['a colon more', basic(`shop::${PASSWORD}`), 'unknown-credential'],
    ['a name of a prototype', basic('__proto__:constructor'), 'unknown-credential'],
    ['100,000 letters', basic(`shop:${'x'.repeat(100_000)}`), 'malformed-credential'],
    ['in the query', { query: { authorization: `Basic ${good}` } }, 'missing-authorization'],
    ['in the header for proxies', { headers: { 'proxy-authorization': `Basic ${good}` } }, 'missing-authorization'],
    ['GET', { ...basic(`shop:${PASSWORD}`), method: 'GET' }, 'pass'],
    ['any body', { headers: { authorization: `Basic ${good}`, 'content-type': 'x/y' }, body: new Uint8Array([0xff]) }, 'pass'],
  ]
  test.each(rows)('%s', async (_, request, wanted) => {
    const { reply } = await (await harness(authBasic, settings)).send(request)
    if (wanted === 'pass') expect(reply).toBeUndefined()
    else expect(reply).toMatchObject({ kind: 'refusal', code: 'UNAUTHORIZED', status: 401, reason: wanted })
  })

  test('bits that nobody reads do not make a second spelling', async () => {
    const bench = await harness(authBasic, { credentials: [{ user: 'a', password: 'bc' }] })
    expect((await bench.send(header('Basic YTpiYw=='))).reply).toBeUndefined()
    expect((await bench.send(header('Basic YTpiYx=='))).reply).toMatchObject({ reason: 'malformed-credential' })
  })

  test('one body for an unknown user and for a wrong password', async () => {
    const bench = await harness(authBasic, settings)
    const [one, other] = [await bench.send(basic('nobody:x')), await bench.send(basic('shop:x'))]
    expect(one.reply).toEqual(other.reply)
  })
})

describe('settings', () => {
  const rows: [string, Record<string, unknown>, RegExp][] = [
    ['a user with a colon', { user: 'a:b', password: PASSWORD }, /^\/credentials\/1\/user a user name cannot have a colon/],
    ['a user with a line break', { user: 'a\n', password: PASSWORD }, /^\/credentials\/1\/user has a control character/],
    ['a password with a line break', { user: 'a', password: `${PASSWORD}\n` }, /^\/credentials\/1\/password has a control character/],
    ['a password with a DEL', { user: 'a', password: `${PASSWORD}\x7f` }, /^\/credentials\/1\/password has a control character/],
    ['half of a surrogate pair', { user: '\ud800', password: PASSWORD }, /^\/credentials\/1\/user has a control character/],
    ['a password of 5,000 letters', { user: 'a', password: 'x'.repeat(5000) }, /^\/credentials\/1 user and password have more than/],
    ['no password', { user: 'a' }, /^\/credentials\/1\/password is missing/],
    ['no user', { password: PASSWORD }, /^\/credentials\/1\/user is missing/],
  ]
  test.each(rows)('%s', async (_, credential, wanted) => {
    const message = await harness(authBasic, { credentials: [credentials[0], credential] }).then(
      () => 'accepted',
      error => String(error.message),
    )
    expect(message).toMatch(wanted)
    expect(message).not.toContain(PASSWORD)
  })

  test('the longest that loads can be sent', async () => {
    const password = 'x'.repeat(4096 - 'a:'.length)
    const bench = await harness(authBasic, { credentials: [{ user: 'a', password }] })
    expect((await bench.send(basic(`a:${password}`))).reply).toBeUndefined()
  })

  test('an empty password lets nobody in', async () => {
    const bench = await harness(authBasic, { credentials: [{ user: 'a', password: '' }, credentials[0]] })
    for (const request of [basic('a:'), basic(':'), basic('a'), header('Basic '), {}])
      expect((await bench.send(request)).reply).toBeDefined()
  })
})

test('tells which password matched, and nothing of a stranger', async () => {
  const bench = await harness(authBasic, settings)
  for (const password of [OLD, PASSWORD, 'of-nobody']) await bench.send(basic(`shop:${password}`))
  expect(bench.used).toEqual([OLD, PASSWORD])
})

test('a sender is told of the scheme, and of no user', async () => {
  const { sender } = await harness(authBasic, settings)
  expect(sender.security).toEqual({ basic: { type: 'http', scheme: 'basic' } })
  expect(JSON.stringify(sender)).not.toContain('shop')
})

test('what is signed here verifies here', async () => {
  const signer = { webhook: 'test', publicUrl: undefined, now: () => 0 }
  for (const credential of credentials) {
    const draft = { method: 'POST', url: new URL('http://localhost/'), headers: new Headers(), body: new Uint8Array() }
    expect(await authBasic.sign?.({ credentials: [{ user: 'x', password: '' }, credential] }, draft, signer)).toBeUndefined()
    expect((await (await harness(authBasic, settings)).send({ headers: draft.headers })).reply).toBeUndefined()
  }
  const draft = { method: 'POST', url: new URL('http://localhost/'), headers: new Headers(), body: new Uint8Array() }
  expect(await authBasic.sign?.({ credentials: [{ user: 'x', password: '' }] }, draft, signer)).toMatch(
    /none of the passwords of auth-basic has a value/,
  )
})

describe('diagnosis', () => {
  const rows: [string, Sent, string][] = [
    ['no header', {}, 'authorization-missing'],
    ['two headers', header('Basic a', 'Basic b'), 'authorization-twice'],
    ['another scheme', header(`Bearer ${good}`), 'other-scheme'],
    ['a line break', basic(`shop:${PASSWORD}\n`), 'line-break'],
    ['swapped', basic(`${PASSWORD}:shop`), 'swapped'],
    ['another password', basic('shop:wrong'), 'wrong-password'],
    ['another user', basic(`crm:${PASSWORD}`), 'unknown-user'],
    ['text as it is', header(`Basic shop:${PASSWORD}`), 'not-encoded'],
    ['Latin-1', basic(Buffer.from('ä:öü-in-latin-one', 'latin1')), 'latin1'],
    ['base64 without its padding', header(`Basic ${good.replaceAll('=', '')}`), 'loose-base64'],
    ['garbage', header('Basic %%%'), 'malformed-credential'],
  ]
  test.each(rows)('%s', async (_, request, wanted) => {
    const config = { credentials: [...credentials, { user: 'ä', password: 'öü-in-latin-one' }, { user: 'gone', password: '' }] }
    const { reply, exchange } = await (await harness(authBasic, config)).send(request)
    expect(reply).toMatchObject({ code: 'UNAUTHORIZED' })
    const findings = (await authBasic.diagnose?.(config, exchange, { now: () => 0, publicUrl: undefined, webhook: 'test' })) ?? []
    expect(findings.map(finding => finding.code)).toEqual([wanted])
    for (const { password } of credentials) expect(JSON.stringify(findings)).not.toContain(password)
  })
})

test('tells of a password that everybody on the way can read', () => {
  const lint = (https: boolean, publicUrl?: string) => authBasic.lint?.(settings, { https, publicUrl } as any).map(({ rule }) => rule)
  expect([lint(false, 'http://gw.example.com'), lint(true, 'http://gw.example.com'), lint(false)]).toEqual([['plain-http'], [], []])
})

test('no header makes it throw, and none without a password passes', async () => {
  const bench = await harness(authBasic, settings)
  const letters = fc.string({ unit: fc.constantFrom(...'Basic shop:=+/,0é\u00ff\t'), maxLength: 60 })
  const value = fc.oneof(
    letters,
    letters.map(text => `Basic ${text}`),
    fc.uint8Array().map(bytes => `Basic ${base64(bytes)}`),
    fc.string().map(text => `Basic ${base64(`shop:${text}`)}`),
  )
  await fc.assert(
    fc.asyncProperty(value, async text => expect((await bench.send(header(text))).reply).toMatchObject({ code: 'UNAUTHORIZED' })),
    { numRuns: 500 },
  )
})

test('keeps the contract', async () => {
  const examples = [
    { settings, request: basic(`shop:${PASSWORD}`), expect: 'pass' },
    { settings, request: basic('shop:nobody-knows-this'), expect: 'UNAUTHORIZED' },
  ]
  expect(await conformance(authBasic, examples)).toEqual([])
})
