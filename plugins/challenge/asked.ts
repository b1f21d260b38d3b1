/** Questions that are asked by a method of their own, and not signed. */
import { createHmac } from 'node:crypto'
import type { Question } from './question.ts'
import { empty, isChallenge, isSignable, json, same, single, text } from './reply.ts'

const refused = (reason: string) => ['CHALLENGE_REFUSED', undefined, { reason }] as const

const HUB = ['hub.mode', 'hub.verify_token', 'hub.challenge'] as const

/** https://developers.facebook.com/docs/graph-api/webhooks/getting-started#verification-requests */
export const meta: Question = {
  refusals: ['CHALLENGE_REFUSED'],
  methods: ['GET'],
  handshake: {
    method: 'GET',
    summary: 'Meta verifies the URL.',
    query: {
      'hub.mode': { description: 'Exactly `subscribe`.', required: true, example: 'subscribe' },
      'hub.verify_token': { description: 'The token that was typed in when the webhook was registered.', required: true },
      'hub.challenge': { description: 'Is answered.', required: true, maxLength: 1024 },
    },
    status: 200,
    contentType: 'text/plain',
  },
  compile({ verifyToken = '' }, host) {
    return x => {
      if (x.method !== 'GET' || !HUB.some(name => x.query.has(name))) return undefined
      const [mode, token, challenge] = HUB.map(name => single(x.query, name))
      if (mode !== 'subscribe') return host.refuse(...refused('wrong-mode'))
      if (!verifyToken || token === undefined || !same(token, verifyToken)) return host.refuse(...refused('wrong-verify-token'))
      host.used(verifyToken)
      return isChallenge(challenge) ? text(challenge) : host.refuse(...refused('malformed-challenge'))
    }
  },
}

/** https://www.dropbox.com/developers/reference/webhooks#documentation */
export const dropbox: Question = {
  refusals: ['CHALLENGE_REFUSED'],
  methods: ['GET'],
  handshake: {
    method: 'GET',
    summary: 'Dropbox verifies the URL.',
    query: { challenge: { description: 'Is answered.', required: true, maxLength: 1024 } },
    status: 200,
    contentType: 'text/plain',
  },
  compile: (_, host) => x => {
    if (x.method !== 'GET' || !x.query.has('challenge')) return undefined
    const challenge = single(x.query, 'challenge')
    return isChallenge(challenge) ? text(challenge) : host.refuse(...refused('malformed-challenge'))
  },
}

/** https://developer.okta.com/docs/concepts/event-hooks/#one-time-verification-request */
export const okta: Question = {
  refusals: ['CHALLENGE_REFUSED'],
  methods: ['GET'],
  handshake: {
    method: 'GET',
    summary: 'Okta verifies the URL.',
    headers: { 'x-okta-verification-challenge': { description: 'Is answered as `verification`.', required: true, maxLength: 1024 } },
    status: 200,
    contentType: 'application/json',
  },
  compile: (_, host) => x => {
    const challenge = x.method === 'GET' ? x.headers.get('x-okta-verification-challenge') : null
    if (challenge === null) return undefined
    return isChallenge(challenge) ? json({ verification: challenge }) : host.refuse(...refused('malformed-challenge'))
  },
}

/** The longest text that `isSignable` takes. */
const MOST_SIGNABLE = 130

/** https://developer.x.com/en/docs/x-api/enterprise/account-activity-api/guides/securing-webhooks */
export const x: Question = {
  refusals: ['CHALLENGE_REFUSED', 'UNAUTHORIZED'],
  methods: ['GET'],
  handshake: {
    method: 'GET',
    summary: 'X checks now and then who has the secret: the challenge-response check.',
    query: { crc_token: { description: 'Is signed, and answered as `response_token`.', required: true, maxLength: 130 } },
    status: 200,
    contentType: 'application/json',
  },
  compile({ secret = '' }, host) {
    return x => {
      // Bodies are signed with the same secret in the same way: what was got here for a token must not do for a body.
      if (x.raw.length > 0 && x.raw.length <= MOST_SIGNABLE && isSignable(Buffer.from(x.raw).toString('latin1')))
        return host.refuse('UNAUTHORIZED', undefined, { reason: 'body-that-could-be-a-challenge' })
      if (x.method !== 'GET' || !x.query.has('crc_token')) return undefined
      const token = single(x.query, 'crc_token')
      if (!secret || !isSignable(token)) return host.refuse(...refused('malformed-challenge'))
      host.used(secret)
      return json({ response_token: `sha256=${createHmac('sha256', secret).update(token).digest('base64')}` })
    }
  },
}

/** https://github.com/cloudevents/spec/blob/main/cloudevents/http-webhook.md#4-abuse-protection */
export const cloudevents: Question = {
  refusals: [],
  methods: ['OPTIONS'],
  handshake: {
    method: 'OPTIONS',
    summary: 'A sender of CloudEvents asks whether it may deliver here. The answer is in the headers `WebHook-Allowed-…`.',
    headers: {
      'WebHook-Request-Origin': { description: 'Who would deliver: a DNS name.', required: true },
      'WebHook-Request-Rate': { description: 'How many requests a minute it would send.' },
    },
    status: 200,
  },
  compile({ origins = [], rate }) {
    const known = new Set(origins.map(origin => origin.toLowerCase()))
    return x => {
      const origin = x.method === 'OPTIONS' ? x.headers.get('webhook-request-origin') : null
      // Who is not expected is told nothing more than that there is no such method: the consent is the header.
      if (origin === null || !(known.has('*') || known.has(origin.toLowerCase()))) return undefined
      const wanted = x.headers.get('webhook-request-rate')
      return empty({
        'webhook-allowed-origin': known.has('*') ? '*' : origin,
        ...((rate !== undefined || wanted !== null) && { 'webhook-allowed-rate': rate === undefined ? '*' : String(rate) }),
        allow: 'POST',
      })
    }
  },
}
