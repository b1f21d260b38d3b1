import type { Preset } from '../settings.ts'

// The same deliveries, signed with a key pair: `secrets` holds the public keys.
export default {
  page: 'https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md',
  kind: 'ed25519',
  encoding: 'base64',
  secret: { encoding: 'base64', stripPrefix: 'whpk_' },
  signature: { from: 'header:webhook-signature', list: ' ', kv: ',', key: 'v1a' },
  timestamp: { from: 'header:webhook-timestamp' },
  signed: '{header:webhook-id}.{timestamp}.{body}',
  id: 'header:webhook-id',
} satisfies Preset
