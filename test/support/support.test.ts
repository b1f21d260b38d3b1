import { describe, expect, test } from 'bun:test'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import pg from 'pg'
import { available } from './available.ts'
import { child, folder, freePort } from './child.ts'
import { freshDatabase, postgres, postgresServer } from './postgres.ts'
import { parseResponses, raw } from './raw.ts'
import { redis, redisServer } from './redis.ts'

const onPostgres = await available('Postgres', postgres)
const onRedis = await available('Redis', redis)

async function rows(url: string, text: string): Promise<any[]> {
  const client = new pg.Client(url)
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}

onPostgres('the shared Postgres', url => {
  test('is started once', async () => {
    expect(await postgres()).toBe(url)
    expect(await rows(url, 'show fsync')).toEqual([{ fsync: 'on' }])
  })

  test('gives fresh databases, each empty', async () => {
    const [a, b] = await Promise.all([freshDatabase(), freshDatabase()])
    await rows(a.url, 'create table t (n int)')
    expect(await rows(b.url, `select 1 from pg_tables where schemaname = 'public'`)).toEqual([])
    await Promise.all([a.drop(), b.drop()])
    expect(rows(a.url, 'select 1')).rejects.toThrow('does not exist')
  })
})

onPostgres('a Postgres of one’s own', () => {
  test('survives a crash with what was committed, on the same port', async () => {
    const server = await postgresServer({ settings: { max_connections: 20 } })
    await rows(server.url, 'create table t (n int); insert into t values (7)')
    const { pid } = server
    for (const mode of ['immediate', 'kill'] as const) {
      await server.restart(mode)
      expect(await rows(server.url, 'select n from t')).toEqual([{ n: 7 }])
    }
    expect(server.pid).not.toBe(pid)
    expect(await rows(server.url, 'show max_connections')).toEqual([{ max_connections: '20' }])
    await server.stop()
    expect(rows(server.url, 'select 1')).rejects.toThrow()
  })
})

onRedis('Redis', url => {
  test('is started once', async () => {
    expect(await redis()).toBe(url)
  })

  test('of one’s own comes back empty, on the same port', async () => {
    const server = await redisServer()
    const port = Number(new URL(server.url).port)
    const ask = async (line: string) => (await raw(port, [`${line}\r\n`], { deadline: 100 })).text.trim()
    expect(await ask('SET a 1')).toBe('+OK')
    await server.restart()
    expect(await ask('EXISTS a')).toBe(':0')
    await server.stop()
  })
})

describe('what cannot be had', () => {
  const script = `
    import { available } from '${import.meta.dirname}/available.ts'
    import { Unavailable } from '${import.meta.dirname}/binary.ts'
    const onDb2 = await available('Db2', async () => { throw new Unavailable('no such program') })
    onDb2('the store', () => { throw new Error('never called') })`

  const run = async (CI: string) => {
    const home = folder()
    writeFileSync(join(home, 'a.test.ts'), script)
    const started = child(process.execPath, ['test'], { cwd: home, env: { ...process.env, CI }, stdio: 'pipe' })
    let text = ''
    started.stderr?.on('data', part => {
      text += part
    })
    const code = await new Promise(done => started.once('close', done))
    return { code, text }
  }

  test('is skipped by name', async () => {
    const { code, text } = await run('')
    expect(text).toContain('the store (skipped: no Db2)')
    expect(code).toBe(0)
  })

  test('fails in CI', async () => {
    const { code, text } = await run('true')
    expect(text).toContain('needs Db2: no such program')
    expect(code).toBe(1)
  })
})

describe('what a dead process leaves', () => {
  // Starts a child of each kind, tells where they are, and waits to be ended.
  const script = `
    import { child, folder } from '${import.meta.dirname}/child.ts'
    const one = child('sleep', ['60']), two = child('sleep', ['60'], { orphaned: 'TERM' })
    const made = JSON.stringify({ pids: [one.pid, two.pid], home: folder() })
    setTimeout(() => console.log(made), 20)
    setInterval(() => {}, 1000)`

  // An orphan may stay a zombie until the first process of the machine looks after it.
  const runs = (pid: number) => {
    try {
      process.kill(pid, 0)
      return !existsSync('/proc/self') || !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
    } catch {
      return false
    }
  }

  test.each(['SIGTERM', 'SIGINT', 'SIGKILL'] as const)('%s: nothing', async signal => {
    const file = join(folder(), 'dies.ts')
    writeFileSync(file, script)
    const dies = child(process.execPath, [file], { stdio: 'pipe' })
    const line = await new Promise<string>(done => dies.stdout?.once('data', data => done(String(data))))
    const { pids, home } = JSON.parse(line) as { pids: number[]; home: string }
    expect(existsSync(home)).toBe(true)
    dies.kill(signal)
    const deadline = Date.now() + 5000
    while (existsSync(home) && Date.now() < deadline) await new Promise(done => setTimeout(done, 20))
    expect(existsSync(home)).toBe(false)
    expect(pids.filter(runs)).toEqual([])
  })
})

describe('raw', () => {
  test.each([
    [
      'two in a row',
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 404 Not Found\r\nA: 1\r\nA: 2\r\nContent-Length: 0\r\n\r\n',
      [
        { status: 200, headers: { 'content-length': '2' }, body: 'ok', whole: true },
        { status: 404, headers: { a: '1, 2', 'content-length': '0' }, body: '', whole: true },
      ],
    ],
    [
      'chunked',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\n\xc3\xa9\r\n0\r\n\r\n',
      [{ status: 200, headers: { 'transfer-encoding': 'chunked' }, body: 'abcé', whole: true }],
    ],
    [
      'after 100 Continue',
      'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n',
      [{ status: 204, headers: {}, body: '', whole: true }],
    ],
    [
      'cut off',
      'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok',
      [{ status: 200, headers: { 'content-length': '9' }, body: 'ok', whole: false }],
    ],
    ['until the end', 'HTTP/1.1 500 No\r\n\r\noh', [{ status: 500, headers: {}, body: 'oh', whole: false }]],
    ['no HTTP', '\x15\x03\x01', []],
  ])('parses: %s', (_, text, responses) => {
    expect(parseResponses(text)).toEqual(responses)
  })

  test('sends exact bytes with pauses and reads until the server closes', async () => {
    const port = await freePort()
    const got: { at: number; text: string }[] = []
    const server = createServer(socket => {
      socket.on('data', data => {
        got.push({ at: Date.now(), text: data.toString('latin1') })
        if (got.length === 2) socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
      })
    }).listen(port, '127.0.0.1')
    const answer = await raw(port, ['GET /', 60, new Uint8Array([0, 255])])
    server.close()
    expect(got.map(g => g.text)).toEqual(['GET /', '\x00\xff'])
    expect(got[1]!.at - got[0]!.at).toBeGreaterThanOrEqual(50)
    expect(answer).toMatchObject({ closed: true, responses: [{ status: 200, body: '' }] })
  })
})
