/** Takes a regular expression apart; its syntax has been checked by the runtime before. */

export type Assertion = 'start' | 'end' | 'border' | 'inside'

export interface Look {
  /** Its place in the list. */
  index: number
  ahead: boolean
  negative: boolean
  part: Part
}

export type Part =
  /** One letter, of those that the atom takes. */
  | { kind: 'letter'; atom: number }
  | { kind: 'check'; what: Assertion | Look }
  | { kind: 'sequence'; parts: Part[] }
  | { kind: 'choice'; parts: Part[] }
  | { kind: 'repeat'; part: Part; least: number; most: number }

export interface Parsed {
  root: Part
  /** Those within others before these. */
  looks: Look[]
  /** Expressions of one letter each. */
  atoms: string[]
}

/** Deeper ones are nobody's, and would overflow the stack. */
const DEEPEST = 100
const GROUP = /\((?:\?(?:(?<look><?[=!])|<[^>]*>|(?<plain>:)|(?<flags>[a-z-]+:)))?/y
const QUANTIFIER = /(?:([*+?])|\{(\d+)(?:(,)(\d*))?\})\??/y
const LETTER = {
  // A pair of escapes may be one letter.
  points:
    /\[(?:\\[\s\S]|[^\]\\])*\]|\\u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2}|\\u\{[\da-fA-F]+\}|\\u[\da-fA-F]{4}|\\x[\da-fA-F]{2}|\\c[A-Za-z]|\\[pP]\{[^}]*\}|\\[\s\S]|[\s\S]/uy,
  units: /\[(?:\\[\s\S]|[^\]\\])*\]|\\u[\da-fA-F]{4}|\\x[\da-fA-F]{2}|\\c[A-Za-z]|\\[\s\S]|[\s\S]/y,
}

/** `points`: letters are code points, as with the flag `u`. */
export function parse(pattern: string, points = true): Parsed {
  const looks: Look[] = []
  const atoms: string[] = []
  let at = 0
  let depth = 0

  const next = (expression: RegExp): RegExpExecArray | undefined => {
    expression.lastIndex = at
    const found = expression.exec(pattern) ?? undefined
    if (found) at = expression.lastIndex
    return found
  }
  const off = (what: string) =>
    new Error(`the pattern '${pattern}' has ${what}, for which a sender's text could take as long as it likes: write it without`)

  function choice(): Part {
    const parts = [sequence()]
    while (pattern[at] === '|') {
      at++
      parts.push(sequence())
    }
    return parts.length === 1 ? (parts[0] as Part) : { kind: 'choice', parts }
  }

  function sequence(): Part {
    const parts: Part[] = []
    while (at < pattern.length && pattern[at] !== '|' && pattern[at] !== ')') parts.push(repeated(term()))
    return { kind: 'sequence', parts }
  }

  function repeated(part: Part): Part {
    const found = next(QUANTIFIER)
    if (!found) return part
    const [, sign, least, comma, most] = found
    if (sign) return { kind: 'repeat', part, least: sign === '+' ? 1 : 0, most: sign === '?' ? 1 : Number.POSITIVE_INFINITY }
    return { kind: 'repeat', part, least: Number(least), most: comma ? (most ? Number(most) : Number.POSITIVE_INFINITY) : Number(least) }
  }

  function term(): Part {
    const group = next(GROUP)
    if (group) return grouped(group.groups?.look, group.groups?.flags)
    if (pattern[at] === '^' || pattern[at] === '$') return { kind: 'check', what: pattern[at++] === '^' ? 'start' : 'end' }
    const found = (next(points ? LETTER.points : LETTER.units) as RegExpExecArray)[0]
    if (found === '\\b' || found === '\\B') return { kind: 'check', what: found === '\\b' ? 'border' : 'inside' }
    if (/^\\[1-9k]/.test(found)) throw off('a back-reference')
    const known = atoms.indexOf(found)
    return { kind: 'letter', atom: known < 0 ? atoms.push(found) - 1 : known }
  }

  function grouped(look: string | undefined, flags: string | undefined): Part {
    if (flags !== undefined) throw off('flags within')
    if (++depth > DEEPEST) throw new Error(`a pattern nests more than ${DEEPEST} groups: write fewer`)
    const part = choice()
    depth--
    at++ // the parenthesis that ends it
    if (look === undefined) return part
    const made: Look = { index: looks.length, ahead: !look.startsWith('<'), negative: look.endsWith('!'), part }
    looks.push(made)
    return { kind: 'check', what: made }
  }

  return { root: choice(), looks, atoms }
}
