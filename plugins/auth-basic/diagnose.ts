/** Why a user and a password were not let in. */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { Finding } from '#core/plugin.ts'
import { type Credential, pairOf, read } from './credentials.ts'

const digest = (text: string) => createHash('sha256').update(text).digest()

export function diagnose(credentials: readonly Credential[], header: string | null): Finding[] {
  const one = (code: string, message: string, cure: string): Finding[] => [{ code, message, cure }]
  const known = credentials.filter(({ password }) => password)
  const isKnown = (pair: string) => known.some(credential => timingSafeEqual(digest(pairOf(credential)), digest(pair.normalize('NFC'))))
  const offer = read(header)

  if ('pair' in offer) {
    const { pair } = offer
    const [user = '', ...rest] = pair.split(':')
    const password = rest.join(':')
    if (isKnown(pair.replace(/\s+$/, '')))
      return one(
        'line-break',
        'The password is right but for white space at its end.',
        'Encode it without the line break: `printf %s`, not `echo`.',
      )
    if (isKnown(`${password}:${user}`)) return one('swapped', 'Password and user are in the wrong order.', 'Encode `user:password`.')
    if (known.some(credential => credential.user.normalize('NFC') === user))
      return one('wrong-password', 'The user is known, and the password is not theirs.', 'Compare it with `password` of that user.')
    return one('unknown-user', 'The user is not among `credentials`.', 'Add the user, or correct the name: it counts letter by letter.')
  }
  if (offer.reason === 'missing-authorization' || !header)
    return one(
      'authorization-missing',
      'There is no Authorization header.',
      'Send `Authorization: Basic` with user and password; a proxy on the way must pass it on.',
    )
  if (offer.reason === 'several-authorizations')
    return one('authorization-twice', 'Authorization came more than once, or has a comma in it.', 'Send it once.')
  if (offer.reason === 'not-basic')
    return one(
      'other-scheme',
      'The Authorization header does not begin with the word Basic and one space.',
      'Write `Basic`, a space and the base64 of `user:password`.',
    )
  const written = header.slice(6)
  if (isKnown(written)) return one('not-encoded', 'User and password were sent as they are.', 'Encode `user:password` in base64.')
  const bytes = Buffer.from(written, 'base64')
  if (isKnown(bytes.toString()))
    return one(
      'loose-base64',
      'User and password are right, and their base64 is not as RFC 4648 writes it.',
      'Write it with + and /, with its padding, and with nothing around it.',
    )
  if (isKnown(bytes.toString('latin1'))) return one('latin1', 'User and password were encoded from Latin-1.', 'Encode them from UTF-8.')
  return one(
    'malformed-credential',
    'What stands behind Basic is no base64 of UTF-8 text with a colon in it.',
    'Encode `user:password` in base64.',
  )
}
