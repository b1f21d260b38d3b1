/** Runs the steps that decide who is let in against a request of the past, and tells how far what is known of it goes. */
import type { ChainItem, Config, Webhook } from '../config/config.ts'
import { openKv } from '../kv/kv.ts'
import { type Exchange as ExchangeContract, type Reply, Unavailable } from '../plugin.ts'
import { type Arrival, Exchange } from './exchange.ts'
import { makeHost, type Services } from './host.ts'
import { MASK } from './mask.ts'

/** What a step read that is not known any more. */
export type Unknown = { kind: 'header' | 'query' | 'path' | 'body-cut' | 'body-masked' | 'store'; name?: string }

export interface Verdict {
  item: ChainItem
  said: 'passed' | 'refused' | 'answered' | 'unknown'
  /** For the operator. */
  reason?: string
  code?: string
  /** What would have to be known for its word to count. */
  unknown: readonly Unknown[]
}

export interface Examined {
  /** Up to the first that did not pass. */
  verdicts: Verdict[]
  /** As the next step would have it. */
  exchange: ExchangeContract
}

/** What a step said when the request came, where that is known. */
export type Said = (plugin: string) => string | undefined

const TIMEOUT = 10_000

/** `cut`: the body is not whole. A step that refuses for what is not known is taken by the word it said then. */
export async function examine(config: Config, webhook: Webhook, arrival: Arrival, cut: boolean, said: Said): Promise<Examined> {
  const found = new Map<string, Unknown>()
  const exchange = watched(new Exchange(arrival), cut, what => void found.set(JSON.stringify(what), what))
  const verdicts: Verdict[] = []
  for (const item of webhook.chain) {
    if (item.plugin.phase !== 'verify') continue
    found.clear()
    const reply = await ask(config, webhook, item, exchange)
    const unknown = [...found.values()]
    const then = said(item.plugin.name)
    if (reply === undefined) verdicts.push({ item, said: 'passed', unknown })
    else if (reply instanceof Error) {
      const store: Unknown = { kind: 'store' }
      verdicts.push({
        item,
        said: 'unknown',
        reason: reply.message,
        unknown: [...unknown, ...(reply instanceof Unavailable ? [store] : [])],
      })
    } else if (reply.kind !== 'refusal') verdicts.push({ item, said: 'answered', unknown })
    else if (unknown.length > 0 && then === 'passed') verdicts.push({ item, said: 'passed', unknown })
    else {
      const { code, reason } = reply
      verdicts.push({ item, said: unknown.length > 0 ? 'unknown' : 'refused', code, ...(reason && { reason }), unknown })
    }
    if (verdicts.at(-1)?.said !== 'passed') break
  }
  return { verdicts, exchange }
}

type Asked = Pick<ChainItem, 'plugin' | 'settings'>

/** Whether a step with other settings would have let it in. */
export async function passes(config: Config, webhook: Webhook, step: Asked, exchange: ExchangeContract): Promise<boolean> {
  return (await ask(config, webhook, step, exchange)) === undefined
}

/** What the step says; an error when it cannot say. */
async function ask(config: Config, webhook: Webhook, item: Asked, x: ExchangeContract): Promise<Reply | Error | undefined> {
  const releases: (() => void | Promise<void>)[] = []
  const kv = openKv('', () => {})
  try {
    const host = makeHost(config, webhook.name, item.plugin, services(x, kv), release => void releases.push(release))
    const step = await item.plugin.compile(item.settings, host)
    const late = new Unavailable(`it said nothing within ${TIMEOUT / 1000} s`)
    return (await Promise.race([step(x), later(late)])) ?? undefined
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  } finally {
    for (const release of releases.reverse())
      await Promise.resolve()
        .then(release)
        .catch(() => {})
    await kv.close()
  }
}

const later = <T>(value: T) => new Promise<never>((_, fail) => (setTimeout(fail, TIMEOUT, value) as { unref?(): void }).unref?.())

/** At the time when the request came; nothing is counted and nothing noted. */
function services(x: ExchangeContract, kv: Services['kv']): Services {
  const none = () => {}
  return {
    tokens: { webhookOf: () => Promise.reject(new Unavailable('tokens are known to the store alone')) },
    kv,
    log: { debug: none, info: none, warn: none, error: none, fatal: none } as Services['log'],
    now: () => x.receivedAt,
    sent: () => Promise.reject(new Unavailable('what was sent from here is known to the store alone')),
    hopKey: () => '',
    noteSecretUse: none,
  }
}

/** Tells of each look at what is masked or cut. */
function watched(target: Exchange, cut: boolean, tell: (what: Unknown) => void): ExchangeContract {
  const text = new TextDecoder().decode(target.raw)
  const seen = (key: string | symbol) => {
    if ((key === 'query' || key === 'search') && target.search.includes(MASK)) tell({ kind: 'query' })
    if ((key === 'path' || key === 'params') && target.path.includes(MASK)) tell({ kind: 'path' })
    if (key !== 'raw' && key !== 'peek') return
    if (cut) tell({ kind: 'body-cut' })
    else if (text.includes(MASK)) tell({ kind: 'body-masked' })
  }
  const headers = new Proxy(target.headers, {
    get(of, key) {
      const member: unknown = Reflect.get(of, key, of)
      if (typeof member !== 'function') return member
      return (...args: unknown[]) => {
        const [name] = args
        if ((key === 'get' || key === 'has') && of.get(String(name))?.includes(MASK))
          tell({ kind: 'header', name: String(name).toLowerCase() })
        return member.apply(of, args)
      }
    },
  })
  return new Proxy(target, {
    get(of, key) {
      seen(key)
      if (key === 'headers') return headers
      const member: unknown = Reflect.get(of, key, of)
      return typeof member === 'function' ? member.bind(of) : member
    },
    set: (of, key, value) => Reflect.set(of, key, value, of),
  })
}
