import { beforeAll, describe, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { child, folder, freePort } from '../support/child.ts'
import { runtimes } from '../support/process.ts'
import { raw } from '../support/raw.ts'

const root = join(import.meta.dirname, '../..')
const LIMIT = 1000

/** Answers what readBody gave: the word, or the number of bytes. */
const server = `
  import { serve } from '${root}/core/runtime.ts'
  import { readBody } from '${root}/core/request/body.ts'
  process.on('unhandledRejection', error => { console.error('unhandled', error); process.exit(1) })
  await serve({
    port: Number(process.env.PORT), host: '127.0.0.1', maxBody: 10_000_000,
    async fetch(request) {
      if (request.url.endsWith('/memory')) return new Response(String(process.memoryUsage().rss))
      const body = await readBody(request, ${LIMIT}, 300)
      return new Response(typeof body === 'string' ? body : body.length + ' bytes', { headers: body === 'timeout' ? { connection: 'close' } : {} })
    },
  })`

const chunk = (bytes: number) => `${bytes.toString(16)}\r\n${'x'.repeat(bytes)}\r\n`
const length = (bytes: number | string) => `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${bytes}\r\n\r\n`
const chunked = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n'

describe.each([...runtimes])('on %s', runtime => {
  let port = 0
  beforeAll(async () => {
    port = await freePort()
    const file = join(folder(), 'server.ts')
    writeFileSync(file, server)
    const args = runtime === 'bun' ? [file] : ['run', '-A', file]
    child(join(root, 'node_modules/.bin', runtime), args, { env: { ...process.env, PORT: `${port}` }, stdio: 'inherit' })
    const deadline = Date.now() + 10_000
    while ((await raw(port, [length(0)])).responses.length === 0) {
      if (Date.now() > deadline) throw new Error('the server did not start')
      await new Promise(done => setTimeout(done, 50))
    }
  })

  const answer = async (...parts: (string | number)[]) => (await raw(port, parts, { quiet: 50, deadline: 3000 })).responses[0]?.body

  test.each<[string, string, ...(string | number)[]]>([
    ['nothing', '0 bytes', 'POST / HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['length 0', '0 bytes', length(0)],
    ['length 5', '5 bytes', length(5), 'hello'],
    ['the limit', '1000 bytes', length(LIMIT), 'x'.repeat(LIMIT)],
    ['one more', 'too-large', length(LIMIT + 1), 'x'.repeat(LIMIT + 1)],
    ['announced too large, none sent', 'too-large', length(5_000_000)],
    ['in two parts', '5 bytes', length(5), 'he', 100, 'llo'],
    ['short', 'timeout', length(5), 'he'],
    ['dribbling', 'timeout', length(9), 'a', 90, 'b', 90, 'c', 90, 'd', 90],
    ['chunked, empty', '0 bytes', `${chunked}0\r\n\r\n`],
    ['chunked', '5 bytes', `${chunked}${chunk(2)}`, 50, `${chunk(3)}0\r\n\r\n`],
    ['chunked, the limit', '1000 bytes', `${chunked}${chunk(400)}${chunk(600)}0\r\n\r\n`],
    ['chunked, one more', 'too-large', `${chunked}${chunk(400)}`, 50, `${chunk(601)}0\r\n\r\n`],
    ['chunked, too large without an end', 'too-large', `${chunked}${chunk(LIMIT + 1)}`],
    ['chunked, short', 'timeout', `${chunked}${chunk(5)}`],
  ])('%s: %s', async (_, expected, ...parts) => {
    expect(await answer(...parts)).toBe(expected)
  })

  test('what follows a body that was too large is answered on the same connection', async () => {
    const { responses } = await raw(port, [length(2000), 'x'.repeat(2000), 50, length(2), 'ok'], { quiet: 100 })
    expect(responses.map(r => r.body)).toEqual(['too-large', '2 bytes'])
  })

  test('a sender that leaves half-way does no harm', async () => {
    for (let i = 0; i < 20; i++) await raw(port, [length(500), 'he'], { deadline: 5 })
    for (let i = 0; i < 20; i++) await raw(port, [`${chunked}${chunk(3)}`], { deadline: 5 })
    await new Promise(done => setTimeout(done, 400))
    expect(await answer(length(5), 'hello')).toBe('5 bytes')
  })

  test('what is too large is not gathered in memory', async () => {
    const memory = async () => Number((await raw(port, ['GET /memory HTTP/1.1\r\nHost: a\r\n\r\n'], { quiet: 20 })).responses[0]?.body)
    await answer(length(5), 'hello')
    const before = await memory()
    const flood = chunk(1_000_000)
    const [after, { responses }] = await Promise.all([
      new Promise(done => setTimeout(done, 300)).then(memory),
      raw(port, [chunked, ...Array(100).fill(flood), 200, '0\r\n\r\n'], { quiet: 20, deadline: 20_000 }),
    ])
    expect(responses[0]?.body).toBe('too-large')
    expect(after - before).toBeLessThan(80_000_000)
  })
})
