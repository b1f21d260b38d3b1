/** Destinations as a careless or hostile hand writes them: kinds, URLs, headers, keys, bounds, retries. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is the syntax under test
import { expect, test } from 'bun:test'
import { Duration, defineDestination, Type } from '#core/plugin.ts'
import { loadWorld, top, type World } from './fixture.ts'

const open = () => ({ send: async () => ({ ok: true as const }) })
const closed = { additionalProperties: false }
const topic = Type.String({ description: 'Topic.' })

const kafka = defineDestination({
  name: 'kafka',
  summary: 'Publishes.',
  config: Type.Object({ topic, linger: Duration({ default: '5ms', description: 'Wait.' }) }, closed),
  open,
})

/** The destination `d` with these settings, which begin at 2:22. */
const world = (settings: string, more: Omit<World, 'files'> & { top?: string } = {}) =>
  loadWorld({ ...more, files: { 'c.yaml': top(`destinations: { d: { ${settings} } }\n${more.top ?? ''}`) } })

type Row = [settings: string, ...lines: string[]]

function table(what: string, rows: readonly Row[]): void {
  test.each(rows)(`${what}: %s`, async (settings, ...lines) => {
    const loaded = await world(settings)
    expect(loaded.lines).toEqual(lines.map(line => `c.yaml:${line}`))
    expect(loaded.config === undefined).toBe(lines.some(line => !line.includes(' warning: ')))
  })
}

const GOOD = 'url: "https://d.example"'
const url = (text: string): Row[0] => `url: "${text}"`

table('kinds', [
  [GOOD],
  [`type: http, ${GOOD}`],
  ['', '2:17 destinations.d.url: is missing: expected text'],
  [`type: htpp, ${GOOD}`, "2:28 destinations.d.type: there is no kind of destination 'htpp' — did you mean 'http'?"],
  [
    'type: kafka, topic: x',
    "2:28 destinations.d.type: there is no kind of destination 'kafka'; known are http; others are listed under plugins:",
  ],
  ['type: [http]', '2:28 destinations.d.type: expected the name of a kind of destination; known are http'],
  [`${GOOD}, secret: x`, "2:48 destinations.d.secret: unknown setting 'secret' — did you mean 'secrets'?"],
  [
    `${GOOD}, topic: x`,
    /* of no kind that is here */ "2:48 destinations.d.topic: unknown setting 'topic'; known are type, timeout, concurrency, rate, retry, ordered, disableAfter, cloudEvents, url, method, headers, secrets, allowPrivate",
  ],
])

const PRIVATE = 'is an address that is not public: set allowPrivate: true, or list its range under server.allowedCidrs'

table('URLs', [
  [url('https://crm.example.com:8443/hooks?tenant=1#x')],
  [url('crm.example.com'), '2:27 destinations.d.url: cannot be read: write it as https://host/path'],
  [url(''), '2:27 destinations.d.url: cannot be read: write it as https://host/path'],
  [url('ftp://d.example'), '2:27 destinations.d.url: is not of HTTP: begin it with https:// or http://'],
  [url('javascript:alert(1)'), '2:27 destinations.d.url: is not of HTTP: begin it with https:// or http://'],
  [
    url('https://user:hunter2@d.example'),
    '2:27 destinations.d.url: contains a user name or a password: set an Authorization header instead',
  ],
  [url('https://d.example:0'), '2:27 destinations.d.url: has the port 0, which cannot be connected to: write another, or none'],
  [url('https://8.8.8.8/x')],
  ...[
    '127.0.0.1',
    '10.1.2.3',
    '169.254.169.254',
    '0x7f.1',
    '2130706433',
    '[::1]',
    '[::ffff:10.0.0.1]',
    '[fd00::1]',
    '0.0.0.0',
    'localhost',
    'a.localhost.',
  ].map((host): Row => [url(`http://${host}/x`), `2:27 destinations.d.url: ${PRIVATE}`]),
  [`${url('http://127.0.0.1:9999/x')}, allowPrivate: true`],
])

test.each<[cidrs: string, host: string, ...lines: string[]]>([
  ['[10.1.0.0/16]', '10.1.2.3'],
  ['[10.1.0.0/16]', '10.2.2.3', `2:27 destinations.d.url: ${PRIVATE}`],
  ['["::1", 127.0.0.0/8]', 'localhost'],
  ['["fd00::/8"]', '[fd12::1]'],
  ['[10.1.0.0/33]', 'd.example', '3:26 server.allowedCidrs[0]: must be an address or a CIDR range, such as 10.0.0.0/8 or 2001:db8::1'],
  [
    '[10.0.0.0/8, "::ffff:10.0.0.0/104"]',
    'd.example',
    '3:38 server.allowedCidrs[1]: must be an address or a CIDR range of IPv4 or IPv6 proper, such as 10.0.0.0/8 or fd00::/8',
  ],
])('server.allowedCidrs: %s and %s', async (cidrs, host, ...lines) => {
  const { lines: found } = await world(url(`http://${host}/x`), { top: `server: { allowedCidrs: ${cidrs} }` })
  expect(found).toEqual(lines.map(line => `c.yaml:${line}`))
})

const header = (text: string) => `${GOOD}, headers: { ${text} }`
const ILLEGAL = 'has a name or a value that HTTP does not allow: write printable ASCII, without line breaks'
const OURS = 'is set by Postern itself: leave it out'

table('headers', [
  [header('Authorization: Bearer 0123456789, X-Env: prod, User-Agent: me')],
  [header('Host: x'), `2:65 destinations.d.headers.Host: ${OURS}`],
  [header('content-LENGTH: "1"'), `2:75 destinations.d.headers.content-LENGTH: ${OURS}`],
  [header('Transfer-Encoding: chunked'), `2:78 destinations.d.headers.Transfer-Encoding: ${OURS}`],
  [header('Webhook-Signature: x'), `2:78 destinations.d.headers.Webhook-Signature: ${OURS}`],
  [header('Content-Type: text/plain'), `2:73 destinations.d.headers.Content-Type: ${OURS}`],
  [header('"X A": x'), `2:66 destinations.d.headers["X A"]: ${ILLEGAL}`],
  [header('X-A: "a\\r\\nX-B: b"'), `2:64 destinations.d.headers.X-A: ${ILLEGAL}`],
  [header('X-A: "\\0"'), `2:64 destinations.d.headers.X-A: ${ILLEGAL}`],
  [header('X-A: 😀'), `2:64 destinations.d.headers.X-A: ${ILLEGAL}`],
  [header('X-A: a, x-a: b'), '2:72 destinations.d.headers.x-a: stands twice, in other letters: remove one'],
  [header('X-A: 1'), '2:64 destinations.d.headers.X-A: expected text: put it in quotes'],
])

const keys = (...texts: string[]) => `${GOOD}, secrets: [${texts.join(', ')}]`
const WEAK = 'has fewer than 16 bytes: take a longer one, such as `openssl rand -hex 32` prints'

table('signing keys', [
  [keys('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'any text that is long enough')],
  [
    keys('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS!'),
    '2:58 destinations.d.secrets[0]: begins with whsec_, but what follows is not base64: it was cut off or misspelt',
  ],
  [keys('0123456789abcdef', '"whsec_"'), '2:76 destinations.d.secrets[1]: is empty', `2:76 warning: destinations.d.secrets[1]: ${WEAK}`],
  [keys('x'), `2:58 warning: destinations.d.secrets[0]: ${WEAK}`],
  [keys('""'), '2:58 warning: destinations.d.secrets[0]: is empty: events for this destination wait until it is set'],
  [
    keys('a', 'b', 'c', 'd', 'e').replace(/\b[a-e]\b(?=[,\]])/g, '0123456789abcdef'),
    '2:48 destinations.d.secrets: must have at most 4 items',
  ],
])

table('bounds', [
  [`${GOOD}, concurrency: 0`, '2:61 destinations.d.concurrency: must be at least 1'],
  [`${GOOD}, concurrency: 1001`, '2:61 destinations.d.concurrency: must be at most 1000'],
  [`${GOOD}, timeout: 61s`, '2:57 destinations.d.timeout: must be at most 60s'],
  [
    `${GOOD}, timeout: 15`,
    '2:57 destinations.d.timeout: expected a duration such as 300ms, 30s, 5m, 24h or 7d, got the number 15: add a unit',
  ],
  [`${GOOD}, rate: { limit: 10 }`],
  [`${GOOD}, rate: { limit: 0 }`, '2:63 destinations.d.rate.limit: must be at least 1'],
  [`${GOOD}, rate: { per: 1s }`, '2:48 destinations.d.rate.limit: is missing: expected a whole number'],
  [`${GOOD}, rate: { limit: 1, per: 10ms }`, '2:71 destinations.d.rate.per: must be at least 100ms'],
  [`${GOOD}, disableAfter: 0s`],
  [
    `${GOOD}, cloudEvents: binray`,
    "2:61 destinations.d.cloudEvents: expected 'structured' or 'binary', got 'binray' — did you mean 'binary'?",
  ],
])

table('retries', [
  [`${GOOD}, retry: { schedule: [0s, 5s] }`],
  [`${GOOD}, retry: { attempts: 3, backoff: 1s, max: 1m }`],
  [`${GOOD}, retry: {}`],
  [`${GOOD}, retry: { schedule: [] }`, '2:57 destinations.d.retry.schedule: must have at least one item'],
  [
    `${GOOD}, retry: { schedule: [0s], max: 5s }`,
    '2:73 destinations.d.retry.max: cannot stand beside schedule, which says all: remove one of them',
  ],
  [`${GOOD}, retry: { max: 1s }`, '2:62 destinations.d.retry.max: must be at least backoff, which is 5s when left out'],
  [`${GOOD}, retry: { backoff: 1m, max: 30s }`, '2:75 destinations.d.retry.max: must be at least backoff, which is 5s when left out'],
  [`${GOOD}, retry: { attempts: 0 }`, '2:67 destinations.d.retry.attempts: must be at least 1'],
  [`${GOOD}, retry: { schedule: [31d] }`, '2:68 destinations.d.retry.schedule[0]: must be at most 30d'],
])

const exported = (kind: unknown) => ({ imports: { './kind.ts': kind }, top: 'plugins: [./kind.ts]' })

test.each<[what: string, kind: unknown, settings: string, ...lines: string[]]>([
  ['one of its own', kafka, 'type: kafka, topic: x, timeout: 1s'],
  [
    'its settings are checked',
    kafka,
    'type: kafka, topik: x',
    "2:35 destinations.d.topik: unknown setting 'topik' — did you mean 'topic'?",
  ],
  [
    'no name',
    { ...kafka, name: 'Kafka!' },
    GOOD,
    '3:11 plugins[0]: cannot be used: it is no kind of destination: its default export must be made by defineDestination; no good name',
  ],
  [
    'a name that is taken',
    { ...kafka, name: 'http' },
    GOOD,
    "3:11 plugins[0]: cannot be used: 'http' is a built-in kind of destination: choose another name",
  ],
  [
    'a setting that all have',
    { ...kafka, config: Type.Object({ retry: topic }, closed) },
    GOOD,
    "3:11 plugins[0]: cannot be used: its setting 'retry' is one that every destination has: rename it",
  ],
  [
    'a check that throws',
    {
      ...kafka,
      check() {
        throw new Error('oh')
      },
    },
    'type: kafka, topic: x',
    '2:17 destinations.d: its check failed, which is a fault of the plugin: oh',
  ],
  [
    'a check that finds something',
    { ...kafka, check: () => [{ path: '/topic', message: 'is no good' }] },
    'type: kafka, topic: x',
    '2:42 destinations.d.topic: is no good',
  ],
])('kinds of others: %s', async (_, kind, settings, ...lines) => {
  expect((await world(settings, exported(kind))).lines).toEqual(lines.map(line => `c.yaml:${line}`))
})

test('what a destination means', async () => {
  const { config } = await world(
    `${GOOD}, headers: { X-Env: prod, Authorization: "Bearer \${TOKEN}" }, secrets: ["\${KEY}"], retry: { attempts: 2 }`,
    {
      env: { TOKEN: 'token-token-token', KEY: 'key-key-key-key-key' },
    },
  )
  const { kind, at: _, ...rest } = config!.destinations.get('d')!
  expect(kind.name).toBe('http')
  expect(rest).toEqual({
    name: 'd',
    settings: {
      url: 'https://d.example',
      method: 'POST',
      headers: { 'X-Env': 'prod', Authorization: 'Bearer token-token-token' },
      secrets: ['key-key-key-key-key'],
      allowPrivate: false,
    },
    shown: {
      url: 'https://d.example',
      method: 'POST',
      headers: { 'X-Env': 'prod', Authorization: '$SECRET' },
      secrets: ['${KEY}'],
      allowPrivate: false,
    },
    timeout: 15_000,
    concurrency: 20,
    retry: { attempts: 2 },
    ordered: false,
    disableAfter: 432_000_000,
  })
  // A short text that stands in the file is no secret, and is not blanked everywhere.
  expect(config!.secretValues).toEqual(['Bearer token-token-token', 'token-token-token', 'key-key-key-key-key'])
})

test('an empty secret closes the destination, and says which', async () => {
  const { config } = await world(keys('0123456789abcdef', '"${KEY:-}"'))
  expect(config!.destinations.get('d')!.closed).toBe('secrets[1] is empty')
})

test('nothing that came from outside of the file shows', async () => {
  const env = { URL: 'https://hunter2:x@d.example', OTHER: 'hunter2:x', KEY: 'whsec_hunter2!', HEADER: 'hunter2\n' }
  for (const settings of ['url: "${URL}"', 'url: "${OTHER}"', keys('"${KEY}"'), header('X-A: "${HEADER}"'), 'type: "${KEY}"']) {
    const { lines } = await world(settings, { env })
    expect(lines.length).toBeGreaterThan(0)
    expect(lines.join('\n')).not.toContain('hunter2')
  }
})
