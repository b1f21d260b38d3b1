/** `postern send`: makes a request as the sender of a webhook would, signs it and sends it. */
import process from 'node:process'
import type { Config, Webhook } from '../config/config.ts'
import type { LoadOptions } from '../config/load.ts'
import { specimen } from '../config/specimen.ts'
import { payloadOf } from '../docs/payload.ts'
import type { Draft, SenderPart } from '../plugin.ts'
import { printable } from '../printable.ts'
import { signedDraft } from '../request/draft.ts'
import { parseDuration } from '../settings.ts'
import { curlLine, type Names, secretNames, shownDraft } from './curl.ts'
import { countOption, timeOption } from './filter.ts'
import { CommandFailure, EXIT, type Print } from './open.ts'
import { facts } from './table.ts'
import { underHost } from './underHost.ts'
import { progress, type Shot, statusText, volley } from './volley.ts'
import { openWhole, webhookNamed } from './whole.ts'
import { wholeFile } from './wholeFile.ts'

export interface SendOptions extends LoadOptions {
  webhook: string
  config: string
  json: boolean
  /** Instead of the configured port: an address to which the path is added, or, with a path of its own, the whole URL. */
  url?: string
  file?: string
  data?: string
  /** `Name: value`, each. */
  header: readonly string[]
  /** `name=value`, each. */
  param: readonly string[]
  token?: string
  'private-key'?: string
  method?: string
  repeat?: string
  rate?: string
  now?: string
  'dry-run'?: boolean
  'show-secrets'?: boolean
}

const TIMEOUT = 30_000
const MOST_REPEATS = 1_000_000
/** Headers of an answer that say more than the transport's own. */
const TELLING = /^(?:content-type|location|retry-after|allow|www-authenticate|ratelimit.*|x-.*|idempot.*)$/
const SHOWN = 64 * 1024
/** Bytes of a file: more than any webhook takes. */
const LARGEST = 104_857_600

export async function send(options: SendOptions, out: Print): Promise<number> {
  const count = countOption('repeat', options.repeat, MOST_REPEATS) ?? 1
  const rate = rateOf(options.rate)
  const now = clockOf(options.now)
  const config = await openWhole(options.config, options)
  const webhook = webhookNamed(config, options.webhook, options.config)
  if (webhook.closed) throw new CommandFailure(EXIT.failure, `the webhook '${webhook.name}' is closed and answers 503: ${webhook.closed}`)
  if (!webhook.active) process.stderr.write(`the webhook '${webhook.name}' is not active: it answers 404\n`)
  const payload = payloadOfSend(options, config, webhook)
  const privateKey = options['private-key'] === undefined ? undefined : fileOf(options['private-key']).toString()
  const start = {
    headers: options.header.map(text => pairOf('header', text, /:\s*/)),
    params: Object.fromEntries(options.param.map(text => pairOf('param', text, /=/))),
    ...(options.method && { method: options.method.toUpperCase() }),
    ...(options.token !== undefined && { token: options.token }),
    body: payload.body,
  }
  const draft = async (): Promise<Draft> => {
    const made = await signedDraft(config, webhook, start, { now, privateKey })
    if ('fault' in made) throw new CommandFailure(EXIT.failure, made.fault)
    return aimed(made.draft, config, options.url)
  }

  if (options['dry-run']) {
    const names: Names = options['show-secrets'] ? [] : secretNames(webhook, config.secretValues, { TOKEN: options.token ?? '' })
    const one = await draft()
    if (options.json) out(JSON.stringify({ ...shownDraft(one, names), madeUp: payload.madeUp }))
    else out(curlLine(one, names))
    return EXIT.good
  }
  const first = await draft()
  if (!options.json && payload.madeUp) {
    const how = payload.bySchema ? 'made up from the schema' : 'made up, as the webhook has neither an example nor a schema'
    out(`the payload is ${how}: ${printable(JSON.stringify(payload.body))}`)
  }
  if (count === 1) return sendOne(first, { json: options.json, madeUp: payload.madeUp, webhook: webhook.name }, out)
  const line = options.json ? { end() {} } : progress(count)
  const tally = await volley(count, rate, async () => shot(await draft()), line.tell)
  line.end()
  const { statuses, fault, ...rest } = tally
  if (options.json) out(JSON.stringify({ ...tally, madeUp: payload.madeUp }))
  else
    for (const text of facts({
      sent: rest.sent === count ? count : `${rest.sent} of ${count}, then given up`,
      statuses: statusText(statuses),
      'without one': fault,
      'p50 ms': rest.p50,
      'p99 ms': rest.p99,
      seconds: rest.seconds,
    }))
      out(text)
  if (fault && Object.keys(statuses).join() === 'none') throw new CommandFailure(EXIT.unavailable, fault)
  return rest.sent === count && Object.keys(statuses).every(status => /^2\d\d$/.test(status)) ? EXIT.good : EXIT.failure
}

async function sendOne(
  draft: Draft,
  { json, madeUp, webhook }: { json: boolean; madeUp: boolean; webhook: string },
  out: Print,
): Promise<number> {
  const begun = performance.now()
  const response = await answerTo(draft)
  if (typeof response === 'string') throw new CommandFailure(EXIT.unavailable, response)
  const body = await response.text()
  const ms = Math.round((performance.now() - begun) * 10) / 10
  const headers = Object.fromEntries([...response.headers].filter(([name]) => TELLING.test(name)))
  if (json) out(JSON.stringify({ status: response.status, headers, body, ms, madeUp }))
  else {
    out(`${response.status} in ${ms} ms`)
    for (const text of facts(headers)) out(text)
    if (body) out('')
    if (body) out(printable(body.slice(0, SHOWN)))
    if (response.status === 401) out(`\nwhy: postern doctor ${webhook}`)
  }
  return response.ok ? EXIT.good : EXIT.failure
}

async function shot(draft: Draft): Promise<Shot> {
  const begun = performance.now()
  const response = await answerTo(draft)
  if (typeof response !== 'string') await response.arrayBuffer().catch(() => {})
  const ms = performance.now() - begun
  return typeof response === 'string' ? { fault: response, ms } : { status: response.status, ms }
}

/** The answer, or why there is none. */
async function answerTo({ method, url, headers, body }: Draft): Promise<Response | string> {
  const sent = method === 'GET' || method === 'HEAD' ? {} : { body: body as Uint8Array<ArrayBuffer> }
  try {
    if (headers.has('host')) return await underHost({ method, url, headers, body }, AbortSignal.timeout(TIMEOUT))
    return await fetch(url, { method, headers, redirect: 'manual', signal: AbortSignal.timeout(TIMEOUT), ...sent })
  } catch (error) {
    if ((error as Error).name === 'TimeoutError') return `nothing was answered at ${url.origin} within ${TIMEOUT / 1000} s`
    const why = /certificate|self.signed|UnknownIssuer/i.test(String(error)) ? ': its certificate is not trusted here' : ''
    return `nothing answers at ${url.origin}${why}: start the gateway with postern serve, or name another by --url`
  }
}

/** Where it goes, which need not be the URL that is signed. */
function aimed(draft: Draft, { server }: Config, given: string | undefined): Draft {
  const base = server.publicUrl !== undefined && draft.url.href.startsWith(`${server.publicUrl}/`) ? server.publicUrl : draft.url.origin
  const rest = draft.url.href.slice(base.length)
  const any: Record<string, string> = { '0.0.0.0': '127.0.0.1', '::': '[::1]' }
  const host = any[server.host] ?? (server.host.includes(':') ? `[${server.host}]` : server.host)
  const own = `${server.tls ? 'https' : 'http'}://${host}:${server.port}`
  const to = given === undefined ? new URL(own) : URL.parse(given)
  if (!to || !/^https?:$/.test(to.protocol) || to.hash || to.username)
    throw new CommandFailure(EXIT.usage, '--url takes an address such as https://hooks.example.com')
  const url = to.pathname === '/' && !to.search ? new URL(to.origin + rest) : new URL(to.href)
  if (url.href === to.href)
    for (const [name, value] of draft.url.searchParams) if (!url.searchParams.has(name)) url.searchParams.append(name, value)
  return { method: draft.method, url, headers: draft.headers, body: draft.body }
}

/** What the command line says, or the example, or what the schema lets in. */
function payloadOfSend(options: SendOptions, config: Config, webhook: Webhook): { body: unknown; madeUp: boolean; bySchema?: boolean } {
  if (options.file !== undefined && options.data !== undefined) throw new CommandFailure(EXIT.usage, 'take one of --file and --data')
  if (options.file !== undefined) return { body: new Uint8Array(fileOf(options.file)), madeUp: false }
  if (options.data !== undefined) return { body: options.data, madeUp: false }
  const asSent = (payload: unknown) => {
    const list = webhook.listAs === undefined ? undefined : (payload as Record<string, unknown>)[webhook.listAs]
    return webhook.listAs === undefined ? payload : Array.isArray(list) ? list : [payload]
  }
  if (webhook.example) return { body: asSent(webhook.example), madeUp: false }
  const around = { webhook: webhook.name, publicUrl: config.server.publicUrl, entity: (name: string) => config.entities.get(name) }
  const parts = webhook.chain.map(({ plugin, shown }): SenderPart => plugin.sender?.(shown, around) ?? {})
  const { schema } = payloadOf(config, webhook, parts)
  const made = schema && specimen(schema)
  const filled = typeof made === 'object' && made !== null && !Array.isArray(made) && Object.keys(made).length > 0
  return { body: asSent(filled ? made : { test: true }), madeUp: true, bySchema: filled }
}

const fileOf = (path: string) => wholeFile(path, LARGEST, { stdin: true })

function pairOf(option: string, text: string, by: RegExp): [string, string] {
  const cut = by.exec(text)
  const name = cut ? text.slice(0, cut.index).trim() : ''
  if (!cut || !/^[\w!#$%&'*+.^`|~-]+$/.test(name))
    throw new CommandFailure(EXIT.usage, `--${option} takes ${option === 'header' ? '"Name: value"' : 'name=value'}`)
  return [name, text.slice(cut.index + cut[0].length)]
}

/** Requests a second. */
function rateOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const [, count, unit] = /^(\d{1,6})\/(s|m)$/.exec(text) ?? []
  if (!Number(count)) throw new CommandFailure(EXIT.usage, '--rate takes so many a second or minute, such as 50/s')
  return Number(count) / (unit === 'm' ? 60 : 1)
}

/** The sender's clock: it goes on from where `--now` sets it, so that repeats differ. */
function clockOf(text: string | undefined): () => number {
  if (text === undefined) return Date.now
  const ahead = text.startsWith('+') ? parseDuration(text.slice(1)) : undefined
  const unix = /^\d{9,13}$/.test(text) ? Number(text) * (text.length > 11 ? 1 : 1000) : undefined
  const start = ahead !== undefined ? Date.now() + ahead : (unix ?? Date.parse(timeOption('now', text.replace(/^-/, '')) as string))
  const since = Date.now()
  return () => start + Date.now() - since
}
