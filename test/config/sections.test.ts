/** Every section but the chains: unknown names, wrong types, ranges, formats, and rules between settings. */
import { expect, test } from 'bun:test'
import { hook, loadWorld, type Row, table, top } from './fixture.ts'

export const unknownAndWrong: Row[] = [
  ['an unknown section', top('webhoks: {}'), `c.yaml:2:1 webhoks: unknown setting 'webhoks' — did you mean 'webhooks'?`],
  [
    'a section that resembles nothing',
    top('zzz: {}'),
    `c.yaml:2:1 zzz: unknown setting 'zzz'; known are version, server, store, redis, admin, retention, secrets, plugins, entities, webhooks, subscriptions, destinations, dialects`,
  ],
  ['an unknown setting', top('server: { ports: 1 }'), `c.yaml:2:11 server.ports: unknown setting 'ports' — did you mean 'port'?`],
  [
    'a setting in other letters',
    top('server: { publicURL: https://a.example }'),
    `c.yaml:2:11 server.publicURL: unknown setting 'publicURL' — did you mean 'publicUrl'?`,
  ],
  [
    'an unknown setting of a webhook',
    hook('path: /a', 'bodylimit: 1MB'),
    `c.yaml:6:5 webhooks.a.bodylimit: unknown setting 'bodylimit' — did you mean 'bodyLimit'?`,
  ],
  ['a version that is not known', 'version: 2\n', 'c.yaml:1:10 version: expected 1, got the number 2'],
  ['a version as text', 'version: "1"\n', `c.yaml:1:10 version: expected 1, got text: remove the quotes`],
  ['a text where a map is wanted', top('server: 8080'), 'c.yaml:2:9 server: expected a map, got a number'],
  ['a list where a map is wanted', top('webhooks: [a]'), 'c.yaml:2:11 webhooks: expected a map, got a list'],
  ['a map where a text is wanted', top('store: { url: { a: 1 } }'), 'c.yaml:2:15 store.url: expected text, got a map'],
  ['a text where a list is wanted', top('plugins: ./geo.ts'), 'c.yaml:2:10 plugins: expected a list, got text'],
  ['nothing where a list is wanted', top('plugins:'), 'c.yaml:2:9 plugins: expected a list, got nothing'],
  ['nothing where a map is wanted', top('server:\nwebhooks:\nentities:')],
  [
    'a name with a space',
    top('entities: { "a b": {} }'),
    `c.yaml:2:13 entities["a b"]: the name 'a b' must match ^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$`,
  ],
  [
    'a name that begins with a hyphen',
    top('webhooks: { -a: { path: /a, chain: [{ auth-none: { reason: x } }] } }'),
    `c.yaml:2:13 webhooks.-a: the name '-a' must match ^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$`,
  ],
  [
    'an empty name',
    top('webhooks: { "": { path: /a, chain: [{ auth-none: { reason: x } }] } }'),
    `c.yaml:2:13 webhooks[""]: the name '' must match ^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$`,
  ],
  ['a name of digits', top('entities: { 2026: {} }')],
  [
    'many at once, in order',
    top('admin: { port: x }\nserver: { port: 70000, host: 1, tls: {} }\nredis: [a]'),
    'c.yaml:2:16 admin.port: expected a whole number, got text',
    'c.yaml:3:17 server.port: must be at most 65535',
    'c.yaml:3:30 server.host: expected text, got the number 1: quote it: "1"',
    'c.yaml:3:33 server.tls.cert: is missing: expected text',
    'c.yaml:4:8 redis: expected a map, got a list',
  ],
]

export const values: Row[] = [
  ['a port too large', top('server: { port: 65536 }'), 'c.yaml:2:17 server.port: must be at most 65535'],
  ['a port below 0', top('server: { port: -1 }'), 'c.yaml:2:17 server.port: must be at least 0'],
  ['half a port', top('server: { port: 80.5 }'), 'c.yaml:2:17 server.port: expected a whole number, got the number 80.5'],
  ['a port as text', top('server: { port: "8080" }'), 'c.yaml:2:17 server.port: expected a whole number, got text: remove the quotes'],
  ['one port for both', top('server: { port: 9090 }'), 'c.yaml:2:17 server.port: senders and operators cannot share port 9090: change one'],
  [
    'a duration without a unit',
    top('server: { drainDelay: 5 }'),
    'c.yaml:2:23 server.drainDelay: expected a duration such as 300ms, 30s, 5m, 24h or 7d, got the number 5: add a unit',
  ],
  [
    'a duration with an unknown unit',
    top('server: { drainDelay: 5sec }'),
    `c.yaml:2:23 server.drainDelay: expected a duration such as 300ms, 30s, 5m, 24h or 7d, got '5sec'`,
  ],
  [
    'a duration as boolean',
    top('server: { drainDelay: true }'),
    'c.yaml:2:23 server.drainDelay: expected a duration such as 300ms, 30s, 5m, 24h or 7d, got true',
  ],
  ['a duration below the least', top('server: { requestTimeout: 10ms }'), 'c.yaml:2:27 server.requestTimeout: must be at least 100ms'],
  [
    'a body timeout above the request timeout',
    top('server: { bodyTimeout: 9s }'),
    'c.yaml:2:24 server.bodyTimeout: must be at most server.requestTimeout, which is a limit for the whole request',
  ],
  ['a body timeout that nobody wrote', top('server: { requestTimeout: 3s }')],
  [
    'a size without a unit',
    hook('path: /a', 'bodyLimit: 1024'),
    'c.yaml:6:16 webhooks.a.bodyLimit: expected a size such as 256KiB or 1MB, got the number 1024: add a unit',
  ],
  [
    'a size with an unknown unit',
    hook('path: /a', 'bodyLimit: 1GB'),
    `c.yaml:6:16 webhooks.a.bodyLimit: expected a size such as 256KiB or 1MB, got '1GB'`,
  ],
  ['a size above the most', hook('path: /a', 'bodyLimit: 101MiB'), 'c.yaml:6:16 webhooks.a.bodyLimit: must be at most 100MiB'],
  ['a size of nothing', hook('path: /a', 'bodyLimit: 0B'), 'c.yaml:6:16 webhooks.a.bodyLimit: must be at least 1B'],
  [
    'a public URL without scheme',
    top('server: { publicUrl: hooks.example.com }'),
    'c.yaml:2:22 server.publicUrl: must be an absolute URL without query, such as https://hooks.example.com',
  ],
  [
    'a public URL of another scheme',
    top('server: { publicUrl: ftp://hooks.example.com }'),
    'c.yaml:2:22 server.publicUrl: must be an absolute URL without query, such as https://hooks.example.com',
  ],
  [
    'a public URL with a query',
    top('server: { publicUrl: "https://hooks.example.com/?a=1" }'),
    'c.yaml:2:22 server.publicUrl: must be an absolute URL without query, such as https://hooks.example.com',
  ],
  ['proxies', top('server: { trustedProxies: [10.0.0.0/8, 192.0.2.1, "2001:db8::/32", "::1"] }')],
  [
    'proxies that are none',
    top('server: { trustedProxies: [10.0.0.0/33, 10.1, proxy.example.com, "fe80::1%eth0", 10.0.0.0/8/8, "::/129"] }'),
    'c.yaml:2:28 server.trustedProxies[0]: must be an address or a CIDR range, such as 10.0.0.0/8 or 2001:db8::1',
    'c.yaml:2:41 server.trustedProxies[1]: expected text, got the number 10.1: quote it: "10.1"',
    'c.yaml:2:47 server.trustedProxies[2]: must be an address or a CIDR range, such as 10.0.0.0/8 or 2001:db8::1',
    'c.yaml:2:66 server.trustedProxies[3]: must be an address or a CIDR range, such as 10.0.0.0/8 or 2001:db8::1',
    'c.yaml:2:82 server.trustedProxies[4]: must be an address or a CIDR range, such as 10.0.0.0/8 or 2001:db8::1',
    'c.yaml:2:96 server.trustedProxies[5]: must be an address or a CIDR range, such as 10.0.0.0/8 or 2001:db8::1',
  ],
  [
    'a brand that is no header',
    top('server: { brand: "My Brand" }'),
    'c.yaml:2:18 server.brand: must match ^[A-Za-z][A-Za-z0-9]*(-[A-Za-z0-9]+)*$, such as Postern',
  ],
  [
    'TLS files that are not there',
    top('server: { tls: { cert: tls/a.pem, key: /nowhere/b.pem } }'),
    `c.yaml:2:24 server.tls.cert: the file 'tls/a.pem' cannot be read: there is no such file`,
    `c.yaml:2:40 server.tls.key: the file '/nowhere/b.pem' cannot be read: there is no such file`,
  ],
  [
    'TLS files that are there',
    { files: { 'c.yaml': top('server: { tls: { cert: a.pem, key: ./b.pem } }'), 'a.pem': 'x', 'b.pem': 'x' }, path: 'c.yaml' },
  ],
  [
    'TLS without a key',
    { files: { 'c.yaml': top('server: { tls: { cert: a.pem } }'), 'a.pem': 'x' }, path: 'c.yaml' },
    'c.yaml:2:11 server.tls.key: is missing: expected text',
  ],
  [
    'a store of another kind',
    top('store: { url: mysql://localhost/a }'),
    'c.yaml:2:15 store.url: must be postgres://user:password@host/database, pglite://FOLDER or pglite://memory',
  ],
  [
    'a store without a folder',
    top('store: { url: "pglite://" }'),
    'c.yaml:2:15 store.url: must be postgres://user:password@host/database, pglite://FOLDER or pglite://memory',
  ],
  [
    'Redis of another kind',
    top('redis: { url: http://localhost }'),
    'c.yaml:2:15 redis.url: must be redis://host:6379 or rediss://host:6380, or empty for none',
  ],
  [
    'a master key that is too short',
    top('secrets: { masterKey: YWJj }'),
    'c.yaml:2:23 secrets.masterKey: must be 32 bytes in base64, such as `openssl rand -base64 32` prints, or empty for none',
  ],
  ['a good master key', top('secrets: { masterKey: "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=" }')],
  [
    'a number as a secret does not show',
    top('admin: { token: 1234567890123456 }'),
    'c.yaml:2:17 admin.token: expected text: put it in quotes',
  ],
  [
    'a short admin token',
    top('admin: { token: abc }'),
    'c.yaml:2:17 warning: admin.token: has fewer than 16 bytes: take a longer one, such as `openssl rand -hex 32` prints',
  ],
  ['an empty admin token', top('admin: { token: "" }')],
]

export const paths: Row[] = [
  ['no slash', hook('path: a'), 'c.yaml:5:11 webhooks.a.path: must begin with a slash'],
  ['a query', hook('path: /a?b=1'), 'c.yaml:5:11 webhooks.a.path: must be a path alone: remove the query or fragment'],
  ['a fragment', hook('path: "/a#b"'), 'c.yaml:5:11 webhooks.a.path: must be a path alone: remove the query or fragment'],
  ['two slashes', hook('path: /a//b'), 'c.yaml:5:11 webhooks.a.path: must not have // in it: remove one slash'],
  [
    'a stray percent sign',
    hook('path: /a%zz'),
    'c.yaml:5:11 webhooks.a.path: has a % that no two hex digits follow: write %25 for a percent sign',
  ],
  ['an encoded character', hook('path: /a%20b')],
  [
    'a parameter as a part of a segment',
    hook('path: "/a/x{token}"'),
    'c.yaml:5:11 webhooks.a.path: may have a parameter only as a whole segment, such as /orders/{token}',
  ],
  [
    'a parameter without a name',
    hook('path: "/a/{}"'),
    'c.yaml:5:11 webhooks.a.path: may have a parameter only as a whole segment, such as /orders/{token}',
  ],
  ['a parameter twice', hook('path: "/{a}/{a}"'), 'c.yaml:5:11 webhooks.a.path: must not have the parameter {a} here: rename it'],
  [
    'a parameter of the prototype',
    hook('path: "/{__proto__}"'),
    'c.yaml:5:11 webhooks.a.path: must not have the parameter {__proto__} here: rename it',
  ],
  ['a parameter in the style of others', hook('path: /a/:id'), `c.yaml:5:11 webhooks.a.path: has ':id': write a parameter as {id}`],
  ['a wildcard', hook('path: "/a/*"'), 'c.yaml:5:11 webhooks.a.path: must not have a wildcard: write a parameter such as {name}'],
  ['a dot segment', hook('path: /a/../b'), `c.yaml:5:11 webhooks.a.path: must not have the segment '..': no client would send it`],
  ['letters beyond ASCII', hook('path: /größe'), 'c.yaml:5:11 webhooks.a.path: must be plain ASCII: write other characters as %XX'],
  ['the root', hook('path: /')],
  ['/livez', hook('path: /livez'), 'c.yaml:5:11 webhooks.a.path: is a path of Postern itself: choose another'],
  ['/readyz', hook('path: /readyz'), 'c.yaml:5:11 webhooks.a.path: is a path of Postern itself: choose another'],
  ['/openapi.json', hook('path: /openapi.json'), 'c.yaml:5:11 webhooks.a.path: is a path of Postern itself: choose another'],
  ['/docs', hook('path: /docs'), 'c.yaml:5:11 webhooks.a.path: is a path of Postern itself: choose another'],
  ['below /docs', hook('path: /docs/a'), 'c.yaml:5:11 webhooks.a.path: is a path of Postern itself: choose another'],
  ['beside /docs', hook('path: /docs-a')],
  ['no path', hook('summary: x'), 'c.yaml:3:3 webhooks.a.path: is missing: expected text'],
]

export const webhooks: Row[] = [
  [
    'a host with a scheme',
    hook('path: /a', 'host: https://acme.example.com'),
    'c.yaml:6:11 webhooks.a.host: must be a host name without scheme, port or wildcard, such as acme.example.com',
  ],
  [
    'a host with a port',
    hook('path: /a', 'host: [a.example.com, "a.example.com:8080"]'),
    'c.yaml:6:27 webhooks.a.host[1]: must be a host name without scheme, port or wildcard, such as acme.example.com',
  ],
  [
    'a wildcard host',
    hook('path: /a', 'host: "*.example.com"'),
    'c.yaml:6:11 webhooks.a.host: must be a host name without scheme, port or wildcard, such as acme.example.com',
  ],
  ['no host in the list', hook('path: /a', 'host: []'), 'c.yaml:6:5 webhooks.a.host: must have at least one item'],
  ['a host that is a number', hook('path: /a', 'host: 5'), 'c.yaml:6:11 webhooks.a.host: expected text or a list, got a number'],
  ['hosts in capitals', hook('path: /a', 'host: ACME.example.com')],
  [
    'an unknown method',
    hook('path: /a', 'methods: [POST, post, DELETE]'),
    `c.yaml:6:21 webhooks.a.methods[1]: expected 'POST', 'PUT', 'PATCH' or 'GET', got 'post' — did you mean 'POST'?`,
    `c.yaml:6:27 webhooks.a.methods[2]: expected 'POST', 'PUT', 'PATCH' or 'GET', got 'DELETE'`,
  ],
  ['a method twice', hook('path: /a', 'methods: [POST, POST]'), 'c.yaml:6:21 webhooks.a.methods[1]: is the same as item [0]: remove one'],
  ['no methods', hook('path: /a', 'methods: []'), 'c.yaml:6:5 webhooks.a.methods: must have at least one item'],
  ['an example that is a list', hook('path: /a', 'example: [1]'), 'c.yaml:6:14 webhooks.a.example: expected a map, got a list'],
  [
    'an unknown dialect',
    hook('path: /a', 'dialect: problme'),
    `c.yaml:6:14 webhooks.a.dialect: there is no dialect 'problme' — did you mean 'problem'?`,
  ],
  [
    'a dialect that resembles nothing',
    hook('path: /a', 'dialect: xyz'),
    `c.yaml:6:14 webhooks.a.dialect: there is no dialect 'xyz'; known are problem`,
  ],
  [
    'no chain and no path',
    top('webhooks:\n  a: {}'),
    'c.yaml:3:3 webhooks.a.path: is missing: expected text',
    'c.yaml:3:3 webhooks.a.chain: is missing: expected a list',
  ],
  [
    'nothing at all',
    top('webhooks:\n  a:'),
    'c.yaml:3:3 webhooks.a.path: is missing: expected text',
    'c.yaml:3:3 webhooks.a.chain: is missing: expected a list',
  ],
  [
    'one path',
    top('webhooks:\n  a: { path: /x, chain: [{ auth-none: { reason: x } }] }\n  b: { path: /x, chain: [{ auth-none: { reason: x } }] }'),
    `c.yaml:4:14 webhooks.b.path: 'b' would answer the same requests as 'a' at c.yaml:3:14: change its path, host or methods`,
  ],
  [
    'one path but for the names of parameters',
    top(
      'webhooks:\n  a: { path: "/{a}/x", chain: [{ auth-none: { reason: x } }] }\n  b: { path: "/{b}/x", active: false, chain: [{ auth-none: { reason: x } }] }',
    ),
    `c.yaml:4:14 webhooks.b.path: 'b' would answer the same requests as 'a' at c.yaml:3:14: change its path, host or methods`,
  ],
  [
    'one path with tokens',
    top(
      'webhooks:\n  a: { path: "/{token}", chain: [{ auth-none: { reason: x } }] }\n  b: { path: "/{token}", chain: [{ auth-none: { reason: x } }] }',
    ),
  ],
  [
    'one path with one token',
    top(
      'webhooks:\n  a: { path: "/{token}", chain: [{ auth-none: { reason: x } }] }\n  b: { path: "/{id}", chain: [{ auth-none: { reason: x } }] }',
    ),
    `c.yaml:4:14 webhooks.b.path: 'b' would answer the same requests as 'a' at c.yaml:3:14: change its path, host or methods`,
  ],
  [
    'one path under two hosts',
    top(
      'webhooks:\n  a: { path: /x, host: a.example, chain: [{ auth-none: { reason: x } }] }\n  b: { path: /x, host: b.example, chain: [{ auth-none: { reason: x } }] }',
    ),
  ],
  [
    'one path under any host and one',
    top(
      'webhooks:\n  a: { path: /x, chain: [{ auth-none: { reason: x } }] }\n  b: { path: /x, host: [B.example], chain: [{ auth-none: { reason: x } }] }',
    ),
    `c.yaml:4:14 webhooks.b.path: 'b' would answer the same requests as 'a' at c.yaml:3:14: change its path, host or methods`,
  ],
  [
    'one path under one host in other letters',
    top(
      'webhooks:\n  a: { path: /x, host: b.EXAMPLE, chain: [{ auth-none: { reason: x } }] }\n  b: { path: /x, host: [a.example, B.example], chain: [{ auth-none: { reason: x } }] }',
    ),
    `c.yaml:4:14 webhooks.b.path: 'b' would answer the same requests as 'a' at c.yaml:3:14: change its path, host or methods`,
  ],
  [
    'one path, and a step that answers the method of the other',
    top(
      'webhooks:\n  a: { path: /x, methods: [GET], chain: [{ auth-none: { reason: x } }] }\n  b: { path: /x, chain: [greet, { auth-none: { reason: x } }] }',
    ),
    `c.yaml:4:14 webhooks.b.path: 'b' would answer the same requests as 'a' at c.yaml:3:14: change its path, host or methods`,
  ],
  [
    'the path where another one is asked',
    top(
      'webhooks:\n  a: { path: /x, verify: true, chain: [{ auth-none: { reason: x } }] }\n  b: { path: /x/verify, chain: [{ auth-none: { reason: x } }] }',
    ),
    `c.yaml:4:14 webhooks.b.path: 'b' would answer the same requests as 'a' at c.yaml:3:14: change its path, host or methods`,
  ],
  [
    'one path with two methods',
    top(
      'webhooks:\n  a: { path: /x, methods: [PUT], chain: [{ auth-none: { reason: x } }] }\n  b: { path: /x, chain: [{ auth-none: { reason: x } }] }',
    ),
  ],
]

for (const rows of [unknownAndWrong, values, paths, webhooks]) table(rows)

test('what an empty file means', async () => {
  const { config } = await loadWorld({ files: { 'c.yaml': 'version: 1\n' } })
  expect(config).toMatchObject({
    server: {
      port: 8080,
      host: '0.0.0.0',
      trustedProxies: [],
      requireHttps: false,
      brand: 'Postern',
      drainDelay: 5000,
      bodyTimeout: 8000,
      requestTimeout: 8000,
    },
    store: { url: 'pglite://./.postern/data' },
    redis: { url: '' },
    admin: { port: 9090, host: '127.0.0.1', token: '' },
    retention: { events: 2_592_000_000, deliveries: 2_592_000_000, requests: 604_800_000 },
    secretValues: [],
  })
  expect(config && [...config.dialects.keys()]).toEqual(['problem'])
  expect(config && 'publicUrl' in config.server).toBe(false)
})

test('what a webhook means', async () => {
  const { config, folder } = await loadWorld({ files: { 'c.yaml': hook('path: "/a/{token}"', 'host: ACME.example.com', 'summary: S') } })
  const webhook = config?.webhooks.get('a')
  expect(webhook).toMatchObject({
    name: 'a',
    summary: 'S',
    path: '/a/{token}',
    host: ['acme.example.com'],
    methods: ['POST'],
    bodyLimit: 262_144,
    capture: { last: 100, body: 16_384, mask: [] },
    active: true,
    dialect: 'problem',
    at: { file: `${folder}/c.yaml`, line: 3, column: 3 },
  })
  expect(webhook && 'closed' in webhook).toBe(false)
  expect(webhook?.chain.map(item => item.plugin.name)).toEqual(['auth-none'])
})

test('a body timeout gives way to a shorter request timeout', async () => {
  const { config } = await loadWorld({ files: { 'c.yaml': top('server: { requestTimeout: 3s, publicUrl: "https://a.example/x//" }') } })
  expect(config?.server).toMatchObject({ bodyTimeout: 3000, requestTimeout: 3000, publicUrl: 'https://a.example/x' })
})

test('secret values are gathered, with the passwords of addresses', async () => {
  const yaml = `${hook('path: /a').replace('auth-none: { reason: x }', 'key: { keys: [0123456789abcdef, "$' + '{K}", "$' + '{K}"] }')}store: { url: "postgres://u:p%40ss@db/x?password=other" }\nredis: { url: "redis://:red@r" }\nadmin: { token: operator-operator }\ndestinations: { d: { url: "https://d.example", secrets: [signs-for-d-signs] } }\n`
  const { config } = await loadWorld({ files: { 'c.yaml': yaml }, env: { K: 'from-the-environment' } })
  expect([...(config?.secretValues ?? [])].sort()).toEqual([
    '0123456789abcdef',
    'from-the-environment',
    'operator-operator',
    'other',
    'p%40ss',
    'p@ss',
    'red',
    'signs-for-d-signs',
  ])
})
