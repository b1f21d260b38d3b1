/** How to sign, in words, step by step. */
import { algorithmName, pieces, placeOf, type Scheme } from './scheme.ts'

const STAMP = { unix: 'seconds since 1970', unix_ms: 'milliseconds since 1970', rfc3339: 'RFC 3339, such as 2026-01-15T12:00:00Z' }
const TOKENS: Record<string, string> = {
  body: 'the exact bytes of the body',
  timestamp: 'the timestamp',
  method: 'the method in capitals',
  url: 'the whole URL as it is called, with its query',
  'form:sorted': "the form's fields sorted by name, each name followed by its value, with nothing between them",
}

/** Sentences in which `…` marks what is to be typed as it stands. */
export function signingWords(scheme: Scheme): string[] {
  const { kind, encoding, secret, signature, timestamp, signed } = scheme
  const words: string[] = []
  if (timestamp) words.push(`Take the present time as ${STAMP[timestamp.format]}${at(timestamp.from, scheme)}.`)
  const named = pieces(signed).some((piece, i) => i % 2 === 1 && piece.toLowerCase() === scheme.id?.toLowerCase())
  if (scheme.id && named) words.push(`Give the delivery an id, the same each time you try it${at(scheme.id, scheme)}.`)
  for (const [name, value] of Object.entries(scheme.require)) words.push(`Send the header \`${name}: ${value}\`.`)
  const parts = pieces(signed).flatMap((piece, i) => (i % 2 ? [`${TOKENS[piece] ?? valueAt(piece)}`] : piece ? [`\`${piece}\``] : []))
  words.push(parts.length === 1 ? `What is signed is ${parts[0]}.` : `Join, with nothing else between them: ${parts.join(' + ')}.`)
  if (kind === 'hmac') {
    const cut = secret.stripPrefix ? `without its \`${secret.stripPrefix}\`` : ''
    const how = secret.encoding === 'utf8' ? 'the text of the secret as it is' : `the secret decoded from ${secret.encoding}`
    words.push(`Compute the ${algorithmName(scheme)} of that. The key is ${[how, cut].filter(Boolean).join(', ')}.`)
  } else words.push(`Sign that with your private key: ${algorithmName(scheme)}${kind === 'ecdsa-p256' ? ', as DER' : ''}.`)
  words.push(`Write the result in ${encoding === 'hex' ? 'lower-case hex' : 'base64, with its padding'}${formOf(scheme)}.`)
  if (signature.from.length > 1) words.push('One of the headers above is enough.')
  if (timestamp && (signed.includes('{timestamp}') || signed.includes(`{${timestamp.from}}`)))
    words.push('Sign anew each time you send: an old timestamp is refused.')
  return words
}

function formOf({ signature: { from, kv, key, list, prefix }, timestamp }: Scheme): string {
  const place = placeOf(from[0])
  const where = place?.kind === 'json' ? `the field \`${place.name}\` of the body` : `the header \`${place?.name.replace(/\{.*\}$/, '1')}\``
  const time = placeOf(timestamp?.from)
  const form = kv !== undefined ? `${key}${kv}SIGNATURE` : prefix ? `${prefix}SIGNATURE` : ''
  const whole = kv !== undefined && time?.kind === 'sig' ? `${time.name}${kv}TIMESTAMP${list ?? ''}${form}` : form
  return `, and send it in ${where}${whole ? ` as \`${whole}\`` : ''}`
}

function at(from: string | undefined, { signature }: Scheme): string {
  const place = placeOf(from)
  if (place?.kind === 'header') return `, and send it in the header \`${place.name}\``
  if (place?.kind === 'json') return `, and put it into the body as \`${place.name}\``
  return place ? `; it goes beside the signature, as \`${place.name}${signature.kv ?? '='}…\`` : ''
}

function valueAt(token: string): string {
  const place = placeOf(token)
  if (place?.kind === 'header') return `the value of the header \`${place.name}\``
  return place?.kind === 'json' ? `the value of \`${place.name}\` in the body` : `the value of \`${place?.name ?? token}\``
}
