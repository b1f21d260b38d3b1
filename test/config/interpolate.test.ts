/** Interpolation: on parsed scalars, in the type that the setting wants, and never as YAML. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is the syntax under test
import { expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { interpolate } from '#core/config/interpolate.ts'
import { nodeOf, plain } from '#core/config/node.ts'
import { formatProblem, Problems } from '#core/config/problem.ts'
import { vaultOf } from '#core/config/vault.ts'
import { chain, hook, loadWorld, type Row, shape, table, top } from './fixture.ts'

const env = {
  PORT: '8443',
  ON: 'true',
  WORD: 'abc',
  EMPTY: '',
  LONG: '0123456789abcdef',
  HUGE: '99999999999999999999',
  LEVEL: 'high',
  CODE: '204',
  SPAN: '90',
}
const world = (yaml: string, files = {}) => ({ files: { 'c.yaml': yaml, ...files }, path: 'c.yaml', env })

/** A world whose store is at hand. */
const vault = (yaml: string) => ({
  files: { 'c.yaml': yaml },
  secrets: { SIGNING: ['new-0123456789abcdef', 'old-0123456789abcdef'], SHORT: ['x'], NONE: [], ENDED: [''] },
})

export const rows: Row[] = [
  [
    'a variable that is not set',
    top('server: { host: "${HOST}" }'),
    `c.yaml:2:17 server.host: the environment variable HOST is not set: set it, or give a default: \${HOST:-…}`,
  ],
  [
    'several of them in one text are told apart',
    top('server: { host: "${A}.${B}" }'),
    `c.yaml:2:17 server.host: the environment variable A is not set: set it, or give a default: \${A:-…}`,
    `c.yaml:2:17 server.host: the environment variable B is not set: set it, or give a default: \${B:-…}`,
  ],
  [
    'a variable that is set and empty',
    world(top('server: { host: "${EMPTY}" }')),
    `c.yaml:2:17 server.host: the value of \${EMPTY} must not be empty`,
  ],
  ['a number', world(top('server: { port: "${PORT}" }'))],
  ['a number with a default', top('server:\n  port: ${NOPE:-8080}')],
  [
    'a number that is none',
    world(top('server: { port: "${WORD}" }')),
    `c.yaml:2:17 server.port: the value of \${WORD}: expected a whole number`,
  ],
  [
    'a number that is empty',
    world(top('server: { port: "${EMPTY}" }')),
    `c.yaml:2:17 server.port: the value of \${EMPTY}: expected a whole number`,
  ],
  [
    'a number that is too large',
    world(top('server: { port: "${HUGE}" }')),
    `c.yaml:2:17 server.port: the value of \${HUGE}: expected a whole number`,
  ],
  [
    'a number out of range',
    world(top('server: { port: "${LONG}", trustedProxies: ["${PORT}"] }')),
    `c.yaml:2:17 server.port: the value of \${LONG}: expected a whole number`,
    `c.yaml:2:45 server.trustedProxies[0]: the value of \${PORT} must be an address or a CIDR range, such as 10.0.0.0/8 or 2001:db8::1`,
  ],
  [
    'a default that is none',
    top('server: { port: "${PORT:-abc}" }'),
    `c.yaml:2:17 server.port: the value of \${PORT}: expected a whole number`,
  ],
  [
    'a number with something around it is a text',
    world(top('server: { port: "1${PORT}" }')),
    `c.yaml:2:17 server.port: the value of \${PORT}: expected a whole number`,
  ],
  ['a boolean', world(top('server: { requireHttps: "${ON}" }'))],
  ['a boolean by default', top('server: { requireHttps: "${NO:-false}" }')],
  [
    'a boolean that is none',
    world(top('server: { requireHttps: "${PORT}" }')),
    `c.yaml:2:25 server.requireHttps: the value of \${PORT}: expected true or false`,
  ],
  ['a duration', world(shape('inner: { deep: { wait: "${SPAN}s" } }'))],
  [
    'a duration that is none',
    world(shape('inner: { deep: { wait: "${SPAN}" } }')),
    `c.yaml:7:41 webhooks.a.chain[1].shape.inner.deep.wait: the value of \${SPAN}: expected a duration such as 300ms, 30s, 5m, 24h or 7d`,
  ],
  ['a choice', world(shape('level: "${LEVEL}", code: "${CODE}"'))],
  [
    'a choice that is none',
    world(shape('level: "${WORD}", code: "${PORT}"')),
    `c.yaml:7:25 webhooks.a.chain[1].shape.level: the value of \${WORD}: expected 'low' or 'high'`,
    `c.yaml:7:42 webhooks.a.chain[1].shape.code: the value of \${PORT}: expected 200 or 204`,
  ],
  ['the first type of a union that fits', world(shape('limit: "${PORT}", one: "${WORD}"'))],
  [
    'no type of a union',
    world(shape('limit: "${WORD}"')),
    `c.yaml:7:25 webhooks.a.chain[1].shape.limit: the value of \${WORD}: expected a whole number or 'none'`,
  ],
  [
    'a list is wanted',
    world(shape('tags: "${WORD}"')),
    `c.yaml:7:24 webhooks.a.chain[1].shape.tags: the value of \${WORD}: expected a list: write ["\${WORD}"]`,
  ],
  [
    'a map is wanted',
    world(shape('inner: "${WORD}"')),
    `c.yaml:7:25 webhooks.a.chain[1].shape.inner: the value of \${WORD}: expected a map`,
  ],
  [
    'an item too short',
    world(shape('tags: ["${N:-x}"]')),
    `c.yaml:7:25 webhooks.a.chain[1].shape.tags[0]: the value of \${N} must have at least 2 characters`,
  ],
  ['a format', world(shape('mail: "${WORD}"')), `c.yaml:7:24 webhooks.a.chain[1].shape.mail: the value of \${WORD} must be a valid email`],
  [
    'a pattern',
    world(chain('auth-none: { reason: x }', 'once: { header: "${PORT}" }')),
    `c.yaml:7:25 webhooks.a.chain[1].once.header: the value of \${PORT} must match ^[A-Za-z-]+$, such as X-Key`,
  ],
  ['the version', top('').replace('1', '${V:-1}')],
  [
    'an open brace',
    top('server: { host: "a${HOST" }'),
    `c.yaml:2:17 server.host: '\${' has no '}' after it: close it, or write $\${ for the characters themselves`,
  ],
  [
    'a bad name',
    top('server: { host: "${1X}" }'),
    `c.yaml:2:17 server.host: '\${1X}' is no interpolation: write \${NAME}, \${NAME:-default}, \${file:PATH} or \${secret:NAME}, or $\${ for the characters themselves`,
  ],
  [
    'no name',
    top('server: { host: "${}" }'),
    `c.yaml:2:17 server.host: '\${}' is no interpolation: write \${NAME}, \${NAME:-default}, \${file:PATH} or \${secret:NAME}, or $\${ for the characters themselves`,
  ],
  [
    'another kind of default',
    top('server: { host: "${HOST-x}" }'),
    `c.yaml:2:17 server.host: '\${HOST-x}' is no interpolation: write \${NAME}, \${NAME:-default}, \${file:PATH} or \${secret:NAME}, or $\${ for the characters themselves`,
  ],
  [
    'one within another',
    top('server: { host: "${A:-${B}}" }'),
    `c.yaml:2:17 server.host: '\${A:-\${B}' is no interpolation: write \${NAME}, \${NAME:-default}, \${file:PATH} or \${secret:NAME}, or $\${ for the characters themselves`,
  ],
  [
    'an unknown source',
    top('server: { host: "${vault:x}" }'),
    `c.yaml:2:17 server.host: '\${vault:x}' is no interpolation: write \${NAME}, \${NAME:-default}, \${file:PATH} or \${secret:NAME}, or $\${ for the characters themselves`,
  ],
  ['a stored secret, where the store is not at hand', chain('key: { keys: ["${secret:SIGNING}", "x-${secret:SIGNING}"] }')],
  [
    'a stored secret in a setting that has rules, where the store is not at hand',
    top('server: { host: "${secret:A}", publicUrl: "${secret:B}" }'),
  ],
  [
    'settings that a plugin would refuse, where the store is not at hand',
    chain('auth-none: { reason: x }', 'save: { entity: "${secret:E}" }').replace('/a', '"/${secret:P}/a"'),
  ],
  [
    'a stored secret is a text',
    top('server: { port: "${secret:PORT}" }'),
    `c.yaml:2:17 server.port: the value of \${secret:PORT}: expected a whole number`,
  ],
  ['a stored secret', vault(chain('key: { keys: ["${secret:SIGNING}"] }'))],
  [
    'a stored secret that breaks a rule of its setting',
    vault(top('server: { publicUrl: "${secret:SIGNING}" }')),
    `c.yaml:2:22 server.publicUrl: the value of \${secret:SIGNING} must be an absolute URL without query, such as https://hooks.example.com`,
  ],
  [
    'a short stored secret',
    vault(chain('key: { keys: ["${secret:SHORT}"] }')),
    'c.yaml:6:23 warning: webhooks.a.chain[0].key.keys[0]: the value of ${secret:SHORT} has fewer than 16 bytes: take a longer one, such as `openssl rand -hex 32` prints',
  ],
  [
    'a stored secret with a name that is near another',
    vault(chain('key: { keys: ["${secret:SINGING}"] }')),
    `c.yaml:6:23 webhooks.a.chain[0].key.keys[0]: there is no live secret 'SINGING' — did you mean 'SIGNING'? Or store it with \`postern secret set SINGING\``,
  ],
  [
    'a stored secret that is not there',
    vault(chain('key: { keys: ["${secret:OTHER}"] }')),
    "c.yaml:6:23 webhooks.a.chain[0].key.keys[0]: there is no live secret 'OTHER': store it with `postern secret set OTHER`",
  ],
  [
    'a stored secret without a live version',
    vault(chain('key: { keys: ["${secret:NONE}"] }')),
    "c.yaml:6:23 webhooks.a.chain[0].key.keys[0]: there is no live secret 'NONE': store it with `postern secret set NONE`",
  ],
  [
    'a stored secret whose versions have ended while it is in use closes the webhook',
    vault(chain('key: { keys: ["${secret:ENDED}"] }')),
    'c.yaml:6:23 warning: webhooks.a.chain[0].key.keys[0]: the value of ${secret:ENDED} is empty: the webhook answers 503 to everything until it is set',
  ],
  [
    'such a one as a part of a text is none',
    vault(chain('key: { keys: ["x-${secret:ENDED}"] }')),
    "c.yaml:6:23 webhooks.a.chain[0].key.keys[0]: there is no live secret 'ENDED': store it with `postern secret set ENDED`",
  ],
  [
    'stored secrets that cannot be opened',
    { ...vault(chain('key: { keys: ["${secret:SIGNING}"] }')), secrets: 'there is no master key' },
    `c.yaml:6:23 webhooks.a.chain[0].key.keys[0]: \${secret:SIGNING} cannot be opened: there is no master key`,
  ],
  [
    'a stored secret has no default',
    vault(chain('key: { keys: ["${secret:SIGNING:-x}"] }')),
    `c.yaml:6:23 webhooks.a.chain[0].key.keys[0]: '\${secret:SIGNING:-x}' names no secret: write a letter or _ first, then letters, digits, _ . and -, at most 100 in all; there is no default`,
  ],
  [
    'what opens the stored secrets is none of them',
    top('store: { url: "${secret:A}" }\nredis: { url: "redis://${secret:B}" }\nsecrets: { masterKey: "${secret:C}" }'),
    `c.yaml:2:15 store.url: must be known before the stored secrets are: use \${NAME} or \${file:PATH}`,
    `c.yaml:3:15 redis.url: must be known before the stored secrets are: use \${NAME} or \${file:PATH}`,
    `c.yaml:4:23 secrets.masterKey: must be known before the stored secrets are: use \${NAME} or \${file:PATH}`,
  ],
  ['a file', world(top('server: { host: "${file:host.txt}" }'), { 'host.txt': '127.0.0.1\n' })],
  [
    'a file that is not there',
    world(top('server: { host: "${file:nope.txt}" }')),
    'c.yaml:2:17 server.host: the file nope.txt cannot be read: there is no such file',
  ],
  [
    'a folder instead of a file',
    world(top('server: { host: "${file:sub}" }'), { 'sub/x': '' }),
    'c.yaml:2:17 server.host: the file sub is no file',
  ],
  [
    'a file that is no text',
    world(top('server: { host: "${file:x.bin}" }'), { 'x.bin': new Uint8Array([0xff, 0xfe, 0xfd]) }),
    'c.yaml:2:17 server.host: the file x.bin cannot be read: it is not UTF-8 text',
  ],
  ['a key is never interpolated', world(shape('fields: { "${WORD}": x, y: "${WORD}" }'))],
  [
    'an unknown setting is told, and its variable too',
    top('server: { hots: "${HOST}" }'),
    `c.yaml:2:11 server.hots: unknown setting 'hots' — did you mean 'host'?`,
    `c.yaml:2:17 server.hots: the environment variable HOST is not set: set it, or give a default: \${HOST:-…}`,
  ],
  ['escaped', top('server: { host: "$${HOST}" }')],
  [
    'within an entity schema it is a text',
    top('entities: { a: { schema: { properties: { x: { pattern: "^[${]" }, y: { const: "${NOPE}" } } } } }'),
  ],
  ["within a plugin's schema it is a text", shape('schema: { const: "${NOPE}" }')],
  [
    'within other data it is none',
    shape('any: { schema: { const: "${NOPE}" } }'),
    `c.yaml:7:42 webhooks.a.chain[1].shape.any.schema.const: the environment variable NOPE is not set: set it, or give a default: \${NOPE:-…}`,
  ],
  [
    'the path of a schema may be one',
    top('entities: { a: { schema: "${DIR}/a.json" } }'),
    `c.yaml:2:26 entities.a.schema: the environment variable DIR is not set: set it, or give a default: \${DIR:-…}`,
  ],
  ['an empty public URL is none', top('server: { publicUrl: "${NOPE:-}" }')],
  [
    'a text for the short secret',
    chain('key: { keys: ["${KEY:-demo}"] }'),
    'c.yaml:6:23 warning: webhooks.a.chain[0].key.keys[0]: the value of ${KEY} has fewer than 16 bytes: take a longer one, such as `openssl rand -hex 32` prints',
  ],
  [
    'the plugins',
    { ...world(top('plugins: ["${WORD}"]')), imports: {} },
    `c.yaml:2:11 plugins[0]: cannot be used: Cannot find \${WORD} from c.yaml`,
  ],
]

table(rows)

/** A copy of data with its interpolations done, and what went wrong. */
function run(data: unknown, variables: Record<string, string>, file = '/nowhere/c.yaml') {
  const problems = new Problems()
  const files = new Set<string>()
  const node = interpolate(nodeOf(data, { file, line: 1, column: 1 }), { env: variables, problems, files, vault: vaultOf(undefined) })
  return { value: plain(node), problems: problems.sorted().map(formatProblem), files: [...files] }
}

const texts: [text: string, value: string][] = [
  ['${A}', 'one'],
  ['${A}${B}', 'onetwo'],
  ['<${A}>', '<one>'],
  ['${EMPTY}', ''],
  ['${EMPTY:-x}', 'x'],
  ['${NOPE:-}', ''],
  ['${NOPE:-a:-b}', 'a:-b'],
  ['${NOPE:- a b }', ' a b '],
  ['${A:-x}', 'one'],
  ['$${A}', '${A}'],
  ['$$${A}', '$${A}'],
  ['a$${b}c${A}', 'a${b}c' + 'one'],
  ['$A', '$A'],
  ['$', '$'],
  ['$$', '$$'],
  ['${NOPE:-line\nline}', 'line\nline'],
]

test('texts', () => {
  for (const [text, value] of texts) expect([text, run({ a: text }, { A: 'one', B: 'two', EMPTY: '' }).value]).toEqual([text, { a: value }])
})

test('a value is not looked into again', () => {
  expect(run(['${A}'], { A: '${B}' })).toEqual({ value: ['${B}'], problems: [], files: [] })
})

test('names of the prototype are not set', () => {
  expect(run('${constructor}', {}).problems[0]).toContain('the environment variable constructor is not set')
  expect(run('${__proto__}', {}).problems[0]).toContain('the environment variable __proto__ is not set')
})

test('a file gives its text without the last line end, and is watched', () => {
  const folder = mkdtempSync(join(tmpdir(), 'postern-file-'))
  for (const [name, text] of [
    ['a', 'x\n'],
    ['b', 'x\r\n'],
    ['c', 'x\n\n'],
    ['d', '${A}'],
  ] as const)
    writeFileSync(join(folder, name), text)
  const { value, files } = run(['${file:a}', '${file:b}', '<${file:./c}>', '${file:d}'], { A: 'no' }, join(folder, 'c.yaml'))
  rmSync(folder, { recursive: true })
  expect(value).toEqual(['x', 'x', '<x\n>', '${A}'])
  expect(files).toEqual(['a', 'b', 'c', 'd'].map(name => join(folder, name)))
})

const yamlish = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom(
    '}',
    '\n- x',
    'a: b',
    '"',
    "'",
    '[1]',
    '{a: 1}',
    '*x',
    '&x 1',
    '!!int 1',
    '# no',
    '${PORT}',
    '\n---\n',
    'null',
    '1e3',
    '0x1F',
    '<<: *a',
    '\tx',
    '%YAML 1.1',
  ),
)

test('a value of any syntax changes one text and no structure', async () => {
  await fc.assert(
    fc.asyncProperty(yamlish, yamlish, async (one, two) => {
      const yaml = hook(
        'path: /a',
        'summary: "${ONE}"',
        'example: { a: "${ONE}", b: ["x${TWO}y"], c: ${TWO} }'.replace('${TWO} }', '"${TWO}" }'),
      )
      const { config, lines } = await loadWorld({ files: { 'c.yaml': yaml }, env: { ONE: one, TWO: two } })
      expect(lines).toEqual([])
      expect(config?.webhooks.get('a')?.summary).toBe(one)
      expect(config?.webhooks.get('a')?.example).toEqual({ a: one, b: [`x${two}y`], c: two })
    }),
    { numRuns: 300 },
  )
})

const tree = fc.letrec(tie => ({
  node: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom('${A}', 'x${A}y', 'plain', 1, true, null),
    fc.array(tie('node'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom('a', 'b', '${A}'), tie('node'), { maxKeys: 3 }),
  ),
})).node

test('only texts change: keys, lists and other values stay', () => {
  const expected = (data: unknown, value: string): unknown => {
    if (typeof data === 'string') return data.replace('${A}', () => value)
    if (Array.isArray(data)) return data.map(item => expected(item, value))
    return data && typeof data === 'object'
      ? Object.fromEntries(Object.entries(data).map(([key, inner]) => [key, expected(inner, value)]))
      : data
  }
  fc.assert(
    fc.property(tree, yamlish, (data, value) => expect(run(data, { A: value }).value).toEqual(expected(data, value))),
    { numRuns: 2000 },
  )
})

test('a value never shows in a problem', async () => {
  const value = 'v4lue-that-is-private'
  const yaml = `${shape('count: "${V}", ratio: "${V}", on: "${V}", size: "${V}", tags: "${V}", mail: "${V}", level: "${V}", code: "${V}", limit: "${V}", pair: "${V}", inner: "${V}"').replace('/a', '"${V}"')}    dialect: "\${V}"\nserver: { port: "\${V}", publicUrl: "\${V}", trustedProxies: ["\${V}"], tls: { cert: "\${V}", key: "\${V}" } }\nstore: { url: "\${V}" }\nredis: { url: "\${V}" }\nsecrets: { masterKey: "\${V}" }\nsubscriptions: { s: { webhooks: ["\${V}"], to: ["\${V}"] } }\ndialects: { d: { success: { body: "{{\${V}}}" } } }\nentities: { e: { schema: "\${V}" } }\nplugins: ["\${V}"]\n`
  const { problems } = await loadWorld({ files: { 'c.yaml': yaml }, env: { V: value } })
  expect(problems.length).toBeGreaterThan(20)
  expect(problems.filter(problem => JSON.stringify({ ...problem, at: 0 }).includes(value))).toEqual([])
})

test('a stored secret in a list stands for all its live versions, elsewhere for the newest, and shows as its name', async () => {
  const yaml = [
    chain(
      'key: { keys: ["${FIRST}", "${secret:SIGNING}", "pre-${secret:SIGNING}", "${secret:ONE}"] }',
      'shape: { text: "${secret:SIGNING}", tags: ["${secret:TAG}"] }',
    ),
    'admin: { token: "${secret:SIGNING}" }\n',
  ].join('')
  const { config, lines } = await loadWorld({
    files: { 'c.yaml': yaml },
    env: { FIRST: 'first-0123456789abcdef' },
    secrets: {
      SIGNING: ['new-0123456789abcdef', 'old-0123456789abcdef'],
      ONE: ['one-0123456789abcdef', 'one-0123456789abcdef'],
      TAG: ['tag-of-0123456789'],
      UNUSED: ['unused-0123456789abcdef'],
    },
  })
  expect(lines).toEqual([])
  const [key, shape] = config?.webhooks.get('a')?.chain ?? []
  expect(key?.settings.keys).toEqual([
    'first-0123456789abcdef',
    'new-0123456789abcdef',
    'old-0123456789abcdef',
    'pre-new-0123456789abcdef',
    'one-0123456789abcdef',
  ])
  expect(key?.shown.keys).toEqual(['${FIRST}', '${secret:SIGNING}', '${secret:SIGNING}', '$SECRET', '${secret:ONE}'])
  expect(shape?.settings).toMatchObject({ text: 'new-0123456789abcdef', tags: ['tag-of-0123456789'] })
  expect([config?.admin.token, config?.admin.shownToken]).toEqual(['new-0123456789abcdef', '${secret:SIGNING}'])
  expect([...(config?.secretNames ?? [])].sort()).toEqual(['ONE', 'SIGNING', 'TAG'])
  // Blanked in the log wherever they stand, also where the setting is no secret.
  expect(config?.secretValues).toEqual(expect.arrayContaining(['new-0123456789abcdef', 'old-0123456789abcdef', 'tag-of-0123456789']))
  expect(config?.secretValues).not.toContain('unused-0123456789abcdef')
})

test('where the store is not at hand, each name has a placeholder of its own that nobody could take for weak', async () => {
  const { config, lines } = await loadWorld({ files: { 'c.yaml': chain('key: { keys: ["${secret:A}", "${secret:B}", "${secret:A}"] }') } })
  expect(lines).toEqual([])
  const [a, b, again] = (config?.webhooks.get('a')?.chain[0]?.settings.keys ?? []) as string[]
  expect([a === b, a === again]).toEqual([false, true])
  expect(a).toMatch(/^[0-9a-f]{64}$/)
})
