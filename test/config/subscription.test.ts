/** Subscriptions, with the built-in plugins: names, what can fire, paths that no payload has, types, schemas that go together, twins. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is the syntax under test
import { expect, test } from 'bun:test'
import { builtins } from '#plugins/index.ts'
import { loadWorld } from './fixture.ts'

const ENTITIES = {
  order: `{ schema: { type: object, required: [id], properties: { id: { type: string }, amount: { type: integer }, note: { type: [string, "null"] }, customer: { type: object, properties: { name: { type: string } } }, lines: { type: array, items: { type: object, properties: { sku: { type: string } } } }, any: {} } } }`,
  refund: `{ schema: { type: object, properties: { id: { type: string }, amount: { type: number }, reason: { type: string } } } }`,
  odd: `{ schema: { type: object, properties: { amount: { type: string } } } }`,
  strange: `{ schema: { type: object, properties: { amount: { type: integer } }, not: { required: [x] } } }`,
  kept: `{ unknown: keep, schema: { type: object, properties: { amount: { type: integer } } } }`,
  strict: `{ unknown: keep, schema: { type: object, additionalProperties: false, properties: { amount: { type: integer } } } }`,
  tree: `{ schema: { $ref: "#/$defs/node", $defs: { node: { type: object, properties: { child: { $ref: "#/$defs/node" }, value: { anyOf: [{ type: number }, { type: string }] } } } } } }`,
}

const entity = (name: keyof typeof ENTITIES, ...more: string[]) => [`validation: { entity: ${name} }`, ...more]
const WEBHOOKS: Record<string, string[]> = {
  orders: entity('order', 'upsert: { entity: order }'),
  refunds: entity('refund'),
  odd: entity('odd'),
  strange: entity('strange'),
  kept: entity('kept'),
  strict: entity('strict'),
  tree: entity('tree'),
  raw: ['upsert: { entity: raw }'],
  declared: ['upsert: { entity: odd }'],
  mapped: ['mapping: { fields: { a: amount } }', ...entity('refund')],
  changed: [...entity('refund'), 'mapping: { fields: { a: amount } }'],
  noted: ['mapping: { variables: { plan: plan, tier: tier } }', ...entity('refund')],
  aside: [...entity('refund'), 'mapping: { variables: { plan: plan } }', 'filter: { when: data.amount > 1 }'],
}

/** The subscription `s` with these settings, which begin at 8:23, and others after it. */
function world(settings: string, { more = '', env = {} }: { more?: string; env?: Record<string, string> } = {}) {
  const chain = (steps: string[]) =>
    `[${['auth-none: { reason: x }', ...steps].map(step => (step.includes(':') ? `{ ${step} }` : step)).join(', ')}]`
  const webhooks = Object.entries(WEBHOOKS).map(([name, steps]) => `${name}: { path: /${name}, chain: ${chain([...steps, 'dispatch'])} }`)
  const yaml = [
    'version: 1',
    `entities: { ${Object.entries(ENTITIES)
      .map(([name, text]) => `${name}: ${text}`)
      .join(', ')} }`,
    'webhooks:',
    `  silent: { path: /silent, chain: ${chain(WEBHOOKS.raw!)} }`,
    `  <<: { ${webhooks.join(', ')} }`,
    'destinations: { crm: { url: "https://crm.example.com" }, mail: { url: "https://mail.example.com" } }',
    'subscriptions:',
    `  s:                { ${settings} }`,
    more,
  ].join('\n')
  return loadWorld({ files: { 'c.yaml': yaml }, builtins, env })
}

type Row = [settings: string, ...lines: string[]]

function table(what: string, rows: readonly Row[]): void {
  test.each(rows)(`${what}: %s`, async (settings, ...lines) => {
    const loaded = await world(settings)
    expect(loaded.lines).toEqual(lines)
    expect(loaded.config === undefined).toBe(lines.some(line => !line.includes(' warning: ')))
  })
}

table('names', [
  ['webhooks: orders, to: crm'],
  ['webhooks: [orders], to: [crm, mail]'],
  [
    'webhooks: order, to: crm',
    "c.yaml:8:33 subscriptions.s.webhooks: subscription 's' names the webhook 'order', which is not declared — did you mean 'orders'?",
  ],
  [
    'webhooks: [orders], to: [crm, mial]',
    "c.yaml:8:53 subscriptions.s.to[1]: subscription 's' names the destination 'mial', which is not declared — did you mean 'mail'?",
  ],
  ['webhooks: [orders, orders], to: crm', 'c.yaml:8:42 subscriptions.s.webhooks[1]: is the same as item [0]: remove one'],
  ['webhooks: [], to: crm', 'c.yaml:8:23 subscriptions.s.webhooks: must have at least one item'],
  ['webhooks: { a: b }, to: crm', 'c.yaml:8:33 subscriptions.s.webhooks: expected text or a list, got a map'],
  ['webhooks: orders', 'c.yaml:8:3 subscriptions.s.to: is missing: expected text or a list'],
  ['webhooks: orders, too: crm', "c.yaml:8:41 subscriptions.s.too: unknown setting 'too' — did you mean 'to'?"],
])

table('what can fire', [
  ['webhooks: silent, to: crm', "c.yaml:8:33 subscriptions.s.webhooks: 'silent' raises no events: add dispatch to the end of its chain"],
  [
    'webhooks: [orders, silent], to: crm',
    "c.yaml:8:42 subscriptions.s.webhooks[1]: 'silent' raises no events: add dispatch to the end of its chain",
    "c.yaml:8:42 warning: subscriptions.s.webhooks[1]: whether 'orders' and 'silent' have compatible payloads is not known: 'silent' has no schema",
  ],
  ['webhooks: refunds, to: crm, events: [webhook.received]'],
  [
    'webhooks: refunds, to: crm, events: [webhook.received, record.created]',
    "c.yaml:8:78 warning: subscriptions.s.events[1]: never happens: 'refunds' can only raise webhook.received",
  ],
  [
    'webhooks: orders, to: crm, events: [webhook.received]',
    "c.yaml:8:59 warning: subscriptions.s.events[0]: never happens: 'orders' can only raise record.created and record.updated",
  ],
  ['webhooks: [orders, refunds], to: crm, events: [webhook.received]'],
  [
    'webhooks: orders, to: crm, events: [record.create]',
    "c.yaml:8:59 subscriptions.s.events[0]: expected 'record.created', 'record.updated' or 'webhook.received', got 'record.create' — did you mean 'record.created'?",
  ],
])

const when = (text: string, webhooks = 'orders'): string => `webhooks: ${webhooks}, to: crm, when: '${text}'`
const WHEN = '  s:                { webhooks: orders, to: crm, when: '.length + 1
const AT = `c.yaml:8:${WHEN} subscriptions.s.when: `
/** The place of a character of the text, counted from 1; a quote stands before it. */
const at = (character: number) => `c.yaml:8:${WHEN + character} subscriptions.s.when: `

/** Where the first character of `and` stands, however the text is written. */
const written: [how: string, yaml: string, place: string][] = [
  ['plain', `when: data.amount > 1 and data.any`, '8:72'],
  ['in double quotes', String.raw`when: "data.id == \"1\" and data.any"`, '8:74'],
  ['in single quotes, with one in it', `when: 'data.id == ''1'' and data.any'`, '8:74'],
  ['over two lines', `when: data.amount > 1\n      and data.any`, '9:7'],
  ['in double quotes over two lines', `when: "data.amount > 1\n      and data.any"`, '9:7'],
  ['with a character that is written otherwise', String.raw`when: "data.amount > 1\x20and data.any"`, '8:56'],
]
test.each(written)('the place of a fault in an expression %s', async (_, yaml, place) => {
  const { lines } = await world(`webhooks: orders, to: crm, ${yaml}`)
  expect(lines[0]?.split(' ')[0]).toBe(`c.yaml:${place}`)
})

test.each(['|', '>', '>-'])('the place of a fault in an expression under %s', async style => {
  const block = `  other:\n    webhooks: orders\n    to: crm\n    when: ${style}\n      data.amount > 1 &&\n      data.id == "1" and\n      data.any`
  const { lines } = await world('webhooks: orders, to: mail', { more: block })
  expect(lines).toEqual([
    expect.stringMatching(/^c\.yaml:14:22 subscriptions\.other\.when: 'and' is no operator: write &&, at character \d+$/),
  ])
})

table('expressions', [
  [when('data.id == "1" && event.type == "record.created" && webhook == "orders"')],
  [when('has(previous.amount) && data.amount > previous.amount')],
  [when('data.lines.exists(line, line.sku == "x") && data.lines[0].nope == 1')],
  [when('data.any.thing == 1 && "x" in data')],
  [when('data.id =='), `${at(11)}Unexpected token: EOF, at character 11`],
  [when('data.any')],
  [when('data.any && !data.any.b')],
  [when('data.id'), `${at(1)}data.id is text, and has to be true or false here`],
  [when('!data.amount || true'), `${at(2)}data.amount is a number, and has to be true or false here`],
  [when('data.lines.exists(data, data.sku == "x")'), `${at(19)}'data' is taken: give the element another name, at character 19`],
  [
    when('data.lines.exists(a, data.lines.exists(b, a == b))'),
    `${at(22)}'exists' inside another macro would run once for each pair of elements, at character 22`,
  ],
  [when('dta.id == "1"'), `${at(1)}Unknown variable: dta, at character 1 — did you mean 'data'?`],
  [when('data.id == "1" and data.any'), `${at(16)}'and' is no operator: write &&, at character 16`],
  [when('data.id == "a or b" OR data.any'), `${at(21)}'OR' is no operator: write ||, at character 21`],
  [when('not data.any'), `${at(1)}'not' is no operator: write !, at character 1`],
  [when('data.id = "a = b"'), `${at(9)}'=' is no operator: write ==, at character 9`],
  [when('data.id === "a"'), `${at(9)}'===' is no operator: write ==, at character 9`],
  [when('data.id <> "a"'), `${at(9)}'<>' is no operator: write !=, at character 9`],
  [when('data.any & data.any.b'), `${at(10)}'&' is no operator: write &&, at character 10`],
  [
    when('payload.id == "1"'),
    `${at(1)}Unknown variable: payload, at character 1; known are event, data, previous, custom_variables, webhook`,
  ],
  [when('webhook == 1'), `${at(1)}no such overload: string == int, at character 1`],
  [when('event.tpye == "x"'), `${at(1)}event.tpye: an event has no 'tpye' — did you mean 'type'?`],
  [when('event.id.x == "x"'), `${at(1)}event.id.x: event.id has nothing below it`],
  [when('data.amout > 1'), `${at(1)}data.amout: no event of 'orders' can have 'amout' there — did you mean 'amount'?`],
  [
    when('has(data.zzz) && data.zzz == 1'),
    `${at(5)}data.zzz: no event of 'orders' can have 'zzz' there; known are id, amount, note, customer, lines, any`,
  ],
  [when('previous.amout > 1'), `${at(1)}previous.amout: no event of 'orders' can have 'amout' there — did you mean 'amount'?`],
  [when('data.customer.nam == "x"'), `${at(1)}data.customer.nam: no event of 'orders' can have 'nam' there — did you mean 'name'?`],
  [when('data.id.x == "x"'), `${at(1)}data.id.x: no event of 'orders' has anything below data.id`],
  [when('data["amout"] > 1'), `${AT}data.amout: no event of 'orders' can have 'amout' there — did you mean 'amount'?`],
  [
    when('custom_variables.plan == "x"'),
    `${at(1)}custom_variables.plan: no step of 'orders' sets 'plan': set it under \`variables\` of a mapping step`,
  ],
  [when('data.amount == "x"'), `${at(1)}data.amount is a number: compare it with a number, not with text`],
  [when('"x" != data.note')],
  [when('1 < data.note'), `${at(5)}data.note is text or null: compare it with text or null, not with a number`],
])

const body = (text: string, webhooks: string) => `webhooks: ${webhooks}, to: crm, body: { a: "${text}" }`

test.each<[text: string, webhooks: string, fault?: string]>([
  ['{{data.amount}}', 'refunds'],
  ['{{ data.naem }}', 'refunds', "{{data.naem}}: no event of 'refunds' can have 'naem' there; known are id, amount, reason"],
  ['x {{data.reson}} y', 'refunds', "{{data.reson}}: no event of 'refunds' can have 'reson' there — did you mean 'reason'?"],
  ['{{data.reason}}', '[orders, refunds]'],
  [
    '{{data.reson}}',
    '[orders, refunds]',
    "{{data.reson}}: no event of 'orders' or 'refunds' can have 'reson' there — did you mean 'reason'?",
  ],
  ['{{data.lines.0.sku}}', 'orders'],
  ['{{data.lines.0.suk}}', 'orders', "{{data.lines.0.suk}}: no event of 'orders' can have 'suk' there — did you mean 'sku'?"],
  ['{{data.lines.length}}', 'orders'],
  ['{{data.lines.first}}', 'orders', "{{data.lines.first}}: no event of 'orders' has anything below data.lines"],
  ['{{data.whatever}}', 'raw'],
  ['{{data.whatever}}', 'declared'],
  ['{{data.whatever}}', 'kept'],
  ['{{data.whatever}}', 'changed'],
  ['{{data.amuont}}', 'strict', "{{data.amuont}}: no event of 'strict' can have 'amuont' there — did you mean 'amount'?"],
  ['{{data.amuont}}', 'mapped', "{{data.amuont}}: no event of 'mapped' can have 'amuont' there — did you mean 'amount'?"],
  ['{{data.amuont}}', 'aside', "{{data.amuont}}: no event of 'aside' can have 'amuont' there — did you mean 'amount'?"],
  ['{{data.child.child.value}}', 'tree'],
  ['{{data.child.child.valeu}}', 'tree', "{{data.child.child.valeu}}: no event of 'tree' can have 'valeu' there — did you mean 'value'?"],
  ['{{custom_variables.plan}}', 'noted'],
  ['{{custom_variables.plna}}', 'noted', "{{custom_variables.plna}}: no step of 'noted' sets 'plna' — did you mean 'plan'?"],
  ['{{event.record_id}} {{event.timestamp}} {{record.id}} {{webhook}}', 'orders'],
  ['{{event.recordid}}', 'orders', "{{event.recordid}}: an event has no 'recordid' — did you mean 'record_id'?"],
  ['{{dta.x}}', 'orders', "{{dta.x}} is not in reach here — did you mean 'data.x'?"],
])('bodies: %s of %s', async (text, webhooks, ...[fault]) => {
  const column = '  s:                { '.length + body('', webhooks).indexOf('""') + 1
  const { lines } = await world(body(text, webhooks))
  expect(lines).toEqual(fault ? [`c.yaml:8:${column} subscriptions.s.body.a: ${fault}`] : [])
})

test('a record also has the fields of other webhooks that write it', async () => {
  const yaml = (step: string) => `version: 1
entities: { a: { schema: { properties: { x: {} } } }, b: { schema: { properties: { yy: {} } } } }
webhooks:
  one: { path: /1, chain: [{ auth-none: { reason: x } }, { validation: { entity: a } }, { upsert: { entity: a } }, dispatch] }
  two: { path: /2, chain: [{ auth-none: { reason: x } }, ${step}{ upsert: { entity: a } }] }
destinations: { d: { url: "https://d.example" } }
subscriptions: { s: { webhooks: one, to: d, body: { v: "{{data.yy}} {{data.zz}}" } } }
`
  expect((await loadWorld({ files: { 'c.yaml': yaml('') }, builtins })).lines).toEqual([])
  expect((await loadWorld({ files: { 'c.yaml': yaml('{ validation: { entity: b } }, ') }, builtins })).lines).toEqual([
    "c.yaml:7:56 subscriptions.s.body.v: {{data.zz}}: no event of 'one' can have 'zz' there; known are x, yy",
  ])
})

test('a step of somebody else may do anything to data and variables', async () => {
  const enrich = { ...builtins.find(plugin => plugin.name === 'filter')!, name: 'enrich', leaves: undefined }
  const yaml = `version: 1
plugins: [./enrich.ts]
entities: { a: { schema: { properties: { x: {} } } } }
webhooks: { one: { path: /1, chain: [{ auth-none: { reason: x } }, { validation: { entity: a } }, { enrich: { when: data.x == 1 } }, dispatch] } }
destinations: { d: { url: "https://d.example" } }
subscriptions: { s: { webhooks: one, to: d, body: { v: "{{data.y}} {{custom_variables.z}}" } } }
`
  expect((await loadWorld({ files: { 'c.yaml': yaml }, builtins, imports: { './enrich.ts': enrich } })).lines).toEqual([])
})

table('schemas that go together', [
  ['webhooks: [orders, refunds], to: crm'],
  ['webhooks: [refunds, mapped, aside], to: crm'],
  [
    'webhooks: [refunds, odd], to: crm',
    "c.yaml:8:43 subscriptions.s.webhooks[1]: 'refunds' and 'odd' have no compatible payloads: amount is a number in 'refunds' and a string in 'odd'; give 'odd' a subscription of its own",
  ],
  [
    'webhooks: [refunds, mapped, declared], to: crm',
    "c.yaml:8:51 subscriptions.s.webhooks[2]: 'refunds' and 'declared' have no compatible payloads: amount is a number in 'refunds' and a string in 'declared'; give 'declared' a subscription of its own",
  ],
  [
    'webhooks: [refunds, raw, changed], to: crm',
    "c.yaml:8:43 warning: subscriptions.s.webhooks[1]: whether 'refunds' and 'raw' have compatible payloads is not known: 'raw' has no schema",
  ],
  [
    'webhooks: [refunds, changed], to: crm',
    "c.yaml:8:43 warning: subscriptions.s.webhooks[1]: whether 'refunds' and 'changed' have compatible payloads is not known: what 'mapping' makes of the data of 'changed' is not known",
  ],
  [
    'webhooks: [refunds, strange], to: crm',
    "c.yaml:8:43 warning: subscriptions.s.webhooks[1]: whether 'refunds' and 'strange' have compatible payloads is not known: the schema in 'strange' has not, which is not compared",
  ],
  ['webhooks: [orders, strict], to: crm, when: "data.amount > 1"'],
  [
    'webhooks: [orders, strict], to: crm, when: \'data.id == "1"\'',
    "c.yaml:8:42 subscriptions.s.webhooks[1]: 'orders' and 'strict' have no compatible payloads: id is required in 'orders', and 'strict' cannot have it, yet the subscription uses it; give 'strict' a subscription of its own",
  ],
])

test.each<[one: string, two: string, warned?: string]>([
  ['webhooks: orders, to: crm', 'webhooks: orders, to: mail'],
  ['webhooks: orders, to: crm', 'webhooks: raw, to: crm'],
  ['webhooks: orders, to: crm, events: [record.created]', 'webhooks: orders, to: crm, events: [record.updated]'],
  ['webhooks: orders, to: crm, when: data.amount > 1', 'webhooks: orders, to: crm'],
  ['webhooks: orders, to: crm', 'webhooks: orders, to: [mail, crm]', '9:37 warning: subscriptions.t.to[1]'],
  ['webhooks: orders, to: crm', 'webhooks: orders, to: crm, when: data.amount > 1', '9:30 warning: subscriptions.t.to'],
  [
    'webhooks: orders, to: crm, when: data.amount > 1',
    'webhooks: orders, to: crm, when: data.amount > 1',
    '9:30 warning: subscriptions.t.to',
  ],
])('twins: %s and %s', async (one, two, ...[warned]) => {
  const { lines } = await world(one, { more: `  t: { ${two} }` })
  const told =
    "already gets these events of 'orders' by 's' at c.yaml:8:3: an event goes to a destination once, as the first subscription says"
  expect(lines).toEqual(warned ? [`c.yaml:${warned}: 'crm' ${told}`] : [])
})

test('what is left out takes every kind of event, and a single name is a list of one', async () => {
  const { config } = await world('webhooks: orders, to: crm')
  expect(config?.subscriptions.get('s')).toMatchObject({
    webhooks: ['orders'],
    to: ['crm'],
    events: ['record.created', 'record.updated', 'webhook.received'],
  })
})

test('what came from outside of the file is named, never shown', async () => {
  const env = { WHEN: 'data.secret_field == 1', BODY: '{{data.secret_field}}', HOOK: 'secret-hook' }
  const { lines } = await world('webhooks: [orders, "${HOOK}"], to: crm, when: "${WHEN}", body: "${BODY}"', { env })
  expect(lines.join('\n')).not.toContain('secret')
  const { lines: single } = await world('webhooks: orders, to: crm, when: "${WHEN}", body: "${BODY}"', { env })
  expect(single).toEqual([
    'c.yaml:8:56 subscriptions.s.when: the value of ${WHEN} is no expression that fits the events here',
    'c.yaml:8:73 subscriptions.s.body: the value of ${BODY} has a {{path}} that no event here can have',
  ])
})

test('a webhook whose chain has a fault is blamed for that alone', async () => {
  const yaml = `version: 1
webhooks: { a: { path: /a, chain: [{ auth-none: { reason: x } }, { upsrt: { entity: e } }, dispatch] } }
destinations: { d: { url: "https://d.example" } }
subscriptions: { s: { webhooks: a, to: d, events: [webhook.received], when: data.x == 1 && custom_variables.y == 2 } }
`
  expect((await loadWorld({ files: { 'c.yaml': yaml }, builtins })).lines).toEqual([
    "c.yaml:2:68 webhooks.a.chain[1]: there is no plugin 'upsrt' — did you mean 'upsert'?",
  ])
})
