/** The files of a configuration: one file, or every `*.yaml` of a folder. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Problems } from './problem.ts'

/** Bytes; parsing takes a second for each MB. */
const MAX_FILE = 1_000_000

/** The absolute names of a file alone, or of a folder's `*.yaml` in order; a missing or empty one is a problem. */
export function listFiles(path: string, problems: Problems): string[] {
  const folder = resolve(path)
  const at = { file: folder, line: 1, column: 1 }
  try {
    if (!statSync(folder).isDirectory()) return [folder]
    const names = readdirSync(folder).sort()
    const visible = names.filter(name => !name.startsWith('.'))
    for (const name of visible) {
      if (name.endsWith('.yml')) problems.warn({ ...at, file: join(folder, name) }, [], 'is not read: name it *.yaml')
    }
    const files = visible.filter(name => name.endsWith('.yaml')).map(name => join(folder, name))
    if (!files.length) problems.error(at, [], 'there is no *.yaml in this folder')
    return files
  } catch (error) {
    problems.error(at, [], `cannot be read: ${reason(error)}`)
    return []
  }
}

/** The text of a file, or why it cannot be had. */
export function readText(file: string): { text: string } | { fault: string } {
  try {
    const found = statSync(file)
    // A pipe or a device could block for ever.
    if (!found.isFile()) return { fault: 'is no file' }
    if (found.size > MAX_FILE) return { fault: 'is larger than 1 MB' }
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file)) }
  } catch (error) {
    return { fault: `cannot be read: ${reason(error)}` }
  }
}

function reason(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException
  if (code === 'ENOENT') return 'there is no such file'
  if (code === 'EACCES' || code === 'EPERM') return 'this process may not read it'
  return error instanceof TypeError ? 'it is not UTF-8 text' : String(code ?? error)
}
