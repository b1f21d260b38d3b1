/** The search for what makes a signature match; bounded, whatever the request. */
import { createHash, createHmac, timingSafeEqual, verify } from 'node:crypto'
import type { Finding } from '#core/plugin.ts'
import { keyBytes, publicKey } from './key.ts'
import type { Offer } from './offers.ts'
import type { Scheme } from './scheme.ts'
import type { Settings } from './settings.ts'
import { type SuspectKey, type SuspectMessage, suspectKeys } from './suspects.ts'

/** Hashes, and bytes that go through them. */
const MOST_HASHES = 800
const MOST_BYTES = 300_000_000

/** What a hash is fed with. */
export type Message = readonly (string | Uint8Array)[]

interface Suspects {
  shapes(): SuspectMessage[]
  bodies(): Iterable<SuspectMessage>
}

/** What together makes a signature match; at most two things. */
export function search(
  scheme: Scheme,
  { secrets }: Settings,
  offers: Offer[],
  messageOf: (from: SuspectMessage) => Message | undefined,
  { shapes, bodies }: Suspects,
): Finding[] | undefined {
  const texts = secrets.filter(Boolean)
  const right = texts.flatMap((text): SuspectKey[] =>
    keyBytes(text, scheme.secret)?.length ? [{ bytes: keyBytes(text, scheme.secret) as Buffer }] : [],
  )
  const left = { hashes: MOST_HASHES, bytes: MOST_BYTES }
  const tries = scheme.kind === 'hmac' ? tryHmac(scheme, offers, left) : tryPublic(scheme, offers, left)
  const attempt = (keys: readonly SuspectKey[], from: SuspectMessage, more?: Finding): Finding[] | undefined => {
    const message = messageOf(from)
    if (!message) return undefined
    let best: Finding[] | undefined
    for (const key of keys) {
      const wrong = [key.wrong, from.wrong, more].filter(item => item !== undefined)
      for (const with_ of tries(key.bytes, message)) if (!best || wrong.length + with_.length < best.length) best = [...wrong, ...with_]
    }
    return best && best.length <= 2 ? best : undefined
  }

  const straight = attempt(right, {})
  if (straight) return straight
  const others = scheme.kind === 'hmac' ? texts.flatMap(text => suspectKeys(text, scheme)) : []
  const byKey = attempt(others, {})
  if (byKey?.length === 1) return byKey
  const parts = shapes()
  let two = byKey
  for (const from of [...parts]) {
    const found = attempt(right, from)
    if (found?.length === 1) return found
    two ??= found
  }
  for (const from of bodies()) {
    const found = attempt(right, from)
    if (found?.length === 1) return found
    two ??= found
    if (left.hashes <= 0 || left.bytes <= 0) break
  }
  if (two) return two
  const plain = scheme.kind === 'hmac' ? plainHash(scheme, right, messageOf({}), offers) : undefined
  if (plain) return plain
  // Two things at once: another key with another message, and then another shape with another body.
  const few = [...takeFrom(bodies(), 6)]
  for (const from of [...parts.slice(0, 6), ...few]) {
    const found = attempt(others, from)
    if (found) return found
  }
  for (const body of few)
    for (const part of parts.slice(0, 12)) {
      const found = body.body && attempt(right, { ...part, body: body.body }, body.wrong)
      if (found) return found
    }
  return undefined
}

type Left = { hashes: number; bytes: number }
type Tries = (key: Buffer, message: Message) => Generator<readonly Finding[]>

const ALGORITHMS: Record<number, string> = { 20: 'sha1', 28: 'sha224', 32: 'sha256', 48: 'sha384', 64: 'sha512', 16: 'md5' }

function tryHmac({ algorithm }: Scheme, offers: Offer[], left: Left): Tries {
  const names = [...new Set(offers.map(({ bytes }) => ALGORITHMS[bytes.length]))].filter(name => name !== undefined)
  return function* (key, message) {
    for (const name of names) {
      if (!spend(left, message)) return
      const hmac = createHmac(name, key)
      for (const piece of message) hmac.update(piece)
      const digest = hmac.digest()
      for (const { bytes, wrong } of offers)
        if (bytes.length === digest.length && timingSafeEqual(bytes, digest))
          yield name === algorithm ? wrong : [otherHash(name, algorithm), ...wrong]
    }
  }
}

const otherHash = (is: string, wanted: string): Finding => ({
  code: 'another-algorithm',
  message: `The signature is an HMAC of ${is.toUpperCase()}, and the scheme wants ${wanted.toUpperCase()}.`,
  cure: `Sign with HMAC-${wanted.toUpperCase()}; or, if this sender can do no other, set \`algorithm\` to what it does.`,
})

function tryPublic({ kind }: Scheme, offers: Offer[], left: Left): Tries {
  const type = kind as 'ed25519' | 'ecdsa-p256'
  const hash = type === 'ed25519' ? null : 'sha256'
  return function* (bytes, message) {
    const key = publicKey(type, bytes)
    if (!key || !spend(left, message)) return
    const whole = Buffer.concat(message.map(piece => (typeof piece === 'string' ? Buffer.from(piece) : piece)))
    for (const { bytes: signature, wrong } of offers.slice(0, 8)) {
      if (signature.length < 60 || signature.length > 80) continue
      if (verify(hash, whole, key, signature)) yield wrong
      else if (hash && signature.length === 64 && verify(hash, whole, { key, dsaEncoding: 'ieee-p1363' }, signature))
        yield [...wrong, NOT_DER]
    }
  }
}

const NOT_DER: Finding = {
  code: 'signature-not-der',
  message: 'The ECDSA signature is r and s one after the other.',
  cure: 'Write it in DER, as OpenSSL and most libraries do unless told otherwise.',
}

/** A hash of secret and message is no HMAC. */
function plainHash(
  { algorithm }: Scheme,
  keys: readonly SuspectKey[],
  message: Message | undefined,
  offers: Offer[],
): Finding[] | undefined {
  if (!message) return undefined
  for (const { bytes: key } of keys.slice(0, 4))
    for (const parts of [[key, ...message], [...message, key], message]) {
      const hash = createHash(algorithm)
      for (const part of parts) hash.update(part)
      const digest = hash.digest()
      const offer = offers.find(({ bytes }) => bytes.length === digest.length && timingSafeEqual(bytes, digest))
      if (offer && offer.wrong.length < 2) return [NO_HMAC, ...offer.wrong]
    }
  return undefined
}

const NO_HMAC: Finding = {
  code: 'not-an-hmac',
  message: 'The signature is a plain hash, not an HMAC.',
  cure: "Take the library's HMAC function, with the secret for its key.",
}

function spend(left: Left, message: Message): boolean {
  if (left.hashes <= 0 || left.bytes <= 0) return false
  left.hashes--
  for (const piece of message) left.bytes -= piece.length
  return true
}

function* takeFrom<T>(items: Iterable<T>, most: number): Generator<T> {
  let taken = 0
  for (const item of items) {
    if (taken++ >= most) return
    yield item
  }
}
