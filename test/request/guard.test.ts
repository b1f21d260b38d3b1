import { describe, expect, test } from 'bun:test'
import { guard } from '#core/request/guard.ts'

/** A request as a runtime hands it over: `url` is any text there, not only what `new Request` lets through. */
const request = (url: string, host: string | null, init: RequestInit = {}): Request => {
  const real = new Request('http://any.test/', { ...init, headers: host === null ? {} : { host } })
  return new Proxy(real, {
    get(target, name) {
      if (name === 'url') return url
      const value = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

describe('hosts', () => {
  test.each<[string | null, string | undefined]>([
    ['x', 'x'],
    ['gateway.test', 'gateway.test'],
    ['Gateway.TEST:8080', 'gateway.test'],
    ['gateway.test.', 'gateway.test'],
    ['my_app:1', 'my_app'],
    ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
    ['127.0.0.1:80', '127.0.0.1'],
    ['[::1]:80', '[::1]'],
    ['[2001:DB8::1]', '[2001:db8::1]'],
    ['h:99999', 'h'],
    [null, undefined],
    ['', undefined],
    ['x/_admin/secret?', undefined],
    ['gateway.test/_admin/secret?', undefined],
    ['gateway.test#', undefined],
    ['a b', undefined],
    ['u@x', undefined],
    ['gateway.test%2f', undefined],
    ['h:123456', undefined],
    ['h:', undefined],
    ['.test', undefined],
    ['-a', undefined],
    ['a, b', undefined],
    ['a\\b', undefined],
    ['[::1', undefined],
    ['::1', undefined],
    ['bücher.example', undefined],
    ['a'.repeat(256), undefined],
  ])('%j: %j', (host, expected) => {
    expect(guard(request('http://any.test/', host))?.host).toBe(expected as string)
  })

  test('a long bad host is refused as fast as a short one', () => {
    const start = performance.now()
    for (const tail of ['!', '.!', '-!', ''])
      for (const unit of ['a', 'a.', 'a-', 'aa.']) guard(request('http://any.test/', unit.repeat(60) + tail))
    expect(performance.now() - start).toBeLessThan(500)
  })
})

describe('URLs', () => {
  test.each<[url: string, path: string | undefined, query?: string]>([
    ['http://x/', '/'],
    ['http://x/ab/_admin/secret', '/ab/_admin/secret'],
    ['https://x/ab/_admin/secret', '/ab/_admin/secret'],
    ['http://gateway.test/a?b=/c?d', '/a', 'b=/c?d'],
    ['http://x/?', '/', ''],
    ['http://x//in//a/', '//in//a/'],
    ['http://x//evil.test/a', '//evil.test/a'],
    ['http://x/%2F%00%zz', '/%2F%00%zz'],
    ['http://u:p@x/a', '/a'],
    ['http://x/a/../in/./b', '/in/b'], // Bun has already done so, Deno has not
    ['http://x/a/%2e%2E/b', '/b'],
    ['http://x/a\\..\\b', '/b'],
    ['http://x/é{a}', '/%C3%A9%7Ba%7D'],
    ['http://x/.well-known/a', '/.well-known/a'],
    ['/a', undefined],
    ['a:80', undefined],
    ['ftp://x/a', undefined],
    ['http://x', undefined],
    ['http://x?/a', undefined],
    ['http://x/a#/b', undefined],
    ['http://x#/b', undefined],
    ['http://x/a?b#c', undefined],
  ])('%s: %j', (url, path, query = '') => {
    const target = guard(request(url, 'x'))
    expect(target && [target.path, target.query]).toEqual(path === undefined ? undefined : [path, query])
  })
})

describe('what Elysia gets', () => {
  /** Where Elysia looks with `standardHostname: false`. */
  const seen = (url: string) => {
    const end = url.indexOf('?', 7)
    return url.slice(url.indexOf('/', 7), end < 0 ? undefined : end)
  }

  test.each([
    'http://x/ab/_admin/secret',
    'http://gateway.test/a?b=/c',
    'http://x//a',
    'https://x/ab?c',
    'https://gateway.test/a',
    'http://x/a/../b',
  ])('%s: the same path as we', url => {
    const target = guard(request(url, 'x'))
    expect(seen(target?.request.url ?? '')).toBe(target?.path as string)
  })

  test('the very request, when its URL is plain', () => {
    const plain = request('http://x/a?b', 'x')
    expect(guard(plain)?.request).toBe(plain)
  })

  test('method, headers, body and query, when it is moved', async () => {
    const target = guard(request('https://x/a?b=1', 'x', { method: 'POST', body: 'hello' }))
    expect(target?.request.method).toBe('POST')
    expect(target?.request.url).toBe('http://postern.invalid/a?b=1')
    expect(target?.request.headers.get('host')).toBe('x')
    expect(await target?.request.text()).toBe('hello')
  })
})
