/** What is no YAML, or doubtful YAML. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is the syntax under test
import { expect, test } from 'bun:test'
import { chain, hook, loadWorld, type Row, table, top } from './fixture.ts'

export const rows: Row[] = [
  ['a good file', top('')],
  ['an empty file', '', 'c.yaml:1:1 version: is missing: begin with version: 1'],
  ['comments alone', '# nothing yet\n', 'c.yaml:1:1 version: is missing: begin with version: 1'],
  ['a list', '- version: 1', 'c.yaml:1:1 expected a map of settings such as version: 1'],
  ['a text', 'version', 'c.yaml:1:1 expected a map of settings such as version: 1'],
  ['an open quote', 'version: 1\nserver: { host: "x }\n', 'c.yaml:3:1 no valid YAML: Missing closing "quote'],
  ['a tab', 'version: 1\nserver:\n\tport: 1', 'c.yaml:3:1 no valid YAML: Tabs are not allowed as indentation'],
  [
    'bad indentation',
    'version: 1\nserver:\n  port: 1\n host: x',
    'c.yaml:4:1 no valid YAML: All mapping items must start at the same column',
  ],
  ['a colon in a text', 'version: 1\nserver: host: x', 'c.yaml:2:9 no valid YAML: Nested mappings are not allowed in compact mappings'],
  [
    'an open list',
    'version: 1\nplugins: [a, b',
    'c.yaml:2:15 no valid YAML: Flow sequence in block collection must be sufficiently indented and end with a ]',
  ],
  [
    'a text that begins with @',
    'version: 1\nplugins: [@acme/geo]',
    'c.yaml:2:11 no valid YAML: Plain value cannot start with reserved character @',
  ],
  [
    'an interpolation without quotes within braces',
    'version: 1\nstore: { url: ${URL} }',
    `c.yaml:2:16 no valid YAML: within { } and [ ], put \${…} in quotes (Unexpected flow-map-start at node end)`,
  ],
  [
    'an interpolation without quotes within brackets',
    'version: 1\nplugins: [${A}]',
    `c.yaml:2:12 no valid YAML: within { } and [ ], put \${…} in quotes (Missing , or : between flow sequence items)`,
  ],
  [
    'two faults on two lines',
    'version: 1\nserver: {port: 1, host: ${X} }\nadmin: @\n',
    `c.yaml:2:26 no valid YAML: within { } and [ ], put \${…} in quotes (Unexpected flow-map-start at node end)`,
  ],
  [
    'two documents',
    'version: 1\n---\nversion: 1',
    'c.yaml:2:1 only one document may stand in a file: put what follows into a file of its own',
  ],
  ['YAML 1.1', '%YAML 1.1\n---\nversion: 1', 'c.yaml:1:1 only YAML 1.2 is read: remove the %YAML line'],
  [
    'an unknown tag',
    top('store: { url: !env DATABASE_URL }'),
    `c.yaml:2:15 has an unknown tag: quote a text that begins with !, and write values from outside as \${NAME} or \${file:PATH}`,
  ],
  [
    'a tag that would make bytes',
    top('server: { host: !!binary aGFsbG8= }'),
    `c.yaml:2:17 has an unknown tag: quote a text that begins with !, and write values from outside as \${NAME} or \${file:PATH}`,
  ],
  ['a tag that says what is so', top('server: { host: !!str 127.0.0.1 }')],
  ['a key twice', top('server:\n  port: 1\n  host: x\n  port: 2'), `c.yaml:5:3 server.port: stands twice, first at c.yaml:3:3: remove one`],
  ['a section twice', 'version: 1\nserver: { port: 1 }\nversion: 1\n', `c.yaml:3:1 version: stands twice, first at c.yaml:1:1: remove one`],
  [
    'a webhook twice',
    top('webhooks:\n  a: { path: /a, chain: [{ key: { keys: ["0123456789abcdef"] } }] }\n  a: 5'),
    `c.yaml:4:3 webhooks.a: stands twice, first at c.yaml:3:3: remove one`,
  ],
  [
    '__proto__',
    top('webhooks:\n  __proto__: 1'),
    `c.yaml:3:3 webhooks.__proto__: the key '__proto__' is not allowed anywhere: choose another name`,
  ],
  [
    'constructor in free data',
    chain('key: { keys: [0123456789abcdef] }').replace('chain', 'example: { a: { constructor: 1 } }\n    chain'),
    `c.yaml:5:21 webhooks.a.example.a.constructor: the key 'constructor' is not allowed anywhere: choose another name`,
  ],
  [
    'prototype in a schema',
    top('entities:\n  a:\n    schema: { properties: { prototype: { type: string } } }'),
    `c.yaml:4:29 entities.a.schema.properties.prototype: the key 'prototype' is not allowed anywhere: choose another name`,
  ],
  ['a key that is a list', top('? [a, b]\n: 1'), 'c.yaml:2:3 a key must be text: quote a {{…}}, and remove ? and a lone :'],
  [
    'a template without quotes',
    top('dialects: { d: { success: { body: { id: {{record.id}} } } } }'),
    'c.yaml:2:42 dialects.d.success.body.id: a key must be text: quote a {{…}}, and remove ? and a lone :',
  ],
  ['a colon alone', top(': 1'), 'c.yaml:2:1 a key must be text: quote a {{…}}, and remove ? and a lone :'],
  [
    'an alias without an anchor',
    top('server: { host: *nobody }'),
    `c.yaml:2:17 server.host: no anchor of this name stands above: quote a text that begins with *`,
  ],
  [
    'a wildcard without quotes',
    top('server: { host: *.example.com }'),
    `c.yaml:2:17 server.host: no anchor of this name stands above: quote a text that begins with *`,
  ],
  [
    'an anchor within itself',
    top('plugins: &x [a, *x]'),
    'c.yaml:2:14 plugins[0]: cannot be used: Cannot find a from c.yaml',
    `c.yaml:2:17 plugins[1]: no anchor of this name stands above: quote a text that begins with *`,
  ],
  ['infinity', top('server: { port: .inf }'), 'c.yaml:2:17 server.port: is no finite number'],
  ['no number', top('server: { port: .nan }'), 'c.yaml:2:17 server.port: is no finite number'],
  [
    'a number that would lose digits',
    top('server: { host: 12345678901234567890 }'),
    'c.yaml:2:17 server.host: is a number too large to be kept exactly: put it in quotes',
  ],
  [
    'a number where a text is wanted',
    top('server: { host: 0123 }'),
    'c.yaml:2:17 server.host: expected text, got the number 0123: quote it: "0123"',
  ],
  [
    'a decimal number where a text is wanted',
    top('server: { host: 1e3 }'),
    'c.yaml:2:17 server.host: expected text, got the number 1e3: quote it: "1e3"',
  ],
  ['a boolean where a text is wanted', top('server: { host: true }'), 'c.yaml:2:17 server.host: expected text, got true: quote it: "true"'],
  ['yes is a text', top('server: { requireHttps: yes }'), 'c.yaml:2:25 server.requireHttps: expected true or false, got text'],
  ['nothing where a text is wanted', top('server: { host: }'), 'c.yaml:2:17 server.host: expected text, got nothing'],
  ['a merge of a text', top('server: { <<: x }'), 'c.yaml:2:15 server: << merges maps: write an alias such as *defaults after it'],
  [
    'anchors and merges',
    top(
      'webhooks:\n  a: &base\n    path: /a\n    chain: [{ auth-none: { reason: x } }]\n  b: { <<: *base, path: /b }\n  c: { <<: [*base, { path: /c }], path: /c }',
    ),
  ],
  [
    'a fault in an anchor is told once',
    top(
      'webhooks:\n  a: &base\n    path: /a\n    actve: true\n    chain: [{ auth-none: { reason: x } }]\n  b: { <<: *base, path: /b }\n  c: { <<: *base, path: /c }',
    ),
    `c.yaml:5:5 webhooks.a.actve: unknown setting 'actve' — did you mean 'active'?`,
  ],
  [
    'a merge gives way to what is written, whatever the order',
    top('server: { port: 81, <<: { port: x, hots: y } }'),
    `c.yaml:2:36 server.hots: unknown setting 'hots' — did you mean 'host'?`,
  ],
]

table(rows)

const bomb = Array.from(
  { length: 12 },
  (_, i) =>
    `x${i}: &x${i} [${Array(10)
      .fill(i ? `*x${i - 1}` : 'a')
      .join(', ')}]`,
)

test('an alias bomb is refused, once and at once', async () => {
  const { lines } = await loadWorld({ files: { 'c.yaml': hook('path: /a', 'example:', ...bomb.map(line => `  ${line}`)) } })
  expect(lines).toEqual(['c.yaml:11:51 webhooks.a.example.x4[7]: the aliases of this file stand for too much: write some of it out'])
})

test('what is nested too deeply is refused', async () => {
  const { lines } = await loadWorld({ files: { 'c.yaml': hook('path: /a', `example: { x: ${'['.repeat(500)}${']'.repeat(500)} }`) } })
  expect(lines).toEqual(['c.yaml:6:116 nested more than 100 levels deep'])
})

test('brackets without end are refused', async () => {
  const { lines, config } = await loadWorld({ files: { 'c.yaml': '['.repeat(400_000) } })
  expect(config).toBeUndefined()
  expect(lines.length).toBe(1)
})

test('a map of 40000 keys takes no time', async () => {
  const keys = Array.from({ length: 40_000 }, (_, i) => `k${i}: ${i}`).join(', ')
  const from = performance.now()
  const { lines } = await loadWorld({
    files: { 'c.yaml': top(`webhooks: { a: { example: { ${keys} }, path: /a, chain: [{ auth-none: { reason: x } }] } }`) },
  })
  expect(lines).toEqual([])
  expect(performance.now() - from).toBeLessThan(5000)
})

test('a fault in an alias carries the line of its anchor', async () => {
  const { lines } = await loadWorld({ files: { 'c.yaml': top('server: { host: &n 5 }\nadmin: { host: *n }') } })
  expect(lines).toEqual(['c.yaml:2:20 server.host: expected text, got the number 5: quote it: "5"'])
})
