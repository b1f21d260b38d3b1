import { describe, expect, test } from 'bun:test'
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { folder } from '../support/child.ts'
import { runtimes } from '../support/process.ts'

const root = join(import.meta.dirname, '../..')
const run = promisify(execFile)

/** Runs a program with `serve` and `ask` in reach and gives what it passed to `say`, one line each. */
async function lines(runtime: string, program: string): Promise<string[]> {
  const home = folder()
  const file = join(home, 'program.ts')
  writeFileSync(
    file,
    `import { serve, runtimeName } from '${root}/core/runtime.ts'
     import { raw } from '${root}/test/support/raw.ts'
     const said: string[] = []
     const say = (...words: unknown[]) => void said.push(words.join(' '))
     process.on('uncaughtException', error => say('uncaught', error))
     const sleep = (ms: number) => new Promise(done => setTimeout(done, ms))
     const common = { port: 0, host: '127.0.0.1', maxBody: 1000 }
     const ask = async (port: number, path: string, host = '127.0.0.1') => {
       const { responses: [first] } = await raw(port, ['GET ' + path + ' HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n'], { host, quiet: 1 })
       return first ? first.status + ' ' + first.body : 'nothing'
     }
     ${program}
     console.log(said.join('\\n'))
     process.exit(0)`,
  )
  const args = runtime === 'bun' ? [file] : ['run', '-A', file]
  const { stdout, stderr } = await run(join(root, 'node_modules/.bin', runtime), args, {
    cwd: home,
    env: { ...process.env, NO_COLOR: '1' },
  })
  expect(stderr).toBe('')
  return stdout.trim().split('\n')
}

describe.each([...runtimes])('on %s', runtime => {
  test('answers, and tells the name of the runtime and the peer', async () => {
    const [name, port, ...answers] = await lines(
      runtime,
      `say(runtimeName())
       const server = await serve({ ...common, fetch: (request, peer) => new Response(new URL(request.url).pathname + ' ' + peer) })
       say(server.port > 0)
       say(await ask(server.port, '/a'))
       const both = await serve({ ...common, host: '::', fetch: (_, peer) => new Response(peer) })
       say(await ask(both.port, '/'), await ask(both.port, '/', '::1'))`,
    )
    expect(name).toMatch(runtime === 'bun' ? /^bun \d+\.\d+\.\d+/ : /^deno \d+\.\d+\.\d+/)
    expect(port).toBe('true')
    expect(answers).toEqual(['200 /a 127.0.0.1', '200 127.0.0.1 200 ::1'])
  })

  test('a handler that fails answers a bare 500', async () => {
    const answers = await lines(
      runtime,
      `const server = await serve({ ...common, fetch: async request => { if (request.url.endsWith('/later')) await sleep(1); throw new Error('secret') } })
       say(await ask(server.port, '/now'))
       say(await ask(server.port, '/later'))`,
    )
    expect(answers.map(a => a.trim())).toEqual(['500', '500'])
  })

  test('a port in use is told with host and port', async () => {
    const [first, second, third] = await lines(
      runtime,
      `const fetch = () => new Response()
       const { port } = await serve({ ...common, fetch })
       await serve({ ...common, port, fetch }).catch(error => say(error.code, error.message.replace(String(port), 'PORT')))
       await serve({ ...common, host: '203.0.113.1', fetch }).catch(error => say(error.message))
       await serve({ ...common, tls: { cert: 'x', key: 'y' }, fetch }).catch(error => say(error.message))`,
    )
    expect(first).toBe('EADDRINUSE 127.0.0.1:PORT is in use by another process (EADDRINUSE): stop that process, or choose another port.')
    expect(second).toStartWith('Cannot listen on 203.0.113.1:0: ')
    expect(third).toStartWith('Cannot listen on 127.0.0.1:0: ')
  })

  test('stop waits for what is in flight and takes nothing new', async () => {
    const said = await lines(
      runtime,
      `const server = await serve({ ...common, fetch: async () => { await sleep(300); say('done'); return new Response('late') } })
       const slow = ask(server.port, '/')
       await sleep(100)
       const stopped = server.stop().then(() => say('stopped'))
       await sleep(50)
       say('refused', await ask(server.port, '/'))
       say(await slow)
       await stopped
       await server.stop()
       server.kill()
       await sleep(20)`,
    )
    // Deno's server cannot stop listening without breaking off the bodies that it reads; it answers 503 instead.
    expect(said.slice(0, 2)).toEqual([runtime === 'deno' ? 'refused 503 ' : 'refused nothing', 'done'])
    expect(said.slice(2).sort()).toEqual(['200 late', 'stopped'])
  })

  test('kill ends what stop waits for', async () => {
    const said = await lines(
      runtime,
      `const server = await serve({ ...common, fetch: () => new Promise<Response>(() => {}) })
       void ask(server.port, '/')
       await sleep(100)
       const stopped = server.stop().then(() => say('stopped'))
       await sleep(50)
       server.kill()
       await stopped
       const other = await serve({ ...common, fetch: () => new Promise<Response>(() => {}) })
       const cut = ask(other.port, '/').then(answer => say(answer))
       await sleep(100)
       other.kill()
       await cut
       await other.stop()
       other.kill()
       await sleep(20)`,
    )
    expect(said).toEqual(['stopped', 'nothing'])
  })

  test.skipIf(!Bun.which('openssl'))('over TLS every client has a Host, also one of HTTP/2', async () => {
    const home = folder()
    const key = join(home, 'key.pem')
    const cert = join(home, 'cert.pem')
    const made = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-subj', '/CN=localhost']
    await run('openssl', [...made, '-keyout', key, '-out', cert])
    const said = await lines(
      runtime,
      `import { readFileSync } from 'node:fs'
       import { request } from 'node:https'
       import { connect } from 'node:http2'
       const server = await serve({
         ...common,
         tls: { cert: readFileSync('${cert}', 'utf8'), key: readFileSync('${key}', 'utf8') },
         fetch: async request => new Response(request.headers.get('host') + ' ' + request.url + ' ' + await request.text()),
       })
       const url = 'https://localhost:' + server.port
       const text = async (stream: any) => { let all = ''; for await (const part of stream) all += part; return all.replaceAll(String(server.port), 'PORT') }
       const options = { rejectUnauthorized: false }
       const first: any = await new Promise(done => request(url + '/1', { ...options, method: 'POST' }, done).end('b'))
       say(await text(first))
       if ('Deno' in globalThis) say(await text(connect(url, options).request({ ':method': 'POST', ':path': '/2' }).end('b')))`,
    )
    expect(said[0]).toBe('localhost:PORT https://localhost:PORT/1 b')
    if (runtime === 'deno') expect(said[1]).toBe('localhost:PORT https://localhost:PORT/2 b')
  })
})

test('one of several on a port stops within moments, also when requests come without a pause', async () => {
  const said = await lines(
    'bun',
    `const server = await serve({ ...common, reusePort: true, fetch: () => new Response('hi') })
     let on = true
     const sender = async () => { while (on) await fetch('http://127.0.0.1:' + server.port).then(r => r.text()).catch(() => sleep(1)) }
     const senders = Array.from({ length: 20 }, sender)
     await sleep(200)
     const began = performance.now()
     await Promise.race([server.stop(), sleep(8000)])
     say(performance.now() - began < 3000)
     on = false`,
  )
  expect(said).toEqual(['true'])
})
