import { expect, test } from 'bun:test'
import { conformance, harness } from '#core/testing.ts'
import authUrlToken from './index.ts'

const TOKEN = 'wh_01JA0000000000000000000000c0ffee'
const around = {
  webhook: 'contact-form',
  tokens: { [TOKEN]: 'contact-form', wh_of_another: 'sales', [`wh_${'x'.repeat(197)}`]: 'contact-form' },
}

const rows: [string, Record<string, string>, string][] = [
  ['a live token', { token: TOKEN }, 'pass'],
  ['a live token of 200 letters', { token: `wh_${'x'.repeat(197)}` }, 'pass'],
  ['no parameter', {}, 'missing-token'],
  ['an empty token', { token: '' }, 'missing-token'],
  ['the token under another name', { id: TOKEN }, 'missing-token'],
  ["another webhook's token", { token: 'wh_of_another' }, 'token-of-another-webhook'],
  ['an unknown token', { token: 'wh_unknown' }, 'unknown-token'],
  ['in another case', { token: TOKEN.toUpperCase() }, 'unknown-token'],
  ['cut short', { token: TOKEN.slice(0, -1) }, 'unknown-token'],
  ['a space behind', { token: `${TOKEN} ` }, 'unknown-token'],
  ['a zero byte behind', { token: `${TOKEN}\0` }, 'unknown-token'],
  ['a letter that looks alike', { token: TOKEN.replace('c', 'с') }, 'unknown-token'],
  ['the name of something every object has', { token: 'constructor' }, 'unknown-token'],
  ['201 letters', { token: 'x'.repeat(201) }, 'token-too-long'],
]

test.each(rows)('%s', async (_, params, wanted) => {
  const { reply } = await (await harness(authUrlToken, {}, around)).send({ params })
  if (wanted === 'pass') expect(reply).toBeUndefined()
  else expect(reply).toMatchObject({ kind: 'refusal', code: 'NOT_FOUND', status: 404, reason: wanted })
})

test('the parameter may have another name', async () => {
  const bench = await harness(authUrlToken, { param: 'key' }, around)
  expect((await bench.send({ params: { key: TOKEN } })).reply).toBeUndefined()
  expect((await bench.send({ params: { token: TOKEN } })).reply).toBeDefined()
})

test('a token that is asked for elsewhere is waited for', async () => {
  const slow = { webhookOf: (token: string) => Promise.resolve(token === TOKEN ? 'contact-form' : undefined) }
  const host: any = { webhook: 'contact-form', tokens: slow, refuse: (code: string) => ({ kind: 'refusal', code }) }
  const step = await authUrlToken.compile({ param: 'token' }, host)
  expect(await step({ params: { token: TOKEN } } as any)).toBeUndefined()
  expect(await step({ params: { token: 'wh_unknown' } } as any)).toMatchObject({ code: 'NOT_FOUND' })
})

test('keeps the contract', async () => {
  const examples = [
    { ...around, request: { params: { token: TOKEN } }, expect: 'pass' },
    { ...around, request: { params: { token: 'wh_unknown' } }, expect: 'NOT_FOUND' },
  ]
  expect(await conformance(authUrlToken, examples)).toEqual([])
})

test('has nothing to sign, but a word for whoever has no token', () => {
  const made = (url: string) => ({ method: 'POST', url: new URL(url), headers: new Headers(), body: new Uint8Array() })
  const signer = { webhook: 'contact-form', publicUrl: undefined, now: () => 0 }
  expect(authUrlToken.sign!({ param: 'token' }, made('http://localhost/in/abc'), signer)).toBeUndefined()
  expect(authUrlToken.sign!({ param: 'token' }, made('http://localhost/in/{token}'), signer)).toContain('postern token create contact-form')
})

test.each<[Record<string, string>, string[]]>([
  [{}, ['token-missing']],
  [{ token: '{token}' }, ['placeholder-sent']],
  [{ token: `${TOKEN}.` }, ['surrounding-characters']],
  [{ token: ` ${TOKEN}` }, ['surrounding-characters']],
  [{ token: 'x'.repeat(300) }, ['token-too-long']],
  [{ token: 'wh_unknown' }, []],
])('finds in %j: %j', async (params, wanted) => {
  const { reply, exchange } = await (await harness(authUrlToken, {}, around)).send({ params })
  expect(reply).toBeDefined()
  const host = { webhook: 'contact-form', publicUrl: undefined, now: () => 0 }
  expect((await authUrlToken.diagnose!({ param: 'token' }, exchange, host)).map(f => f.code)).toEqual(wanted)
})
