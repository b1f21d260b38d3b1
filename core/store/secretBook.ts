/** The opened secrets as a running gateway knows them, and which of them were used. */
import type { Tx } from '../plugin.ts'
import type { OpenSecret } from './secrets.ts'

export interface SecretBook {
  /** From now on these are the live ones. */
  know(secrets: readonly OpenSecret[]): void
  /** Notes that credentials were used; a value that is none of the table's is ignored. */
  used(values: readonly string[]): void
  /** Writes down which versions were used since the last call. */
  noteUse(): Promise<void>
}

export function secretBook(db: Tx, now: () => number): SecretBook {
  /** One value may be stored under several names. */
  const known = new Map<string, OpenSecret[]>()
  /** With the time of its last use. */
  const used = new Map<OpenSecret, number>()
  return {
    know(secrets) {
      known.clear()
      for (const secret of secrets) known.set(secret.value, [...(known.get(secret.value) ?? []), secret])
    },
    used(values) {
      for (const value of values) for (const secret of known.get(value) ?? []) used.set(secret, now())
    },
    async noteUse() {
      const noted = [...used]
      used.clear()
      if (noted.length === 0) return
      await db.query(
        `update secrets set last_used_at = to_timestamp(u.at) from unnest($1::float8[], $2::text[], $3::int[]) as u(at, name, version)
         where secrets.name = u.name and secrets.version = u.version`,
        [noted.map(([, at]) => at / 1000), noted.map(([secret]) => secret.name), noted.map(([secret]) => secret.version)],
      )
    },
  }
}
