/** `${secret:NAME}`: the live values of the stored secrets, or placeholders where their store is not at hand. */
import { createHash } from 'node:crypto'
import { didYouMean, type Path } from './problem.ts'

/** Live values by name, the newest first; a text says why there are none; undefined: the store is not at hand. */
export type StoredSecrets = ReadonlyMap<string, readonly string[]> | string | undefined

export interface Vault {
  /** The newest value of a name, for the setting at a path; `whole` when it is all that stands there. */
  find(name: string, path: Path, whole: boolean): { name: string; value: string; secret: string } | { fault: string }
  /** Every live value of a name that was found. */
  versions(name: string): readonly string[]
  /** True: the values are none. */
  readonly placeholders: boolean
  /** Names that were asked for. */
  readonly names: ReadonlySet<string>
  /** Values that were given out: the logger blanks them, in whatever setting they stand. */
  values(): string[]
}

const NAME = /^[A-Za-z_][A-Za-z0-9_.-]{0,99}$/

/** Whether a stored secret may be called so. */
export const isSecretName = (name: string): boolean => NAME.test(name)

/** What a name may be, for a message. */
export const SECRET_NAME = 'a letter or _ first, then letters, digits, _ . and -, at most 100 in all'

/** What it takes to open the store itself. */
const BEFORE = ['store.url', 'redis.url', 'secrets.masterKey']

export function vaultOf(stored: StoredSecrets): Vault {
  const names = new Set<string>()
  const versions = (name: string) => {
    if (stored === undefined) return [placeholder(name)]
    return typeof stored === 'string' ? [] : [...new Set(stored.get(name))]
  }
  return {
    find(name, path, whole) {
      const setting = path.join('.')
      if (!isSecretName(name)) return { fault: `'\${secret:${name}}' names no secret: write ${SECRET_NAME}; there is no default` }
      if (BEFORE.includes(setting)) return { fault: `must be known before the stored secrets are: use \${NAME} or \${file:PATH}` }
      names.add(name)
      const [value] = versions(name)
      // An ended one closes what it is the whole credential of; a part of a text would open it instead: `/in/` is easy to guess.
      if (value !== undefined && (value !== '' || whole)) return { name: `secret:${name}`, value, secret: name }
      if (typeof stored === 'string') return { fault: `\${secret:${name}} cannot be opened: ${stored}` }
      const near = didYouMean(
        name,
        [...(stored?.keys() ?? [])].filter(known => known !== name),
      )
      return { fault: `there is no live secret '${name}'${near ? `${near} Or` : ':'} store it with \`postern secret set ${name}\`` }
    },
    versions,
    placeholders: stored === undefined,
    names,
    values: () => (stored === undefined ? [] : [...names].flatMap(versions).filter(Boolean)),
  }
}

/** As long as a good secret, another for each name, and good hex, base64 and bearer text, whichever its setting wants. */
function placeholder(name: string): string {
  return createHash('sha256').update(`\${secret:${name}}`).digest('hex')
}
