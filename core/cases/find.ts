/** The case files of paths: files as they are named, and in folders every YAML file that has `cases:` at its top. */
import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'

/** At the start of a line, as block YAML and as JSON-like YAML write it. */
const HAS_CASES = /^(?:\{\s*)?["']?cases["']?\s*:/m
const MOST_FILES = 10_000
/** Bytes that are looked at: more than a case file may have. */
const LOOKED_AT = 1_100_000

/** Absolute names, each once and in order, and the paths at which there is nothing. */
export function findCaseFiles(paths: readonly string[]): { files: string[]; missing: string[] } {
  const found = new Set<string>()
  const missing: string[] = []
  for (const path of paths) {
    const whole = resolve(path)
    try {
      if (statSync(whole).isDirectory()) walk(whole, found)
      else found.add(whole)
    } catch {
      missing.push(path)
    }
  }
  return { files: [...found], missing }
}

function walk(folder: string, found: Set<string>): void {
  // Links are not followed: a link to a folder above would never end.
  const entries = readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))
  for (const entry of entries) {
    const path = join(folder, entry.name)
    if (entry.name.startsWith('.') || entry.name === 'node_modules' || found.size >= MOST_FILES) continue
    if (entry.isDirectory()) walk(path, found)
    else if (entry.isFile() && /\.ya?ml$/.test(entry.name) && hasCases(path)) found.add(path)
  }
}

/**
 * Told from its bytes: a file that is no YAML at all, no UTF-8, too large, or that may not be read must not hide that it was meant as one
 * of cases. What is wrong with it is told when it is read.
 */
function hasCases(file: string): boolean {
  let open: number | undefined
  try {
    open = openSync(file, 'r')
    const bytes = Buffer.alloc(Math.min(statSync(file).size, LOOKED_AT))
    return HAS_CASES.test(bytes.toString('utf8', 0, readSync(open, bytes)).replace(/^\ufeff/, ''))
  } catch {
    return true
  } finally {
    if (open !== undefined) closeSync(open)
  }
}
