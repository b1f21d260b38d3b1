/** The URL of a destination. */
import { urlFault } from '../outgoing.ts'
import { SendError } from './failure.ts'

/** Parses a URL that can be delivered to; throws `BAD_URL` with what to write instead. The message never shows the URL, which may hold a token. */
export function parseUrl(text: string): URL {
  const fault = urlFault(text)
  if (fault) throw new SendError('BAD_URL', `the URL ${fault}`)
  const url = new URL(text)
  // `example.com.` is the same host, but no certificate names it so.
  url.hostname = url.hostname.replace(/\.$/, '')
  return url
}
