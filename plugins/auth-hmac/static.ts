/** The kind `static`: the sender signs nothing and sends the secret itself. */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { Look, Source } from './source.ts'

const digest = (text: string) => createHash('sha256').update(text).digest()

/** The secret that a request carries, as the settings have it, or the reason why there is none. */
export function compileStatic(from: Source, prefix: string, secrets: readonly string[]): (look: Look) => { match: string } | string {
  // Digests are of one length, so that comparing them tells nothing of the secrets, their lengths included. An empty secret is none.
  const known = secrets.filter(Boolean).map(secret => ({ secret, sum: digest(secret) }))
  return look => {
    const value = from(look)
    if (!value) return 'missing-secret'
    if (!value.startsWith(prefix)) return 'secret-mismatch'
    const offered = digest(value.slice(prefix.length))
    let match: string | undefined
    for (const { secret, sum } of known) if (timingSafeEqual(sum, offered)) match = secret
    return match === undefined ? 'secret-mismatch' : { match }
  }
}
