/** Every text of a request that may be a signature, where it belongs or not, and as it should be written or not. */
import type { Finding } from '#core/plugin.ts'
import { compileCandidates } from './candidates.ts'
import type { Scheme } from './scheme.ts'
import { compileSource, type Look, numbered, place } from './source.ts'

/** A signature's bytes, and what was wrong with how they came. */
export interface Offer {
  bytes: Buffer
  wrong: readonly Finding[]
}

const MOST = 64
const LONGEST = 400
/** An HMAC of SHA-1 in base64 has 28 characters. */
const SHORTEST = 27

/** Those that the scheme reads come first. */
export function offersOf(scheme: Scheme, look: Look): Offer[] {
  const offers: Offer[] = []
  const seen = new Set<string>()
  const add = (text: string, wrong: readonly Finding[]) => {
    if (seen.has(text) || text.length > LONGEST || text.length < SHORTEST || offers.length >= MOST) return
    seen.add(text)
    for (const [bytes, encoding] of readings(text, scheme)) offers.push({ bytes, wrong: encoding ? [...wrong, encoding] : wrong })
  }
  const sources = scheme.signature.from.flatMap(text => {
    const at = place(text)
    return at ? numbered(at).map(one => ({ name: one.name, read: compileSource(one, scheme.jsonFormField) })) : []
  })
  const own = sources.map(({ read }) => read)
  for (const text of compileCandidates(scheme.signature, own, new Set())(look)) add(text, [])
  for (const { read } of sources) for (const piece of piecesOf(read(look))) add(piece, [frame(scheme)])
  const named = new Set(sources.map(source => source.name))
  for (const [name, value] of look.x.headers) {
    if (!/sig|hmac|hash|digest|hub|hook|auth/i.test(name) || named.has(name)) continue
    for (const piece of piecesOf(value)) add(piece, [elsewhere(name, scheme)])
  }
  return offers
}

/** The whole value, what it lists, and what stands after a name. */
function piecesOf(value: string | undefined): string[] {
  if (!value) return []
  const items = value.slice(0, 8192).split(/[,;\s]+/)
  return [value, ...items, ...items.flatMap(item => [item.replace(/^["']|["']$/g, ''), item.replace(/^[\w-]+[=:]/, '')])]
}

/** The bytes that a text may stand for, each with what is wrong about its writing. */
function readings(text: string, { encoding }: Scheme): [Buffer, Finding | undefined][] {
  const found: [Buffer, Finding | undefined][] = []
  if (/^(?:[0-9a-f]{2})+$/i.test(text)) {
    const upper = text !== text.toLowerCase()
    found.push([Buffer.from(text, 'hex'), encoding === 'base64' ? written('hex-for-base64', 'hex', 'base64') : upper ? UPPER : undefined])
  }
  if (/^[A-Za-z0-9+/_-]+={0,2}$/.test(text)) {
    const bytes = Buffer.from(text, 'base64')
    const exact = bytes.toString('base64') === text
    const wrong =
      encoding === 'hex' ? written('base64-for-hex', 'base64', 'hex') : exact ? undefined : /[-_]/.test(text) ? URL_SAFE : UNPADDED
    found.push([bytes, wrong])
    const inner = bytes.toString('latin1')
    if (/^(?:[0-9a-f]{2}){16,}$/i.test(inner))
      found.push([Buffer.from(inner, 'hex'), written('base64-of-hex', 'the base64 of hex', encoding)])
  }
  return found
}

const written = (code: string, is: string, wanted: string): Finding => ({
  code,
  message: `The signature is written as ${is}, and the scheme wants ${wanted}.`,
  cure: `Write the digest's bytes as ${wanted}${wanted === 'hex' ? ', in lower case' : ', with its padding'}.`,
})
const UPPER: Finding = {
  code: 'upper-case-hex',
  message: 'The signature is written in hex of capital letters.',
  cure: 'Write it in lower case.',
}
const URL_SAFE: Finding = {
  code: 'base64url',
  message: 'The signature is written as base64url, with - and _.',
  cure: 'Write it as plain base64, with +, / and padding.',
}
const UNPADDED: Finding = {
  code: 'base64-unpadded',
  message: 'The base64 of the signature lacks its padding, or has too much of it.',
  cure: 'Write plain base64, with its padding of = signs.',
}

/** How the scheme wants a signature to stand. */
export const shapeOf = ({ signature: { kv, key = '', prefix = '' } }: Scheme) =>
  kv === undefined ? `\`${prefix}<signature>\`` : `\`${key}${kv}<signature>\``

const frame = (scheme: Scheme): Finding => ({
  code: scheme.signature.kv !== undefined || scheme.signature.prefix ? 'prefix-missing' : 'prefix-surplus',
  message: `The signature does not stand as ${shapeOf(scheme)}: what is before or around it is missing, surplus or another.`,
  cure: `Send it as ${shapeOf(scheme)}, and nothing else around it.`,
})

const elsewhere = (name: string, scheme: Scheme): Finding => ({
  code: 'signature-elsewhere',
  message: `The signature is right, but stands in the header ${name}.`,
  cure: `Send it in ${placeOf(scheme)}, as ${shapeOf(scheme)}; or set the preset, or signature.from, to the scheme that this sender has.`,
})

/** Where the scheme looks, in words. */
export function placeOf({ signature: { from } }: Scheme): string {
  const at = place(from[0] ?? '')
  return at?.kind === 'json' ? `the field ${at.name} of the body` : `the header ${at?.name ?? from[0]}`
}
