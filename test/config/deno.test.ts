/** The same sources on Deno: one file with a fault of every make. */
import { expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dir, '../..')
const deno = join(root, 'node_modules/.bin/deno')

const program = `
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { load } from './core/config/load.ts'
import { decodeSettings } from './core/config/decode.ts'
import { configJsonSchema } from './core/config/jsonSchema.ts'
import { Duration, Type } from './core/plugin.ts'
const key = { name: 'key', phase: 'verify', summary: 'x', config: Type.Object({ wait: Duration({ default: '1s', description: 'x' }) }), refusals: {}, compile() {} }
const folder = mkdtempSync('/tmp/postern-deno-')
writeFileSync(folder + '/c.yaml', 'version: 1\\nserver: { port: "\${PORT}" }\\nentities: { e: { schema: { typ: x } } }\\nwebhooks: { a: { path: /a, chain: [key: { wiat: 1s }] }, b: { path: /b, chain: [key] } }\\n')
const loaded = await load(folder + '/c.yaml', { env: { PORT: 'x' }, builtins: [key], importPlugin: s => import(s) })
rmSync(folder, { recursive: true })
console.log(JSON.stringify([loaded.problems.map(p => p.message), decodeSettings(key.config, {}).value, Object.keys(configJsonSchema([key]).definitions)]))
`

test.skipIf(!existsSync(deno))('Deno loads, decodes and prints the same', async () => {
  const child = Bun.spawn([deno, 'run', '-A', '--no-check', '-'], { cwd: root, stdin: new Blob([program]), stderr: 'pipe' })
  const [out, errors] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  expect(errors).not.toContain('error')
  expect(JSON.parse(out)).toEqual([
    [
      `the value of \${PORT}: expected a whole number`,
      "unknown keyword 'typ' — did you mean 'type'?",
      "unknown setting 'wiat' — did you mean 'wait'?",
    ],
    { wait: 1000 },
    ['key', 'step', 'destination'],
  ])
})
