/** Where the keys of an issuer come from. */
import { createLocalJWKSet, type JSONWebKeySet } from 'jose'
import { fetchText, type Host, keep, type Send, Unavailable } from '#core/plugin.ts'
import type { Resolved } from './settings.ts'

export type Keys = ReturnType<typeof createLocalJWKSet>

export interface KeySource {
  get(): Promise<Keys>
  /** Keys that were fetched just now, for a token with one that is not known; the same ones when that was done a moment ago. */
  renewed(): Promise<Keys>
}

const MINUTE = 60_000
/** An issuer publishes a key before it signs with it, so that asking for an unknown one seldom needs to be often. */
const AGAIN = 30_000
const MOST_KEYS = 64
const BYTES = 256 * 1024

export function openKeys(config: Resolved, host: Pick<Host, 'now'>, send?: Send): KeySource {
  if (config.keys) {
    const keys = createLocalJWKSet({ keys: config.keys } as unknown as JSONWebKeySet)
    return { get: async () => keys, renewed: async () => keys }
  }
  const json = async (url: string): Promise<Record<string, unknown>> => {
    const { status, text } = await fetchText({ url, headers: { accept: 'application/json' }, most: BYTES }, send)
    const value = status === 200 ? parsed(text) : undefined
    if (!value) throw new Unavailable(`${new URL(url).host} answered ${status} instead of 200 with a JSON object`)
    return value
  }
  const load = async (): Promise<Keys> => {
    const { keys } = await json(config.jwks ?? (await discovered(config.issuer[0] as string, json)))
    if (!Array.isArray(keys) || keys.length === 0 || keys.length > MOST_KEYS)
      throw new Unavailable(`the issuer's key set has no list of 1 to ${MOST_KEYS} keys`)
    try {
      return createLocalJWKSet({ keys })
    } catch {
      throw new Unavailable("the issuer's key set is malformed")
    }
  }
  const kept = keep(load, { now: host.now, fresh: 10 * MINUTE, stale: 60 * MINUTE, pause: 5000, most: 1, loads: 4 })
  return {
    get: () => kept.get('') as Promise<Keys>,
    renewed: () => kept.renewed('', AGAIN) as Promise<Keys>,
  }
}

/** OpenID Connect Discovery 1.0, section 4: the document must be of the very issuer that was asked. */
async function discovered(issuer: string, json: (url: string) => Promise<Record<string, unknown>>): Promise<string> {
  const document = await json(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`)
  if (document.issuer !== issuer) throw new Unavailable('the OpenID configuration is of another issuer')
  const url = document.jwks_uri
  if (typeof url !== 'string' || url.length > 2048 || URL.parse(url)?.protocol !== 'https:')
    throw new Unavailable('the OpenID configuration has no https URL as `jwks_uri`')
  return url
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
