/** The rules of outgoing requests: the configuration is checked by them, and a delivery keeps them. */
import { validateHeaderName, validateHeaderValue } from 'node:http'

/** What is wrong with a URL to deliver to, as the end of a sentence; it never shows the URL, which may hold a token. */
export function urlFault(text: string): string | undefined {
  const url = URL.parse(text)
  if (!url) return 'cannot be read: write it as https://host/path'
  const { protocol, username, password, port } = url
  if (protocol !== 'https:' && protocol !== 'http:') return 'is not of HTTP: begin it with https:// or http://'
  if (username || password) return 'contains a user name or a password: set an Authorization header instead'
  return port === '0' ? 'has the port 0, which cannot be connected to: write another, or none' : undefined
}

/** They frame the message, say how the connection goes on, or name the host that a certificate is checked for. */
const OURS = new Set('connection content-length expect host keep-alive proxy-connection te trailer transfer-encoding upgrade'.split(' '))

/** What is wrong with a header, as the end of a sentence that never shows its value. */
export function headerFault(name: string, value: string): string | undefined {
  if (OURS.has(name.toLowerCase())) return 'is set by Postern itself: leave it out'
  try {
    validateHeaderName(name)
    validateHeaderValue(name, value)
    return undefined
  } catch {
    return 'has a name or a value that HTTP does not allow: write printable ASCII, without line breaks'
  }
}

const PREFIX = 'whsec_'

/**
 * The bytes that a signing secret stands for, or what is wrong with it, as the end of a sentence that never shows it.
 *
 * - `whsec_` and base64: the bytes of the base64. This is how Standard Webhooks writes secrets, and the only form that every receiver reads alike.
 * - base64 alone: the same bytes. Base64 is of the standard alphabet, with or without its padding, and without spare bits.
 * - any other text: its UTF-8 bytes. Receivers that use a Standard Webhooks library are given `whsec_` and the base64 of these bytes.
 *
 * A text that happens to be base64, as 64 hex digits are, is taken for base64: that is what the libraries do when they are given the same text.
 */
export function signingKey(secret: string): { base64: string } | { fault: string } {
  const prefixed = secret.startsWith(PREFIX)
  const text = prefixed ? secret.slice(PREFIX.length) : secret
  if (text === '') return { fault: 'is empty' }
  // The library would take more than this, and drop letters from it without a word.
  const base64 = Buffer.from(text, 'base64').toString('base64')
  if (text === base64 || text === base64.replace(/=+$/, '')) return { base64 }
  if (prefixed) return { fault: `begins with ${PREFIX}, but what follows is not base64: it was cut off or misspelt` }
  return { base64: Buffer.from(text, 'utf8').toString('base64') }
}
