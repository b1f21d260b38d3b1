/** What a sender must know of a scheme. */
import type { SenderField, SenderPart } from '#core/plugin.ts'
import { GAP } from './candidates.ts'
import { type Scheme, tokensOf } from './scheme.ts'
import { numbered, place, same } from './source.ts'
import { runsOn } from './template.ts'

/** `HMAC-SHA-256`, say. */
export function nameOf({ kind, algorithm }: Pick<Scheme, 'kind' | 'algorithm'>): string {
  if (kind === 'hmac') return `HMAC-${algorithm.toUpperCase().replace('SHA', 'SHA-')}`
  return { ed25519: 'Ed25519', 'ecdsa-p256': 'ECDSA P-256 with SHA-256', static: 'A shared secret' }[kind]
}

const ID: SenderField = { description: 'Id of the delivery, the same each time it is tried.' }

/** Names of the headers that a source stands for: of many numbered ones as many as are looked at when there is one. */
function headersOf(text: string | undefined): string[] {
  const at = text === undefined ? undefined : place(text)
  if (at?.kind !== 'header' || text === undefined) return []
  return at.count === undefined
    ? [text.slice('header:'.length)]
    : numbered(at)
        .slice(0, GAP + 1)
        .map(({ name }) => name)
}

/** The headers that the sender must send, and the scheme itself under `x-postern-signature`, for whoever writes a signing sample. */
export function describe(scheme: Scheme | undefined, secrets: readonly string[] = []): SenderPart {
  if (!scheme) return {}
  if (scheme.kind === 'static') return describeStatic(scheme, secrets)
  const { encoding, signature, timestamp, signed, id, page } = scheme
  const headers: Record<string, SenderField> = {}
  const add = (names: readonly string[], field: SenderField) => {
    for (const name of names) if (!(name in headers)) headers[name] = field
  }
  const form = signature.kv
    ? `, as \`${signature.key}${signature.kv}<signature>\``
    : signature.prefix
      ? `, after \`${signature.prefix}\``
      : ''
  const description = `${nameOf(scheme)} over \`${signed}\`, in ${encoding}${form}.${page?.startsWith('https:') ? ` See ${page}` : ''}`
  const places = signature.from.flatMap(headersOf)

  for (const [header, value] of Object.entries(scheme.require))
    add([header], { description: `Exactly \`${value}\`.`, required: true, example: value })
  add(places, { description, required: signature.from.length === 1 && places.length === 1 })
  const unit = { unix: 'seconds since 1970', unix_ms: 'milliseconds since 1970', rfc3339: 'RFC 3339' }
  if (timestamp) add(headersOf(timestamp.from), { description: `When the request was signed: ${unit[timestamp.format]}.`, required: true })
  add(headersOf(id), { ...ID, required: tokensOf(scheme).some(token => same(token, id)) })
  for (const token of tokensOf(scheme)) add(headersOf(token), { description: 'Part of what is signed.', required: true })

  // What is looked for in the fields of a form: where else it is sent, nothing is found.
  if (scheme.jsonFormField !== undefined || tokensOf(scheme).includes('form:sorted'))
    add(['Content-Type'], { description: 'The body is a form.', required: true, example: 'application/x-www-form-urlencoded' })
  else if (runsOn(signed)) add(['Content-Type'], { description: 'What the body is; a form is refused.', example: 'application/json' })

  const [header] = places
  if (!header) return { headers, signature: { ...scheme } }
  const security = { type: 'apiKey', in: 'header', name: header, description, 'x-postern-signature': scheme }
  return { headers, security: { [`signature-${header.toLowerCase()}`]: security } }
}

/** A secret is no signature: without `x-postern-signature` its header is masked wherever requests are shown. */
function describeStatic({ signature, id, page }: Scheme, secrets: readonly string[]): SenderPart {
  const [name] = headersOf(signature.from[0])
  if (!name) return {}
  const description = `The shared secret${signature.prefix ? `, after \`${signature.prefix}\`` : ''}.${page?.startsWith('https:') ? ` See ${page}` : ''}`
  const headers: Record<string, SenderField> = {
    [name]: { description, required: true, example: `${signature.prefix ?? ''}${secrets[0] ?? ''}` },
  }
  for (const header of headersOf(id)) headers[header] ??= ID
  return { headers, security: { [`secret-${name.toLowerCase()}`]: { type: 'apiKey', in: 'header', name } } }
}
