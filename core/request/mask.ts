/** Takes the credentials out of a request before anything of it is kept. */
import type { Config, Webhook } from '../config/config.ts'
import { flattened } from '../config/nested.ts'
import { type Needles, needles, secretNeedles } from '../needles.ts'
import type { AnyPlugin, NestedStep, SenderPart } from '../plugin.ts'
import { spellings } from '../spellings.ts'

/** What stands in the place of a credential, or of a value that the configuration wants masked. */
export const MASK = '[masked]'

/** Headers that are credentials whoever reads them. */
const ALWAYS = ['authorization', 'proxy-authorization', 'cookie', 'set-cookie', 'x-api-key']
const TELLING_HEADER = /token|secret|password|passwd|api-?key|authorization|credential/i
const TELLING_NAME = /token|secret|password|passwd|api[-_]?key|signature/i

const SHORTEST_FOUND = 8

/** What the names of a chain's credentials are; lower case for headers. */
interface Places {
  headers: ReadonlySet<string>
  /** Headers that a later step reads: whatever their name, they are no credential. */
  open: ReadonlySet<string>
  query: ReadonlySet<string>
  params: ReadonlySet<string>
}

export interface Mask {
  path: string
  query: string
  headers: Record<string, string>
  /** Masks every secret, and what this request had in the place of one; with `end`, only what begins before it is kept. */
  text(text: string, end?: number): string
  /** Characters beyond `end` that must be looked at for the last secret to be found whole. */
  margin: number
}

interface Sent {
  readonly path: string
  readonly search: string
  readonly params: Readonly<Record<string, string>>
  readonly headers: Headers
}

/** Compiles what is secret of the requests of one webhook; `extra` are further query parameters to mask. */
export function compileMask(config: Config, webhook: Webhook, extra: readonly string[] = []): (sent: Sent) => Mask {
  const places = placesOf(config, webhook)
  const { values: short, known } = secretsOf(config)
  const isSecret = (value: string) => short.has(value) || known?.within(value) === true
  const isHidden = (name: string) => places.query.has(name) || TELLING_NAME.test(name) || extra.includes(name)
  const segments = webhook.path.split('/').map(segment => places.params.has(segment.slice(1, -1)) && segment.startsWith('{'))

  return sent => {
    const found = new Set<string>()
    const headers: [string, string][] = []
    for (const [name, value] of sent.headers) {
      const telling = !places.open.has(name) && (TELLING_HEADER.test(name) || isCredential(value))
      const hidden = places.headers.has(name) || telling || short.has(value)
      if (hidden) for (const part of credentialsIn(name, value)) found.add(part)
      headers.push([name, hidden ? MASK : value])
    }
    for (const name of places.params) {
      const value = Object.hasOwn(sent.params, name) ? sent.params[name] : undefined
      if (value) found.add(value)
    }
    const query = sent.search.split('&').map(pair => {
      const mark = pair.indexOf('=')
      if (mark < 0) return isSecret(decoded(pair)) ? MASK : pair
      const value = decoded(pair.slice(mark + 1))
      const hidden = isHidden(decoded(pair.slice(0, mark)))
      if (hidden && value !== '') found.add(value)
      return hidden || isSecret(value) ? `${pair.slice(0, mark)}=${MASK}` : pair
    })
    const path = sent.path.split('/').map((segment, i) => (segments[i] ? MASK : segment))
    const more = [...found].filter(value => value.length >= SHORTEST_FOUND && !short.has(value))
    const all = more.length > 0 ? needles(more.flatMap(spellings), known) : known
    const text = (whole: string, end = whole.length) => all?.replace(whole, MASK, end) ?? whole.slice(0, end)
    return {
      path: text(path.join('/')),
      query: text(query.join('&')),
      headers: Object.fromEntries(headers.map(([name, value]) => [name, text(value)])),
      text,
      margin: all?.longest ?? 0,
    }
  }
}

/** Of a whole configuration, and once for all of its webhooks: each has as many secrets as there are webhooks. */
const ofConfigs = new WeakMap<Config, { values: ReadonlySet<string>; known: Needles | undefined }>()

function secretsOf(config: Config) {
  const present = ofConfigs.get(config)
  if (present) return present
  const made = { values: new Set(config.secretValues), known: secretNeedles(config.secretValues) }
  ofConfigs.set(config, made)
  return made
}

/** `Basic` and `Bearer`, as a proxy or a careless sender has them under another name. */
function isCredential(value: string): boolean {
  const [, scheme, rest = ''] = /^(basic|bearer) +([\w.~+/=-]+)$/i.exec(value) ?? []
  if (scheme === undefined) return false
  return rest.length >= SHORTEST_FOUND && (scheme.toLowerCase() === 'bearer' || Buffer.from(rest, 'base64').includes(':'))
}

/** The whole value, and what of it may stand elsewhere: the part after a scheme, the password of Basic, each cookie. */
function credentialsIn(name: string, value: string): string[] {
  if (name === 'cookie') return value.split(';').map(pair => pair.slice(pair.indexOf('=') + 1).trim())
  const [, scheme = '', rest = ''] = /^([\w-]+) +(.+)$/.exec(value) ?? []
  if (scheme.toLowerCase() !== 'basic') return rest ? [value, rest] : [value]
  const pair = Buffer.from(rest, 'base64').toString()
  return [value, rest, pair, pair.slice(pair.indexOf(':') + 1)]
}

/** Where a chain's credentials are: what its `verify` steps tell senders to send, and what their settings name. */
function placesOf(config: Config, webhook: Webhook): Places {
  const headers = new Set(ALWAYS)
  const open = new Set<string>()
  const query = new Set<string>()
  const names = [...webhook.path.matchAll(/\{(\w+)\}/g)].map(match => match[1] as string)
  const params = new Set(names.filter(name => TELLING_NAME.test(name)))
  for (const item of webhook.chain.flatMap(flattened)) {
    const part = senderOf(config, webhook, item)
    if (item.plugin.phase !== 'verify') {
      for (const name of Object.keys(part.headers ?? {})) open.add(name.toLowerCase())
      continue
    }
    const { settings } = item
    if (typeof settings.param === 'string') params.add(settings.param)
    const schemes = Object.values(part.security ?? {})
    // A signature is good for one body alone, and tells an operator why it did not match.
    if (schemes.some(scheme => 'x-postern-signature' in scheme)) continue
    for (const { type, in: place, name } of schemes) {
      if (type !== 'apiKey' || typeof name !== 'string') continue
      if (place === 'header') headers.add(name.toLowerCase())
      if (place === 'query') query.add(name)
    }
    if (!hasSecret(item)) continue
    if (typeof settings.header === 'string') headers.add(settings.header.toLowerCase())
    if (typeof settings.query === 'string') query.add(settings.query)
    if (schemes.length > 0) continue
    for (const name of Object.keys(part.headers ?? {})) headers.add(name.toLowerCase())
    for (const name of Object.keys(part.query ?? {})) query.add(name)
  }
  return { headers, open, query, params }
}

function senderOf(config: Config, webhook: Webhook, { plugin, shown }: NestedStep): SenderPart {
  const host = { webhook: webhook.name, publicUrl: config.server.publicUrl, entity: (name: string) => config.entities.get(name) }
  try {
    return plugin.sender?.(shown, host) ?? {}
  } catch {
    return {}
  }
}

/** By plugin: to look through its settings takes longer than a request. */
const withSecret = new WeakMap<AnyPlugin, boolean>()

function hasSecret({ plugin }: NestedStep): boolean {
  const known = withSecret.get(plugin) ?? JSON.stringify(plugin.config).includes('"x-postern":"secret"')
  withSecret.set(plugin, known)
  return known
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return text
  }
}
