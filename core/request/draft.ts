/** A complete request of a webhook as its sender would make it: the chain's steps sign it one after the other. */
import type { Config, Webhook } from '../config/config.ts'
import { flattened } from '../config/nested.ts'
import type { Draft, NestedStep, Signer } from '../plugin.ts'

/** What the request begins with; the rest comes from the webhook. */
export interface Start {
  /** POST where the webhook takes it, else the first of its methods. */
  method?: string | undefined
  /** Instead of the webhook's own; `{token}` and other parameters may stand in it, too. */
  path?: string | undefined
  /** Added to the URL. */
  query?: string | Record<string, string> | URLSearchParams | undefined
  /** They win over what signing would set. */
  headers?: Record<string, string> | readonly (readonly [string, string])[] | Headers | undefined
  /** Text and bytes as they are, anything else as JSON, or as the query of a GET; left out, there is none. */
  body?: unknown
  /** For the `{token}` of the path. */
  token?: string | undefined
  /** For the other `{…}` of the path. */
  params?: Readonly<Record<string, string>> | undefined
}

/** What the sender has that the configuration has not. */
export interface SignerPart {
  /** Epoch milliseconds. */
  now(): number
  /** PKCS#8 PEM. */
  privateKey?: string | undefined
}

/** Makes a request that this webhook should let in, or says why it cannot. */
export async function signedDraft(
  config: Config,
  webhook: Webhook,
  start: Start,
  signer: SignerPart,
): Promise<{ draft: Draft } | { fault: string }> {
  const path = pathOf(webhook.name, start.path ?? webhook.path, {
    ...start.params,
    ...(start.token !== undefined && { token: start.token }),
  })
  if ('fault' in path) return path
  const draft = begun(config, webhook, path.path, start)
  const { publicUrl } = config.server
  const full: Signer = {
    webhook: webhook.name,
    publicUrl,
    now: signer.now,
    ...(signer.privateKey !== undefined && { privateKey: signer.privateKey }),
  }
  for (const step of webhook.chain) {
    const fault = await signWith(step, draft, full)
    if (fault) return { fault }
  }
  // What is given wins over what signing has set: so a wrong signature is tried.
  const given = headersOf(start)
  for (const name of new Set(given.keys())) draft.headers.set(name, given.get(name) as string)
  return { draft }
}

const headersOf = ({ headers }: Start) => new Headers(headers as ConstructorParameters<typeof Headers>[0])

/** The URL that the outside calls: `server.publicUrl`, or else this machine. */
function begun(config: Config, webhook: Webhook, path: string, start: Start): Draft {
  const { publicUrl, port, tls } = config.server
  const url = new URL((publicUrl ?? `${tls ? 'https' : 'http'}://localhost:${port}`) + path)
  const method = start.method ?? (webhook.methods.includes('POST') ? 'POST' : (webhook.methods[0] ?? 'POST'))
  const headers = headersOf(start)
  if (webhook.host.length > 0 && !webhook.host.includes(url.hostname) && !headers.has('host'))
    headers.set('host', webhook.host[0] as string)
  const query = start.query instanceof URLSearchParams || typeof start.query === 'string' ? start.query : { ...start.query }
  for (const [name, value] of new URLSearchParams(query)) url.searchParams.append(name, value)
  const payload = start.body ?? ''
  if (method === 'GET') {
    if (isObject(payload)) for (const [name, value] of parametersOf(payload)) url.searchParams.append(name, value)
    return { method, url, headers, body: new Uint8Array() }
  }
  const body =
    payload instanceof Uint8Array ? payload : new TextEncoder().encode(typeof payload === 'string' ? payload : JSON.stringify(payload))
  if (body.length > 0 && !headers.has('content-type')) headers.set('content-type', 'application/json')
  return { method, url, headers, body }
}

function parametersOf(payload: object): [string, string][] {
  const text = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value))
  return Object.entries(payload).flatMap(([name, value]) => [value].flat().map((item): [string, string] => [name, text(item)]))
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null && !(value instanceof Uint8Array)

/** Fills the `{…}` of a path. */
function pathOf(webhook: string, path: string, params: Readonly<Record<string, string>>): { path: string } | { fault: string } {
  const missing: string[] = []
  const mark = path.indexOf('?')
  const query = mark < 0 ? '' : path.slice(mark)
  const filled = (mark < 0 ? path : path.slice(0, mark)).replace(/\{([A-Za-z_][A-Za-z0-9_]*)\}/g, (whole, name: string) => {
    const value = Object.hasOwn(params, name) ? params[name] : undefined
    if (value) return encodeURIComponent(value)
    missing.push(name)
    return whole
  })
  if (missing.length === 0) return { path: filled + query }
  const [first] = missing
  if (first === 'token')
    return { fault: `the path ${path} needs a token: make one with postern token create ${webhook}, and give it as --token` }
  return { fault: `the path ${path} needs a value for {${first}}: give --param ${first}=VALUE` }
}

/**
 * A step that signs does so for those within it, too; otherwise they are alternatives, as in `auth-any`, and the first that can sign is
 * enough. What one has added before it gave up is taken back.
 */
async function signWith(step: NestedStep, draft: Draft, signer: Signer): Promise<string | undefined> {
  if (step.plugin.sign) return await step.plugin.sign(step.settings, draft, signer)
  const faults: string[] = []
  for (const inner of flattened(step).slice(1)) {
    if (!inner.plugin.sign) continue
    const copy: Draft = { method: draft.method, url: new URL(draft.url), headers: new Headers(draft.headers), body: draft.body }
    const fault = await inner.plugin.sign(inner.settings, copy, signer)
    if (fault === undefined) {
      adopt(draft, copy)
      return undefined
    }
    faults.push(fault)
  }
  return faults.length > 0 ? faults.join('; or: ') : undefined
}

function adopt(draft: Draft, copy: Draft): void {
  draft.url.href = copy.url.href
  for (const name of [...draft.headers.keys()]) if (!copy.headers.has(name)) draft.headers.delete(name)
  for (const [name, value] of copy.headers) draft.headers.set(name, value)
  draft.method = copy.method
  draft.body = copy.body
}
