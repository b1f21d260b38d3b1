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

/** A webhook at its own path, or at the one where it is asked. */
interface Entrance {
  to: Served
  path: string
  host: readonly string[]
  asked: boolean
}

/** `lost` hears why a token could not be looked up. */
export function openTakers(served: readonly Served[], tokens: Tokens, lost: (error: unknown) => void) {
  // One table for both: a question must not end as a delivery to another webhook, whose parameter has its last segment.
  const table = routes(served.filter(s => s.webhook.active).flatMap(entrances))
  /** Inactive webhooks are as good as absent, but for the language in which that is said. */
  const absent = routes(served.filter(s => !s.webhook.active))

  /** A promise where a token must be looked up, and only there. */
  return (host: string, path: string, method: string): Taken | Untaken | Promise<Taken | Untaken> => {
    const found = table(host, path)
    const [first] = found?.webhooks ?? []
    if (!found || !first) return { dialect: absent(host, path)?.webhooks[0]?.dialect, code: 'NOT_FOUND' }
    const allow = () => [...new Set(found.webhooks.flatMap(methodsOf))].join(', ')
    const takers = found.webhooks.filter(entrance => takes(entrance, method))
    if (takers.length === 0) return { dialect: first.to.dialect, code: 'METHOD_NOT_ALLOWED', allow: allow() }
    const { params } = found
    const taken = ({ to, asked }: Entrance): Taken => ({ to, params, path: asked ? path.slice(0, -ASK.length) : path, asked, allow })
    const [one, other] = takers
    if (one && !other) return taken(one)
    return ownerOf(takers, params.token ?? '').then(entrance => {
      if (entrance) return taken(entrance)
      // Whose it is nobody knows; only the language of the answer is that of the first.
      const code = entrance === null ? 'UNAVAILABLE' : 'NOT_FOUND'
      return { dialect: one?.to.dialect, code, reason: 'no live token of a webhook on this path' }
    })
  }

  /** The one of them that a token belongs to; null when the store cannot say. */
  async function ownerOf(takers: readonly Entrance[], token: string): Promise<Entrance | undefined | null> {
    try {
      const owner = await tokens.webhookOf(token)
      return takers.find(({ to }) => to.name === owner)
    } catch (error) {
      lost(error)
      return null
    }
  }
}

function entrances(to: Served): Entrance[] {
  const { path, host } = to
  const own = { to, path, host, asked: false }
  return to.webhook.verify ? [own, { to, path: path + ASK, host, asked: true }] : [own]
}

const methodsOf = ({ to, asked }: Entrance): string[] => (asked ? ['POST'] : [...to.methods, ...to.greets])

const takes = ({ to, asked }: Entrance, method: string): boolean =>
  asked ? method === 'POST' : to.methods.includes(method) || to.greets.has(method)
