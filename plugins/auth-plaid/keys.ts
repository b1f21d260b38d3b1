/** The keys that Plaid signs with. See https://plaid.com/docs/api/webhooks/webhook-verification/ */
import { createPublicKey, type KeyObject } from 'node:crypto'
import type { JWK } from 'jose'
import { fetchText, type Host, keep, type Send, Unavailable } from '#core/plugin.ts'
import { keyFault, type Settings } from './settings.ts'

export interface Key {
  key: KeyObject
  /** Epoch milliseconds from which on it is no good; undefined while it is in use. */
  expires: number | undefined
}

/** The key of an id; undefined when Plaid knows none. Rejects with `Unavailable` when it cannot be asked. */
export type Keys = (kid: string) => Promise<Key | undefined>

const HOUR = 3_600_000

export function openKeys({ keys, clientId, secret, environment }: Settings, host: Pick<Host, 'now'>, send?: Send): Keys {
  if (keys) {
    const known = new Map(keys.map(jwk => [jwk.kid, readKey(jwk)]))
    return async kid => known.get(kid)
  }
  const url = `https://${environment}.plaid.com/webhook_verification_key/get`
  const load = async (kid: string): Promise<Key | undefined> => {
    const body = JSON.stringify({ client_id: clientId, secret, key_id: kid })
    const { status, text } = await fetchText({ url, method: 'POST', headers: { 'content-type': 'application/json' }, body }, send)
    const answer = parsed(text)
    if (status === 200) {
      const jwk = answer.key as Record<string, unknown> | undefined
      const key = jwk && typeof jwk === 'object' && jwk.kid === kid ? readKey(jwk) : undefined
      if (!key) throw new Unavailable('Plaid answered without the key that was asked for')
      return key
    }
    // A wrong `secret` is a 400 as well, and says nothing of the key.
    if (status === 404 || (status === 400 && /VERIFICATION_KEY/.test(String(answer.error_code)))) return undefined
    throw new Unavailable(`Plaid answered ${status} ${String(answer.error_code ?? '').slice(0, 60)}`.trim())
  }
  const kept = keep(load, { now: host.now, fresh: HOUR, stale: 6 * HOUR, pause: 10_000, most: 64, loads: 8 })
  return kid => kept.get(kid)
}

function readKey(jwk: Record<string, unknown>): Key | undefined {
  if (keyFault(jwk)) return undefined
  const { expired_at: at } = jwk
  const expires = at === undefined || at === null ? undefined : typeof at === 'number' ? at * 1000 : 0
  return { key: createPublicKey({ key: jwk as JWK, format: 'jwk' }), expires }
}

function parsed(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
