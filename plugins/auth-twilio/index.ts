/** `auth-twilio`: Twilio signs the URL that it calls and the parameters of its form (https://www.twilio.com/docs/usage/security). */
import { createHash, createHmac, randomUUID } from 'node:crypto'
import { type Draft, definePlugin, deliveryId, Secret, Type } from '#core/plugin.ts'
import { same, signedPart } from './body.ts'
import { diagnose } from './diagnose.ts'
import { compileUrls } from './url.ts'

const SIGNATURE = 'X-Twilio-Signature'
const DELIVERY = 'I-Twilio-Idempotency-Token'
const LONGEST_ID = 255
/** Base64 of the 20 bytes of a SHA-1. */
const SHAPE = /^[A-Za-z0-9+/]{27}=$/

const signatureOf = (token: string, url: string, rest: string) => createHmac('sha1', token).update(url).update(rest).digest('base64')

export default definePlugin({
  name: 'auth-twilio',
  phase: 'verify',
  summary: 'Lets in requests that Twilio has signed.',
  config: Type.Object(
    {
      tokens: Type.Array(Secret({ description: 'One auth token.' }), {
        minItems: 1,
        maxItems: 16,
        description: 'Auth tokens of the account. Several are live at once: the primary and the secondary one, while it is changed.',
      }),
      urls: Type.Union([Type.Literal('lenient'), Type.Literal('exact')], {
        default: 'lenient',
        description:
          'Whether the signed URL may have its query in another spelling with the same values (lenient), or must be as it came (exact). The port may be there or not in both.',
      }),
    },
    { additionalProperties: false },
  ),
  refusals: { UNAUTHORIZED: { status: 401, summary: 'The credential, signature or timestamp is missing or wrong.' } },
  gives: [deliveryId],
  check: (_, { publicUrl }) =>
    publicUrl
      ? []
      : [{ path: '', message: 'the URL is signed: set `server.publicUrl`, since the Host header is whatever the sender says' }],
  lint: (_, { chain }) =>
    chain.some(({ plugin }) => plugin.name === 'idempotency')
      ? []
      : [
          {
            rule: 'replayable',
            path: '',
            message:
              'Twilio signs no time, so that whoever gets hold of one signed request can send it again for ever: add `idempotency: { from: preset, required: true }`, which catches at least what Twilio itself sends twice',
          },
        ],
  sender: () => ({
    headers: {
      [SIGNATURE]: { description: 'HMAC-SHA-1 over the URL and the sorted parameters of the form, in base64.', required: true },
      [DELIVERY]: { description: 'Id of the delivery, the same each time it is tried.', maxLength: LONGEST_ID, perRequest: true },
      'Content-Type': { description: 'A form, or, with `bodySHA256` in the URL, what the body is.' },
    },
    query: { bodySHA256: { description: 'SHA-256 of the body in lower-case hex; wanted with a body that is no form.' } },
    security: {
      'twilio-signature': {
        type: 'apiKey',
        in: 'header',
        name: SIGNATURE,
        description:
          'Twilio signs the URL and the fields of the form with the auth token of the account, in the header `X-Twilio-Signature`. See https://www.twilio.com/docs/usage/security',
        // A kind of its own: a signature is no credential, and may be seen where requests are shown.
        'x-postern-signature': { kind: 'twilio' },
      },
    },
  }),
  sign({ tokens }, draft, { publicUrl }) {
    const token = tokens.find(Boolean)
    if (!token) return 'none of the tokens of auth-twilio has a value: set the variable that one of them names'
    if (!publicUrl) return 'the URL is signed, and `server.publicUrl` is not set'
    if (!draft.headers.has(DELIVERY)) draft.headers.set(DELIVERY, randomUUID())
    const query = draft.url.search.slice(1).split('&')
    draft.url.search = query.filter(pair => !/^bodySHA256(=|$)/.test(pair)).join('&')
    const part = signedPart(partsOf(draft))
    if ('reason' in part && part.reason !== 'body-hash-missing') return `the form cannot be signed: ${part.reason}`
    if ('reason' in part) {
      const hash = createHash('sha256').update(draft.body).digest('hex')
      draft.url.search += `${draft.url.search ? '&' : '?'}bodySHA256=${hash}`
    }
    const { origin, pathname, search } = draft.url
    const called = origin + pathname
    const url = (called.startsWith(`${publicUrl}/`) ? called : publicUrl + pathname) + search
    draft.headers.set(SIGNATURE, signatureOf(token, url, 'text' in part ? part.text : ''))
    return undefined
  },
  diagnose: ({ tokens }, x, { publicUrl }) => diagnose(tokens.filter(Boolean), x, publicUrl),

  compile({ tokens, urls }, host) {
    const keys = tokens.filter(Boolean)
    const urlsOf = host.publicUrl === undefined ? undefined : compileUrls(host.publicUrl, urls)
    const refuse = (reason: string) => host.refuse('UNAUTHORIZED', undefined, { reason })
    return x => {
      const signature = x.headers.get(SIGNATURE)
      if (!signature) return refuse('missing-signature')
      if (!SHAPE.test(signature)) return refuse('signature-mismatch')
      if (!urlsOf) return refuse('no-public-url')
      const part = signedPart(x)
      if ('reason' in part) return refuse(part.reason)
      for (const url of urlsOf(x.path, x.search)) {
        const match = keys.find(key => same(signatureOf(key, url, part.text), signature))
        if (match === undefined) continue
        host.used(match)
        const id = x.headers.get(DELIVERY)
        if (id && id.length <= LONGEST_ID) x.set(deliveryId, id)
        return undefined
      }
      return refuse('signature-mismatch')
    }
  },
})

const partsOf = ({ headers, url, body }: Draft) => ({ headers, query: url.searchParams, raw: body })
