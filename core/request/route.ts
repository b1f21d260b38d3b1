/** The routing table: Elysia has one wildcard route, because it cannot take a route away. */

interface Route {
  readonly path: string
  readonly host: readonly string[]
}

/** What a request may mean; several when webhooks share a path, and then the method or the token decides. */
export interface Match<W> {
  readonly webhooks: readonly W[]
  /** Percent-decoded. */
  readonly params: Readonly<Record<string, string>>
}

/** The webhooks of one pattern, by host. */
type Pattern<W> = Map<string, Group<W>>

/** In the place of a host: a host is never empty. */
const ANY = ''

interface Group<W> {
  readonly webhooks: W[]
  /** Names of the parameters, each with its number from the left; webhooks of one pattern may name them differently. */
  readonly names: Map<string, number>
}

interface Node<W> {
  readonly literals: Map<string, Node<W>>
  param?: Node<W>
  pattern?: Pattern<W>
}

const PARAM = /^\{([A-Za-z_][A-Za-z0-9_]*)\}$/
const NO_PARAMS: Readonly<Record<string, string>> = Object.freeze({})

/**
 * Compiles paths to a lookup whose cost does not grow with their number. A literal segment goes before a `{param}`, and a webhook with
 * the request's host before one without hosts. Paths match exactly: a final slash, `//` and letter case all count.
 */
export function routes<W extends Route>(webhooks: Iterable<W>): (host: string, path: string) => Match<W> | undefined {
  const literal = new Map<string, Pattern<W>>()
  const root: Node<W> = { literals: new Map() }
  for (const webhook of webhooks) {
    const segments = webhook.path.slice(1).split('/')
    const names = segments.flatMap(segment => PARAM.exec(segment)?.[1] ?? [])
    if (names.length === 0) {
      const path = `/${segments.map(encoded).join('/')}`
      add(
        setDefault(literal, path, () => new Map()),
        webhook,
        names,
      )
      continue
    }
    let node = root
    for (const segment of segments) {
      if (PARAM.test(segment)) node = node.param ??= { literals: new Map() }
      else node = setDefault(node.literals, encoded(segment), () => ({ literals: new Map() }))
    }
    node.pattern ??= new Map()
    add(node.pattern, webhook, names)
  }

  return (host, path) => {
    const group = ofHost(literal.get(path), host)
    if (group) return { webhooks: group.webhooks, params: NO_PARAMS }
    return descend(root, host, path, 1, [])
  }
}

function descend<W>(node: Node<W>, host: string, path: string, from: number, values: string[]): Match<W> | undefined {
  if (from > path.length) {
    const group = ofHost(node.pattern, host)
    return group && { webhooks: group.webhooks, params: paramsOf(group, values) }
  }
  const slash = path.indexOf('/', from)
  const end = slash < 0 ? path.length : slash
  const segment = path.slice(from, end)
  const next = node.literals.get(segment)
  const found = next && descend(next, host, path, end + 1, values)
  if (found || !node.param) return found
  const value = decoded(segment)
  if (value === undefined) return undefined
  values.push(value)
  const match = descend(node.param, host, path, end + 1, values)
  values.pop()
  return match
}

function ofHost<W>(pattern: Pattern<W> | undefined, host: string): Group<W> | undefined {
  return pattern && (pattern.get(host) ?? pattern.get(ANY))
}

function paramsOf<W>(group: Group<W>, values: readonly string[]): Record<string, string> {
  const params: Record<string, string> = {}
  for (const [name, at] of group.names) params[name] = values[at] ?? ''
  return params
}

function add<W extends Route>(pattern: Pattern<W>, webhook: W, names: readonly string[]): void {
  const hosts = webhook.host.length > 0 ? webhook.host : [ANY]
  for (const host of hosts) {
    const group = setDefault(pattern, host, () => ({ webhooks: [], names: new Map() }))
    group.webhooks.push(webhook)
    for (const [at, name] of names.entries()) group.names.set(name, at)
  }
}

/** The form that a path has in a URL: `é` is `%C3%A9` there. */
function encoded(segment: string): string {
  return new URL(`http://postern.invalid/a${segment}`).pathname.slice(2)
}

/** Decoded once and strictly: what would hide a slash, a NUL or a dot segment from whoever reads it next matches nothing. */
function decoded(segment: string): string | undefined {
  let value = segment
  try {
    if (segment.includes('%')) value = decodeURIComponent(segment)
  } catch {
    return undefined
  }
  return /^\.{0,2}$/.test(value) || value.includes('/') || value.includes('\0') ? undefined : value
}

function setDefault<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const present = map.get(key)
  if (present !== undefined) return present
  const made = make()
  map.set(key, made)
  return made
}
