/** The samples of a sender's page are run as they stand there, and a real gateway must let them in. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { execFile } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { stringify } from 'yaml'
import { folder, freePort } from '../support/child.ts'
import { type Gateway, gateway } from '../support/process.ts'

setDefaultTimeout(60_000)
const run = promisify(execFile)

const TEXT = "a-secret:of some 'length' &+%"
const PLAIN = 'a-plain-secret-0123456789'
const HEX = '00ff10a5b7c84d2e9f013344556677889900aabbccddeeff'
const BASE64 = `whsec_${Buffer.from(HEX, 'hex').toString('base64')}`
const hmac = (preset: string, secret = TEXT) => [{ 'auth-hmac': { preset, secrets: [secret] } }]
const timed = (preset: string, secret?: string) => [...hmac(preset, secret), 'replay-window']
const own = (scheme: Record<string, unknown>) => [{ 'auth-hmac': { secrets: [TEXT], ...scheme } }]

interface Form {
  chain: unknown[]
  env: Record<string, string>
  webhook?: Record<string, unknown>
  /** The languages that have a sample; left out, all. */
  only?: readonly string[]
}

/** Each form of a credential: its verify steps, and what the sender has in its environment. */
const forms: Record<string, Form> = {
  github: { chain: hmac('github'), env: { WEBHOOK_SECRET: TEXT } },
  stripe: { chain: timed('stripe'), env: { WEBHOOK_SECRET: TEXT } },
  slack: { chain: timed('slack'), env: { WEBHOOK_SECRET: TEXT } },
  'standard-webhooks': { chain: timed('standard-webhooks', BASE64), env: { WEBHOOK_SECRET: BASE64 } },
  shopify: { chain: hmac('shopify'), env: { WEBHOOK_SECRET: TEXT } },
  inspire: { chain: timed('inspire'), env: { WEBHOOK_SECRET: TEXT } },
  'hubspot-v3': { chain: timed('hubspot-v3'), env: { WEBHOOK_SECRET: TEXT } },
  'adyen-platform': { chain: hmac('adyen-platform', HEX), env: { WEBHOOK_SECRET: HEX } },
  paddle: { chain: timed('paddle'), env: { WEBHOOK_SECRET: TEXT } },
  box: { chain: timed('box'), env: { WEBHOOK_SECRET: TEXT } },
  linear: { chain: timed('linear'), env: { WEBHOOK_SECRET: TEXT } },
  mailgun: { chain: timed('mailgun'), env: { WEBHOOK_SECRET: TEXT } },
  intercom: { chain: hmac('intercom'), env: { WEBHOOK_SECRET: TEXT } },
  'dropbox-sign': { chain: hmac('dropbox-sign'), env: { WEBHOOK_SECRET: TEXT } },
  sha512: {
    chain: own({
      algorithm: 'sha512',
      signature: { from: 'header:x-sig' },
      signed: '{header:x-nonce}\n{body}',
      require: { 'x-version': '2' },
    }),
    env: { WEBHOOK_SECRET: TEXT },
  },
  'bearer-and-signature': {
    chain: [{ 'auth-bearer': { keys: [PLAIN] } }, ...timed('inspire')],
    env: { WEBHOOK_KEY: PLAIN, WEBHOOK_SECRET: TEXT },
  },
  bearer: { chain: [{ 'auth-bearer': { keys: [PLAIN] } }, 'idempotency'], env: { WEBHOOK_KEY: PLAIN } },
  'shared-secret': {
    chain: [{ 'auth-shared-secret': { header: 'X-Key', prefix: 'Token ', secrets: [PLAIN] } }],
    env: { WEBHOOK_KEY: PLAIN },
  },
  'shared-secret-in-query': { chain: [{ 'auth-shared-secret': { query: 'the key', secrets: [TEXT] } }], env: { WEBHOOK_KEY: TEXT } },
  basic: {
    chain: [{ 'auth-basic': { credentials: [{ user: 'acme', password: TEXT }] } }],
    env: { WEBHOOK_USER: 'acme', WEBHOOK_PASSWORD: TEXT },
  },
  'url-token': { chain: ['auth-url-token'], env: {}, webhook: { path: '/in/{token}' } },
  query: { chain: [{ 'auth-bearer': { keys: [PLAIN] } }], env: { WEBHOOK_KEY: PLAIN }, webhook: { methods: ['GET'] } },
  list: {
    chain: hmac('github'),
    env: { WEBHOOK_SECRET: TEXT },
    webhook: { listAs: 'events', example: { events: [{ a: 1 }, { b: 'ü' }] } },
  },
  any: {
    chain: [{ 'auth-any': { of: [...hmac('github'), { 'auth-bearer': { keys: [PLAIN] } }] } }],
    env: { WEBHOOK_SECRET: TEXT },
  },
}

const ed25519 = generateKeyPairSync('ed25519')
const ecdsa = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const pem = ({ privateKey }: typeof ecdsa) => ({ WEBHOOK_PRIVATE_KEY: String(privateKey.export({ format: 'pem', type: 'pkcs8' })) })
const der = ({ publicKey }: typeof ecdsa) => publicKey.export({ format: 'der', type: 'spki' })
forms.discord = { chain: timed('discord', der(ed25519).subarray(-32).toString('hex')), env: pem(ed25519), only: ['Node.js', 'Python'] }
forms.sendgrid = { chain: timed('sendgrid', der(ecdsa).toString('base64')), env: pem(ecdsa), only: ['Node.js', 'Python'] }

/** A sample that needs the most quoting there is. */
const example = { id: "O'Neil", note: 'a "b" \\ `c` $${d} %41 $HOME </script> – ü 💡\n2', nested: { list: [1, 2.5, null, true] } }
const webhook = (name: string) => ({
  path: `/in/${name}`,
  example,
  ...forms[name]?.webhook,
  chain: [...(forms[name]?.chain ?? []), { upsert: { entity: 'thing' } }],
})

interface Tool {
  /** Names of the program; the first that runs is taken. */
  probe: [string, ...string[]]
  file: string
  command(file: string): [string, ...string[]]
}
const tools: Record<string, Tool> = {
  curl: { probe: ['curl', '--version'], file: 'send.sh', command: file => ['sh', file] },
  'Node.js': { probe: ['node', '--version'], file: 'send.mjs', command: file => ['node', file] },
  Python: { probe: ['python3', '--version'], file: 'send.py', command: file => ['python3', file] },
  Go: { probe: ['go', 'version'], file: 'main.go', command: file => ['go', 'run', file] },
  PHP: { probe: ['php', '--version'], file: 'send.php', command: file => ['php', file] },
}
/** Go takes its time to compile: the forms that differ most, and a first compilation that may take minutes. */
const IN_GO = ['standard-webhooks', 'hubspot-v3', 'adyen-platform', 'shared-secret-in-query', 'basic', 'bearer-and-signature']
const FIRST_GO = 240_000

const present = async (program: string, ...args: string[]) => {
  try {
    await run(program, args, { timeout: 20_000 })
    return true
  } catch {
    return false
  }
}

let running: Gateway
const home = folder()
let token = ''

beforeAll(async () => {
  const port = await freePort()
  const config = {
    version: 1,
    server: { port, host: '127.0.0.1', drainDelay: '0s', publicUrl: `http://127.0.0.1:${port}` },
    store: { url: 'pglite://memory' },
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the configuration's own syntax
    admin: { port: '${ADMIN_PORT}', token: 'admin-token-0123456789abcdef' },
    webhooks: Object.fromEntries(Object.keys(forms).map(name => [name, webhook(name)])),
  }
  running = await gateway({ config: stringify(config), env: { PORT: String(port) } })
  const made = await fetch(`${running.adminUrl}/admin/v1/webhooks/url-token/tokens`, {
    method: 'POST',
    headers: { authorization: 'Bearer admin-token-0123456789abcdef' },
  })
  token = ((await made.json()) as { data: { token: string } }).data.token
})
afterAll(async () => {
  running?.kill()
  await running?.exited
})

/** The code blocks of a page, as a reader would copy them. */
async function samplesOn(name: string): Promise<Map<string, string>> {
  const response = await fetch(`${running.url}/docs/${name}`)
  expect(response.status).toBe(200)
  const text = (await response.text()).replaceAll('\r', '')
  const blocks = [...text.matchAll(/<label for="sample-\d+">([^<]+)<\/label><pre[^>]*><code>([\s\S]*?)<\/code><\/pre>/g)]
  return new Map(blocks.map(([, title = '', code = '']) => [title, unescaped(code)]))
}

const ENTITIES: Record<string, string> = { lt: '<', gt: '>', quot: '"', '#39': "'", amp: '&' }
const unescaped = (text: string) => text.replace(/&(lt|gt|quot|#39|amp);/g, (_, name: string) => ENTITIES[name] as string)

for (const [language, tool] of Object.entries(tools)) {
  const there = await present(...tool.probe)
  const signs = language !== 'Python' || (await present('python3', '-c', 'import cryptography'))
  const suite = there ? describe : describe.skip
  suite(`${language}${there ? '' : ' (skipped: not on this machine)'}`, () => {
    for (const [name, form] of Object.entries(forms)) {
      if (language === 'Go' && !IN_GO.includes(name)) continue
      if (form.only && !form.only.includes(language)) {
        test(`${name} has none`, async () => expect((await samplesOn(name)).has(language)).toBe(false))
        continue
      }
      const send = async () => {
        const code = (await samplesOn(name)).get(language)
        expect(code).toBeDefined()
        expect(code).not.toContain(PLAIN)
        expect(code).not.toContain(HEX)
        const at = join(home, `${language}-${name}`.replace('.', ''))
        mkdirSync(at, { recursive: true })
        const file = join(at, tool.file)
        writeFileSync(file, code as string)
        const [program, ...args] = tool.command(file)
        const env = { ...process.env, ...form.env, WEBHOOK_TOKEN: token, GOTOOLCHAIN: 'local', GOFLAGS: '-mod=mod', GO111MODULE: 'off' }
        const { stdout, stderr } = await run(program, args, { env, timeout: language === 'Go' ? FIRST_GO : 50_000, cwd: at }).catch(
          error => error,
        )
        expect(`${stdout}${stderr}`).toMatch(/\b20[0-2]\b/)
      }
      const able = signs || !form.only
      const row = able ? test : test.skip
      row(able ? name : `${name} (skipped: no package 'cryptography')`, send, language === 'Go' ? FIRST_GO : 60_000)
    }
  })
}
