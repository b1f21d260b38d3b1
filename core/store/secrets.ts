/** The table of encrypted secrets: set, listed, ended, removed and opened. Values leave it only for a running gateway. */
import type { Tx } from '../plugin.ts'
import type { Database } from './database.ts'
import { type MasterKey, seal, unseal } from './seal.ts'

export interface SecretInfo {
  name: string
  version: number
  created_at: string
  /** From then on it is not let in any more. */
  not_after: string | null
  last_used_at: string | null
}

/** One live version, opened. */
export interface OpenSecret {
  readonly name: string
  readonly version: number
  readonly value: string
}

/** A stored secret does not open: another master key, or a row that was changed by other hands. */
export class SecretsSealed extends Error {}

interface Row {
  name: string
  version: number
  key_id: string
  sealed: string
  live: boolean
}

/** Attempts at a version's number, when several processes store one name at once. */
const ATTEMPTS = 20

/**
 * Stores a new version of a name and returns its number. Earlier versions stay live, or end at `endOthers` (epoch milliseconds)
 * where they would not have ended before. Rejects with `SecretsSealed` when the table is under another key.
 */
export async function setSecret(
  db: Tx,
  key: MasterKey,
  name: string,
  value: string,
  options: { now: number; endOthers?: number },
): Promise<{ version: number; ended: number[] }> {
  const end = options.endOthers === undefined ? null : options.endOthers / 1000
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const [last] = await db.query<{ next: number }>('select coalesce(max(version), 0) + 1 as next from secrets where name = $1', [name])
    const version = last?.next ?? 1
    const values = [name, version, key.id, seal(key, name, version, value), options.now / 1000, end]
    const [made] = await db.query<{ ended: number[] | null }>(ADD, values)
    if (made) return { version, ended: made.ended ?? [] }
    await refuseOtherKey(db, key)
  }
  throw new Error(`'${name}' is being stored by others again and again: try once more`)
}

/** One statement, since through the door of an embedded store there are no transactions. */
const ADD = `
with added as (
  insert into secrets (name, version, key_id, sealed, created_at)
  select $1, $2::int, $3, $4, to_timestamp($5::float8) where not exists (select from secrets where key_id <> $3)
  on conflict do nothing
  returning 1
), ended as (
  update secrets set not_after = to_timestamp($6::float8)
  where name = $1 and version < $2::int and $6::float8 is not null and exists (select from added)
    and (not_after is null or not_after > to_timestamp($6::float8))
  returning version
)
select (select array_agg(version order by version desc) from ended) as ended from added`

async function refuseOtherKey(db: Tx, key: MasterKey): Promise<void> {
  const others = await db.query<Row>('select name, version, key_id from secrets where key_id <> $1 order by name, version', [key.id])
  if (others.length > 0) throw otherKey(others, key)
}

/** Every version, by name and newest first; never a value. */
export function listSecrets(db: Tx): Promise<SecretInfo[]> {
  return db.query<SecretInfo>('select name, version, created_at, not_after, last_used_at from secrets order by name, version desc')
}

/** Removes one version of a name, or all of them; returns those that were there. */
export async function removeSecret(db: Tx, name: string, version?: number): Promise<number[]> {
  const rows = await db.query<{ version: number }>(
    'delete from secrets where name = $1 and ($2::int is null or version = $2::int) returning version',
    [name, version ?? null],
  )
  return rows.map(row => row.version).sort((a, b) => b - a)
}

/** All live versions, by name and newest first. Rejects with `SecretsSealed` when the key does not fit every row. */
export async function openSecrets(db: Tx, key: MasterKey, now: number): Promise<OpenSecret[]> {
  return openRows(await db.query<Row>(ROWS, [now / 1000]), key).filter(secret => secret.live)
}

/** Encrypts every version anew under another master key, all or none; returns how many there are. */
export async function rekeySecrets(db: Database, from: MasterKey, to: MasterKey): Promise<number> {
  return db.transaction(async tx => {
    // Whoever stores a secret meanwhile waits, and is then refused for its old key.
    await tx.query('lock table secrets in exclusive mode')
    const opened = openRows(await tx.query<Row>(ROWS, [0]), from)
    await tx.query(
      `update secrets set key_id = $1, sealed = new.sealed from unnest($2::text[], $3::int[], $4::text[]) as new(name, version, sealed)
       where secrets.name = new.name and secrets.version = new.version`,
      [
        to.id,
        opened.map(secret => secret.name),
        opened.map(secret => secret.version),
        opened.map(({ name, version, value }) => seal(to, name, version, value)),
      ],
    )
    return opened.length
  })
}

const ROWS = `
select name, version, key_id, sealed, not_after is null or not_after > to_timestamp($1::float8) as live
from secrets order by name, version desc`

/** Tells whether what is live has changed since: nothing of a value is in it. */
export async function secretsMark(db: Tx, now: number): Promise<string> {
  const [row] = await db.query<{ mark: string | null }>(MARK, [now / 1000])
  return row?.mark ?? ''
}

const MARK = `
select encode(sha256(convert_to(string_agg(
  concat_ws('/', name, version, key_id, extract(epoch from created_at), right(sealed, 24), not_after <= to_timestamp($1::float8)),
  ',' order by name, version), 'UTF8')), 'hex') as mark
from secrets`

function openRows(rows: readonly Row[], key: MasterKey): (OpenSecret & { live: boolean })[] {
  const others = rows.filter(row => row.key_id !== key.id)
  if (others.length > 0) throw otherKey(others, key)
  return rows.map(({ name, version, sealed, live }) => {
    const value = unseal(key, name, version, sealed)
    if (value !== undefined) return { name, version, value, live }
    throw new SecretsSealed(
      `the secret '${name}', version ${version}, does not open: its row was changed or copied by other hands. ` +
        `Remove it with \`postern secret rm ${name} --version ${version}\`, and store it anew`,
    )
  })
}

function otherKey(rows: readonly Row[], key: MasterKey): SecretsSealed {
  const names = [...new Set(rows.map(row => `'${row.name}'`))]
  const some = names.length > 3 ? `${names.slice(0, 3).join(', ')} and ${names.length - 3} more` : names.join(', ')
  return new SecretsSealed(
    `the master key does not fit the stored secrets (${some}): they were stored with the key ${rows[0]?.key_id}, and this one is ${key.id}. ` +
      'Give that key; `postern secret rekey` changes from one to another',
  )
}
