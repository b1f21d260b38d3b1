/** Where a character of a text stands in its file: YAML has several ways to write a text. */
import type { Position } from './config.ts'
import type { Node } from './node.ts'
import { readText } from './source.ts'

/** The place of the character at an index of a scalar's text; the scalar's own where the text is not in the file as it is. */
export function characterAt(node: Node, index: number): Position {
  const start = node.at
  if (node.kind !== 'scalar' || typeof node.value !== 'string' || node.origin) return start
  const read = readText(start.file)
  const rest = 'text' in read && fromPlace(read.text, start)
  if (!rest) return start
  const at = indexIn(rest, node.value, index)
  if (at === undefined) return start
  const before = rest.slice(0, at).split('\n')
  const last = before.at(-1) as string
  const lines = before.length - 1
  return { file: start.file, line: start.line + lines, column: lines === 0 ? start.column + at : last.length + 1 }
}

function fromPlace(text: string, { line, column }: Position): string {
  const lines = text.split('\n').slice(line - 1)
  return [(lines[0] ?? '').slice(column - 1), ...lines.slice(1)].join('\n')
}

/** Walks along both: what is written differently than by quotes and line breaks is not found. */
function indexIn(source: string, value: string, index: number): number | undefined {
  const quote = /^['"]/.exec(source)?.[0]
  // The line of a | or > has nothing of the text.
  let at = quote ? 1 : (/^[|>][^\n]*\n/.exec(source)?.[0].length ?? 0)
  const space = (text: string, from: number) => /^\s*/.exec(text.slice(from))?.[0].length ?? 0
  at += quote ? 0 : space(source, at)
  for (let i = 0; ; ) {
    const blank = space(value, i)
    if (blank > 0) {
      const gap = space(source, at)
      if (gap === 0) return i + blank >= value.length ? at : undefined
      at += gap
      i += blank
      continue
    }
    if (i >= index || i >= value.length) return i >= index ? at : undefined
    const char = value[i] as string
    const escaped = (quote === "'" && char === "'" && source.startsWith("''", at)) || (quote === '"' && source.startsWith(`\\${char}`, at))
    if (!escaped && source[at] !== char) return undefined
    at += escaped ? 2 : 1
    i++
  }
}
