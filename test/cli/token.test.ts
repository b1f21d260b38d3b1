/** `postern token create|list|rotate|revoke`: beside a running gateway and without one, on Postgres and on the embedded store. */
import { beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { cpSync, existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { available } from '../support/available.ts'
import { folder, freePort } from '../support/child.ts'
import { freshDatabase, postgres } from '../support/postgres.ts'
import { cli, type Gateway, gateway, type Runtime, runtimes } from '../support/process.ts'

setDefaultTimeout(90_000)
const onPostgres = await available('Postgres', postgres)

const config = `
version: 1
server: { port: "\${PORT}", host: 127.0.0.1, drainDelay: 0s }
store: { url: "\${DATABASE_URL}" }
admin: { port: "\${ADMIN_PORT}" }
webhooks:
  contact-form:
    path: /in/{token}
    chain: [auth-url-token, { upsert: { entity: contact } }, dispatch]
  other-form:
    path: /in/{token}
    chain: [auth-url-token, { upsert: { entity: other } }, dispatch]
  plain:
    path: /plain
    chain: [{ auth-none: { reason: for the test } }, dispatch]
`

const home = folder()
const file = join(home, 'postern.yaml')
writeFileSync(file, config)

/** The first start of an embedded store takes seconds; a copy of a folder that was started before takes none. */
const prepared = join(home, 'data')
beforeAll(async () => {
  const env = { DATABASE_URL: `pglite://${prepared}`, PORT: '0', ADMIN_PORT: '0' }
  expect(await cli(['migrate', '--config', file], { env })).toMatchObject({ code: 0, stderr: '' })
})
function embedded(at = join(folder(), 'data')): string {
  cpSync(prepared, at, { recursive: true })
  return `pglite://${at}`
}

/** The command line and the gateway of one store. */
async function world(runtime: Runtime, url: string) {
  const env = { DATABASE_URL: url, REDIS_URL: undefined, PORT: `${await freePort()}`, ADMIN_PORT: `${await freePort()}` }
  const token = (...words: string[]) => cli(['token', ...words, '--config', file], { runtime, env })
  return {
    env,
    token,
    start: () => gateway({ runtime, config: file, env }),
    async create(webhook = 'contact-form', ...words: string[]): Promise<{ id: string; token: string; url: string; webhook: string }> {
      const { code, stdout, stderr } = await token('create', webhook, '--json', ...words)
      expect([code, stderr]).toEqual([0, ''])
      return JSON.parse(stdout)
    },
    async list(...words: string[]): Promise<Record<string, unknown>[]> {
      const { code, stdout, stderr } = await token('list', '--json', ...words)
      expect([code, stderr]).toEqual([0, ''])
      return JSON.parse(stdout).data
    },
  }
}

const post = async (running: Gateway, token: string) => {
  const response = await fetch(`${running.url}/in/${token}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"n":1}',
  })
  await response.arrayBuffer()
  return response.status
}

/** Milliseconds until the gateway refuses a token. */
async function refusedAfter(running: Gateway, token: string, deadline = 5000): Promise<number> {
  const start = performance.now()
  while ((await post(running, token)) !== 404) {
    if (performance.now() - start > deadline) throw new Error('the token is still let in')
    await new Promise(done => setTimeout(done, 25))
  }
  return performance.now() - start
}

function suite(runtime: Runtime, store: () => string | Promise<string>) {
  test.concurrent(`${runtime}: the life of tokens`, async () => {
    const { token, create, list, start, env } = await world(runtime, await store())

    // Without a gateway.
    const early = await create('contact-form', '--label', 'Acme site')
    expect(Object.keys(early).sort()).toEqual(['id', 'token', 'url', 'webhook'])
    expect(early.token).toMatch(/^wh_01[0-9A-Za-z]{60,}$/)
    expect([early.webhook, early.url]).toEqual(['contact-form', `http://localhost:${env.PORT}/in/${early.token}`])
    // Each command without a gateway starts the embedded store anew, which is dear: there, the rest goes through the door.
    let running = env.DATABASE_URL.startsWith('pglite:') ? await start() : undefined
    const ended = await create()
    expect((await token('revoke', ended.id, '--json')).stdout).toBe(`{"ok":true,"id":"${ended.id}"}\n`)
    running ??= await start()
    try {
      expect(await post(running, early.token)).toBe(201)
      expect(await post(running, ended.token)).toBe(404)

      // With one: a new token works at once.
      const late = await create('contact-form', '--expires', '90d')
      expect(await post(running, late.token)).toBe(201)
      const other = await create('other-form')
      expect(await post(running, other.token)).toBe(201)
      const brief = await create('contact-form', '--expires', '1s')
      const all = await list()
      expect(all.map(t => t.id)).toEqual([brief.id, other.id, late.id, ended.id, early.id])
      expect(Object.keys(all[0]!).sort()).toEqual(['created_at', 'expires_at', 'id', 'label', 'last_used_at', 'revoked_at', 'webhook'])
      expect(all.at(-1)).toMatchObject({ webhook: 'contact-form', label: 'Acme site', expires_at: null, revoked_at: null })
      expect(Date.parse(all[2]!.expires_at as string) - Date.parse(all[2]!.created_at as string)).toBe(90 * 86_400_000)

      // A revoked one stops within three seconds, and so does one whose time is over.
      expect((await token('revoke', late.id)).code).toBe(0)
      expect(await refusedAfter(running, late.token)).toBeLessThan(3000)
      expect(await post(running, early.token)).toBe(201)
      expect(await refusedAfter(running, brief.token)).toBeLessThan(3000)
      const again = await token('revoke', late.id)
      expect([again.code, again.stdout, again.stderr]).toEqual([1, '', `there is no live token with the id '${late.id}'\n`])

      expect(await running.stop()).toBe(0)
      const used = Object.fromEntries((await list()).map(t => [t.id, t.last_used_at !== null]))
      expect(used).toEqual({ [early.id]: true, [late.id]: true, [other.id]: true, [ended.id]: false, [brief.id]: expect.any(Boolean) })
      for (const { token } of [early, late, other]) expect(running.log()).not.toContain(token)
    } finally {
      running.kill()
      await running.exited
    }
  })
}

onPostgres('on Postgres', () => {
  for (const runtime of runtimes) suite(runtime, async () => (await freshDatabase()).url)

  test.concurrent('for people, the token shows once and then never again', async () => {
    const { token } = await world('bun', (await freshDatabase()).url)
    const made = await token('create', 'contact-form', '--label', 'Acme site')
    expect([made.code, made.stderr]).toEqual([0, ''])
    const [, secret, url, id] = /^token {2}(wh_\w+)\nurl {4}(\S+)\nid {5}(\w+)\n\n.*once.*\n$/.exec(made.stdout) ?? []
    expect(url).toEndWith(`/in/${secret}`)
    expect((await token('list', 'other-form')).stdout).toBe('no tokens\n')
    const before = await token('list', 'contact-form')
    expect(before.stdout).toMatch(
      new RegExp(`^${id}  contact-form  made \\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d  live  never used  Acme site\\n$`),
    )
    expect((await token('revoke', id!)).stdout).toMatch(new RegExp(`^revoked ${id}`))
    const after = await token('list')
    expect(after.stdout).toContain('  revoked ')
    expect(before.stdout + after.stdout).not.toContain(secret!.slice(3 + id!.length))
  })

  test.concurrent('rotated, a token has a successor of the same webhook and label, and ends after the overlap', async () => {
    const { token, create, list, start, env } = await world('bun', (await freshDatabase()).url)
    const old = await create('contact-form', '--label', 'Acme site')
    const running = await start()
    try {
      const rotated = await token('rotate', old.id, '--overlap', '1h', '--json')
      const next = JSON.parse(rotated.stdout)
      expect(next).toEqual({
        ...{ id: expect.any(String), token: expect.stringMatching(/^wh_/), webhook: 'contact-form' },
        url: `http://localhost:${env.PORT}/in/${next.token}`,
        old: { id: old.id, expires_at: expect.any(String) },
      })
      expect(Date.parse(next.old.expires_at) - Date.now()).toBeWithin(3_500_000, 3_600_001)
      expect([await post(running, old.token), await post(running, next.token)]).toEqual([201, 201])

      // Once more, with less: the end comes nearer; with more it stays.
      for (const overlap of ['0s', '30d']) {
        const again = await token('rotate', overlap === '0s' ? old.id : next.id, '--overlap', overlap, '--expires', '90d')
        expect([again.code, again.stdout]).toEqual([
          0,
          expect.stringMatching(/^token {2}wh_\w+\nurl .*\nid .*\n\n.*once.*\nThe old one, \w+, ends /),
        ])
      }
      expect(await refusedAfter(running, old.token)).toBeLessThan(3000)
      expect(await post(running, next.token)).toBe(201)
      const rows = (await list()).map(t => [t.webhook, t.label, t.expires_at !== null])
      expect(rows).toEqual(Array(4).fill(['contact-form', 'Acme site', true]))
      expect(await token('rotate', old.id)).toMatchObject({ code: 1, stderr: `there is no live token with the id '${old.id}'\n` })
      expect(await running.stop()).toBe(0)
    } finally {
      running.kill()
    }
  })

  describe('what cannot be done ends with 1 and says why:', () => {
    const rows: [words: string[], says: RegExp][] = [
      [['create', 'contact-from'], /^there is no webhook 'contact-from' in .*postern\.yaml — did you mean 'contact-form'\?\n$/],
      [['create', 'zzz'], /^there is no webhook 'zzz' in .*postern\.yaml\n$/],
      [['create', 'plain'], /^the path of 'plain', \/plain, has no \{token\}: /],
      [['revoke', 'nobody'], /^there is no live token with the id 'nobody'\n$/],
      [['revoke', "' or true --"], /^there is no live token with the id '' or true --'\n$/],
      [['rotate', 'nobody'], /^there is no live token with the id 'nobody'\n$/],
      [['list', 'contact-from'], /'contact-from'.*contact-form/],
    ]
    test.concurrent.each(rows)('token %p', async (words, says) => {
      const { token } = await world('bun', (await freshDatabase()).url)
      const { code, stdout, stderr } = await token(...words)
      expect([code, stdout, stderr]).toEqual([1, '', expect.stringMatching(says)])
    })
  })

  test.concurrent('a token is listed still when its webhook has gone from the files', async () => {
    const { url } = await freshDatabase()
    const { create, env } = await world('bun', url)
    const { id } = await create('other-form')
    const less = join(folder(), 'less.yaml')
    writeFileSync(less, config.replace(/ {2}other-form:[\s\S]*?(?= {2}plain:)/, ''))
    const { code, stdout } = await cli(['token', 'list', '--json', '--config', less], { env })
    expect([code, JSON.parse(stdout).data.map((t: { id: string }) => t.id)]).toEqual([0, [id]])
  })
})

describe('on the embedded store', () => {
  for (const runtime of runtimes) suite(runtime, () => embedded())

  test.concurrent('the door is open to the owner of the folder alone, and gone with the gateway', async () => {
    const at = join(folder(), 'data')
    const { start } = await world('bun', embedded(at))
    const running = await start()
    expect(statSync(join(at, 'door')).mode & 0o777).toBe(0o600)
    expect(await running.stop()).toBe(0)
    expect([existsSync(join(at, 'door')), existsSync(join(at, 'lock'))]).toEqual([false, false])
  })

  test.concurrent('after a gateway was killed, what it left in the folder is in nobody’s way', async () => {
    const at = join(folder(), 'data')
    const url = embedded(at)
    const { start, create, list } = await world('bun', url)
    const running = await start()
    const { id, token } = await create()
    expect(await post(running, token)).toBe(201)
    running.kill('SIGKILL')
    await running.exited
    expect(existsSync(join(at, 'lock'))).toBe(true)
    expect((await list()).map(t => t.id)).toEqual([id])
    const next = await (await world('deno', url)).start()
    try {
      expect(await post(next, token)).toBe(201)
    } finally {
      next.kill()
    }
  })

  test.concurrent('in a folder whose name is too long for a door, the command says who holds the store', async () => {
    const deep = join(folder(), 'a-folder-with-a-long-name'.repeat(4))
    mkdirSync(deep)
    const { start, token } = await world('bun', embedded(join(deep, 'data')))
    const running = await start()
    try {
      const { code, stdout, stderr } = await token('list')
      expect([code, stdout]).toEqual([69, ''])
      expect(stderr).toContain(`in use by process ${running.pid}`)
    } finally {
      running.kill()
    }
  })

  test.concurrent('two commands at once without a gateway: each does its work or says that another is at it', async () => {
    const { token, list } = await world('bun', embedded())
    const ended = await Promise.all(Array.from({ length: 2 }, (_, n) => token('create', 'contact-form', '--label', `${n}`, '--json')))
    const made = ended.filter(e => e.code === 0).map(e => JSON.parse(e.stdout).id)
    for (const { code, stderr } of ended)
      if (code !== 0) expect([code, stderr]).toEqual([69, expect.stringMatching(/in use by process \d+|went away/)])
    expect(made.length).toBeGreaterThan(0)
    expect((await list()).map(t => t.id).sort()).toEqual(made.sort())
  })
})
