/** What the gateways of one store share, and nobody has to set. */
import { randomBytes } from 'node:crypto'
import type { Tx } from '../plugin.ts'

/** A random key, made by whoever asks first. */
export async function sharedKey(db: Tx, name: 'hop-key'): Promise<string> {
  await db.query('insert into instance (name, value) values ($1, $2) on conflict do nothing', [name, randomBytes(32).toString('hex')])
  const [row] = await db.query<{ value: string }>('select value from instance where name = $1', [name])
  return row?.value ?? ''
}
