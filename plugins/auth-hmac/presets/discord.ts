import type { Preset } from '../settings.ts'

// `secrets` holds the public key of the application.
export default {
  page: 'https://discord.com/developers/docs/interactions/overview',
  kind: 'ed25519',
  secret: { encoding: 'hex' },
  signature: { from: 'header:x-signature-ed25519' },
  timestamp: { from: 'header:x-signature-timestamp' },
  signed: '{timestamp}{body}',
  id: 'json:id',
} satisfies Preset
