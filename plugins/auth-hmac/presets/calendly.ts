import type { Preset } from '../settings.ts'

// There is no id of the delivery: the URI in the body is that of the invitee, the same when it is cancelled.
export default {
  page: 'https://developer.calendly.com/api-docs/overview/webhooks/webhook-signatures',
  signature: { from: 'header:calendly-webhook-signature', list: ',', kv: '=', key: 'v1' },
  timestamp: { from: 'sig:t' },
  signed: '{timestamp}.{body}',
} satisfies Preset
