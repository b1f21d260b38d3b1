import type { Preset } from '../settings.ts'

// The signed URL is the one registered with Square, a slash at its end included.
export default {
  page: 'https://developer.squareup.com/docs/webhooks/step3validate',
  encoding: 'base64',
  signature: { from: 'header:x-square-hmacsha256-signature' },
  signed: '{url}{body}',
  id: 'json:event_id',
} satisfies Preset
