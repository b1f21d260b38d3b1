/** Which webhook takes a request: a question at `{path}/verify` is a path as any other, and never becomes a delivery to somebody else. */
import { expect, test } from 'bun:test'
import type { Tokens } from '#core/plugin.ts'
import type { Served } from '#core/request/gateway.ts'
import { openTakers } from '#core/request/takers.ts'

const tokens: Tokens = { webhookOf: token => ({ 'of-a': 'a', 'of-b': 'b' })[token] }

type Made = { path: string; verify?: boolean; host?: string[]; methods?: string[]; greets?: string[]; active?: boolean }
const served = (all: Record<string, Made>) =>
  Object.entries(all).map(
    ([name, { path, verify = false, host = [], methods = ['POST'], greets = [], active = true }]) =>
      ({ name, path, host, methods, greets: new Set(greets), webhook: { active, verify } }) as unknown as Served,
  )

async function told(all: Record<string, Made>, method: string, path: string, host = 'x.test') {
  const taken = await openTakers(served(all), tokens, () => {})(host, path, method)
  if ('code' in taken) return [taken.code, taken.allow].filter(Boolean).join(' ')
  return `${taken.asked ? 'asks' : 'to'} ${taken.to.name} ${taken.path} ${JSON.stringify(taken.params)}`
}

const A: Made = { path: '/in/{tenant}', verify: true }
const B: Made = { path: '/in/{tenant}/{kind}' }
const rows: [string, Record<string, Made>, string, string, string, string?][] = [
  ['a question', { a: A }, 'POST', '/in/x/verify', 'asks a /in/x {"tenant":"x"}'],
  ['a delivery', { a: A, b: B }, 'POST', '/in/x/other', 'to b /in/x/other {"tenant":"x","kind":"other"}'],
  ['a question where another webhook has a parameter', { a: A, b: B }, 'POST', '/in/x/verify', 'asks a /in/x {"tenant":"x"}'],
  ['whichever stands first', { b: B, a: A }, 'POST', '/in/x/verify', 'asks a /in/x {"tenant":"x"}'],
  [
    'no question is there to be asked',
    { a: { ...A, verify: false }, b: B },
    'POST',
    '/in/x/verify',
    'to b /in/x/verify {"tenant":"x","kind":"verify"}',
  ],
  [
    'a literal further left goes first',
    { a: { path: '/{x}', verify: true }, b: { path: '/in/{y}' } },
    'POST',
    '/in/verify',
    'to b /in/verify {"y":"verify"}',
  ],
  [
    'a webhook of that very path, by another method',
    { a: { path: '/p', verify: true }, b: { path: '/p/verify', methods: ['PUT'] } },
    'POST',
    '/p/verify',
    'asks a /p {}',
  ],
  [
    'and by its own',
    { a: { path: '/p', verify: true }, b: { path: '/p/verify', methods: ['PUT'] } },
    'PUT',
    '/p/verify',
    'to b /p/verify {}',
  ],
  [
    'and by none',
    { a: { path: '/p', verify: true }, b: { path: '/p/verify', methods: ['PUT'] } },
    'PATCH',
    '/p/verify',
    'METHOD_NOT_ALLOWED POST, PUT',
  ],
  [
    'a token tells the question from the delivery',
    { a: { path: '/t/{token}', verify: true }, b: { path: '/t/{token}/verify' } },
    'POST',
    '/t/of-a/verify',
    'asks a /t/of-a {"token":"of-a"}',
  ],
  [
    'and the delivery from the question',
    { a: { path: '/t/{token}', verify: true }, b: { path: '/t/{token}/verify' } },
    'POST',
    '/t/of-b/verify',
    'to b /t/of-b/verify {"token":"of-b"}',
  ],
  [
    'a question about a question',
    { a: { path: '/p', verify: true }, b: { path: '/p/verify', verify: true, methods: ['PUT'] } },
    'POST',
    '/p/verify/verify',
    'asks b /p/verify {}',
  ],
  ['of another host', { a: { path: '/p', verify: true, host: ['a.test'] } }, 'POST', '/p/verify', 'NOT_FOUND'],
  ['of its host', { a: { path: '/p', verify: true, host: ['a.test'] } }, 'POST', '/p/verify', 'asks a /p {}', 'a.test'],
  ['a method that only greets', { a: { path: '/p', verify: true, greets: ['GET'] } }, 'GET', '/p', 'to a /p {}'],
  ['which is none of the question', { a: { path: '/p', verify: true, greets: ['GET'] } }, 'GET', '/p/verify', 'METHOD_NOT_ALLOWED POST'],
  ['HEAD', { a: { path: '/p', greets: ['GET'] } }, 'HEAD', '/p', 'METHOD_NOT_ALLOWED POST, GET'],
  ['an inactive one', { a: { path: '/p', verify: true, active: false } }, 'POST', '/p/verify', 'NOT_FOUND'],
]
test.each(rows)('%s', async (_, all, method, path, wanted, host) => {
  expect(await told(all, method, path, host)).toBe(wanted)
})
