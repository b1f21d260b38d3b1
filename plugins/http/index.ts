/** `type: http`: sends each event as a request, signed as Standard Webhooks (https://www.standardwebhooks.com). */
import { type DestinationHost, defineDestination, headerFault, Secret, type Static, signingKey, Type } from '#core/plugin.ts'

const config = Type.Object(
  {
    url: Type.String({ format: 'web-url', description: 'Where events are sent.', examples: ['https://crm.example.com/hooks'] }),
    method: Type.Union([Type.Literal('POST'), Type.Literal('PUT'), Type.Literal('PATCH')], { default: 'POST', description: 'Method.' }),
    headers: Type.Record(Type.String(), Secret({ plain: true, description: 'Value; may be a secret.' }), {
      default: {},
      maxProperties: 50,
      description: 'Headers to send along.',
      examples: [{ Authorization: 'Bearer $' + '{CRM_TOKEN}' }],
    }),
    secrets: Type.Array(Secret({ description: 'A key that signs: `whsec_` and base64, or any text.' }), {
      default: [],
      maxItems: 4,
      description:
        'Keys that sign, the newest first: each makes a signature, so that a receiver can change from one to the next. None: unsigned.',
    }),
    allowPrivate: Type.Boolean({ default: false, description: 'Allow private, loopback and link-local addresses.' }),
  },
  { additionalProperties: false },
)

/** Each attempt sets them anew. */
const OURS = new Set(['content-type', 'webhook-id', 'webhook-timestamp', 'webhook-signature'])

export default defineDestination({
  name: 'http',
  summary: 'Sends each event as an HTTP request, signed as Standard Webhooks; any 2xx is a success, and a redirect is not followed.',
  config,
  check: faults,
  open({ url, method, headers, secrets, allowPrivate }, host) {
    const sign = secrets.length > 0 ? host.sign(secrets) : undefined
    const client = host.http({ allowPrivate })
    const own = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
    return {
      send: ({ id, body, contentType, timeout, headers: along }) =>
        client.send({
          url,
          method,
          body,
          timeout,
          headers: {
            'user-agent': 'Postern',
            ...own,
            ...along,
            'content-type': contentType,
            ...(sign?.(id, host.now(), body) ?? { 'webhook-id': id, 'webhook-timestamp': String(Math.floor(host.now() / 1000)) }),
          },
        }),
      close: () => client.close(),
    }
  },
})

function faults(c: Static<typeof config>, host: Pick<DestinationHost, 'reachable'>): { path: string; message: string }[] {
  const found: { path: string; message: string }[] = []
  const address = literalAddress(URL.parse(c.url)?.hostname ?? '')
  if (address !== undefined && !host.reachable({ allowPrivate: c.allowPrivate })(address)) {
    const message = 'is an address that is not public: set allowPrivate: true, or list its range under server.allowedCidrs'
    found.push({ path: '/url', message })
  }
  const seen = new Set<string>()
  for (const [name, value] of Object.entries(c.headers)) {
    const lower = name.toLowerCase()
    const fault = OURS.has(lower) ? 'is set by Postern itself: leave it out' : headerFault(name, value)
    const path = `/headers/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
    if (fault) found.push({ path, message: fault })
    else if (seen.has(lower)) found.push({ path, message: 'stands twice, in other letters: remove one' })
    seen.add(lower)
  }
  for (const [i, secret] of c.secrets.entries()) {
    const key = signingKey(secret)
    if ('fault' in key) found.push({ path: `/secrets/${i}`, message: key.fault })
  }
  return found
}

/** The address that a host of a URL is, or is sure to become (RFC 6761); undefined for any other name. */
function literalAddress(hostname: string): string | undefined {
  if (/^(.+\.)?localhost\.?$/.test(hostname)) return '127.0.0.1'
  if (hostname.startsWith('[')) return hostname.slice(1, -1)
  return /^\d+\.\d+\.\d+\.\d+$/.test(hostname) ? hostname : undefined
}
