/** Which webhook takes a request, or in which language it is said that none does. */
import type { Tokens } from '../plugin.ts'
import type { CoreCode } from './codes.ts'
import type { CompiledDialect } from './dialect.ts'
import type { Served } from './gateway.ts'
import { routes } from './route.ts'

export interface Taken {
  to: Served
  params: Readonly<Record<string, string>>
  /** Path of the webhook, as it came. */
  path: string
  /** The sender only asks whether it would be let in. */
  asked: boolean
  /** Value of `Allow`. */
  allow(): string
}

export interface Untaken {
  dialect: CompiledDialect | undefined
  code: CoreCode
  allow?: string
  reason?: string
}

/** Behind a webhook's path: tells whether a request would be let in. */
const ASK = '/verify'

/** `lost` hears why a token could not be looked up. */
export function openTakers(served: readonly Served[], tokens: Tokens, lost: (error: unknown) => void) {
  const active = served.filter(s => s.webhook.active)
  const table = routes(active)
  const asking = routes(active.filter(s => s.webhook.verify).map(to => ({ to, path: to.path + ASK, host: to.host })))
  /** Inactive webhooks are as good as absent, but for the language in which that is said. */
  const absent = routes(served.filter(s => !s.webhook.active))

  /** A promise where a token must be looked up, and only there. */
  return (host: string, path: string, method: string): Taken | Untaken | Promise<Taken | Untaken> => {
    const found = table(host, path)
    const question = found ? undefined : asking(host, path)
    const webhooks = found?.webhooks ?? question?.webhooks.map(({ to }) => to)
    const [first] = webhooks ?? []
    if (!webhooks || !first) return { dialect: absent(host, path)?.webhooks[0]?.dialect, code: 'NOT_FOUND' }
    const asked = question !== undefined
    const methodsOf = (w: Served) => (asked ? ['POST'] : [...w.methods, ...w.greets])
    const allow = () => [...new Set(webhooks.flatMap(methodsOf))].join(', ')
    const takers = asked ? (method === 'POST' ? webhooks : []) : webhooks.filter(w => w.methods.includes(method) || w.greets.has(method))
    if (takers.length === 0) return { dialect: first.dialect, code: 'METHOD_NOT_ALLOWED', allow: allow() }
    const params = (found ?? question)?.params ?? {}
    const taken = (to: Served): Taken => ({ to, params, path: asked ? path.slice(0, -ASK.length) : path, asked, allow })
    const [one, other] = takers
    if (one && !other) return taken(one)
    return ownerOf(takers, params.token ?? '').then(to => {
      if (to) return taken(to)
      // Whose it is nobody knows; only the language of the answer is that of the first.
      const code = to === null ? 'UNAVAILABLE' : 'NOT_FOUND'
      return { dialect: one?.dialect, code, reason: 'no live token of a webhook on this path' }
    })
  }

  /** The one of them that a token belongs to; null when the store cannot say. */
  async function ownerOf(takers: readonly Served[], token: string): Promise<Served | undefined | null> {
    try {
      const owner = await tokens.webhookOf(token)
      return takers.find(w => w.name === owner)
    } catch (error) {
      lost(error)
      return null
    }
  }
}
