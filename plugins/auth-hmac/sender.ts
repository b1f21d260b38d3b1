/** What a sender must know of a scheme. */
import type { SenderField, SenderPart } from '#core/plugin.ts'
import { type Scheme, tokensOf } from './scheme.ts'
import { place, same } from './source.ts'

/** The headers that the sender must send, and the scheme itself under `x-postern-signature`, for whoever writes a signing sample. */
export function describe(scheme: Scheme | undefined): SenderPart {
  if (!scheme) return {}
  const { kind, algorithm, encoding, signature, timestamp, signed, id, page } = scheme
  const headers: Record<string, SenderField> = {}
  const name = (text: string | undefined) => (text && place(text)?.kind === 'header' ? text.slice('header:'.length) : undefined)
  const add = (header: string | undefined, field: SenderField) => {
    if (header && !(header in headers)) headers[header] = field
  }
  const how =
    kind === 'hmac' ? `HMAC-${algorithm.toUpperCase().replace('SHA', 'SHA-')}` : kind === 'ed25519' ? 'Ed25519' : 'ECDSA P-256 with SHA-256'
  const form = signature.kv
    ? `, as \`${signature.key}${signature.kv}<signature>\``
    : signature.prefix
      ? `, after \`${signature.prefix}\``
      : ''
  const description = `${how} over \`${signed}\`, in ${encoding}${form}.${page?.startsWith('https:') ? ` See ${page}` : ''}`

  for (const [header, value] of Object.entries(scheme.require))
    add(header, { description: `Exactly \`${value}\`.`, required: true, example: value })
  for (const from of signature.from) add(name(from), { description, required: signature.from.length === 1 })
  const unit = { unix: 'seconds since 1970', unix_ms: 'milliseconds since 1970', rfc3339: 'RFC 3339' }
  if (timestamp) add(name(timestamp.from), { description: `When the request was signed: ${unit[timestamp.format]}.`, required: true })
  add(name(id), {
    description: 'Id of the delivery, the same each time it is tried.',
    required: tokensOf(scheme).some(token => same(token, id)),
  })
  for (const token of tokensOf(scheme)) add(name(token), { description: 'Part of what is signed.', required: true })

  if (scheme.jsonFormField !== undefined || tokensOf(scheme).includes('form:sorted'))
    add('Content-Type', { description: 'The body is a form.', required: true, example: 'application/x-www-form-urlencoded' })

  const header = signature.from.map(name).find(Boolean)
  if (!header) return { headers }
  const security = { type: 'apiKey', in: 'header', name: header, description, 'x-postern-signature': scheme }
  return { headers, security: { [`signature-${header.toLowerCase()}`]: security } }
}
