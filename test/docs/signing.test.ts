/** What the pages say of signing, for every built-in scheme: the request that it describes must verify. */
import { describe, expect, test } from 'bun:test'
import { generateKeyPairSync } from 'node:crypto'
import { answerBook } from '#core/docs/answers.ts'
import { evaluate } from '#core/docs/evaluate.ts'
import { profileOf } from '#core/docs/profile.ts'
import { type Recipe, recipeOf } from '#core/docs/recipe.ts'
import { vectorOf } from '#core/docs/vector.ts'
import { signingWords } from '#core/docs/words.ts'
import { harness } from '#core/testing.ts'
import authHmac from '#plugins/auth-hmac/index.ts'
import { presets } from '#plugins/auth-hmac/presets/index.ts'
import { resolve } from '#plugins/auth-hmac/scheme.ts'
import { read } from './world.ts'

const NOW = Date.UTC(2026, 0, 15, 12)
const PUBLIC = 'https://hooks.example.com'
const KEYS = {
  ed25519: generateKeyPairSync('ed25519'),
  'ecdsa-p256': generateKeyPairSync('ec', { namedCurve: 'P-256' }),
}

/** A secret as the scheme has it, and what its sender signs with. */
function credential(preset: string): { secret: string; env: Record<string, string> } {
  const scheme = resolve({ preset, secrets: [] })!
  const { encoding, stripPrefix } = scheme.secret
  if (scheme.kind === 'ed25519' || scheme.kind === 'ecdsa-p256') {
    const { publicKey, privateKey } = KEYS[scheme.kind]
    const der = publicKey.export({ format: 'der', type: 'spki' })
    const bytes = scheme.kind === 'ed25519' ? der.subarray(-32) : der
    const secret = stripPrefix + bytes.toString(encoding as 'hex')
    return { secret, env: { WEBHOOK_PRIVATE_KEY: String(privateKey.export({ format: 'pem', type: 'pkcs8' })) } }
  }
  const secret = stripPrefix + Buffer.from('a-secret-of-some-length-ü').toString(encoding)
  return { secret, env: { WEBHOOK_SECRET: secret, WEBHOOK_KEY: secret } }
}

async function recipe(preset: string, secret: string): Promise<Recipe | string> {
  const config = await read(
    `version: 1\nserver: { publicUrl: "${PUBLIC}" }\nwebhooks:\n  x:\n    path: /in/x\n    example: { a: "ü", event: { b: 1 } }\n    chain: [{ auth-hmac: { preset: ${preset}, secrets: ["\${KEY}"] } }, dispatch]\n`,
    { KEY: secret },
  )
  const profile = await profileOf(config, config.webhooks.get('x')!, answerBook(config))
  return recipeOf(profile, profile.ways[0]!)
}

describe.each([...presets.keys()])('%s', preset => {
  test('a request made as the page tells is let in', async () => {
    const { secret, env } = credential(preset)
    const made = await recipe(preset, secret)
    if (typeof made === 'string') throw new Error(made)
    const { url, body, headers } = evaluate(made, { env, now: NOW, random: 'r4nd0m' })
    const { pathname, search } = new URL(url)
    const bench = await harness(authHmac, { preset, secrets: [secret] }, { now: NOW, publicUrl: PUBLIC })
    const { reply } = await bench.send({ path: pathname, query: search.slice(1), headers, body })
    expect(reply).toBeUndefined()
    const { reply: tampered } = await bench.send({ path: pathname, headers, body: body.replace(/[0-9a-f](?=[^0-9a-f]*$)/, 'z') })
    expect([tampered?.kind, preset]).toEqual([LOOSE.includes(preset) ? tampered?.kind : 'refusal', preset])
  })

  test('and its example to check by, with the secret that stands beside it', async () => {
    const { secret } = credential(preset)
    const made = await recipe(preset, secret)
    if (typeof made === 'string') throw new Error(made)
    const vector = vectorOf(made)
    const scheme = resolve({ preset, secrets: [] })!
    if (scheme.kind !== 'hmac') return void expect(vector === undefined).toBe(scheme.kind !== 'ed25519')
    const bench = await harness(
      authHmac,
      { preset, secrets: [vector!.env.WEBHOOK_SECRET!] },
      { now: Date.parse(vector!.at), publicUrl: PUBLIC },
    )
    const { reply } = await bench.send({ path: new URL(vector!.url).pathname, headers: vector!.headers, body: vector!.body })
    expect(reply).toBeUndefined()
    expect(Object.values(vector!.env)).not.toContain(secret)
    expect(signingWords(scheme as never).join(' ')).not.toMatch(/undefined|\[object/)
  })
})

/** Of these the signature covers little of the body, or nothing, or the secret itself is sent. */
const LOOSE = ['mailgun', 'dropbox-sign', ...[...presets].flatMap(([name, { kind }]) => (kind === 'static' ? [name] : []))]
