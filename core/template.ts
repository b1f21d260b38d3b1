/** `{{path}}` templates in dialects and in the bodies of subscriptions: compiled once, rendered by look-up, no language. */

/** Finds a path's value, `['record', 'id']` say; undefined when there is none. */
export type Lookup = (path: readonly string[]) => unknown

export interface Template {
  /** Every path that stands in the template, each once. */
  readonly paths: readonly (readonly string[])[]
  /** A text that is exactly one `{{path}}` keeps the type of its value, and its key is left out when there is none. */
  render(lookup: Lookup): unknown
}

const WHOLE = /^\{\{\s*([^{}\s]+)\s*\}\}$/
const ANY = /\{\{\s*([^{}\s]+)\s*\}\}/g

export function compileTemplate(source: unknown): Template {
  const paths = new Map<string, readonly string[]>()
  const pathOf = (text: string) => {
    const path = paths.get(text) ?? text.split('.')
    paths.set(text, path)
    return path
  }
  const render = compile(source, pathOf)
  return { paths: [...paths.values()], render }
}

function compile(source: unknown, pathOf: (text: string) => readonly string[]): (lookup: Lookup) => unknown {
  if (typeof source === 'string') return compileText(source, pathOf)
  if (Array.isArray(source)) {
    const items = source.map(item => compile(item, pathOf))
    return lookup => items.map(item => item(lookup))
  }
  if (typeof source === 'object' && source !== null) {
    const entries = Object.entries(source).map(([key, value]) => [key, compile(value, pathOf)] as const)
    return lookup => {
      const result: Record<string, unknown> = {}
      for (const [key, value] of entries) result[key] = value(lookup)
      return result
    }
  }
  return () => source
}

function compileText(source: string, pathOf: (text: string) => readonly string[]): (lookup: Lookup) => unknown {
  const whole = WHOLE.exec(source)
  if (whole?.[1]) {
    const path = pathOf(whole[1])
    return lookup => lookup(path)
  }
  // `search` and `split` start anew each time; `test` of a global expression would go on where the last one stopped.
  if (source.search(ANY) < 0) return () => source
  const texts = source.split(ANY)
  const parts = texts.map((text, i) => (i % 2 === 1 ? pathOf(text) : text))
  return lookup => parts.map(part => (typeof part === 'string' ? part : asText(lookup(part)))).join('')
}

function asText(value: unknown): string {
  if (value === undefined || value === null) return ''
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

/** Walks own properties only, so that no path reaches a prototype. */
export function walk(value: unknown, path: readonly string[], from = 0): unknown {
  let at = value
  for (let i = from; i < path.length; i++) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, path[i] as string)) return undefined
    at = (at as Record<string, unknown>)[path[i] as string]
  }
  return at
}
