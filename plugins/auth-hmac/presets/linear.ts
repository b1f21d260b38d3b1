import type { Preset } from '../settings.ts'

// The time is in the signed body; the Linear-Timestamp header is not signed and must not serve.
export default {
  page: 'https://linear.app/developers/webhooks',
  signature: { from: 'header:linear-signature' },
  timestamp: { from: 'json:webhookTimestamp', format: 'unix_ms', tolerance: 60_000 },
  id: 'header:linear-delivery',
} satisfies Preset
