/** The environment variables that stand in for settings which no file has. */
import { expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '#core/config/config.ts'
import { load } from '#core/config/load.ts'
import { formatProblem } from '#core/config/problem.ts'
import { builtins } from '#plugins/index.ts'
import { folder } from '../support/child.ts'

const env = {
  PORT: '8081',
  ADMIN_PORT: '9091',
  DATABASE_URL: 'postgres://u:store-password@db/postern',
  REDIS_URL: 'redis://:redis-password@kv:6379',
  POSTERN_ADMIN_TOKEN: 'admin-token-0123456789abcdef',
}

const TOKEN = 'written-token-0123456789abcdef'
const options = { builtins, importPlugin: () => Promise.reject(new Error('none')) }

async function read(text: string, env: Record<string, string>) {
  const file = join(folder(), 'c.yaml')
  writeFileSync(file, `version: 1\n${text}`)
  const { config, problems } = await load(file, { ...options, env })
  return { config, lines: problems.map(problem => formatProblem(problem).replace(file, 'c.yaml')) }
}

const of = ({ server, admin, store, redis }: Config) => [server.port, admin.port, store.url, redis.url, admin.token]
const presets = [8080, 9090, 'pglite://./.postern/data', '', '']
const said = [8081, 9091, env.DATABASE_URL, env.REDIS_URL, env.POSTERN_ADMIN_TOKEN]
const none = { PORT: '', ADMIN_PORT: '', DATABASE_URL: '', REDIS_URL: '', POSTERN_ADMIN_TOKEN: '' }

test.each<[string, string, Record<string, string>, unknown[]]>([
  ['nothing is set', '', {}, presets],
  ['each is empty', '', none, presets],
  ['each is set', '', env, said],
  ['the sections say other things', 'server: { host: 127.0.0.1 }\nadmin: { host: 127.0.0.1 }\n', env, said],
  ['the sections are empty', 'server:\nadmin:\nstore:\nredis: {}\n', env, said],
  [
    'a file says otherwise',
    `server: { port: 1 }\nadmin: { port: 2, token: ${TOKEN} }\nstore: { url: pglite://memory }\nredis: { url: "" }\n`,
    env,
    [1, 2, 'pglite://memory', '', TOKEN],
  ],
  ['a file says the default', 'server: { port: 8080 }\n', { PORT: '1' }, presets],
])('%s', async (_, text, env, want) => {
  const { config, lines } = await read(text, env)
  expect(lines).toEqual([])
  expect<unknown[]>(of(config as Config)).toEqual(want)
})

test('what it says is judged, named and never shown', async () => {
  const wrong = { PORT: 'eighty', ADMIN_PORT: '70000', DATABASE_URL: 'mysql://u:p4ssw0rd@h/d', REDIS_URL: 'http://kv' }
  const { lines } = await read('server: { host: 0.0.0.0 }\n', wrong)
  const starts = ['c.yaml:1:1 store.url', 'c.yaml:1:1 redis.url', 'c.yaml:1:1 admin.port', 'c.yaml:2:1 server.port']
  expect(lines.map(line => line.split(': ')[0])).toEqual(starts)
  expect(lines.map(line => /\$\{(\w+)\}/.exec(line)?.[1])).toEqual(['DATABASE_URL', 'REDIS_URL', 'ADMIN_PORT', 'PORT'])
  expect(lines.join('\n')).not.toMatch(/eighty|p4ssw0rd/)
})

test('its secrets are kept out of the log like any other', async () => {
  const { config } = await read('', env)
  expect(config?.secretValues).toContain(env.POSTERN_ADMIN_TOKEN)
  expect(config?.secretValues.join(' ')).toContain('store-password')
  expect(config?.admin.shownToken).toBe('$' + '{POSTERN_ADMIN_TOKEN}')
})

test.each(['hasp', 'hasp-workflows', 'hoopai', 'inspire', 'workapps'])('the example %s heeds it', async name => {
  const names = ['EHR_SIGNING_KEY', 'INSPIRE_INGEST_KEY', 'INSPIRE_SIGNING_KEY', 'PARTNER_A_SECRET', 'PARTNER_B_KEY']
  const keys = Object.fromEntries(names.map(name => [name, 'k'.repeat(32)]))
  const file = join(import.meta.dirname, `../../config/examples/${name}.yaml`)
  const { config, problems } = await load(file, { ...options, env: { ...env, ...keys, WORKFLOWS_URL: 'https://a.example' } })
  expect(problems.filter(problem => problem.severity === 'error').map(formatProblem)).toEqual([])
  expect(of(config as Config)).toEqual(said)
})
