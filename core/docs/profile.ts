/** All that a sender must know of one webhook: what the document and the sender's page are made of. */
import type { ChainItem, Config, Webhook } from '../config/config.ts'
import { flattened } from '../config/nested.ts'
import type { Handshake, SenderField, SenderPart } from '../plugin.ts'
import type { Answer, AnswerBook } from './answers.ts'
import { type Payload, payloadOf } from './payload.ts'
import { everyField, type Field, type Way, waysOf } from './ways.ts'

export interface Profile {
  readonly webhook: Webhook
  readonly title: string
  /** `https://hooks.example.com`, without a final slash; several where the webhook has hosts of its own. */
  readonly bases: readonly string[]
  /** Names in the braces of its path. */
  readonly params: readonly string[]
  readonly ways: readonly Way[]
  /** A step verifies by something that it tells in no security scheme: a value within the body, say. */
  readonly unclear: boolean
  /** What can be sent on any way. */
  readonly headers: readonly Field[]
  readonly query: readonly Field[]
  readonly payload: Payload
  /** A payload as it is sent; undefined when nobody has written one. */
  readonly example: unknown
  /** Media types of the body, the first one first. */
  readonly types: readonly string[]
  readonly answers: readonly Answer[]
  readonly wrongMethod: Answer
  /** What to keep the same when a request is sent again, in sentences. */
  readonly repeats: readonly string[]
  /** Headers of good answers. */
  readonly told: Readonly<Record<string, SenderField>>
  readonly handshakes: readonly Handshake[]
  /** What asking `{path}/verify` takes; undefined where it cannot be asked. */
  readonly asking: { ways: readonly Way[]; headers: readonly Field[]; query: readonly Field[] } | undefined
}

const FORM = 'application/x-www-form-urlencoded'
const JSON_TYPE = 'application/json'

export async function profileOf(config: Config, webhook: Webhook, book: AnswerBook): Promise<Profile> {
  const { publicUrl } = config.server
  const around = { webhook: webhook.name, publicUrl, entity: (name: string) => config.entities.get(name) }
  const parts = webhook.chain.map(({ plugin, shown }) => told(() => plugin.sender?.(shown, around)))
  const ways = waysOf(parts)
  const headers = everyField(ways, 'headers')
  const payload = payloadOf(config, webhook, parts)
  const asked = webhook.verify ? waysOf(parts.filter((_, i) => webhook.chain[i]?.plugin.phase === 'verify')) : []
  const [needed] = [payload.schema?.required].flat()
  return {
    webhook,
    title: webhook.summary ?? webhook.name,
    bases: basesOf(config, webhook),
    params: webhook.path.split('/').flatMap(segment => /^\{(.+)\}$/.exec(segment)?.[1] ?? []),
    ways,
    unclear: webhook.chain.some((item, i) => isUnclear(item, parts[i])),
    headers,
    query: everyField(ways, 'query'),
    payload,
    example: asSent(webhook),
    types: typesOf(headers, webhook),
    answers: await book.answersOf(webhook, parts, typeof needed === 'string' ? needed : undefined),
    wrongMethod: await book.wrongMethod(webhook),
    repeats: parts.flatMap(part => part.repeats ?? []),
    told: Object.assign({}, ...parts.map(part => part.answers)),
    handshakes: everyHandshake(parts),
    asking: webhook.verify ? { ways: asked, headers: everyField(asked, 'headers'), query: everyField(asked, 'query') } : undefined,
  }
}

/** A fault in what one plugin tells must not take the documents of all away. */
function told(tell: () => SenderPart | undefined): SenderPart {
  try {
    return tell() ?? {}
  } catch {
    return {}
  }
}

function isUnclear({ plugin }: ChainItem, part: SenderPart | undefined): boolean {
  const verifies = plugin.phase === 'verify' && plugin.verifies !== false && !plugin.needs?.length && 'UNAUTHORIZED' in plugin.refusals
  return verifies && !part?.security && !part?.signature && !part?.anyOf
}

/** Where senders find it: what the files say, never the Host of a request. */
function basesOf({ server }: Config, { host }: Webhook): string[] {
  const own = server.publicUrl ?? `${server.tls ? 'https' : 'http'}://localhost:${server.port}`
  if (host.length === 0) return [own]
  const url = new URL(own)
  if (!server.publicUrl && !server.tls) url.protocol = server.requireHttps ? 'https:' : 'http:'
  return host.map(name => {
    url.hostname = name
    return url.href.replace(/\/+$/, '')
  })
}

function asSent({ example, listAs }: Webhook): unknown {
  if (listAs === undefined || example === undefined) return example
  const list = example[listAs]
  return Array.isArray(list) ? list : [example]
}

/** A step that reads a form says so by its Content-Type. */
function typesOf(headers: readonly Field[], { chain }: Webhook): string[] {
  const said = headers.find(({ name }) => name.toLowerCase() === 'content-type')?.example
  if (said !== undefined) return [said]
  return [...new Set([JSON_TYPE, FORM, ...chain.flatMap(flattened).flatMap(({ plugin }) => plugin.accepts ?? [])])]
}

function everyHandshake(parts: readonly SenderPart[]): Handshake[] {
  return parts.flatMap(part => [...(part.handshakes ?? []), ...everyHandshake(part.anyOf ?? [])])
}
