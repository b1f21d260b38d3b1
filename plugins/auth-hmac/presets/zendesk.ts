import type { Preset } from '../settings.ts'

export default {
  page: 'https://developer.zendesk.com/documentation/webhooks/verifying/',
  encoding: 'base64',
  signature: { from: 'header:x-zendesk-webhook-signature' },
  timestamp: { from: 'header:x-zendesk-webhook-signature-timestamp', format: 'rfc3339' },
  signed: '{timestamp}{body}',
  id: 'header:x-zendesk-webhook-invocation-id',
} satisfies Preset
