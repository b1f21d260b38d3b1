/** `auth-shared-secret`: a secret in a header of the sender's choice, or, where it can do no better, in the URL. */
import { createHash, timingSafeEqual } from 'node:crypto'
import { credentialFindings, definePlugin, Secret, Type } from '#core/plugin.ts'

const digest = (text: string) => createHash('sha256').update(text).digest()

export default definePlugin({
  name: 'auth-shared-secret',
  phase: 'verify',
  summary: 'Lets in requests that carry a shared secret in a header or in the query.',
  config: Type.Object(
    {
      header: Type.Optional(
        Type.String({ pattern: '^[A-Za-z0-9_.-]+$', description: 'Header that carries the secret.', examples: ['X-Gitlab-Token'] }),
      ),
      query: Type.Optional(
        Type.String({
          minLength: 1,
          description: 'Query parameter that carries it, for senders that can set no header: URLs end up in logs.',
        }),
      ),
      prefix: Type.Optional(Type.String({ description: 'What stands before the secret in the header, `Token ` say.' })),
      secrets: Type.Array(Secret({ description: 'One secret.' }), {
        minItems: 1,
        maxItems: 16,
        description: 'Secrets that are let in. Several are live at once, so that one can be changed without a gap.',
      }),
    },
    { additionalProperties: false },
  ),
  refusals: { UNAUTHORIZED: { status: 401, summary: 'The credential, signature or timestamp is missing or wrong.' } },
  check({ header, query, prefix }) {
    if ((header === undefined) === (query === undefined)) return [{ path: '', message: 'name one of `header` and `query`' }]
    if (query !== undefined && prefix) return [{ path: '/prefix', message: '`prefix` goes with `header`' }]
    return []
  },
  sender({ header, query, prefix = '', secrets }) {
    const field = { description: 'The shared secret.', required: true, example: `${prefix}${secrets[0]}` }
    const name = header ?? query ?? ''
    const scheme = { type: 'apiKey', in: header ? 'header' : 'query', name }
    const security = { [`secret-${name.toLowerCase().replace(/[^a-z0-9._-]/g, '-')}`]: scheme }
    return header ? { headers: { [name]: field }, security } : { query: { [name]: field }, security }
  },
  lint({ query }, { https, publicUrl, production }) {
    // What nobody has said of the address may still be HTTPS; in a URL it is worth asking.
    if (https || (publicUrl === undefined && !(query && production))) return []
    const where = query ? 'the secret, which also stays in the log of each proxy' : 'the secret'
    const cure = 'serve HTTPS, begin `server.publicUrl` with https://, or set `server.requireHttps`'
    const message = `senders may call over plain HTTP, where whoever is on the way reads ${where}: ${cure}${query ? '; best is a `header`' : ''}`
    return [{ rule: query ? 'secret-in-url' : 'plain-http', path: query ? '/query' : '', message }]
  },
  sign({ header, query, prefix = '', secrets }, draft) {
    const secret = secrets.find(Boolean)
    if (!secret) return 'none of the secrets of auth-shared-secret has a value: set the variable that one of them names'
    if (header) draft.headers.set(header, prefix + secret)
    else draft.url.searchParams.set(query ?? '', secret)
    return undefined
  },
  diagnose({ header, query, prefix = '', secrets }, x) {
    const accepted = secrets.filter(Boolean)
    const all = header === undefined ? x.query.getAll(query ?? '') : []
    if (all.length > 1)
      return [{ code: 'parameter-twice', message: `The query has the parameter ${query} ${all.length} times.`, cure: 'Send it once.' }]
    const place = header === undefined ? `the query parameter ${query}` : `the header ${header}`
    const value = header === undefined ? all[0] : (x.headers.get(header) ?? undefined)
    return credentialFindings({ accepted, place, value, prefix, headers: x.headers, query: x.query })
  },

  compile({ header, query, prefix = '', secrets }, host) {
    // Digests are of one length, so that comparing them tells nothing of the secrets, their lengths included.
    const known = secrets.filter(Boolean).map(secret => ({ secret, sum: digest(secret) }))
    const refuse = (reason: string) => host.refuse('UNAUTHORIZED', undefined, { reason })
    return x => {
      // A parameter that comes twice is refused: we and whatever reads the URL next might each take another one.
      const values = header === undefined ? x.query.getAll(query ?? '') : [x.headers.get(header)]
      const [value] = values
      if (!value) return refuse('missing-secret')
      if (values.length > 1 || !value.startsWith(prefix)) return refuse('secret-mismatch')
      const offered = digest(value.slice(prefix.length))
      let match: string | undefined
      for (const { secret, sum } of known) if (timingSafeEqual(sum, offered)) match = secret
      if (match === undefined) return refuse('secret-mismatch')
      host.used(match)
      return undefined
    }
  },
})
