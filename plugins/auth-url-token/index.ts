/** `auth-url-token`: whoever knows the URL is let in. */
import { definePlugin, Type } from '#core/plugin.ts'

const LONGEST = 200

export default definePlugin({
  name: 'auth-url-token',
  phase: 'verify',
  summary: 'Lets in requests whose path holds a live token of this webhook.',
  config: Type.Object(
    {
      param: Type.String({
        default: 'token',
        pattern: '^[A-Za-z_][A-Za-z0-9_]*$',
        description: "Which `{…}` of the webhook's path holds the token.",
      }),
    },
    { additionalProperties: false },
  ),
  // As if there were nothing here: a stranger must not learn which URLs exist.
  refusals: { NOT_FOUND: { status: 404, summary: 'There is no webhook here.' } },

  compile({ param }, host) {
    const refuse = (reason: string) => host.refuse('NOT_FOUND', undefined, { reason })
    const judge = (webhook: string | undefined) => {
      if (webhook === host.webhook) return undefined
      return refuse(webhook === undefined ? 'unknown-token' : 'token-of-another-webhook')
    }
    return x => {
      const token = Object.hasOwn(x.params, param) ? x.params[param] : undefined
      if (!token) return refuse('missing-token')
      if (token.length > LONGEST) return refuse('token-too-long')
      const webhook = host.tokens.webhookOf(token)
      return webhook instanceof Promise ? webhook.then(judge) : judge(webhook)
    }
  },
})
