/** A server of the settings, and the addresses that may be dialled for it. */
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { Failure } from './failure.ts'

export interface Server {
  /** A name or an address, without brackets: what a certificate must be for. */
  host: string
  port: number
  /** TLS or nothing. */
  secure: boolean
}

/** What is wrong with a server as it is written, if anything; never shows it, for it may hold a password. */
export function faultOfServer(text: string): string | undefined {
  const url = URL.parse(text)
  if (!url || !/^(nats|tls):$/.test(url.protocol) || !url.hostname) return 'must be nats://host:4222 or tls://host:4222'
  if (url.username || url.password) return 'must not contain a credential: write `token`, or `user` and `password`'
  if (!/^\/?$/.test(url.pathname) || url.search || url.hash) return 'must end with the port: a server has no path'
  return url.port === '0' ? 'has the port 0, which cannot be connected to: write another, or none for 4222' : undefined
}

export function parseServer(text: string): Server {
  const { protocol, hostname, port } = new URL(text)
  return { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? 4222 : Number(port), secure: protocol === 'tls:' }
}

/** Why a server may not be reached, when it is an address; what a name resolves to is seen when it is dialled. */
export function faultOfAddress({ host }: Server, reachable: (address: string) => boolean): string | undefined {
  return isIP(host) && !reachable(host) ? `${host} ${PRIVATE}` : undefined
}

const PRIVATE = 'is not a public address: set allowPrivate on the destination, or list it under server.allowedCidrs'

/**
 * The addresses of a server, checked. They are what is dialled, so an answer of the resolver that changes meanwhile changes nothing; and
 * one forbidden address refuses the whole name, or its owner could have us try until we take that one.
 */
export async function addressesOf({ host }: Server, reachable: (address: string) => boolean): Promise<string[]> {
  const found = isIP(host) ? [host] : (await lookup(host, { all: true })).map(({ address }) => address)
  const bad = found.find(address => !reachable(address))
  if (bad === undefined) return found
  throw new Failure('BLOCKED_ADDRESS', `${host === bad ? bad : `${host} resolves to ${bad}, which`} ${PRIVATE}`)
}
