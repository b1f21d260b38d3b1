/** The headers of a request. */
import { validateHeaderName, validateHeaderValue } from 'node:http'
import { SendError } from './failure.ts'

/** They frame the message, say how the connection goes on, or name the host that a certificate is checked for. */
const OURS = new Set('connection content-length expect host keep-alive proxy-connection te trailer transfer-encoding upgrade'.split(' '))

/** Throws `BAD_HEADER` for the first header that cannot be sent, or is not for a destination to set. The message never shows a value. */
export function checkHeaders(headers: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(headers)) {
    if (OURS.has(name.toLowerCase())) throw bad(name, 'is set by Postern itself: leave it out')
    try {
      validateHeaderName(name)
      validateHeaderValue(name, value)
    } catch {
      throw bad(name, 'has a name or a value that HTTP does not allow: write printable ASCII, without line breaks')
    }
  }
}

function bad(name: string, fault: string): SendError {
  return new SendError('BAD_HEADER', `the header '${name}' ${fault}`)
}
