/** A request as a recipe: what to compute one after the other, each value a row of texts and earlier values. Every sample is a rendering of it. */
import type { Profile } from './profile.ts'
import { pieces, placeOf, type Scheme, schemeOf } from './scheme.ts'
import type { Field, Way } from './ways.ts'

/** A text, the value of a variable, or one percent-encoded, or the base64 of a row. */
export type Atom = { text: string } | { name: string } | { encoded: string } | { base64: Atom[] }

export type Step =
  /** From the sender's environment. */
  | { kind: 'env'; name: string; env: string; about: string }
  | { kind: 'time'; name: string; format: 'unix' | 'unix_ms' | 'rfc3339' }
  | { kind: 'random'; name: string }
  | { kind: 'text'; name: string; value: Atom[] }
  | { kind: 'hmac'; name: string; key: string; message: string; scheme: Scheme }
  | { kind: 'sign'; name: string; key: string; message: string; scheme: Scheme }

export interface Recipe {
  steps: Step[]
  method: string
  headers: [string, Atom[]][]
  /** False: the request has no body. */
  body: boolean
}

/** A secret as the settings show it. */
const HIDDEN = /\$\{[^}]*\}|\$SECRET\b/
const SIGNATURE = '@@postern-signature@@'
const TIME = '@@postern-timestamp@@'

/** The recipe of one way; a text says why there is none. */
export function recipeOf(profile: Profile, way: Way): Recipe | string {
  const { webhook } = profile
  const [scheme, second] = way.schemes
  const foreign = Object.values(way.security).some(
    security => security['x-postern-signature'] && !schemeOf(security['x-postern-signature']),
  )
  if (foreign || profile.unclear) return 'There is no sample code for this kind of credential.'
  if (second) return 'The request carries two signatures; sign it twice, as told above.'
  const method = webhook.methods.find(name => name !== 'GET') ?? 'GET'
  const made = new Kitchen()
  const base: Atom[] = [{ text: profile.bases[0] ?? '' }]
  for (const [i, segment] of webhook.path.split('/').entries()) {
    const [, param] = /^\{(.+)\}$/.exec(segment) ?? []
    if (i > 0) base.push({ text: '/' })
    if (param === undefined) base.push({ text: segment })
    else if (param === 'token') base.push({ name: made.env('token', 'WEBHOOK_TOKEN', 'the token of your URL') })
    else base.push({ text: param })
  }
  const query = way.query.filter(field => field.required)
  for (const [i, field] of query.entries()) {
    base.push({ text: `${i ? '&' : '?'}${encodeURIComponent(field.name)}=` })
    base.push(...credential(field, way, made).map(atom => encoded(atom)))
  }
  const payload = profile.example ?? {}
  if (method === 'GET') for (const text of parametersOf(payload)) base.push({ text: `${base.some(hasMark) ? '&' : '?'}${text}` })
  made.steps.push({ kind: 'text', name: 'url', value: joined(base) })

  const headers: [string, Atom[]][] = []
  const type = profile.types[0]
  if (method !== 'GET' && type) headers.push(['Content-Type', [{ text: type }]])
  const signing = scheme && planOf(scheme, payload)
  if (typeof signing === 'string') return signing
  const told = new Set(['content-type', ...(signing?.headers ?? [])])
  const unknown = [...way.headers, ...query].find(field => field.required && !told.has(field.name.toLowerCase()) && !isTold(field, way))
  if (unknown) return `There is no sample code: what is to be sent as \`${unknown.name}\` only its description tells.`
  for (const field of way.headers) {
    const name = field.name.toLowerCase()
    if (told.has(name) || !(field.required || field.perRequest)) continue
    headers.push([field.name, field.perRequest ? [{ name: made.random() }] : credential(field, way, made)])
  }
  const text = method === 'GET' ? [] : bodyOf(profile, payload, scheme?.jsonFormField, signing?.within)
  const seasoned = signing ? sign(made, scheme as Scheme, signing, way, text, method) : undefined
  if (typeof seasoned === 'string') return seasoned
  if (!seasoned && method !== 'GET') made.steps.push({ kind: 'text', name: 'body', value: text })
  headers.push(...(seasoned ?? []))
  return { steps: made.steps, method, headers, body: method !== 'GET' }
}

/** Collects the steps; each thing is fetched once. */
class Kitchen {
  readonly steps: Step[] = []
  env(name: string, env: string, about: string): string {
    if (!this.steps.some(step => step.name === name)) this.steps.push({ kind: 'env', name, env, about: about.replace(/[^\w .,()-]/g, '') })
    return name
  }
  random(): string {
    if (!this.steps.some(step => step.name === 'requestId')) this.steps.push({ kind: 'random', name: 'requestId' })
    return 'requestId'
  }
}

/** What a scheme does to the request. */
interface Plan {
  /** Lower-case names of the headers that it fills. */
  headers: string[]
  /** Paths in the JSON body at which it puts something. */
  within: Map<string, unknown>
  signature: { kind: 'header' | 'json'; name: string }
}

function planOf(scheme: Scheme, payload: unknown): Plan | string {
  const signature = placeOf(scheme.signature.from[0])
  const time = placeOf(scheme.timestamp?.from)
  const id = placeOf(scheme.id)
  if (!signature || signature.kind === 'sig') return 'There is no sample for this form of signature.'
  const tokens = pieces(scheme.signed).filter((_, i) => i % 2)
  if (tokens.includes('form:sorted')) return 'There is no sample for a signature over the sorted fields of a form.'
  const headers = [signature, time, id].flatMap(place => (place?.kind === 'header' ? [place.name.replace(/\{1\.\.\d+\}$/, '1')] : []))
  headers.push(...Object.keys(scheme.require).map(name => name.toLowerCase()))
  const within = new Map<string, unknown>()
  const { kind, name } = signature
  if (time?.kind === 'json') within.set(time.name, scheme.timestamp?.format === 'rfc3339' ? TIME : { [TIME]: true })
  if (signature.kind === 'json') within.set(signature.name, SIGNATURE)
  for (const place of tokens.map(placeOf)) {
    if (place?.kind === 'header' && !headers.includes(place.name)) headers.push(place.name)
    if (place?.kind === 'json' && !within.has(place.name)) within.set(place.name, scalarAt(payload, place.name) ?? 'example')
  }
  if (within.size > 0 && [...within.keys()].some(path => path.includes('['))) return 'There is no sample for values within lists.'
  return { headers, within, signature: { kind, name } }
}

/** Adds the steps that sign, and gives the headers that carry what they made. */
function sign(made: Kitchen, scheme: Scheme, plan: Plan, way: Way, text: Atom[], method: string): [string, Atom[]][] | string {
  const hmac = scheme.kind === 'hmac'
  const key = hmac
    ? made.env('secret', 'WEBHOOK_SECRET', 'the signing secret')
    : made.env('key', 'WEBHOOK_PRIVATE_KEY', 'your private key, PEM')
  const headers: [string, Atom[]][] = Object.entries(scheme.require).map(([name, value]) => [name, [{ text: value }]])
  const stamp: Atom = { name: 'timestamp' }
  const time = placeOf(scheme.timestamp?.from)
  if (scheme.timestamp) made.steps.push({ kind: 'time', name: 'timestamp', format: scheme.timestamp.format })
  if (time?.kind === 'header') headers.push([shownName(way, time.name), [stamp]])
  const id = placeOf(scheme.id)
  if (id?.kind === 'header') headers.push([shownName(way, id.name), [{ text: 'msg_' }, { name: made.random() }]])
  const inBody = plan.signature.kind === 'json'
  if (!inBody && method !== 'GET') made.steps.push({ kind: 'text', name: 'body', value: text })

  const message: Atom[] = []
  const pairs = new Map<string, Atom[]>(time?.kind === 'sig' ? [[time.name, [stamp]]] : [])
  for (const [i, piece] of pieces(scheme.signed).entries()) {
    const place = placeOf(piece)
    if (i % 2 === 0) message.push({ text: piece })
    else if (piece === 'body') {
      if (inBody) return 'There is no sample for a body that holds its own signature.'
      if (method !== 'GET') message.push({ name: 'body' })
    } else if (piece === 'timestamp') message.push(stamp)
    else if (piece === 'method') message.push({ text: method })
    else if (piece === 'url') message.push({ name: 'url' })
    else if (place && sameText(piece, scheme.timestamp?.from)) message.push(stamp)
    else if (place?.kind === 'header') {
      const present = headers.find(([name]) => name.toLowerCase() === place.name)
      const value = present?.[1] ?? [{ text: exampleOf(way, place.name) }]
      if (!present) headers.push([shownName(way, place.name), value])
      message.push(...value)
    } else if (place?.kind === 'json') message.push({ text: String(plan.within.get(place.name) ?? '') })
    else if (place?.kind === 'sig') {
      pairs.set(place.name, [{ text: 'example' }])
      message.push({ text: 'example' })
    } else return 'There is no sample for this form of signature.'
  }
  made.steps.push({ kind: 'text', name: 'message', value: joined(message) })
  made.steps.push({ kind: hmac ? 'hmac' : 'sign', name: 'signature', key, message: 'message', scheme })
  if (inBody) made.steps.push({ kind: 'text', name: 'body', value: text })
  else headers.push([shownName(way, plan.signature.name.replace(/\{1\.\.\d+\}$/, '1')), signatureText(scheme, pairs)])
  return headers
}

function signatureText({ signature: { kv, key, list, prefix } }: Scheme, pairs: ReadonlyMap<string, Atom[]>): Atom[] {
  if (kv === undefined) return joined([{ text: prefix ?? '' }, { name: 'signature' }])
  const all = [...pairs, [key ?? '', [{ name: 'signature' }]] as const]
  return joined(all.flatMap(([name, value], i): Atom[] => [{ text: `${i ? (list ?? '') : ''}${name}${kv}` }, ...value]))
}

/** The body's text, with a place for each value that is only known when it is sent. */
function bodyOf(profile: Profile, payload: unknown, field: string | undefined, within: ReadonlyMap<string, unknown> = new Map()): Atom[] {
  let value = payload
  for (const [path, at] of within) value = put(value, path.split('.'), at)
  const json = JSON.stringify(value)
  const form = profile.types[0] === 'application/x-www-form-urlencoded'
  const text = field !== undefined ? `${field}=${encodeURIComponent(json)}` : form ? parametersOf(value).join('&') : json
  const marks = [JSON.stringify({ [TIME]: true }), TIME, SIGNATURE].flatMap(mark => [encodeURIComponent(mark), mark])
  const cut = new RegExp(`(${marks.map(mark => mark.replace(/[{}]/g, '\\$&')).join('|')})`)
  return joined(
    text
      .split(cut)
      .map(
        (part, i): Atom => (i % 2 === 0 ? { text: part } : { name: decodeURIComponent(part).includes(TIME) ? 'timestamp' : 'signature' }),
      ),
  )
}

function put(value: unknown, [first = '', ...rest]: string[], inner: unknown): unknown {
  const given = typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {}
  const below = (given as Record<string, unknown>)[first]
  return { ...given, [first]: rest.length === 0 ? inner : put(below, rest, inner) }
}

function scalarAt(value: unknown, path: string): unknown {
  let at = value
  for (const key of path.split('.')) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, key)) return undefined
    at = (at as Record<string, unknown>)[key]
  }
  return typeof at === 'string' || typeof at === 'number' || typeof at === 'boolean' ? at : undefined
}

/** What to send in a field can be known: a plain credential or a fixed value, not something computed in a way of its own. */
function isTold(field: Field, way: Way): boolean {
  const http = Object.values(way.security).some(isOfAuthorization)
  return field.example !== undefined || field.perRequest === true || (field.name.toLowerCase() === 'authorization' && http)
}

/** Schemes that have a token, or a name and password, in the Authorization header. */
const isOfAuthorization = ({ type }: Record<string, unknown>) => type === 'http' || type === 'openIdConnect' || type === 'oauth2'

/** A credential from the environment, or the example as it is. */
function credential(field: Field, way: Way, made: Kitchen): Atom[] {
  const secured = Object.values(way.security)
  const own = field.name.toLowerCase() === 'authorization' ? secured.find(isOfAuthorization) : undefined
  if (own?.scheme === 'basic') {
    const user = made.env('user', 'WEBHOOK_USER', 'your name')
    const password = made.env('password', 'WEBHOOK_PASSWORD', 'your password')
    return [{ text: 'Basic ' }, { base64: [{ name: user }, { text: ':' }, { name: password }] }]
  }
  const { example } = field
  const hidden = HIDDEN.exec(example ?? '')
  if (example !== undefined && !hidden && !own) return [{ text: example }]
  const first = made.steps.filter(step => step.kind === 'env' && step.env.startsWith('WEBHOOK_KEY')).length
  const name = made.env(`key${first || ''}`, `WEBHOOK_KEY${first ? first + 1 : ''}`, `your key, for ${field.name}`)
  if (example === undefined || !hidden) return joined([{ text: own ? 'Bearer ' : '' }, { name }])
  return joined([{ text: example.slice(0, hidden.index) }, { name }, { text: example.slice(hidden.index + hidden[0].length) }])
}

/** An example to show: without the operator's name of a secret. */
export const plainExample = (example: string): string => example.replace(new RegExp(HIDDEN, 'g'), 'YOUR_SECRET')

const shownName = (way: Way, lower: string) => way.headers.find(({ name }) => name.toLowerCase() === lower)?.name ?? lower
const exampleOf = (way: Way, lower: string) => way.headers.find(({ name }) => name.toLowerCase() === lower)?.example ?? 'example'
const sameText = (one: string, other: string | undefined) => one.toLowerCase() === other?.toLowerCase()
const hasMark = (atom: Atom) => 'text' in atom && atom.text.includes('?')
const encoded = (atom: Atom): Atom =>
  'text' in atom ? { text: encodeURIComponent(atom.text) } : 'name' in atom ? { encoded: atom.name } : atom

/** Neighbouring texts made one, empty ones left out. */
export function joined(atoms: readonly Atom[]): Atom[] {
  const all: Atom[] = []
  for (const atom of atoms) {
    const last = all.at(-1)
    if ('text' in atom && last && 'text' in last) all[all.length - 1] = { text: last.text + atom.text }
    else if (!('text' in atom) || atom.text !== '') all.push(atom)
  }
  return all
}

function parametersOf(payload: unknown): string[] {
  if (typeof payload !== 'object' || payload === null) return []
  const text = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value))
  return Object.entries(payload).flatMap(([name, value]) =>
    [value].flat().map(item => `${encodeURIComponent(name)}=${encodeURIComponent(text(item))}`),
  )
}
