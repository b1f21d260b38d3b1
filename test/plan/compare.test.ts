// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is the syntax under test
/** What each change of a configuration means. */
import { describe, expect, test } from 'bun:test'
import { definePlugin, type Phase, Type } from '#core/plugin.ts'
import { BASE, changes, type Edits, edited, told } from './fixture.ts'

type Row = [what: string, edits: Edits, ...changes: string[]]
const chain = 'webhooks.orders.chain'
const hmac = '      - auth-hmac: { secrets: ["${KEY}", "${secret:OLD_KEY}"], preset: stripe }\n      - replay-window: { tolerance: 5m }\n'
const window = '      - replay-window: { tolerance: 5m }\n'

const any = (ways: string) => `- auth-any: { of: [${ways}] }`

const senders: Row[] = [
  ['a path', [['path: /orders', 'path: /v2/orders']], 'breaking path-changed webhooks.orders.path'],
  ['a method less', [['[POST, PUT]', '[POST]']], 'breaking method-removed webhooks.orders.methods'],
  ['a method more', [['[POST, PUT]', '[POST, PATCH, PUT]']], 'notice method-added webhooks.orders.methods'],
  ['methods in another order', [['[POST, PUT]', '[PUT, POST]']]],
  ['another host', [['[a.example.com]', '[b.example.com]']], 'breaking host-removed webhooks.orders.host'],
  ['one host more', [['[a.example.com]', '[b.example.com, A.example.com]']], 'notice host-added webhooks.orders.host'],
  ['any host', [['    host: [a.example.com]\n', '']], 'notice host-added webhooks.orders.host'],
  ['a smaller body', [['256KiB', '64KiB']], 'breaking body-limit-lowered webhooks.orders.bodyLimit'],
  ['a larger body', [['256KiB', '1MiB']], 'notice body-limit-raised webhooks.orders.bodyLimit'],
  ['turned off', [['bodyLimit', 'active: false\n    bodyLimit']], 'breaking webhook-off webhooks.orders.active'],
  [
    'a webhook gone that a subscription still names',
    [['  forms:\n    path: /forms/{token}\n    chain:\n      - auth-url-token\n      - dispatch\n', '']],
    'breaking webhook-removed webhooks.forms',
    'breaking webhook-still-subscribed subscriptions.to-crm.webhooks[1]',
  ],
  [
    'a webhook of another name, with tokens for the old one',
    [
      ['  forms:', '  contact:'],
      ['[orders, forms]', '[orders, contact]'],
    ],
    'breaking webhook-renamed webhooks.contact',
  ],
  [
    'a webhook of another name',
    [
      ['  orders:', '  sales:'],
      ['[orders, forms]', '[sales, forms]'],
    ],
    'notice webhook-renamed webhooks.sales',
  ],
  [
    'a webhook of another name that has lost its signature',
    [
      ['  orders:', '  sales:'],
      ['[orders, forms]', '[sales, forms]'],
      [hmac, '      - auth-bearer: { keys: ["${KEY}"] }\n'],
    ],
    'security verification-weakened webhooks.sales.chain[1].auth-bearer',
    `security step-removed ${chain}[2].replay-window`,
    'notice webhook-renamed webhooks.sales',
  ],
  ['another status of success', [['status: 201', 'status: 200']], 'breaking success-status-changed dialects.shop.success.status'],
  ['a field less in the answer', [[', ok: true', '']], 'breaking answer-changed dialects.shop.success.body'],
  ['a field more in the answer', [[', ok: true', ', ok: true, n: 1']], 'notice answer-extended dialects.shop.success.body'],
  ['another status of a refusal', [['status: 400', 'status: 409']], 'breaking refusal-changed dialects.shop.codes.VALIDATION_FAILED'],
  [
    'the built-in dialect',
    [['    dialect: shop\n', '']],
    'breaking answer-changed webhooks.orders.dialect',
    'breaking success-status-changed webhooks.orders.dialect',
    'breaking answer-changed webhooks.orders.dialect',
    'breaking success-status-changed webhooks.orders.dialect',
    'breaking answer-changed webhooks.orders.dialect',
    'breaking refusal-changed webhooks.orders.dialect',
    'notice dialect-changed webhooks.orders.dialect',
  ],
  ['a field that is required', [['required: [id]', 'required: [id, total]']], 'breaking schema-narrowed entities.order.schema'],
  [
    'a field that may be more',
    [['total: { type: number }', 'total: { type: [number, string] }']],
    'notice schema-widened entities.order.schema',
  ],
  [
    'a field that no one can judge',
    [['total: { type: number }', 'total: { type: number, multipleOf: 0.1 }']],
    'breaking schema-unclear entities.order.schema',
  ],
  ['unknown keys refused', [['unknown: drop', 'unknown: reject']], 'breaking unknown-rejected entities.order.unknown'],
  ['another mapping', [['{ nr: id }', '{ number: id }']], `breaking fields-mapped-otherwise ${chain}[5].mapping.fields`],
  ['one field more in the mapping', [['{ nr: id }', '{ nr: id, sum: total }']], `notice setting-changed ${chain}[5].mapping.fields`],
  ['a variable gone', [['{ plan: plan }', '{}']], `breaking fields-mapped-otherwise ${chain}[5].mapping.variables`],
  ['a quota of fewer records', [['records: 1000', 'records: 100']], `breaking quota-lowered ${chain}[4].quota.records`],
  ['a slower rate', [['per: 1s', 'per: 2s']], `breaking quota-lowered ${chain}[4].quota.rate`],
  ['a higher quota', [['records: 1000', 'records: 2000']], `notice setting-changed ${chain}[4].quota.records`],
  [
    'a key that was optional',
    [['      - auth-url-token\n', '      - auth-url-token\n      - idempotency: { required: true }\n']],
    'breaking more-required webhooks.forms.chain[1].idempotency',
    'notice step-added webhooks.forms.chain[1].idempotency',
  ],
  [
    'a key under another header',
    [['required: true, ttl', 'required: true, header: X-Key, ttl']],
    ...[`breaking key-elsewhere ${chain}[3].idempotency.header`, `breaking more-required ${chain}[3].idempotency`],
  ],
  [
    'another scheme',
    [['preset: stripe', 'preset: slack']],
    ...[`breaking scheme-changed ${chain}[1].auth-hmac.preset`, `breaking more-required ${chain}[1].auth-hmac`],
  ],
  ['HTTPS required', [['requireHttps: true', 'requireHttps: true']]],
  ['another address', [['//hooks.', '//in.']], 'breaking public-url-changed server.publicUrl'],
  ['another database', [['"${DATABASE_URL}"', 'postgres://u:p@db/x']], 'breaking store-changed store.url'],
]

const security: Row[] = [
  [
    'no signature any more',
    [[hmac, '      - auth-none: { reason: x }\n']],
    `security verification-weakened ${chain}[1].auth-none`,
    `security step-removed ${chain}[2].replay-window`,
  ],
  [
    'a bearer key instead of a signature',
    [[hmac, '      - auth-bearer: { keys: ["${KEY}"] }\n']],
    `security verification-weakened ${chain}[1].auth-bearer`,
    `security step-removed ${chain}[2].replay-window`,
  ],
  [
    'a bearer key beside the signature',
    [[window, `${window}      - auth-bearer: { keys: ["\${KEY}"] }\n`]],
    `breaking verification-added ${chain}[3].auth-bearer`,
  ],
  [
    'a signature instead of a token',
    [['      - auth-url-token\n', '      - auth-hmac: { secrets: ["${KEY}"], preset: github }\n']],
    'breaking verification-replaced webhooks.forms.chain[0].auth-hmac',
  ],
  [
    'a second way in, as strong',
    [['- auth-url-token', any('auth-url-token, { auth-bearer: { keys: ["${KEY}"] } }')]],
    'notice way-added webhooks.forms.chain[0].auth-any',
  ],
  [
    'a second way in, instead of the first',
    [['- auth-url-token', any('{ auth-bearer: { keys: ["${KEY}"] } }, { auth-bearer: { keys: ["${OTHER}"] } }')]],
    'breaking verification-replaced webhooks.forms.chain[0].auth-any',
  ],
  [
    'a second way in, weaker than the signature',
    [
      [
        hmac,
        `      ${any('{ auth-hmac: { secrets: ["${KEY}", "${secret:OLD_KEY}"], preset: stripe } }, { auth-bearer: { keys: ["${KEY}"] } }')}\n`,
      ],
    ],
    `security verification-weakened ${chain}[1].auth-any`,
    `security step-removed ${chain}[2].replay-window`,
  ],
  ['no replay-window', [[window, '']], `security step-removed ${chain}[2].replay-window`],
  ['a wider window', [['tolerance: 5m', 'tolerance: 1h']], `security window-widened ${chain}[2].replay-window.tolerance`],
  ['a narrower window', [['tolerance: 5m', 'tolerance: 1m']], `breaking window-narrowed ${chain}[2].replay-window.tolerance`],
  ['a weaker hash', [['preset: stripe', 'preset: stripe, algorithm: sha512']], `breaking scheme-changed ${chain}[1].auth-hmac.algorithm`],
  ['a secret less', [[', "${secret:OLD_KEY}"]', ']']], `breaking secret-removed ${chain}[1].auth-hmac.secrets`],
  ['a secret more', [['"${KEY}", ', '"${KEY}", "${NEW_KEY}", ']], `notice secret-added ${chain}[1].auth-hmac.secrets`],
  [
    'a secret in the file',
    [['"${KEY}", ', '"${KEY}", a-secret-that-everybody-reads, ']],
    `security secret-inline ${chain}[1].auth-hmac.secrets`,
    `notice secret-added ${chain}[1].auth-hmac.secrets`,
  ],
  ['no idempotency', [['      - idempotency: { required: true, ttl: 24h }\n', '']], `security step-removed ${chain}[3].idempotency`],
  ['keys for an hour', [['ttl: 24h', 'ttl: 1h']], `security keys-forgotten-sooner ${chain}[3].idempotency.ttl`],
  [
    'a used key that hides another request',
    [['ttl: 24h', 'onMismatch: replay']],
    `security mismatch-replayed ${chain}[3].idempotency.onMismatch`,
  ],
  ['what is the default, written down', [['ttl: 24h', 'onMismatch: refuse']], `notice setting-changed ${chain}[3].idempotency.onMismatch`],
  ['an optional key', [['required: true', 'required: false']], `security key-optional ${chain}[3].idempotency.required`],
  ['more addresses', [['192.0.2.0/24', '192.0.0.0/16']], `security addresses-widened ${chain}[0].ip-allow.allow`],
  ['fewer addresses', [['192.0.2.0/24', '192.0.2.7']], `breaking addresses-narrowed ${chain}[0].ip-allow.allow`],
  ['every address', [['      - ip-allow: { allow: [192.0.2.0/24] }\n', '']], `security step-removed ${chain}[0].ip-allow`],
  ['no limit', [['      - quota: { records: 1000, rate: { limit: 10, per: 1s } }\n', '']], `security step-removed ${chain}[4].quota`],
  ['one limit gone', [['records: 1000, ', '']], `security quota-removed ${chain}[4].quota.records`],
  ['plain HTTP', [['requireHttps: true', 'requireHttps: false']], 'security https-optional server.requireHttps'],
  ['more proxies', [['10.0.0.0/16', '10.0.0.0/8']], 'security proxies-widened server.trustedProxies'],
  ['fewer proxies', [['10.0.0.0/16', '10.0.0.0/24']], 'breaking proxies-narrowed server.trustedProxies'],
  [
    'private receivers for all',
    [['  requireHttps', '  allowedCidrs: [10.1.0.0/16]\n  requireHttps']],
    'security reach-widened server.allowedCidrs',
  ],
  [
    'private receivers for one',
    [['    ordered', '    allowPrivate: true\n    ordered']],
    'security reach-widened destinations.crm.allowPrivate',
  ],
  ['the admin API for all', [['host: 127.0.0.1', 'host: 0.0.0.0']], 'security admin-opened admin.host'],
  ['the admin token in the file', [['"${ADMIN_TOKEN}"', 'a-token-that-everybody-reads']], 'security secret-inline admin.token'],
  ['nothing masked', [['mask: [card]', 'mask: []']], 'security mask-removed webhooks.orders.capture.mask'],
  ['samples for a day', [['requests: 7d', 'requests: 1d']], 'security retention-shortened retention.requests'],
  ['samples for a year', [['requests: 7d', 'requests: 365d']]],
  ['whatever a sender adds', [['unknown: drop', 'unknown: keep']], 'security unknown-kept entities.order.unknown'],
  [
    'a new webhook without a credential',
    [['  forms:', '  open:\n    path: /open\n    chain: [auth-none: { reason: x }, dispatch]\n  forms:']],
    'security webhook-open webhooks.open.chain[0].auth-none',
    'notice webhook-added webhooks.open',
  ],
]

const receivers: Row[] = [
  [
    'no subscription',
    [['subscriptions:\n  to-crm:\n    webhooks: [orders, forms]\n    when: event.type != "x"\n    to: [crm]\n', '']],
    'breaking subscription-removed subscriptions.to-crm',
  ],
  ['a webhook less', [['[orders, forms]', '[orders]']], 'breaking webhooks-removed subscriptions.to-crm.webhooks'],
  ['webhooks in another order', [['[orders, forms]', '[forms, orders]']]],
  [
    'a kind of event less',
    [['to: [crm]', 'to: [crm]\n    events: [record.created]']],
    'breaking events-removed subscriptions.to-crm.events',
  ],
  ['another condition', [['!= "x"', '!= "y"']], 'breaking condition-changed subscriptions.to-crm.when'],
  ['no condition', [['    when: event.type != "x"\n', '']], 'notice condition-removed subscriptions.to-crm.when'],
  ['a body of its own', [['to: [crm]', 'to: [crm]\n    body: { t: "{{event.type}}" }']], 'breaking body-changed subscriptions.to-crm.body'],
  ['another receiver', [['crm.example.com', 'new.example.com']], 'breaking url-changed destinations.crm.url'],
  [
    'another name of the destination, in one place alone',
    [['  crm:', '  new-crm:']],
    'breaking destination-still-subscribed subscriptions.to-crm.to[0]',
    'breaking destination-removed destinations.crm',
    'notice destination-added destinations.new-crm',
  ],
  ['no order', [['ordered: true', 'ordered: false']], 'breaking order-lost destinations.crm.ordered'],
  ['fewer attempts', [['attempts: 10', 'attempts: 3']], 'breaking retry-shortened destinations.crm.retry'],
  ['shorter waits', [['backoff: 5s', 'backoff: 1s']], 'breaking retry-shortened destinations.crm.retry'],
  ['more attempts', [['attempts: 10', 'attempts: 12']]],
  ['no signature', [['    secrets: ["${CRM_SECRET}"]\n', '']], 'security signature-removed destinations.crm.secrets'],
  ['another key', [['${CRM_SECRET}', '${CRM_KEY}']], 'breaking secret-removed destinations.crm.secrets'],
  ['CloudEvents', [['    ordered', '    cloudEvents: binary\n    ordered']], 'breaking format-changed destinations.crm.cloudEvents'],
  [
    'no event at all',
    [
      ['idField: id }\n      - dispatch', 'idField: id }'],
      ['[orders, forms]', '[forms]'],
    ],
    ...[`breaking step-removed ${chain}[8].dispatch`, 'breaking webhooks-removed subscriptions.to-crm.webhooks'],
  ],
  ['another entity', [['upsert: { entity: order', 'upsert: { entity: sale']], `breaking entity-changed ${chain}[7].upsert.entity`],
]

for (const [whom, rows] of Object.entries({ senders, security, receivers }))
  describe(`for ${whom}:`, () => {
    test.each(rows)('%s', async (_, edits, ...expected) => {
      expect(await told(edits)).toEqual(expected)
    })
  })

describe('nothing changes', () => {
  test.each<[string, Edits]>([
    ['by the same text', []],
    [
      'by another style',
      [['requireHttps: true\n  trustedProxies: [10.0.0.0/16]', '"trustedProxies":\n    - "10.0.0.0/16"\n  requireHttps: true # on']],
    ],
    ['by the order of the keys', [['{ records: 1000, rate: { limit: 10, per: 1s } }', '{ rate: { per: 1s, limit: 10 }, records: 1000 }']]],
    ['by another unit', [['ttl: 24h', 'ttl: 1d']]],
    ['by a default that is written down', [['bodyLimit: 256KiB', 'bodyLimit: 256KiB\n    active: true']]],
  ])('%s', async (_, edits) => {
    expect(await told(edits)).toEqual([])
  })
})

describe('what is told', () => {
  test('names both values, in the words of the file, and the place in the new one', async () => {
    const [change] = await changes(BASE, edited(BASE, [['ttl: 24h', 'ttl: 90m']]))
    expect(change).toMatchObject({ section: 'webhooks', name: 'orders', from: '1d', to: '90m', in: 'new', at: { line: 25, column: 45 } })
    expect(change?.cure).toBeString()
  })

  test('of what is gone, the place in the old one', async () => {
    const [change] = await changes(BASE, edited(BASE, [[window, '']]))
    expect(change).toMatchObject({ rule: 'step-removed', in: 'old', at: { line: 24, column: 9 } })
  })

  test('has no secret, not even one of a URL', async () => {
    const open = edited(BASE, [
      ['"${KEY}", ', 'qz-inline-secret-of-the-file, '],
      ['https://crm.example.com/hooks', 'https://crm.example.com/hooks?key=qz-in-the-query'],
      ['"${DATABASE_URL}"', 'postgres://u:qz-password@db/x'],
      ['["${CRM_SECRET}"]', '[qz-of-the-receiver-too]'],
      ['"${ADMIN_TOKEN}"', 'qz-admin-token-for-all'],
    ])
    for (const [a, b] of [
      [BASE, open],
      [open, BASE],
      [open, open.replaceAll('qz-', 'qz-other-')],
    ] as const) {
      const text = JSON.stringify(await changes(a, b))
      expect(text).toContain('destinations.crm')
      expect(text).not.toContain('qz-')
    }
  })

  test('of an unset variable is its name', async () => {
    const [change] = await changes(BASE, edited(BASE, [['https://crm.example.com/hooks', '${CRM_URL}']]))
    expect([change?.from, change?.to]).toEqual(['https://crm.example.com/hooks', '${CRM_URL}'])
  })

  test('of a secret in the file, when its value alone is another', async () => {
    const inline = edited(BASE, [['"${KEY}", "${secret:OLD_KEY}"', 'a-secret-of-the-file-itself']])
    const [change, ...more] = await changes(inline, inline.replace('of-the-file', 'in-the-file'))
    expect([change?.rule, change?.from, more]).toEqual(['secret-changed', '[$SECRET]', []])
  })
})

const mine = (name: string, phase: Phase, more: object = {}) =>
  definePlugin({
    name,
    phase,
    summary: 'Does something.',
    config: Type.Object({ n: Type.Integer({ default: 1 }) }, { additionalProperties: false }),
    refusals: {},
    compile: () => () => undefined,
    ...more,
  })

describe('a plugin of one’s own', () => {
  const fails = () => {
    throw new Error('no sender')
  }
  const plugins = [mine('mine', 'shape', { sender: fails }), mine('own-auth', 'verify')]
  const rows: [string, Edits, Edits, string[]][] = [
    [
      'with another setting',
      [['- mapping', '- mine: { n: 1 }\n      - mapping']],
      [['- mapping', '- mine: { n: 2 }\n      - mapping']],
      ['notice setting-changed webhooks.orders.chain[5].mine.n'],
    ],
    ['that is new', [], [['- mapping', '- mine\n      - mapping']], ['notice step-added webhooks.orders.chain[5].mine']],
    [
      'that verified',
      [['- auth-url-token', '- own-auth']],
      [['- auth-url-token', '- auth-none: { reason: x }']],
      ['security verification-weakened webhooks.forms.chain[0].auth-none'],
    ],
    [
      'that verifies instead of a signature',
      [],
      [[hmac, '      - own-auth\n']],
      [`security verification-weakened ${chain}[1].own-auth`, `security step-removed ${chain}[2].replay-window`],
    ],
  ]
  test.each(rows)('%s', async (_, before, after, expected) => {
    const found = await changes(edited(BASE, before), edited(BASE, after), plugins)
    expect(found.map(({ severity, rule, path }) => `${severity} ${rule} ${path}`)).toEqual(expected)
  })
})

describe('ways of auth-any', () => {
  const ways = (text: string) => edited(BASE, [['- auth-url-token', any(`auth-url-token, { auth-bearer: { keys: ["\${KEY}"] } }${text}`)]])
  const one = ', { auth-bearer: { keys: ["${ONE}"] } }'
  test.each<[string, string, string, string[]]>([
    ['one more', '', one, ['notice way-added']],
    ['one less', one, '', ['breaking verification-replaced']],
    ['another one', one, one.replace('ONE', 'TWO'), ['breaking verification-replaced']],
    ['a weaker one', '', ', { ip-allow: { allow: [192.0.2.1] } }', ['security verification-weakened', 'notice way-added']],
  ])('%s', async (_, before, after, expected) => {
    expect((await changes(ways(before), ways(after))).map(({ severity, rule }) => `${severity} ${rule}`)).toEqual(expected)
  })
})
