/** The candidates: every signature that a request offers. */

import type { Scheme } from './scheme.ts'
import type { Look, Source } from './source.ts'

/** More than so many are refused: each one costs a comparison. */
const MAX = 32
/** Of public keys: each one costs a whole verification by each key, which reads the body anew. */
const MAX_PUBLIC = 8

export const mostOf = (kind: Scheme['kind']): number => (kind === 'hmac' ? MAX : MAX_PUBLIC)

/** Where so many places in a row have nothing, the rest of a list is not looked at: a provider numbers its headers without a gap. */
export const GAP = 10

/** Without the spaces and tabs that may stand between the items of a list; one signature alone, in a body say, has none around it. */
function bare(item: string): string {
  let [from, to] = [0, item.length]
  while (item[from] === ' ' || item[from] === '\t') from++
  while (to > from && (item[to - 1] === ' ' || item[to - 1] === '\t')) to--
  return item.slice(from, to)
}

/** Reads at most one more than `MAX`, and fills `look.pairs` with the names that the scheme asks for. */
export function compileCandidates({ list, kv, key, prefix }: Scheme['signature'], sources: Source[], wanted: ReadonlySet<string>) {
  const take = (item: string, look: Look, found: string[]) => {
    if (kv === undefined) {
      if (!prefix) found.push(item)
      else if (item.startsWith(prefix)) found.push(item.slice(prefix.length))
      return
    }
    const cut = item.indexOf(kv)
    if (cut < 0) return
    const name = item.slice(0, cut)
    const value = item.slice(cut + kv.length)
    if (wanted.has(name) && !look.pairs.has(name)) look.pairs.set(name, value)
    if (name === key) found.push(value)
  }
  return (look: Look): string[] => {
    const found: string[] = []
    let missing = 0
    for (const source of sources) {
      const value = source(look)
      if (!value) {
        if (++missing === GAP) break
        continue
      }
      missing = 0
      // A header of thousands of signatures is not split beyond those that it takes to refuse it.
      for (let from = 0, to: number; from <= value.length && found.length <= MAX; from = to + (list?.length ?? 1)) {
        to = list === undefined ? value.length : value.indexOf(list, from)
        if (to < 0) to = value.length
        const item = value.slice(from, to)
        take(list === undefined ? item : bare(item), look, found)
      }
    }
    return found
  }
}
