/** The admin API of a running gateway, for the commands that ask it. */
import type { LoadOptions } from '../config/load.ts'
import { CODES } from '../request/codes.ts'
import { CommandFailure, EXIT, openConfig } from './open.ts'

export interface ClientOptions extends LoadOptions {
  config: string
  /** Where the gateway is; else `POSTERN_ADMIN_URL`, else what the configuration says. */
  url?: string | undefined
}

export type Query = Readonly<Record<string, string | number | undefined>>

export interface AdminClient {
  get<T>(path: string, query?: Query): Promise<T>
  post<T>(path: string, body?: Record<string, unknown>): Promise<T>
}

/** Milliseconds for one answer: the gateway itself gives up after 5 s. */
const TIMEOUT = 15_000

/** Finds the gateway and its token; the configuration is read only for what the environment does not say. */
export async function openClient(options: ClientOptions): Promise<AdminClient> {
  const { base, token } = await addressOf(options)
  const call = async <T>(method: string, path: string, body?: string): Promise<T> => {
    const headers = { authorization: `Bearer ${token}`, ...(body !== undefined && { 'content-type': 'application/json' }) }
    const request = {
      method,
      headers,
      redirect: 'manual',
      signal: AbortSignal.timeout(TIMEOUT),
      ...(body !== undefined && { body }),
    } as const
    const { status, text } = await fetch(`${base}/admin/v1${path}`, request).then(
      async response => ({ status: response.status, text: await response.text() }),
      () => {
        throw new CommandFailure(EXIT.unavailable, `no gateway answers at ${base}: start it with postern serve, or name another by --url`)
      },
    )
    if (status === 401) {
      const cure = 'set POSTERN_ADMIN_TOKEN to the admin.token of its configuration'
      throw new CommandFailure(EXIT.failure, `the gateway at ${base} does not accept the token: ${cure}`)
    }
    const answer = parse(text)
    if (!answer) throw new CommandFailure(EXIT.failure, `what answers at ${base} is no admin API of Postern (status ${status})`)
    if (status === 404 && answer.title === CODES.NOT_FOUND.summary)
      throw new CommandFailure(EXIT.failure, `what answers at ${base} is the port for senders: give that of the admin API, admin.port`)
    if (status >= 400)
      throw new CommandFailure(
        answer.code === 'INVALID_QUERY' ? EXIT.usage : EXIT.failure,
        sentence(String(answer.title ?? `the gateway answered ${status}`)),
      )
    return answer as T
  }
  return {
    get: (path, query = {}) => call('GET', path + searchOf(query)),
    post: (path, body = {}) => call('POST', path, JSON.stringify(body)),
  }
}

async function addressOf(options: ClientOptions): Promise<{ base: string; token: string }> {
  const { env } = options
  const given = options.url || env.POSTERN_ADMIN_URL
  const ready = env.POSTERN_ADMIN_TOKEN
  if (given && ready) return { base: baseOf(given), token: ready }
  const { admin } = await openConfig(options.config, options, () => {})
  const token = ready || admin.token
  if (!token) {
    const cure = 'set admin.token in the configuration and POSTERN_ADMIN_TOKEN here'
    throw new CommandFailure(EXIT.failure, `the admin API is off, because admin.token is empty: ${cure}`)
  }
  const any: Record<string, string> = { '0.0.0.0': '127.0.0.1', '::': '::1' }
  const host = any[admin.host] ?? admin.host
  return { base: given ? baseOf(given) : `http://${host.includes(':') ? `[${host}]` : host}:${admin.port}`, token }
}

/** Without a trailing slash; what stands before `/admin/v1`. */
function baseOf(text: string): string {
  const url = URL.parse(text)
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password || url.search || url.hash)
    throw new CommandFailure(EXIT.usage, '--url (or POSTERN_ADMIN_URL) takes an address such as http://127.0.0.1:9090')
  return url.href.replace(/\/+$/, '').replace(/\/admin\/v1$/, '')
}

function searchOf(query: Query): string {
  const params = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) if (value !== undefined) params.set(name, String(value))
  return params.size === 0 ? '' : `?${params}`
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

/** As the other commands write theirs: small at the start, no full stop. */
const sentence = (title: string) => title.replace(/^[A-Z](?=[a-z ])/, c => c.toLowerCase()).replace(/\.$/, '')
