/** What plugins fetch from elsewhere: bounded in time and size, and kept. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { fetchText, type Keeping, keep, type Send, Unavailable } from '#core/plugin.ts'

describe('fetchText', () => {
  let server: Server
  let base = ''
  const seen: string[] = []
  let closed: () => void = () => {}
  beforeAll(async () => {
    server = createServer((request, response) => {
      seen.push(`${request.method} ${request.url}`)
      response.on('close', () => closed())
      if (request.url === '/drip') {
        response.writeHead(200)
        response.flushHeaders()
        const timer = setInterval(() => response.write('x'), 20)
        response.on('close', () => clearInterval(timer))
      } else if (request.url === '/large') response.end('x'.repeat(1001))
      else if (request.url === '/bomb') response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('x'.repeat(1001)))
      else if (request.url === '/moved') response.writeHead(302, { location: '/good' }).end('moved')
      else if (request.url === '/empty') response.writeHead(204).end()
      else if (request.url === '/broken') response.destroy()
      else if (request.url === '/echo') request.pipe(response)
      else if (request.url !== '/silent') response.end('x'.repeat(1000))
    })
    await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })
  const send: Send = (url, init) => fetch(url.replace('https://keys.test', base), init)
  const ask = (path: string, more: object = {}) => fetchText({ url: `https://keys.test${path}`, timeout: 300, most: 1000, ...more }, send)

  test('an answer', async () => {
    expect(await ask('/good')).toEqual({ status: 200, text: 'x'.repeat(1000) })
    expect(await ask('/empty')).toEqual({ status: 204, text: '' })
    expect(await ask('/echo', { method: 'POST', body: 'Grüße' })).toEqual({ status: 200, text: 'Grüße' })
  })

  test('a redirect is an answer, and not followed', async () => {
    seen.length = 0
    expect(await ask('/moved')).toEqual({ status: 302, text: 'moved' })
    expect(seen).toEqual(['GET /moved'])
  })

  test.each([
    ['/silent', 'keys.test did not answer within 300 ms'],
    ['/drip', 'keys.test did not answer within 300 ms'],
    ['/large', 'keys.test answered with more than 1000 bytes'],
    ['/bomb', 'keys.test answered with more than 1000 bytes'],
    ['/broken', 'keys.test could not be asked'],
  ])('%s: %s', async (path, message) => {
    const gone = new Promise<void>(done => {
      closed = done
    })
    const failure = await ask(path).catch(error => error)
    expect(failure).toBeInstanceOf(Unavailable)
    expect(failure.message).toContain(message)
    // The connection is given up with it.
    await gone
  })

  test.each(['http://keys.test/', 'file:///etc/passwd', 'data:text/plain,x', 'https://a:b@keys.test/', 'https://a@keys.test/'])(
    '%s is not asked',
    async url => {
      let asked = false
      const never: Send = async () => {
        asked = true
        return new Response()
      }
      await expect(fetchText({ url }, never)).rejects.toBeInstanceOf(Unavailable)
      expect(asked).toBe(false)
    },
  )

  test('what the other side does not let on in its words stays out of the message: credentials, say', async () => {
    const failing: Send = async () => {
      throw new Error('connection refused')
    }
    const failure = await fetchText({ url: 'https://keys.test/?a=b', body: 'secret', method: 'POST' }, failing).catch(error => error)
    expect(failure.message).toBe('keys.test could not be asked: connection refused')
  })

  test.each(['https://keys.test/?Token=secret', 'https://KEYS.test:443/?Token=secret'])(
    'nor does the URL %s show, where a runtime quotes it',
    async url => {
      const failing: Send = async asked => {
        throw new TypeError(`error sending request for url (${new URL(asked).href}): connection refused by ${asked}`)
      }
      const failure = await fetchText({ url }, failing).catch(error => error)
      expect(failure.message).toBe(
        'keys.test could not be asked: error sending request for url (keys.test): connection refused by keys.test',
      )
    },
  )
})

describe('keep', () => {
  const rules = { fresh: 1000, stale: 5000, pause: 100, most: 4, loads: 3 }
  function open(more: Partial<Keeping> = {}) {
    const clock = { now: 1_000_000 }
    const asked: string[] = []
    const held: (() => void)[] = []
    const state = { value: (key: string): string | undefined => `${key}@${clock.now}`, fails: false, holds: false }
    const kept = keep(
      async key => {
        asked.push(key)
        if (state.holds) await new Promise<void>(done => held.push(done))
        if (state.fails) throw new Unavailable('away')
        return state.value(key)
      },
      { ...rules, now: () => clock.now, ...more },
    )
    return { clock, asked, held, state, kept }
  }

  test('one load for many at once, and for a while', async () => {
    const { kept, asked, held, state, clock } = open()
    state.holds = true
    const all = Promise.all([kept.get('a'), kept.get('a'), kept.renewed('a', 0)])
    for (const done of held) done()
    expect(await all).toEqual(['a@1000000', 'a@1000000', 'a@1000000'])
    clock.now += 999
    expect(await kept.get('a')).toBe('a@1000000')
    expect(asked).toEqual(['a'])
    state.holds = false
    clock.now += 1
    expect(await kept.get('a')).toBe('a@1001000')
  })

  test('a failure is remembered, and an old value serves meanwhile', async () => {
    const { kept, asked, state, clock } = open()
    await kept.get('a')
    state.fails = true
    clock.now += 1000
    for (let i = 0; i < 3; i++) expect(await kept.get('a')).toBe('a@1000000')
    expect(asked.length).toBe(2)
    clock.now += 4000
    await expect(kept.get('a')).rejects.toThrow('away')
    state.fails = false
    await expect(kept.get('a')).rejects.toThrow('away')
    clock.now += 100
    expect(await kept.get('a')).toBe('a@1005100')
  })

  test('that there is none is remembered for as long, and replaces what there was', async () => {
    const { kept, asked, state, clock } = open()
    await kept.get('a')
    state.value = () => undefined
    clock.now += 1000
    for (let i = 0; i < 3; i++) expect(await kept.get('a')).toBeUndefined()
    expect(asked.length).toBe(2)
    clock.now += 100
    await kept.get('a')
    expect(asked.length).toBe(3)
  })

  test('renewed asks again, and no more often than it is told', async () => {
    const { kept, asked, clock, state } = open()
    await kept.get('a')
    clock.now += 50
    expect(await kept.renewed('a', 100)).toBe('a@1000000')
    clock.now += 50
    expect(await kept.renewed('a', 100)).toBe('a@1000100')
    expect(asked.length).toBe(2)
    clock.now += 100
    state.fails = true
    await expect(kept.renewed('a', 100)).rejects.toThrow('away')
    expect(await kept.get('a')).toBe('a@1000100')
  })

  test('made-up keys: few are asked for, and they push out each other', async () => {
    const { kept, asked, state, clock } = open()
    await kept.get('good')
    state.value = () => undefined
    for (let i = 0; i < 50; i++) {
      clock.now += 10
      await kept.get(`made-up-${i}`).catch(() => {})
    }
    expect(asked.length).toBeLessThanOrEqual(1 + 3 * 6)
    const before = asked.length
    expect(await kept.get('good')).toBe('good@1000000')
    expect(asked.length).toBe(before)
  })

  test('made-up keys do not keep a known one from being renewed', async () => {
    const { kept, asked, state, clock } = open({ stale: 1000 })
    await kept.get('good')
    clock.now += 1000
    state.value = key => (key === 'good' ? 'renewed' : undefined)
    const flood = await Promise.all([1, 2, 3, 4].map(i => kept.get(`made-up-${i}`).catch(error => error.message)))
    expect(flood).toEqual([undefined, undefined, undefined, 'too many things that are not known were asked for at once'])
    expect(await kept.get('good')).toBe('renewed')
    expect(await kept.renewed('good', 0)).toBe('renewed')
    expect(asked.filter(key => key === 'good').length).toBe(3)
  })

  test('other values do not push out the one that is in use', async () => {
    const { kept, asked } = open({ loads: 100 })
    await kept.get('good')
    for (const key of ['a', 'b', 'c', 'd', 'e', 'f']) {
      await kept.get(key)
      await kept.get('good')
    }
    expect(asked.filter(key => key === 'good')).toEqual(['good'])
  })

  test('no more values than it may keep', async () => {
    const { kept, asked, clock } = open({ loads: 100 })
    for (const key of ['a', 'b', 'c', 'd', 'e', 'a']) await kept.get(key)
    expect(asked).toEqual(['a', 'b', 'c', 'd', 'e', 'a'])
    clock.now += 1
    await kept.get('e')
    expect(asked.length).toBe(6)
  })

  test('a clock that was set back', async () => {
    const { kept, asked, clock } = open()
    await kept.get('a')
    clock.now -= 500_000
    expect(await kept.get('a')).toBe('a@500000')
    expect(asked.length).toBe(2)
  })
})
