/** An empty PGlite kept beside the installed packages: making one takes seconds of a processor, loading it tenths of one. */
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'

const HOUR = 3_600_000
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
    clear(file)
    const content = Buffer.from(await (await made.dumpDataDir('none')).arrayBuffer())
    writeFileSync(draft, Buffer.concat([digestOf(content), content]), { mode: 0o600 })
    renameSync(draft, file)
  } catch {
    forget(draft)
  }
}

/** Removes what processes left that were killed while they wrote. */
function clear(file: string): void {
  const folder = dirname(file)
  for (const name of readdirSync(folder)) {
    const path = join(folder, name)
    if (name.startsWith(`${basename(file)}.`) && Date.now() - statSync(path).mtimeMs > HOUR) forget(path)
  }
}

/** Removes a file, if that may be. */
function forget(file: string): void {
  try {
    rmSync(file, { force: true })
  } catch {
    // It lies in a folder that cannot be written.
  }
}

function digestOf(content: Buffer): Buffer {
  return createHash('sha256').update(content).digest()
}
