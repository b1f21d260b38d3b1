/** Signatures of public keys that are none: of another algorithm, another form, or of what the key itself lets through where nobody looks. */
import { presets } from '../../plugins/auth-hmac/presets/index.ts'
import type { Attempts } from './attempts.ts'
import { credentialOf } from './columns.ts'
import type { Way } from './ways.ts'
import { configOf, good, loaded } from './world.ts'

type Config = Awaited<ReturnType<typeof loaded>>

/** The order of the group of Ed25519, and that of P-256. */
const L = 2n ** 252n + 27742317777372353535851937790883648493n
const N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n

const little = (bytes: Buffer) => BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`)
const hex = (value: bigint, length = 32) => Buffer.from(value.toString(16).padStart(length * 2, '0'), 'hex')
const flipped = (bytes: Buffer, at: number) => {
  const other = Buffer.from(bytes)
  other[at] = (other[at] as number) ^ 1
  return other
}

/** RFC 8032, 5.1.7: one signature has one spelling, and `s` is below the order. */
function ed25519(signature: Buffer): Record<string, Buffer> {
  const [r, s] = [signature.subarray(0, 32), signature.subarray(32)]
  const more = (times: bigint) => Buffer.concat([r, hex(little(s) + times * L).reverse()])
  const identity = Buffer.from(`01${'00'.repeat(31)}`, 'hex')
  return {
    'with the order added': more(1n),
    'with the order added twice': more(2n),
    zeros: Buffer.alloc(64),
    'of the point that is none': Buffer.concat([identity, Buffer.alloc(32)]),
    'of ones': Buffer.alloc(64, 0xff),
    'a bit of its point': flipped(signature, 0),
    'a bit of its number': flipped(signature, 33),
    'its halves the other way round': Buffer.concat([s, r]),
    'a byte less': signature.subarray(0, 63),
    'a byte more': Buffer.concat([signature, Buffer.alloc(1)]),
    twice: Buffer.concat([signature, signature]),
  }
}

/** In DER, as SendGrid has it. */
function ecdsa(signature: Buffer): Record<string, Buffer> {
  const number = (at: number) => signature.subarray(at + 2, at + 2 + (signature[at + 1] as number))
  const r = number(2)
  const s = number(4 + r.length)
  const integer = (bytes: Buffer) => Buffer.concat([Buffer.from([2, bytes.length]), bytes])
  const der = (a: Buffer, b: Buffer) => {
    const inside = Buffer.concat([integer(a), integer(b)])
    return Buffer.concat([Buffer.from([0x30, inside.length]), inside])
  }
  const fixed = (bytes: Buffer) => hex(BigInt(`0x${bytes.toString('hex')}`))
  const zero = Buffer.alloc(1)
  const order = Buffer.concat([zero, hex(N)])
  return {
    'zero and zero': der(zero, zero),
    'its point and zero': der(r, zero),
    'one and one': der(Buffer.from([1]), Buffer.from([1])),
    'the order and the order': der(order, order),
    'its point and the order': der(r, order),
    'its numbers the other way round': der(s, r),
    'as two numbers of 32 bytes': Buffer.concat([fixed(r), fixed(s)]),
    'a bit of its end': flipped(signature, signature.length - 1),
    'a byte more': Buffer.concat([signature, zero]),
    'a byte less': signature.subarray(0, -1),
    nothing: Buffer.alloc(0),
  }
}

/** Of each preset with a public key, and of tokens: each row is like a good request to a webhook of `all`. */
export async function keyAttempts(config: Config, all: readonly Way[]): Promise<Attempts> {
  const found: Attempts = {}
  const byKey = all.filter(({ id }) => ['ed25519', 'ecdsa-p256'].includes(presets.get(id.slice('hmac-'.length))?.kind ?? ''))
  // Whoever takes the public key for a secret, as the gateway would if it went by what the sender says.
  const confusing = byKey.map((way): Way => {
    const [step] = way.steps(0) as { 'auth-hmac': object }[]
    const { privateKey: _, ...rest } = way
    return { ...rest, steps: () => [{ 'auth-hmac': { ...step?.['auth-hmac'], kind: 'hmac' } }] }
  })
  const confused = await loaded(configOf(confusing))
  for (const [i, way] of byKey.entries()) {
    const { kind, encoding = 'hex' } = presets.get(way.id.slice('hmac-'.length)) ?? {}
    const request = await good(config, way)
    const { whole, before, core } = credentialOf(request, way)
    for (const [name, bytes] of Object.entries((kind === 'ed25519' ? ed25519 : ecdsa)(Buffer.from(core, encoding)))) {
      const headers = request.headers?.map(([own, value]) => [own, value === whole ? before + bytes.toString(encoding) : value] as const)
      found[`${way.id}: ${name}`] = { ...request, headers: headers ?? [] }
    }
    found[`${way.id}: an HMAC by the public key`] = await good(confused, confusing[i] as Way)
  }
  const tokens = all.filter(({ id }) => id.startsWith('jwt-'))
  for (const from of tokens)
    for (const to of tokens) if (from !== to) found[`${to.id}: a token as ${from.id} has it`] = await good(config, from, { to: to.id })
  return found
}
