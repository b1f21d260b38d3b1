/** The headers of a request. */
import { headerFault } from '../outgoing.ts'
import { SendError } from './failure.ts'

/** Throws `BAD_HEADER` for the first header that cannot be sent, or is not for a destination to set. The message never shows a value. */
export function checkHeaders(headers: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(headers)) {
    const fault = headerFault(name, value)
    if (fault) throw new SendError('BAD_HEADER', `the header '${name}' ${fault}`)
  }
}
