/** Connections that go only where they may: the one place where a name becomes an address. */
import dns, { type LookupAddress } from 'node:dns'
import http from 'node:http'
import https from 'node:https'
import type { LookupFunction } from 'node:net'
import { compileReach, type Reach, type Reachable } from '../address.ts'
import { SendError } from './failure.ts'

/** Finds all addresses of a name. */
export type Resolve = (name: string, options: dns.LookupAllOptions, done: (error: Error | null, found: LookupAddress[]) => void) => void

/** Where connections may go, and how many there may be. */
export interface Policy extends Reach {
  /** PEM text of the authorities to trust instead of the built-in ones. */
  ca?: string
  /** Connections to one scheme, host and port at a time; further requests wait within their own deadline. 64 unless told. */
  sockets?: number
  /** In place of the resolver of the operating system. */
  resolve?: Resolve
}

/** A pool of connections that were all made under one policy. */
export interface Connections {
  readonly reachable: Reachable
  /** The agent for a request; `fresh` never gives a connection that was used before. */
  agent(tls: boolean, fresh: boolean): http.Agent
  /** Ends every connection at once, busy ones too. */
  close(): void
}

/** Below the 5 s after which Node's own servers and Apache close a quiet connection: who closes first cannot meet a dead one. */
const IDLE = 4000

/**
 * Opens a pool. A connection is checked when it is made, and a kept one is used again without another look at it: so two policies must
 * never share a pool, or a destination without `allowPrivate` would travel on the connection of one that has it.
 */
export function openConnections({ ca, sockets = 64, resolve = dns.lookup, ...reach }: Policy): Connections {
  const reachable = compileReach(reach)
  const options = {
    lookup: checked(resolve, reachable),
    maxSockets: sockets,
    timeout: IDLE,
    // Deno sends through HTTP_PROXY when NODE_USE_ENV_PROXY is set, past the lookup, whatever agent it was given.
    proxyEnv: {},
  }
  const tls = { ...options, rejectUnauthorized: true, ...(ca !== undefined && { ca }) } // NODE_TLS_REJECT_UNAUTHORIZED cannot turn it off
  const kept = { plain: new http.Agent({ ...options, keepAlive: true }), tls: new https.Agent({ ...tls, keepAlive: true }) }
  const once = { plain: new http.Agent({ ...options, keepAlive: false }), tls: new https.Agent({ ...tls, keepAlive: false }) }
  return {
    reachable,
    agent: (secure, fresh) => (fresh ? once : kept)[secure ? 'tls' : 'plain'],
    close() {
      for (const agent of [kept.plain, kept.tls, once.plain, once.tls]) agent.destroy()
    },
  }
}

/**
 * A lookup whose answer is what is dialled: nothing is resolved twice, so an answer that changes meanwhile changes nothing. One forbidden
 * address refuses the whole name, or its owner could have us try until we take that one. It is never called for a literal address.
 */
function checked(resolve: Resolve, reachable: Reachable): LookupFunction {
  return (name, options, done) => {
    resolve(name, { ...options, all: true }, (error, found) => {
      if (error) return done(error, [])
      const bad = found.find(({ address }) => !reachable(address))
      if (bad) return done(blocked(name, bad.address), [])
      const [first] = found
      // Both runtimes would throw where nobody can catch it.
      if (!first) return done(new Error(`${name} has no address`), [])
      if (options.all) done(null, found)
      else done(null, first.address, first.family)
    })
  }
}

/** The refusal of an address that a URL names, or that its name resolves to. */
export function blocked(host: string, address: string): SendError {
  const what = host === address ? address : `${host} resolves to ${address}, which`
  return new SendError('BLOCKED_ADDRESS', `${what} is not a public address: set allowPrivate on the destination, or list the address`)
}
