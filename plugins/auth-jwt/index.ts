/** `auth-jwt`: the sender shows a token that an issuer whom we trust has signed (RFC 7519, OpenID Connect). */
import { decodeProtectedHeader } from 'jose'
import { definePlugin, deliveryId, type Send } from '#core/plugin.ts'
import { diagnose } from './diagnose.ts'
import { openKeys } from './keys.ts'
import { faults, resolve, settings } from './settings.ts'
import { sign } from './sign.ts'
import { bearer } from './token.ts'
import { compileVerify } from './verify.ts'

/** Makes the plugin; `send` stands in for `fetch`, so that tests are their own issuer. */
export const authJwt = (send?: Send) =>
  definePlugin({
    name: 'auth-jwt',
    phase: 'verify',
    summary: 'Lets in requests with a token that an issuer has signed: OpenID Connect, Google Pub/Sub.',
    config: settings,
    refusals: { UNAUTHORIZED: { status: 401, summary: 'The credential, signature or timestamp is missing or wrong.' } },
    gives: ({ preset }) => (preset === 'google-pubsub' ? [deliveryId] : []),
    check: config => faults(config),
    sender(config) {
      const { issuer, audience, jwks, keys, algorithms } = resolve(config)
      const text = `A token (JWT) of ${issuer.join(' or ')} for ${audience.join(' or ')}, signed with ${algorithms.join(' or ')}.`
      const discovery = `${issuer[0]?.replace(/\/$/, '')}/.well-known/openid-configuration`
      return {
        headers: {
          Authorization: { description: `${text} After the word Bearer and one space.`, required: true, example: 'Bearer eyJhbGciOi…' },
        },
        security: {
          jwt:
            jwks === undefined && !keys
              ? { type: 'openIdConnect', openIdConnectUrl: discovery, description: text }
              : { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: text },
        },
      }
    },
    sign,
    diagnose,

    compile(config, host) {
      const resolved = resolve(config)
      const allowed: readonly string[] = resolved.algorithms
      const verify = compileVerify(resolved, openKeys(resolved, host, send))
      const refuse = (reason: string) => host.refuse('UNAUTHORIZED', undefined, { reason })
      return async x => {
        const found = bearer(x.headers.get('authorization'))
        if ('fault' in found) return refuse(found.fault)
        const { token } = found
        // Before anybody is asked for a key.
        const algorithm = algorithmOf(token)
        if (algorithm === undefined) return refuse('malformed-token')
        if (!allowed.includes(algorithm)) return refuse('algorithm-not-allowed')
        const verdict = await verify(token, host.now())
        if ('reason' in verdict) return refuse(verdict.reason)
        if (config.preset === 'google-pubsub') {
          const id = messageId(x.peek())
          if (id !== undefined) x.set(deliveryId, id)
        }
        return undefined
      }
    },
  })

export default authJwt()

function algorithmOf(token: string): string | undefined {
  try {
    const { alg } = decodeProtectedHeader(token)
    return typeof alg === 'string' ? alg : undefined
  } catch {
    return undefined
  }
}

/** https://cloud.google.com/pubsub/docs/push#receive_push */
function messageId(body: unknown): string | undefined {
  const { message } = (body ?? {}) as { message?: { messageId?: unknown } | null }
  const id = typeof message === 'object' ? message?.messageId : undefined
  return typeof id === 'string' && id !== '' && id.length <= 255 ? id : undefined
}
