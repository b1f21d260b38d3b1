/** What the core lends to a destination. */
import { compileReach } from '../address.ts'
import type { Destination } from '../config/config.ts'
import type { DestinationHost } from '../plugin.ts'
import { receiptClient } from './http.ts'
import { compileSign } from './sign.ts'

interface Around {
  /** Epoch milliseconds. */
  now(): number
  warn(message: string, fields?: Record<string, unknown>): void
  /** Hears which secrets signed something. */
  usedSecrets?(values: readonly string[]): void
}

/** `allowed`: CIDRs that every destination may reach. */
export function lend({ name, concurrency }: Destination, allowed: readonly string[], { now, warn, usedSecrets }: Around): DestinationHost {
  return {
    destination: name,
    now,
    sign(secrets) {
      const sign = compileSign(secrets)
      return (id, at, body) => {
        usedSecrets?.(secrets)
        return sign(id, at, body)
      }
    },
    http: ({ allowPrivate }) => receiptClient({ allowPrivate, allowed, sockets: concurrency }, now),
    reachable: ({ allowPrivate }) => compileReach({ allowPrivate, allowed }),
    warn: (message, fields) => warn(message, { ...fields, destination: name }),
  }
}
