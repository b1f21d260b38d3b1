/** A key, and what it says of a signature. */
import { createHmac, createPublicKey, type KeyObject, timingSafeEqual, verify } from 'node:crypto'
import type { Scheme } from './scheme.ts'

/** The bytes of a secret, or undefined when it is not written as the scheme says. Never put the text itself into a message. */
export function keyBytes(text: string, { encoding, stripPrefix }: Scheme['secret']): Buffer | undefined {
  const written = stripPrefix && text.startsWith(stripPrefix) ? text.slice(stripPrefix.length) : text
  const bytes = Buffer.from(written, encoding)
  // Buffer.from skips what it cannot read; a key of the bytes that remain would verify nothing, or too much.
  const canonical = (s: string) => (encoding === 'hex' ? s.toLowerCase() : s.replace(/=+$/, ''))
  if (bytes.length === 0 || (encoding !== 'utf8' && canonical(bytes.toString(encoding)) !== canonical(written))) return undefined
  return bytes
}

const ED25519 = Buffer.from('302a300506032b6570032100', 'hex') // the SPKI wrapping of 32 raw bytes

/** The y of the points of a small order, that of zero in the place of a key for one: about every eighth text is signed by such a key without any private one. */
const SMALL: ReadonlySet<string> = new Set([
  '00'.repeat(32),
  `01${'00'.repeat(31)}`,
  `ec${'ff'.repeat(30)}7f`,
  `ed${'ff'.repeat(30)}7f`,
  `ee${'ff'.repeat(30)}7f`,
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
])

function isSmall(bytes: Buffer): boolean {
  const y = Buffer.from(bytes)
  y[31] = y.readUInt8(31) & 0x7f // the sign of x
  return SMALL.has(y.toString('hex'))
}

/** The public key of a scheme, or undefined when it is of another kind (an RSA key, say, would be verified as RSA) or no key at all. */
export function publicKey(kind: 'ed25519' | 'ecdsa-p256', bytes: Buffer): KeyObject | undefined {
  try {
    // Bun takes a longer one and ignores the rest.
    if (kind === 'ed25519' && (bytes.length !== 32 || isSmall(bytes))) return undefined
    const der = kind === 'ed25519' ? Buffer.concat([ED25519, bytes]) : bytes
    const key = createPublicKey({ key: der, format: 'der', type: 'spki' })
    return kind === 'ed25519' || key.asymmetricKeyDetails?.namedCurve === 'prime256v1' ? key : undefined
  } catch {
    return undefined
  }
}

/** A key as the settings have it, and its bytes. */
export interface Key {
  text: string
  bytes: Buffer
}

/** The text of a key that made any of the candidates for this message; undefined when none did. */
export type Match = (message: readonly (string | Uint8Array)[], candidates: readonly string[]) => string | undefined

/** What a key is used for; a secret of the kind `static` is no key. */
type Use = Pick<Scheme, 'algorithm' | 'encoding'> & { kind: Exclude<Scheme['kind'], 'static'> }

export function compileMatch({ kind, algorithm, encoding }: Use, keys: readonly Key[]): Match {
  if (kind !== 'hmac') return publicMatch(kind, encoding, keys)
  const length = lengthOf(algorithm, encoding)
  return (message, candidates) => {
    const offered: Buffer[] = []
    for (const candidate of candidates) if (candidate.length === length) offered.push(Buffer.from(candidate))
    if (offered.length === 0) return undefined
    let match: string | undefined
    for (const { text, bytes } of keys) {
      const hmac = createHmac(algorithm, bytes)
      for (const piece of message) hmac.update(piece)
      const digest = Buffer.from(hmac.digest(encoding))
      // As text, byte for byte: what a lenient decoder would also read as this digest is no signature.
      for (const offer of offered) if (offer.length === digest.length && timingSafeEqual(offer, digest)) match = text
    }
    return match
  }
}

const lengths = new Map<string, number>()

/** Characters of a digest. */
function lengthOf(algorithm: string, encoding: 'hex' | 'base64'): number {
  const name = `${algorithm} ${encoding}`
  const length = lengths.get(name) ?? createHmac(algorithm, 'any').digest(encoding).length
  lengths.set(name, length)
  return length
}

function publicMatch(kind: 'ed25519' | 'ecdsa-p256', encoding: 'hex' | 'base64', keys: readonly Key[]): Match {
  const publicKeys = keys.flatMap(({ text, bytes }) => {
    const key = publicKey(kind, bytes)
    return key ? [{ text, key }] : []
  })
  const hash = kind === 'ed25519' ? null : 'sha256'
  return (message, candidates) => {
    const bytes = Buffer.concat(message.map(piece => (typeof piece === 'string' ? Buffer.from(piece) : piece)))
    for (const candidate of candidates) {
      const signature = Buffer.from(candidate, encoding)
      if (signature.toString(encoding) !== candidate || (kind === 'ed25519' && signature.length !== 64)) continue
      const match = publicKeys.find(({ key }) => verify(hash, bytes, key, signature))
      if (match) return match.text
    }
    return undefined
  }
}
