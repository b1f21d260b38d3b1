/** What senders read: `/openapi.json`, `/docs`, and `/docs/{webhook}`. Made when first asked for, and kept until the next configuration. */
import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { Config } from '../config/config.ts'
import { problemDialect } from '../config/problemDialect.ts'
import { isHttps, trustedProxies } from '../request/address.ts'
import { refuse } from '../request/codes.ts'
import { compileDialect } from '../request/dialect.ts'
import type { Documents } from '../request/edge.ts'
import { answerBook } from './answers.ts'
import { ASSETS, assetAt, assetUrl } from './assets.ts'
import { openapi } from './openapi.ts'
import { page } from './page.ts'
import { profileOf } from './profile.ts'
import { reference } from './reference.ts'

interface Kept {
  type: string
  bytes: Uint8Array
  etag: string
  headers: Record<string, string>
  /** Made when the first client asks for it. */
  zipped?: Promise<Uint8Array>
}

/** Nothing but our own files: no script in a page, no request to another origin, no page of ours in a frame. */
const COMMON = "default-src 'none'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
const PLAIN = `${COMMON}; style-src 'self'`
const SWAGGER = `${COMMON}; script-src 'self'; style-src 'self'; connect-src 'self'`
const GUARDED = { 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer', 'cross-origin-opener-policy': 'same-origin' }

/** The pages of one configuration; undefined when it wants none. */
export function openDocs(config: Config): Documents | undefined {
  if (!config.server.docs) return undefined
  const active = [...config.webhooks.values()].filter(webhook => webhook.active)
  const proxies = trustedProxies(config.server.trustedProxies)
  const problem = compileDialect(problemDialect, '')
  const book = answerBook(config)
  const kept = new Map<string, Promise<Kept>>()

  /** A page by its path; undefined when there is none. */
  function found(path: string): Promise<Kept> | undefined {
    const present = kept.get(path)
    if (present) return present
    const made = make(path)
    if (!made) return undefined
    const oldest = kept.size < MOST ? undefined : [...kept.keys()].find(key => key.startsWith('/docs/'))
    if (oldest !== undefined) kept.delete(oldest)
    kept.set(path, made)
    // What failed once may do better the next time.
    made.catch(() => kept.delete(path))
    return made
  }

  function make(path: string): Promise<Kept> | undefined {
    if (path === '/openapi.json') return document()
    if (path === '/docs')
      return Promise.resolve(keep('text/html; charset=utf-8', reference(active).text, { 'content-security-policy': SWAGGER }))
    if (path.startsWith(ASSETS)) {
      const asset = assetAt(path)
      return asset && Promise.resolve(keep(asset.type, asset.bytes, { 'cache-control': 'public, max-age=31536000, immutable' }))
    }
    const webhook = active.find(({ name }) => path === `/docs/${name}`)
    return (
      webhook &&
      profileOf(config, webhook, book).then(profile =>
        keep('text/html; charset=utf-8', page(profile, assetUrl('sender.css'), assetUrl('favicon-32x32.png')).text, {
          'content-security-policy': PLAIN,
        }),
      )
    )
  }

  async function document(): Promise<Kept> {
    const profiles = await Promise.all(active.map(webhook => profileOf(config, webhook, book)))
    return keep('application/json', JSON.stringify(openapi(config, profiles)), { 'access-control-allow-origin': '*' })
  }

  return ({ path, request }, peer) => {
    const { method, headers } = request
    if (method !== 'GET' && method !== 'HEAD') return undefined
    if (path !== '/openapi.json' && path !== '/docs' && !path.startsWith('/docs/')) return undefined
    if (config.server.requireHttps && !isHttps(peer, headers, proxies, config.server.tls !== undefined))
      return Promise.resolve(problem.refusal(refuse('HTTPS_REQUIRED')))
    return found(path)?.then(one => answered(one, request)) ?? Promise.resolve(problem.refusal(refuse('NOT_FOUND')))
  }
}

function keep(type: string, content: string | Uint8Array, headers: Record<string, string>): Kept {
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content
  const etag = createHash('sha256').update(bytes).digest('base64url').slice(0, 22)
  return { type, bytes, etag, headers: { 'cache-control': 'no-cache', ...GUARDED, ...headers, vary: 'accept-encoding' } }
}

const zip = promisify(gzip)
/** Pages that are kept; of more, those that were made first are made again. */
const MOST = 300

async function answered(one: Kept, { method, headers }: Request): Promise<Response> {
  const zipped = /(?:^|[\s,])gzip(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))/i.test(headers.get('accept-encoding') ?? '') && one.type !== 'image/png'
  // Bytes of another encoding are another representation, with a tag of its own.
  const etag = `"${one.etag}${zipped ? '-gz' : ''}"`
  const asked = headers.get('if-none-match')
  const known = asked?.split(',').some(tag => tag.trim() === '*' || tag.trim().replace(/^W\//, '') === etag)
  const told = { ...one.headers, etag }
  if (known) return new Response(null, { status: 304, headers: told })
  if (zipped) one.zipped ??= zip(one.bytes)
  const bytes = zipped ? ((await one.zipped) as Uint8Array) : one.bytes
  const all = {
    ...told,
    'content-type': one.type,
    'content-length': String(bytes.length),
    ...(zipped && { 'content-encoding': 'gzip' }),
  }
  return new Response(method === 'HEAD' ? null : (bytes as Uint8Array<ArrayBuffer>), { headers: all })
}
