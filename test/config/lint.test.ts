// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is the syntax under test
/** Hints on chains: each has a row that gets it, and a row beside it that does not. */
import { afterAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Config } from '#core/config/config.ts'
import { lint } from '#core/config/lint.ts'
import { load } from '#core/config/load.ts'
import { formatProblem } from '#core/config/problem.ts'
import type { Extension } from '#core/config/registry.ts'
import { definePlugin, type LintHost, Type } from '#core/plugin.ts'
import { builtins } from '#plugins/index.ts'

const home = mkdtempSync(join(tmpdir(), 'postern-lint-'))
afterAll(() => rmSync(home, { recursive: true, force: true }))

const KEY = 'a-secret-of-32-characters-at-least'
const bearer = `auth-bearer: { keys: [${KEY}] }`
const github = `auth-hmac: { secrets: [${KEY}], preset: github }`
const stripe = `auth-hmac: { secrets: [${KEY}], preset: stripe }`
const write = 'upsert: { entity: order, idField: id }'

interface World {
  /** Settings of `server`. */
  server?: string
  store?: string
  entities?: string
  plugins?: readonly Extension[]
}

const SERVED = { server: 'publicUrl: https://hooks.example.com' }

/** The hints of one webhook with these steps, which begin on line 8 with three lines of settings before. */
async function hints(steps: readonly string[], world: World = {}): Promise<string[]> {
  const file = join(home, `${Bun.hash(JSON.stringify([steps, world]))}.yaml`)
  const chain = steps.map(step => `      - ${step}\n`).join('')
  const { server = '', store = 'pglite://memory', entities = '' } = world
  const sections = `server: { ${server} }\nstore: { url: "${store}" }\nentities: { ${entities} }\n`
  writeFileSync(file, `version: 1\n${sections}webhooks:\n  a:\n    path: /a\n    chain:\n${chain}`)
  const loaded = await load(file, {
    env: {},
    builtins: [...builtins, ...(world.plugins ?? [])],
    importPlugin: () => Promise.reject(new Error('none')),
  })
  expect(loaded.problems.filter(({ severity }) => severity === 'error').map(formatProblem)).toEqual([])
  return lint(loaded.config as Config).map(({ rule, path, at }) => `${at.line}:${at.column} ${rule} ${path.replace('webhooks.a.', '')}`)
}

type Row = [what: string, steps: string[], world: World, ...hints: string[]]

const rows: Row[] = [
  ['a good chain', [stripe, 'replay-window', 'idempotency', write], SERVED],
  ['a signature without a time', [github, write], {}, '9:77 replayable chain[0].auth-hmac.preset'],
  ['and with a key that may be left out', [github, 'idempotency', write], {}, '9:77 replayable chain[0].auth-hmac.preset'],
  ['and with a key that every request has', [github, 'idempotency: { header: X-GitHub-Delivery, required: true }', write], {}],
  ['a signed time that nothing looks at', [stripe, write], {}, '9:77 no-replay-window chain[0].auth-hmac.preset'],
  [
    'one of several ways',
    [`auth-any: { of: [{ ${github} }, { ${bearer} }] }`, write],
    {},
    '9:96 replayable chain[0].auth-any.of[0].auth-hmac.preset',
  ],
  [
    'one of several ways, with a signed time that no later step can have',
    [`auth-any: { of: [{ ${stripe} }, { ${bearer} }] }`, 'idempotency: { required: true }', write],
    {},
  ],
  [
    'a scheme of one’s own that leaves out the body',
    [
      `auth-hmac: { secrets: [${KEY}], signature: { from: "header:x-sig" }, timestamp: { from: "header:x-time" }, signed: "{timestamp}" }`,
      'replay-window',
      write,
    ],
    {},
    '9:152 body-not-signed chain[0].auth-hmac.signed',
  ],
  [
    'a window of a day',
    [stripe, 'replay-window: { tolerance: 24h }', write],
    {},
    '10:37 wide-replay-window chain[1].replay-window.tolerance',
  ],
  ['a window of ten minutes', [stripe, 'replay-window: { tolerance: 10m }', write], {}],
  [
    'a used key that hides another request',
    [bearer, 'idempotency: { onMismatch: replay }', write],
    {},
    '10:36 mismatch-replayed chain[1].idempotency.onMismatch',
  ],
  [
    'a used key that hides another request, on purpose',
    [bearer, 'idempotency: { onMismatch: replay } # allow mismatch-replayed: as their page says', write],
    {},
  ],
  [
    'another rule allowed beside it',
    [bearer, 'idempotency: { onMismatch: replay } # allow open-to-all: wrong one', write],
    {},
    '10:36 mismatch-replayed chain[1].idempotency.onMismatch',
  ],
  [
    'allowed without a reason',
    [bearer, 'idempotency: { onMismatch: replay } # allow mismatch-replayed:', write],
    {},
    '10:36 mismatch-replayed chain[1].idempotency.onMismatch',
  ],
  ['nobody verified, for trying', ['auth-none: { reason: x }', write], {}],
  ['nobody verified, on this machine', ['auth-none: { reason: x }', write], { server: 'publicUrl: http://localhost:8080' }],
  ['nobody verified, where strangers come', ['auth-none: { reason: x }', write], SERVED, '9:9 open-to-all chain[0].auth-none'],
  [
    'nobody verified, on a database server',
    ['auth-none: { reason: x }', write],
    { store: 'postgres://db/x' },
    '9:9 open-to-all chain[0].auth-none',
  ],
  ['a second step that verifies', ['auth-none: { reason: x }', bearer, write], SERVED],
  [
    'a limit that a stranger uses up',
    ['auth-none: { reason: x } # allow open-to-all: a public form', 'quota: { records: 10 }', write],
    SERVED,
    '10:27 limit-shared-with-strangers chain[1].quota.records',
  ],
  [
    'a limit that a stranger uses up for himself alone',
    ['auth-none: { reason: x } # allow open-to-all: a public form', 'quota: { records: 10, rate: { limit: 1, per: 1s, by: ip } }', write],
    SERVED,
  ],
  ['a key over plain HTTP', [bearer, write], { server: 'publicUrl: http://hooks.example.com' }, '9:9 plain-http chain[0].auth-bearer'],
  ['a key over HTTPS by force', [bearer, write], { server: 'publicUrl: http://hooks.example.com, requireHttps: true' }],
  ['a key over who knows what', [bearer, write], { store: 'postgres://db/x' }],
  [
    'a secret in the URL over who knows what',
    [`auth-shared-secret: { query: key, secrets: [${KEY}] }`, write],
    { store: 'postgres://db/x' },
    '9:38 secret-in-url chain[0].auth-shared-secret.query',
  ],
  ['a secret in the URL over HTTPS', [`auth-shared-secret: { query: key, secrets: [${KEY}] }`, write], SERVED],
  ['a record that nothing tells apart', [bearer, 'upsert: { entity: o }'], {}, '10:9 retry-makes-second-record chain[1].upsert'],
  ['a record by a match', [bearer, 'upsert: { entity: o, match: [email] }'], {}],
  ['a record of one key', [bearer, 'idempotency', 'upsert: { entity: o }'], {}],
  [
    'a record whose id is required',
    [bearer, 'validation: { entity: o }', 'upsert: { entity: o }'],
    { entities: 'o: { schema: { type: object, required: [id] } }' },
  ],
  [
    'a mapping behind the validation',
    [bearer, 'validation: { entity: o }', 'mapping: { fields: { a: b } }', 'upsert: { entity: o, idField: b }'],
    { entities: 'o: { schema: { type: object } }' },
    '11:9 mapped-after-validation chain[2].mapping',
  ],
  [
    'a mapping before the validation',
    [bearer, 'mapping: { fields: { a: b } }', 'validation: { entity: o }', 'upsert: { entity: o, idField: b }'],
    { entities: 'o: { schema: { type: object } }' },
  ],
]

describe('hints', () => {
  test.each(rows)('%s', async (_, steps, world, ...expected) => {
    expect(await hints(steps, world)).toEqual(expected)
  })
})

const broken = (name: string, rule: (host: LintHost) => unknown) =>
  definePlugin({
    name,
    phase: 'shape',
    summary: 'Has an opinion.',
    config: Type.Object({}, { additionalProperties: false }),
    refusals: {},
    lint: (_, host) => rule(host) as [],
    compile: () => () => undefined,
  })

describe('a plugin of one’s own', () => {
  test.each<[string, (host: LintHost) => unknown, string[]]>([
    ['names its rule', () => [{ rule: 'too-shy', path: '', message: 'speak up' }], ['10:9 too-shy chain[1].mine']],
    ['or is the rule', () => [{ path: '', message: 'speak up' }], ['10:9 mine chain[1].mine']],
    ['that throws is told as a fault of the plugin', () => Promise.reject.call(undefined), ['10:9 plugin-fault chain[1].mine']],
    ['that gives no list is told, too', () => 7, ['10:9 plugin-fault chain[1].mine']],
    ['that gives no path is told, too', () => [{ message: 'x' }], ['10:9 plugin-fault chain[1].mine']],
    [
      'sees the chain, and where it stands',
      ({ chain, index, verified }) => [{ rule: `${chain.length}-${index}-${verified}`, path: '', message: 'x' }],
      ['10:9 3-1-true chain[1].mine'],
    ],
  ])('%s', async (_, rule, expected) => {
    expect(await hints([bearer, 'mine', write], { plugins: [broken('mine', rule)] })).toEqual(expected)
  })
})
