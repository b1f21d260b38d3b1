/** Signs a request as the sender of a scheme does, and puts what the scheme reads where it reads it. */
import { createHmac, createPrivateKey, randomBytes, sign as signWith } from 'node:crypto'
import type { Draft, Exchange, Signer } from '#core/plugin.ts'
import { isForm } from './form.ts'
import { compileForms } from './forms.ts'
import { keyBytes } from './key.ts'
import { resolve, type Scheme, tokensOf } from './scheme.ts'
import type { Settings } from './settings.ts'
import { compileSource, type Look, place, same } from './source.ts'
import { compileTemplate } from './template.ts'

const FORM = 'application/x-www-form-urlencoded'

/** Adds to the draft what the gateway will ask for; a text says why it cannot. */
export function sign(settings: Settings, draft: Draft, signer: Signer): string | undefined {
  const scheme = resolve(settings)
  if (!scheme) return 'the scheme of auth-hmac is not known: name a preset, or give signature.from'
  const key = keyOf(scheme, settings, signer)
  if (typeof key === 'string') return key
  const tokens = tokensOf(scheme)
  if (tokens.includes('url') && !signer.publicUrl) return 'the URL is signed: set server.publicUrl to the one that the sender calls'
  const [from = ''] = scheme.signature.from
  const at = place(from)
  if (at?.kind === 'json' && tokens.includes('body'))
    return `the signature stands in the body that it signs (${from}): no sender can make it`

  try {
    asForm(scheme, draft)
    for (const [name, value] of Object.entries(scheme.require)) draft.headers.set(name, value)
    const pairs = new Map<string, string>()
    const put = (source: string, value: string | number) => {
      const where = place(source)
      if (where?.kind === 'sig') pairs.set(where.name, String(value))
      else if (where?.kind === 'header') draft.headers.set(where.name, String(value))
      else if (where) inBody(scheme, draft, where.name, value)
    }
    const has = (source: string) => {
      const where = place(source)
      return where !== undefined && compileSource(where, scheme.jsonFormField)(lookOf(draft, signer, pairs)) !== undefined
    }
    if (scheme.timestamp?.from !== undefined) put(scheme.timestamp.from, written(signer.now(), scheme.timestamp.format))
    const signsId = tokens.some(token => same(token, scheme.id))
    if (scheme.id !== undefined && !has(scheme.id) && (signsId || place(scheme.id)?.kind === 'header')) put(scheme.id, freshId())
    for (const token of tokens) if (place(token) && !has(token)) put(token, stopgap(token, signer.now()))

    const time = scheme.timestamp?.from === undefined ? undefined : place(scheme.timestamp.from)
    const look = lookOf(draft, signer, pairs)
    // The first of the forms that the scheme lets a sender sign.
    for (const _ of compileForms(scheme, signer.publicUrl)(look)) break
    const message = compileTemplate(scheme.signed, {
      timestamp: time && compileSource(time, scheme.jsonFormField),
      publicUrl: signer.publicUrl,
      jsonFormField: scheme.jsonFormField,
    })(look)
    if (typeof message === 'string') return `{${message}} is signed, and the request has no such part: give it one`
    put(from, around(scheme, key(message), pairs))
    return undefined
  } catch (error) {
    if (error instanceof Unplaceable) return error.message
    throw error
  }
}

/** What the request lacks so that a value can be put into it. */
class Unplaceable extends Error {}

type Key = (message: readonly (string | Uint8Array)[]) => string

/** How the first secret, or the private key, signs. */
function keyOf(scheme: Scheme, { secrets }: Settings, { privateKey }: Signer): Key | string {
  const { kind, algorithm, encoding } = scheme
  if (kind === 'ed25519' || kind === 'ecdsa-p256') {
    const wanted = kind === 'ed25519' ? 'an Ed25519 key' : 'a P-256 key'
    if (privateKey === undefined) return `the gateway has the public key alone: give ${wanted} as PKCS#8 PEM, --private-key FILE`
    const key = readPrivate(privateKey)
    const fits = kind === 'ed25519' ? key?.asymmetricKeyType === 'ed25519' : key?.asymmetricKeyDetails?.namedCurve === 'prime256v1'
    if (!key || !fits) return `the private key is not ${wanted} as PKCS#8 PEM`
    return message => signWith(kind === 'ed25519' ? null : 'sha256', joined(message), key).toString(encoding)
  }
  const secret = secrets.find(text => keyBytes(text, scheme.secret) !== undefined)
  const bytes = secret === undefined ? undefined : keyBytes(secret, scheme.secret)
  if (!bytes) return 'none of the secrets of auth-hmac has a value: set the variable that one of them names'
  if (kind === 'static') return () => bytes.toString()
  return message => {
    const hmac = createHmac(algorithm, bytes)
    for (const piece of message) hmac.update(piece)
    return hmac.digest(encoding)
  }
}

function readPrivate(pem: string) {
  try {
    return createPrivateKey(pem)
  } catch {
    return undefined
  }
}

const joined = (message: readonly (string | Uint8Array)[]) =>
  Buffer.concat(message.map(piece => (typeof piece === 'string' ? Buffer.from(piece) : piece)))

/** The signature as the scheme writes it, with the pairs beside it. */
function around({ signature: { kv, key = '', list = ',', prefix = '' } }: Scheme, signature: string, pairs: ReadonlyMap<string, string>) {
  if (kv === undefined) return prefix + signature
  return [...pairs, [key, signature]].map(([name, value]) => `${name}${kv}${value}`).join(list)
}

function written(now: number, format: NonNullable<Scheme['timestamp']>['format']): string | number {
  if (format === 'rfc3339') return new Date(now).toISOString()
  return format === 'unix' ? Math.floor(now / 1000) : Math.floor(now)
}

const freshId = () => `msg_${randomBytes(15).toString('base64url').replace(/[-_]/g, 'x')}`

/** Of a signed value that the request lacks and nothing is said of but its name. */
function stopgap(token: string, now: number): string {
  if (/time|date/i.test(token)) return String(Math.floor(now / 1000))
  return /type|event$/i.test(token) ? 'test' : freshId()
}

/** The draft as the sources of the scheme look at a request. */
function lookOf(draft: Draft, { publicUrl }: Signer, pairs: Map<string, string>): Look {
  const { pathname, search, href } = draft.url
  // A public URL may have a path of its own, which a proxy takes away.
  const path = publicUrl && href.startsWith(`${publicUrl}/`) ? href.slice(publicUrl.length).split(/[?#]/, 1)[0] : pathname
  const x = { method: draft.method, path, search: search.slice(1), headers: draft.headers, raw: draft.body }
  return { x: x as unknown as Exchange, pairs }
}

/** A scheme that reads a form gets one. */
function asForm(scheme: Scheme, draft: Draft): void {
  const { jsonFormField } = scheme
  const sorted = tokensOf(scheme).includes('form:sorted')
  if ((jsonFormField === undefined && !sorted) || isForm(draft)) return
  const form = new URLSearchParams()
  if (jsonFormField !== undefined) form.set(jsonFormField, textOf(draft.body) || '{}')
  else for (const [name, value] of Object.entries(objectOf(textOf(draft.body)))) form.append(name, plain(value))
  draft.headers.set('content-type', FORM)
  draft.body = Buffer.from(form.toString())
}

const plain = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value))
const textOf = (body: Uint8Array) => new TextDecoder().decode(body)

function objectOf(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text || '{}')
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  } catch {}
  throw new Unplaceable('the scheme reads values out of the body, and the body is no JSON object: send one')
}

/** Writes a value into the JSON of the body, or of the form's field that holds it; a number stays a text where it was one. */
function inBody({ jsonFormField }: Scheme, draft: Draft, path: string, value: string | number): void {
  const form = jsonFormField === undefined ? undefined : new URLSearchParams(textOf(draft.body))
  const whole = objectOf(form ? (form.get(jsonFormField as string) ?? '') : textOf(draft.body))
  const keys = path.split('.')
  const last = keys.pop() as string
  let at = whole
  for (const key of keys) {
    const inner = Object.hasOwn(at, key) ? at[key] : undefined
    if (typeof inner !== 'object' || inner === null)
      Object.defineProperty(at, key, { value: {}, writable: true, enumerable: true, configurable: true })
    at = at[key] as Record<string, unknown>
  }
  const before = Object.hasOwn(at, last) ? at[last] : undefined
  const placed = typeof before === 'string' || keys.length > 0 ? String(value) : value
  Object.defineProperty(at, last, { value: placed, writable: true, enumerable: true, configurable: true })
  const text = JSON.stringify(whole)
  if (form) form.set(jsonFormField as string, text)
  draft.body = Buffer.from(form ? form.toString() : text)
}
