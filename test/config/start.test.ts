/** What a start that fails says of the configuration. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is the syntax under test
import { expect, setDefaultTimeout, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { folder } from '../support/child.ts'
import { cli, runtimes } from '../support/process.ts'

setDefaultTimeout(60_000)

function home(files: Record<string, string>): string {
  const at = folder()
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(at, name)), { recursive: true })
    writeFileSync(join(at, name), text)
  }
  return at
}

test('with stored secrets that cannot be opened, tells each warning once, and where the value comes from', async () => {
  const chain = (secret: string) => `[{ auth-hmac: { secrets: ["${secret}"], preset: github } }, { upsert: { entity: a } }]`
  const cwd = home({
    'postern.yaml': `version: 1
store: { url: "pglite://./data" }
webhooks:
  stored: { path: /stored, chain: ${chain('${secret:KEY}')} }
  weak: { path: /weak, chain: ${chain('${WEAK}')} }
  empty: { path: /empty, chain: ${chain('${EMPTY}')} }
destinations:
  crm: { url: "https://crm.example.com", secrets: ["\${EMPTY}"] }
`,
  })
  const env = { WEAK: 'abc', EMPTY: '', POSTERN_MASTER_KEY: undefined, DATABASE_URL: undefined, PORT: undefined, ADMIN_PORT: undefined }
  const { code, stderr } = await cli(['serve', '--config', 'postern.yaml'], { env, cwd })
  // What it goes on with is a line of the log; what ends it is the command's last word.
  const lines = stderr.split('\n').map(line => (line.startsWith('{') ? (JSON.parse(line).msg as string) : line))
  const told = lines.filter(line => line.startsWith('postern.yaml'))
  expect([code, told]).toEqual([
    78,
    [
      expect.stringMatching(/^postern\.yaml:5:\d+ warning: .*: the value of \$\{WEAK\} has fewer than 16 bytes/),
      expect.stringMatching(/^postern\.yaml:6:\d+ warning: .*: the value of \$\{EMPTY\} is empty: the webhook answers 503/),
      expect.stringMatching(/^postern\.yaml:8:\d+ warning: .*: the value of \$\{EMPTY\} is empty: events for this destination wait/),
      expect.stringMatching(/^postern\.yaml:4:\d+ .*\$\{secret:KEY\} cannot be opened: there is no master key: set POSTERN_MASTER_KEY/),
    ],
  ])
})

test.each(runtimes)('on %s, a plugin that is not there is told by its file or package, and nothing of the gateway is', async runtime => {
  const cwd = home({
    'conf/c.yaml': 'version: 1\nplugins: [./my-plugins/goe.ts, /nowhere/geo.ts, "@acme/geo", geo.ts, "${WORD}"]\n',
    'conf/my-plugins/geo.ts': 'export default 1',
  })
  const { code, stdout } = await cli(['check', '--config', 'conf/c.yaml'], { runtime, cwd, env: { WORD: './a-word.ts' } })
  const conf = join(cwd, 'conf')
  const place = (column: number, item: number) => `conf/c.yaml:2:${column} plugins[${item}]: cannot be used: `
  expect([code, stdout.trimEnd().split('\n').slice(0, 5)]).toEqual([
    78,
    [
      `${place(11, 0)}there is no file ./my-plugins/goe.ts in ${conf}`,
      `${place(32, 1)}there is no file /nowhere/geo.ts`,
      `${place(49, 2)}there is no package @acme/geo: install it in ${conf}`,
      `${place(62, 3)}there is no package geo.ts: install it in ${conf}; for a file write ./geo.ts`,
      `${place(70, 4)}there is no file \${WORD} in ${conf}`,
    ],
  ])
})
