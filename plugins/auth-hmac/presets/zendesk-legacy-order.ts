import type { Preset } from '../settings.ts'

// An older page of theirs has the parts in this order, and its example agrees only with it.
export default {
  page: 'https://developer.zendesk.com/documentation/webhooks/verifying/',
  encoding: 'base64',
  signature: { from: 'header:x-zendesk-webhook-signature' },
  timestamp: { from: 'header:x-zendesk-webhook-signature-timestamp', format: 'rfc3339' },
  signed: '{body}{timestamp}',
  id: 'header:x-zendesk-webhook-invocation-id',
} satisfies Preset
