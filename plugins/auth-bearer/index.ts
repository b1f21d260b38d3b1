/** `auth-bearer`: a key in the Authorization header (RFC 6750, section 2.1). */
import { createHash, timingSafeEqual } from 'node:crypto'
import { credentialFindings, definePlugin, plainHttp, Secret, Type } from '#core/plugin.ts'

const digest = (text: string) => createHash('sha256').update(text).digest()

export default definePlugin({
  name: 'auth-bearer',
  phase: 'verify',
  summary: 'Lets in requests that carry a key as `Authorization: Bearer`.',
  config: Type.Object(
    {
      keys: Type.Array(Secret({ description: 'One key.' }), {
        minItems: 1,
        maxItems: 16,
        description: 'Keys that are let in. Several are live at once, so that a key can be changed without a gap.',
      }),
    },
    { additionalProperties: false },
  ),
  refusals: { UNAUTHORIZED: { status: 401, summary: 'The credential, signature or timestamp is missing or wrong.' } },
  check: ({ keys }) =>
    keys.flatMap((key, i) =>
      /^[\x21-\x2b\x2d-\x7e]*$/.test(key)
        ? []
        : [
            {
              path: `/keys/${i}`,
              message: 'this key holds a comma, a space or a character beyond ASCII, which no bearer header can carry',
            },
          ],
    ),
  sender: ({ keys }) => ({
    headers: {
      Authorization: { description: 'A key, after the word Bearer and one space.', required: true, example: `Bearer ${keys[0]}` },
    },
    security: { bearer: { type: 'http', scheme: 'bearer' } },
  }),
  lint: (_, host) => plainHttp(host, 'the key'),
  sign({ keys }, draft) {
    const key = keys.find(Boolean)
    if (!key) return 'none of the keys of auth-bearer has a value: set the variable that one of them names'
    draft.headers.set('authorization', `Bearer ${key}`)
    return undefined
  },
  diagnose({ keys }, x) {
    const value = x.headers.get('authorization') ?? undefined
    const accepted = keys.filter(Boolean)
    if (value?.includes(','))
      return [
        {
          code: 'several-authorizations',
          message: 'There are several Authorization headers, or one with a comma in it.',
          cure: 'Send one; a proxy on the way may add its own.',
        },
      ]
    const place = 'the header Authorization'
    return credentialFindings({ accepted, place, value, prefix: 'Bearer ', headers: x.headers, query: x.query })
  },

  compile({ keys }, host) {
    // Digests are of one length, so that comparing them tells nothing of the keys, their lengths included.
    const known = keys.filter(Boolean).map(key => ({ key, sum: digest(key) }))
    const refuse = (reason: string) => host.refuse('UNAUTHORIZED', undefined, { reason })
    return x => {
      const header = x.headers.get('authorization')
      if (!header) return refuse('missing-authorization')
      // Two headers arrive as one with a comma; which of them a proxy before us has judged, nobody knows.
      if (header.includes(',')) return refuse('several-authorizations')
      if (header.slice(0, 7).toLowerCase() !== 'bearer ') return refuse('not-bearer')
      const offered = digest(header.slice(7))
      let match: string | undefined
      for (const { key, sum } of known) if (timingSafeEqual(sum, offered)) match = key
      if (match === undefined) return refuse('unknown-key')
      host.used(match)
      return undefined
    }
  },
})
