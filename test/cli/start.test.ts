/** `npm start` as a newcomer meets it: the banner's lines pasted into a shell, and the five minutes of the README. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { child, folder, freePort } from '../support/child.ts'
import { cli } from '../support/process.ts'

setDefaultTimeout(60_000)
const root = join(import.meta.dirname, '../..')

/** The program in a folder of its own, so that its store and its configuration are nobody else's. */
function checkout(): string {
  const home = folder()
  for (const name of ['core', 'plugins', 'node_modules', 'package.json', 'main.ts', 'bunfig.toml'])
    symlinkSync(join(root, name), join(home, name))
  mkdirSync(join(home, 'config'))
  copyFileSync(join(root, 'config/postern.yaml'), join(home, 'config/postern.yaml'))
  return home
}

/** A shell in which nothing of ours is set. */
const ours = ['NODE_ENV', 'DATABASE_URL', 'REDIS_URL', 'ORDERS_KEY', 'POSTERN_ADMIN_TOKEN', 'POSTERN_CONFIG', 'HOST']
const bare: NodeJS.ProcessEnv = Object.fromEntries(Object.entries(process.env).filter(([name]) => !ours.includes(name)))

/** Runs `npm start` and gives what it prints once it listens. */
async function npmStart(home: string, more: Record<string, string> = {}) {
  const env = { ...bare, NO_COLOR: '1', PORT: `${await freePort()}`, ADMIN_PORT: `${await freePort()}`, ...more }
  const started = child('npm', ['start'], { cwd: home, env, stdio: 'pipe', detached: true })
  const text = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) started[name]?.setEncoding('utf8').on('data', part => (text[name] += part))
  // Not 'exit': npm may be gone before the gateway is.
  const ended = once(started, 'close')
  const deadline = Date.now() + 30_000
  while (!text.stdout.includes('admin/v1') && started.exitCode === null && Date.now() < deadline)
    await new Promise(done => setTimeout(done, 20))
  return {
    env,
    text,
    url: `http://127.0.0.1:${env.PORT}`,
    /** The requests to paste, as the banner has them. */
    curls: [...text.stdout.matchAll(/^ {2}(curl (?:.*\\\n)*.*)$/gm)].map(match => match[1] as string),
    /** Ctrl-C, which reaches npm and the gateway alike. */
    async stop() {
      process.kill(-(started.pid as number), 'SIGINT')
      await ended
    },
  }
}

/** Pastes into a shell. */
async function paste(line: string, env = bare) {
  const started = child('bash', ['-c', line], { env, stdio: 'pipe' })
  let stdout = ''
  started.stdout?.setEncoding('utf8').on('data', part => (stdout += part))
  const [code] = await once(started, 'close')
  return { code: code as number, stdout }
}

describe('npm start', () => {
  const home = checkout()
  let running: Awaited<ReturnType<typeof npmStart>>
  beforeAll(async () => {
    running = await npmStart(home)
  }, 40_000)
  afterAll(() => running.stop(), 20_000)

  /** The first request with other flags. */
  const again = (more: string) => `${running.curls[0]} -s -w '\\n%{http_code}' ${more}`
  const answer = async (more: string) => {
    const { stdout } = await paste(again(more))
    const at = stdout.lastIndexOf('\n')
    return { status: Number(stdout.slice(at + 1)), text: stdout.slice(0, at) }
  }

  test('prints where it listens and two requests to paste', () => {
    expect(running.text.stdout).toContain(`Postern listens on http://127.0.0.1:${running.env.PORT}\n`)
    expect(running.curls.length).toBe(2)
    // npm has a word of its own to say here and there.
    const lines = running.text.stderr.trim().split('\n')
    for (const line of lines.filter(line => !line.startsWith('npm '))) expect(JSON.parse(line)).toMatchObject({ level: 'info' })
  })

  test('the first, pasted, makes a record; the second shows it', async () => {
    expect(await paste(again(''))).toEqual({ code: 0, stdout: '{"id":"A-1001","created":true}\n201' })
    const { code, stdout } = await paste(`${running.curls[1]} -s`)
    expect(code).toBe(0)
    const { data, next } = JSON.parse(stdout)
    expect(next).toBeNull()
    expect(data.map((r: any) => [r.id, r.data, r.webhook])).toEqual([
      ['A-1001', { id: 'A-1001', customer: 'Ada', email: 'ada@example.com', total: 42.5 }, 'orders'],
    ])
  })

  test('the same twice with a key: the second answer is the first, byte for byte', async () => {
    const first = await answer("-H 'X-Idempotency-Key: first'")
    expect([first.status, JSON.parse(first.text)]).toEqual([200, { id: 'A-1001', created: false }])
    const second = await paste(`${running.curls[0]} -s -i -H 'X-Idempotency-Key: first'`)
    expect(second.stdout).toMatch(/^x-idempotent-replayed: true\r$/im)
    expect(second.stdout.slice(second.stdout.indexOf('\r\n\r\n') + 4)).toBe(first.text)
  })

  const broken: [what: string, line: (curl: string) => string, status: number, says: RegExp][] = [
    ['without the key', curl => curl.replace(/-H "Authorization.*"/, ''), 401, /"code":"UNAUTHORIZED"/],
    ['with half a JSON', curl => curl.replace(/-d '.*'/, "-d '{'"), 400, /"code":"INVALID_JSON"/],
    ['without an id', curl => curl.replace('"id":"A-1001",', ''), 422, /"id":\["The id field is required\."\]/],
    [
      'with a field that nobody knows',
      curl => curl.replace('"id"', '"colour":"red","id"'),
      422,
      /"colour":\["The colour field is not allowed\."\]/,
    ],
  ]
  test.each(broken)('broken: %s', async (_, line, status, says) => {
    const { stdout } = await paste(`${line(running.curls[0]!)} -s -w '\\n%{http_code}'`)
    expect(stdout).toMatch(says)
    expect(stdout).toEndWith(`\n${status}`)
  })

  test('a webhook of one’s own is checked and served', async () => {
    const readme = readFileSync(join(root, 'README.md'), 'utf8')
    const [, block] = /```yaml\n([\s\S]*?)```/.exec(readme) ?? []
    const own = (block as string).replace(/^ {3}/gm, '')
    expect(own).toStartWith('github:')
    const text = readFileSync(join(home, 'config/postern.yaml'), 'utf8')
    writeFileSync(
      join(home, 'own.yaml'),
      text.replace(/^webhooks:\n/m, match => `${match}${own.replace(/^(?=.)/gm, '  ')}`),
    )
    const check = (env: Record<string, string | undefined>) =>
      cli(['check', '--config', 'own.yaml'], { cwd: home, env: { ...bare, ...env } })
    expect(await check({ GITHUB_SECRET: 'a-secret-of-github-0123' })).toMatchObject({
      code: 0,
      stdout: 'config is good: 2 webhooks, 1 entity, 0 dialects\n',
    })
    expect((await check({ GITHUB_SECRET: undefined })).stdout).toMatch(/^own\.yaml:\d+:\d+ .*GITHUB_SECRET is not set/)
  })

  test('Ctrl-C ends it in order, and the next start has what was written', async () => {
    await running.stop()
    expect(JSON.parse(running.text.stderr.trim().split('\n').at(-1)!)).toMatchObject({ level: 'info', msg: 'stopped' })
    // With a key and a token of one's own, which the banner does not tell.
    const own = { ORDERS_KEY: 'a-key-of-my-own-0123', POSTERN_ADMIN_TOKEN: 'a-token-of-my-own-0123' }
    running = await npmStart(home, own)
    for (const secret of Object.values(own)) expect(running.text.stdout + running.text.stderr).not.toContain(secret)
    expect((await paste(again(''))).stdout).toContain('401')
    expect((await paste(again(''), { ...bare, ...own })).stdout).toBe('{"id":"A-1001","created":false}\n200')
    expect(JSON.parse((await paste(`${running.curls[1]} -s`, { ...bare, ...own })).stdout).data.length).toBe(1)
  })
})

test('from any folder, on Deno, the banner is the same but for the ports', async () => {
  const home = checkout()
  const [port, adminPort] = [await freePort(), await freePort()]
  const env = { ...bare, PORT: `${port}`, ADMIN_PORT: `${adminPort}`, DATABASE_URL: 'pglite://memory', NO_COLOR: '1' }
  const started = child(
    join(root, 'node_modules/.bin/deno'),
    ['run', '-A', join(root, 'main.ts'), 'serve', '--config', join(home, 'config/postern.yaml')],
    {
      cwd: '/',
      env,
      stdio: 'pipe',
    },
  )
  let stdout = ''
  started.stdout?.setEncoding('utf8').on('data', part => (stdout += part))
  const exited = once(started, 'exit')
  const deadline = Date.now() + 30_000
  while (!stdout.includes('admin/v1') && started.exitCode === null && Date.now() < deadline) await new Promise(done => setTimeout(done, 20))
  const [first, second] = [...stdout.matchAll(/^ {2}(curl (?:.*\\\n)*.*)$/gm)].map(match => match[1] as string)
  expect((await paste(`${first} -s`)).stdout).toBe('{"id":"A-1001","created":true}')
  expect(JSON.parse((await paste(`${second} -s`)).stdout).data.length).toBe(1)
  started.kill('SIGTERM')
  expect((await exited)[0]).toBe(0)
})
