// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is the syntax under test
/** `postern check` and `postern schema` as a person, an editor and a machine use them. */
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Ajv } from 'ajv'
import { parse } from 'yaml'
import { child, folder } from '../support/child.ts'
import { cli, type Runtime, runtimes } from '../support/process.ts'

setDefaultTimeout(30_000)

const root = join(import.meta.dirname, '../..')
const examples = readdirSync(join(root, 'config/examples')).filter(name => name.endsWith('.yaml'))
const files = ['config/postern.yaml', ...examples.map(name => `config/examples/${name}`)]

/** Every variable that the examples read. */
const env = {
  INSPIRE_INGEST_KEY: 'ingest-key-0123456789',
  INSPIRE_SIGNING_KEY: 'signing-key-0123456789',
  EHR_SIGNING_KEY: 'ehr-key-0123456789',
  PARTNER_A_SECRET: 'partner-a-0123456789',
  PARTNER_B_KEY: 'partner-b-0123456789',
  DATABASE_URL: undefined,
  REDIS_URL: undefined,
  POSTERN_ADMIN_TOKEN: undefined,
  POSTERN_CONFIG: undefined,
}

const hook = (chain: string) => `version: 1\nwebhooks:\n  a:\n    path: /a\n    chain:\n${chain}`
const open = '      - auth-none: { reason: none }\n      - dispatch\n'

/** Checks files in a folder of their own. */
async function check(texts: Record<string, string>, words: string[] = [], runtime: Runtime = 'bun', more: Record<string, string> = {}) {
  const home = folder()
  for (const [name, text] of Object.entries(texts)) {
    mkdirSync(dirname(join(home, name)), { recursive: true })
    writeFileSync(join(home, name), text)
  }
  const names = Object.keys(texts)
  return cli(['check', '--config', names.length === 1 ? names[0]! : '.', ...words], { cwd: home, env: { ...env, ...more }, runtime })
}

describe('what is shipped is good, without a warning', () => {
  test.concurrent.each(files)('%s', async file => {
    const { code, stdout, stderr } = await cli(['check', '--strict', '--config', file], { env })
    expect([code, stderr, stdout]).toEqual([0, '', expect.stringMatching(/^config is good: \d+ webhooks?, /)])
  })

  test('all examples together, from one folder, on Deno', async () => {
    const { code, stdout } = await cli(['check', '--strict', '--config', 'config/examples'], { env, runtime: 'deno' })
    expect([code, stdout]).toEqual([0, expect.stringContaining('12 webhooks')])
  })
})

describe('what is bad ends with 78, each problem at its file, line and column', () => {
  const rows: [what: string, files: Record<string, string>, lines: string[]][] = [
    [
      'an unknown setting',
      { 'a.yaml': 'version: 1\nserver: { prot: 1 }\n' },
      ["a.yaml:2:11 server.prot: unknown setting 'prot' — did you mean 'port'?"],
    ],
    [
      'an unknown plugin',
      { 'a.yaml': hook('      - auth-noen: { reason: x }\n      - dispatch\n') },
      ["a.yaml:6:9 webhooks.a.chain[0]: there is no plugin 'auth-noen' — did you mean 'auth-none'?"],
    ],
    [
      'an unset variable',
      { 'a.yaml': hook('      - auth-bearer: { keys: ["${NOT_THERE}"] }\n      - dispatch\n') },
      ['a.yaml:6:31 webhooks.a.chain[0].auth-bearer.keys[0]: the environment variable NOT_THERE is not set'],
    ],
    ['no authentication', { 'a.yaml': hook('      - dispatch\n') }, ['a.yaml:5:5 webhooks.a.chain: nothing verifies the sender']],
    [
      'an entity that is not there',
      { 'a.yaml': hook('      - auth-none: { reason: x }\n      - validation: { entity: person }\n      - dispatch\n') },
      ["a.yaml:7:31 webhooks.a.chain[1].validation.entity: there is no 'person' under `entities`"],
    ],
    ['no YAML', { 'a.yaml': 'version: 1\nserver: { port: 1\n' }, ['a.yaml:']],
    ['two faults at once', { 'a.yaml': 'version: 1\nserver: { prot: 1 }\nadmin: { prot: 2 }\n' }, ['a.yaml:2:11 ', 'a.yaml:3:10 ']],
    [
      'faults in two files of a folder',
      { 'a.yaml': 'version: 1\nserver: { prot: 1 }\n', 'b.yaml': 'version: 1\nadmin: { prot: 2 }\n' },
      ['a.yaml:2:11 server.prot: ', 'b.yaml:2:10 admin.prot: '],
    ],
    [
      'one name in two files',
      { 'a.yaml': hook(open), 'b.yaml': hook(open) },
      ["b.yaml:3:3 webhooks.a: webhook 'a' is already at a.yaml:3:3: rename one"],
    ],
    ['an empty folder', { 'a.txt': '', 'b.txt': '' }, ['there is no *.yaml in this folder']],
  ]
  test.concurrent.each(rows)('%s', async (_, texts, lines) => {
    const { code, stdout, stderr } = await check(texts)
    expect([code, stderr]).toEqual([78, ''])
    for (const line of lines) expect(stdout.split('\n').some(at => at.startsWith(line) || at.includes(line))).toBe(true)
    expect(stdout).toContain(`${lines.length} error${lines.length > 1 ? 's' : ''}, 0 warnings`)
    expect(stdout).not.toContain('config is good')
  })

  test('as JSON, one line, for a machine', async () => {
    for (const runtime of runtimes) {
      const { code, stdout } = await check({ 'a.yaml': 'version: 1\nserver: { prot: 1 }\n' }, ['--json'], runtime)
      expect(code).toBe(78)
      expect(JSON.parse(stdout)).toEqual({
        ok: false,
        problems: [
          {
            severity: 'error',
            file: 'a.yaml',
            line: 2,
            column: 11,
            path: 'server.prot',
            message: "unknown setting 'prot' — did you mean 'port'?",
          },
        ],
      })
    }
  })

  test('and a good one is ok', async () => {
    const { code, stdout, stderr } = await check({ 'a.yaml': hook(open) }, ['--json'])
    expect([code, stdout, stderr]).toEqual([0, '{"ok":true,"problems":[]}\n', ''])
  })
})

describe('a warning', () => {
  const weak = { 'a.yaml': hook('      - auth-bearer: { keys: [short] }\n      - dispatch\n') }

  test('is told and passes; with --strict it fails', async () => {
    const line = expect.stringMatching(/^a\.yaml:6:31 warning: webhooks\.a\.chain\[0\]\.auth-bearer\.keys\[0\]: has fewer than 16 bytes/)
    const [loose, strict, json] = await Promise.all([check(weak), check(weak, ['--strict']), check(weak, ['--strict', '--json'])])
    expect([loose.code, loose.stdout]).toEqual([0, line])
    expect(loose.stdout).toContain('config is good')
    expect([strict.code, strict.stdout]).toEqual([78, line])
    expect(strict.stdout).not.toContain('config is good')
    expect(JSON.parse(json.stdout)).toMatchObject({ ok: false, problems: [{ severity: 'warning', line: 6, column: 31 }] })
  })

  test('of an empty secret tells that the webhook is closed', async () => {
    const { code, stdout } = await check(
      { 'a.yaml': hook('      - auth-bearer: { keys: ["${EMPTY_KEY}"] }\n      - dispatch\n') },
      [],
      'bun',
      { EMPTY_KEY: '' },
    )
    expect([code, stdout]).toEqual([0, expect.stringContaining('503')])
  })

  test('never shows the secret', async () => {
    const { stdout } = await check(
      { 'a.yaml': hook('      - auth-bearer: { keys: ["${TINY}"] }\n      - dispatch\n') },
      ['--json'],
      'bun',
      { TINY: 'zq-9' },
    )
    expect(stdout).toContain('fewer than 16 bytes')
    expect(stdout).not.toContain('zq-9')
  })
})

test('paths show relative to where one stands, and absolute from elsewhere', async () => {
  const home = folder()
  mkdirSync(join(home, 'deep/er'), { recursive: true })
  writeFileSync(join(home, 'deep/er/a.yaml'), 'version: 1\nserver: { prot: 1 }\n')
  symlinkSync(join(home, 'deep/er/a.yaml'), join(home, 'linked.yaml'))
  const from = async (cwd: string, config: string) => (await cli(['check', '--config', config], { cwd, env })).stdout.split(' ')[0]
  expect(await from(home, 'deep/er/a.yaml')).toBe('deep/er/a.yaml:2:11')
  expect(await from(join(home, 'deep/er'), join(home, 'deep/er/a.yaml'))).toBe('a.yaml:2:11')
  expect(await from('/', join(home, 'linked.yaml'))).toMatch(/^\/?.*linked\.yaml:2:11$/)
  expect(await from(join(home, 'deep'), '../linked.yaml')).toBe(`${join(home, 'linked.yaml')}:2:11`)
})

describe('postern schema', () => {
  const printed = cli(['schema'])

  test('is valid JSON Schema draft-07, and equals the one that is checked in', async () => {
    const { code, stdout, stderr } = await printed
    expect([code, stderr]).toEqual([0, ''])
    const schema = JSON.parse(stdout)
    expect(schema.$schema).toBe('http://json-schema.org/draft-07/schema#')
    const ajv = new Ajv({ strict: false, validateFormats: false })
    expect([ajv.validateSchema(schema), ajv.errors]).toEqual([true, null])
    expect(stdout).toBe(readFileSync(join(root, 'config/postern.schema.json'), 'utf8'))
  })

  test.concurrent.each(files)('an editor that has it finds no fault in %s, and finds it', async file => {
    const valid = new Ajv({ strict: false, validateFormats: false }).compile(JSON.parse((await printed).stdout))
    const text = readFileSync(join(root, file), 'utf8')
    valid(parse(text))
    expect(valid.errors).toBeNull()
    const [, at] = /^# yaml-language-server: \$schema=(.*)$/m.exec(text) ?? []
    expect(join(root, dirname(file), at!)).toBe(join(root, 'config/postern.schema.json'))
  })

  test('the reference equals the one that is checked in', async () => {
    const { code, stdout } = await cli(['schema', '--format', 'markdown'])
    expect(code).toBe(0)
    expect(stdout).toBe(readFileSync(join(root, 'config/reference.md'), 'utf8'))
  })

  test('is the same on Deno', async () => {
    for (const format of ['json', 'markdown'])
      expect((await cli(['schema', '--format', format], { runtime: 'deno' })).stdout).toBe(
        (await cli(['schema', `--format=${format}`])).stdout,
      )
  })

  test('--write writes both into config/, also where there is none yet', async () => {
    const home = folder()
    const { code, stdout } = await cli(['schema', '--write'], { cwd: home })
    expect([code, stdout]).toEqual([0, 'wrote config/postern.schema.json\nwrote config/reference.md\n'])
    for (const name of ['postern.schema.json', 'reference.md'])
      expect(readFileSync(join(home, 'config', name), 'utf8')).toBe(readFileSync(join(root, 'config', name), 'utf8'))
  })
})

describe.each(runtimes)('what is printed into a pipe, on %s', runtime => {
  const home = folder()
  const many = Array.from({ length: 2000 }, (_, i) => `  prot${i}: 1\n`).join('')
  writeFileSync(join(home, 'many.yaml'), `version: 1\nserver:\n${many}`)
  const program = `${join(root, 'node_modules/.bin', runtime)} ${runtime === 'deno' ? 'run -A ' : ''}${join(root, 'main.ts')}`
  const shell = async (script: string) => {
    const started = child('bash', ['-c', script], { cwd: home, env: { ...process.env, ...env }, stdio: 'pipe' })
    const text = { stdout: '', stderr: '' }
    for (const name of ['stdout', 'stderr'] as const) started[name]?.setEncoding('utf8').on('data', part => (text[name] += part))
    await once(started, 'close')
    return text
  }

  test('comes whole, also when the reader takes its time', async () => {
    const { stdout } = await shell(`${program} check --json --config many.yaml | (sleep 0.5; cat)`)
    expect(JSON.parse(stdout).problems.length).toBe(2000)
    const { stdout: errors } = await shell(`${program} migrate --config many.yaml 2>&1 >/dev/null | (sleep 0.5; cat)`)
    expect(errors.trim().split('\n').length).toBe(2000)
  })

  test('may be left by its reader', async () => {
    const { stdout, stderr } = await shell(`${program} check --config many.yaml | head -n 1; echo "\${PIPESTATUS[0]}"`)
    expect([stdout.split('\n').slice(1), stderr]).toEqual([['78', ''], ''])
  })
})
