/** `postern migrate`: brings the store's tables to this version. */
import type { LoadOptions } from '../config/load.ts'
import { installQueue } from '../outbox/queue.ts'
import { migrateDatabase, openDatabase } from '../store/store.ts'
import { EXIT, openConfig, type Print } from './open.ts'

const PATIENCE = 10_000

export async function migrate(options: { config: string; json: boolean } & LoadOptions, out: Print): Promise<number> {
  const config = await openConfig(options.config, options, () => {})
  const db = await openDatabase(config.store.url)
  try {
    await migrateDatabase(db, PATIENCE)
    await installQueue(db)
  } finally {
    await db.close()
  }
  out(options.json ? JSON.stringify({ ok: true, store: db.kind }) : `the ${db.kind} store is up to date`)
  return EXIT.good
}
