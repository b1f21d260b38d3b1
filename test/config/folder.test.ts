/** Files and folders: what is read, how files add up, and whose line a fault is on. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is the syntax under test
import { expect, test } from 'bun:test'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { load } from '#core/config/load.ts'
import { formatPosition, formatProblem } from '#core/config/problem.ts'
import { definePlugin, Type } from '#core/plugin.ts'
import { loadWorld, plugins, type Row, table, top } from './fixture.ts'

const hook = (name: string, path = `/${name}`) =>
  `webhooks:\n  ${name}:\n    path: ${path}\n    chain: [{ auth-none: { reason: x } }, ring]\n`
const geo = (name: string) =>
  definePlugin({
    name,
    phase: 'shape',
    summary: 'x',
    config: Type.Object({}, { additionalProperties: false }),
    refusals: {},
    compile: () => () => undefined,
  })

export const rows: Row[] = [
  ['a file that is not there', { files: { 'a.yaml': '' }, path: 'b.yaml' }, 'b.yaml:1:1 cannot be read: there is no such file'],
  ['an empty folder', { files: { 'a.json': '' }, path: '' }, '.:1:1 there is no *.yaml in this folder'],
  ['a .yml beside', { files: { 'a.yaml': top(''), 'b.yml': top('') } }, 'b.yml:1:1 warning: is not read: name it *.yaml'],
  [
    'a .yml alone',
    { files: { 'b.yml': top('') }, path: '' },
    '.:1:1 there is no *.yaml in this folder',
    'b.yml:1:1 warning: is not read: name it *.yaml',
  ],
  ['a single .yml by its name', { files: { 'b.yml': top('') } }],
  ['hidden files and folders are passed over', { files: { 'a.yaml': top(''), '.b.yaml': 'x', 'sub/c.yaml': 'x' } }],
  ['a folder whose name ends like a file', { files: { 'a.yaml': top(''), 'b.yaml/c': '' } }, 'b.yaml:1:1 is no file'],
  [
    'bytes that are no text',
    { files: { 'a.yaml': new Uint8Array([0x61, 0x3a, 0x20, 0xff]) } },
    'a.yaml:1:1 cannot be read: it is not UTF-8 text',
  ],
  ['more than 1 MB', { files: { 'a.yaml': `version: 1\n#${'x'.repeat(1_000_000)}` } }, 'a.yaml:1:1 is larger than 1 MB'],
  ['two files', { files: { 'a.yaml': top(hook('a')), 'b.yaml': hook('b') } }],
  ['an empty file among others', { files: { 'a.yaml': top(''), 'b.yaml': '# later\n' } }],
  [
    'the version in neither',
    { files: { 'a.yaml': hook('a'), 'b.yaml': hook('b') } },
    'a.yaml:1:1 version: is missing: begin with version: 1',
  ],
  ['the version in both', { files: { 'a.yaml': 'version: 1', 'b.yaml': 'version: 1' } }],
  [
    'a wrong version in the second',
    { files: { 'a.yaml': 'version: 1', 'b.yaml': 'version: 2' } },
    'b.yaml:1:10 version: expected 1, got the number 2',
  ],
  [
    'a wrong version in the first',
    { files: { 'a.yaml': 'version: 2', 'b.yaml': 'version: 1' } },
    'a.yaml:1:10 version: expected 1, got the number 2',
  ],
  [
    'a webhook twice',
    { files: { 'a.yaml': top(hook('a')), 'b.yaml': hook('a', '/b') } },
    `b.yaml:2:3 webhooks.a: webhook 'a' is already at a.yaml:3:3: rename one`,
  ],
  [
    'an entity twice',
    { files: { 'a.yaml': top('entities: { e: {} }'), 'b.yaml': 'entities: { e: {} }' } },
    `b.yaml:1:13 entities.e: entity 'e' is already at a.yaml:2:13: rename one`,
  ],
  [
    'a dialect twice',
    { files: { 'a.yaml': top('dialects: { d: {} }'), 'b.yaml': 'dialects: { d: {} }' } },
    `b.yaml:1:13 dialects.d: dialect 'd' is already at a.yaml:2:13: rename one`,
  ],
  [
    'a subscription twice',
    {
      files: {
        'a.yaml': top('subscriptions: { s: { webhooks: [a], to: [d] } }'),
        'b.yaml': `${hook('a')}subscriptions: { s: { webhooks: [a], to: [d] } }`,
      },
    },
    `a.yaml:2:43 subscriptions.s.to[0]: subscription 's' names the destination 'd', which is not declared`,
    `b.yaml:5:18 subscriptions.s: subscription 's' is already at a.yaml:2:18: rename one`,
  ],
  [
    'a destination twice',
    {
      files: {
        'a.yaml': top('destinations: { d: { url: "https://d.example" } }'),
        'b.yaml': 'destinations: { d: { url: "https://d.example" } }',
      },
    },
    `b.yaml:1:17 destinations.d: destination 'd' is already at a.yaml:2:17: rename one`,
  ],
  [
    'a section twice',
    { files: { 'a.yaml': top('server: { port: 1 }'), 'b.yaml': 'server: { host: x }' } },
    'b.yaml:1:1 server: this section is already at a.yaml:2:1: keep it in one file',
  ],
  ['a section and an empty one', { files: { 'a.yaml': top('server: { port: 1 }\nwebhooks:'), 'b.yaml': `server:\n${hook('b')}` } }],
  [
    'a section of the wrong kind',
    { files: { 'a.yaml': top(hook('a')), 'b.yaml': 'webhooks: [b]' } },
    'b.yaml:1:11 webhooks: expected a map of names',
  ],
  [
    'an unknown section in two files',
    { files: { 'a.yaml': top('server2: {}'), 'b.yaml': 'server2: {}' } },
    `a.yaml:2:1 server2: unknown setting 'server2' — did you mean 'server'?`,
    'b.yaml:1:1 server2: this section is already at a.yaml:2:1: keep it in one file',
  ],
  [
    'plugins of both',
    {
      files: { 'a.yaml': top(`plugins: [./x.ts]\n${hook('a')}`), 'b.yaml': 'plugins: [./y.ts]' },
      imports: { './x.ts': geo('x'), './y.ts': geo('y') },
    },
  ],
  [
    'one plugin name in both',
    { files: { 'a.yaml': top('plugins: [./x.ts]'), 'b.yaml': 'plugins: [./y.ts]' }, imports: { './x.ts': geo('x'), './y.ts': geo('x') } },
    `b.yaml:1:11 plugins[1]: cannot be used: the plugin 'x' is already at a.yaml:2:11: remove one`,
  ],
  [
    'a path in both',
    { files: { 'a.yaml': top(hook('a', '/x')), 'b.yaml': hook('b', '/x') } },
    `b.yaml:3:11 webhooks.b.path: 'b' would answer the same requests as 'a' at a.yaml:4:11: change its path, host or methods`,
  ],
  [
    'names across files',
    {
      files: {
        'a.yaml': top(`${hook('a')}    dialect: d\nsubscriptions: { s: { webhooks: [a, b], to: [t] } }`),
        'b.yaml': `${hook('b')}dialects: { d: {} }\ndestinations: { t: { url: "https://d.example" } }`,
      },
    },
    "a.yaml:7:37 warning: subscriptions.s.webhooks[1]: whether 'a' and 'b' have compatible payloads is not known: 'a' has no schema",
  ],
  [
    'a broken file hides nothing of the others, and blames them for nothing',
    {
      files: {
        'a.yaml': top(`${hook('a')}    dialect: d\nsubscriptions: { s: { webhooks: [a, b], to: [t] } }\nserver: { prot: 1 }`),
        'b.yaml': 'webhooks: { b: {\n',
      },
    },
    `a.yaml:8:11 server.prot: unknown setting 'prot' — did you mean 'port'?`,
    'b.yaml:2:1 no valid YAML: Flow map in block collection must be sufficiently indented and end with a }',
  ],
  [
    'the version may stand in the broken file',
    { files: { 'a.yaml': hook('a'), 'b.yaml': 'version: 1\nserver: { "\n' } },
    'b.yaml:3:1 no valid YAML: Missing closing "quote',
  ],
  [
    'every file with its own faults, in the order of files and lines',
    { files: { 'b.yaml': 'admin: { prot: 1 }\nretention: { events: x }', 'a.yaml': top('redis: 5\nserver: { port: x, host: 5 }') } },
    'a.yaml:2:8 redis: expected a map, got a number',
    'a.yaml:3:17 server.port: expected a whole number, got text',
    'a.yaml:3:26 server.host: expected text, got the number 5: quote it: "5"',
    `b.yaml:1:10 admin.prot: unknown setting 'prot' — did you mean 'port'?`,
    `b.yaml:2:22 retention.events: expected a duration such as 300ms, 30s, 5m, 24h or 7d, got 'x'`,
  ],
  [
    'files beside the file that names them',
    {
      files: {
        'a.yaml': top('server: { host: "${file:x/host}" }\nentities: { e: { schema: ./x/e.json } }'),
        'x/host': '::1\n',
        'x/e.json': '{"type":"object"}',
      },
      path: 'a.yaml',
    },
  ],
]

table(rows)

test('an import gets the name of the file that lists it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'postern-folder-'))
  writeFileSync(join(folder, 'a.yaml'), 'version: 1\nplugins: [./x.ts]\n')
  writeFileSync(join(folder, 'b.yaml'), 'plugins: ["@acme/y"]\n')
  const asked: string[] = []
  const importPlugin = async (specifier: string, from: string) => {
    asked.push(`${specifier} from ${relative(folder, from)}`)
    return geo(`p${asked.length}`)
  }
  const { config } = await load(folder, { env: {}, builtins: plugins, importPlugin })
  rmSync(folder, { recursive: true })
  expect(asked).toEqual(['./x.ts from a.yaml', '@acme/y from b.yaml'])
  expect(config?.files.map(file => relative(folder, file))).toEqual(['a.yaml', 'b.yaml'])
})

test('files that were read are listed once, with schemas and TLS beside the configuration', async () => {
  const { config, folder } = await loadWorld({
    files: {
      'c.yaml': top('server: { host: "${file:h}", tls: { cert: h, key: h } }\nentities: { a: { schema: a.json }, b: { schema: a.json } }'),
      h: 'x',
      'a.json': '{}',
    },
    path: 'c.yaml',
  })
  expect(config?.files.map(file => relative(folder, file))).toEqual(['c.yaml', 'h', 'a.json'])
  expect(config?.server.tls).toEqual({ cert: join(folder, 'h'), key: join(folder, 'h') })
})

test('a folder of links, as a cluster mounts it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'postern-links-'))
  mkdirSync(join(folder, '..data'))
  writeFileSync(join(folder, '..data', 'a.yaml'), 'version: 1\n')
  symlinkSync(join(folder, '..data', 'a.yaml'), join(folder, 'a.yaml'))
  const { problems } = await load(folder, { env: {}, builtins: plugins, importPlugin: Promise.reject })
  rmSync(folder, { recursive: true })
  expect(problems).toEqual([])
})

test.skipIf(process.getuid?.() === 0)('a file that may not be read', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'postern-closed-'))
  writeFileSync(join(folder, 'a.yaml'), 'version: 1\n')
  chmodSync(join(folder, 'a.yaml'), 0)
  const { problems } = await load(folder, { env: {}, builtins: plugins, importPlugin: Promise.reject })
  rmSync(folder, { recursive: true })
  expect(problems.map(p => p.message)).toEqual(['cannot be read: this process may not read it'])
})

test('names of files are printed from the current directory on when they lie below it', () => {
  const at = (file: string) => formatPosition({ file, line: 1, column: 2 })
  expect(at(join(process.cwd(), 'config', 'a.yaml'))).toBe('config/a.yaml:1:2')
  expect(at('/elsewhere/a.yaml')).toBe('/elsewhere/a.yaml:1:2')
  expect(at(join(process.cwd(), '..', 'a.yaml'))).toBe(`${join(process.cwd(), '..', 'a.yaml')}:1:2`)
  const problem = { at: { file: '/a', line: 1, column: 1 }, path: 'x', message: 'm' }
  expect(formatProblem({ ...problem, severity: 'warning' })).toBe('/a:1:1 warning: x: m')
  expect(formatProblem({ ...problem, path: '', severity: 'error' })).toBe('/a:1:1 m')
})
