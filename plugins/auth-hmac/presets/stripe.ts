import type { Preset } from '../settings.ts'

// The secret is the whole text, `whsec_` included. Signatures named v0 are not looked at.
export default {
  page: 'https://docs.stripe.com/webhooks/signature',
  signature: { from: 'header:stripe-signature', list: ',', kv: '=', key: 'v1' },
  timestamp: { from: 'sig:t' },
  signed: '{timestamp}.{body}',
  id: 'json:id',
} satisfies Preset
