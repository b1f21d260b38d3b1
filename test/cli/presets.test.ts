/** `postern presets`: the table, and what is there to paste. */
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { presetsList, presetsShow } from '#core/cli/presets.ts'
import { load } from '#core/config/load.ts'
import { cards } from '#plugins/auth-hmac/cards.ts'
import { presets } from '#plugins/auth-hmac/presets/index.ts'
import { builtins } from '#plugins/index.ts'
import { folder } from '../support/child.ts'
import { cli, runtimes } from '../support/process.ts'
import { provider } from '../support/provider.ts'

setDefaultTimeout(30_000)

function printed(run: (out: (line: string) => void) => number): string {
  const lines: string[] = []
  expect(run(line => lines.push(line))).toBe(0)
  return lines.join('\n')
}

describe('list', () => {
  test('has a row for every preset, in order', () => {
    const [heading, ...rows] = printed(out => presetsList({ presets: cards, json: false }, out)).split('\n')
    expect(heading?.split(/ {2,}/)).toEqual(['NAME', 'KIND', 'ALGORITHM', 'SIGNED TIME', 'DELIVERY ID', 'PAGE'])
    expect(rows.map(row => row.split(' ')[0])).toEqual([...presets.keys()].sort())
    const row = (name: string) => rows.find(line => line.startsWith(`${name} `))?.split(/ {2,}/)
    expect(row('github')).toEqual(['github', 'hmac', 'sha256', 'no', 'header:x-github-delivery', presets.get('github')!.page])
    expect(row('paddle')).toEqual(['paddle', 'hmac', 'sha256', '5s', 'json:event_id', presets.get('paddle')!.page])
    expect(row('discord')?.slice(1, 4)).toEqual(['ed25519', '-', '5m'])
    expect(row('okta')?.slice(1, 5)).toEqual(['static', '-', 'no', 'json:eventId'])
    expect(row('dropbox')?.slice(3, 5)).toEqual(['no', '-'])
  })

  test('as JSON', () => {
    const { data } = JSON.parse(printed(out => presetsList({ presets: cards, json: true }, out)))
    expect(data).toHaveLength(presets.size)
    expect(data.find((row: { name: string }) => row.name === 'box')).toEqual({
      name: 'box',
      kind: 'hmac',
      algorithm: 'sha256',
      signedTime: true,
      tolerance: '10m',
      deliveryId: 'json:id',
      deliveryIdSigned: true,
      page: presets.get('box')!.page,
    })
  })
})

describe('show', () => {
  const shown = (name: string) =>
    parseAllDocuments(printed(out => presetsShow({ presets: cards, json: false, name }, out))).map(document => document.toJS() as any)

  /** A chain in a configuration, with a secret of the preset in its environment. */
  async function problemsOf(name: string, chain: unknown[]) {
    const file = join(folder(), 'postern.yaml')
    const server = { publicUrl: 'https://gw.example.com' }
    writeFileSync(file, JSON.stringify({ version: 1, server, webhooks: { a: { path: '/a', chain } } }))
    const names = [...JSON.stringify(chain).matchAll(/\$\{(\w+)\}/g)].map(match => match[1] as string)
    const env = Object.fromEntries(names.map(secret => [secret, provider(name).secrets[0]!]))
    const { problems } = await load(file, { env, builtins, importPlugin: () => Promise.reject(new Error('none')) })
    return problems.map(({ message }) => message)
  }

  test('every chain loads as it stands, by the name and in full', async () => {
    for (const name of presets.keys()) {
      const [{ chain }, step] = shown(name)
      expect([name, await problemsOf(name, chain)]).toEqual([name, []])
      expect([
        name,
        await problemsOf(
          name,
          chain.map((one: any) => (one['auth-hmac'] ? step[0] : one)),
        ),
      ]).toEqual([name, []])
      expect([name, step[0]['auth-hmac'].preset]).toEqual([name, undefined])
    }
  })

  test('a chain has what applies', () => {
    const steps = (name: string) =>
      shown(name)[0].chain.map((step: unknown) => (typeof step === 'string' ? step : Object.keys(step as object)[0]))
    expect(steps('github')).toEqual(['auth-hmac', 'idempotency', 'dispatch'])
    expect(steps('stripe')).toEqual(['auth-hmac', 'replay-window', 'idempotency', 'dispatch'])
    expect(steps('zoom')).toEqual(['auth-hmac', 'replay-window', 'challenge', 'dispatch'])
    expect(steps('dropbox')).toEqual(['challenge', 'auth-hmac', 'dispatch'])
    expect(steps('line')).toEqual(['auth-hmac', 'dispatch'])
  })

  test('warns of what the provider leaves open', () => {
    const text = (name: string) => printed(out => presetsShow({ presets: cards, json: false, name }, out))
    expect(text('okta')).toContain('# Nothing is signed')
    expect(text('square')).toContain('set server.publicUrl')
    expect(text('mailgun')).toContain('# The body is not signed')
    expect(text('github')).toContain('# The id of the delivery is not signed')
    expect(text('stripe')).not.toContain('not signed')
    expect(text('sendgrid')).toContain('set `listAs: events`')
    expect(text('meta-whatsapp')).toContain('# The URL is verified by a question, which `challenge` answers.')
    expect(text('stripe')).not.toContain('listAs')
  })

  test('as JSON', () => {
    const card = JSON.parse(printed(out => presetsShow({ presets: cards, json: true, name: 'typeform' }, out)))
    expect(card).toMatchObject({ name: 'typeform', deliveryId: 'json:event_id', deliveryIdSigned: true, signedTime: false })
    // biome-ignore lint/suspicious/noTemplateCurlyInString: what is to be pasted
    expect(card.chain[0]).toEqual({ 'auth-hmac': { preset: 'typeform', secrets: ['${TYPEFORM_SECRET}'] } })
    expect(card.step['auth-hmac']).toMatchObject({
      encoding: 'base64',
      signature: { from: 'header:typeform-signature', prefix: 'sha256=' },
    })
  })
})

describe('the command', () => {
  test('lists and shows on both runtimes', async () => {
    for (const runtime of runtimes) {
      const list = await cli(['presets', 'list', '--json'], { runtime })
      expect([list.code, JSON.parse(list.stdout).data.length, list.stderr]).toEqual([0, presets.size, ''])
      const show = await cli(['presets', 'show', 'github'], { runtime })
      expect([show.code, show.stdout, show.stderr]).toEqual([0, expect.stringContaining('preset: github'), ''])
    }
  })

  test.concurrent.each<[string, RegExp]>([
    ['presets show gihtub', /^there is no preset 'gihtub' — did you mean 'github'\?$/m],
    [
      'presets show zzzzzzzzzz',
      /^there is no preset 'zzzzzzzzzz': postern presets list names those there are, and postern plugins list what has a plugin of its own$/m,
    ],
    ['presets show', /NAME/],
    ['presets nonsense', /'nonsense'.*list, show/],
    ['presets list --config a', /--config.*--json/],
  ])('postern %s ends with 2', async (words, stderr) => {
    const { code, stdout, ...text } = await cli(words.split(' '))
    expect([code, stdout, text.stderr]).toEqual([2, '', expect.stringMatching(stderr)])
  })

  test.concurrent.each(['presets', 'presets list', 'presets show'])('postern %s --help', async name => {
    const { code, stdout } = await cli([...name.split(' '), '--help'])
    expect([code, stdout]).toEqual([0, expect.stringMatching(/EXAMPLE\s+postern presets (list|show github)\n/)])
  })
})
