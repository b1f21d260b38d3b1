/** Reads a file that a command names: also what a shell puts in the place of one, and never more than may be. */
import { closeSync, openSync, readSync } from 'node:fs'
import { CommandFailure, EXIT } from './open.ts'

const PIECE = 65_536

/** Its bytes; `-` is stdin where the command says so. `none` is said when there is no such file. */
export function wholeFile(file: string, most: number, { stdin = false, none }: { stdin?: boolean; none?: string } = {}): Buffer {
  const pieces: Buffer[] = []
  let open: number | undefined
  try {
    open = stdin && file === '-' ? 0 : openSync(file, 'r')
    for (let size = 0; ; ) {
      const piece = Buffer.allocUnsafe(PIECE)
      const length = readSync(open, piece)
      if (length === 0) return Buffer.concat(pieces)
      pieces.push(piece.subarray(0, length))
      size += length
      if (size > most) throw new CommandFailure(EXIT.usage, `'${file}' has more than ${most / 1_048_576} MiB`)
    }
  } catch (error) {
    if (error instanceof CommandFailure) throw error
    const { code = 'unknown fault' } = error as NodeJS.ErrnoException
    throw new CommandFailure(EXIT.usage, sentence(file, code, none))
  } finally {
    if (open) closeSync(open)
  }
}

function sentence(file: string, code: string, none = ''): string {
  if (code === 'EISDIR') return `'${file}' is a folder: name a file in it`
  if (code === 'ENOENT') return `there is no file '${file}'${none}`
  return `'${file}' cannot be read (${code})`
}
