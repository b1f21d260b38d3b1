import type { Preset } from '../settings.ts'

// Only the timestamp and the token are signed: whoever holds one delivery can send it again with other event-data while the
// window is open, unless `idempotency: { from: preset }` makes the token good for one. The signature is no proof of what the rest says.
export default {
  page: 'https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks',
  signature: { from: 'json:signature.signature' },
  timestamp: { from: 'json:signature.timestamp' },
  signed: '{json:signature.timestamp}{json:signature.token}',
  id: 'json:signature.token',
} satisfies Preset
