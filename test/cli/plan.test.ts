// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is the syntax under test
/** `postern plan`, `postern plugins` and the hints of `postern check` as a person and a machine use them. */
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { folder } from '../support/child.ts'
import { cli, runtimes } from '../support/process.ts'

setDefaultTimeout(30_000)

const env = { DATABASE_URL: undefined, POSTERN_CONFIG: undefined, KEY: undefined }
const config = (methods = '[POST]', more = '') => `version: 1
server: { port: "\${PORT_OF_SENDERS:-8081}" }
webhooks:
  a:
    path: /a
    methods: ${methods}
    chain:
      - auth-bearer: { keys: ["\${KEY}"] }
      - idempotency
      - upsert: { entity: "\${ENTITY}" }
      - dispatch
${more}`

/** A folder with these files, where a command runs. */
function home(files: Record<string, string>): string {
  const home = folder()
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(home, name)), { recursive: true })
    writeFileSync(join(home, name), text)
  }
  return home
}

async function plan(old: string, now: string, words: string[] = [], more: Record<string, string> = {}) {
  return cli(['plan', 'old.yaml', 'new', ...words], { cwd: home({ 'old.yaml': old, 'new/c.yaml': now }), env: { ...env, ...more } })
}

describe('postern plan', () => {
  test.each(runtimes)('of two equal configurations, without any variable of theirs, on %s', async runtime => {
    const cwd = home({ 'a.yaml': config(), 'b.yaml': `# the same\n${config()}` })
    expect(await cli(['plan', 'a.yaml', 'b.yaml'], { cwd, env, runtime })).toEqual({ code: 0, stdout: 'no changes\n', stderr: '' })
  })

  test('tells each change at its line, for people', async () => {
    const { code, stdout, stderr } = await plan(config('[POST, PUT]'), config())
    expect([code, stderr]).toEqual([1, ''])
    expect(stdout).toBe(
      [
        'webhook a',
        '  breaking method-removed  new/c.yaml:6:5',
        '    webhooks.a.methods: PUT gets 405',
        '    POST, PUT → POST',
        '    tell senders to use POST',
        '',
        '1 breaking, 0 security, 0 notices',
        '',
      ].join('\n'),
    )
  })

  test('and for machines', async () => {
    const { code, stdout } = await plan(config('[POST, PUT]'), config(), ['--json'])
    expect([code, JSON.parse(stdout)]).toEqual([
      1,
      {
        changes: [
          {
            severity: 'breaking',
            rule: 'method-removed',
            section: 'webhooks',
            name: 'a',
            webhook: 'a',
            path: 'webhooks.a.methods',
            message: 'PUT gets 405',
            from: 'POST, PUT',
            to: 'POST',
            cure: 'tell senders to use POST',
            file: 'new/c.yaml',
            line: 6,
            column: 5,
            in: 'new',
          },
        ],
        summary: { breaking: 1, security: 0, notice: 0 },
      },
    ])
  })

  const breaking = [config('[POST, PUT]'), config()] as const
  const notice = [config(), config('[POST, PUT]')] as const
  const security = [config(), config().replace('- idempotency', '- idempotency: { ttl: 1h }')] as const
  test.concurrent.each<[string, readonly [string, string], string[], number]>([
    ['a notice', notice, [], 0],
    ['a breaking change', breaking, [], 1],
    ['a change of security', security, [], 1],
    ['a breaking change, where security counts', breaking, ['--fail-on', 'security'], 0],
    ['a change of security, where it counts', security, ['--fail-on=security'], 1],
    ['a change of security, where breaking counts', security, ['--fail-on', 'breaking'], 0],
    ['a notice, where any counts', notice, ['--fail-on', 'any'], 1],
    ['nothing, where any counts', [config(), config()], ['--fail-on', 'any'], 0],
    ['a word that is none', notice, ['--fail-on', 'worst'], 2],
    ['a word too many', notice, ['third.yaml'], 2],
  ])('%s', async (_, [old, now], words, code) => {
    expect((await plan(old, now, words)).code).toBe(code)
  })

  test('ends with 2 when there is nothing to compare with', async () => {
    expect((await cli(['plan', 'config/postern.yaml'], { env })).code).toBe(2)
  })

  const subscribed = 'subscriptions: { s: { webhooks: a, to: d } }\ndestinations: { d: { url: "${WHERE}" } }\n'

  test('a webhook that a subscription still names is a finding, and no failure to load', async () => {
    const { code, stdout } = await plan(config('[POST]', subscribed), `version: 1\n${subscribed}`, ['--json'])
    const { changes } = JSON.parse(stdout)
    expect([code, changes.map(({ rule, file, line }: any) => [rule, file, line])]).toEqual([
      1,
      [
        ['webhook-removed', 'old.yaml', 4],
        ['webhook-still-subscribed', 'new/c.yaml', 2],
      ],
    ])
  })

  test.concurrent.each<[string, string, string, RegExp]>([
    ['the old one', 'version: 2\n', config(), /^the old configuration cannot be loaded:\nold\.yaml:1:10 version: /],
    [
      'the new one',
      config(),
      'version: 1\nserver: { prot: 1 }\n',
      /^the new configuration cannot be loaded:\nnew\/c\.yaml:2:11 server\.prot: /,
    ],
    [
      'a name that never was',
      config(),
      config('[POST]', subscribed.replace('webhooks: a', 'webhooks: z')),
      /^the new configuration cannot be loaded:\n.*the webhook 'z', which is not declared/,
    ],
    [
      'an unset number without a default',
      config(),
      config('[POST]').replace('- idempotency', '- idempotency: { maxLength: 3 }\n      - quota: { records: "${MOST}" }'),
      /MOST is not set, and the setting wants a whole number: set it, or give a default: \$\{MOST:-…\}/,
    ],
  ])('what cannot be loaded ends with 78: %s', async (_, old, now, stderr) => {
    const { code, stdout, stderr: text } = await plan(old, now)
    expect([code, stdout, text]).toEqual([78, '', expect.stringMatching(stderr)])
  })

  test('a number whose variable is set, or has a default, is read', async () => {
    const quota = (text: string) => config().replace('- idempotency', `- idempotency\n      - quota: { records: "${text}" }`)
    const [set, unset] = await Promise.all([
      plan(quota('${MOST}'), quota('${LEAST:-5}'), [], { MOST: '10' }),
      plan(quota('${MOST:-5}'), quota('${LEAST:-5}')),
    ])
    expect([set.code, set.stdout]).toEqual([1, expect.stringContaining('    10 → 5\n')])
    expect(unset.stdout).toBe('no changes\n')
  })
})

describe('postern plugins', () => {
  const own = `export default ({ definePlugin, Type }) => definePlugin({ name: 'mine', phase: 'shape', summary: 'Mine.', refusals: {},
    config: Type.Object({ n: Type.Integer({ default: 2, description: 'How many.' }) }, { additionalProperties: false }), compile: () => () => undefined })\n`

  test.each(runtimes)('lists those of the configuration, too, on %s', async runtime => {
    const cwd = home({ 'c.yaml': 'version: 1\nplugins: [./mine.mjs]\n', 'mine.mjs': own })
    const { code, stdout, stderr } = await cli(['plugins', '--config', 'c.yaml'], { cwd, env, runtime })
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/^shape +mine +Mine\.$/m)
    expect(stdout).toMatch(/^verify +auth-hmac +Lets in requests that carry a valid signature\.$/m)
    expect(stdout).toMatch(/^destination +http +Sends each event/m)
    expect((await cli(['plugins', 'list', '--config', 'c.yaml'], { cwd, env, runtime })).stdout).toBe(stdout)
  })

  test('shows the settings and the refusals of one', async () => {
    const [text, json, kind] = await Promise.all([
      cli(['plugins', 'show', 'idempotency'], { env }),
      cli(['plugins', 'show', 'idempotency', '--json'], { env }),
      cli(['plugins', 'show', 'http'], { env }),
    ])
    expect(text.stdout).toMatch(/^ttl +duration +"24h" +How long a key is remembered\.$/m)
    expect(text.stdout).toMatch(/^IDEMPOTENCY_KEY_REUSED +422 /m)
    expect(JSON.parse(json.stdout)).toMatchObject({ name: 'idempotency', phase: 'admit', single: true })
    expect(kind.stdout).toMatch(/^url +text +required +Where events are sent\./m)
  })

  test.concurrent.each<[string, string[], number, string]>([
    ['a name that is none', ['show', 'idempotenzy'], 2, "there is no plugin 'idempotenzy' — did you mean 'idempotency'?"],
    ['a file that is not there', ['list', '--config', 'nowhere.yaml'], 78, 'there is no such file'],
    ['a command that is none', ['lst'], 2, "there is no command 'lst'"],
  ])('%s', async (_, words, code, stderr) => {
    expect(await cli(['plugins', ...words], { env })).toEqual({ code, stdout: '', stderr: expect.stringContaining(stderr) })
  })

  test('a plugin that cannot be had is told at its line', async () => {
    const cwd = home({ 'c.yaml': 'version: 1\nplugins: [./none.mjs]\n' })
    const { code, stderr } = await cli(['plugins', '--config', 'c.yaml'], { cwd, env })
    expect([code, stderr]).toEqual([78, expect.stringMatching(/^c\.yaml:2:11 plugins\[0\]: cannot be used/)])
  })
})

describe('hints of postern check', () => {
  const weak = config().replace('- idempotency', '- idempotency: { onMismatch: replay }')
  const run = (words: string[]) =>
    cli(['check', '--config', 'c.yaml', ...words], { cwd: home({ 'c.yaml': weak }), env: { ...env, KEY: 'k'.repeat(32), ENTITY: 'e' } })

  test('are counted, and told by --strict, which they fail', async () => {
    const [loose, strict, loosely, strictly] = await Promise.all([run([]), run(['--strict']), run(['--json']), run(['--json', '--strict'])])
    expect(loose).toEqual({ code: 0, stdout: 'config is good: 1 webhook, 0 entities, 0 dialects\n1 hint with --strict\n', stderr: '' })
    expect(JSON.parse(loosely.stdout)).toEqual({ ok: true, problems: [], hints: 1 })
    expect([strict.code, strict.stdout]).toEqual([
      78,
      expect.stringMatching(
        /^c\.yaml:9:36 warning: webhooks\.a\.chain\[1\]\.idempotency\.onMismatch: .* \(mismatch-replayed\)\n0 errors, 1 warning\n$/,
      ),
    ])
    const { ok, problems } = JSON.parse(strictly.stdout)
    expect([strictly.code, ok, problems.map(({ rule, line }: any) => [rule, line])]).toEqual([78, false, [['mismatch-replayed', 9]]])
  })
})
