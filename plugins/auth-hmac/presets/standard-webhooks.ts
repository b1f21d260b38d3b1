import type { Preset } from '../settings.ts'

export default {
  page: 'https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md',
  encoding: 'base64',
  secret: { encoding: 'base64', stripPrefix: 'whsec_' },
  signature: { from: 'header:webhook-signature', list: ' ', kv: ',', key: 'v1' },
  timestamp: { from: 'header:webhook-timestamp' },
  signed: '{header:webhook-id}.{timestamp}.{body}',
  id: 'header:webhook-id',
} satisfies Preset
