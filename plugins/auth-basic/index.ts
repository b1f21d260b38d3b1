/** `auth-basic`: a user name and a password in the Authorization header (RFC 7617). */
import { createHash, timingSafeEqual } from 'node:crypto'
import { definePlugin, plainHttp, Secret, Type } from '#core/plugin.ts'
import { type Credential, pairOf, read } from './credentials.ts'
import { diagnose } from './diagnose.ts'

const digest = (text: string) => createHash('sha256').update(text).digest()
/** Bytes of a user and a password, written in the settings; what a request may have fits them all. */
const LONGEST = 4096

export default definePlugin({
  name: 'auth-basic',
  phase: 'verify',
  summary: 'Lets in requests that carry a known user and password as `Authorization: Basic`.',
  config: Type.Object(
    {
      credentials: Type.Array(
        Type.Object(
          {
            user: Type.String({ description: 'User name, without a colon. It may be empty, for senders that have only a password.' }),
            password: Secret({ description: 'Password of the user.' }),
          },
          { additionalProperties: false, description: 'One user and one password.' },
        ),
        {
          minItems: 1,
          maxItems: 64,
          description: 'Who is let in. A user may stand here twice, so that a password can be changed without a gap.',
        },
      ),
    },
    { additionalProperties: false },
  ),
  refusals: { UNAUTHORIZED: { status: 401, summary: 'The credential, signature or timestamp is missing or wrong.' } },
  check: ({ credentials }) => credentials.flatMap((credential, i) => [...faults(credential, `/credentials/${i}`)]),
  lint: (_, host) => plainHttp(host, 'the password'),
  sender: () => ({
    headers: {
      Authorization: {
        description: 'The word Basic, one space, and `user:password` in base64 of its UTF-8.',
        required: true,
      },
    },
    security: { basic: { type: 'http', scheme: 'basic' } },
  }),
  sign({ credentials }, draft) {
    const first = credentials.find(({ password }) => password)
    if (!first) return 'none of the passwords of auth-basic has a value: set the variable that one of them names'
    draft.headers.set('authorization', `Basic ${Buffer.from(pairOf(first)).toString('base64')}`)
    return undefined
  },
  diagnose: ({ credentials }, x) => diagnose(credentials, x.headers.get('authorization')),

  compile({ credentials }, host) {
    // The user is no part of any decision of its own: one digest of both tells neither who exists nor how long a password is.
    const known = credentials.filter(({ password }) => password).map(one => ({ password: one.password, sum: digest(pairOf(one)) }))
    const refuse = (reason: string) => host.refuse('UNAUTHORIZED', undefined, { reason })
    return x => {
      const offer = read(x.headers.get('authorization'))
      if ('reason' in offer) return refuse(offer.reason)
      const offered = digest(offer.pair)
      let match: string | undefined
      for (const { password, sum } of known) if (timingSafeEqual(sum, offered)) match = password
      if (match === undefined) return refuse('unknown-credential')
      host.used(match)
      return undefined
    }
  },
})

function* faults({ user, password }: Credential, path: string): Generator<{ path: string; message: string }> {
  if (user.includes(':'))
    yield { path: `${path}/user`, message: 'a user name cannot have a colon, which is where the password begins: choose another' }
  const unfit = (text: string) => CONTROL.test(text) || !text.isWellFormed()
  if (unfit(user)) yield { path: `${path}/user`, message: 'has a control character, which RFC 7617 forbids: remove it' }
  if (unfit(password))
    yield {
      path: `${path}/password`,
      message: 'has a control character, which RFC 7617 forbids: remove it; is it the line break at the end?',
    }
  if (Buffer.byteLength(pairOf({ user, password })) > LONGEST)
    yield { path, message: `user and password have more than ${LONGEST} bytes: choose shorter ones` }
}

const CONTROL = /\p{Cc}/u
