/** A folder of YAML files, small plugins to name in them, and the problems that they have. */

import { expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type Loaded, load } from '#core/config/load.ts'
import { formatProblem } from '#core/config/problem.ts'
import type { Extension } from '#core/config/registry.ts'
import { Duration, definePlugin, Secret, Size, signedAt, slot, Type } from '#core/plugin.ts'
import http from '#plugins/http/index.ts'

const closed = { additionalProperties: false }
const passes = () => () => undefined
const secrets = Type.Array(Secret({ description: 'Keys.' }), { minItems: 1, description: 'Keys.' })
const seal = slot<string>('seal')

export const plugins: Extension[] = [
  http,
  definePlugin({
    name: 'key',
    phase: 'verify',
    summary: 'Knows a key.',
    config: Type.Object({ keys: secrets }, closed),
    refusals: { UNAUTHORIZED: { status: 401, summary: 'No.' } },
    compile: passes,
  }),
  definePlugin({
    name: 'sign',
    phase: 'verify',
    summary: 'Checks a signature.',
    config: Type.Object({ secrets, scheme: Type.Union([Type.Literal('plain'), Type.Literal('timed')], { default: 'plain' }) }, closed),
    refusals: {},
    gives: config => (config.scheme === 'timed' ? [signedAt] : []),
    compile: passes,
  }),
  definePlugin({
    name: 'greet',
    phase: 'verify',
    verifies: false,
    summary: 'Answers a GET.',
    config: Type.Object({}, closed),
    refusals: {},
    methods: () => ['GET'],
    compile: passes,
  }),
  definePlugin({
    name: 'auth-none',
    phase: 'verify',
    summary: 'Lets everybody in.',
    config: Type.Object({ reason: Type.String({ minLength: 1 }) }, closed),
    refusals: {},
    compile: passes,
  }),
  definePlugin({
    name: 'window',
    phase: 'admit',
    summary: 'Refuses what is old.',
    config: Type.Object({ tolerance: Duration({ default: '5m', min: '1s', max: '1d', description: 'How old.' }) }, closed),
    refusals: {},
    needs: [signedAt],
    compile: passes,
  }),
  definePlugin({
    name: 'once',
    phase: 'admit',
    summary: 'Refuses a repetition.',
    config: Type.Object(
      {
        header: Type.String({ default: 'X-Key', maxLength: 10, pattern: '^[A-Za-z-]+$', examples: ['X-Key'] }),
        ttl: Duration({ default: '24h', description: 'How long.' }),
      },
      closed,
    ),
    refusals: { QUOTA_EXCEEDED: { status: 429, summary: 'No more.' } },
    single: true,
    compile: passes,
  }),
  definePlugin({
    name: 'shape',
    phase: 'shape',
    summary: 'Changes things.',
    config: Type.Object(
      {
        fields: Type.Record(Type.String(), Type.String(), { default: {} }),
        count: Type.Integer({ default: 3, minimum: 1, maximum: 9 }),
        ratio: Type.Optional(Type.Number({ exclusiveMinimum: 0, exclusiveMaximum: 1 })),
        even: Type.Optional(Type.Integer({ multipleOf: 2 })),
        on: Type.Boolean({ default: true }),
        size: Type.Optional(Size({ max: '1MB', description: 'How large.' })),
        tags: Type.Optional(Type.Array(Type.String({ minLength: 2 }), { minItems: 1, maxItems: 3, uniqueItems: true })),
        mail: Type.Optional(Type.String({ format: 'email' })),
        text: Type.Optional(Type.String({ minLength: 1 })),
        level: Type.Optional(Type.Union([Type.Literal('low'), Type.Literal('high')])),
        code: Type.Optional(Type.Union([Type.Literal(200), Type.Literal(204)])),
        limit: Type.Optional(Type.Union([Type.Integer({ minimum: 0 }), Type.Literal('none')])),
        one: Type.Optional(Type.Union([Type.String(), Type.Array(Type.String())])),
        inner: Type.Object({ deep: Type.Object({ wait: Duration({ default: '2s', description: 'Wait.' }) }, closed) }, closed),
        by: Type.Optional(Type.Record(Type.String({ pattern: '^[a-z]+$' }), Type.Object({ n: Type.Integer({ default: 1 }) }, closed))),
        pair: Type.Optional(Type.Tuple([Type.String(), Type.Number()])),
        schema: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
        any: Type.Optional(Type.Unknown()),
      },
      closed,
    ),
    refusals: {},
    compile: passes,
  }),
  definePlugin({
    name: 'save',
    phase: 'write',
    summary: 'Keeps a record.',
    config: Type.Object({ entity: Type.String() }, closed),
    refusals: {},
    gives: [seal],
    check: ({ entity }, host) => (host.entity(entity) ? [] : [{ path: '/entity', message: `the entity '${entity}' is not declared` }]),
    compile: passes,
  }),
  definePlugin({
    name: 'tell',
    phase: 'emit',
    summary: 'Tells others.',
    config: Type.Object({}, closed),
    refusals: {},
    needs: [seal],
    compile: passes,
  }),
  definePlugin({
    name: 'ring',
    phase: 'emit',
    summary: 'Says that something happened.',
    config: Type.Object({}, closed),
    refusals: {},
    compile: passes,
  }),
  definePlugin({
    name: 'fragile',
    phase: 'shape',
    summary: 'Breaks.',
    config: Type.Object({ where: Type.Union([Type.Literal('check'), Type.Literal('gives')]) }, closed),
    refusals: {},
    gives: ({ where }) => {
      if (where === 'gives') throw new Error('no gives')
      return []
    },
    check: ({ where }) => {
      if (where === 'check') throw new Error('no check')
      return []
    },
    compile: passes,
  }),
]

export interface World {
  /** Text by file name; a folder is loaded when `path` is left out and there are several. */
  files: Record<string, string | Uint8Array>
  path?: string
  env?: Record<string, string>
  imports?: Record<string, unknown>
  /** Live values of the stored secrets; placeholders when left out. A text says why there are none. */
  secrets?: Record<string, string[]> | string
  /** Instead of the small plugins here. */
  builtins?: readonly Extension[]
}

/** Loads what a world holds, in a folder of its own that is gone afterwards. */
export async function loadWorld({
  files,
  path,
  env = {},
  imports = {},
  secrets,
  builtins = plugins,
}: World): Promise<Loaded & { folder: string; lines: string[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'postern-config-'))
  try {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true })
      writeFileSync(join(folder, name), text)
    }
    const names = Object.keys(files)
    const loaded = await load(join(folder, path ?? (names.length === 1 ? names[0]! : '')), {
      env,
      builtins,
      importPlugin: async (specifier, from) => {
        if (!Object.hasOwn(imports, specifier)) throw new Error(`Cannot find ${specifier} from ${from.slice(folder.length + 1)}`)
        return imports[specifier] as Extension
      },
      ...(secrets !== undefined && { secrets: typeof secrets === 'string' ? secrets : new Map(Object.entries(secrets)) }),
    })
    const lines = loaded.problems.map(problem => formatProblem(problem).replaceAll(`${folder}/`, '').replaceAll(folder, '.'))
    return { ...loaded, folder, lines }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** What a row says: a name, one file's text (or a whole world), and every line that `check` would print. */
export type Row = [name: string, yaml: string | World, ...lines: string[]]

/** One test for each row. */
export function table(rows: readonly Row[]): void {
  for (const [name, world, ...lines] of rows) {
    test(name, async () => {
      const loaded = await loadWorld(typeof world === 'string' ? { files: { 'c.yaml': world } } : world)
      expect(loaded.lines).toEqual(lines)
      expect(loaded.config === undefined).toBe(lines.some(line => !line.includes(' warning: ')))
    })
  }
}

/** A file of the version and more. */
export const top = (more: string) => `version: 1\n${more}\n`

/** A file of one webhook with these steps; the first one stands at 6:9. */
export const chain = (...steps: string[]) =>
  `version: 1\nwebhooks:\n  a:\n    path: /a\n    chain:\n${steps.map(step => `      - ${step}\n`).join('')}`

/** A chain whose second step, at 7:9, is `shape` with these settings, which begin at 7:18. */
export const shape = (settings: string) => chain('auth-none: { reason: x }', `shape: { ${settings} }`)

/** A file of one webhook with these settings, which begin at 5:5. */
export const hook = (...settings: string[]) =>
  `version: 1\nwebhooks:\n  a:\n    chain: [{ auth-none: { reason: x } }]\n${settings.map(line => `    ${line}\n`).join('')}`
