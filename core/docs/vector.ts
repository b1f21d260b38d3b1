/** A request to check one's own code by: made-up secrets and a fixed time, and what must come out. */
import { type Evaluated, evaluate } from './evaluate.ts'
import type { Recipe } from './recipe.ts'
import type { Scheme } from './scheme.ts'

export interface Vector extends Evaluated {
  /** The made-up secrets, by the name of the variable. */
  env: Record<string, string>
  /** RFC 3339. */
  at: string
}

const TEXT = 'an-example-secret-of-nobody'
/** The key of RFC 8032, section 7.1, test 1: known to everyone. */
const ED25519 = `-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAOsZ6Kr
-----END PRIVATE KEY-----`
const NOW = Date.UTC(2026, 0, 15, 12)

/** The vector of a recipe that signs; undefined for one that does not, and for signatures that come out differently each time. */
export function vectorOf(recipe: Recipe): Vector | undefined {
  const signing = recipe.steps.find(step => step.kind === 'hmac' || step.kind === 'sign')
  if (!signing || (signing.kind !== 'hmac' && signing.kind !== 'sign') || signing.scheme.kind === 'ecdsa-p256') return undefined
  const env: Record<string, string> = {}
  for (const step of recipe.steps) {
    if (step.kind !== 'env') continue
    env[step.env] = step.env === 'WEBHOOK_TOKEN' ? 'wh_example' : step.name === signing.key ? secretOf(signing.scheme) : 'an-example-key'
  }
  return { env, at: new Date(NOW).toISOString().replace('.000Z', 'Z'), ...evaluate(recipe, { env, now: NOW, random: 'example-0001' }) }
}

function secretOf({ kind, secret }: Scheme): string {
  if (kind !== 'hmac') return ED25519
  return secret.stripPrefix + (secret.encoding === 'utf8' ? TEXT : Buffer.from(TEXT).toString(secret.encoding))
}
