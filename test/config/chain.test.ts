/** Chains: items, settings, order, slots, secrets, and what plugins say themselves. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is the syntax under test
import { expect, test } from 'bun:test'
import { definePlugin, Type } from '#core/plugin.ts'
import { chain, loadWorld, plugins, type Row, shape, table, top } from './fixture.ts'

const key = 'key: { keys: [0123456789abcdef] }'
const entity = (yaml: string) => `${yaml}entities: { order: {} }\n`

export const items: Row[] = [
  [
    'a good chain',
    entity(
      chain('sign: { secrets: [0123456789abcdef], scheme: timed }', key, 'window', 'shape:', 'once', 'save: { entity: order }', 'tell'),
    ),
  ],
  ['an unknown plugin', chain('kye: { keys: [x] }'), `c.yaml:6:9 webhooks.a.chain[0]: there is no plugin 'kye' — did you mean 'key'?`],
  [
    'an unknown plugin by its bare name',
    chain(key, 'shappe'),
    `c.yaml:7:9 webhooks.a.chain[1]: there is no plugin 'shappe' — did you mean 'shape'?`,
  ],
  [
    'a plugin that resembles nothing',
    chain(key, 'enrich: {}'),
    `c.yaml:7:9 webhooks.a.chain[1]: there is no plugin 'enrich': list it under plugins:, or correct its name`,
  ],
  [
    'two plugins in one item',
    chain('key: { keys: [0123456789abcdef] }\n        shape: {}'),
    'c.yaml:6:9 webhooks.a.chain[0]: expected a map of one plugin, and there are 2 keys (key, shape): begin each step with "- ", and indent settings below their plugin',
  ],
  [
    'settings beside their plugin',
    chain('key:\n        keys: [0123456789abcdef]'),
    'c.yaml:6:9 webhooks.a.chain[0]: expected a map of one plugin, and there are 2 keys (key, keys): begin each step with "- ", and indent settings below their plugin',
  ],
  ['a plugin without its colon', chain('key { keys: [x] }'), 'c.yaml:6:25 no valid YAML: Unexpected flow-map-end token in YAML stream'],
  ['a number', chain(key, '5'), `c.yaml:7:9 webhooks.a.chain[1]: expected a plugin's name, or a map of one plugin to its settings`],
  ['nothing', chain(key, ''), `c.yaml:7:9 webhooks.a.chain[1]: expected a plugin's name, or a map of one plugin to its settings`],
  ['a list', chain(key, '[shape]'), `c.yaml:7:9 webhooks.a.chain[1]: expected a plugin's name, or a map of one plugin to its settings`],
  ['an empty map', chain(key, '{}'), 'c.yaml:7:9 webhooks.a.chain[1]: expected a plugin here, and the map is empty'],
  [
    'a map instead of a list',
    chain().replace('chain:', 'chain: { key: { keys: [x] } }'),
    'c.yaml:5:12 webhooks.a.chain: expected a list of steps: begin each of them with "- "',
  ],
  [
    'a text instead of a list',
    chain().replace('chain:', 'chain: key'),
    'c.yaml:5:12 webhooks.a.chain: expected a list of steps: begin each of them with "- "',
  ],
  [
    'an empty chain',
    chain().replace('chain:', 'chain: []'),
    'c.yaml:5:5 webhooks.a.chain: is empty: add at least a step that verifies, and one that writes',
  ],
  ['a chain of nothing', chain(), 'c.yaml:5:5 webhooks.a.chain: is empty: add at least a step that verifies, and one that writes'],
  ['a bare name that needs settings', chain('key'), 'c.yaml:6:9 webhooks.a.chain[0].key.keys: is missing: expected a list'],
  ['settings that are a text', chain('key: abc'), 'c.yaml:6:14 webhooks.a.chain[0].key: expected a map, got text'],
  ['settings that are a list', chain('key: [0123456789abcdef]'), 'c.yaml:6:14 webhooks.a.chain[0].key: expected a map, got a list'],
  [
    'no verify step',
    chain('shape'),
    'c.yaml:5:5 webhooks.a.chain: nothing verifies the sender: begin with a verify step (key, sign), or with auth-none: { reason: "…" }',
  ],
  [
    'an unknown step may verify',
    chain('verify-me', 'shape'),
    `c.yaml:6:9 webhooks.a.chain[0]: there is no plugin 'verify-me': list it under plugins:, or correct its name`,
  ],
]

export const settings: Row[] = [
  ['an unknown setting', shape('cuont: 3'), `c.yaml:7:18 webhooks.a.chain[1].shape.cuont: unknown setting 'cuont' — did you mean 'count'?`],
  [
    'an unknown setting of a plugin that has none',
    chain(key, 'tell: { to: x }'),
    `c.yaml:7:9 webhooks.a.chain[1]: 'tell' needs 'seal', which no earlier step gives: put save before it`,
    `c.yaml:7:17 webhooks.a.chain[1].tell.to: unknown setting 'to'; there are no settings here`,
  ],
  [
    'an unknown setting further in',
    shape('inner: { deep: { wiat: 5s } }'),
    `c.yaml:7:35 webhooks.a.chain[1].shape.inner.deep.wiat: unknown setting 'wiat' — did you mean 'wait'?`,
  ],
  [
    'a required setting by another name',
    chain('key: { key: [0123456789abcdef] }'),
    `c.yaml:6:16 webhooks.a.chain[0].key.key: unknown setting 'key' — did you mean 'keys'?`,
  ],
  ['a required setting left out', chain(key, 'save: {}'), 'c.yaml:7:9 webhooks.a.chain[1].save.entity: is missing: expected text'],
  ['a list left empty', chain('key: { keys: [] }'), 'c.yaml:6:16 webhooks.a.chain[0].key.keys: must have at least one item'],
  ['a text for a list', chain('key: { keys: 0123456789abcdef }'), 'c.yaml:6:22 webhooks.a.chain[0].key.keys: expected a list, got text'],
  ['a number for a text', shape('text: 5'), 'c.yaml:7:24 webhooks.a.chain[1].shape.text: expected text, got the number 5: quote it: "5"'],
  ['an empty text', shape('text: ""'), 'c.yaml:7:24 webhooks.a.chain[1].shape.text: must not be empty'],
  [
    'too long',
    chain(key, 'once: { header: X-Idempotency-Key }'),
    'c.yaml:7:25 webhooks.a.chain[1].once.header: must have at most 10 characters',
  ],
  [
    'a pattern',
    chain(key, 'once: { header: X_Key }'),
    'c.yaml:7:25 webhooks.a.chain[1].once.header: must match ^[A-Za-z-]+$, such as X-Key',
  ],
  ['below the least', shape('count: 0'), 'c.yaml:7:25 webhooks.a.chain[1].shape.count: must be at least 1'],
  ['above the most', shape('count: 10'), 'c.yaml:7:25 webhooks.a.chain[1].shape.count: must be at most 9'],
  ['not above the limit', shape('ratio: 0'), 'c.yaml:7:25 webhooks.a.chain[1].shape.ratio: must be more than 0'],
  ['not below the limit', shape('ratio: 1'), 'c.yaml:7:25 webhooks.a.chain[1].shape.ratio: must be less than 1'],
  ['no multiple', shape('even: 3'), 'c.yaml:7:24 webhooks.a.chain[1].shape.even: must be a multiple of 2'],
  ['a fraction', shape('count: 1.5'), 'c.yaml:7:25 webhooks.a.chain[1].shape.count: expected a whole number, got the number 1.5'],
  ['a text for a number', shape('count: three'), 'c.yaml:7:25 webhooks.a.chain[1].shape.count: expected a whole number, got text'],
  [
    'a text for a boolean',
    shape('on: "true"'),
    'c.yaml:7:22 webhooks.a.chain[1].shape.on: expected true or false, got text: remove the quotes',
  ],
  ['a size too large', shape('size: 2MB'), 'c.yaml:7:24 webhooks.a.chain[1].shape.size: must be at most 1MB'],
  ['a list too short', shape('tags: []'), 'c.yaml:7:18 webhooks.a.chain[1].shape.tags: must have at least one item'],
  ['a list too long', shape('tags: [aa, bb, cc, dd]'), 'c.yaml:7:18 webhooks.a.chain[1].shape.tags: must have at most 3 items'],
  ['an item twice', shape('tags: [aa, bb, aa]'), 'c.yaml:7:33 webhooks.a.chain[1].shape.tags[2]: is the same as item [0]: remove one'],
  ['an item too short', shape('tags: [aa, b]'), 'c.yaml:7:29 webhooks.a.chain[1].shape.tags[1]: must have at least 2 characters'],
  ['a format', shape('mail: nobody'), 'c.yaml:7:24 webhooks.a.chain[1].shape.mail: must be a valid email'],
  [
    'a choice',
    shape('level: hgih'),
    `c.yaml:7:25 webhooks.a.chain[1].shape.level: expected 'low' or 'high', got 'hgih' — did you mean 'high'?`,
  ],
  ['a choice of numbers', shape('code: 201'), 'c.yaml:7:24 webhooks.a.chain[1].shape.code: expected 200 or 204, got the number 201'],
  [
    'a number for a choice of texts',
    shape('level: 5'),
    `c.yaml:7:25 webhooks.a.chain[1].shape.level: expected 'low' or 'high', got the number 5`,
  ],
  [
    'a union: a text',
    shape('limit: nome'),
    `c.yaml:7:25 webhooks.a.chain[1].shape.limit: expected a whole number or 'none', got 'nome' — did you mean 'none'?`,
  ],
  ['a union: a number out of range', shape('limit: -5'), 'c.yaml:7:25 webhooks.a.chain[1].shape.limit: must be at least 0'],
  ['a union: a boolean', shape('limit: true'), `c.yaml:7:25 webhooks.a.chain[1].shape.limit: expected a whole number or 'none', got true`],
  [
    'a union: a fault in a list',
    shape('one: [a, 5]'),
    'c.yaml:7:27 webhooks.a.chain[1].shape.one[1]: expected text, got the number 5: quote it: "5"',
  ],
  ['a union: a map', shape('one: { a: 1 }'), 'c.yaml:7:23 webhooks.a.chain[1].shape.one: expected text or a list, got a map'],
  ['a key of the wrong kind', shape('by: { A1: {} }'), `c.yaml:7:24 webhooks.a.chain[1].shape.by.A1: the name 'A1' must match ^[a-z]+$`],
  ['a value below a name', shape('by: { a: { n: x } }'), 'c.yaml:7:32 webhooks.a.chain[1].shape.by.a.n: expected a whole number, got text'],
  [
    'a value of a record',
    shape('fields: { a: 5, b: x, c: [] }'),
    'c.yaml:7:31 webhooks.a.chain[1].shape.fields.a: expected text, got the number 5: quote it: "5"',
    'c.yaml:7:43 webhooks.a.chain[1].shape.fields.c: expected text, got a list',
  ],
  ['a pair', shape('pair: [a, b]'), 'c.yaml:7:28 webhooks.a.chain[1].shape.pair[1]: expected number'],
  ['a pair of one', shape('pair: [a]'), 'c.yaml:7:24 webhooks.a.chain[1].shape.pair: expected tuple to have 2 elements'],
  ['nothing for a map', shape('inner: ')],
  [
    'several faults of one step',
    shape('count: 0, on: 1, tags: x'),
    'c.yaml:7:25 webhooks.a.chain[1].shape.count: must be at least 1',
    'c.yaml:7:32 webhooks.a.chain[1].shape.on: expected true or false, got the number 1',
    'c.yaml:7:41 webhooks.a.chain[1].shape.tags: expected a list, got text',
  ],
  [
    'settings in several lines',
    chain(key, 'shape:\n          fields:\n            a: 1\n          cuont: 2'),
    'c.yaml:9:16 webhooks.a.chain[1].shape.fields.a: expected text, got the number 1: quote it: "1"',
    `c.yaml:10:11 webhooks.a.chain[1].shape.cuont: unknown setting 'cuont' — did you mean 'count'?`,
  ],
]

export const order: Row[] = [
  [
    'a shape after a write',
    entity(chain(key, 'save: { entity: order }', 'shape')),
    `c.yaml:8:9 webhooks.a.chain[2]: 'shape' (shape) must come before 'save' (write): move it up`,
  ],
  [
    'a verify step after others',
    chain('shape', 'once', key),
    `c.yaml:8:9 webhooks.a.chain[2]: 'key' (verify) must come before 'shape' (shape): move it up`,
  ],
  [
    'a write after an emit',
    entity(chain(key, 'save: { entity: order }', 'tell', 'save: { entity: order }')),
    `c.yaml:9:9 webhooks.a.chain[3]: 'save' (write) must come before 'tell' (emit): move it up`,
  ],
  ['admit and shape in any order', chain(key, 'shape', 'once', 'shape')],
  [
    'a single step twice',
    chain(key, 'once', 'shape', 'once: { ttl: 1h }'),
    `c.yaml:9:9 webhooks.a.chain[3]: 'once' may stand only once in a chain, and it is already at c.yaml:7:9: remove one`,
  ],
  [
    'a slot that nobody gives',
    chain(key, 'window'),
    `c.yaml:7:9 webhooks.a.chain[1]: 'window' needs 'signed-at', which no earlier step gives: put sign or fragile with a scheme that signs a timestamp before it`,
  ],
  [
    'a slot that the settings do not give',
    chain('sign: { secrets: [0123456789abcdef] }', 'window'),
    `c.yaml:7:9 webhooks.a.chain[1]: 'window' needs 'signed-at', which no earlier step gives: put sign or fragile with a scheme that signs a timestamp before it`,
  ],
  [
    'a slot that a later step gives',
    chain(key, 'window', 'sign: { secrets: [0123456789abcdef], scheme: timed }'),
    `c.yaml:8:9 webhooks.a.chain[2]: 'sign' (verify) must come before 'window' (admit): move it up`,
  ],
  [
    'a slot that another plugin gives',
    chain(key, 'tell'),
    `c.yaml:7:9 webhooks.a.chain[1]: 'tell' needs 'seal', which no earlier step gives: put save before it`,
  ],
  [
    'a slot that faulty settings may give',
    chain('sign: { secrets: [0123456789abcdef], scheem: timed }', 'window'),
    `c.yaml:6:46 webhooks.a.chain[0].sign.scheem: unknown setting 'scheem' — did you mean 'scheme'?`,
  ],
  [
    'a slot that an unknown step may give',
    chain('sing: { secrets: [0123456789abcdef] }', 'window'),
    `c.yaml:6:9 webhooks.a.chain[0]: there is no plugin 'sing' — did you mean 'sign'?`,
  ],
]

export const judged: Row[] = [
  [
    "a plugin's own check",
    chain(key, 'save: { entity: ordr }'),
    `c.yaml:7:25 webhooks.a.chain[1].save.entity: the entity 'ordr' is not declared`,
  ],
  ["a plugin's own check of a good entity", entity(chain(key, 'save: { entity: order }'))],
  [
    "a plugin's own check of an entity with a fault",
    `${chain(key, 'save: { entity: order }')}entities: { order: { unknown: x } }\n`,
    `c.yaml:8:31 entities.order.unknown: expected 'drop', 'keep' or 'reject', got 'x'`,
  ],
  [
    'a check that throws',
    chain(key, 'fragile: { where: check }'),
    'c.yaml:7:9 webhooks.a.chain[1].fragile: its check failed, which is a fault of the plugin: no check',
  ],
  [
    'gives that throws',
    chain(key, 'fragile: { where: gives }'),
    `c.yaml:7:9 webhooks.a.chain[1]: what 'fragile' gives cannot be told, which is a fault of the plugin: no gives`,
  ],
  [
    'no check of faulty settings',
    chain(key, 'save: { entity: ordr, x: 1 }'),
    `c.yaml:7:31 webhooks.a.chain[1].save.x: unknown setting 'x'; known are entity`,
  ],
]

export const secrets: Row[] = [
  [
    'a short one',
    chain('key: { keys: [abc] }'),
    'c.yaml:6:23 warning: webhooks.a.chain[0].key.keys[0]: has fewer than 16 bytes: take a longer one, such as `openssl rand -hex 32` prints',
  ],
  ['15 letters in 16 bytes', chain('key: { keys: [äbcdefghijklmno] }')],
  [
    'an empty one',
    chain('key: { keys: ["${K:-}"] }'),
    'c.yaml:6:23 warning: webhooks.a.chain[0].key.keys[0]: the value of ${K} is empty: the webhook answers 503 to everything until it is set',
  ],
  [
    'an empty one among good ones',
    chain('key: { keys: [0123456789abcdef, ""] }'),
    'c.yaml:6:41 warning: webhooks.a.chain[0].key.keys[1]: is empty: the webhook answers 503 to everything until it is set',
  ],
  [
    'one of white space alone',
    chain('key: { keys: [0123456789abcdef, "                \\n"] }'),
    'c.yaml:6:41 warning: webhooks.a.chain[0].key.keys[1]: is white space alone: the webhook answers 503 to everything until it is set',
  ],
  ['a number', chain('key: { keys: [1234567890123456] }'), 'c.yaml:6:23 webhooks.a.chain[0].key.keys[0]: expected text: put it in quotes'],
  ['a boolean', chain('key: { keys: [true] }'), 'c.yaml:6:23 webhooks.a.chain[0].key.keys[0]: expected text: put it in quotes'],
  ['nothing', chain('key: { keys: [null] }'), 'c.yaml:6:23 webhooks.a.chain[0].key.keys[0]: expected text, got nothing'],
  ['a map', chain('key: { keys: [{ a: b }] }'), 'c.yaml:6:23 webhooks.a.chain[0].key.keys[0]: expected text, got a map'],
]

const geo = definePlugin({
  name: 'geo',
  phase: 'shape',
  summary: 'x',
  config: Type.Object({}, { additionalProperties: false }),
  refusals: {},
  compile: () => () => undefined,
})
const listed = (list: string) => `${chain(key, 'geo')}plugins: ${list}\n`
const world = (list: string, imports: Record<string, unknown>) => ({ files: { 'c.yaml': listed(list) }, imports })

export const imported: Row[] = [
  ['a good one', world('[./geo.ts]', { './geo.ts': geo })],
  ['one that is not there', world('[./geo.ts]', {}), 'c.yaml:8:11 plugins[0]: cannot be used: Cannot find ./geo.ts from c.yaml'],
  [
    'one that is no plugin',
    world('[./geo.ts]', { './geo.ts': { name: 'geo' } }),
    'c.yaml:8:11 plugins[0]: cannot be used: it is no plugin: its default export must be made by definePlugin; no good phase, config, refusals, compile',
  ],
  [
    'no default export',
    world('[./geo.ts]', { './geo.ts': undefined }),
    'c.yaml:8:11 plugins[0]: cannot be used: it is no plugin: its default export must be made by definePlugin; no good name, phase, config, refusals, compile',
  ],
  [
    'an unknown phase',
    world('[./geo.ts]', { './geo.ts': { ...geo, phase: 'later' } }),
    'c.yaml:8:11 plugins[0]: cannot be used: it is no plugin: its default export must be made by definePlugin; no good phase',
  ],
  [
    'a bad name',
    world('[./geo.ts]', { './geo.ts': { ...geo, name: 'Geo' } }),
    'c.yaml:8:11 plugins[0]: cannot be used: it is no plugin: its default export must be made by definePlugin; no good name',
  ],
  [
    'the name of a built-in plugin',
    world('[./geo.ts, ./key.ts]', { './geo.ts': geo, './key.ts': { ...geo, name: 'key' } }),
    `c.yaml:8:21 plugins[1]: cannot be used: 'key' is a built-in plugin: choose another name`,
  ],
  [
    'one name twice',
    world('[./geo.ts, ./other.ts]', { './geo.ts': geo, './other.ts': { ...geo } }),
    `c.yaml:8:21 plugins[1]: cannot be used: the plugin 'geo' is already at c.yaml:8:11: remove one`,
  ],
  ['one plugin twice', world('[./geo.ts, ./geo.ts]', { './geo.ts': geo })],
  ['an item that is no text', world('[5]', {}), 'c.yaml:8:11 plugins[0]: expected text, got the number 5: quote it: "5"'],
  [
    'settings that only TypeBox knows, and not even it',
    {
      files: { 'c.yaml': listed('[./geo.ts]').replace('- geo', '- geo: { a: [x] }') },
      imports: { './geo.ts': { ...geo, config: Type.Object({ a: Type.Tuple([Type.Unsafe({ type: 'x' })]) }) } },
    },
    `c.yaml:7:9 webhooks.a.chain[1].geo: the settings of 'geo' cannot be read, which is a fault of the plugin: Unknown type`,
  ],
]

for (const rows of [items, settings, order, judged, secrets, imported]) table(rows)

test('a credential never shows, however wrong its place or its type', async () => {
  const shapes = [
    'key: V',
    'key: { keys: V }',
    'key: { keys: [V] }',
    'key: { keys: [[V]] }',
    'key: { keys: { a: V } }',
    'key: { keys: [{ a: V }] }',
    'sign: { secrets: [x, V], scheme: timed }',
  ]
  const values = [
    '918273645',
    '-918273645',
    '9182736459182736459182736450',
    '918273645.5',
    '*v918273645',
    '!v918273645',
    '"v918273645" v918273645',
    '[v918273645',
    '@v918273645',
    '%v918273645',
    'v: v918273645: v',
  ]
  const sections = [
    'admin: V',
    'admin: { token: V }',
    'admin: { token: [V] }',
    'secrets: { masterKey: V }',
    'destinations: { d: { url: "https://d.example", secrets: [V] } }',
  ]
  for (const yaml of [...shapes.map(step => chain(step)), ...sections.map(top)])
    for (const value of values) {
      const { lines } = await loadWorld({ files: { 'c.yaml': yaml.replace('V', () => value) } })
      expect([yaml, value, lines.filter(line => line.includes('918273645'))]).toEqual([yaml, value, []])
    }
})

test('settings are decoded at every level', async () => {
  const { config } = await loadWorld({
    files: { 'c.yaml': shape('by: { a: {}, b: { n: 2 } }, size: 2KiB, limit: none, pair: [a, 1], any: { x: [1, null] }') },
  })
  expect(config?.webhooks.get('a')?.chain[1]?.settings).toEqual({
    fields: {},
    count: 3,
    on: true,
    inner: { deep: { wait: 2000 } },
    by: { a: { n: 1 }, b: { n: 2 } },
    size: 2048,
    limit: 'none',
    pair: ['a', 1],
    any: { x: [1, null] },
  })
})

test('secrets show by their names alone', async () => {
  const yaml = chain('key: { keys: ["${KEY:-0123456789abcdef}", written-in-the-file, "pre-${KEY:-0123456789abcdef}", "${file:key.txt}"] }')
  const { config } = await loadWorld({ files: { 'c.yaml': yaml, 'key.txt': 'kept-in-a-file-of-its-own\n' }, path: 'c.yaml' })
  const item = config?.webhooks.get('a')?.chain[0]
  expect(item?.settings).toEqual({ keys: ['0123456789abcdef', 'written-in-the-file', 'pre-0123456789abcdef', 'kept-in-a-file-of-its-own'] })
  expect(item?.shown).toEqual({ keys: ['${KEY}', '$SECRET', '$SECRET', '${file:key.txt}'] })
  expect(config?.secretValues).toEqual(['0123456789abcdef', 'written-in-the-file', 'pre-0123456789abcdef', 'kept-in-a-file-of-its-own'])
  expect(config?.files.map(file => file.slice(file.lastIndexOf('/')))).toEqual(['/c.yaml', '/key.txt'])
})

test('an empty secret closes its webhook and no other', async () => {
  const yaml = `${chain('key: { keys: ["${K:-}"] }')}  b: { path: /b, chain: [{ auth-none: { reason: x } }] }\n`
  const { config } = await loadWorld({ files: { 'c.yaml': yaml } })
  expect(config?.webhooks.get('a')?.closed).toBe('key.keys[0] is empty')
  expect(config?.webhooks.get('b')?.closed).toBeUndefined()
  expect(config?.secretValues).toEqual([])
})

test('and so does one of white space alone', async () => {
  const { config } = await loadWorld({ files: { 'c.yaml': chain('key: { keys: [" \\n"] }') } })
  expect(config?.webhooks.get('a')?.closed).toBe('key.keys[0] is white space alone')
})

test('an item and its settings know where they stand', async () => {
  const { config, folder } = await loadWorld({
    files: { 'c.yaml': chain(key, 'shape:\n          tags: [aa, bb]\n          fields: { x/y: z }', 'once') },
  })
  const at = (index: number, pointer?: string) => {
    const place = config?.webhooks.get('a')?.chain[index]?.at(pointer)
    return `${place?.file.slice(folder.length + 1)}:${place?.line}:${place?.column}`
  }
  expect([
    at(0),
    at(0, '/keys/0'),
    at(1),
    at(1, '/tags'),
    at(1, '/tags/1'),
    at(1, '/fields/x~1y'),
    at(1, '/count'),
    at(1, '/tags/7'),
    at(2),
    at(2, '/ttl'),
  ]).toEqual([
    'c.yaml:6:9',
    'c.yaml:6:23',
    'c.yaml:7:9',
    'c.yaml:8:17',
    'c.yaml:8:22',
    'c.yaml:9:26',
    'c.yaml:7:9',
    'c.yaml:8:11',
    'c.yaml:10:9',
    'c.yaml:10:9',
  ])
})

test('the built-in list is not changed by what a file imports', async () => {
  await loadWorld(world('[./geo.ts]', { './geo.ts': geo }))
  expect(plugins.map(plugin => plugin.name)).not.toContain('geo')
  expect((await loadWorld({ files: { 'c.yaml': top('') } })).config?.webhooks.size).toBe(0)
})
