import { describe, expect, test } from 'bun:test'
import { routes } from '#core/request/route.ts'

const webhook = (name: string, path: string, more: { host?: string[] } = {}) => ({
  name,
  path,
  host: more.host ?? [],
})

/** Names of what matches, with the parameters if there are any; the host is `any.test`. */
const table = (...webhooks: ReturnType<typeof webhook>[]) => {
  const match = routes(webhooks)
  return (path: string, host = 'any.test') => {
    const found = match(host, path)
    if (!found) return undefined
    const names = found.webhooks.map(w => w.name).join(' ')
    return Object.keys(found.params).length > 0 ? [names, found.params] : names
  }
}

describe('literal paths', () => {
  const at = table(
    webhook('a', '/a'),
    webhook('root', '/'),
    webhook('slash', '/b/'),
    webhook('double', '/c//d'),
    webhook('accent', '/café/{x}'),
    webhook('accent2', '/thé'),
    webhook('encoded', '/x%20y'),
  )
  test.each<[string, unknown]>([
    ['/a', 'a'],
    ['/', 'root'],
    ['/b/', 'slash'],
    ['/c//d', 'double'],
    ['/caf%C3%A9/1', ['accent', { x: '1' }]],
    ['/th%C3%A9', 'accent2'],
    ['/x%20y', 'encoded'],
    ['/b', undefined],
    ['/a/', undefined],
    ['/A', undefined],
    ['//a', undefined],
    ['/c/d', undefined],
    ['/%61', undefined],
    ['', undefined],
    ['/aa', undefined],
  ])('%s: %j', (path, expected) => {
    expect(at(path)).toEqual(expected as any)
  })
})

describe('parameters', () => {
  const at = table(
    webhook('one', '/in/{id}'),
    webhook('lit', '/in/x'),
    webhook('sub', '/in/{id}/sub'),
    webhook('two', '/in/x/{b}/deep'),
    webhook('both', '/{a}/{b}/{c}/end'),
    webhook('last', '/in/x/y/{c}'),
  )
  test.each<[string, unknown]>([
    ['/in/1', ['one', { id: '1' }]],
    ['/in/x', 'lit'],
    ['/in/x/sub', ['sub', { id: 'x' }]], // back from the literal x, which has no sub
    ['/in/x/y/deep', ['last', { c: 'deep' }]], // a literal y goes before {b}
    ['/in/x/z/deep', ['two', { b: 'z' }]],
    ['/in/x/z/end', ['both', { a: 'in', b: 'x', c: 'z' }]],
    ['/p/q/r/end', ['both', { a: 'p', b: 'q', c: 'r' }]],
    ['/in/', undefined],
    ['/in//sub', undefined],
    ['/in/1/', undefined],
    ['/in/1/other', undefined],
    ['/in', undefined],
  ])('%s: %j', (path, expected) => {
    expect(at(path)).toEqual(expected as any)
  })

  test.each<[string, string | undefined]>([
    ['/in/a%20b', 'a b'],
    ['/in/a+b', 'a+b'],
    ['/in/%C3%A9', 'é'],
    ['/in/%2561', '%61'], // once, not twice
    ['/in/é', 'é'],
    ['/in/{id}', '{id}'],
    ['/in/...', '...'],
    ['/in/a%2Fb', undefined],
    ['/in/a%2fb', undefined],
    ['/in/%00', undefined],
    ['/in/a\0', undefined],
    ['/in/%zz', undefined],
    ['/in/%', undefined],
    ['/in/%C3', undefined],
    ['/in/%ED%A0%80', undefined],
    ['/in/.', undefined],
    ['/in/..', undefined],
    ['/in/%2e%2e', undefined],
  ])('%s decodes to %j', (path, id) => {
    expect(at(path)).toEqual((id === undefined ? undefined : ['one', { id }]) as any)
  })

  test('names of Object.prototype are names like any other', () => {
    const at = table(webhook('a', '/{constructor}/{toString}'))
    expect(at('/1/2')).toEqual(['a', { constructor: '1', toString: '2' }])
    expect(table(webhook('a', '/in/{x}'))('/constructor/1')).toBeUndefined()
  })
})

describe('several webhooks on one path', () => {
  const at = table(
    webhook('acme', '/in/{token}', { host: ['acme.test', 'www.acme.test'] }),
    webhook('any', '/in/{token}'),
    webhook('other', '/in/{key}', { host: ['acme.test'] }),
    webhook('post', '/same'),
    webhook('get', '/same'),
    webhook('tenant', '/only', { host: ['acme.test'] }),
    webhook('fallback', '/{page}'),
  )
  test.each<[string, string, unknown]>([
    ['/in/1', 'acme.test', ['acme other', { token: '1', key: '1' }]],
    ['/in/1', 'www.acme.test', ['acme', { token: '1' }]],
    ['/in/1', 'any.test', ['any', { token: '1' }]],
    ['/same', 'any.test', 'post get'],
    ['/only', 'acme.test', 'tenant'],
    ['/only', 'any.test', ['fallback', { page: 'only' }]], // the literal path is another host's
  ])('%s on %s: %j', (path, host, expected) => {
    expect(at(path, host)).toEqual(expected as any)
  })

  test('with hosts only, other hosts match nothing', () => {
    const at = table(webhook('a', '/a', { host: ['acme.test'] }), webhook('b', '/b/{x}', { host: ['acme.test'] }))
    expect([at('/a', 'evil.test'), at('/b/1', 'evil.test'), at('/a', ''), at('/b/1', '')]).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ])
  })
})

test('10,000 webhooks cost no more per request than one', () => {
  const many = Array.from({ length: 10_000 }, (_, i) => webhook(`w${i}`, i % 2 ? `/api/v${i}/in` : `/api/v${i}/{token}`))
  const [one, all] = [routes(many.slice(0, 2)), routes(many)]
  const time = (match: typeof one) => {
    let best = Number.POSITIVE_INFINITY
    for (let round = 0; round < 15; round++) {
      const start = performance.now()
      for (let i = 0; i < 2000; i++) if (!match('any.test', '/api/v1/in') || !match('any.test', '/api/v0/abc')) throw new Error('no match')
      best = Math.min(best, performance.now() - start)
    }
    return best
  }
  time(one)
  const ratio = time(all) / time(one)
  expect(ratio).toBeLessThan(4)
})

test('a path of many segments costs no more than the patterns are deep', () => {
  const match = routes([
    webhook('a', '/{a}/{b}/{c}'),
    webhook('b', '/x/{b}/{c}'),
    webhook('c', '/{a}/x/{c}'),
    webhook('d', '/x/x/x/x/x/x/{g}'),
  ])
  const start = performance.now()
  for (let i = 0; i < 1000; i++) expect(match('any.test', '/x'.repeat(30_000))).toBeUndefined()
  expect(performance.now() - start).toBeLessThan(1000)
})
