/** What is told of a request that was answered: a count and a time, and a line of the access log where that is on. */
import type { Config } from '../config/config.ts'
import type { Log } from '../log.ts'
import { type Meter, silent } from '../metrics/meter.ts'
import { readTrace, traceId } from '../trace.ts'
import { clientAddress, trustedProxies } from './address.ts'
import type { Ending } from './ending.ts'

export interface Accounted {
  /** `asked`: let in where a sender only asks whether it would be. `read`: a document. */
  readonly outcome: Ending['outcome'] | 'asked' | 'read'
  readonly status: number
  /** Of a refusal. */
  readonly code?: string | undefined
  /** The webhook that took it. */
  readonly to?: { readonly name: string; readonly path: string } | undefined
  /** The path as it is written down somewhere, never as it came. */
  readonly route?: string
  readonly exchange?: string | undefined
  /** Left out where there was no chain to run: the trace is the sender's. */
  readonly x?: { readonly trace?: string | undefined } | undefined
}

/** `began` is by `performance.now()`. */
export type Account = (request: Request, peer: string, began: number, about: Accounted) => void

export function openAccount({ server }: Config, { meter = silent, log }: { meter?: Meter; log: Log }): Account {
  const proxies = trustedProxies(server.trustedProxies)
  return ({ method, headers }, peer, began, { outcome, status, code, to, route, exchange, x }) => {
    const seconds = (performance.now() - began) / 1000
    const webhook = to?.name ?? ''
    meter.request({ webhook, outcome, reason: code ?? '' }, seconds)
    if (!server.accessLog) return
    const line = { exchange, webhook, route: to?.path ?? route, method, status, outcome, code }
    const trace = traceId(x ? x.trace : readTrace(headers))
    log.info({ ...line, ms: Math.round(seconds * 1e5) / 100, ip: clientAddress(peer, headers, proxies), trace }, 'request')
  }
}
