/** The embedded store: PGlite in a folder of its own, one process. */
import fs from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PGlite } from '@electric-sql/pglite'
import { NodeFS } from '@electric-sql/pglite/nodefs'
import { drizzle } from 'drizzle-orm/pglite'
import { migrate } from 'drizzle-orm/pglite/migrator'
import type { Tx } from '../../plugin.ts'
import type { Database } from '../database.ts'
import { listenAtDoor } from './door.ts'
import { lockFolder } from './lock.ts'
import { inMemory } from './template.ts'

const MIGRATIONS = fileURLToPath(new URL('../migrations', import.meta.url))
const INT8 = 20

/** PGlite's own file system never reaches the disk's platter; this one flushes whenever Postgres asks to. */
class DurableFiles extends NodeFS {
  override async init(...[pg, options]: Parameters<NodeFS['init']>) {
    const ready = await super.init(pg, options)
    const streams = (module: { NODEFS: { stream_ops: Record<string, unknown> } }) => {
      module.NODEFS.stream_ops.fsync = (stream: { nfd?: number }) => {
        if (stream.nfd !== undefined) fs.fdatasyncSync(stream.nfd)
        return 0
      }
    }
    ready.emscriptenOpts.preRun?.push(streams as never)
    return ready
  }
}

/** Opens `pglite://PATH`, or a database that lives in memory for `pglite://memory`. */
export async function openPglite(url: string): Promise<Database> {
  const path = url.slice('pglite://'.length)
  return path === 'memory' ? database(await inMemory(), []) : openFolder(resolve(path))
}

async function openFolder(folder: string): Promise<Database> {
  fs.mkdirSync(folder, { recursive: true, mode: 0o700 })
  const unlock = lockFolder(folder)
  try {
    const pg = await start(folder)
    const db = database(pg, [() => door.close(), unlock])
    const door = await listenAtDoor(folder, db)
    return db
  } catch (error) {
    unlock()
    throw error
  }
}

async function start(folder: string): Promise<PGlite> {
  // `-F` turns fsync off, and it is among PGlite's defaults.
  const startParams = [...PGlite.defaultStartParams.filter(p => p !== '-F'), '-c', 'wal_sync_method=fsync']
  return PGlite.create({ fs: new DurableFiles(`${folder}/pg`), startParams })
}

function database(pg: PGlite, releases: (() => unknown)[]): Database {
  const parsers = { [INT8]: Number }
  const run = async (on: Pick<PGlite, 'query'>, text: string, values: readonly unknown[] = []) =>
    (await on.query(text, values as unknown[], { parsers })).rows as never
  return {
    kind: 'pglite',
    lanes: 1,
    query: (text, values) => run(pg, text, values),
    prepared: (_name, text, values) => run(pg, text, values),
    script: async text => (await pg.exec(text)).flatMap(result => result.rows),
    transaction: body => pg.transaction(on => body({ query: (text, values) => run(on as never, text, values) } as Tx)),
    exclusively: (_name, body) => body({ query: (text, values) => run(pg, text, values) }),
    migrate: () => migrate(drizzle(pg), { migrationsFolder: MIGRATIONS }),
    async close() {
      await pg.close()
      for (const release of releases) await release()
    },
  }
}
