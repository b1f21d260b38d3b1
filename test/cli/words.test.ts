/** The words of the command line: help, and what is not understood. */
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { cli, runtimes } from '../support/process.ts'

setDefaultTimeout(30_000)

const commands = [
  ...['serve', 'check', 'migrate', 'schema', 'token create', 'token list', 'token rotate', 'token revoke'],
  ...['secret set', 'secret list', 'secret rotate', 'secret rm', 'secret rekey'],
  ...['events list', 'events show', 'events retry'],
  ...['deliveries list', 'deliveries show', 'deliveries retry', 'deliveries cancel'],
  ...['destinations list', 'destinations pause', 'destinations resume'],
  ...['requests list', 'requests show', 'requests replay'],
  ...['plan', 'plugins list', 'plugins show'],
  ...['send', 'doctor', 'infer', 'test', 'presets list', 'presets show'],
]
const root = join(import.meta.dirname, '../..')
const version = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version
const ansi = '\u001b['
/** Nothing listens there: a command that gets as far as its store shows by 69. */
const env = {
  DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none',
  TEST: undefined,
  CI: undefined,
  NO_COLOR: undefined,
  FORCE_COLOR: undefined,
}

describe('help', () => {
  test.concurrent.each([...commands, 'token', 'secret', 'events', 'deliveries', 'destinations', 'requests', 'plugins', ''])(
    'postern %s --help: an example that is understood, exit 0',
    async name => {
      const words = name.split(' ').filter(Boolean)
      const long = await cli([...words, '--help'], { env })
      expect(long).toEqual({ code: 0, stdout: expect.stringMatching(/\bUSAGE postern\b/), stderr: '' })
      expect(long.stdout).not.toContain(ansi)
      const [, example] = /EXAMPLE\s+postern (.*)/.exec(long.stdout) ?? []
      expect(example).toBeString()
      // Were a word of it wrong, help would not be what comes.
      const tried = await cli([...(example?.match(/"[^"]*"|\S+/g) ?? []), '-h'], { env })
      expect([tried.code, tried.stderr]).toEqual([0, ''])
      if (!commands.includes(name)) return
      expect(example).toStartWith(name)
      if (name !== 'serve' && name !== 'schema') expect(long.stdout).toContain('--json')
    },
  )

  test('names every command, on both runtimes', async () => {
    for (const runtime of runtimes) {
      const { stdout } = await cli(['--help'], { runtime, env })
      for (const name of new Set(commands.map(command => command.split(' ')[0]))) expect(stdout).toMatch(new RegExp(`^ +${name} `, 'm'))
    }
  })

  test.concurrent.each(['--version'])('%s', async word => {
    expect(await cli([word], { env })).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' })
  })
})

describe('what is not understood ends with 2, and a sentence that names the words there are:', () => {
  const rows: [words: string, stderr: RegExp][] = [
    ['nonsense', /'nonsense'.*serve, check, plan, .*migrate, schema, .*token/],
    ['constructor', /'constructor'/],
    ['--nonsense', /--nonsense/],
    ['token nonsense', /'nonsense'.*create, list, rotate, revoke/],
    ['serve --nonsense', /--nonsense.*--config/],
    ['serve --json', /--json.*--config/],
    ['check --cofnig a.yaml', /--cofnig.*--config/],
    ['check -c a.yaml', /-c\b.*--config/],
    ['check -strict', /-strict.*--strict/],
    ['check config/postern.yaml', /config\/postern\.yaml/],
    ['serve config/postern.yaml', /config\/postern\.yaml/],
    ['migrate up', /'up'/],
    ['check --config', /--config/],
    ['check --config=', /--config/],
    ['check --config --strict', /--config/],
    ['check --no-config', /--no-config/],
    ['check --strict=maybe', /--strict/],
    ['schema --format xml', /json.*markdown/],
    ['schema --format', /json.*markdown/],
    ['token create', /WEBHOOK/],
    ['test', /^PATH… is missing: /],
    ['infer --check', /^WEBHOOK\|FILE… is missing: /],
    ['plan', /^OLD is missing: .*a file, or a folder/],
    ['plan config', /^NEW is missing: /],
    ['plan config ""', /^a word is empty: is a variable not set\?/],
    ['test config ""', /^a word is empty/],
    ['secret rm ""', /^a word is empty/],
    ['send ""', /^a word is empty/],
    ['token create orders surplus', /'surplus'/],
    ['token create orders --expires soon', /--expires.*'soon'/],
    ['token create orders --expires 0s', /--expires.*'0s'/],
    ['token create orders --expires', /--expires/],
    ['token rotate', /ID/],
    ['token rotate ID --overlap soon', /--overlap takes a time/],
    ['token revoke', /ID/],
    ['secret nonsense', /'nonsense'.*set, list, rotate, rm, rekey/],
    ['secret set', /NAME/],
    ['secret rm ORDERS --version', /--version needs a value/],
  ]
  test.concurrent.each(rows)('postern %s', async (words, stderr) => {
    const { code, ...text } = await cli(
      words.split(' ').map(word => (word === '""' ? '' : word)),
      { env },
    )
    expect([code, text.stdout, text.stderr]).toEqual([2, '', expect.stringMatching(stderr)])
    expect(text.stderr).not.toContain(ansi)
    expect(text.stderr).not.toMatch(/undefined|\n\s+at /)
  })

  test.concurrent.each(['', 'token', 'secret'])('postern %s: help, on stderr or not, but not 0', async words => {
    const { code, stdout, stderr } = await cli(words.split(' ').filter(Boolean), { env })
    expect(code).toBe(2)
    expect(stdout + stderr).toContain('USAGE')
  })

  test('on Deno as well', async () => {
    for (const words of [['nonsense'], ['check', '--nonsense'], ['check', 'surplus']])
      expect((await cli(words, { runtime: 'deno', env })).code).toBe(2)
  })
})

describe('what is understood', () => {
  const rows: [words: string][] = [
    ['check --strict=false'],
    ['check --config=config/postern.yaml'],
    ['check --config config/postern.yaml --json --strict'],
  ]
  test.concurrent.each(rows)('postern %s', async words => {
    const { code, stderr } = await cli(words.split(' '), { env })
    expect([code, stderr]).toEqual([0, ''])
  })

  test.skipIf(!existsSync('/dev/full'))('what cannot be written is a failure, on both runtimes', async () => {
    for (const runtime of ['node_modules/.bin/bun', 'node_modules/.bin/deno run -A']) {
      const ended = spawnSync('sh', ['-c', `${runtime} main.ts presets list > /dev/full`], { cwd: root, encoding: 'utf8' })
      expect([ended.status, ended.stderr]).toEqual([1, expect.stringMatching(/^what it says cannot be written: .*(ENOSPC|No space)/)])
    }
  })

  test('POSTERN_CONFIG stands for --config, which goes before it', async () => {
    const wrong = { ...env, POSTERN_CONFIG: 'nowhere.yaml' }
    expect((await cli(['check'], { env: wrong })).stdout).toStartWith('nowhere.yaml:1:1 ')
    expect((await cli(['check', '--config', 'config/postern.yaml'], { env: wrong })).code).toBe(0)
    expect((await cli(['check'], { env: { ...env, POSTERN_CONFIG: '' } })).code).toBe(0)
  })
})
