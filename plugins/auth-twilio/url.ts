/** The texts that may have been signed as the URL of one request: at most six. */

/** How much the URL may differ in its spelling from what was signed. */
export type Spelling = 'exact' | 'lenient'

/** Parameters of a query or a form; the core takes no more either. */
export const MAX_PARAMETERS = 1000

/** Yields the texts of a path and a query, the likeliest first. */
export type Urls = (path: string, search: string) => Generator<string>

/**
 * With and without the port, since Twilio signs now the one and now the other. `lenient` adds the query as the WHATWG URL parser
 * writes it, and with each name and value encoded anew: its values and their order are the same in all of them.
 */
export function compileUrls(publicUrl: string, spelling: Spelling): Urls {
  const { protocol, hostname, port, pathname } = new URL(publicUrl)
  const prefix = pathname.replace(/\/+$/, '')
  const bases = [`${protocol}//${hostname}${prefix}`, `${protocol}//${hostname}:${port || (protocol === 'https:' ? 443 : 80)}${prefix}`]
  return function* (path, search) {
    const told = new Set<string>()
    for (const write of spelling === 'exact' ? [asItCame] : [asItCame, normalized, encodedAnew]) {
      const query = write(search)
      if (query === undefined || told.has(query)) continue
      told.add(query)
      for (const base of bases) yield base + path + (query && `?${query}`)
    }
  }
}

const asItCame = (search: string): string | undefined => search

function normalized(search: string): string | undefined {
  // The parser would drop what follows a #, and control characters, so that they came in unsigned.
  for (let i = 0; i < search.length; i++) if (search.charCodeAt(i) <= 0x20 || search[i] === '#') return undefined
  return new URL(`https://postern.invalid/?${search}`).search.slice(1)
}

function encodedAnew(search: string): string | undefined {
  const pairs = parameters(search)
  return typeof pairs === 'string' ? undefined : pairs.map(pair => pair.map(encodeURIComponent).join('=')).join('&')
}

/** The pairs of a query or a form in order, read as strictly as the payload is later; a text says why there are none. */
export function parameters(text: string): [string, string][] | string {
  const parts = text.split('&', MAX_PARAMETERS + 1)
  if (parts.length > MAX_PARAMETERS) return 'too-many-parameters'
  const pairs: [string, string][] = []
  for (const part of parts) {
    if (part === '') continue
    const equals = part.indexOf('=')
    const name = decoded(equals < 0 ? part : part.slice(0, equals))
    const value = equals < 0 ? '' : decoded(part.slice(equals + 1))
    if (name === undefined || value === undefined) return 'malformed-form'
    pairs.push([name, value])
  }
  return pairs
}

function decoded(text: string): string | undefined {
  try {
    const value = decodeURIComponent(text.replaceAll('+', ' '))
    return value.isWellFormed() ? value : undefined
  } catch {
    return undefined
  }
}
