/** The URL of a destination. */
import { SendError } from './failure.ts'

/** Parses a URL that can be delivered to; throws `BAD_URL` with what to write instead. The message never shows the URL, which may hold a token. */
export function parseUrl(text: string): URL {
  const url = URL.parse(text)
  if (!url) throw bad('cannot be read: write it as https://host/path')
  const { protocol, username, password, port, hostname } = url
  if (protocol !== 'https:' && protocol !== 'http:') throw bad(`begins with '${protocol}': write https: or http:`)
  if (username || password) throw bad('contains a user name or a password: set an Authorization header instead')
  if (port === '0') throw bad('has the port 0, which cannot be connected to: write another, or none')
  // `example.com.` is the same host, but no certificate names it so.
  url.hostname = hostname.replace(/\.$/, '')
  return url
}

function bad(fault: string): SendError {
  return new SendError('BAD_URL', `the URL ${fault}`)
}
