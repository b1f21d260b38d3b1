/** Questions that are asked by POST, as deliveries come. */
import { createHmac } from 'node:crypto'
import type { Question } from './question.ts'
import { empty, isChallenge, isSignable, json, single, text } from './reply.ts'

const MOST_SSL_CHECK = 4096

const refused = (reason: string) => ['CHALLENGE_REFUSED', undefined, { reason }] as const

const fields = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}

/** https://api.slack.com/events/url_verification */
export const slack: Question = {
  refusals: ['CHALLENGE_REFUSED'],
  methods: [],
  handshake: { method: 'POST', summary: 'Slack verifies the URL: `url_verification`.', status: 200, contentType: 'application/json' },
  compile: (_, host) => x => {
    const { type, challenge, ssl_check } = fields(x.peek())
    if (ssl_check === '1') return empty()
    if (type !== 'url_verification') return undefined
    return isChallenge(challenge) ? json({ challenge }) : host.refuse(...refused('malformed-challenge'))
  },
}

/** https://api.slack.com/interactivity/slash-commands: Slack does not sign it, so that nothing else of it may count. */
export const sslCheck: Question = {
  refusals: [],
  methods: [],
  handshake: { method: 'POST', summary: 'Slack checks the certificate: a form with `ssl_check=1`.', status: 200 },
  compile: () => x => (x.raw.length <= MOST_SSL_CHECK && fields(x.peek()).ssl_check === '1' ? empty() : undefined),
}

/** https://developers.zoom.us/docs/api/webhooks/#validate-your-webhook-endpoint */
export const zoom: Question = {
  refusals: ['CHALLENGE_REFUSED'],
  methods: [],
  handshake: {
    method: 'POST',
    summary: 'Zoom validates the URL: `endpoint.url_validation`.',
    status: 200,
    contentType: 'application/json',
  },
  compile({ secret = '' }, host) {
    return x => {
      const { event, payload } = fields(x.peek())
      if (event !== 'endpoint.url_validation') return undefined
      const { plainToken } = fields(payload)
      if (!secret || !isSignable(plainToken)) return host.refuse(...refused('malformed-challenge'))
      host.used(secret)
      return json({ plainToken, encryptedToken: createHmac('sha256', secret).update(plainToken).digest('hex') })
    }
  },
}

/** https://discord.com/developers/docs/interactions/overview#setting-up-an-endpoint */
export const discord: Question = {
  refusals: [],
  methods: [],
  handshake: { method: 'POST', summary: 'Discord sends a PING: `type` 1.', status: 200, contentType: 'application/json' },
  compile: () => x => (fields(x.peek()).type === 1 ? json({ type: 1 }) : undefined),
}

/** https://learn.microsoft.com/graph/change-notifications-delivery-webhooks */
export const msgraph: Question = {
  refusals: ['CHALLENGE_REFUSED'],
  methods: [],
  handshake: {
    method: 'POST',
    summary: 'Microsoft Graph validates the URL, without a body.',
    query: { validationToken: { description: 'Is answered as it was before it was encoded.', required: true, maxLength: 1024 } },
    status: 200,
    contentType: 'text/plain',
  },
  compile: (_, host) => x => {
    // A delivery has a body, and nobody gets around its verification by a parameter.
    if (x.raw.length > 0 || !x.query.has('validationToken')) return undefined
    const token = single(x.query, 'validationToken')
    return isChallenge(token) ? text(token) : host.refuse(...refused('malformed-challenge'))
  },
}
