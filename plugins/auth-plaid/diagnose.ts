/** Why a webhook of Plaid was refused, as far as its token tells. */
import { createHash } from 'node:crypto'
import type { Exchange, Finding, Host } from '#core/plugin.ts'
import type { Settings } from './settings.ts'
import { hashOf, headOf, timeOf } from './token.ts'

const FAULTS: Record<string, [message: string, cure: string]> = {
  'missing-token': ['There is no header Plaid-Verification.', 'Let Plaid itself send here, and proxies pass the header on.'],
  'several-tokens': ['There are several headers Plaid-Verification.', 'Send one.'],
  'algorithm-not-allowed': ['The token is not signed with ES256, as all of Plaid are.', 'It is not of Plaid: find out who sends it.'],
}

export function diagnose({ keys }: Settings, x: Exchange, host: Pick<Host, 'now'>): Finding[] {
  const head = headOf(x.headers.get('plaid-verification'))
  if ('fault' in head) {
    const [message, cure] = FAULTS[head.fault] ?? ['The header Plaid-Verification holds no token of Plaid.', 'Pass it on as it came.']
    return [{ code: head.fault, message, cure }]
  }
  const found: Finding[] = []
  const payload = Buffer.from(head.token.split('.')[1] as string, 'base64url')
  const [time, hash] = [timeOf(payload), hashOf(payload)]
  const age = time === undefined ? 0 : host.now() - time
  if (Math.abs(age) > 300_000)
    found.push({
      code: age > 0 ? 'timestamp-too-old' : 'timestamp-in-future',
      message: `The token was signed ${Math.round(Math.abs(age) / 1000)} s ${age > 0 ? 'ago' : 'from now'}.`,
      cure: 'Set the clock of this machine by NTP; a webhook that was kept and sent again is refused for good.',
    })
  if (hash && !createHash('sha256').update(x.raw).digest().equals(hash))
    found.push({
      code: 'body-mismatch',
      message: 'The token was signed for another body.',
      cure: 'Let nothing on the way change a byte of it: no parsing and writing anew, no trimming.',
    })
  if (keys && !keys.some(key => key.kid === head.kid))
    found.push({
      code: 'unknown-key',
      message: 'None of `keys` has the id that the token names.',
      cure: 'Give `clientId` and `secret`, so that Plaid is asked.',
    })
  return found
}
