/** `postern check` and `postern schema`. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { check } from '#core/cli/check.ts'
import { type SchemaOptions, schema } from '#core/cli/schema.ts'
import { chain, hook, plugins, top } from './fixture.ts'

const home = process.cwd()
let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-cli-'))
  process.chdir(folder)
})

afterAll(() => {
  process.chdir(home)
  rmSync(folder, { recursive: true })
})

async function run(yaml: string, { strict = false, json = false } = {}) {
  writeFileSync('c.yaml', yaml)
  const lines: string[] = []
  const importPlugin = async () => Promise.reject(new Error('none'))
  const code = await check({ config: 'c.yaml', strict, json, env: {}, builtins: plugins, importPlugin }, line => lines.push(line))
  return { code, lines }
}

const weak = chain('key: { keys: [abc] }')

test('a good one', async () => {
  expect(await run(hook('path: /a'))).toEqual({ code: 0, lines: ['config is good: 1 webhook, 0 entities, 0 dialects'] })
  expect(await run(top('entities: { a: {} }\ndialects: { d: {}, e: {} }'), { strict: true })).toEqual({
    code: 0,
    lines: ['config is good: 0 webhooks, 1 entity, 2 dialects'],
  })
})

test('errors', async () => {
  expect(await run(top('server: { prot: 1 }\nredis: 5'))).toEqual({
    code: 78,
    lines: [
      "c.yaml:2:11 server.prot: unknown setting 'prot' — did you mean 'port'?",
      'c.yaml:3:8 redis: expected a map, got a number',
      '2 errors, 0 warnings',
    ],
  })
})

const warning =
  'c.yaml:6:23 warning: webhooks.a.chain[0].key.keys[0]: has fewer than 16 bytes: take a longer one, such as `openssl rand -hex 32` prints'

test('warnings pass, and fail when strict', async () => {
  expect(await run(weak)).toEqual({ code: 0, lines: [warning, '0 errors, 1 warning', 'config is good: 1 webhook, 0 entities, 0 dialects'] })
  expect(await run(weak, { strict: true })).toEqual({ code: 78, lines: [warning, '0 errors, 1 warning'] })
})

test('as JSON', async () => {
  const { code, lines } = await run(top('server: { prot: 1 }'), { json: true })
  expect(code).toBe(78)
  expect(lines.map(line => JSON.parse(line))).toEqual([
    {
      ok: false,
      problems: [
        {
          severity: 'error',
          file: 'c.yaml',
          line: 2,
          column: 11,
          path: 'server.prot',
          message: "unknown setting 'prot' — did you mean 'port'?",
        },
      ],
    },
  ])
  expect((await run(hook('path: /a'), { json: true })).lines).toEqual(['{"ok":true,"problems":[]}'])
  expect((await run(weak, { json: true, strict: true })).lines[0]).toStartWith(
    '{"ok":false,"problems":[{"severity":"warning","file":"c.yaml","line":6,',
  )
})

async function make(options: Partial<SchemaOptions>) {
  const lines: string[] = []
  const code = await schema({ builtins: plugins, format: 'json', ...options }, line => lines.push(line))
  return { code, lines }
}

test('the schema and the reference are printed, written and compared', async () => {
  const json = (await make({})).lines.join('\n')
  const markdown = (await make({ format: 'markdown' })).lines.join('\n')
  expect(JSON.parse(json).title).toBe('Postern')
  expect(markdown).toStartWith('# Configuration reference\n')
  const files = ['config/postern.schema.json', 'config/reference.md']
  expect(await make({ check: true })).toEqual({ code: 1, lines: files.map(file => `${file} is stale: run postern schema --write`) })
  expect(await make({ write: true })).toEqual({ code: 0, lines: files.map(file => `wrote ${file}`) })
  expect(files.map(file => readFileSync(file, 'utf8'))).toEqual([`${json}\n`, `${markdown}\n`])
  expect(await make({ check: true })).toEqual({ code: 0, lines: [] })
  writeFileSync(files[1]!, 'x')
  expect(await make({ check: true })).toEqual({ code: 1, lines: ['config/reference.md is stale: run postern schema --write'] })
})
