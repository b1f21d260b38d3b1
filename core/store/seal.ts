/** Encryption of one secret at rest: AES-256-GCM under the master key, bound to the secret's name and version. */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'

export interface MasterKey {
  /** The first 16 hex digits of the key's SHA-256: tells keys apart without showing any. */
  readonly id: string
  readonly bytes: Uint8Array
}

const CIPHER = 'aes-256-gcm'
const NONCE = 12
const TAG = 16

/** The key that 32 bytes of base64 stand for. */
export function masterKey(base64: string): MasterKey {
  const bytes = Buffer.from(base64, 'base64')
  if (bytes.length !== 32) throw new Error('a master key has 32 bytes')
  return { id: createHash('sha256').update(bytes).digest('hex').slice(0, 16), bytes }
}

/** Nonce, ciphertext and tag in base64. Each call takes a fresh nonce: twice the same one under one key would give both texts away. */
export function seal(key: MasterKey, name: string, version: number, value: string): string {
  const nonce = randomBytes(NONCE)
  const cipher = createCipheriv(CIPHER, key.bytes, nonce, { authTagLength: TAG }).setAAD(label(name, version))
  const text = Buffer.concat([cipher.update(value, 'utf8'), cipher.final()])
  return Buffer.concat([nonce, text, cipher.getAuthTag()]).toString('base64')
}

/** The value, or undefined when it was sealed with another key, for another name or version, or was changed since. */
export function unseal(key: MasterKey, name: string, version: number, sealed: string): string | undefined {
  const bytes = Buffer.from(sealed, 'base64')
  if (bytes.length < NONCE + TAG) return undefined
  try {
    const decipher = createDecipheriv(CIPHER, key.bytes, bytes.subarray(0, NONCE), { authTagLength: TAG })
    decipher.setAAD(label(name, version)).setAuthTag(bytes.subarray(-TAG))
    return Buffer.concat([decipher.update(bytes.subarray(NONCE, -TAG)), decipher.final()]).toString('utf8')
  } catch {
    return undefined
  }
}

/** A name holds no line end, so that no two labels are alike. */
const label = (name: string, version: number) => Buffer.from(`postern secret\n${name}\n${version}`)
