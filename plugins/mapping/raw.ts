/** The objects and lists of a JSON body exactly as they stand in its text. */

const SPACE = /[ \t\n\r]*/y
const SCALAR = /[^ \t\n\r,}]*/y
const QUOTE = 0x22
const BACKSLASH = 0x5c

/**
 * Top-level keys whose values are objects or lists, with the text of each. Whitespace, `1.0`, `1e400` and digits beyond 2^53
 * survive, which a parse and a JSON.stringify would change. The bytes must be JSON that has been parsed before: nothing is checked.
 */
export function rawNested(body: Uint8Array): Map<string, string> {
  const text = new TextDecoder().decode(body)
  const found = new Map<string, string>()
  let at = skip(SPACE, text, 0)
  if (text[at] !== '{') return found
  for (at = skip(SPACE, text, at + 1); text[at] === '"'; at = skip(SPACE, text, at + 1)) {
    const keyEnd = afterString(text, at)
    const key: string = JSON.parse(text.slice(at, keyEnd))
    const start = skip(SPACE, text, skip(SPACE, text, keyEnd) + 1)
    at = afterValue(text, start)
    // Of a key that stands twice the last counts, as in JSON.parse.
    if (text[start] === '{' || text[start] === '[') found.set(key, text.slice(start, at))
    else found.delete(key)
    at = skip(SPACE, text, at)
    if (text[at] !== ',') break
  }
  return found
}

function afterValue(text: string, start: number): number {
  const first = text[start]
  if (first === '"') return afterString(text, start)
  if (first !== '{' && first !== '[') return skip(SCALAR, text, start)
  let depth = 0
  for (let at = start; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) at = afterString(text, at) - 1
    else if (code === 0x7b || code === 0x5b) depth++
    else if ((code === 0x7d || code === 0x5d) && --depth === 0) return at + 1
  }
  return text.length
}

function afterString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === BACKSLASH) at++
    else if (code === QUOTE) return at + 1
  }
  return text.length
}

function skip(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at
  pattern.test(text)
  return pattern.lastIndex
}
