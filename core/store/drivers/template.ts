/** An empty PGlite kept beside the installed packages: making one takes seconds of a processor, loading it tenths of one. */
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'

/** Bytes of the digest that comes before the archive. */
const DIGEST = 32

/** A database in memory; none in a folder begins so, because nothing of what is loaded is flushed to a disk. */
export async function inMemory(template = besidePackages()): Promise<PGlite> {
  const kept = read(template)
  if (kept) return PGlite.create({ loadDataDir: kept })
  const made = await PGlite.create()
  await keep(template, made)
  return made
}

/** Where tools keep what they can make again; whoever may write there may change the packages, too. */
function besidePackages(): string {
  const entry = createRequire(import.meta.url).resolve('@electric-sql/pglite')
  const home = join(entry.slice(0, entry.lastIndexOf('@electric-sql')), '@electric-sql/pglite')
  const { version } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')) as { version: string }
  return join(home, '../../.cache/postern', `pglite-${version}`)
}

/** Undefined when it is not as it was written, which a machine that lost its power may have done to it: PGlite would end the process. */
function read(file: string): Blob | undefined {
  try {
    const bytes = readFileSync(file)
    const content = bytes.subarray(DIGEST)
    return digestOf(content).equals(bytes.subarray(0, DIGEST)) ? new Blob([content]) : undefined
  } catch {
    return undefined
  }
}

/** Whole or not at all; a folder that cannot be written costs the time again, and nothing else. */
async function keep(file: string, made: PGlite): Promise<void> {
  const draft = `${file}.${process.pid}`
  try {
    mkdirSync(dirname(file), { recursive: true })
    const content = Buffer.from(await (await made.dumpDataDir('none')).arrayBuffer())
    writeFileSync(draft, Buffer.concat([digestOf(content), content]), { mode: 0o600 })
    renameSync(draft, file)
  } catch {
    rmSync(draft, { force: true })
  }
}

function digestOf(content: Buffer): Buffer {
  return createHash('sha256').update(content).digest()
}
