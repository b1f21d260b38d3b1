/** Case files in a folder of their own, and `postern test` over them as a child process. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { folder } from '../support/child.ts'
import { cli, type Runtime } from '../support/process.ts'

/** A configuration with a webhook of each make that the tests need. */
export const config = `version: 1
server: { publicUrl: https://hooks.example.com }
entities:
  thing: { unknown: drop, schema: { type: object, required: [id], properties: { id: { type: string }, n: { type: number }, tag: { type: string } } } }
webhooks:
  things:
    path: /things
    chain:
      - auth-bearer: { keys: ["\${KEY:-key-of-the-things-webhook}"] }
      - idempotency
      - mapping: { variables: { kind: kind } }
      - validation: { entity: thing }
      - upsert: { entity: thing }
      - dispatch
  open:
    path: /open/{token}
    chain: [auth-url-token, { quota: { records: 2 } }, { upsert: { entity: thing } }]
  limited:
    path: /limited
    chain: [{ auth-none: { reason: for the tests } }, { quota: { rate: { limit: 2, per: 1m } } }, dispatch]
  stored:
    path: /stored
    chain: [{ auth-bearer: { keys: ["\${secret:STORED_KEY}"] } }, dispatch]
`

/** Writes files by their names and returns the folder. */
export function files(texts: Readonly<Record<string, string | Uint8Array>>): string {
  const home = folder()
  for (const [name, text] of Object.entries({ 'postern.yaml': config, ...texts })) {
    mkdirSync(dirname(join(home, name)), { recursive: true })
    writeFileSync(join(home, name), text)
  }
  return home
}

export interface Told {
  name: string
  ok: boolean
  status: number | null
  failures: string[]
  notes: string[]
  file: string
  line: number
  skipped?: string | true
}

/** Runs `postern test` in a folder; everything in the folder unless paths are given. */
export async function run(
  home: string,
  args: readonly string[] = ['.'],
  options: { runtime?: Runtime; env?: Record<string, string> } = {},
) {
  return cli(['test', ...args], { cwd: home, ...options })
}

/** The same with `--json`, read back. */
export async function runJson(
  home: string,
  args: readonly string[] = ['.'],
  options: { runtime?: Runtime; env?: Record<string, string> } = {},
) {
  const ended = await run(home, [...args, '--json'], options)
  if (!ended.stdout.startsWith('{')) throw new Error(`no JSON: ${ended.stdout}${ended.stderr}`)
  const told = JSON.parse(ended.stdout) as { cases: Told[]; problems?: string[] }
  return { ...ended, ...told, byName: new Map(told.cases.map(one => [one.name, one])) }
}
