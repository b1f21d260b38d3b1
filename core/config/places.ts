/** Where the parts of some settings stand, kept small: of ten thousand webhooks the trees themselves would take 50 MB. */
import type { Position } from './config.ts'
import type { Node } from './node.ts'
import { type Path, pointer, pointerPath } from './problem.ts'

/** Answers as `positionOf` does for some settings, of which nothing else is kept; `around` is where they stand as a whole. */
export class Places {
  readonly #around: Position
  /** Empty where there are no settings. */
  readonly #text: string

  constructor(settings: Node, around: Position) {
    this.#around = around
    this.#text = settings.kind === 'map' && settings.entries.size === 0 ? '' : `\n${linesOf(settings, '').join('\n')}\n`
  }

  at(pointer = ''): Position {
    if (pointer === '' || this.#text === '') return this.#around
    return placeIn(this.#text, this.#around.file, pointerPath(pointer))
  }
}

/** Of each part its pointer, its line and column, and those of its name. */
function linesOf(node: Node, path: string): string[] {
  const name = node.key ?? node.at
  const inner = node.kind === 'map' ? [...node.entries] : node.kind === 'list' ? [...node.items.entries()] : []
  const own = `${path} ${node.at.line} ${node.at.column} ${name.line} ${name.column}`
  return [own, ...inner.flatMap(([key, part]) => linesOf(part, path + pointer([key])))]
}

/** The place of the part that a path leads to, or, where it leads nowhere, of the name of the deepest part on its way. */
function placeIn(text: string, file: string, path: Path): Position {
  for (let length = path.length; length > 0; length--) {
    const found = numbersAt(text, pointer(path.slice(0, length)))
    if (found) return length === path.length ? { file, line: found[0]!, column: found[1]! } : { file, line: found[2]!, column: found[3]! }
  }
  const [, , line = 1, column = 1] = numbersAt(text, '') ?? []
  return { file, line, column }
}

/** The numbers behind a pointer. One may be the beginning of another whose name has a space in it. */
function numbersAt(text: string, pointer: string): number[] | undefined {
  const start = `\n${pointer} `
  for (let at = text.indexOf(start); at >= 0; at = text.indexOf(start, at + 1)) {
    const found = /^(\d+) (\d+) (\d+) (\d+)\n/.exec(text.slice(at + start.length, at + start.length + 80))
    if (found) return found.slice(1).map(Number)
  }
  return undefined
}
