/** `auth-plaid`: Plaid signs a token with the hash of each body. See https://plaid.com/docs/api/webhooks/webhook-verification/ */
import { createHash, timingSafeEqual } from 'node:crypto'
import { compactVerify, errors } from 'jose'
import { definePlugin, type Send, signedAt } from '#core/plugin.ts'
import { diagnose } from './diagnose.ts'
import { openKeys } from './keys.ts'
import { faults, settings } from './settings.ts'
import { sign } from './sign.ts'
import { hashOf, headOf, timeOf } from './token.ts'

/** Plaid signs anew each time that it tries, so that the window need not be long. */
const FIVE_MINUTES = 5 * 60_000

/** Makes the plugin; `send` stands in for `fetch`, so that tests are their own Plaid. */
export const authPlaid = (send?: Send) =>
  definePlugin({
    name: 'auth-plaid',
    phase: 'verify',
    summary: 'Lets in webhooks that Plaid has signed.',
    config: settings,
    refusals: { UNAUTHORIZED: { status: 401, summary: 'The credential, signature or timestamp is missing or wrong.' } },
    gives: [signedAt],
    check: config => faults(config),
    sender: () => {
      const description = 'A token (JWT, ES256) of Plaid with the SHA-256 of the body, not older than five minutes.'
      return {
        headers: { 'Plaid-Verification': { description, required: true } },
        security: {
          plaid: { type: 'apiKey', in: 'header', name: 'Plaid-Verification', description, 'x-postern-signature': { kind: 'plaid' } },
        },
      }
    },
    sign,
    diagnose,

    compile(config, host) {
      const keyOf = openKeys(config, host, send)
      const refuse = (reason: string) => host.refuse('UNAUTHORIZED', undefined, { reason })
      return async x => {
        const head = headOf(x.headers.get('plaid-verification'))
        if ('fault' in head) return refuse(head.fault)
        const known = await keyOf(head.kid)
        if (!known) return refuse('unknown-key')
        if (known.expires !== undefined && known.expires <= host.now()) return refuse('key-expired')
        let payload: Uint8Array
        try {
          payload = (await compactVerify(head.token, known.key, { algorithms: ['ES256'] })).payload
        } catch (error) {
          return refuse(error instanceof errors.JWSSignatureVerificationFailed ? 'signature-mismatch' : 'malformed-token')
        }
        const time = timeOf(payload)
        if (time === undefined) return refuse('timestamp-malformed')
        const age = host.now() - time
        if (age > FIVE_MINUTES) return refuse('timestamp-too-old')
        if (age < -FIVE_MINUTES) return refuse('timestamp-in-future')
        const claimed = hashOf(payload)
        if (!claimed) return refuse('body-hash-malformed')
        if (!timingSafeEqual(claimed, createHash('sha256').update(x.raw).digest())) return refuse('body-mismatch')
        if (config.secret) host.used(config.secret)
        x.set(signedAt, { time, tolerance: FIVE_MINUTES })
        return undefined
      }
    },
  })

export default authPlaid()
