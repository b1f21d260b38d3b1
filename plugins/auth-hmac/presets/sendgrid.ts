import type { Preset } from '../settings.ts'

// `secrets` holds the verification key. The body ends with a line break, which is signed.
export default {
  page: 'https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features',
  kind: 'ecdsa-p256',
  encoding: 'base64',
  secret: { encoding: 'base64' },
  signature: { from: 'header:x-twilio-email-event-webhook-signature' },
  timestamp: { from: 'header:x-twilio-email-event-webhook-timestamp' },
  signed: '{timestamp}{body}',
  id: 'json:[].sg_event_id',
} satisfies Preset
