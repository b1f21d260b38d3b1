/** `auth-url-token`: whoever knows the URL is let in. */
import { definePlugin, plainHttp, Type } from '#core/plugin.ts'

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

  lint: (_, host) => plainHttp(host, 'the token'),
  sign({ param }, draft, signer) {
    // The path is whole before anybody signs: there is nothing to add but a word on how to get one.
    if (!draft.url.pathname.includes(`%7B${param}%7D`) && !draft.url.pathname.includes(`{${param}}`)) return undefined
    return `the path needs a token: make one with postern token create ${signer.webhook}, and give it as --token`
  },
  diagnose({ param }, x) {
    const token = Object.hasOwn(x.params, param) ? (x.params[param] ?? '') : ''
    const fresh = 'Look with postern token list whether it is live; a new one comes from postern token create.'
    if (!token)
      return [{ code: 'token-missing', message: 'There is no token in the path.', cure: 'Call the whole URL that token create showed.' }]
    if (/^[{<$:]|[}>]$/.test(token))
      return [{ code: 'placeholder-sent', message: "The path holds a placeholder in the token's place.", cure: 'Put the token there.' }]
    if (token.trim() !== token || /[\s"',.;]$/.test(token))
      return [
        { code: 'surrounding-characters', message: 'The token in the path has something around it.', cure: 'Copy the URL again, alone.' },
      ]
    if (token.length > LONGEST) return [{ code: 'token-too-long', message: 'What stands there is longer than any token.', cure: fresh }]
    return []
  },

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
