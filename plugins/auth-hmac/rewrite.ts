/** One JSON text written in the ways of several libraries: what a sender may have signed in the place of what it sent. */

/** Every value as it was written, so that only what a library changes is changed: `1.0` stays `1.0`. */
type Tree = { entries: [key: string, value: Tree][] } | { items: Tree[] } | { raw: string }

const DEEPEST = 64

/** Ways to write the same document, each with its name; nothing for what is no JSON. Each is made only when it is asked for. */
export function* rewritings(text: string): Generator<{ style: string; text: string }> {
  const tree = parsed(text)
  if (!tree || 'raw' in tree) return
  const seen = new Set([text])
  for (const [letters, rewrite] of LETTERS)
    for (const sorted of [false, true])
      for (const [spaces, layout] of LAYOUTS) {
        const written = print(tree, { ...layout, sorted, escape: rewrite }, '')
        if (seen.has(written)) continue
        seen.add(written)
        yield { style: [spaces, sorted && 'with sorted keys', letters].filter(Boolean).join(', '), text: written }
      }
}

interface Style {
  comma: string
  colon: string
  indent: string
  sorted: boolean
  escape(raw: string): string
}

const LAYOUTS: [string, Pick<Style, 'comma' | 'colon' | 'indent'>][] = [
  ['compact', { comma: ',', colon: ':', indent: '' }],
  ["with Python's separators", { comma: ', ', colon: ': ', indent: '' }],
  ['indented by 2 spaces', { comma: ',', colon: ': ', indent: '  ' }],
  ['indented by 4 spaces', { comma: ',', colon: ': ', indent: '    ' }],
  ['indented by tabs', { comma: ',', colon: ': ', indent: '\t' }],
]

const hex = (c: string) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`
const ascii = (raw: string) => raw.replace(/[\u0080-\uffff]/g, hex)
const anew = (raw: string) => JSON.stringify(JSON.parse(raw))
const plain = (raw: string) => (raw.startsWith('"') ? anew(raw) : raw)
const slashed = (raw: string) => plain(raw).replaceAll('/', '\\/')

const LETTERS: [string, (raw: string) => string][] = [
  ['', raw => raw],
  ['with all but ASCII escaped', raw => ascii(plain(raw))],
  ['with nothing escaped that need not be', plain],
  ["with JavaScript's numbers", anew],
  ['with escaped slashes and all but ASCII escaped', raw => ascii(slashed(raw))],
  ['with escaped slashes', slashed],
  ['with <, > and & escaped', raw => plain(raw).replace(/[<>&\u2028\u2029]/g, hex)],
]

function print(tree: Tree, style: Style, margin: string): string {
  if ('raw' in tree) return style.escape(tree.raw)
  const inner = margin + style.indent
  const [open, close] = 'items' in tree ? '[]' : '{}'
  const parts =
    'items' in tree
      ? tree.items.map(item => print(item, style, inner))
      : ordered(tree.entries, style.sorted).map(([key, value]) => style.escape(key) + style.colon + print(value, style, inner))
  if (parts.length === 0) return `${open}${close}`
  if (!style.indent) return open + parts.join(style.comma) + close
  return `${open}\n${inner}${parts.join(`${style.comma}\n${inner}`)}\n${margin}${close}`
}

const ordered = (entries: [string, Tree][], sorted: boolean) =>
  sorted ? [...entries].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)) : entries

/** Undefined for what is no JSON, or too deep. */
function parsed(text: string): Tree | undefined {
  try {
    JSON.parse(text)
  } catch {
    return undefined
  }
  const tokens = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g
  const next = () => tokens.exec(text)?.[0] ?? ''
  const value = (token: string, depth: number): Tree | undefined => {
    if (depth > DEEPEST) return undefined
    if (token !== '{' && token !== '[') return { raw: token }
    const entries: [string, Tree][] = []
    const items: Tree[] = []
    for (let at = next(); at !== '}' && at !== ']'; at = next()) {
      if (at === ',') continue
      const key = token === '{' ? at : ''
      if (key) next()
      const inner = value(key ? next() : at, depth + 1)
      if (!inner) return undefined
      if (key) entries.push([key, inner])
      else items.push(inner)
    }
    return token === '{' ? { entries } : { items }
  }
  return value(next(), 0)
}
