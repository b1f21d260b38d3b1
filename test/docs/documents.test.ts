/** How the documents are served: caching, methods, what is not there, and what a reload changes. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { folder } from '../support/child.ts'
import { type Gateway, gateway, runtimes } from '../support/process.ts'
import { documents, faultsOf, read } from './world.ts'

setDefaultTimeout(60_000)
const open = '{ auth-none: { reason: a test of the documents } }'
const yaml = (server: string, webhooks = '  orders: { path: /orders, chain: [HERE, dispatch] }\n') =>
  `version: 1
server: { ${server} }
store: { url: "pglite://memory" }
admin: { port: 0 }
webhooks:
${webhooks.replaceAll('HERE', open)}`

describe('asked within the process', () => {
  const ask = async (path: string, init?: RequestInit, server = '', peer?: string) => documents(await read(yaml(server)))(path, init, peer)

  test.each([
    ['/openapi.json', 'GET', 200, 'application/json'],
    ['/docs', 'GET', 200, 'text/html; charset=utf-8'],
    ['/docs/orders', 'GET', 200, 'text/html; charset=utf-8'],
    ['/docs/orders', 'HEAD', 200, 'text/html; charset=utf-8'],
    ['/docs/Orders', 'GET', 404, 'application/problem+json'],
    ['/docs/orders/', 'GET', 404, 'application/problem+json'],
    ['/docs/%6frders', 'GET', 404, 'application/problem+json'],
    ['/docs/__proto__', 'GET', 404, 'application/problem+json'],
    ['/docs/', 'GET', 404, 'application/problem+json'],
    ['/docs/assets/swagger-ui.css', 'GET', 404, 'application/problem+json'],
    ['/docs/assets/../../package.json', 'GET', undefined, undefined],
    ['/docs/orders', 'POST', undefined, undefined],
    ['/docsy', 'GET', undefined, undefined],
    ['/openapi.jsonx', 'GET', undefined, undefined],
    ['/orders', 'GET', undefined, undefined],
  ])('%s by %s', async (path, method, status, type) => {
    const response = await ask(path, { method })
    expect(response?.status).toBe(status as number)
    expect(response?.headers.get('content-type') ?? undefined).toBe(type as string)
  })

  test('nothing, when the settings want none', async () => {
    const docs = documents(await read(yaml('docs: false')))
    for (const path of ['/openapi.json', '/docs', '/docs/orders']) expect(await docs(path)).toBeUndefined()
  })

  test('nothing over plain HTTP, where HTTPS is wanted', async () => {
    const server = 'requireHttps: true, trustedProxies: [127.0.0.1]'
    expect((await ask('/docs/orders', {}, server))?.status).toBe(403)
    expect((await ask('/docs/orders', { headers: { 'x-forwarded-proto': 'https' } }, server, '192.0.2.1'))?.status).toBe(403)
    const secure = await ask('/openapi.json', { headers: { 'x-forwarded-proto': 'https' } }, server)
    expect(secure?.status).toBe(200)
    const { paths } = JSON.parse((await secure?.text()) ?? '')
    expect(Object.keys(paths['/orders'].post.responses)).toContain('403')
  })

  test('a tag for each state and encoding, and 304 for whoever has it', async () => {
    const docs = documents(await read(yaml('')))
    const plain = await docs('/openapi.json')
    const zipped = await docs('/openapi.json', { headers: { 'accept-encoding': 'br, gzip' } })
    const tag = plain?.headers.get('etag') as string
    expect(zipped?.headers.get('content-encoding')).toBe('gzip')
    expect(zipped?.headers.get('etag')).not.toBe(tag)
    expect(gunzipSync(new Uint8Array((await zipped?.arrayBuffer()) as ArrayBuffer)).toString()).toBe((await plain?.text()) as string)
    for (const [asked, status] of [
      [tag, 304],
      [`"x", W/${tag}`, 304],
      ['*', 304],
      ['"x"', 200],
    ] as const)
      expect((await docs('/openapi.json', { headers: { 'if-none-match': asked } }))?.status).toBe(status)
    expect((await docs('/openapi.json', { headers: { 'accept-encoding': 'gzip;q=0' } }))?.headers.get('content-encoding')).toBeNull()
    expect(plain?.headers.get('cache-control')).toBe('no-cache')
    const other = await documents(await read(yaml('', '  others: { path: /others, chain: [HERE, dispatch] }\n')))('/openapi.json')
    expect(other?.headers.get('etag')).not.toBe(tag)
  })

  test('the pages are shut in', async () => {
    for (const path of ['/docs', '/docs/orders']) {
      const headers = (await ask(path))?.headers
      const policy = headers?.get('content-security-policy') ?? ''
      expect(policy).toStartWith("default-src 'none';")
      expect(policy).not.toContain('unsafe')
      expect(policy).toContain("frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
      expect([headers?.get('x-content-type-options'), headers?.get('referrer-policy')]).toEqual(['nosniff', 'no-referrer'])
    }
    expect(await (await ask('/docs/orders'))?.text()).not.toContain('<script')
  })

  test('every asset of the pages is there, for ever', async () => {
    const docs = documents(await read(yaml('')))
    const pages = await Promise.all(['/docs', '/docs/orders'].map(async path => (await docs(path))?.text()))
    const assets = new Set(
      pages.flatMap(text => [...(text ?? '').matchAll(/(?:src|href)="(\/docs\/assets\/[^"]+)"/g)].map(([, url]) => url as string)),
    )
    expect(assets.size).toBe(6)
    for (const url of assets) {
      const response = await docs(url)
      expect([url, response?.status, response?.headers.get('cache-control')]).toEqual([url, 200, 'public, max-age=31536000, immutable'])
    }
    // Nothing on the pages comes from anywhere else.
    expect(pages.join('')).not.toMatch(/(?:src|href)="(?:https?:)?\/\//)
  })

  test('what the operator wrote is text', async () => {
    const evil = `'</title><script>alert("1")</script>&amp;<b>'`
    const docs = documents(
      await read(
        yaml(
          '',
          `  x: { path: /x, summary: ${evil}, example: { "<i>": ${evil} }, chain: [HERE, { validation: { schema: { type: object, properties: { "<u>": { type: string, description: ${evil} } } } } }, dispatch] }\n`,
        ),
      ),
    )
    for (const path of ['/docs', '/docs/x']) {
      const text = (await (await docs(path))?.text()) ?? ''
      expect(text).toContain('&lt;/title&gt;&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;amp;')
      expect(text).not.toMatch(/<script>|<i>|<u>|<\/title><|&amp;amp;amp/)
    }
  })

  test('a thousand webhooks: the first answer in good time, later ones from memory', async () => {
    const hook = (i: number) =>
      `  w${i}: { path: /w/${i}, example: { id: "${i}", n: 1 }, chain: [{ auth-bearer: { keys: ["\${SECRET}"] } }, idempotency, { mapping: { fields: { number: n } } }, { validation: { entity: e${i} } }, { upsert: { entity: e } }, dispatch] }\n`
    const entity = (i: number) =>
      `  e${i}: { schema: { type: object, required: [id], properties: { id: { type: string }, n: { type: number, minimum: ${i} } } } }\n`
    const numbers = Array.from({ length: 1000 }, (_, i) => i)
    const config = await read(`${yaml('', numbers.map(hook).join(''))}entities:\n${numbers.map(entity).join('')}`)
    const docs = documents(config)
    const timed = async () => {
      const [start, cpu] = [performance.now(), process.cpuUsage()]
      const text = await (await docs('/openapi.json'))?.text()
      return { ms: performance.now() - start, cpu: process.cpuUsage(cpu).user / 1000, text: text as string }
    }
    const first = await timed()
    const second = await timed()
    console.log(
      `1,000 webhooks: ${first.ms.toFixed(0)} ms (${first.cpu.toFixed(0)} ms of processor), then ${second.ms.toFixed(1)} ms, ${(first.text.length / 1e6).toFixed(1)} MB`,
    )
    expect(second.text).toBe(first.text)
    const document = JSON.parse(first.text)
    expect(Object.keys(document.paths).length).toBe(1000)
    expect(await faultsOf({ ...document, paths: { '/w/7': document.paths['/w/7'] } })).toEqual([])
    // Of the processor, since other tests run beside this one; with its compilation it is some 300 ms.
    expect(first.cpu).toBeLessThan(2000)
    expect(second.cpu).toBeLessThan(first.cpu)
    expect((await docs('/docs/w999'))?.status).toBe(200)
  })
})

for (const runtime of runtimes) {
  describe(`of a gateway on ${runtime}`, () => {
    let running: Gateway
    const file = join(folder(), 'postern.yaml')
    const write = (webhooks: string, server = '') =>
      writeFileSync(
        file,
        yaml(`port: "\${PORT}", host: 127.0.0.1, drainDelay: 0s${server}`, webhooks).replace(
          'admin: { port: 0 }',
          'admin: { port: "${' + 'ADMIN_PORT}" }',
        ),
      )
    const ask = async (path: string, init?: RequestInit) => {
      const response = await fetch(running.url + path, init)
      return { status: response.status, headers: response.headers, text: await response.text() }
    }
    beforeAll(async () => {
      write(
        '  orders: { path: /orders, chain: [HERE, dispatch] }\n  all: { path: "/{a}/{b}", methods: [GET, POST], chain: [HERE, dispatch] }\n',
      )
      running = await gateway({ runtime, config: file, args: ['--watch'] })
    })
    afterAll(async () => {
      running?.kill()
      await running?.exited
    })

    test('a page, its style, and the script of the interface', async () => {
      const { status, text } = await ask('/docs/orders')
      expect(status).toBe(200)
      const [, style = ''] = /href="([^"]+\.css)"/.exec(text) ?? []
      expect((await ask(style)).headers.get('content-type')).toBe('text/css; charset=utf-8')
      const [, script = ''] = /src="([^"]+bundle[^"]+)"/.exec((await ask('/docs')).text) ?? []
      const { headers, text: code } = await ask(script, { headers: { 'accept-encoding': 'gzip' } })
      expect(headers.get('content-type')).toBe('text/javascript; charset=utf-8')
      expect(code.length).toBeGreaterThan(1_000_000)
    })

    test('HEAD has the headers of a GET, and no body', async () => {
      const [get, head] = [
        await ask('/openapi.json', { headers: { 'accept-encoding': 'identity' } }),
        await ask('/openapi.json', { method: 'HEAD', headers: { 'accept-encoding': 'identity' } }),
      ]
      expect([head.status, head.text]).toEqual([200, ''])
      expect(head.headers.get('etag')).toBe(get.headers.get('etag'))
    })

    test('a pattern does not take their places, and they take only GET', async () => {
      expect((await ask('/docs/nobody')).status).toBe(404)
      expect((await ask('/docs/nobody', { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } })).status).toBe(202)
    })

    test('a reload makes them anew, and can take them away', async () => {
      const until = async (path: string, status: number) => {
        const deadline = Date.now() + 20_000
        while ((await ask(path)).status !== status && Date.now() < deadline) await new Promise(done => setTimeout(done, 50))
        expect((await ask(path)).status).toBe(status)
      }
      write('  others: { path: /others, chain: [HERE, dispatch] }\n')
      await until('/docs/others', 200)
      expect((await ask('/docs/orders')).status).toBe(404)
      expect(Object.keys(JSON.parse((await ask('/openapi.json')).text).paths)).toEqual(['/others'])
      write('  others: { path: /others, chain: [HERE, dispatch] }\n', ', docs: false')
      await until('/docs/others', 404)
      expect((await ask('/openapi.json')).status).toBe(404)
    })
  })
}
