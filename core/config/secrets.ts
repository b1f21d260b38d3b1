/** Secrets after decoding: what is weak is told, and every value is gathered for the logger to blank. */
import type { FoundSecret } from './decode.ts'
import type { Problems } from './problem.ts'

/** A shorter one is soon guessed. */
export const LEAST_BYTES = 16

/** Warns of each secret that is short enough to be guessed. */
export function warnWeak(secrets: readonly FoundSecret[], problems: Problems): void {
  for (const secret of secrets) {
    const { at, path, value } = secret
    const bytes = Buffer.byteLength(value)
    if (bytes > 0 && bytes < LEAST_BYTES)
      problems.warn(
        at,
        path,
        `${originOf(secret)}has fewer than ${LEAST_BYTES} bytes: take a longer one, such as \`openssl rand -hex 32\` prints`,
      )
  }
}

/** What a sentence about a secret's value begins with: where it comes from, when that is not the file. */
export const originOf = ({ shown }: FoundSecret): string => (shown.startsWith('${') ? `the value of ${shown} ` : '')

/** Every secret value and its parts, the passwords in the addresses of the store and of Redis, and the stored secrets in use, once. */
export function secretValues(secrets: readonly FoundSecret[], urls: readonly (string | undefined)[], stored: readonly string[]): string[] {
  const values = new Set([...secrets.flatMap(({ value, parts = [] }) => [value, ...parts]), ...stored])
  for (const text of urls) {
    const url = text && URL.canParse(text) ? new URL(text) : undefined
    for (const password of [url?.password, url?.searchParams.get('password')]) {
      if (!password) continue
      values.add(password)
      values.add(decoded(password))
    }
  }
  values.delete('')
  return [...values]
}

/** As the driver will use it; a stray percent sign is left as it is. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
