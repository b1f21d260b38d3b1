import type { Preset } from '../settings.ts'

export default {
  page: 'https://docs.svix.com/receiving/verifying-payloads/how-manual',
  encoding: 'base64',
  secret: { encoding: 'base64', stripPrefix: 'whsec_' },
  signature: { from: 'header:svix-signature', list: ' ', kv: ',', key: 'v1' },
  timestamp: { from: 'header:svix-timestamp' },
  signed: '{header:svix-id}.{timestamp}.{body}',
  id: 'header:svix-id',
} satisfies Preset
